"""Checks that every pure module is covered in full, lines and branches, by its own test file.

The tests of all pure modules run once, with coverage noting which test ran each line. Then each module's report
counts only what its own test file ran (and what runs at import, which belongs to no test).
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from coverage import Coverage

SOURCE = Path("src/gatepost")
TESTS = Path("tests/unit")
DATA = Path("build/pure.coverage")

CONTRACT = "Pure modules know bytes and values only"
"""The import rule in pyproject.toml that says which modules are pure, and which of them are excepted."""


def main() -> int:
    """Runs the tests and judges the modules; returns the exit code."""
    modules = pure_modules()
    missing = [str(own_test(module)) for module in modules if not own_test(module).exists()]
    if missing:
        print("Pure modules without a test file of their own:", *missing, sep="\n  ")
    code = run_tests([own_test(module) for module in modules if own_test(module).exists()])
    incomplete = [report for module in modules if (report := shortfall(module))]
    print(*incomplete, sep="\n")
    print(f"{len(modules)} pure modules, {len(modules) - len(incomplete)} covered in full by their own test file.")
    return 1 if code or missing or incomplete else 0


def pure_modules() -> list[Path]:
    """The pure modules that hold code; a package's `__init__.py` holds only what the package is."""
    rules = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    rule = next(rule for rule in rules if rule["name"] == CONTRACT)
    found = {path for name in rule["source_modules"] for path in files_of(name)}
    excepted = {path for line in rule["ignore_imports"] for path in files_of(line.split()[0])}
    return sorted(path for path in found - excepted if path.name != "__init__.py")


def files_of(name: str) -> list[Path]:
    """The files of a module or package, by its dotted name."""
    path = Path("src", *name.split("."))
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def own_test(module: Path) -> Path:
    """`pop3/parse.py` has `tests/unit/pop3/test_parse.py`."""
    return TESTS / module.relative_to(SOURCE).with_name(f"test_{module.name}")


def run_tests(files: list[Path]) -> int:
    """Runs the test files in two processes; returns pytest's exit code."""
    DATA.parent.mkdir(exist_ok=True)
    options = ["-n", "2", "--dist", "loadfile", "--cov", "--cov-branch", "--cov-context=test", "--cov-report="]
    environment = os.environ | {"COVERAGE_FILE": str(DATA)}
    command = [sys.executable, "-m", "pytest", *options, *map(str, files)]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


def shortfall(module: Path) -> str:
    """The report on a module that its own test file does not cover in full; else nothing."""
    coverage = Coverage(data_file=DATA)
    coverage.load()
    own = [f"^{re.escape(str(own_test(module)))}::", "^$"]
    text = io.StringIO()
    share = coverage.report(morfs=[str(module)], contexts=own, file=text, show_missing=True, skip_covered=False)
    return "" if share == 100 else text.getvalue()


if __name__ == "__main__":
    sys.exit(main())
