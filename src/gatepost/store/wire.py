"""What workers and keeper say to each other: frames of a 32-bit length (big-endian) and a msgpack value.

The peers are processes of one installation and one user; limits are there to find bugs early, not attackers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final, TypeVar, get_args

import msgspec
from msgspec import Raw, Struct

from gatepost import errors
from gatepost.errors import GatepostError, MisuseError
from gatepost.store.api import Changed
from gatepost.store.commands import ANY_COMMAND

MOST_OCTETS: Final = 16 * 1024 * 1024
"""Of a frame: a Deliver holds two chunks and the parsed structure; a DeleteMessages of a million UIDs 5 MB."""

T = TypeVar("T")
_LENGTH: Final = struct.Struct(">I")


class Request(Struct, frozen=True, tag=True):
    """Worker to keeper: apply this; `number` comes back with the answer."""

    number: int
    command: ANY_COMMAND


class Subscribe(Struct, frozen=True, tag=True):
    """Worker to keeper: push `Changed` from now on."""


class Done(Struct, frozen=True, tag=True):
    """Keeper to worker: it is on disk; `result` is the command's."""

    number: int
    result: Raw


class Failed(Struct, frozen=True, tag=True):
    """Keeper to worker: nothing was written; the error by the name of its class."""

    number: int
    error: str
    text: str


class Pushed(Struct, frozen=True, tag=True):
    """Keeper to worker: a commit changed a mailbox."""

    changed: Changed


ToKeeper = Request | Subscribe
ToWorker = Done | Failed | Pushed

_encoder: Final = msgspec.msgpack.Encoder()


def _result_decoders() -> dict[type, msgspec.msgpack.Decoder[Any]]:
    """From each command's `Command[R]` base: a decoder of its R."""
    return {
        command: msgspec.msgpack.Decoder(get_args(base)[0])
        for command in get_args(ANY_COMMAND)
        for base in command.__orig_bases__
    }


_RESULTS: Final = _result_decoders()
_ERRORS: Final = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, GatepostError)
}


def encode(value: ToKeeper | ToWorker) -> bytes:
    """One frame. Raises MisuseError if it would be longer than the other side takes."""
    body = bytearray(4)
    try:
        _encoder.encode_into(value, body, 4)
    except (ValueError, OverflowError, TypeError) as error:
        raise MisuseError(f"this cannot be sent: {error}") from error
    if len(body) - 4 > MOST_OCTETS:
        raise MisuseError(f"{len(body)} octets are too many for one command: split it, {MOST_OCTETS} are the limit")
    _LENGTH.pack_into(body, 0, len(body) - 4)
    return bytes(body)


def encode_result(number: int, result: object) -> bytes:
    """The frame that says: done."""
    return encode(Done(number, Raw(_encoder.encode(result))))


def encode_error(number: int, error: Exception) -> bytes:
    """The frame that says: not done, and why. What is not ours travels as a MisuseError."""
    name = type(error).__name__
    return encode(Failed(number, name if name in _ERRORS else "MisuseError", str(error)))


def decode_result(command: ANY_COMMAND, result: Raw) -> Any:
    """What the command's `execute` returns. Raises MisuseError if it is nothing of the kind."""
    try:
        return _RESULTS[type(command)].decode(result)
    except msgspec.DecodeError as error:
        raise MisuseError(f"{type(command).__name__} was answered with something else: {error}") from error


def decode_error(failed: Failed) -> GatepostError:
    """The error as it was raised, class and text."""
    return _ERRORS.get(failed.error, MisuseError)(failed.text)


class Framer:
    """Octets in, values out."""

    __slots__ = ("_buffer", "_decoder")

    def __init__(self, values: Any) -> None:
        """`values`: `ToKeeper` or `ToWorker`."""
        self._buffer = bytearray()
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(values)

    def feed(self, data: bytes) -> Iterator[tuple[Any, int]]:
        """Complete values, each with the length of its frame. Raises MisuseError for what is no frame of ours."""
        self._buffer += data
        start, end = 0, len(self._buffer)
        try:
            while end - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._buffer, start)
                if length > MOST_OCTETS:
                    raise MisuseError(f"a frame of {length} octets: both sides must be the same release of Gatepost")
                first = start + _LENGTH.size
                if end - first < length:
                    break
                start = first + length
                yield self._decode(first, start), length
        finally:
            del self._buffer[:start]

    def _decode(self, first: int, last: int) -> Any:
        # A copy, because `Raw` keeps what it was decoded from.
        frame = bytes(memoryview(self._buffer)[first:last])
        try:
            return self._decoder.decode(frame)
        except msgspec.DecodeError as error:
            raise MisuseError(f"not a frame of this release of Gatepost: {error}") from error
