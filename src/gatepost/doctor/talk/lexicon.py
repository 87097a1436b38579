"""The commands of each protocol: in which states they are legal, how they are written, what they do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """How far a session has come. Each protocol has its own states."""

    AUTHORIZATION = "before the login"
    """POP3 (RFC 1939 §4)."""
    TRANSACTION = "logged in"
    NOT_AUTHENTICATED = "before the log-in"
    """IMAP (RFC 9051 §3)."""
    AUTHENTICATED = "logged in, no mailbox chosen"
    SELECTED = "in a mailbox"
    BEGIN = "before EHLO"
    """SMTP (RFC 5321 §4.1.4)."""
    READY = "ready for a message"
    SENDER = "the sender is given"
    RECIPIENTS = "recipients are given"


FIRST: Final = {"pop3": State.AUTHORIZATION, "imap": State.NOT_AUTHENTICATED, "smtp": State.BEGIN}
"""Where a session of each protocol begins, and where STARTTLS puts it back to."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a protocol."""

    word: str
    usage: str
    """Its arguments; optional ones in brackets."""
    help: str
    states: tuple[State, ...]
    example: str = ""
    needs: str = ""
    """The capability without which a server does not know it."""

    @property
    def form(self) -> str:
        """The command with its arguments."""
        return f"{self.word} {self.usage}".rstrip()


_OUT = (State.AUTHORIZATION,)
_IN = (State.TRANSACTION,)
_POP = _OUT + _IN

POP3: Final = (
    Command("CAPA", "", "list what the server can do", _POP),
    Command("STLS", "", "switch this connection to TLS", _OUT, needs="STLS"),
    Command("USER", "name", "log in: the user name; PASS follows", _OUT, "USER alice@example.com"),
    Command("PASS", "password", "log in: the password (typed unseen)", _OUT),
    Command("APOP", "name digest", "log in with an MD5 digest (obsolete)", _OUT),
    Command("AUTH", "[mechanism]", "log in by SASL; /auth does it for you", _OUT, "AUTH PLAIN", "SASL"),
    Command("STAT", "", "count the messages and their octets", _IN),
    Command("LIST", "[message]", "sizes of all messages, or of one", _IN, "LIST 1"),
    Command("UIDL", "[message]", "unique-ids of all messages, or of one", _IN, "UIDL 1", "UIDL"),
    Command("RETR", "message", "show a message", _IN, "RETR 1"),
    Command("TOP", "message lines", "show a message's header and first lines", _IN, "TOP 1 10", "TOP"),
    Command("DELE", "message", "mark a message; QUIT deletes it", _IN, "DELE 1"),
    Command("RSET", "", "take all deletion marks away", _IN),
    Command("LAST", "", "the highest message read (obsolete)", _IN),
    Command("NOOP", "", "nothing; keeps the session alive", _IN),
    Command("UTF8", "", "allow UTF-8 in names and messages", _OUT, needs="UTF8"),
    Command("LANG", "[language]", "list or choose the language of replies", _POP, "LANG de", "LANG"),
    Command("QUIT", "", "end; deletes what DELE has marked", _POP),
)

_NEW = (State.NOT_AUTHENTICATED,)
_AUTH = (State.AUTHENTICATED, State.SELECTED)
_SEL = (State.SELECTED,)
_ALL = _NEW + _AUTH

IMAP: Final = (
    Command("CAPABILITY", "", "list what the server can do", _ALL),
    Command("STARTTLS", "", "switch this connection to TLS", _NEW, needs="STARTTLS"),
    Command("LOGIN", "name password", "log in (typed unseen); /auth does it for you", _NEW),
    Command("AUTHENTICATE", "mechanism", "log in by SASL; /auth does it for you", _NEW, "AUTHENTICATE PLAIN"),
    Command("ID", "list|NIL", "say who we are, ask who the server is", _ALL, "ID NIL", "ID"),
    Command("ENABLE", "capability", "switch extensions on", _AUTH, "ENABLE CONDSTORE", "ENABLE"),
    Command("LIST", "reference pattern", "list the mailboxes", _AUTH, 'LIST "" "*"'),
    Command("LSUB", "reference pattern", "list the subscribed mailboxes (obsolete)", _AUTH, 'LSUB "" "*"'),
    Command("NAMESPACE", "", "where personal and shared mailboxes are", _AUTH, needs="NAMESPACE"),
    Command("SELECT", "mailbox", "enter a mailbox", _AUTH, "SELECT INBOX"),
    Command("EXAMINE", "mailbox", "enter a mailbox, read-only", _AUTH, "EXAMINE INBOX"),
    Command("STATUS", "mailbox (items)", "count without entering", _AUTH, "STATUS INBOX (MESSAGES UNSEEN UIDNEXT)"),
    Command("CREATE", "mailbox", "make a mailbox", _AUTH, "CREATE Archive"),
    Command("DELETE", "mailbox", "remove a mailbox with its messages", _AUTH, "DELETE Archive"),
    Command("RENAME", "mailbox name", "rename a mailbox", _AUTH, "RENAME Archive Old"),
    Command("SUBSCRIBE", "mailbox", "subscribe to a mailbox", _AUTH, "SUBSCRIBE Archive"),
    Command("UNSUBSCRIBE", "mailbox", "end a subscription", _AUTH, "UNSUBSCRIBE Archive"),
    Command("APPEND", "mailbox {octets}", "store a message; it follows as a literal", _AUTH, "APPEND INBOX {310}"),
    Command("GETQUOTAROOT", "mailbox", "how much room there is", _AUTH, "GETQUOTAROOT INBOX", "QUOTA"),
    Command("IDLE", "", "wait for news; DONE ends it", _AUTH, needs="IDLE"),
    Command("FETCH", "set items", "show messages or parts of them", _SEL, "FETCH 1 (FLAGS ENVELOPE)"),
    Command("SEARCH", "criteria", "find messages", _SEL, "SEARCH UNSEEN"),
    Command("SORT", "(keys) charset criteria", "find and sort", _SEL, "SORT (DATE) UTF-8 ALL", "SORT"),
    Command("THREAD", "kind charset criteria", "group by thread", _SEL, "THREAD REFERENCES UTF-8 ALL", "THREAD"),
    Command("STORE", "set action flags", "change flags", _SEL, r"STORE 1 +FLAGS (\Seen)"),
    Command("COPY", "set mailbox", "copy messages", _SEL, "COPY 1:3 Archive"),
    Command("MOVE", "set mailbox", "move messages", _SEL, "MOVE 1:3 Archive", "MOVE"),
    Command("UID FETCH", "set items", "FETCH with unique-ids", _SEL, "UID FETCH 4:* (FLAGS)"),
    Command("UID SEARCH", "criteria", "SEARCH that answers unique-ids", _SEL, "UID SEARCH ALL"),
    Command("UID STORE", "set action flags", "STORE with unique-ids", _SEL, r"UID STORE 4 -FLAGS (\Deleted)"),
    Command("UID COPY", "set mailbox", "COPY with unique-ids", _SEL, "UID COPY 4:9 Archive"),
    Command("UID MOVE", "set mailbox", "MOVE with unique-ids", _SEL, "UID MOVE 4:9 Archive", "MOVE"),
    Command("UID EXPUNGE", "set", "delete marked messages by unique-id", _SEL, "UID EXPUNGE 4:9", "UIDPLUS"),
    Command("EXPUNGE", "", r"delete all messages marked \Deleted", _SEL),
    Command("CLOSE", "", r"leave; deletes what is marked \Deleted", _SEL),
    Command("UNSELECT", "", "leave without deleting", _SEL, needs="UNSELECT"),
    Command("CHECK", "", "ask for a checkpoint (obsolete)", _SEL),
    Command("NOOP", "", "nothing; brings news of the mailbox", _ALL),
    Command("LOGOUT", "", "end", _ALL),
)

_FRESH = (State.BEGIN,)
_IDLE = (State.READY,)
_ANY = (State.BEGIN, State.READY, State.SENDER, State.RECIPIENTS)

SMTP: Final = (
    Command("EHLO", "name", "greet; lists what the server can do", _ANY, "EHLO client.example.com"),
    Command("HELO", "name", "greet, the old way", _ANY, "HELO client.example.com"),
    Command("STARTTLS", "", "switch this connection to TLS", _IDLE, needs="STARTTLS"),
    Command("AUTH", "mechanism", "log in by SASL; /auth does it for you", _IDLE, "AUTH PLAIN", "AUTH"),
    Command("MAIL", "FROM:<address>", "begin a message: who sends it", _IDLE, "MAIL FROM:<alice@example.com>"),
    Command("RCPT", "TO:<address>", "who gets it; once for each", _ANY[2:], "RCPT TO:<bob@example.com>"),
    Command("DATA", "", "the message; a line with one dot ends it", _ANY[3:]),
    Command("BDAT", "octets [LAST]", "a piece of the message, counted", _ANY[3:], "BDAT 310 LAST", "CHUNKING"),
    Command("RSET", "", "forget the message that was begun", _ANY),
    Command("VRFY", "user", "ask whether a user exists", _ANY, "VRFY postmaster"),
    Command("EXPN", "list", "ask who is on a list", _ANY, "EXPN staff"),
    Command("HELP", "[command]", "ask the server for help", _ANY),
    Command("NOOP", "", "nothing; keeps the session alive", _ANY),
    Command("QUIT", "", "end", _ANY),
)

COMMANDS: Final = {"pop3": POP3, "imap": IMAP, "smtp": SMTP}
FAREWELL: Final = {"pop3": "QUIT", "imap": "LOGOUT", "smtp": "QUIT"}
CAPABILITIES: Final = {"pop3": "CAPA", "imap": "CAPABILITY", "smtp": "EHLO"}
"""What asks a server for its capabilities."""
UPGRADE: Final = {"pop3": "STLS", "imap": "STARTTLS", "smtp": "STARTTLS"}

_LISTS: Final = frozenset(("CAPA", "RETR", "TOP"))
_LISTS_OF_ALL: Final = frozenset(("LIST", "UIDL", "AUTH", "LANG"))
"""Without an argument these too are answered by several lines (RFC 1939 §5, §7; RFC 6856 §3)."""

LOGIN_LEADS_TO: Final = {"pop3": State.TRANSACTION, "imap": State.AUTHENTICATED}
LOGGED_IN: Final = (State.TRANSACTION, State.AUTHENTICATED, State.SELECTED)

AFTER: Final = {
    ("pop3", "PASS"): State.TRANSACTION,
    ("pop3", "APOP"): State.TRANSACTION,
    ("pop3", "AUTH"): State.TRANSACTION,
    ("imap", "LOGIN"): State.AUTHENTICATED,
    ("imap", "AUTHENTICATE"): State.AUTHENTICATED,
    ("imap", "SELECT"): State.SELECTED,
    ("imap", "EXAMINE"): State.SELECTED,
    ("imap", "CLOSE"): State.AUTHENTICATED,
    ("imap", "UNSELECT"): State.AUTHENTICATED,
    ("smtp", "EHLO"): State.READY,
    ("smtp", "HELO"): State.READY,
    ("smtp", "MAIL"): State.SENDER,
    ("smtp", "RCPT"): State.RECIPIENTS,
    ("smtp", "DATA"): State.READY,
    ("smtp", "BDAT"): State.READY,
    ("smtp", "RSET"): State.READY,
}
"""The state that a yes to a command leads to; other commands leave it as it is."""

OWN: Final = (
    ("/help", "[command]", "what can be typed now, or about one command"),
    ("/auth", "[name [mechanism]]", "log in; asks for the password, does the base64"),
    ("/tls", "", "the encryption and certificate of this connection"),
    ("/raw", "text", "send the text as it is: no tag, no questions"),
    ("/quit", "", "end with QUIT or LOGOUT"),
)
"""Our own commands. No command of the protocols begins with a slash."""


def find(protocol: str, line: str) -> Command | None:
    """The command that a line (without tag) begins with; the longer name wins: `UID FETCH`, not `UID`."""
    words = line.upper().split()
    named = {command.word: command for command in COMMANDS[protocol]}
    return named.get(" ".join(words[:2])) or named.get(" ".join(words[:1]))


def is_long(word: str, argument: str) -> bool:
    """Whether lines up to a single dot follow POP3's +OK to this command."""
    return word in _LISTS or (word in _LISTS_OF_ALL and not argument)


def known_words(protocol: str) -> frozenset[str]:
    """First words of all commands, upper case."""
    return frozenset(command.word.split()[0] for command in COMMANDS[protocol])


def legal(protocol: str, state: State) -> tuple[Command, ...]:
    """The commands that make sense now, in the order of the table."""
    return tuple(command for command in COMMANDS[protocol] if state in command.states)
