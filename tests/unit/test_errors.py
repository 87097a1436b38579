import inspect

import pytest

from gatepost import errors

ALL = [each for _, each in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("error", ALL)
def test_every_error_belongs_to_the_house_and_says_what_it_is(error):
    assert issubclass(error, errors.GatepostError)
    assert error.__doc__
    assert error.__name__.endswith("Error")


def test_the_families_do_not_overlap():
    families = (errors.PeerError, errors.MisuseError, errors.DomainError)
    for one in families:
        assert not any(issubclass(one, other) for other in families if other is not one)


def test_the_private_cause_stays_out_of_the_public_text():
    error = errors.StoreUnavailableError("Mail cannot be reached now.")
    error.__cause__ = OSError("/secret/path: disk on fire")
    assert str(error) == "Mail cannot be reached now."
    assert "secret" not in repr(error)
