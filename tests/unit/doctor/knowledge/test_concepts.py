"""A thing and what happened to it near by mean a row where no message is known."""

from gatepost.doctor.knowledge import load
from gatepost.doctor.knowledge.concepts import Concepts, Finder
from gatepost.doctor.knowledge.load import _concepts
from gatepost.doctor.knowledge.plain import normalised

FINDER = Finder(
    Concepts(
        things={"certificate": ("certificate",), "login": ("login", "authenticat"), "entry": ("denied entry",)},
        happenings={"expired": ("expired",), "failed": ("failed", "denied")},
        means={
            "C1": ("certificate expired",),
            "C30": ("certificate failed",),
            "A1": ("login failed", "login expired"),
            "A2": ("entry failed",),
        },
    )
)


def found(text):
    return [each.row for each in FINDER.find(text)]


def test_a_pair_means_its_row_in_either_order():
    assert found("the certificate of x has expired") == ["C1"]
    assert found("expired: the certificate") == ["C1"]


def test_words_far_apart_mean_nothing():
    assert found(f"certificate {'x' * 60} expired") == []
    assert found("a certificate") == []
    assert found("") == []


def test_the_nearest_goes_first_and_each_row_once():
    assert found("certificate failed, expired, certificate failed") == ["C30", "C1"]
    assert [each.words for each in FINDER.find("login failed, expired")] == ["login failed"]
    assert [each.words for each in FINDER.find("login expired, failed")] == ["login expired"]


def test_things_are_beginnings_of_words_and_happenings_are_words():
    assert found("authentication failed") == ["A1"]
    assert found("authentication failedover") == []
    assert found("prelogin failed") == []


def test_words_are_looked_for_as_normalised_texts_have_them():
    finder = Finder(Concepts({"name": ("user-name ",)}, {"invalid": ("invalid", "can't")}, {"A1": ("name invalid",)}))
    assert [each.row for each in finder.find(normalised("Invalid user name given"))] == ["A1"]
    assert [each.row for each in finder.find(normalised("user name could not"))] == ["A1"]
    assert finder.find(normalised("Invalid user names")) == []


def test_one_word_is_no_pair():
    assert found("denied entry") == []
    assert found("denied entry failed") == ["A2"]


def test_the_file_names_only_what_there_is():
    concepts = _concepts()
    for row, pairs in concepts.means.items():
        assert load().row(row)
        for pair in pairs:
            thing, happening = pair.split()
            assert thing in concepts.things
            assert happening in concepts.happenings
