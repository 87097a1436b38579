import ssl

from gatepost.net.outcome import Ended, Outcome, tls_reason


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
