"""The dialog itself, without any input or output: a typed line or received octets in, effects out."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import Enum, auto
from typing import Final, assert_never

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.model import Secret
from gatepost.doctor.talk import explain, guide, lexicon
from gatepost.doctor.talk.effects import AskLogin, Channel, Effect, Hang, Send, Show, Tone, Upgrade
from gatepost.doctor.talk.login import Steps, Wish, steps
from gatepost.doctor.talk.masking import Scrubber, hidden_from, masked, spoken
from gatepost.doctor.talk.replies import GREETING, Heard, Pending, Pieces, Reader
from gatepost.doctor.tongues import Answer, Ask, speech, tongue_of
from gatepost.doctor.tongues.words import HIDDEN
from gatepost.errors import GatepostError

Consult = Callable[[str], Iterable[str]]
"""What is known of a refusal: sentences with cause and fix; nothing if it is not known."""

_LITERAL: Final = re.compile(r"\{(\d{1,9})(\+?)\}\Z")
_PIECE: Final = re.compile(r"\s*(\d{1,9})(\s+LAST)?\s*\Z", re.IGNORECASE)
_CAPABILITY: Final = re.compile(rb"\* CAPABILITY |\S+ (?:OK|PREAUTH) \[CAPABILITY ", re.IGNORECASE)


class Mode(Enum):
    """What a typed line is."""

    COMMAND = auto()
    ANSWER = auto()
    """The answer to a challenge: secret, whatever it is."""
    MESSAGE = auto()
    """A line of a message behind DATA."""
    COUNTED = auto()
    """Octets of a literal (RFC 9051 §4.3) or of BDAT (RFC 3030)."""
    NEWS = auto()
    """IDLE is on; DONE ends it."""


class Dialog:
    """One session with one server."""

    def __init__(
        self,
        protocol: str,
        channel: Channel,
        *,
        own_name: str = "[127.0.0.1]",
        insecure: bool = False,
        upgrade: bool = False,
        consult: Consult = lambda _text: (),
    ) -> None:
        """`own_name`: how we greet in SMTP. `insecure`: send secrets whatever the connection. `upgrade`: TLS first."""
        tongue = tongue_of(protocol)
        assert tongue
        self._protocol, self._tongue = protocol, tongue
        self._channel, self._own_name, self._insecure = channel, own_name, insecure
        self._upgrade, self._consult = upgrade, consult
        self._scrubber, self._pieces, self._reader = Scrubber(), Pieces(), Reader(protocol)
        self._pending: deque[Pending] = deque()
        self._mode = Mode.COMMAND
        self._state = lexicon.FIRST[protocol]
        self._known = Capabilities(asked=False)
        self._tags = 0
        self._left = 0
        """Octets of a literal or of BDAT that are still to be typed."""
        self._hidden = False
        """What is typed belongs to a command with a secret."""
        self._marked = 0
        """POP3: messages that QUIT would delete."""
        self.leaving = False
        """Whether the end was asked for."""
        self.greeted = False
        """Whether a server of this protocol said hello."""
        self.refused = False
        """Whether it said no to anything, or we did not send it."""
        self.broken = False
        """Whether it ended without being asked to."""
        self._push(Ask(b"", GREETING), GREETING, goes_on=True, then=self._greeting)
        self._current = self._pending[0]
        """What a line that is no command belongs to."""

    # -- What the other half asks ---------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """Whether a reply is owed."""
        return bool(self._pending)

    @property
    def ending(self) -> bool:
        """Whether nothing is owed any more but the answer to a goodbye."""
        return self.leaving and len(self._pending) <= 1

    def ready(self, *, pipeline: bool) -> bool:
        """Whether a line may be typed now. `pipeline`: before all is answered, as far as the protocol allows."""
        return not self._pending or (pipeline and not any(each.goes_on for each in self._pending))

    @property
    def prompt(self) -> str:
        """What stands before a typed line."""
        match self._mode:
            case Mode.COMMAND:
                return f"{self._protocol}{'' if self._channel.encrypted else ' (in the clear)'}> "
            case Mode.ANSWER:
                return "answer> "
            case Mode.MESSAGE:
                return "message> "
            case Mode.COUNTED:
                return f"{self._left} octets> "
            case Mode.NEWS:
                return "idle, DONE ends> "
            case other:
                assert_never(other)

    def hidden_from(self, line: str) -> int | None:
        """Where the secret in a line that is being typed begins."""
        if self._mode is Mode.ANSWER or (self._hidden and self._mode is Mode.COUNTED):
            return 0
        return hidden_from(self._protocol, line) if self._mode is Mode.COMMAND else None

    def complete(self, line: str) -> guide.Completion:
        """What Tab finds."""
        return guide.complete(self._place, line) if self._mode is Mode.COMMAND else guide.Completion(len(line))

    @property
    def _place(self) -> guide.Place:
        return guide.Place(self._protocol, self._state, self._known, self._channel.encrypted)

    # -- Typed ----------------------------------------------------------------------------------------------

    def typed(self, line: str) -> tuple[Effect, ...]:
        """A line without its end."""
        match self._mode:
            case Mode.COMMAND if line.lstrip().startswith("/"):
                return tuple(self._own(line.strip()))
            case Mode.COMMAND:
                return tuple(self._command(line)) if line.strip() else ()
            case Mode.ANSWER:
                return tuple(self._answer(line.strip()))
            case Mode.MESSAGE:
                return tuple(self._message(line))
            case Mode.COUNTED:
                return tuple(self._counted(line))
            case Mode.NEWS:
                return tuple(self._done(line))
            case other:
                assert_never(other)

    def _own(self, line: str) -> Iterator[Effect]:
        word, _, rest = line.partition(" ")
        match word.lower():
            case "/help":
                lines = guide.about(self._place, rest) if rest.strip() else guide.overview(self._place)
                yield from map(Show, lines)
            case "/tls":
                yield from map(Show, self._channel.facts)
            case "/quit":
                yield from self._leave(asked=True)
            case "/raw":
                yield from self._command(rest, raw=True)
            case "/auth":
                name, _, mechanism = rest.strip().partition(" ")
                yield from self._auth(name, mechanism.strip())
            case _:
                yield _warning(
                    "gatepost talk has no such command; see /help. Lines for the server do not begin with /."
                )

    def _command(self, line: str, *, raw: bool = False) -> Iterator[Effect]:
        begin = hidden_from(self._protocol, line)
        if begin is not None and not self._may_tell:
            yield from self._withheld()
            return
        stripped = line.lstrip()
        tagged = guide.tag_end(self._protocol, stripped)
        if raw and self._protocol == "imap":
            tagged = len(stripped) - len(stripped.partition(" ")[2])
        tag, body = stripped[:tagged].strip(), stripped[tagged:].strip()
        if self._protocol == "imap" and not tagged and not raw:
            tag = self._next_tag()
            line, begin = f"{tag} {line}", None if begin is None else begin + len(tag) + 1
        command = lexicon.find(self._protocol, body)
        word = command.word if command else (body.upper().split() or [""])[0]
        yield from self._say(line, tag, word, body[len(word) :].strip(), begin)

    def _say(self, line: str, tag: str, word: str, argument: str, begin: int | None) -> Iterator[Effect]:
        """Sends a command line; `begin`: where its secret begins."""
        self._hidden = begin is not None
        literal = _LITERAL.search(line) if self._protocol == "imap" else None
        if self._hidden and not literal:
            self._scrubber.remember(line[begin:])
        yield _line(line, masked(line, begin))
        waits = literal is not None and not literal[2]
        # Never the line itself: it may hold a secret, and a Pending lives on.
        ask = Ask(f"{tag} {word}\r\n".encode(), word, tag.encode(), long=lexicon.is_long(word, argument))
        if literal:
            self._left = int(literal[1])
        if literal and not waits:
            self._continue_with(Mode.COUNTED, ask, word, argument)
            return
        goes_on = waits or (word, bool(argument)) in _GOES_ON or word in lexicon.UPGRADE.values()
        self._push(ask, word, argument, goes_on=goes_on)
        if word == lexicon.FAREWELL[self._protocol]:
            self.leaving = True
        counted = _PIECE.match(argument) if word == "BDAT" and self._protocol == "smtp" else None
        if counted and int(counted[1]):
            self._left, self._mode = int(counted[1]), Mode.COUNTED
            # The octets follow at once, the reply comes behind them (RFC 3030 §2).
            self._current = self._pending.pop()

    def _answer(self, line: str) -> Iterator[Effect]:
        if line != "*" and not self._may_tell:
            yield from self._withheld()
            yield Show("Type * to give the login up.", Tone.NOTE)
            return
        self._scrubber.remember(line)
        yield _line(line, line if line in ("*", "") else HIDDEN)
        self._go_on(goes_on=True)

    def _message(self, line: str) -> Iterator[Effect]:
        if line == ".":
            yield _line(".", ".")
            self._go_on(goes_on=False)
        else:
            # RFC 5321 §4.5.2: the server takes the first dot away.
            yield _line("." + line if line.startswith(".") else line, line)

    def _counted(self, line: str) -> Iterator[Effect]:
        octets = len(_octets(line)) + 2
        rest = _octets(line)[self._left :]
        if self._hidden:
            self._scrubber.remember(line)
        yield _line(line, HIDDEN if self._hidden else line)
        if octets <= self._left:
            self._left -= octets
            if not self._left and self._protocol == "smtp":
                self._go_on(goes_on=False)
            return
        self._left = 0
        again = _LITERAL.search(rest.decode("utf-8", "replace")) if self._protocol == "imap" else None
        if again:
            self._left = int(again[1])
            if again[2]:
                return
        self._go_on(goes_on=bool(again))

    def _done(self, line: str) -> Iterator[Effect]:
        if line.strip().upper() != "DONE":
            yield Show("IDLE is on: the server listens to nothing but DONE.", Tone.NOTE)
            return
        yield _line("DONE", "DONE")
        self._go_on(goes_on=False)

    # -- Received -------------------------------------------------------------------------------------------

    def received(self, octets: bytes) -> tuple[Effect, ...]:
        """Octets as they come, cut anywhere."""
        return tuple(self._receive(octets))

    def _receive(self, octets: bytes) -> Iterator[Effect]:
        pieces = list(self._pieces.cut(octets))
        for number, piece in enumerate(pieces, 1):
            effects = list(self._heard(piece))
            yield from (effect for effect in effects if not isinstance(effect, Upgrade))
            if any(isinstance(effect, Upgrade) for effect in effects):
                extra = b"".join(pieces[number:]) + self._pieces.rest()
                if extra:
                    yield _warning(
                        f"The server sent {len(extra)} octets in the clear behind its reply, before TLS began. Nobody "
                        "may do that: somebody on the way may have put them there. They are thrown away."
                    )
                yield Upgrade()
                return

    def _heard(self, piece: bytes) -> Iterator[Effect]:
        heard = self._reader.hear(piece, self._pending)
        asked = heard.pending
        first = asked is None or not asked.heard
        if asked:
            asked.hear(piece)
        text = spoken(self._scrubber.clean(piece.rstrip(b"\r\n")))
        note = explain.line(self._protocol, asked.word if asked else "", text, first=first, content=heard.content)
        if self._protocol == "imap" and not heard.content and _CAPABILITY.match(piece):
            self._known = self._tongue.capabilities(piece)
        yield Show(text, Tone.SERVER, note)
        if asked and heard.answer:
            yield from self._answered(asked, heard)

    def _answered(self, asked: Pending, heard: Heard) -> Iterator[Effect]:
        octets = bytes(asked.heard)
        self._pending.remove(asked)
        match heard.answer:
            case Answer.MORE if not asked.then:
                yield from self._more(asked, octets)
                return
            case Answer.NO:
                self.refused = True
                yield from (Show(sentence, Tone.NOTE) for sentence in self._consult(self._clean(octets)))
            case _:
                self.refused = self.refused or heard.answer is Answer.STRANGE
        self._move(asked, heard.answer is Answer.YES, octets)
        if asked.then and heard.answer:
            yield from asked.then(heard.answer, octets)
        elif asked.word in lexicon.UPGRADE.values():
            yield from self._upgrade_answered(heard.answer is Answer.YES)
        elif self.leaving and asked.word == lexicon.FAREWELL[self._protocol]:
            yield Hang()

    def _more(self, asked: Pending, octets: bytes) -> Iterator[Effect]:
        """The server waits for the rest of what was begun."""
        match asked.word:
            case "IDLE":
                mode = Mode.NEWS
            case "DATA":
                mode = Mode.MESSAGE
            case _ if self._left:
                mode = Mode.COUNTED
            case _:
                mode = Mode.ANSWER
                said = self._clean(explain.challenge(octets).encode())
                if said:
                    yield Show(said, Tone.NOTE)
        self._continue_with(mode, asked.ask, asked.word, asked.argument)

    def _move(self, asked: Pending, yes: bool, octets: bytes) -> None:
        """What an answer changes."""
        if asked.word == lexicon.CAPABILITIES[self._protocol]:
            self._known = self._tongue.capabilities(octets)
        if asked.word == "DELE":
            self._marked += yes
        if asked.word == "RSET" and yes:
            self._marked = 0
        if asked.word in ("SELECT", "EXAMINE") and not yes and self._state is lexicon.State.SELECTED:
            # The mailbox that was open is closed, whatever comes of the new one (RFC 9051 §6.3.2).
            self._state = lexicon.State.AUTHENTICATED
        if yes:
            self._state = self._after(asked)

    def _after(self, asked: Pending) -> lexicon.State:
        """The state that a yes leads to."""
        match asked.word:
            case "BDAT" if not asked.argument.upper().endswith("LAST"):
                return self._state
            case "AUTH" if not asked.argument:
                return self._state  # POP3's list of mechanisms
            case "RSET" if self._state is lexicon.State.BEGIN:
                return self._state
            case word:
                return lexicon.AFTER.get((self._protocol, word), self._state)

    def closed(self, how: str) -> tuple[Effect, ...]:
        """The connection is gone; `how`: what to say of it if nobody asked for that."""
        rest = self._pieces.rest()
        shown = (Show(spoken(self._scrubber.clean(rest)), Tone.SERVER),) if rest else ()
        self.broken = not self.leaving
        return (*shown, _warning(how)) if self.broken else shown

    # -- TLS ------------------------------------------------------------------------------------------------

    def _greeting(self, answer: Answer, octets: bytes) -> Iterator[Effect]:
        match answer:
            case Answer.YES:
                self.greeted = True
                preauth = octets.upper().startswith(b"* PREAUTH")
                if preauth:
                    self._state = lexicon.State.AUTHENTICATED
                if self._upgrade:
                    yield from self._begin_tls(preauth=preauth)
            case Answer.NO:
                self.greeted = True
                yield _warning("The server sends us away with this greeting.")
            case _:
                self.leaving = True
                yield _warning(f"This is no {self._protocol.upper()} server. {_sounds(octets)}")
                yield Hang()

    def _begin_tls(self, *, preauth: bool) -> Iterator[Effect]:
        if preauth:
            yield _warning("The server says that we are logged in already (PREAUTH): then TLS cannot begin any more.")
        elif self._protocol == "smtp":
            yield from self._ask_capabilities(self._starttls_if_offered)
        else:
            yield from self._starttls()

    def _starttls(self) -> Iterator[Effect]:
        word = lexicon.UPGRADE[self._protocol]
        tag = self._next_tag() if self._protocol == "imap" else ""
        yield from self._say(f"{tag} {word}".strip(), tag, word, "", None)

    def _starttls_if_offered(self, _answer: Answer, _octets: bytes) -> Iterator[Effect]:
        if self._known.has("STARTTLS"):
            yield from self._starttls()
        else:
            yield from self._upgrade_answered(False)

    def _upgrade_answered(self, yes: bool) -> Iterator[Effect]:
        if yes:
            yield Upgrade()
            return
        self.refused = True
        if self._channel.encrypted:
            return
        yield _warning(
            "The server does not begin TLS. If it used to, somebody on the way may be removing it. All that follows "
            "can be read on the way."
        )

    def upgraded(self, channel: Channel) -> tuple[Effect, ...]:
        """TLS has begun: what the server said in the clear counts no more (RFC 3207 §4.2, RFC 2595 §4)."""
        self._channel = channel
        self._known = Capabilities(asked=False)
        self._state = lexicon.FIRST[self._protocol]
        if self._protocol != "smtp":
            return ()
        return (Show("Begin again with EHLO: what was said before TLS is forgotten.", Tone.NOTE),)

    # -- Login ----------------------------------------------------------------------------------------------

    @property
    def _may_tell(self) -> bool:
        return self._insecure or (self._channel.encrypted and self._channel.verified)

    def _withheld(self) -> Iterator[Effect]:
        self.refused = True
        if not self._channel.encrypted:
            yield _warning(
                "Not sent: this connection is not encrypted, and a password could be read on the way. "
                "Start again with --insecure if that does not matter."
            )
            return
        yield _warning(
            f"Not sent: nobody vouches that this is the right server ({self._channel.why_not}). Whoever it is would "
            "get the password. --ca FILE trusts an authority of your own; --insecure sends it all the same."
        )

    def _auth(self, name: str, mechanism: str) -> Iterator[Effect]:
        if not self._may_tell:
            yield from self._withheld()
        elif self._state in lexicon.LOGGED_IN:
            yield _warning("You are logged in already.")
        elif self._known.asked:
            yield AskLogin(name, mechanism)
        else:
            yield from self._ask_capabilities(lambda _answer, _octets: iter((AskLogin(name, mechanism),)))

    def _ask_capabilities(self, then: Callable[[Answer, bytes], Iterator[Effect]]) -> Iterator[Effect]:
        word = lexicon.CAPABILITIES[self._protocol]
        argument = self._own_name if self._protocol == "smtp" else ""
        tag = self._next_tag() if self._protocol == "imap" else ""
        yield from self._say(f"{tag} {word} {argument}".strip(), tag, word, argument, None)
        self._pending[-1].then = then
        self._pending[-1].goes_on = True

    def login(self, name: str, secret: Secret, mechanism: str, nonce: str) -> tuple[Effect, ...]:
        """After `AskLogin`. `nonce`: fresh random characters for SCRAM."""
        self._scrubber.remember(secret.reveal())
        tag = self._next_tag() if self._protocol == "imap" else ""
        try:
            plan = steps(self._tongue, self._known, Wish(name, secret, mechanism, nonce, tag))
            return tuple(self._log_in(plan, None))
        except GatepostError as error:
            self.refused = True
            return (_warning(str(error)),)

    def _log_in(self, plan: Steps, heard: tuple[Answer, bytes] | None) -> Iterator[Effect]:
        try:
            step = plan.send(heard)
            while isinstance(step, Show):
                yield replace(step, text=self._clean(step.text.encode()))
                step = plan.send(None)
        except StopIteration as end:
            if end.value:
                self._state = lexicon.LOGIN_LEADS_TO.get(self._protocol, self._state)
            return
        yield Send(step.octets, step.shown)
        self._push(step, LOGIN, goes_on=True, then=lambda answer, octets: self._log_in(plan, (answer, octets)))

    # -- The end --------------------------------------------------------------------------------------------

    def leave(self) -> tuple[Effect, ...]:
        """Ctrl-C, Ctrl-D, or the end of a pipe: ends politely, where that does not do more than it says."""
        return tuple(self._leave(asked=False))

    def _leave(self, *, asked: bool) -> Iterator[Effect]:
        stuck = any(each.goes_on for each in self._pending)
        if self.leaving or stuck:
            self.leaving = True
            yield Hang()
            return
        if self._mode in (Mode.MESSAGE, Mode.COUNTED):
            self.leaving = True
            self.refused = True
            yield _warning("The message or command was not finished; the connection is closed, and none of it counts.")
            yield Hang()
            return
        if self._marked and not asked:
            self.leaving = True
            yield _warning("Messages marked with DELE stay: only QUIT deletes them, and that was not typed.")
            yield Hang()
            return
        if self._mode is Mode.NEWS:
            yield from self._done("DONE")
        elif self._mode is Mode.ANSWER:
            yield from self._answer("*")
        word = lexicon.FAREWELL[self._protocol]
        tag = self._next_tag() if self._protocol == "imap" else ""
        yield from self._say(f"{tag} {word}".strip(), tag, word, "", None)

    # -- Small things ---------------------------------------------------------------------------------------

    def _clean(self, octets: bytes) -> str:
        return self._scrubber.clean(octets).decode("utf-8", "replace")

    def _push(
        self,
        ask: Ask,
        word: str,
        argument: str = "",
        *,
        goes_on: bool = False,
        then: Callable[[Answer, bytes], Iterator[Effect]] | None = None,
    ) -> None:
        self._mode = Mode.COMMAND
        self._pending.append(Pending(ask, word, argument, goes_on, then))

    def _continue_with(self, mode: Mode, ask: Ask, word: str, argument: str) -> None:
        """What is typed next belongs to this command."""
        self._mode = mode
        self._current = Pending(ask, word, argument)

    def _go_on(self, *, goes_on: bool) -> None:
        """What was typed completes the command, or a part of it that the server answers."""
        self._push(self._current.ask, self._current.word, self._current.argument, goes_on=goes_on)

    def _next_tag(self) -> str:
        self._tags += 1
        return f"a{self._tags}"


LOGIN: Final = "/auth"
"""The word of a `Pending` of our own login."""

_GOES_ON: Final = {("AUTH", True), ("AUTHENTICATE", True), ("IDLE", False), ("DATA", False)}
"""Commands, with or without arguments, that the server may answer by asking for more."""


def _warning(text: str) -> Show:
    return Show(text, Tone.WARNING)


def _octets(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape")


def _line(line: str, shown: str) -> Send:
    return Send(_octets(line) + b"\r\n", shown)


def _sounds(octets: bytes) -> str:
    spoken = speech(octets)
    named = {"http": "a web server", "ssh": "an SSH server", "ftp": "an FTP server", "tls": "a TLS server"}
    what = named.get(spoken, f"{'an' if spoken == 'imap' else 'a'} {spoken.upper()} server")
    return f"It sounds like {what}: is the port right?" if spoken not in ("other", "nothing") else "Is the port right?"
