"""Runs every check to its end, says which failed, and ends with one line of counts.

`--fast`: lint, types, import rules and the tests of the pure modules. Otherwise everything that CI runs.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

BUILD = Path("build")
RESULTS = BUILD / "tests.xml"
LEAST_COVERAGE = "90"
PROCESSES = "2"

Step = tuple[str, list[str]]


def module(name: str, *arguments: str) -> list[str]:
    """A tool of this virtual environment."""
    return [sys.executable, "-m", name, *arguments]


FAST: list[Step] = [
    ("lint", module("ruff", "check", "--quiet", ".")),
    ("format", module("ruff", "format", "--quiet", "--check", ".")),
    ("types", module("mypy")),
    ("import rules", [str(Path(sys.executable).with_name("lint-imports"))]),
    ("pure modules", [sys.executable, "tools/pure_coverage.py"]),
]

FULL: list[Step] = [
    *FAST,
    ("coverage, begin", module("coverage", "erase")),
    (
        "tests",
        module("pytest", "-n", PROCESSES, "--dist", "worksteal", "--cov", "--cov-report=", f"--junit-xml={RESULTS}"),
    ),
    ("coverage", module("coverage", "report", f"--fail-under={LEAST_COVERAGE}")),
]


def main() -> int:
    """Runs the steps; returns the exit code."""
    BUILD.mkdir(exist_ok=True)
    RESULTS.unlink(missing_ok=True)
    fast = "--fast" in sys.argv[1:]
    failed = [name for name, command in (FAST if fast else FULL) if not passes(name, command)]
    print(f"\nFAILED: {', '.join(failed)}" if failed else "\nAll checks passed.")
    if not fast:
        print(counts())
    return 1 if failed else 0


def passes(name: str, command: list[str]) -> bool:
    """Runs one step with its output in sight."""
    print(f"\n── {name}", flush=True)
    begin = time.monotonic()
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    print(f"── {name}: {'passed' if code == 0 else 'FAILED'} after {time.monotonic() - begin:.1f} s", flush=True)
    return code == 0


def counts() -> str:
    """`N passed, N failed, N skipped`, from the results that pytest wrote."""
    if not RESULTS.exists():
        return "0 passed, 1 failed, 0 skipped"
    suites = list(ET.parse(RESULTS).iter("testsuite"))

    def total(kind: str) -> int:
        return sum(int(suite.get(kind, 0)) for suite in suites)

    failed, skipped = total("failures") + total("errors"), total("skipped")
    return f"{total('tests') - failed - skipped} passed, {failed} failed, {skipped} skipped"


if __name__ == "__main__":
    sys.exit(main())
