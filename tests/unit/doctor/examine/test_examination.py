"""A whole examination with lookers of the test's own: no sockets, no waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from gatepost.doctor.examine import examine
from gatepost.doctor.facts import (
    Contact,
    Dial,
    Discovery,
    HostNames,
    Login,
    Lookup,
    Outcome,
    Publication,
    Reach,
    Source,
    Surroundings,
)
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Progress, Question, Report, Secret, Status, Target
from support.virtual_time import passes, run
from support.wire_facts import (
    BOOK,
    CLOSED,
    HOST,
    LOGGED_IN,
    NOW,
    SILENT,
    V4,
    V6,
    VISITED,
    contact,
    dial,
    failed_handshake,
    said,
    target,
    told,
    unreached,
    untrusted,
)

ADDRESS = "me@example.com"
SECRET = Secret("marked secret")
WRONG = Login("PLAIN", False, b"a1 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n", 0.1)


def names_of(host: str, v4: tuple[str, ...] = (V4,), v6: tuple[str, ...] = ()) -> HostNames:
    return HostNames(
        host,
        Lookup(host, "A", Outcome.ANSWER if v4 else Outcome.NODATA, v4),
        Lookup(host, "AAAA", Outcome.ANSWER if v6 else Outcome.NODATA, v6),
    )


def found(*targets: Target) -> Discovery:
    publication = Publication(Source.SRV, "_imaps._tcp.example.com", found=True, targets=targets)
    mx = Lookup("example.com", "MX", Outcome.ANSWER, ("10 mail.example.com.",))
    return Discovery("example.com", (publication,), mx, targets)


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


class Finder:
    def __init__(self, names: HostNames | None = None, discovery: Discovery | None = None) -> None:
        self.names, self.discovery = names, discovery
        self.asked: list[str] = []

    async def host_names(
        self, host: str, resolver: Any, families: tuple[int, ...], others: tuple[Any, ...], *, reverse: bool
    ) -> HostNames:
        return self.names or names_of(host)

    async def discover(self, address: str, resolver: Any, book: Book, families: tuple[int, ...]) -> Discovery:
        self.asked.append(address)
        return self.discovery or found()


class Looker:
    """Shows contacts by service; closed ports for the others."""

    def __init__(self, *contacts: Contact, login: Contact | None = None, after: Reach = Reach.OPEN) -> None:
        self.contacts = {(each.target.service.name, each.dial.family): each for each in contacts}
        self.login, self.after = login, after
        self.logins: list[Target] = []
        self.dials: list[str] = []
        self.glances: list[str] = []
        self.around: list[str] = []
        self.pause: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)
        self.surrounding = Surroundings()

    async def dial(self, host: str, address: str, port: int, timeout: float) -> Dial:  # noqa: ASYNC109
        self.dials.append(address)
        return dial(port, self.after, address)

    async def contact(
        self, wanted: Target, address: str, question: Question, *, login: bool, thorough: bool = True, **more: Any
    ) -> Contact:
        if login:
            self.logins.append(wanted)
            assert self.login
            return self.login
        await self.pause()
        self.glances += [] if thorough else [address]
        key = wanted.service.name, 6 if ":" in address else 4
        closed = Contact(wanted, dial(wanted.port, Reach.REFUSED, address))
        return replace(self.contacts.get(key, closed), target=wanted)

    async def surroundings(self, wanted: Target, address: str, names: HostNames, question: Question) -> Surroundings:
        self.around.append(address)
        return self.surrounding


def examined(
    question: Question, looker: Looker, finder: Finder | None = None, watch: Callable[[Progress], None] | None = None
) -> tuple[Report, float]:
    return run(
        examine(
            question,
            resolver=None,
            book=BOOK,
            looker=looker,
            finder=finder or Finder(),
            clock=lambda: float(NOW),
            watch=watch or (lambda _: None),
        )
    )


def statuses(report: Report) -> dict[str, Status]:
    return {each.target.service.name: each.status for each in report.services}


HEALTHY = tuple(map(contact, ("imaps", "pop3s", "submissions", "submission")))


def test_a_healthy_host() -> None:
    report, seconds = examined(Question(HOST), Looker(*HEALTHY))
    assert report.verdict.sentence == f"Everything works: pop3s, imaps, submissions, submission at {HOST}."
    assert set(statuses(report).values()) == {Status.PASS}
    assert report.examined
    assert (report.began, report.version, report.language) == ("2027-01-15T08:00:00+00:00", report.version, "en")
    assert [each.protocol for each in report.settings if each.working] == ["imap", "pop3", "smtp"]
    assert seconds < 2


def test_what_a_host_need_not_offer_is_no_failure() -> None:
    report, _ = examined(Question(HOST), Looker(contact()))
    assert statuses(report) == {
        "pop3s": "pass", "imaps": "info", "submissions": "info", "submission": "info", "pop3": "pass", "imap": "pass",
    }  # fmt: skip
    assert report.verdict.sentence == f"Everything works: pop3s at {HOST}."


def test_what_was_asked_for_must_answer() -> None:
    report, _ = examined(Question(HOST, service="imaps"), Looker(contact()))
    assert (report.verdict.because, report.verdict.status) == ("T1", "fail")


def test_a_failed_stage_skips_what_follows() -> None:
    report, _ = examined(Question(HOST, service="imaps"), Looker())
    (service,) = report.services
    assert told(service.findings) == [("T1", "fail"), *[("S1", "skip")] * 4]


def test_all_contacts_begin_before_any_ends() -> None:
    begun: list[str] = []
    looker = Looker(*HEALTHY)

    async def until_all_begun() -> None:
        begun.append("")
        while len(begun) < 6:  # noqa: ASYNC110 -- no time passes
            await asyncio.sleep(0)

    looker.pause = until_all_begun
    report, _ = examined(Question(HOST), looker)
    assert len(begun) == 6
    assert report.verdict.status == "pass"


# --- several addresses -----------------------------------------------------------------------------------------------


def test_both_families_are_looked_at_and_other_addresses_with_one_connection() -> None:
    names = names_of(HOST, (V4, "192.0.2.2"), (V6, "2001:db8::2"))
    looker = Looker(contact(), contact(address=V6))
    report, _ = examined(Question(HOST, service="pop3s"), looker, Finder(names))
    assert looker.glances == ["2001:db8::2", "192.0.2.2"]
    assert report.verdict.status == "pass"
    assert [each.id for each in report.services[0].findings].count("C0") == 1


def test_ipv6_that_is_dead() -> None:
    dead = unreached(reach=Reach.TIMED_OUT, address=V6)
    report, _ = examined(Question(HOST), Looker(contact(), dead), Finder(names_of(HOST, v6=(V6,))))
    assert (report.verdict.status, report.verdict.because) == ("warn", "D5")


# --- addresses and discovery -----------------------------------------------------------------------------------------


def test_an_address_is_examined_where_it_was_found() -> None:
    discovery = found(target("imaps", source="SRV record"), target("submissions", source="SRV record"))
    report, _ = examined(Question(ADDRESS), Looker(*HEALTHY), Finder(discovery=discovery))
    assert list(statuses(report)) == ["imaps", "submissions"]
    assert report.verdict.status == "pass"
    assert "D31" in {each.id for each in report.findings}


def test_published_places_that_are_not_examined_are_tried_for_the_records() -> None:
    discovery = replace(found(target("imaps", source="SRV record"), target("pop3s")), targets=(target("imaps"),))
    report, _ = examined(Question(ADDRESS), Looker(contact("imaps")), Finder(discovery=discovery))
    assert list(statuses(report)) == ["imaps"]
    assert "D29" in {each.id for each in report.findings}


def test_an_address_without_servers() -> None:
    report, _ = examined(Question(ADDRESS), Looker())
    assert report.services == ()
    assert report.verdict.status != "pass"


def test_a_typed_host_that_answers_is_not_looked_up_as_a_domain() -> None:
    finder = Finder()
    examined(Question(HOST), Looker(*HEALTHY), finder)
    assert finder.asked == []
    examined(Question(HOST), Looker(), finder)
    examined(Question(V4), Looker(), finder)
    assert finder.asked == [HOST]


def test_an_unknown_port_is_asked_what_it_speaks() -> None:
    speaks = contact(greeting=said(b"* OK IMAP ready\r\n"), inside_tls=None)
    report, _ = examined(Question(HOST, port=4242), Looker(speaks, contact("imaps")))
    assert statuses(report) == {"imaps": "pass"}
    assert report.services[0].target.port == 4242


def test_no_name_is_answered_for() -> None:
    class Mute(Finder):
        async def host_names(
            self, host: str, resolver: Any, families: tuple[int, ...], others: tuple[Any, ...], *, reverse: bool
        ) -> HostNames:
            await forever()
            raise AssertionError

    report, seconds = examined(Question(HOST), Looker(), Mute())
    assert (report.examined, report.services, report.verdict.status) == (False, (), "skip")
    assert seconds < 10


def test_no_name_exists() -> None:
    report, _ = examined(Question(HOST), Looker(), Finder(names_of(HOST, ())))
    assert report.examined
    assert report.verdict.status == "fail"


# --- the login -------------------------------------------------------------------------------------------------------

ASKED = Question(HOST, user="me", secret=SECRET)


def test_one_login_where_it_is_best() -> None:
    looker = Looker(*HEALTHY, login=contact("imaps", login=LOGGED_IN, visit=VISITED))
    report, _ = examined(ASKED, looker)
    assert [(each.service.name, each.username) for each in looker.logins] == [("imaps", "me")]
    assert "log-in included" in report.verdict.sentence
    assert {each.id for each in report.services[0].findings} >= {"S4"}
    assert looker.dials == []


def test_a_refused_login_is_never_repeated() -> None:
    looker = Looker(*HEALTHY, login=contact("imaps", login=WRONG))
    report, _ = examined(ASKED, looker)
    assert len(looker.logins) == 1
    assert looker.dials == [V4]
    assert (report.verdict.because, report.verdict.status) == ("A1", "fail")


def test_a_ban_after_the_login_is_seen() -> None:
    looker = Looker(*HEALTHY, login=contact("imaps", login=WRONG), after=Reach.REFUSED)
    report, _ = examined(ASKED, looker)
    assert "A14" in {each.id for each in report.findings}


def test_no_login_where_the_certificate_is_not_trusted() -> None:
    looker = Looker(untrusted("imaps", code=18))
    report, _ = examined(replace(ASKED, service="imaps"), looker)
    assert looker.logins == []
    assert told(report.services[0].findings)[-1] == ("S1", "skip")


def test_no_login_anywhere_is_told() -> None:
    looker = Looker(contact("smtp"), contact("pop3s", greeting=None, plain=SILENT))
    report, _ = examined(replace(ASKED, subject=HOST, port=995, user=""), looker)
    assert looker.logins == []
    assert "S3" in {each.id for each in report.all_findings()}


def test_a_login_that_never_ends() -> None:
    class Hanging(Looker):
        async def contact(
            self, wanted: Target, address: str, question: Question, *, login: bool, thorough: bool = True, **more: Any
        ) -> Contact:
            if login:
                await forever()
            return await super().contact(wanted, address, question, login=False)

    report, seconds = examined(ASKED, Hanging(*HEALTHY))
    assert report.verdict.because == "A25"
    assert seconds < 30


def test_a_port_that_shuts_before_the_login_heard_no_password() -> None:
    looker = Looker(*HEALTHY, login=unreached("imaps", Reach.TIMED_OUT), after=Reach.TIMED_OUT)
    report, _ = examined(ASKED, looker)
    found = {each.id for each in report.all_findings()}
    assert {"T24", "S7"} <= found
    assert not {"A14", "A25"} & found
    assert looker.dials == []


def test_letters_outside_ascii() -> None:
    looker = Looker(*HEALTHY, login=contact("imaps", login=WRONG))
    report, _ = examined(replace(ASKED, secret=Secret("pässword")), looker)
    assert "A20" in {each.id for each in report.all_findings()}


def test_the_secret_is_nowhere_in_the_report() -> None:
    looker = Looker(*HEALTHY, login=contact("imaps", login=WRONG))
    report, _ = examined(ASKED, looker)
    assert SECRET.reveal() not in repr(report)


# --- time ------------------------------------------------------------------------------------------------------------


class Slow(Looker):
    """Every step takes all the time that it may."""

    async def contact(
        self, wanted: Target, address: str, question: Question, *, login: bool, thorough: bool = True, **more: Any
    ) -> Contact:
        await asyncio.sleep(question.timeout)
        return Contact(wanted, dial(wanted.port, Reach.TIMED_OUT, address))

    async def surroundings(self, wanted: Target, address: str, names: HostNames, question: Question) -> Surroundings:
        await forever()
        raise AssertionError


class SlowFinder(Finder):
    async def discover(self, address: str, resolver: Any, book: Book, families: tuple[int, ...]) -> Discovery:
        await passes(3.0)
        return await super().discover(address, resolver, book, families)


@pytest.mark.parametrize("subject", [HOST, ADDRESS])
def test_less_than_ten_seconds_when_nothing_answers(subject: str) -> None:
    finder = SlowFinder(discovery=found(target("imaps", source="SRV record")))
    report, seconds = examined(Question(subject), Slow(), finder)
    assert report.verdict.because in {"T2", "T15"}
    assert 5 < seconds < 10


def test_a_looker_that_never_returns() -> None:
    looker = Looker()
    looker.pause = forever
    report, seconds = examined(Question(HOST, service="pop3s"), looker)
    assert (report.verdict.because, seconds < 10) == ("T18", True)
    assert "took too long" in report.services[0].findings[0].evidence


def test_who_wants_more_patience_gets_it() -> None:
    _, seconds = examined(Question(HOST, timeout=30.0), Slow())
    assert 30 < seconds < 60


def test_a_discovery_that_never_returns() -> None:
    class Mute(Finder):
        async def discover(self, address: str, resolver: Any, book: Book, families: tuple[int, ...]) -> Discovery:
            await forever()
            raise AssertionError

    report, seconds = examined(Question(ADDRESS), Looker(), Mute())
    assert report.verdict.status != "pass"
    assert seconds < 10


# --- surroundings, progress, endings ---------------------------------------------------------------------------------


def test_what_fails_is_looked_around_once_per_address() -> None:
    looker = Looker(*[unreached(name, Reach.TIMED_OUT) for name in ("imaps", "pop3s")])
    looker.surrounding = Surroundings((dial(443),), elsewhere=(dial(443, address="1.1.1.1"),))
    examined(Question(HOST), looker)
    assert looker.around == [V4]
    asked, _ = examined(Question(HOST, service="imaps"), looker)
    assert asked.verdict.because == "T19"


def test_this_machine_is_cut_off() -> None:
    looker = Looker(unreached("imaps", Reach.TIMED_OUT))
    looker.surrounding = Surroundings((dial(443, Reach.TIMED_OUT),), elsewhere=(dial(443, Reach.TIMED_OUT, "1.1.1.1"),))
    report, _ = examined(Question(HOST, service="imaps"), looker)
    assert (report.examined, report.verdict.because, report.verdict.status) == (False, "T30", "skip")


def test_a_watcher_hears_each_step_begin_and_end() -> None:
    heard: list[Progress] = []
    discovery = found(target("imaps", source="SRV record"))
    looker = Looker(*HEALTHY, login=contact("imaps", login=WRONG))
    examined(Question(ADDRESS, secret=SECRET), looker, Finder(discovery=discovery), heard.append)
    assert [(each.stage.value, each.status) for each in heard] == [
        ("discovery", None), ("discovery", "pass"), ("names", None), ("reach", None), ("reach", "pass"),
        ("login", None), ("login", "fail"),
    ]  # fmt: skip


def test_cancelling_ends_everything() -> None:
    ended: list[str] = []
    looker = Looker()

    begun: list[str] = []
    all_begun = asyncio.Event()

    async def wait() -> None:
        begun.append("")
        if len(begun) == 6:
            all_begun.set()
        try:
            await forever()
        finally:
            ended.append("")

    looker.pause = wait

    async def main() -> None:
        task = asyncio.create_task(examine(Question(HOST), resolver=None, book=BOOK, looker=looker, finder=Finder()))
        await all_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1

    run(main())
    assert len(ended) == 6


def test_our_own_mistake_comes_out_as_it_is() -> None:
    looker = Looker()

    async def fail() -> None:
        raise FileNotFoundError("no such file of authorities")

    looker.pause = fail
    with pytest.raises(FileNotFoundError):
        examined(Question(HOST), looker)


def test_a_host_that_hangs_up_is_looked_at_by_its_words() -> None:
    banned = contact("imaps", handshake=failed_handshake("reset"), plain=CLOSED, greeting=None)
    report, _ = examined(Question(HOST, service="imaps"), Looker(banned))
    assert report.verdict.because == "T8"


def test_no_password_for_a_host_that_only_dns_names() -> None:
    strange = target("imaps", "imap.evil.test", source="SRV record")
    looker = Looker(contact("imaps"), login=contact("imaps", login=LOGGED_IN))
    report, _ = examined(Question(ADDRESS, secret=SECRET), looker, Finder(discovery=found(strange)))
    assert looker.logins == []
    assert "D44" in {each.id for each in report.findings}
    examined(Question("imap.evil.test", secret=SECRET, user=ADDRESS), looker)
    assert len(looker.logins) == 1


def test_what_a_slow_server_showed_in_time_is_kept() -> None:
    """The port's own service is found in a second contact, and both share the time of one."""

    class Tarpit(Looker):
        async def contact(
            self, wanted: Target, address: str, question: Question, *, login: bool, thorough: bool = True, **more: Any
        ) -> Contact:
            await asyncio.sleep(min(7.0, more["patience"]))
            seen = (
                contact("submission")
                if wanted.service.name == "submission"
                else contact(greeting=None, handshake=failed_handshake("x"), plain=said(b"220 hi\r\n"))
            )
            return replace(seen, target=wanted, dial=dial(wanted.port), unfinished=True)

    report, seconds = examined(Question(HOST, port=4242), Tarpit())
    assert seconds < 10
    assert [each.target.service.name for each in report.services] == ["submission"]
    assert {"T0", "T25", "G0"} <= {each.id for each in report.all_findings()}


def test_versions_are_tried_for_one_service_of_each_kind() -> None:
    asked: list[str] = []

    class Asked(Looker):
        async def contact(
            self, wanted: Target, address: str, question: Question, *, login: bool, thorough: bool = True, **more: Any
        ) -> Contact:
            asked.extend([wanted.service.name] if more["versions"] else [])
            return await super().contact(wanted, address, question, login=login, thorough=thorough)

    examined(Question(HOST), Asked(*HEALTHY))
    assert asked == ["pop3s", "submissions"]
