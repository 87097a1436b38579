"""What a pasted text means: the innermost cause, from who says it, and no surer than it is."""

import json
from pathlib import Path

import pytest

from gatepost.doctor.knowledge import Book, Row, load
from gatepost.doctor.knowledge.concepts import Concepts
from gatepost.doctor.knowledge.speaker import Side, Speaker
from gatepost.doctor.model import Confidence, Stage

CASES = Path(__file__).parents[5] / "shared" / "cases"
BOOK = load()


CONCEPTS = Concepts(
    {"password": ("password",), "plaintext": ("plaintext",)},
    {"lost": ("lost",)},
    {"A1": ("password lost",), "A2": ("plaintext lost",)},
    frozenset({"A1"}),
)


def told(text, *rows, speakers=()):
    book = Book("en", {row.id: row for row in rows}, {}, lambda: (), lambda: speakers, lambda: CONCEPTS)
    answer = book.explain(text)
    return [each.id for each in answer.matches], answer.confidence


def row(id, confidence="certain", **fields):  # noqa: A002 -- the id of a row is called so everywhere
    return Row(id=id, stage=Stage.LOGIN, title=id, confidence=Confidence(confidence), **fields)


class TestCauses:
    rows = row("T1", patterns=("connection refused",)), row("C1", patterns=("certificate has expired, renew it",))

    @pytest.mark.parametrize(
        "text",
        [
            "certificate has expired, renew it; Caused by: connection refused",
            "certificate has expired, renew it; nested exception is: connection refused",
            "certificate has expired, renew it ---> connection refused --- end",
            "connection refused. During handling of the above exception: certificate has expired, renew it",
        ],
    )
    def test_the_innermost_goes_first(self, text):
        assert told(text, *self.rows)[0] == ["T1", "C1"]

    def test_what_the_innermost_does_not_tell_is_told_by_its_wrapper_but_not_for_sure(self):
        assert told("connection refused; caused by: nothing", *self.rows) == (["T1"], Confidence.POSSIBLE)
        assert told("connection refused; caused by: ", *self.rows) == (["T1"], Confidence.CERTAIN)
        assert told("nothing; caused by: nothing", *self.rows)[0] == []


class TestSureness:
    def test_a_whole_message_is_certain_and_a_piece_is_likely(self):
        one = row("A1", patterns=("password expired",))
        assert told("Password expired.", one) == (["A1"], Confidence.CERTAIN)
        assert told("While I wrote to my aunt it said password expired", one) == (["A1"], Confidence.LIKELY)

    def test_a_code_is_certain(self):
        assert (
            told("Something is wrong here today, [EXPIRED]", row("A5", codes=("[EXPIRED]",)))[1] is Confidence.CERTAIN
        )

    def test_a_row_is_no_surer_than_it_says(self):
        assert told("no luck", row("A1", "likely", patterns=("no luck",)))[1] is Confidence.LIKELY
        assert told("no luck", row("A1", "possible", patterns=("no luck",)))[1] is Confidence.POSSIBLE

    def test_other_words_that_fit_as_well_leave_it_open(self):
        rows = row("A1", patterns=("password expired",)), row("A2", patterns=("account closed",))
        assert told("password expired, account closed", *rows)[1] is Confidence.POSSIBLE

    def test_a_part_of_the_same_words_does_not(self):
        rows = row("A1", patterns=("password expired",)), row("A2", patterns=("password expired today",))
        assert told("password expired today", *rows) == (["A2", "A1"], Confidence.CERTAIN)

    def test_words_that_may_mean_it_and_frames_are_possible(self):
        assert told("perhaps so", row("A1", also=("perhaps so",)))[1] is Confidence.POSSIBLE
        assert told("could not connect", row("T18", general=("could not connect",)))[1] is Confidence.POSSIBLE

    def test_a_reason_behind_a_refusal_that_nobody_knows_leaves_it_open(self):
        one = row("A1", patterns=("login failed",))
        assert told("login failed: the moon is full", one) == (["A1"], Confidence.POSSIBLE)
        assert told("login failed: UGFzc3dvcmQ6", one) == (["A1"], Confidence.LIKELY)
        other = Row(id="T1", stage=Stage.REACH, title="T1", confidence=Confidence.CERTAIN, patterns=("refused",))
        assert told("refused: the moon is full", other) == (["T1"], Confidence.LIKELY)

    def test_nothing_is_unknown(self):
        assert told("nothing", row("A1", patterns=("expired",))) == ([], Confidence.POSSIBLE)


class TestWhereNoMessageIsKnown:
    rows = row("A1", patterns=("xyzzy",)), row("T18", general=("could not connect", "could not connect to it at all"))

    def test_a_thing_and_what_happened_to_it_are_possible(self):
        assert told("imap: password was lost", *self.rows) == (["A1"], Confidence.POSSIBLE)
        assert told("imap: password; caused by: password lost", *self.rows) == (["A1"], Confidence.POSSIBLE)

    def test_only_of_mail(self):
        assert told("She has lost her password for the library", *self.rows)[0] == []
        assert told("550 5.7.1 password lost", *self.rows)[0] == ["A1"]

    def test_words_that_only_frame_go_behind_unless_they_are_long(self):
        assert told("imap: could not connect, password lost", *self.rows)[0] == ["A1", "T18"]
        assert told("imap: could not connect to it at all, password lost", *self.rows)[0] == ["T18", "A1"]


class TestReasons:
    rows = row("A1", patterns=("login failed", "login failed for good and all")), row("A2")

    def test_a_reason_beside_a_refusal_goes_first(self):
        assert told("login failed: plaintext was lost", *self.rows) == (["A2", "A1"], Confidence.POSSIBLE)

    def test_a_message_behind_a_colon_goes_before_what_stands_before_it(self):
        other = row("T8", patterns=("hung up",))
        assert told("login failed for anna: the server hung up", *self.rows, other)[0] == ["T8", "A1"]
        assert told("login failed, hung up: anna", *self.rows, other)[0] == ["A1", "T8"]

    def test_what_a_program_could_not_do_is_no_refusal(self):
        rows = row("A1", patterns=("unable to log in",)), row("A2", patterns=("unable to log in",))
        assert told("imap: unable to log in", rows[0]) == (["A1"], Confidence.POSSIBLE)
        assert told("imap: unable to log in", rows[1]) == (["A2"], Confidence.CERTAIN)

    def test_far_away_it_does_not(self):
        assert told(f"login failed: plaintext {'x' * 30} lost", *self.rows)[0] == ["A1"]
        assert told("login failed: password lost", *self.rows)[0] == ["A1"]

    def test_a_whole_message_and_a_row_that_knows_more_stay_first(self):
        assert told("login failed for good and all: plaintext lost", *self.rows)[0] == ["A1"]
        assert told("login failed, expired: plaintext lost", *self.rows, row("A5", patterns=("expired",)))[0] == [
            "A1",
            "A5",
        ]


class TestSpeakers:
    server = Speaker(name="Dovecot", side=Side.SERVER, signs=("dovecot:",))
    gmail = Speaker(provider="Gmail", signs=("imap.gmail.com",))

    def test_a_servers_log_means_what_it_means_there(self):
        rows = row("X2", patterns=("wrong version",)), row("X1", logged=("wrong version",))
        assert told("dovecot: wrong version", *rows, speakers=(self.server,))[0] == ["X1"]
        assert told("wrong version", *rows, speakers=(self.server,))[0] == ["X2"]

    def test_a_providers_own_row_goes_first_where_its_server_is_named(self):
        rows = row("A1", patterns=("login failed",)), row("P5", also=("login failed",), provider="Gmail")
        assert told("imap.gmail.com: login failed", *rows, speakers=(self.gmail,))[0] == ["P5", "A1"]
        assert told("login failed", *rows, speakers=(self.gmail,))[0] == ["A1"]

    def test_rows_of_another_protocol_go_last_and_are_possible(self):
        rows = row("A31", patterns=("no such mailbox",), protocols=("smtp",)), row("A1", also=("no such mailbox",))
        assert told("-ERR no such mailbox", *rows)[0] == ["A1", "A31"]
        assert told("-ERR no such mailbox", rows[0]) == (["A31"], Confidence.POSSIBLE)

    def test_standing_advice_means_nothing(self):
        advice = Speaker(name="MailKit", signs=("mailkit",), advice=("it may have expired",))
        assert told("mailkit: it may have expired", row("C1", patterns=("expired",)), speakers=(advice,))[0] == []


class TestWhatServersSay:
    @pytest.mark.parametrize(
        ("text", "row"),
        [
            ("Jan  2 03:04:05 mx dovecot: auth: Error: ldap(anna): binding failed: Invalid credentials", "A3"),
            (("Jan  2 03:04:05 mx postfix/smtpd[7]: warning: x[192.0.2.1]: SASL PLAIN authentication failed: "
             "Connection lost to authentication server"), "A3"),
            ("mx imapd: LOGIN FAILED, user=anna\nmx imapd: authentication error: Input/output error", "A3"),
            ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "A15"),
            ("550 Verification failed for <anna@example.org> Sender verify failed", "A16"),
            ("550 5.7.1 Recipient address rejected: Inactive mailbox", "A30"),
            ("550 recipient has moved and is no longer here", "A31"),
            ("CNAME lookup failed temporarily. (#4.4.3)", "D2"),
            ("451 name service is temporarily out of order", "D2"),
            ("550 bad MX record", "D17"),
            ("550 your IP is in prison", "G2"),
            ("451 4.7.500 Server busy", "G3"),
            ("imap_open(): Can not authenticate to IMAP server: [CLOSED] connection broken", "T8"),
            ("Encrypted connection unavailable", "X6"),
            ("451 Temporary local problem", "A3"),
            ("450 4.2.2 Greylisted", "G30"),
            ("452 4.2.2 Something or other", "A17"),
            ("msmtp: the server does not support authentication", "A22"),
            (("connect to 192.0.2.1 failed to connect to a/192.0.2.1 (port 465) after 90000ms: isConnected failed: "
             "ENETUNREACH (Network is unreachable)"), "T5"),
        ],
    )  # fmt: skip
    def test_in_their_own_words(self, text, row):
        assert BOOK.explain(text).matches[0].id == row

    def test_a_refusal_with_a_reason_is_only_possible(self):
        answer = BOOK.explain("554 5.7.1 <a@example.com>: Recipient address rejected: Access denied")
        assert answer.confidence is Confidence.POSSIBLE


@pytest.mark.skipif(
    not CASES.is_dir(), reason="the shared cases are not here: how well texts are explained is not measured"
)
class TestTextsAsPeoplePasteThem:
    def test_most_are_explained_and_none_is_confidently_wrong(self):
        lines = (CASES / "explain.jsonl").read_text("utf-8").splitlines()
        cases = [case for line in lines if "(s_client" not in (case := json.loads(line))["acceptable"]]
        answers = [(case, BOOK.explain(case["text"])) for case in cases]
        wrong = [
            (case["id"], answer)
            for case, answer in answers
            if [each.id for each in answer.matches[:1]] != [] or case["acceptable"]
            if not answer.matches or answer.matches[0].id not in case["acceptable"]
        ]
        assert [name for name, answer in wrong if answer.confidence is not Confidence.POSSIBLE] == []
        assert len(wrong) <= len(cases) // 20, wrong

    def test_a_line_for_s_client_is_told_as_such(self):
        text = next(
            case["text"]
            for case in map(json.loads, (CASES / "explain.jsonl").read_text("utf-8").splitlines())
            if "(s_client" in case["acceptable"]
        )
        assert BOOK.explain(text).matches[0].id == "X24"

    def test_a_long_trace_is_explained_by_its_end(self):
        answer = BOOK.explain((CASES / "explain_long_trace.txt").read_text("utf-8"))
        assert answer.matches[0].id == "T1"
        assert answer.confidence is Confidence.LIKELY
