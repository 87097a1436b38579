from pathlib import Path

import pytest
from benchmarks import report
from benchmarks.fairness import Fairness
from benchmarks.idle import Idle
from benchmarks.large import Large, Step
from benchmarks.scale import Scale
from benchmarks.sessions import Sample, Series, percentile
from benchmarks.workload import Workload


def series(name, *cpu_ms, tls=True):
    return Series(name, tls, [Sample(100, each, 50, 1, 2, 0.01) for each in cpu_ms])


def findings(**parts):
    return report.Findings(Workload(Path()), [], 3, 2.0, **parts)


def test_percentile():
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile([5], 0.99) == 5
    assert percentile(range(100), 0.99) == 99


def test_a_ratio_compares_within_each_round():
    ours, theirs = series("a", 1, 10, 2), series("b", 3, 31, 8)
    assert ours.ratio(theirs) == pytest.approx(3.1)
    assert ours.median("cpu_ms") == 2


@pytest.mark.parametrize(("ours", "kept"), [(1.0, [True, True]), (1.7, [True, False]), (2.5, [False, False])])
def test_promises_are_judged(ours, kept):
    found = findings(series=[series("bare loop", 1), series("Dovecot, tuned", 6), series("Gatepost", ours)])
    assert [each.kept for each in report.verdicts(found)] == kept


def test_a_server_that_keeps_no_replies_is_judged_too():
    found = findings(series=[series("Dovecot, tuned", 6), series("Gatepost", 1), series("Gatepost, none kept", 3)])
    assert [(each.promise.split(":")[0], each.kept) for each in report.verdicts(found)] == [
        ("POP3S", True),
        ("POP3S, none kept", False),
    ]


def test_the_worse_of_both_idle_figures_is_judged_and_only_for_our_tls():
    def idle(name, tls, after):
        return Idle(name, tls, 1000, 30, after, 4, 50)

    found = findings(idle=[idle("Gatepost", tls=True, after=41), idle("Gatepost", False, 99), idle("x", True, 99)])
    (verdict,) = report.verdicts(found)
    assert (verdict.found, verdict.kept) == ("41.0 kB", False)


def test_what_a_change_costs_is_judged():
    found = findings(scale=[Scale("", "one flag", 1.99, 2.0), Scale("", "a pause", 10.4, 10.0)])
    assert [(each.promise, each.kept) for each in report.verdicts(found)] == [
        ("one flag: <= 2 ms", True),
        ("a pause: <= 10 ms", False),
    ]


def test_what_hostile_clients_cost_the_good_ones_is_judged():
    found = findings(fairness=[Fairness("NOOP", (1, 2), (1, 3.8), 1.9), Fairness("RETR", (1, 2), (1, 5), 2.5)])
    assert [(each.promise, each.kept) for each in report.verdicts(found)] == [
        ("p99 of good clients beside 40 x NOOP: <= 2 x", True),
        ("p99 of good clients beside 40 x RETR: <= 2 x", False),
    ]


def test_a_table_is_aligned():
    assert report.table(["a", "b"], [["xyz", "1"], ["q", "22"]]) == (
        "| a   |  b |\n|-----|---:|\n| xyz |  1 |\n| q   | 22 |\n"
    )


def test_the_page_is_complete_and_fits_a_screen():
    step = Step(1.5, 0.5)
    found = findings(
        series=[series(name, 1, 2, tls=tls) for tls in (True, False) for name in ("Gatepost", "Dovecot, tuned+shared")],
        idle=[Idle("Dovecot, tuned+shared", True, 10_000, 1234.5, 1234.5, 10_000, 123)],
        failures=["Dovecot, tuned, 9 idle connections: it closed"],
        large=[Large("Dovecot, tuned+shared", 1, 100_000, step, step, step, 100)],
        scale=[Scale("A mailbox of 5 messages", "one flag", 2.5, 2.0)],
        fairness=[Fairness("TOP of a header of 1 MiB", (10.5, 20.5), (10.5, 20.5), 12.5)],
    )
    page = report.render(found)
    assert all(
        title in page
        for title in (
            "## Sessions",
            "## Idle",
            "## A maildrop",
            "## A mailbox of 5",
            "## Hostile pipelines",
            "## Machine",
            "## Again",
            "- Dovecot, tuned, 9",
        )
    )
    assert max(map(len, page.splitlines())) <= 110
