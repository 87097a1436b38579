"""Dovecot and Postfix, well configured, on free ports of loopback, in a folder of their own. Only for root.

with daemons(identity, user, password) as ports:
    ports["imaps"], ports["submission"], …
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.doctor_zoo import Identity
from support.server import PATIENCE, free_port

OWNER = 26214
"""Number of the owner of the mail; it needs no name, and Dovecot refuses root."""
DOVECOT = """
base_dir = {place}/run
state_dir = {place}/state
log_path = {place}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = required
ssl_cert = <{identity}
ssl_key = <{identity}
ssl_min_protocol = TLSv1.2
auth_mechanisms = plain login
mail_location = maildir:{place}/mail
first_valid_uid = {owner}
passdb {{
  driver = static
  args = user={user} password={password}
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner} home={place}/mail
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
}}
service auth {{
  unix_listener {place}/queue/private/auth {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
"""
POSTFIX = """
compatibility_level = 3.6
myhostname = mail.example.test
mydestination = localhost
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
queue_directory = {place}/queue
data_directory = {place}/data
maillog_file = {place}/postfix.log
maillog_file_prefixes = {place}
alias_maps =
smtpd_tls_chain_files = {identity}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_mandatory_protocols = >=TLSv1.2
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
message_size_limit = 52428800
"""
MASTER = """
127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
127.0.0.1:{submissions} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
SERVICES = ("imap", "imaps", "pop3", "pop3s", "smtp", "submission", "submissions")

only_here = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/usr/lib/dovecot/imap").exists() or not shutil.which("postfix"),
    reason="needs root, Dovecot and Postfix (packages dovecot-imapd, dovecot-pop3d and postfix)",
)


@contextmanager
def daemons(identity: Identity, user: str, password: str) -> Iterator[dict[str, int]]:
    """Both, until the block ends; the port of each service."""
    ports = {service: free_port() for service in SERVICES}
    with ExitStack() as stack:
        place = Path(tempfile.mkdtemp(prefix="doctor-daemons-"))
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        place.chmod(0o755)  # neither daemon keeps root's rights
        words = {"place": place, "identity": identity.file, "owner": OWNER, "user": user, "password": password, **ports}
        stack.enter_context(_postfix(place, words))
        stack.enter_context(_dovecot(place, words))
        yield ports


@contextmanager
def _postfix(place: Path, words: dict[str, object]) -> Iterator[None]:
    for name in ("etc", "queue"):
        (place / name).mkdir()
    (place / "data").mkdir()
    shutil.chown(place / "data", "postfix")
    (place / "etc" / "main.cf").write_text(POSTFIX.format(**words))
    (place / "etc" / "master.cf").write_text(MASTER.format(**words))
    run("postfix", "-c", str(place / "etc"), "start")
    try:
        yield
    finally:
        run("postfix", "-c", str(place / "etc"), "stop")


@contextmanager
def _dovecot(place: Path, words: dict[str, object]) -> Iterator[None]:
    (place / "mail").mkdir()
    os.chown(place / "mail", OWNER, OWNER)
    (place / "dovecot.conf").write_text(DOVECOT.format(**words))
    run("dovecot", "-c", str(place / "dovecot.conf"))
    try:
        yield
    finally:
        run("dovecot", "-c", str(place / "dovecot.conf"), "stop")


def run(*command: str) -> None:
    """A daemon keeps the output of the command that began it: it goes to a file, whose end nobody waits for."""
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, check=False, timeout=PATIENCE
        )
        said.seek(0)
        assert done.returncode == 0, f"{command}: {said.read().decode()}"
