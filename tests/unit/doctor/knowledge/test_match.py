"""Messages are recognised, ordinary text is not, and nothing takes long."""

# ruff: noqa: A002 -- the id of a row is called so everywhere

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gatepost.doctor.knowledge import Row, load
from gatepost.doctor.knowledge.match import Asked, Recogniser, ready
from gatepost.doctor.knowledge.plain import TEXT_LIMIT, normalised
from gatepost.doctor.knowledge.row import By
from gatepost.doctor.model import Confidence, Stage

BOOK = load()
SAYS = [pytest.param(row.id, text, id=f"{row.id}: {text[:60]}") for row in BOOK.rows() for text in row.says]
ALSO = [pytest.param(row.id, text, id=f"{row.id}: {text[:60]}") for row in BOOK.rows() for text in row.also]


def ids(text, **options):
    return [match.id for match in BOOK.match(text, **options)]


def row(id, **fields):
    return Row(id=id, stage="login", title=id, **fields)


def found(text, *rows, provider="", **asked):
    providers = frozenset({provider} if provider else ())
    return Recogniser(rows).match(ready(text), Asked(providers=providers, **asked))


def match(text, *rows, **asked):
    return [each.id for each in found(text, *rows, **asked)]


class TestTheRows:
    @pytest.mark.parametrize(("id", "text"), SAYS)
    def test_every_quoted_message_is_recognised_as_its_row(self, id, text):
        assert ids(text)[0] == id

    @pytest.mark.parametrize(("id", "text"), SAYS)
    def test_line_breaks_case_and_surroundings_do_not_matter(self, id, text):
        shouted = text.upper().replace(" ", "\r\n  ") if not text[:3].isdigit() else text
        assert ids(shouted)[0] == id
        assert id in ids(f"An error occurred:\n{text}\nPlease try again.")

    @pytest.mark.parametrize(("id", "text"), ALSO)
    def test_a_message_that_may_mean_a_row_names_it_too(self, id, text):
        assert id in ids(text)

    @pytest.mark.parametrize("text", sorted({text for row in BOOK.rows() for text in row.also}))
    def test_a_message_that_may_mean_a_row_is_said_by_another_first(self, text):
        first = BOOK.row(ids(text)[0])
        assert text not in first.also


NAMED = [
    ("Could not connect to mail server mail.example.org; the connection was refused.", "T1"),
    ("Connection to server imap.example.org timed out.", "T2"),
    ("Mail server pop.example.org is not an IMAP4 mail server.", "X5"),
    ("Sending of password for user anna@example.org did not succeed. Mail server x responded: Nope", "A1"),
    ("Sending of password for user %1$S did not succeed.", "A1"),
    ("Receiving reported error (0x800ccc0f)", "T7"),
    ("Task 'x' reported error (0x800CCC18): 'Logon failed'", "A1"),
    ("smtplib.SMTPAuthenticationError: (535, b'5.7.8 Error: authentication failed: UGFzc3dvcmQ6')", "A1"),
    ("535-5.7.8 Username and Password not accepted. Learn more at\n535 5.7.8  https://support.google.com/…", "P5"),
    ("534-5.7.9 Application-specific password required. Learn more at\n534 5.7.9 https://…", "P4"),
    ("b'[AUTHENTICATIONFAILED] Invalid credentials (Failure)'", "P5"),
    ("a1 NO [AUTHENTICATIONFAILED] nobody knows these words", "A1"),
    ("-ERR [SYS/PERM] nobody knows these words", "A4"),
    ("-ERR [SYS/TEMP] nobody knows these words", "A3"),
    ("-ERR [IN-USE] nobody knows these words", "A9"),
    ("NO [LIMIT] nobody knows these words", "A8"),
    (
        "ssl.SSLCertVerificationError: certificate verify failed: Hostname mismatch, certificate is not valid for 'x'",
        "C3",
    ),
    ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: nobody knows (_ssl.c:1000)", "C30"),
    ("550 5.1.1 <a@example.org>: nobody knows these words", "A31"),
    ("552 5.2.2 nobody knows these words", "A17"),
    (
        "It doesn\u2019t seem to support encrypted passwords: The server does not seem to support encrypted passwords",
        "A11",
    ),
    ("535 5.7.139 nobody knows these words", "M2"),
    ("AADSTS50173: The provided grant has expired", "M9"),
    ("535", "A1"),
    ("Unable to establish TLS connection to POP3 server", "X2"),
    ("454 4.7.0 TLS not available", "X8"),
    ("534-5.7.9", "P4"),
    ("534 5.7.9 Authentication mechanism is too weak", "A11"),
    ("gaierror -3", "D2"),
    ("421 4.7.0 Our system has detected an unusual rate of mail", "G3"),
    ("421 4.7.0 mx.google.com Too many concurrent SMTP connections; please try again later.", "G3"),
]


@pytest.mark.parametrize(("text", "id"), NAMED)
def test_messages_as_people_paste_them(text, id):
    assert ids(text)[0] == id


ORDINARY = """\
Hello, how are you today?
The meeting is on Monday at ten.
Please find the report attached.
I could not reach you by telephone yesterday.
Bus 421 leaves at 5.30 from platform 4.
There were 535 people at the party.
We drove 550 kilometres in 5.1 hours.
Version 5.7.8 of the program is out.
My dog has run away again.
The certificate of my course came by post.
She lost her password for the library.
The server brought us two coffees and a cake.
He refused the invitation politely.
The shop is closed for the holidays.
Your order has been shipped.
A full moon over the harbour.
The mailbox at the corner is red.
Can you explain the error in my homework?
It was a temporary arrangement.
Thank you for your message, I am on holiday.
The train was late, so I missed the connection.
What is the name of this flower?
Who knows the answer?
The lock on the door is broken.
Limit the use of water in summer.
The host of the show was funny.
Nobody answered the door.
My account of the journey fills a book.
This message was sent from my telephone.
I have no idea what went wrong.
An error occurred.
Error
Something went wrong. Please try again later.
Warning
OK
+OK
+OK Gatepost ready.
+OK 3 messages (4711 octets)
+OK Logged in.
+OK maildrop has 2 messages (320 octets)
* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS] Dovecot ready.
a1 OK LOGIN completed
a2 OK [READ-ONLY] Select completed (0.001 + 0.000 secs).
* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN AUTH=LOGIN
* 12 EXISTS
* BYE Logging out
220 mail.example.org ESMTP Postfix
250-mail.example.org
250 2.1.0 Ok
250-PIPELINING
250 STARTTLS
235 2.7.0 Authentication successful
354 End data with <CR><LF>.<CR><LF>
221 2.0.0 Bye
220 2.0.0 Ready to start TLS
-ERR
a1 NO
* NO
500
https://www.example.org/index.html?lang=en
def main(): return 0
Lorem ipsum dolor sit amet, consectetur adipiscing elit.
Der Zug hatte heute wieder Verspätung.
Le chat dort sur le canapé.
Mañana vamos a la playa.
1234567890
!!! ??? ...
%S %s %1$S
[x] [AB] [OK]
""".splitlines()


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_unknown(text):
    assert ids(text) == []
    assert BOOK.explain(text).matches == ()


class TestOrder:
    def test_a_code_goes_before_words(self):
        rows = row("A1", patterns=("authentication failure",)), row("A3", codes=("[UNAVAILABLE]",))
        text = "NO [UNAVAILABLE] Authentication failure"
        assert match(text, *rows) == ["A3", "A1"]
        assert match(text, *rows, codes_first=False) == ["A1", "A3"]

    def test_longer_words_go_before_shorter_ones(self):
        rows = row("A1", patterns=("login failed",)), row("A2", patterns=("login failed for today",))
        assert match("Login failed for today", *rows) == ["A2", "A1"]

    def test_what_is_only_possible_goes_behind_what_knows_more(self):
        words = "certificate verify failed: certificate has expired"
        sure, vague = row("C1", patterns=("has expired",)), row("C30", patterns=("certificate verify failed",))
        vague = replace(vague, confidence=Confidence.POSSIBLE)
        assert match(words, vague, sure) == ["C1", "C30"]
        longer = replace(vague, patterns=("certificate verify failed ... has expired",))
        assert match(words, longer, sure) == ["C30", "C1"]
        assert ids(words) == ["C1", "C30"]

    def test_a_code_beside_counts_only_with_words(self):
        rows = row("A1", codes=("[AUTH]",)), row("P4", patterns=("app password",), beside=("[AUTH]",))
        assert match("[AUTH] app password", *rows) == ["P4", "A1"]
        assert match("[AUTH] no", *rows) == ["A1"]

    def test_three_digits_decide_only_in_smtp_or_alone(self):
        rows = (row("A1", codes=("535",)),)
        assert match("535 no", *rows) == []
        assert match("535 no", *rows, protocol="smtp") == ["A1"]
        assert match(" 535 ", *rows) == ["A1"]

    def test_the_better_of_two_codes_counts(self):
        rows = row("A1", codes=("535", "535 5.7.8")), row("A2", codes=("535",))
        assert match("535 5.7.8 no", *rows, protocol="smtp") == ["A1", "A2"]

    def test_rows_of_other_protocols_are_left_out(self):
        rows = row("A1", patterns=("failed",), protocols=("imap",)), row("A2", patterns=("failed",))
        assert match("failed", *rows, protocol="pop3") == ["A2"]
        assert match("failed", *rows, protocol="imap") == ["A1", "A2"]

    def test_a_providers_own_rows_go_first_and_others_are_left_out(self):
        rows = (
            row("A1", says=("it has failed",)),
            row("I1", also=("failed",), provider="iCloud"),
            row("Y1", patterns=("failed",), provider="Yahoo, AOL"),
        )
        assert match("it has failed", *rows) == ["A1", "Y1", "I1"]
        assert match("it has failed", *rows, provider="iCloud") == ["I1", "A1"]
        assert match("it has failed", *rows, provider="AOL") == ["Y1", "A1"]

    def test_a_providers_own_row_goes_first_by_its_words_or_a_code_that_says_enough(self):
        other = row("G10", patterns=("encryption is required here before all else",))
        assert (
            match(
                "5.7.3: encryption is required here before all else",
                other,
                row("M4", codes=("5.7.3",), provider="x"),
                provider="x",
            )[0]
            == "G10"
        )
        assert match("#5.7.3: required", other, row("M4", codes=("5.7.3",), provider="x"), provider="x")[0] == "M4"
        assert (
            match(
                "no, encryption is required here before all else",
                other,
                row("M4", also=("no",), provider="x"),
                provider="x",
            )[0]
            == "M4"
        )

    def test_a_row_without_signs_is_never_found(self):
        assert match("A1", row("A1")) == []

    def test_a_number_that_repeats_the_words_adds_nothing(self):
        rows = (
            row("C6", patterns=("unable to verify",), codes=("VERIFY 20",)),
            row("C5", patterns=("from an antivirus program of ours, see there",)),
        )
        assert match("verify error:num=20: unable to verify, from an antivirus program of ours, see there", *rows) == [
            "C5",
            "C6",
        ]

    def test_a_servers_log_goes_before_what_a_mail_program_means_by_the_same_words(self):
        rows = row("X2", patterns=("wrong version",)), row("X1", logged=("wrong version",))
        assert match("wrong version", *rows) == ["X2"]
        assert match("wrong version", *rows, logged=True) == ["X1", "X2"]

    def test_words_that_only_frame_a_cause_count_where_nothing_else_fits(self):
        rows = row("T18", general=("could not connect",)), row("T1", patterns=("refused",))
        assert match("could not connect", *rows) == []
        assert match("could not connect", *rows, general=True) == ["T18"]
        assert match("could not connect: refused", *rows, general=True) == ["T1"]

    def test_of_frames_the_latest_step_goes_first(self):
        rows = (
            replace(row("T18", general=("could not connect",)), stage=Stage.REACH),
            replace(row("X30", general=("no tls",)), stage=Stage.TLS),
        )
        assert match("could not connect: no TLS", *rows, general=True) == ["X30", "T18"]

    def test_names_of_programs_say_less_than_sentences(self):
        rows = (row("T1", patterns=("connection refused",)),)
        assert found("ERROR_CONNECTION_REFUSED", *rows)[0].score < found("connection refused", *rows)[0].score

    def test_each_says_what_it_was_recognised_by(self):
        one = row("A1", patterns=("no login",), also=("perhaps",), general=("error",), codes=("[AUTH]",))
        texts = {"no login": By.WORDS, "perhaps": By.ALSO, "error": By.GENERAL, "[AUTH]": By.CODE}
        for text, by in texts.items():
            assert found(text, one, general=True)[0].by is by


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=5000))
def test_anything_can_be_asked(text):
    for each in (*BOOK.match(text), *BOOK.explain(text).matches):
        assert each.score > 0
        assert each.matched


@pytest.mark.parametrize(
    "text", ["a " * 50_000, "server " * 20_000, "[" * 100_000, "535 5.7." * 20_000, "\n535-" * 30_000]
)
def test_a_hostile_text_is_cut(text):
    assert len(normalised(text)) <= TEXT_LIMIT
    BOOK.match(text)
