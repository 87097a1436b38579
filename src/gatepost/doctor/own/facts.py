"""What was seen of a Gatepost host, without any opinion. Times are Unix seconds, sizes octets."""

from __future__ import annotations

from msgspec import Struct

from gatepost.config.findings import Finding as ConfigFinding
from gatepost.config.settings import Settings
from gatepost.doctor.facts import Discovery, Lookup, Reach
from gatepost.net.portholder import Holder
from gatepost.net.status import Status
from gatepost.ports import Listener
from gatepost.store.api import Health


class Door(Struct, frozen=True):
    """One configured listener, and who really listens there."""

    listener: Listener
    reach: Reach
    """How a connection over this machine's own addresses ended."""
    error: str = ""
    holders: tuple[Holder, ...] = ()
    """Processes that listen on the number, as far as we may see them."""


class Shown(Struct, frozen=True):
    """The certificate that a listener showed when it was asked for a name."""

    listener: Listener
    asked_for: str
    """Empty: for none in particular."""
    names: tuple[str, ...] = ()
    expires: int = 0
    fingerprint: str = ""
    problem: str = ""
    """Why none was shown; the other fields are empty then."""


class CertificateFile(Struct, frozen=True):
    """A certificate and its key on disk."""

    file: str
    key: str
    names: tuple[str, ...] = ()
    begins: int = 0
    expires: int = 0
    fingerprint: str = ""
    problem: str = ""
    """Why the server could not use the pair, with the fix behind a line end; empty: it can."""
    forbidden: bool = False
    """It could not be looked at only because of who asks."""
    local: bool = False
    """Gatepost's own authority issued it."""


class Mode(Struct, frozen=True):
    """Owner and permissions of a file or directory."""

    path: str
    mode: int
    """The permission bits."""
    owner: str


class Disk(Struct, frozen=True):
    """The file system of the data directory."""

    size: int
    free: int
    """For a process without privileges."""
    inodes: int
    """0: the file system does not count them."""
    inodes_free: int


class Clock(Struct, frozen=True):
    """What the kernel knows of its own clock."""

    synchronised: bool
    error_seconds: float
    """Its own estimate of the largest error."""


class Limits(Struct, frozen=True):
    """What the system lets the running server have. 0: unknown or unlimited."""

    open_files: int = 0
    memory: int = 0
    """Of the machine, or of the control group if that is less."""


class FirewallRule(Struct, frozen=True):
    """A rule of the packet filter that mentions one of our ports."""

    chain: str
    text: str
    ports: tuple[int, ...]


class Firewall(Struct, frozen=True):
    """This machine's packet filter."""

    rules: tuple[FirewallRule, ...] = ()
    drops: tuple[str, ...] = ()
    """Input chains that drop what no rule accepts."""
    fail2ban: bool = False


class Unit(Struct, frozen=True):
    """Whether the machine starts the server by itself."""

    systemd: bool
    file: str = ""
    """The unit; empty: there is none."""
    enabled: bool = False


class Data(Struct, frozen=True):
    """The data directory."""

    path: str
    exists: bool
    readable: bool = True
    """False: this user may not look into it."""
    octets: int = 0
    began: float = 0.0
    """When the installation was made, as far as its files tell; 0: unknown."""
    newest: float = 0.0
    """The latest time of any file."""
    last_backup: float | None = None
    owner: str = ""
    secrets: tuple[Mode, ...] = ()
    """Keys and the like, those that the configuration names elsewhere too: they are to be read by nobody else."""
    strangers: tuple[Mode, ...] = ()
    """What does not belong to the owner of the directory."""
    first_login: bool = False
    """The file with the generated password is still there."""


class Name(Struct, frozen=True):
    """What DNS says of a host name."""

    host: str
    lookups: tuple[Lookup, ...]
    ours: tuple[str, ...] = ()
    """Those of its addresses that belong to this machine."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """All that it has."""
        return tuple(value for lookup in self.lookups for value in lookup.values)


class Service(Struct, frozen=True):
    """The SRV records of a domain for one row of the port table."""

    service: str
    lookup: Lookup


class Published(Struct, frozen=True):
    """What DNS and the web say of a local domain."""

    domain: str
    mx: Lookup
    services: tuple[Service, ...]
    discovery: Discovery | None = None
    """Autoconfig and the like; None: not looked for."""


class Outward(Struct, frozen=True):
    """An attempt to reach another mail server on the port of server-to-server mail."""

    host: str
    port: int
    reach: Reach
    error: str = ""


class Host(Struct, frozen=True, kw_only=True):
    """All that was seen."""

    now: float
    version: str
    config_file: str
    """Empty: none was found, the defaults are in force."""
    settings: Settings
    configuration: tuple[ConfigFinding, ...]
    hostname: str
    """Under which mail programs are to know this machine."""
    outgoing: str
    """The address from which this machine reaches others."""
    user: str
    """Who asks."""
    root: bool
    """Whether that is root."""
    data: Data
    status: Status | None
    """None: the server does not run, or may not be asked."""
    supervisor_user: str = ""
    """As whom the running supervisor really runs."""
    listeners: tuple[Listener, ...] = ()
    doors: tuple[Door, ...] = ()
    shown: tuple[Shown, ...] = ()
    files: tuple[CertificateFile, ...] = ()
    disk: Disk | None = None
    clock: Clock | None = None
    limits: Limits = Limits()
    firewall: Firewall = Firewall()
    unit: Unit = Unit(systemd=False)
    names: tuple[Name, ...] = ()
    """The host name first, then the targets of SRV and MX records."""
    published: tuple[Published, ...] = ()
    resolved: bool = False
    """Whether DNS was asked at all."""
    store: Health | None = None
    """None: it could not be asked."""
    smtp_holders: tuple[Holder, ...] = ()
    """Who listens for mail from other servers on this machine, whether it is us or not."""
    smtp_listens: bool = False
    outward: Outward | None = None
    """None: not tried."""

    def name(self, host: str) -> Name | None:
        """What DNS says of it."""
        return next((each for each in self.names if each.host == host), None)

    def others_at(self, door: Door) -> tuple[Holder, ...]:
        """Who has the port, if we do not have it, as far as we may know who we are.

        With socket activation systemd (process 1) holds it for us.
        """
        status = self.status
        own = {1, *((status.pid, *(each.pid for each in status.processes)) if status else ())}
        if not self.data.readable or any(holder.pid in own for holder in door.holders):
            return ()
        return door.holders
