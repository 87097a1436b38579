import base64

import pytest

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.model import Secret
from gatepost.doctor.talk.effects import Show
from gatepost.doctor.talk.login import NoLoginError, Wish, steps
from gatepost.doctor.tongues import Answer, tongue_of
from gatepost.sasl import server as sasl_server
from gatepost.sasl.scram import SCRAM, make_keys

PASSWORD = "correct horse battery"
NONCE = "n" * 24


def begin(protocol, *items, mechanism="", name="alice", password=PASSWORD, tag=""):
    wish = Wish(name, Secret(password), mechanism, NONCE, tag)
    return steps(tongue_of(protocol), Capabilities(asked=True, items=items), wish)


def shown(protocol, *items, **more):
    return next(begin(protocol, *items, **more)).shown


@pytest.mark.parametrize(
    ("protocol", "items", "mechanism", "expected"),
    [
        ("pop3", ("AUTH=PLAIN", "AUTH=SCRAM-SHA-256"), "", "AUTH SCRAM-SHA-256"),
        ("pop3", ("AUTH=PLAIN", "AUTH=SCRAM-SHA-256"), "plain", "AUTH PLAIN [secret]"),
        ("pop3", ("AUTH=LOGIN", "USER"), "", "AUTH LOGIN"),
        ("pop3", ("AUTH=LOGIN", "USER"), "user", "USER alice"),
        ("pop3", (), "", "USER alice"),
        ("pop3", (), "USER", "USER alice"),
        ("imap", ("AUTH=PLAIN", "AUTH=LOGIN", "SASL-IR"), "", "gp4 AUTHENTICATE PLAIN [secret]"),
        ("imap", ("AUTH=PLAIN", "AUTH=LOGIN"), "login", "gp4 AUTHENTICATE LOGIN"),
        ("imap", ("AUTH=PLAIN",), "login", 'gp4 LOGIN "alice" [secret]'),
        ("smtp", ("AUTH=LOGIN",), "", "AUTH LOGIN"),
    ],
)
def test_the_way_in(protocol, items, mechanism, expected):
    assert shown(protocol, *items, mechanism=mechanism) == expected


def test_imap_scram_has_a_tag():
    ask = next(begin("imap", "AUTH=SCRAM-SHA-256", tag="a7"))
    assert (ask.octets, ask.tag) == (b"a7 AUTHENTICATE SCRAM-SHA-256\r\n", b"a7")


@pytest.mark.parametrize(
    ("protocol", "items", "more", "words"),
    [
        ("pop3", ("AUTH=PLAIN",), {"mechanism": "hunter2"}, "does not offer that. What it offers: PLAIN."),
        ("smtp", (), {"mechanism": "PLAIN"}, "nothing by AUTH"),
        ("pop3", ("AUTH=CRAM-MD5",), {"mechanism": "cram-md5"}, "CRAM-MD5 cannot be done here"),
        ("imap", ("AUTH=XOAUTH2", "AUTH=OAUTHBEARER", "LOGINDISABLED"), {}, "token from a web sign-in"),
        ("smtp", ("AUTH=PLAIN",), {"name": ""}, "one of them is empty"),
        ("smtp", ("AUTH=PLAIN",), {"password": ""}, "one of them is empty"),
        ("smtp", ("AUTH=NTLM",), {}, "What it offers: NTLM"),
    ],
)
def test_no_way_in(protocol, items, more, words):
    with pytest.raises(NoLoginError, match=words) as error:
        begin(protocol, *items, **more)
    assert "hunter2" not in str(error.value)


def run(plan, *answers):
    """Sends (answer, octets) one after the other; returns what was asked and shown, and the result."""
    seen, step = [], next(plan)
    for answer in (*answers, None):
        while isinstance(step, Show):
            seen.append(step.text)
            step = plan.send(None)
        seen.append(step.octets)
        try:
            step = plan.send(answer)
        except StopIteration as end:
            return seen, end.value
    raise AssertionError("the plan wants more")


YES, NO = (Answer.YES, b"+OK\r\n"), (Answer.NO, b"-ERR\r\n")


def more(text=""):
    return Answer.MORE, f"+ {base64.b64encode(text.encode()).decode()}\r\n".encode()


def test_an_exchange_goes_on_as_far_as_the_server_does():
    seen, entered = run(begin("pop3", mechanism="USER"), YES, YES)
    assert seen == [b"USER alice\r\n", b"PASS correct horse battery\r\n"]
    assert entered
    assert run(begin("pop3", mechanism="USER"), NO) == ([b"USER alice\r\n"], False)


def test_an_exchange_that_does_not_end_is_given_up():
    seen, entered = run(begin("smtp", "AUTH=PLAIN"), more('{"status":"400"}'), NO)
    assert seen[1:] == ['The server wants more than PLAIN has to say. it says: {"status":"400"}', b"*\r\n"]
    assert not entered


def scram(password, *, prove=True):
    """Our own server on the other side."""
    server = sasl_server(SCRAM, "s" * 24, {})
    plan = begin("pop3", "AUTH=SCRAM-SHA-256")
    seen = [next(plan).octets]
    first = plan.send(more()).octets
    step = server.step(base64.b64decode(first))
    salt = b"salty salt"
    show = plan.send(more(step.answer(salt).data.decode()))
    assert "i=" in show.text
    final = plan.send(None).octets
    keys = server.step(base64.b64decode(final)).answer([make_keys(password, salt)])
    if keys is None or not prove:
        return plan, seen
    assert "v=" in plan.send(more(keys.say.data.decode())).text
    assert plan.send(None).octets == b"\r\n"
    return plan, seen


def ended(plan, answer):
    shown = []
    try:
        step = plan.send(answer)
        while True:
            shown.append(step.text)
            step = plan.send(None)
    except StopIteration as end:
        return shown, end.value


def test_scram_proves_both_sides():
    plan, seen = scram(PASSWORD)
    assert seen == [b"AUTH SCRAM-SHA-256\r\n"]
    assert ended(plan, YES) == ([], True)


def test_scram_with_another_password():
    plan, _ = scram("another one")
    assert ended(plan, NO) == ([], False)


def test_a_server_that_proves_nothing_is_suspicious():
    plan, _ = scram(PASSWORD, prove=False)
    shown, entered = ended(plan, YES)
    assert entered
    assert "without proving" in shown[0]


def test_a_server_that_breaks_scram_is_left():
    plan = begin("pop3", "AUTH=SCRAM-SHA-256")
    next(plan)
    plan.send(more())
    plan.send(more("nonsense"))
    assert plan.send(None).text.startswith("The login is given up: ")
    assert plan.send(None).octets == b"*\r\n"
    assert ended(plan, NO) == ([], False)


def test_a_first_challenge_without_words_is_no_secret():
    plan = begin("pop3", "AUTH=SCRAM-SHA-256")
    next(plan)
    assert plan.send(more()).shown == "[secret]"
    show = plan.send((Answer.MORE, b"+ not base64\r\n"))
    assert "given up" in show.text
