import inspect

import pytest

from gatepost import errors
from gatepost.errors import DomainError, PeerError
from gatepost.identity.api import LoginFailedError
from gatepost.pop3 import texts
from gatepost.pop3.replies import Capabilities, RefusedError, Voice, matching_language, multi_line, reason, voice


def test_a_voice_is_shared_and_prepares_its_lines_once():
    assert voice("en", ascii_only=True) is voice("en", ascii_only=True)
    english = Voice("en", ascii_only=True)
    assert english.ok(texts.GOODBYE) is english.ok(texts.GOODBYE)
    assert english.err(texts.IN_USE) is english.err(texts.IN_USE)
    assert english.ok(texts.OCTETS, 7) == b"+OK octets: 7\r\n"
    assert english.err(texts.TOO_SOON, 9).startswith(b"-ERR [LOGIN-DELAY] ")
    assert voice("ja", ascii_only=False).tagged_ok(texts.LANGUAGE_CHANGED).startswith(b"+OK ja ")


@pytest.mark.parametrize(
    ("sentence", "ascii_only", "line"),
    [
        ("no\r\n+OK", True, b"-ERR no\\r\\n+OK\r\n"),
        ("[IN-USE] x", True, b"-ERR IN-USE] x\r\n"),
        ("nö", True, b"-ERR n?\r\n"),
        ("nö", False, "-ERR nö\r\n".encode()),
        ("x" * 999, False, b"-ERR " + b"x" * 100 + b"\r\n"),
    ],
)
def test_sentences_of_others_stay_one_line(sentence, ascii_only, line):
    assert voice("en", ascii_only=ascii_only).free_err(sentence) == line


def test_failures():
    english = voice("en", ascii_only=True)
    assert english.failure(RefusedError(texts.IS_MARKED, 3)).startswith(b"-ERR message 3 is")
    assert english.failure(PeerError("bad SCRAM")) == b"-ERR bad SCRAM\r\n"
    assert english.failure(errors.StoreFullError("/dev/sda1")).startswith(b"-ERR [SYS/TEMP] the server's disk")


def test_every_domain_error_has_a_reply():
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, DomainError)]
    assert all(isinstance(reason(kind("x")), texts.Text) for kind in kinds)
    assert reason(errors.StoreCorruptError("x")) is texts.DAMAGED
    assert reason(errors.OverQuotaError("x")) is texts.TROUBLE
    assert reason(LoginFailedError("x", "y")) is texts.TROUBLE


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("*", "ja"), ("de", "de"), ("DE-at", "de"), ("en-boont", "en"), ("mul", None), ("d", None), ("-", None)],
)
def test_languages(wanted, found):
    assert matching_language(wanted, "ja") == found


def test_multi_line():
    assert multi_line(b"+OK\r\n", ["a", "ü"]) == b"+OK\r\na\r\n" + "ü\r\n.\r\n".encode()


def capabilities(**changes):
    known = {"user": True, "mechanisms": ("PLAIN",), "stls": False, "login_delay": None, "expire_days": 0}
    return Capabilities(**(known | {"logged_in": False, "implementation": "G-1"} | changes)).lines()


ALWAYS = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "UTF8 USER", "LANG"]


def test_capabilities():
    assert capabilities() == [*ALWAYS, "EXPIRE NEVER", "USER", "SASL PLAIN"]
    assert capabilities(user=False, stls=True) == [*ALWAYS, "EXPIRE NEVER", "STLS"]
    assert capabilities(login_delay=60, expire_days=3)[7:9] == ["LOGIN-DELAY 60 USER", "EXPIRE 3 USER"]
    inside = capabilities(login_delay=0, expire_days=3, logged_in=True)
    assert inside[7:] == ["LOGIN-DELAY 0", "EXPIRE 3", "USER", "SASL PLAIN", "IMPLEMENTATION G-1"]
