import ssl

from gatepost.net.api import Peer, TlsInfo
from gatepost.net.outcome import DONE, Ended, Outcome, record, tls_reason
from gatepost.ports import TlsMode

PEER = Peer("192.0.2.7", 50000, "pop3s", TlsMode.IMPLICIT, "c0ffee-1")


def test_reasons() -> None:
    assert str(Ended(Outcome.LOST)) == "connection lost"
    assert str(Ended(Outcome.LOST, "gone")) == "gone"
    error = ssl.SSLError(1, "text")
    assert tls_reason(error) == "text"
    assert tls_reason(ssl.SSLError()) == "unknown"
    error.reason = "TLSV1_ALERT_UNKNOWN_CA"
    assert tls_reason(error) == "the client does not trust our certificate (TLSV1_ALERT_UNKNOWN_CA)"
    error.reason = "NO_SHARED_CIPHER"
    assert "too old" in tls_reason(error)
    error.reason = "OTHER"
    assert tls_reason(error) == "OTHER"


def test_a_record_says_who_came_how_and_how_it_ended() -> None:
    tls = TlsInfo("TLSv1.3", "TLS_AES_128_GCM_SHA256", "mail.example", resumed=True, server_end_point=b"", exporter=b"")
    assert record(PEER, tls, "192.0.2.7", 1.5, DONE, {"user": "alice", "outcome": "quit", "reason": ""}) == {
        "connection": "c0ffee-1",
        "service": "pop3s",
        "address": "192.0.2.7",
        "port": 50000,
        "tls": "TLSv1.3",
        "cipher": "TLS_AES_128_GCM_SHA256",
        "resumed": True,
        "seconds": 1.5,
        "user": "alice",
        "outcome": "quit",
        "reason": "",
    }


def test_behind_a_proxy_a_record_names_both_and_the_driver_knows_why_it_was_cut() -> None:
    line = record(PEER, None, "198.51.100.1", 0, Ended(Outcome.TIMEOUT), {"outcome": "lost", "reason": ""})
    assert (line["proxy"], line["tls"], line["resumed"]) == ("198.51.100.1", "", False)
    assert (line["outcome"], line["reason"]) == ("timeout", "timeout")
    assert record(PEER, None, "192.0.2.7", 0, DONE, {})["outcome"] == "done"


def test_how_it_ended_hides_nothing_of_what_the_session_tells() -> None:
    def reason(end: Ended, told: str) -> object:
        return record(PEER, None, "192.0.2.7", 0, end, {"outcome": "lost", "reason": told})["reason"]

    assert reason(Ended(Outcome.CLOSED), "wrong password") == "wrong password"
    assert reason(Ended(Outcome.LOST, "TLS: broken"), "wrong password") == "wrong password; TLS: broken"
    assert reason(Ended(Outcome.LOST, "TLS: broken"), "TLS: broken") == "TLS: broken"
