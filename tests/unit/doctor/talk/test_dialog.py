import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.doctor.model import Secret
from gatepost.doctor.talk.dialog import Dialog
from gatepost.doctor.talk.effects import AskLogin, Channel, Hang, Show, Tone, Upgrade

SAFE = Channel(encrypted=True, verified=True, facts=("TLSv1.3; verified.",))
UNSURE = Channel(encrypted=True, why_not="self-signed certificate")
CLEAR = Channel()
MARK = "hunter2-marked-secret"
BLOB = base64.b64encode(f"\0alice\0{MARK}".encode()).decode()


class TestGreeting:
    def test_it_comes_before_anything_is_typed(self, table):
        desk = table("pop3", greeting=None)
        assert not desk.dialog.ready(pipeline=True)
        assert desk.dialog.waiting
        desk.hear("+OK hi")
        assert desk.dialog.ready(pipeline=False)
        assert desk.dialog.greeted
        assert not desk.dialog.waiting

    def test_a_refusal_is_explained_and_the_end_expected(self, table):
        desk = table("imap", greeting="* BYE too many", consult=lambda text: [f"known: {text.strip()}"])
        assert "sends us away" in desk.warnings
        assert desk.notes == ["known: * BYE too many"]
        assert desk.dialog.refused
        assert desk.dialog.ready(pipeline=False)
        assert desk.dialog.closed("closed") == (Show("closed", Tone.WARNING),)

    @pytest.mark.parametrize(
        ("greeting", "words"),
        [
            ("* OK hi", "an IMAP server"),
            ("220 ready", "a SMTP server"),
            ("HTTP/1.1 400 Bad Request", "a web server"),
            ("hello", "Is the port right?"),
        ],
    )
    def test_another_protocol_is_named(self, table, greeting, words):
        desk = table("pop3", greeting=greeting)
        assert words in desk.warnings
        assert desk.wants(Hang)
        assert not desk.dialog.greeted

    def test_preauth_is_logged_in(self, table):
        assert "SELECT" in {
            choice.word for choice in table("imap", greeting="* PREAUTH hi").dialog.complete("").choices
        }


class TestTyped:
    def test_pop3_goes_as_it_is(self, table):
        desk = table("pop3").type("STAT").hear("+OK 1 20")
        assert desk.sent == [b"STAT\r\n"]
        assert desk.effects[-1] == Show("+OK 1 20", Tone.SERVER, "1 message, 20 octets")
        assert not desk.dialog.refused

    def test_an_empty_line_is_nothing(self, table):
        assert table("pop3").type("", "  ").sent == []

    def test_tags_are_added_where_there_are_none(self, table):
        desk = table("imap").type("NOOP", "x7 NOOP", " XYZZY foo", "x8 UID FETCH 1 FLAGS")
        assert desk.sent == [b"a1 NOOP\r\n", b"x7 NOOP\r\n", b"a2  XYZZY foo\r\n", b"x8 UID FETCH 1 FLAGS\r\n"]

    def test_tags_of_any_order(self, table):
        desk = table("imap").type("NOOP", "x7 NOOP").hear("x7 OK")
        assert desk.dialog.waiting
        assert not desk.hear("a1 OK").dialog.waiting

    def test_the_reply_of_a_list_is_waited_for(self, table):
        desk = table("pop3").type("CAPA").hear("+OK", "STLS")
        assert desk.dialog.waiting
        assert not desk.hear(".").dialog.waiting

    def test_pipelining_is_held_by_what_changes_the_dialog(self, table):
        desk = table("smtp").type("EHLO x")
        assert desk.dialog.ready(pipeline=True)
        assert not desk.dialog.ready(pipeline=False)
        desk.type("DATA")
        assert not desk.dialog.ready(pipeline=True)

    def test_octets_that_are_no_utf8_go_as_they_came(self, table):
        assert table("smtp").type("VRFY \udcff").sent == [b"VRFY \xff\r\n"]

    def test_refusals_are_counted_and_looked_up(self, table):
        desk = table("pop3", consult=lambda text: [f"A1: {text.strip()}"]).type("USER x").hear("-ERR [AUTH] no")
        assert desk.dialog.refused
        assert desk.notes == ["A1: -ERR [AUTH] no"]

    def test_a_strange_reply_is_a_refusal_too(self, table):
        assert table("pop3").type("STAT").hear("what?").dialog.refused

    def test_words_that_nobody_asked_for_are_shown(self, table):
        assert table("imap").hear("* 4 EXISTS").effects[-1].note == "4 messages in the mailbox"


class TestOwnCommands:
    def test_help(self, table):
        text = table("pop3").type("/help", "/help retr").said(Tone.TEXT)
        assert text[0] == "Commands of POP3 before the login:"
        assert "RETR message: show a message." in text

    def test_tls(self, table):
        assert table("pop3", SAFE).type("/tls").said(Tone.TEXT) == ["TLSv1.3; verified."]

    def test_an_unknown_one_does_not_go_to_the_server(self, table):
        desk = table("pop3").type("/xyzzy")
        assert desk.sent == []
        assert "no such command" in desk.warnings

    def test_raw(self, table):
        desk = table("imap").type("/raw zz LIST x", "/RAW  a", "/raw", "/raw zz")
        assert desk.sent == [b"zz LIST x\r\n", b" a\r\n", b"\r\n", b"zz\r\n"]
        assert table("pop3").type("/raw LIST").hear("+OK", "x", ".").dialog.waiting is False

    def test_quit_is_quit(self, table):
        desk = table("imap").type("/quit")
        assert desk.sent == [b"a1 LOGOUT\r\n"]
        assert desk.hear("* BYE bye", "a1 OK").wants(Hang)
        assert desk.dialog.closed("gone") == ()

    def test_no_protocol_has_commands_with_a_slash_but_messages_do(self, table):
        desk = table("smtp").type("DATA").hear("354 go").type("/help")
        assert desk.sent[-1] == b"/help\r\n"


class TestStates:
    @pytest.mark.parametrize(
        ("protocol", "script", "legal", "not_legal"),
        [
            ("pop3", ["USER a", "+OK", "PASS bbbb", "+OK"], "STAT", "USER"),
            ("pop3", ["AUTH", "+OK\r\nPLAIN\r\n."], "USER", "STAT"),
            ("pop3", ["PASS bbbb", "-ERR"], "USER", "STAT"),
            ("imap", ["x LOGIN a bbbb", "x OK"], "SELECT", "LOGIN"),
            ("imap", ["x LOGIN a bbbb", "x OK", "x SELECT y", "x OK"], "FETCH", "LOGIN"),
            ("imap", ["x LOGIN a b", "x OK", "x SELECT y", "x OK", "x SELECT z", "x NO"], "SELECT", "FETCH"),
            ("imap", ["x LOGIN a b", "x OK", "x SELECT y", "x OK", "x CLOSE", "x OK"], "SELECT", "FETCH"),
            ("imap", ["x SELECT y", "x NO"], "LOGIN", "SELECT"),
            ("smtp", ["EHLO x", "250-x\r\n250 AUTH PLAIN"], "MAIL", "RCPT"),
            ("smtp", ["EHLO x", "250 x", "MAIL FROM:<>", "250 x"], "RCPT", "MAIL"),
            ("smtp", ["EHLO x", "250 x", "MAIL FROM:<>", "250", "RCPT TO:<a@b>", "250"], "DATA", "MAIL"),
            ("smtp", ["EHLO x", "250 x", "MAIL FROM:<>", "250", "RSET", "250"], "MAIL", "RCPT"),
            ("smtp", ["RSET", "250"], "EHLO", "MAIL"),
        ],
    )
    def test_answers_move_the_dialog(self, table, protocol, script, legal, not_legal):
        desk = table(protocol)
        for typed, heard in zip(script[::2], script[1::2], strict=True):
            desk.type(typed).hear(heard)
        words = {choice.word for choice in desk.dialog.complete("").choices}
        assert legal in words
        assert not_legal not in words

    def test_capabilities_are_learnt_from_codes_and_lines_but_not_from_messages(self, table):
        def offers_sort(desk):
            return "SORT" in {choice.word for choice in desk.dialog.complete("").choices}

        logged_in = ("x LOGIN a bbbb", "x OK [CAPABILITY IMAP4rev1] in", "x SELECT y", "x OK")
        assert not offers_sort(
            table("imap").type(logged_in[0]).hear(logged_in[1]).type(logged_in[2]).hear(logged_in[3])
        )
        desk = table("imap", greeting="* PREAUTH [CAPABILITY IMAP4rev1 SORT] hi").type("x SELECT y").hear("x OK")
        assert offers_sort(desk)
        desk.type("x FETCH 1 BODY[]").hear("* 1 FETCH (BODY[] {30}", "* CAPABILITY IMAP4rev1 X-EVIL", ")", "x OK")
        assert offers_sort(desk)
        assert not offers_sort(desk.hear("* CAPABILITY IMAP4rev1"))


class TestSecrets:
    """Nothing that anybody can see has the password in it."""

    LINES = (
        ("pop3", f"PASS {MARK}", "-ERR [AUTH] I know no {}"),
        ("pop3", f"/raw PASS {MARK}", "-ERR {}"),
        ("pop3", f"AUTH PLAIN {BLOB}", "-ERR {}"),
        ("imap", f"LOGIN alice {MARK}", "a1 BAD {}"),
        ("imap", f'x LOGIN alice "{MARK}"', "x BAD {}"),
        ("smtp", f"AUTH PLAIN {BLOB}", "535 5.7.8 {}"),
    )

    @pytest.mark.parametrize(("protocol", "line", "reply"), LINES)
    @pytest.mark.parametrize("echo", [MARK, BLOB, base64.b64encode(MARK.encode()).decode()])
    def test_typed_and_echoed(self, table, protocol, line, reply, echo):
        seen = []
        desk = table(protocol, consult=lambda text: seen.append(text) or [text]).type(line).hear(reply.format(echo))
        assert desk.sent[-1].endswith(line.rpartition(" ")[2].encode() + b"\r\n")
        assert "[secret]" in desk.shown[-1]
        for form in (MARK, BLOB, echo):
            assert form not in desk.everything()
            assert form not in "".join(seen)

    @pytest.mark.parametrize(("protocol", "line", "reply"), LINES)
    @pytest.mark.parametrize(("channel", "words"), [(CLEAR, "not encrypted"), (UNSURE, "self-signed certificate")])
    def test_not_sent_where_it_could_be_read(self, table, protocol, line, reply, channel, words):
        desk = table(protocol, channel).type(line)
        assert desk.sent == []
        assert words in desk.warnings
        assert desk.dialog.refused
        assert MARK not in desk.everything()

    @pytest.mark.parametrize("channel", [CLEAR, UNSURE])
    def test_sent_all_the_same_with_insecure(self, table, channel):
        assert table("pop3", channel, insecure=True).type(f"PASS {MARK}").sent

    def test_the_answer_of_a_login_is_hidden_while_it_is_typed(self, table):
        desk = table("smtp").type("AUTH LOGIN").hear("334 VXNlcm5hbWU6")
        assert desk.notes == ["it says: Username:"]
        assert desk.dialog.prompt == "answer> "
        assert desk.dialog.hidden_from("anything") == 0
        desk.type("YWxpY2U=").hear("334 UGFzc3dvcmQ6").type(base64.b64encode(MARK.encode()).decode()).hear("535 no")
        assert desk.shown == ["AUTH LOGIN", "[secret]", "[secret]"]
        assert MARK not in desk.everything()
        assert desk.dialog.prompt == "smtp> "

    def test_a_challenge_that_says_the_password_is_cleaned(self, table):
        desk = table("pop3").type("AUTH LOGIN").hear("+ ").type(base64.b64encode(MARK.encode()).decode())
        desk.hear(f"+ {base64.b64encode(b'I heard ' + MARK.encode()).decode()}")
        assert desk.notes == ["it says: I heard [secret]"]

    def test_an_answer_is_withheld_but_the_login_can_be_given_up(self, table):
        desk = table("pop3", CLEAR).type("AUTH PLAIN").hear("+ ").type(BLOB)
        assert desk.sent == [b"AUTH PLAIN\r\n"]
        assert desk.notes == ["Type * to give the login up."]
        desk.type("*").hear("-ERR given up")
        assert desk.shown[-1] == "*"

    def test_an_empty_answer_is_shown_as_such(self, table):
        assert table("pop3").type("AUTH X").hear("+ ").type("").shown[-1] == ""

    def test_literals_of_a_login_are_hidden(self, table):
        desk = table("imap").type("LOGIN {5}").hear("+ go on")
        assert desk.dialog.hidden_from("alice {21}") == 0
        desk.type(f"alice {{{len(MARK)}}}").hear("+ go on").type(MARK).hear(f"a1 NO {MARK}")
        assert b"".join(desk.sent) == f"a1 LOGIN {{5}}\r\nalice {{{len(MARK)}}}\r\n{MARK}\r\n".encode()
        assert desk.shown[1:] == ["[secret]", "[secret]"]
        assert MARK not in desk.everything()

    def test_what_is_typed_elsewhere_is_not_hidden(self, table):
        desk = table("smtp").type("DATA").hear("354 go")
        assert desk.dialog.hidden_from("PASS word") is None
        assert table("pop3").dialog.hidden_from("PASS word") == 5


class TestInput:
    def test_a_message_behind_data(self, table):
        desk = table("smtp").type("DATA").hear("354 go")
        assert desk.dialog.prompt == "message> "
        assert desk.dialog.complete("QU").choices == ()
        assert not desk.dialog.waiting
        desk.type("Subject: x", "", ".hidden", ".")
        assert desk.sent[1:] == [b"Subject: x\r\n", b"\r\n", b"..hidden\r\n", b".\r\n"]
        assert desk.shown[3] == ".hidden"
        assert not desk.dialog.ready(pipeline=False)
        assert desk.hear("250 queued").dialog.prompt == "smtp> "

    def test_data_refused(self, table):
        assert table("smtp").type("DATA").hear("503 no").dialog.prompt == "smtp> "

    def test_bdat_counts(self, table):
        desk = table("smtp").type("BDAT 9 LAST")
        assert desk.dialog.prompt == "9 octets> "
        assert desk.dialog.ready(pipeline=False)
        desk.type("abc")
        assert desk.dialog.prompt == "4 octets> "
        assert desk.type("de").dialog.waiting
        assert not desk.hear("250 ok").dialog.waiting

    def test_bdat_may_end_inside_a_line(self, table):
        assert table("smtp").type("BDAT 2").type("abcdef").dialog.waiting

    @pytest.mark.parametrize("argument", ["0 LAST", "x", ""])
    def test_bdat_without_octets(self, table, argument):
        assert table("smtp").type(f"BDAT {argument}").dialog.prompt == "smtp> "

    def test_a_piece_that_is_not_the_last_keeps_the_state(self, table):
        desk = table("smtp").type("EHLO x").hear("250 x").type("MAIL FROM:<>").hear("250 x")
        desk.type("BDAT 3").type("a").hear("250 ok")
        assert "RCPT" in {choice.word for choice in desk.dialog.complete("").choices}
        desk.type("BDAT 3 LAST").type("a").hear("250 ok")
        assert "MAIL" in {choice.word for choice in desk.dialog.complete("").choices}

    def test_a_literal_of_imap(self, table):
        desk = table("imap").type("APPEND INBOX {10}")
        assert not desk.dialog.ready(pipeline=True)
        desk.hear("+ go on")
        assert desk.dialog.prompt == "10 octets> "
        desk.type("Subject: x")
        assert desk.dialog.waiting, "the line was longer than the literal: its end ends the command"
        assert not desk.hear("a1 OK").dialog.waiting

    def test_a_literal_that_ends_with_a_line(self, table):
        desk = table("imap").type("APPEND INBOX {12}").hear("+ go on").type("Subject: x")
        assert desk.dialog.prompt == "0 octets> "
        assert desk.type("").dialog.waiting

    def test_literals_that_need_no_waiting(self, table):
        desk = table("imap").type("SEARCH SUBJECT {3+}")
        assert desk.dialog.ready(pipeline=False)
        desk.type("abc FROM {2+}")
        assert desk.dialog.prompt == "2 octets> "
        assert desk.type("xy").hear("a1 OK").dialog.prompt == "imap> "

    def test_a_refused_literal(self, table):
        assert table("imap").type("APPEND INBOX {10}").hear("a1 NO [TRYCREATE]").dialog.prompt == "imap> "

    def test_idle(self, table):
        desk = table("imap").type("IDLE").hear("+ idling", "* 5 EXISTS")
        assert desk.dialog.prompt == "idle, DONE ends> "
        assert not desk.dialog.waiting
        assert desk.type("NOOP").sent == [b"a1 IDLE\r\n"]
        assert "nothing but DONE" in desk.notes[0]
        assert desk.type("done").sent[-1] == b"DONE\r\n"
        assert not desk.hear("a1 OK").dialog.waiting


class TestTls:
    def test_pop3_and_imap_ask_at_once(self, table):
        desk = table("pop3", CLEAR, upgrade=True)
        assert desk.sent == [b"STLS\r\n"]
        assert desk.hear("+OK").wants(Upgrade)
        assert desk.dialog.prompt == "pop3 (in the clear)> "
        assert desk.take(desk.dialog.upgraded(SAFE)).dialog.prompt == "pop3> "
        assert table("imap", CLEAR, upgrade=True).hear("a1 OK").wants(Upgrade)

    def test_smtp_asks_what_there_is_first(self, table):
        desk = table("smtp", CLEAR, upgrade=True, own_name="[192.0.2.1]")
        assert desk.sent == [b"EHLO [192.0.2.1]\r\n"]
        assert not desk.dialog.ready(pipeline=True)
        desk.hear("250-x", "250 STARTTLS")
        assert desk.sent[-1] == b"STARTTLS\r\n"
        desk.hear("220 go")
        assert desk.wants(Upgrade)
        assert desk.take(desk.dialog.upgraded(SAFE)).notes[-1].startswith("Begin again with EHLO")

    @pytest.mark.parametrize(
        ("protocol", "reply"),
        [("pop3", "-ERR no"), ("imap", "a1 NO no"), ("smtp", "250 nothing"), ("smtp", "502 no")],
    )
    def test_a_server_without_tls(self, table, protocol, reply):
        desk = table(protocol, CLEAR, upgrade=True).hear(reply)
        assert not desk.wants(Upgrade)
        assert "does not begin TLS" in desk.warnings
        assert desk.dialog.refused
        assert desk.dialog.ready(pipeline=False)

    def test_preauth_shuts_the_door_to_tls(self, table):
        desk = table("imap", CLEAR, upgrade=True, greeting="* PREAUTH hi")
        assert desk.sent == []
        assert "PREAUTH" in desk.warnings

    def test_typed_by_hand(self, table):
        assert table("pop3", CLEAR).type("STLS").hear("+OK").wants(Upgrade)
        desk = table("imap", SAFE).type("STARTTLS").hear("a1 BAD already")
        assert desk.warnings == ""

    def test_octets_behind_the_reply_are_thrown_away(self, table):
        desk = table("pop3", CLEAR, upgrade=True)
        desk.take(desk.dialog.received(b"+OK begin\r\n+OK injected\r\nrest"))
        assert "18 octets in the clear" in desk.warnings
        assert isinstance(desk.effects[-1], Upgrade)
        assert "injected" not in "".join(desk.said(Tone.SERVER))
        desk.take(desk.dialog.upgraded(SAFE))
        assert desk.type("NOOP").hear("+OK").dialog.ready(pipeline=False)

    def test_what_was_offered_in_the_clear_counts_no_more(self, table):
        desk = table("imap", CLEAR, greeting="* OK [CAPABILITY IMAP4rev1 STARTTLS] hi").type("STARTTLS").hear("a1 OK")
        desk.take(desk.dialog.upgraded(SAFE)).type("/auth alice")
        assert desk.sent[-1] == b"a2 CAPABILITY\r\n"


class TestAuth:
    def test_it_asks_what_the_server_has_then_for_the_password(self, table):
        desk = table("pop3").type("/auth alice plain")
        assert desk.sent == [b"CAPA\r\n"]
        desk.hear("+OK", "SASL PLAIN", ".")
        assert desk.effects[-1] == AskLogin("alice", "plain")
        desk.take(desk.dialog.login("alice", Secret(MARK), "plain", "n" * 24))
        assert desk.sent[-1] == f"AUTH PLAIN {BLOB}\r\n".encode()
        assert desk.shown[-1] == "AUTH PLAIN [secret]"
        desk.hear("+OK in").type("/auth")
        assert "logged in already" in desk.warnings
        assert MARK not in desk.everything()

    def test_it_does_not_ask_twice(self, table):
        desk = table("imap", greeting="* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi").type("/auth")
        assert desk.sent == []
        assert desk.effects[-1] == AskLogin("", "")

    def test_smtp(self, table):
        desk = table("smtp").type("/auth alice").hear("250-x", "250 AUTH LOGIN")
        desk.take(desk.dialog.login("alice", Secret(MARK), "", "n" * 24))
        desk.hear("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 in")
        assert desk.shown == ["EHLO [127.0.0.1]", "AUTH LOGIN", "[secret]", "[secret]"]
        assert MARK not in desk.everything()

    def test_what_a_server_says_in_a_challenge_is_told_without_the_password(self, table):
        desk = table("smtp").type("/auth alice").hear("250-x", "250 AUTH PLAIN")
        desk.take(desk.dialog.login("alice", Secret(MARK), "", "n" * 24))
        desk.hear(f"334 {base64.b64encode(b'no ' + MARK.encode()).decode()}").hear("535 no")
        assert desk.notes == ["The server wants more than PLAIN has to say. it says: no [secret]"]
        assert desk.shown[-1] == "*"

    def test_nothing_fits(self, table):
        desk = table("smtp").type("/auth alice").hear("250 x")
        desk.take(desk.dialog.login("alice", Secret(MARK), "", "n" * 24))
        assert "What it offers: nothing by AUTH" in desk.warnings
        assert desk.dialog.refused

    @pytest.mark.parametrize("channel", [CLEAR, UNSURE])
    def test_not_where_it_could_be_read(self, table, channel):
        desk = table("pop3", channel).type("/auth alice")
        assert desk.sent == []
        assert "Not sent" in desk.warnings

    def test_a_refused_login(self, table):
        desk = table("pop3").type("/auth alice").hear("-ERR what?")
        desk.take(desk.dialog.login("alice", Secret(MARK), "", "n" * 24)).hear("+OK").hear("-ERR [AUTH] no")
        assert desk.shown == ["CAPA", "USER alice", "PASS [secret]"]
        assert "USER" in {choice.word for choice in desk.dialog.complete("").choices}
        assert desk.dialog.ready(pipeline=False)


class TestLeave:
    @pytest.mark.parametrize(
        ("protocol", "farewell"), [("pop3", b"QUIT\r\n"), ("smtp", b"QUIT\r\n"), ("imap", b"a1 LOGOUT\r\n")]
    )
    def test_politely(self, table, protocol, farewell):
        desk = table(protocol)
        assert not desk.dialog.ending
        desk.take(desk.dialog.leave())
        assert desk.dialog.ending
        assert desk.sent == [farewell]
        assert not desk.wants(Hang)
        assert desk.take(desk.dialog.leave()).wants(Hang), "who asks twice does not want to wait"

    def test_before_the_greeting_there_is_nothing_to_end(self, table):
        desk = table("pop3", greeting=None)
        assert isinstance(desk.dialog.leave()[0], Hang)

    def test_half_a_message_is_never_sent(self, table):
        desk = table("smtp").type("DATA").hear("354 go").type("half")
        desk.take(desk.dialog.leave())
        assert desk.sent[-1] == b"half\r\n"
        assert desk.wants(Hang)
        assert "none of it counts" in desk.warnings
        assert desk.dialog.refused

    @pytest.mark.parametrize(
        ("typed", "heard", "sent"),
        [
            ("IDLE", "+ idling", [b"DONE\r\n", b"a2 LOGOUT\r\n"]),
            ("AUTHENTICATE X", "+ ", [b"*\r\n", b"a2 LOGOUT\r\n"]),
        ],
    )
    def test_from_the_middle_of_something(self, table, typed, heard, sent):
        desk = table("imap").type(typed).hear(heard)
        desk.take(desk.dialog.leave())
        assert desk.sent[1:] == sent

    def test_marked_messages_are_not_deleted_by_going_away(self, table):
        desk = table("pop3").type("DELE 1").hear("+OK").type("DELE 2").hear("-ERR")
        desk.take(desk.dialog.leave())
        assert desk.sent == [b"DELE 1\r\n", b"DELE 2\r\n"]
        assert "stay" in desk.warnings
        assert desk.wants(Hang)

    @pytest.mark.parametrize("reset", ["RSET", None])
    def test_but_by_saying_so(self, table, reset):
        desk = table("pop3").type("DELE 1").hear("+OK")
        if reset:
            desk.type("RSET").hear("+OK").take(desk.dialog.leave())
        else:
            desk.type("/quit")
        assert desk.sent[-1] == b"QUIT\r\n"

    def test_quit_is_answered_by_the_end(self, table):
        desk = table("pop3").type("QUIT").hear("+OK bye")
        assert desk.wants(Hang)
        assert not desk.dialog.broken

    def test_the_server_goes_first(self, table):
        desk = table("pop3")
        desk.take(desk.dialog.received(b"-ERR time\x07out"))
        desk.take(desk.dialog.closed("The server closed the connection."))
        assert desk.effects[-2:] == [
            Show(r"-ERR time\x07out", Tone.SERVER),
            Show("The server closed the connection.", Tone.WARNING),
        ]
        assert desk.dialog.broken


WORDS = (
    "+OK", "-ERR", "+ ", "* 1 EXISTS", "a1 OK", "a2 NO", "* BYE", "250-x", "250 x", "334 ", "354 ", "535 no", ".",
    "* 1 FETCH {3}", "\x1b[2J", "",
)  # fmt: skip
TYPED = (
    "LIST", "IDLE", "DONE", "DATA", ".", "AUTH PLAIN", "*", "/auth a", "APPEND x {5}", "x", "BDAT 4", "QUIT", "LOGOUT",
    f"PASS {MARK}", f"LOGIN a {MARK}", "STLS", "/quit",
)  # fmt: skip
EVENTS = st.one_of(
    st.tuples(st.just("hear"), st.sampled_from(WORDS)), st.tuples(st.just("type"), st.sampled_from(TYPED))
)


class TestAnything:
    @settings(max_examples=60)
    @given(st.sampled_from(["pop3", "imap", "smtp"]), st.lists(EVENTS, max_size=12))
    def test_no_order_of_events_breaks_it_or_shows_the_secret(self, protocol, events):
        dialog = Dialog(protocol, SAFE)
        seen = ""
        for kind, line in events:
            if kind == "hear":
                effects = dialog.received(line.encode() + b"\r\n")
            elif dialog.ready(pipeline=True):
                effects = dialog.typed(line)
            else:
                continue
            seen += "".join(effect.text for effect in effects if isinstance(effect, Show)) + dialog.prompt
            dialog.complete(line)
        assert "\x1b" not in seen
        assert MARK not in seen
        dialog.leave()
