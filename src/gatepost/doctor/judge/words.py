"""Recognises a server's words with the book, knowing whose server it is."""

from __future__ import annotations

from gatepost.doctor.knowledge import Book, Match


def best_match(words: bytes, protocol: str, provider: str, book: Book, *, general: str = "") -> Match | None:
    """The row that a reply means; None: unknown. Rows of another provider than the known one are left out.

    Where the provider is known its own rows go first: the same words mean more there. `general` is a row that says
    nothing but that it was a refusal: every other one says more.
    """
    found = book.match(words.decode("utf-8", "backslashreplace"), protocol=protocol, provider=provider)
    return next((each for each in found if each.id != general), None)
