"""What the input and output half is handed."""

from gatepost.doctor.talk.effects import Channel, Send, Show, Tone


def test_octets_that_may_be_a_password_are_in_no_repr():
    assert repr(Send(b"PASS hunter2\r\n", "PASS [secret]")) == "Send(shown='PASS [secret]')"


def test_a_connection_is_unsafe_until_somebody_says_otherwise():
    channel = Channel()
    assert not channel.encrypted
    assert not channel.verified
    assert channel.facts == ("This connection is not encrypted.",)


def test_a_line_is_text_unless_somebody_speaks():
    assert (Show("Hello").tone, Show("Hello").note) == (Tone.TEXT, "")
