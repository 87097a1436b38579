import pytest

from gatepost.pop3 import commands as c
from gatepost.pop3.client import Answer, Asked, Client, End, Greeting, Part
from gatepost.pop3.parse import NotAReplyError
from gatepost.pop3.replies import Status


def events(client, data):
    client.receive_data(data)
    found = []
    while (event := client.next_event()) is not None:
        found.append(event)
    return found


@pytest.fixture
def client():
    made = Client()
    assert events(made, b"+OK hello\r\n") == [Greeting(Status(True, "hello"))]
    return made


def test_pipelined_commands(client):
    sent = [c.Stat(), c.Retr(1), c.ListSizes(), c.ListSizes(1), c.Quit()]
    for command in sent:
        client.send(command)
    assert client.data_to_send() == b"STAT\r\nRETR 1\r\nLIST\r\nLIST 1\r\nQUIT\r\n"
    assert client.data_to_send() == b""
    answers = b"+OK 1 2\r\n+OK\r\na\r\n..b\r\n.\r\n-ERR [IN-USE] no\r\n+OK 1 2\r\n+OK bye\r\n"
    assert events(client, answers) == [
        Answer(c.Stat(), Status(True, "1 2")),
        Answer(c.Retr(1), Status(True, "")),
        Part(b"a\r\n.b\r\n"),
        End(c.Retr(1)),
        Answer(c.ListSizes(), Status(False, "no", "IN-USE")),
        Answer(c.ListSizes(1), Status(True, "1 2")),
        Answer(c.Quit(), Status(True, "bye")),
    ]


def test_octet_by_octet(client):
    client.send(c.Capa())
    client.send(c.Noop())
    found = [event for octet in b"+OK\r\nTOP\r\n.\r\n+OK\r\n" for event in events(client, bytes([octet]))]
    assert b"".join(event.data for event in found if isinstance(event, Part)) == b"TOP\r\n"
    assert found[0] == Answer(c.Capa(), Status(True, ""))
    assert found[-2:] == [End(c.Capa()), Answer(c.Noop(), Status(True, ""))]


def test_an_empty_listing(client):
    client.send(c.Uidl())
    assert events(client, b"+OK\r\n.\r\n") == [Answer(c.Uidl(), Status(True, "")), End(c.Uidl())]


def test_auth(client):
    client.send(c.Auth("PLAIN"))
    assert events(client, b"+ \r\n") == [Asked(b"")]
    client.respond(b"AB")
    assert events(client, b"+\r\n+ QUI=\r\n") == [Asked(b""), Asked(b"AB")]
    client.respond(None)
    assert client.data_to_send() == b"AUTH PLAIN\r\nQUI=\r\n*\r\n"
    assert events(client, b"-ERR no\r\n") == [Answer(c.Auth("PLAIN"), Status(False, "no"))]


def test_what_was_said_before_tls_is_forgotten(client):
    client.send(c.Stls())
    client.receive_data(b"+OK\r\n+OK injected\r\n")
    assert client.next_event() == Answer(c.Stls(), Status(True, ""))
    client.secured()
    client.send(c.Noop())
    assert client.next_event() is None


@pytest.mark.parametrize(
    ("answer", "command"),
    [(b"220 smtp\r\n", c.Noop()), (b"+ !\r\n", c.Auth("PLAIN")), (b"x" * 20_000, c.Noop()), (b"+ QQ==\r\n", c.Noop())],
)
def test_what_no_server_may_say(client, answer, command):
    client.send(command)
    with pytest.raises(NotAReplyError):
        events(client, answer)


def test_an_answer_that_nobody_asked_for(client):
    with pytest.raises(NotAReplyError, match="nobody asked"):
        events(client, b"+OK\r\n")


def test_the_end(client):
    client.receive_data(b"")
    assert client.ended
