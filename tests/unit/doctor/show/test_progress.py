import io

from gatepost.doctor.model import Progress, Stage, Status
from gatepost.doctor.show.progress import Board, Display
from gatepost.doctor.show.sheet import Look
from support.doctor_reports import ESCAPE, Words


def news(subject, status=None, text="", stage=Stage.TLS):
    return Progress(stage, subject, text, status)


def test_the_latest_news_of_each_subject_stand_last():
    board = Board(Words())
    board.note(news("imaps a:993"))
    board.note(news("pop3s a:995", text="connecting"))
    board.note(news("imaps a:993", Status.PASS, "TLSv1.3"))
    assert board.lines(Look(), 5) == ["…  pop3s a:995: connecting", "✓ ok  imaps a:993: TLSv1.3"]
    assert board.lines(Look(), 1) == ["✓ ok  imaps a:993: TLSv1.3"]


def test_what_has_no_text_shows_its_stage():
    board = Board(Words())
    board.note(news("a", Status.FAIL))
    assert board.lines(Look(), 5) == ["✗ FAIL  a: encryption and certificate"]


def test_lines_are_cut_safe_and_painted():
    board = Board(Words())
    board.note(news("host" + ESCAPE + "x" * 300, Status.WARN))
    assert all(len(line) < 40 for line in board.lines(Look(width=40), 5))
    painted = board.lines(Look(width=40, colour=True), 5)[0]
    assert painted.startswith("\x1b[30;43m! WARN\x1b[0m  host\\x1b[2J")
    assert board.lines(Look(width=40, unicode=False), 5)[0].isascii()
    assert board.lines(Look(width=2), 5)


def test_a_board_has_an_end():
    board = Board(Words())
    for number in range(1000):
        board.note(news(str(number), Status.PASS))
    assert len(board.lines(Look())) == 200


def test_the_display_paints_over_itself_and_goes_away():
    stream, board = io.StringIO(), Board(Words())
    display = Display(stream, board, lambda: (Look(), 5))
    display(news("a"))
    display(news("b"))
    display.clear()
    display.clear()
    assert stream.getvalue() == (
        "…  a: encryption and certificate\n"
        "\x1b[1F\x1b[J…  a: encryption and certificate\n…  b: encryption and certificate\n"
        "\x1b[2F\x1b[J"
    )
