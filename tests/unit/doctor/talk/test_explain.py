import pytest

from gatepost.doctor.talk import explain


@pytest.mark.parametrize(
    ("word", "text", "note"),
    [
        ("STAT", "+OK 3 8290", "3 messages, 8,290 octets"),
        ("STAT", "+OK 1 5", "1 message, 5 octets"),
        ("LIST", "+OK 1 5000", "5,000 octets"),
        ("RETR", "+OK 120 5", ""),
        ("STAT", "+OK " + "9" * 5000 + " 1", ""),
        ("PASS", "-ERR [AUTH] no", "the name or the password is wrong (RFC 3206)"),
        ("PASS", "-err [in-use] no", "another session has this maildrop open (RFC 2449)"),
        ("PASS", "-ERR [XYZZY] no", ""),
        ("PASS", "-ERR no", ""),
    ],
)
def test_pop3(word, text, note):
    assert explain.line("pop3", word, text) == note


def test_capabilities_of_pop3_stand_in_its_list_only():
    assert explain.line("pop3", "CAPA", "UIDL", content=True) == "unique-ids: mail can stay on the server"
    assert explain.line("pop3", "CAPA", "X-OWN", content=True) == ""
    assert explain.line("pop3", "RETR", "UIDL", content=True) == ""


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("* 1 EXISTS", "1 message in the mailbox"),
        ("* 1172 exists", "1,172 messages in the mailbox"),
        ("* 0 RECENT", ""),
        ("* 2 RECENT", "never shown to a program before"),
        ("* 4 EXPUNGE", "message 4 is gone; those behind it move up"),
        ("* OK [UIDNEXT 4392] next", "the UID that the next message will get"),
        ("a1 NO [AUTHENTICATIONFAILED] no", "wrong name or password; which of them is not told (RFC 5530)"),
        ("a1 OK [XYZZY] yes", ""),
        ("a1 OK yes", ""),
        (
            "* CAPABILITY IMAP4rev1 IDLE X-OWN AUTH=PLAIN",
            "IMAP4rev1: IMAP of 2003; IDLE: tells of new mail at once; AUTH=PLAIN: password",
        ),
    ],
)
def test_imap(text, note):
    assert explain.line("imap", "", text) == note


def test_in_a_literal_nothing_is_explained():
    assert explain.line("imap", "FETCH", "* 1 EXISTS", content=True) == ""


@pytest.mark.parametrize(
    ("word", "text", "note"),
    [
        ("", "220 mail.example.com ESMTP", ""),
        ("MAIL", "250 2.1.0 ok", ""),
        ("RCPT", "251 will forward", "not a local user; will be forwarded"),
        ("DATA", "354 go", "send the message; a line with one dot ends it"),
        ("AUTH", "535 5.7.8 bad", "refused for good: the name or the password is wrong"),
        ("AUTH", "535-5.7.8 bad", "refused for good: the name or the password is wrong"),
        ("RCPT", "450 4.2.2 full", "try later: the mailbox is full"),
        ("RCPT", "550 5.99.99 no", "refused: no such mailbox, or against the server's rules"),
        ("RCPT", "550 2.1.1 odd", "refused: no such mailbox, or against the server's rules"),
        ("RCPT", "550", "refused: no such mailbox, or against the server's rules"),
        ("RCPT", "599 no", ""),
        ("RCPT", "garbage", ""),
    ],
)
def test_smtp(word, text, note):
    assert explain.line("smtp", word, text) == note


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("250-SIZE 1048576", "takes messages up to 1,048,576 octets"),
        ("250-SIZE 0", "no limit is told"),
        ("250-SIZE", "the largest message, in octets"),
        ("250-SIZE " + "1" * 5000, "the largest message, in octets"),
        ("250-SIZE \u00b2", "the largest message, in octets"),
        ("250-AUTH PLAIN XYZZY LOGIN", "PLAIN: password; LOGIN: password, the old way"),
        ("250-AUTH", "ways to log in"),
        ("250 STARTTLS", "can switch to TLS"),
    ],
)
def test_capabilities_of_smtp(text, note):
    assert explain.line("smtp", "EHLO", text, first=False) == note


def test_the_first_line_of_ehlo_is_a_name():
    assert explain.line("smtp", "EHLO", "250-SIZE") == ""


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"334 VXNlcm5hbWU6\r\n", "it says: Username:"),
        (b"* NO wait\r\n+ VXNlcm5hbWU6\r\n", "it says: Username:"),
        (b"+ \r\n", ""),
        (b"+\r\n", ""),
        (b"334\r\n", ""),
        (b"+ go ahead\r\n", ""),
        (b"235 VXNlcm5hbWU6\r\n", ""),
        (b"+ AAECAw==\r\n", "4 octets that are no text"),
        (b"+ G1sySg==\r\n", r"it says: \x1b[2J"),
    ],
)
def test_challenges_are_shown_without_their_base64(octets, said):
    assert explain.challenge(octets) == said
