"""Pages made from code are up to date, and links lead somewhere."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def load_tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_docs = load_tool("make_docs")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("path", make_docs.pages(), ids=lambda path: path.name)
def test_made_pages_are_up_to_date(path):
    assert path.read_text("utf-8") == make_docs.pages()[path], "run `make docs`"


def test_a_made_part_keeps_the_rest_of_its_page():
    page = "a\n<!-- made: x -->\nold\n<!-- end -->\nb\n"
    assert make_docs.with_made_part(page, "x", "new\n") == "a\n<!-- made: x -->\n\nnew\n\n<!-- end -->\nb\n"


@pytest.mark.parametrize("rfc", make_docs.rfcs(), ids=lambda rfc: str(rfc["number"]))
def test_every_rfc_says_where_it_is_done_or_why_not(rfc):
    assert rfc["status"] in ("complete", "partial", "none")
    assert rfc["title"]
    if rfc["status"] == "none":
        assert rfc["remark"]
    else:
        assert rfc["where"]
    if rfc["status"] == "partial":
        assert rfc["remark"]
    for place in rfc.get("where", []):
        assert (ROOT / place).exists(), place


def test_no_rfc_twice():
    numbers = [rfc["number"] for rfc in make_docs.rfcs()]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} -> {target}"
