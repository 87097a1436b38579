import pytest
from benchmarks.__main__ import FULL, PARTS, PEERS, QUICK, arguments, plan


def test_everything_by_default():
    options = arguments([])
    assert (options.only, options.parts) == (list(PEERS), list(PARTS))
    assert plan(options) == FULL


def test_options_change_the_plan():
    todo = plan(arguments(["--quick", "--rounds", "9"]))
    assert (todo.rounds, todo.seconds, todo.crowds) == (9, QUICK.seconds, QUICK.crowds)


def test_an_unknown_server_is_named(capsys):
    with pytest.raises(SystemExit):
        arguments(["--only", "floor,courier"])
    assert "unknown: courier" in capsys.readouterr().err
