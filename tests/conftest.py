"""What all tests share: fixed randomness, an option for long runs, and skips that nobody overlooks."""

from collections import Counter

import pytest
from hypothesis import settings

settings.register_profile("fixed", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile("fixed")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the long forms of fault and property tests")
    parser.addoption("--kills", type=int, default=200, help="how often tests/faults/test_kill.py kills (200)")


@pytest.fixture(scope="session")
def long_run(request):
    """Whether the long forms were asked for."""
    return request.config.getoption("--long")


@pytest.fixture(scope="session")
def kills(request):
    """How many processes of a server at work are killed."""
    return request.config.getoption("--kills")


def pytest_terminal_summary(terminalreporter):
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section(f"{reasons.total()} tests SKIPPED", sep="!", yellow=True, bold=True)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5} {reason.removeprefix('Skipped: ')}")
