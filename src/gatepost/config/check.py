"""What the form of the file cannot say: whether the values make sense, together and on this machine."""

from __future__ import annotations

import os
import pwd
import re
import stat
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from gatepost.config.listeners import is_on, listeners, split_place
from gatepost.config.locate import Path as Key
from gatepost.config.settings import ServiceSettings, Settings
from gatepost.config.shape import Findings, dotted
from gatepost.errors import InvalidValueError
from gatepost.ports import BY_NAME, SERVICES, Service, TlsMode

_LABEL: Final = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")
"""A label of a host name (RFC 1123 §2.1); international letters may stand as they are."""

_LONGEST_NAME: Final = 253
"""Octets of a domain name as text (RFC 1035 §2.3.4)."""

_ADDRESS_FORM: Final = "Write an IPv4 or IPv6 address, e.g. 192.0.2.1 or 2001:db8::1, without a port."


def check_values(settings: Settings, findings: Findings) -> None:
    """Notes values that cannot mean anything, that contradict each other, or that open what is closed by default."""
    _names(settings, findings)
    _networks(("limits", "allow"), settings.limits.allow, findings)
    if settings.limits.failure_delay > settings.limits.failure_delay_most:
        key: Key = ("limits", "failure_delay")
        fix = "Make `failure_delay_most` the larger one of the two."
        findings.warning(key, "`failure_delay` is longer than `failure_delay_most`", fix)
    for name, service in settings.service.items():
        _service(BY_NAME[name], service, findings)
    _duplicates(settings, findings)
    if not any(service.ready and is_on(service, settings) for service in SERVICES):
        findings.warning(("service",), "no service is on: there is nothing to serve", "Set `on = true` for pop3s.")


def check_system(settings: Settings, findings: Findings) -> None:
    """Notes what this machine lacks: files, users, permissions. Opens nothing."""
    _data(Path(settings.server.data), findings)
    if settings.server.user:
        _user(settings.server.user, findings)
    for number, certificate in enumerate(settings.tls.certificate):
        for name, path in (("file", certificate.file), ("key", certificate.key)):
            _file(("tls", "certificate", number, name), path, findings)
    for name, service in settings.service.items():
        _file(("service", name, "client_ca"), service.client_ca, findings)


def _names(settings: Settings, findings: Findings) -> None:
    for name, value in (("hostname", settings.server.hostname), ("default_domain", settings.server.default_domain)):
        fits = len(value) <= _LONGEST_NAME and all(_LABEL.fullmatch(label) for label in value.split("."))
        if value and not fits:
            fix = "Write a name such as mail.example.com: labels with dots between, no port, no `https://`, no `@`."
            findings.error(("server", name), f"`server.{name}` is not a domain name: {value}", fix)


def _service(service: Service, settings: ServiceSettings, findings: Findings) -> None:
    key: Key = ("service", service.name)
    if settings.on and not service.ready:
        fix = "Take out `on = true`; the release that serves it will switch it on."
        findings.error((*key, "on"), f"this release does not serve {service.name} yet", fix)
    _places(key, settings, findings)
    _networks((*key, "proxy_from"), settings.proxy_from, findings)
    _networks((*key, "cleartext_login_from"), settings.cleartext_login_from, findings)
    if service.tls is TlsMode.STARTTLS and settings.on and service.ready:
        secure = next(each for each in SERVICES if each.protocol == service.protocol and each.tls is TlsMode.IMPLICIT)
        problem = f"{service.name} begins without encryption: a network can keep clients from upgrading"
        fix = f"Nobody can log in before that; still, {secure.name} on {secure.port} is the safer door (RFC 8314 §3)."
        findings.warning((*key, "on"), problem, fix)
    if settings.cleartext_login_from:
        _cleartext(service, settings, findings)


def _cleartext(service: Service, settings: ServiceSettings, findings: Findings) -> None:
    key: Key = ("service", service.name, "cleartext_login_from")
    if service.tls is not TlsMode.STARTTLS:
        findings.warning(key, f"`cleartext_login_from` has no effect on {service.name}", "Take it out.")
        return
    networks = ", ".join(settings.cleartext_login_from)
    problem = f"logins from {networks} need no encryption: whoever listens there can read passwords and mail"
    findings.warning(key, problem, "Take `cleartext_login_from` out as soon as every program there can use TLS.")


def _places(key: Key, settings: ServiceSettings, findings: Findings) -> None:
    for address in settings.addresses:
        try:
            ip_address(address)
        except ValueError:
            findings.error((*key, "addresses"), f"`{address}` is not an address", _ADDRESS_FORM)
    for place in settings.listen:
        try:
            split_place(place)
        except InvalidValueError as error:
            fix = "Write address and number, e.g. 192.0.2.1:995 or [2001:db8::1]:995."
            findings.error((*key, "listen"), str(error), fix)
    if not settings.addresses and not settings.listen:
        problem = f"`{dotted(key)}` has no address to listen on"
        findings.error((*key, "addresses"), problem, "Name an address, or set `on = false`.")


def _duplicates(settings: Settings, findings: Findings) -> None:
    """The same address and number twice: the second listener could never start."""
    taken: dict[str, str] = {}
    for service in SERVICES:
        own = settings.service.get(service.name, ServiceSettings())
        try:
            places = [each.where for each in listeners(service, own, privileged=True)]
        except InvalidValueError:
            continue  # reported already
        for place in places if service.ready and is_on(service, settings) else ():
            if place in taken:
                problem = f"{service.name} and {taken[place]} both listen on {place}"
                findings.error(("service", service.name), problem, "Give one of them another number or address.")
            taken.setdefault(place, service.name)


def _networks(key: Key, networks: Iterable[str], findings: Findings) -> None:
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            findings.error(key, f"`{network}` in `{dotted(key)}` is not a network", _network_fix(network))


def _network_fix(text: str) -> str:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        return "Write an address or a network, e.g. 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32."
    return f"The part behind the prefix must be zero: {meant}."


def _user(name: str, findings: Findings) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        fix = f"Make it (`adduser --system --group {name}`), or name another one."
        findings.error(("server", "user"), f"there is no user `{name}` on this machine", fix)


def _file(key: Key, name: str, findings: Findings) -> None:
    path = Path(name)
    if not name or _closed(key, path, findings) or (path.is_file() and os.access(path, os.R_OK)):
        return
    if path.is_file():
        findings.error(key, f"may not read {path}", "Let the user who starts Gatepost read it, e.g. with `chgrp`.")
    else:
        fix = "Give the path of a PEM file; a relative one counts from the configuration's folder."
        findings.error(key, f"there is no file {path}", fix)


def _closed(key: Key, path: Path, findings: Findings) -> bool:
    """Whether this user may not even look whether it is there; that is noted."""
    try:
        path.stat()
    except PermissionError:
        fix = "Run the command as the user who starts Gatepost; if that user sees this too, open the folder to it."
        findings.error(key, f"cannot look for {path}: a folder above it is closed to this user", fix)
        return True
    except OSError:
        pass
    return False


def _data(path: Path, findings: Findings) -> None:
    key: Key = ("server", "data")
    if _closed(key, path, findings):
        return
    if path.exists() and not path.is_dir():
        findings.error(key, f"{path} is not a directory", "Name a directory; it need not exist yet.")
        return
    nearest = next(place for place in (path, *path.parents) if place.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        findings.error(key, f"may not write in {nearest}", "Name another directory, or start as a user who may.")
    elif path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        findings.warning(key, f"other users of this machine can enter {path}", f"chmod 700 {path}")
