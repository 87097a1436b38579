from __future__ import annotations

import pytest

from gatepost.archive.names import decode, from_path, to_maildir, to_path


@pytest.mark.parametrize(
    "name", ["Sent", "Archive/2019", "Größe", "日本語/x", "R&D", "a.b", ".hidden", "..", ".", "a\\b", "a\x7fb", "😀"]
)
def test_names_come_back(name: str) -> None:
    shown = "".join(c if c.isprintable() else "_" for c in name)
    assert from_path(to_path(name)) == shown
    assert from_path((to_maildir(name),)) == shown


@pytest.mark.parametrize("name", ["..", ".", "../../etc", "/", "//", "a/../b", "\x00", ".ssh/x", ""])
def test_no_step_leads_elsewhere(name: str) -> None:
    for step in (*to_path(name), to_maildir(name)):
        assert step not in {"", ".", ".."}
        assert "/" not in step
        assert "\x00" not in step
    assert not any(step.startswith(".") for step in to_path(name))
    assert ".." not in to_maildir(name)


def test_maildir_names_are_modified_utf_7() -> None:
    assert to_maildir("Entwürfe/2019") == ".Entw&APw-rfe.2019"
    assert from_path((".Entw&APw-rfe.2019",)) == "Entwürfe/2019"


@pytest.mark.parametrize(("name", "text"), [("R&D", "R&D"), ("a&zz-", "a&zz-"), ("a&-b", "a&b"), ("&2D3eAA-", "😀")])
def test_what_is_not_modified_utf_7_is_taken_as_it_stands(name: str, text: str) -> None:
    assert decode(name) == text


def test_names_are_fit_for_a_terminal() -> None:
    assert from_path(("a\x1b[31m", "b&AC8-c")) == "a_[31m/b_c"
    assert from_path(()) == ""
