from gatepost.doctor.model import Status
from gatepost.doctor.show.sheet import Look, Sheet, paint
from support.doctor_reports import Words


def sheet(**look):
    return Sheet(Look(**look), Words())


def test_a_result_is_wrapped_under_itself():
    page = sheet(width=30)
    page.result(Status.FAIL, "The certificate expired three days ago.")
    assert page.text() == "✗ FAIL  The certificate\n        expired three days\n        ago.\n"


def test_the_words_of_all_results_stand_in_one_column():
    page = sheet()
    for status in Status:
        page.result(status, "x")
    assert {line.index("x", 3) for line in page.text().splitlines()} == {8}


def test_colour_stands_around_words_only_and_yellow_letters_never():
    page = sheet(colour=True)
    for status in Status:
        page.result(status, "text", bold=status is Status.FAIL)
    text = page.text()
    assert "\x1b[1;31m✗ FAIL\x1b[0m  \x1b[1mtext\x1b[0m\n" in text
    assert "\x1b[30;43m! WARN\x1b[0m  text\n" in text
    assert "\x1b[32m✓ ok\x1b[0m    text\n" in text
    assert "- skip  text\n" in text


def test_a_step_is_smaller_where_there_is_little_room():
    assert (sheet(width=80).step, sheet(width=40).step) == (4, 2)


def test_without_colour_there_is_no_escape():
    assert paint(Look(), "x", Status.FAIL) == "x"
    assert paint(Look(colour=True), "x", "") == "x"


def test_ascii_where_nothing_else_is_known():
    page = sheet(unicode=False)
    page.result(Status.PASS, "„fine“ …")
    page.command("echo „x“", 2)
    assert page.text() == '+ ok    "fine" ...\n  $ echo "x"\n'


def test_labels_beside_or_inside_their_text():
    wide, narrow = sheet(width=60), sheet(width=40)
    for page in (wide, narrow):
        page.labelled("Cause", "word " * 12, 2, 8)
        page.command("openssl " + "x" * 80, 2, "Proof", 8)
    assert wide.text().splitlines()[:2] == [
        "  Cause     word word word word word word word word word",
        "            word word word",
    ]
    assert wide.text().splitlines()[2].startswith("  Proof     $ openssl x")
    assert narrow.text().splitlines()[0] == "  Cause: word word word word word word"
    assert narrow.text().splitlines()[1] == "    word word word word word word"
    assert narrow.text().splitlines()[2:] == ["  Proof:", "  $ openssl " + "x" * 80]


def test_an_empty_text_is_still_a_line():
    page = sheet()
    page.labelled("Cause", "", 0, 5)
    page.paragraph("")
    assert page.text() == "Cause\n"


def test_headings_have_one_empty_line_around_them():
    page = sheet()
    page.heading("One")
    page.blank()
    page.paragraph("text", 2)
    page.heading("Two")
    assert page.text() == "One\n\n  text\n\nTwo\n"


def test_a_table_that_fits_is_put_down_and_one_that_does_not_is_not():
    page = sheet(width=20)
    assert page.table(("", "a"), [("Server", "日本"), ("Port", "1")], 2)
    assert not page.table(("", "a"), [("Server", "x" * 20)], 2)
    assert page.text() == "          a\n  Server  日本\n  Port    1\n"


def test_what_comes_from_outside_is_made_safe():
    page = sheet(colour=True)
    page.paragraph("a\x1b[31mb\nc")
    page.labelled("\x07", "\x9b", 0, 4)
    page.command("$(x)\x1b", 0)
    assert page.table(("\x1b",), [("\x7f",)], 0)
    assert "\x1b" not in page.text().replace("\x1b[1m", "").replace("\x1b[0m", "")
