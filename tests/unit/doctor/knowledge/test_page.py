import re
import tomllib
from pathlib import Path

from gatepost.doctor.knowledge import Book, Row, load
from gatepost.doctor.knowledge.page import UNSEEN, page, row_keys
from gatepost.doctor.model import Confidence, Stage, Status, Who

ROWS = {
    "D1": Row(
        "D1",
        Stage.NAMES,
        "{host} is *not* there",
        cause="Why <b>",
        fix="Do it.",
        who=Who.YOU,
        confidence=Confidence.LIKELY,
    ),
    "T1": Row(
        "T1", Stage.REACH, "No", cause="See https://a_b.example", says=("a|b `c`", "x"), command="nc", reference="RFC 1"
    ),
    "O1": Row("O1", Stage.NAMES, "Own", cause="So it is."),
    "T0": Row("T0", Stage.REACH, "Fine", status=Status.PASS, cause="All is well."),
    "T2": Row("T2", Stage.REACH, "Without a cause"),
}
PAGE = page(Book("en", ROWS, {"default.host": "it", "who.you": "you"}, tuple))
DOCTOR = Path(__file__).parents[4] / "src" / "gatepost" / "doctor"
RULES = (Path(__file__).parents[4] / "docs" / "doctor-rules.md").read_text("utf-8")


def test_rows_stand_under_what_one_sees():
    index = PAGE[PAGE.index("## What do you see?") : PAGE.index("## What does the message say?")]
    assert "**The server is not found**\n\n- [D1](#d1) It is \\*not\\* there\n" in index
    assert "**You run a Gatepost server yourself**\n\n- [O1](#o1) Own\n" in index
    assert "T0" not in index
    assert "T2" not in index


def test_a_row_is_told():
    assert '<a id="d1"></a>\n\n### D1: It is \\*not\\* there\n\nWhy &lt;b> (likely)\n' in PAGE
    assert "**What to do:** Do it. *Whose job: you.*" in PAGE
    assert "See https://a_b.example (likely)\n\nMessages:\n\n- `` a\\|b `c` ``\n- `x`\n\n" in PAGE
    assert "By hand: `nc`\n\nMore: RFC 1\n" in PAGE


def test_messages_are_listed_in_order():
    assert "| message | cause |\n|---|---|\n| `` a\\|b `c` `` | [T1](#t1) |\n| `x` | [T1](#t1) |\n" in PAGE


def test_every_link_has_its_place():
    text = page(load())
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= set(re.findall(r'<a id="(\w+)">', text))


def test_every_key_is_explained():
    lines = row_keys().splitlines()[2:]
    assert len(lines) == len(Row.__struct_fields__) - 1
    assert all(re.fullmatch(r"\| `\w+` \| .+ \| .{10,} \|", line) for line in lines), lines


def test_the_example_in_the_documentation_works(tmp_path):
    example = re.search(r"<!-- example -->\n```toml\n(.*?)```", RULES, re.DOTALL)[1]
    (tmp_path / "house.toml").write_text(example, "utf-8")
    book = load("en", (tmp_path,))
    for text in tomllib.loads(example)["HOUSE1"]["says"]:
        assert book.match(text)[0].id == "HOUSE1"
    assert book.match("554 5.7.999 no")[0].id == "HOUSE1"
    assert book.match("night mode is on: login refused")[0].id == "HOUSE1"
    assert "4712" in book.row("A1").fix


def test_a_row_that_no_examination_finds_says_so():
    whole = page(load())
    for row, why in UNSEEN.items():
        assert f"*{why}*" in whole[whole.index(f"### {row}: ") :].partition("\n### ")[0]


def test_every_row_is_found_by_somebody_recognised_or_said_to_be_unseen():
    code = "".join(file.read_text("utf-8") for file in DOCTOR.rglob("*.py") if "knowledge" not in file.parts)
    found = set(re.findall(r'"([A-Z]{1,2}\d+)"', code))
    mute = {row.id for row in load().rows() if not (row.patterns or row.says or row.codes or row.also)}
    assert mute - found == {"T13", "T14"}
    assert mute - found <= set(UNSEEN)
    assert not set(UNSEEN) & found
