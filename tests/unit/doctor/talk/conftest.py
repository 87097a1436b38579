"""A dialog on a table: what is typed and what the server says go in, effects come out."""

from __future__ import annotations

import pytest

from gatepost.doctor.talk.dialog import Dialog
from gatepost.doctor.talk.effects import Channel, Send, Show, Tone

SAFE = Channel(encrypted=True, verified=True, facts=("TLSv1.3 with X; the certificate is verified.",))
UNSURE = Channel(encrypted=True, verified=False, why_not="self-signed certificate", facts=("TLSv1.3 with X.",))
CLEAR = Channel()

HELLO = {"pop3": "+OK hi", "imap": "* OK hi", "smtp": "220 hi"}


class Table:
    """Runs a dialog by lines and keeps all that it wants."""

    def __init__(self, protocol: str, channel: Channel = SAFE, *, greeting: str | None = "", **options) -> None:
        self.dialog = Dialog(protocol, channel, **options)
        self.effects: list[object] = []
        if greeting is not None:
            self.hear(greeting or HELLO[protocol])

    def type(self, *lines: str) -> Table:
        for line in lines:
            self.take(self.dialog.typed(line))
        return self

    def hear(self, *lines: str) -> Table:
        for line in lines:
            self.take(self.dialog.received(line.encode() + b"\r\n"))
        return self

    def take(self, effects: object) -> Table:
        self.effects += effects
        return self

    @property
    def sent(self) -> list[bytes]:
        return [effect.octets for effect in self.effects if isinstance(effect, Send)]

    @property
    def shown(self) -> list[str]:
        """What the person sees of what is sent."""
        return [effect.shown for effect in self.effects if isinstance(effect, Send)]

    def said(self, tone: Tone) -> list[str]:
        return [effect.text for effect in self.effects if isinstance(effect, Show) and effect.tone is tone]

    @property
    def warnings(self) -> str:
        return " ".join(self.said(Tone.WARNING))

    @property
    def notes(self) -> list[str]:
        return self.said(Tone.NOTE)

    def wants(self, kind: type) -> bool:
        return any(isinstance(effect, kind) for effect in self.effects)

    def everything(self) -> str:
        """All that anybody could see: texts and representations."""
        return repr(self.effects) + repr(self.dialog.__dict__) + self.dialog.prompt


@pytest.fixture
def table():
    return Table
