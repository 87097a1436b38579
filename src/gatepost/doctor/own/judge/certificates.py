"""Certificates: what the ports show against what the files hold, and who may read the keys. Rows O20-O29."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Status
from gatepost.doctor.own.facts import CertificateFile, Host, Shown
from gatepost.net.certificates import covers

DAY: Final = 86_400
SOON: Final = 14 * DAY
"""Renewals are due at a third of a certificate's life; with less than this left something is broken."""
SHORT: Final = 6
"""A certificate that lives for days only may use up all but a sixth of its life."""
_OTHERS: Final = 0o007
_GROUP_WRITES: Final = 0o020


def certificates(host: Host, book: Book) -> list[Finding]:
    """Everything about them."""
    served = {each.fingerprint for each in host.shown if not each.problem}
    found = [finding for file in host.files for finding in _file(file, served, host, book)]
    found += _shown(host, book)
    found += _names(host, book)
    found += _secrets(host, book)
    if host.files and all(file.local for file in host.files):
        found.append(book.finding("O27", subject=host.files[0].file))
    return found


def _file(file: CertificateFile, served: set[str], host: Host, book: Book) -> Iterator[Finding]:
    subject = file.file
    if file.forbidden:
        yield book.finding("O28", subject=subject, user=host.user, file=file.file)
    elif file.problem and file.fingerprint not in served and not file.local:  # our own is made anew at the start
        yield book.finding("O5", subject=subject, file=file.file, text=file.problem)


def _shown(host: Host, book: Book) -> Iterator[Finding]:
    """One finding for each certificate, however many ports show it."""
    known = {file.fingerprint: file for file in host.files if file.fingerprint}
    for shown, places in _by_certificate(host):
        if shown.problem:
            yield book.finding("O26", subject=places, evidence=shown.problem, where=places)
            continue
        parameters: dict[str, Any] = {"where": places, "date": day(shown.expires), "names": ", ".join(shown.names)}
        file = known.get(shown.fingerprint)
        if known and file is None:
            files = ", ".join(each.file for each in known.values())
            status = Status.FAIL if host.now >= shown.expires else Status.WARN
            yield book.finding(
                "O4", subject=places, status=status, file=files, evidence=shown.fingerprint, **parameters
            )
        elif host.now >= shown.expires:
            yield book.finding("O20", subject=places, file=file.file if file else "", **parameters)
        elif shown.expires - host.now < _soon(file):
            left = str(int((shown.expires - host.now) // DAY))
            yield book.finding("O18", subject=places, days=left, file=file.file if file else "", **parameters)


def _by_certificate(host: Host) -> Iterator[tuple[Shown, str]]:
    """Each different answer, and the ports that gave it."""
    answers: dict[tuple[str, str], tuple[Shown, list[str]]] = {}
    for shown in host.shown:
        place = f"{shown.listener.service.name} {shown.listener.where}"
        _, places = answers.setdefault((shown.fingerprint, shown.problem), (shown, []))
        if place not in places:
            places.append(place)
    for shown, places in answers.values():
        yield shown, ", ".join(places)


def _soon(file: CertificateFile | None) -> float:
    return min(SOON, (file.expires - file.begins) / SHORT) if file else SOON


def _names(host: Host, book: Book) -> Iterator[Finding]:
    """The host's name on every port; other names of ours that DNS sends people to, in any certificate."""
    lacking = [
        each
        for each in host.shown
        if each.asked_for == host.hostname and not each.problem and not covers(each.names, host.hostname)
    ]
    for shown in lacking[:1]:
        places = ", ".join(f"{each.listener.service.name} {each.listener.where}" for each in lacking)
        names = ", ".join(shown.names)
        row = "O87" if all(file.local for file in host.files) else "O6"
        yield book.finding(row, subject=places, name=host.hostname, names=names, evidence=names)
    for name in host.names:
        files = [file for file in host.files if file.names]
        wanted = name.host in service_names(host) and name.ours and files
        if wanted and not any(covers(file.names, name.host) for file in files):
            names = ", ".join(each for file in files for each in file.names)
            yield book.finding("O6", subject=name.host, name=name.host, names=names, evidence=names)


def service_names(host: Host) -> set[str]:
    """Hosts that SRV records name, without the host name itself."""
    records = [value for each in host.published for service in each.services for value in service.lookup.values]
    return {record.rpartition(" ")[2].rstrip(".").lower() for record in records} - {"", host.hostname}


def _secrets(host: Host, book: Book) -> Iterator[Finding]:
    for each in host.data.secrets:
        if each.mode & (_OTHERS | _GROUP_WRITES):
            mode = f"{each.mode:04o}"
            status = Status.FAIL if each.mode & _OTHERS else Status.WARN
            text = book.phrase("own.read_by_all" if each.mode & _OTHERS else "own.written_by_group")
            yield book.finding(
                "O14",
                subject=each.path,
                status=status,
                evidence=mode,
                file=each.path,
                text=text,
                command=f"chmod 600 {each.path}",
            )


def day(seconds: float) -> str:
    """`2026-11-23`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
