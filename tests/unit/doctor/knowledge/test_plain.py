"""What differs from one paste to the next is left out; what it says stays."""

import pytest

from gatepost.doctor.knowledge.plain import HALF, TEXT_LIMIT, alike, flat, names, normalised, readable, same


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Caf\u00e9 \u201cNo\u201d \u2013 it\u00b4s", "caf\u00e9 no - it's"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("\x1b[1;31mrefused\x1b[0m", "refused"),
        ("SSL&#39;s &lt;a&gt; &amp; <br />b", "tls's <a> and b"),
        ('{\\"error\\":\\"imap\\/ssl\\nno\\"}', "{error:imap/tls no}"),
        ("> > refused by\n> host", "refused by host"),
        ("May 17 10:35:53 mail refused", "mail refused"),
        ("[2022-01-19 08:33:27] refused", "refused"),
        ("10-Jun-2020 01:20:57 +0200 refused", "+0200 refused"),
        ("Could not log in", "cannot login"),
        ("535-5.7.8 Not\r\n535-5.7.8 this\n535 one", "535-5.7.8 not this one"),
        ("Error:\n535 5.7.8 Not", "error: 535 5.7.8 not"),
    ],
)
def test_a_text_is_one_line_of_what_it_says(text, left):
    assert normalised(text) == left


@pytest.mark.parametrize(
    "frame",
    [
        "\tat com.sun.mail.smtp.SMTPTransport.protocolConnect(SMTPTransport.java:734)",
        "E/k9      ( 8026): \tat libcore.io.IoBridge.isConnected(IoBridge.java:208)",
        "   at System.Net.Mail.SmtpClient.Send(MailMessage message)",
        "    at TLSSocket.emit (events.js:182:13)",
        "\t... 44 more",
        "#0 /var/www/a.php(289): call('', Array)",
        '  File "/usr/lib/python3.11/smtplib.py", line 405, in getreply',
        "        from /usr/local/lib/ruby/net/protocol.rb:199:in `readuntil'",
    ],
)
def test_stack_frames_are_left_out(frame):
    assert readable(f"before\n{frame}\nafter") == "before\nafter"


@pytest.mark.parametrize(
    "line",
    [
        "Error: self signed certificate at TLSSocket.onConnectSecure (_tls_wrap.js:1)",
        "connect to mail at 10 (refused)",
        "protocol.rb:237:in `rbuf_fill': end of file reached (EOFError)",
    ],
)
def test_a_message_is_no_stack_frame(line):
    assert readable(line) == line


def test_of_a_long_text_head_and_tail_are_kept():
    text = f"begin {'x' * HALF}{'y' * HALF} end"
    assert readable(text).startswith("begin xxx")
    assert readable(text).endswith("yyy end")
    assert len(readable(text)) == TEXT_LIMIT
    frames = "\tat a.b.C.d(E.java:1)\n" * 2_000
    assert normalised(f"first\n{frames}last") == "first last"


def test_names_are_taken_apart():
    found = names("MAILSMTP_ERROR_CONNECTION_REFUSED HandshakeFailure mail SSL handshakeFailure")
    assert found == "mailsmtp error connection refused ; handshake failure"


def test_lines_and_words():
    assert flat("a\nb") == "a b"
    assert alike("\u2026") == "..."
    assert same("Unable  to\tsign in") == "cannot login"
