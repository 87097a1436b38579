"""Who speaks in a text, and from which side."""

import pytest

from gatepost.doctor.knowledge.plain import normalised
from gatepost.doctor.knowledge.row import Heard
from gatepost.doctor.knowledge.speaker import Ear, Side, Speaker
from gatepost.doctor.model import Stage

EAR = Ear(
    (
        Speaker(name="Dovecot", side=Side.SERVER, signs=("dovecot: ", "imap-login: ")),
        Speaker(name="fetchmail", signs=("fetchmail", "poll started"), advice=("ask your administrator",)),
        Speaker(name="msmtp", signs=("msmtp",), protocol="smtp"),
        Speaker(provider="Gmail", signs=("imap.gmail.com",)),
    )
)


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("", Heard()),
        ("a cat", Heard()),
        ("fetchmail: nothing", Heard(speaker="fetchmail", side="client")),
        ("dovecot: fetchmail poll started", Heard(speaker="Dovecot", side="server")),
        ("msmtp: imap imap", Heard(speaker="msmtp", side="client", protocol="smtp")),
        ("imap.gmail.com:993: no", Heard(provider="Gmail", protocol="imap")),
        ("-ERR wrong password", Heard(protocol="pop3", step=Stage.LOGIN)),
        ("imap and smtp: unknown host", Heard(step=Stage.NAMES)),
        ("smtp RCPT TO refused after TLS", Heard(protocol="smtp", step=Stage.MAILBOX)),
    ],
)
def test_it_is_heard(text, heard):
    assert EAR.heard(normalised(text)) == heard


def test_standing_advice_is_left_out():
    assert EAR.without_advice("no: ask your administrator!") == "no:  !"
