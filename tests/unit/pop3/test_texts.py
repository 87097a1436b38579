import re

import pytest

from gatepost.pop3 import texts
from gatepost.pop3.grammar import STATUS_LIMIT
from gatepost.pop3.replies import voice
from gatepost.pop3.texts import LANGUAGES, Text

ALL = {name: value for name, value in vars(texts).items() if isinstance(value, Text)}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_in_every_language(name, language):
    text = ALL[name]
    said = text.said(language, ascii_only=False)
    assert said
    assert said == said.strip()
    assert "[" not in said
    assert said.isprintable()
    assert re.findall("%.", said) == re.findall("%.", text.en)
    assert set(re.findall("%.", said)) <= {"%d"}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("language", LANGUAGES)
def test_ascii_form_and_length(name, language):
    text = ALL[name]
    numbers = (10**18,) * text.en.count("%d")
    for ascii_only in (True, False):
        said = voice(language, ascii_only=ascii_only)
        for line in (said.ok(text, *numbers), said.err(text, *numbers)):
            assert len(line) <= STATUS_LIMIT
            assert line.endswith(b"\r\n")
            assert not ascii_only or line.isascii()


def test_each_translation_is_its_own():
    """No sentence was forgotten in another language."""
    for name, text in ALL.items():
        said = [text.said(language, ascii_only=False) for language in LANGUAGES]
        if name not in {"OCTETS", "SIZES"}:  # octets and messages are the same words in English and French
            assert len(set(said)) == len(said), name
        assert not text.ja.isascii()


def test_german_and_spanish_in_ascii():
    assert texts.MARKED.said("de", ascii_only=True) == "Nachricht %d wird bei QUIT geloescht"
    assert texts.SEND_PASSWORD.said("es", ascii_only=True) == "ahora envie la contrasena con PASS"
    assert texts.LOG_IN_FIRST.said("ja", ascii_only=True) == "log in first"
