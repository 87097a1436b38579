"""A message's octets, piece by piece, with its header in ASCII for clients that did not allow more (RFC 6858)."""

from __future__ import annotations

from gatepost.mime import downgrade
from gatepost.model import CHUNK
from gatepost.pop3 import texts
from gatepost.pop3.context import Talk
from gatepost.pop3.grammar import header_end
from gatepost.pop3.replies import RefusedError


class Source:
    """Reads no more of the message than is asked for."""

    __slots__ = ("_blob_id", "_ended", "_number", "_ready", "_surrogate", "_talk")

    def __init__(self, talk: Talk, blob_id: int, *, surrogate: bool) -> None:
        self._talk = talk
        self._blob_id = blob_id
        self._surrogate = surrogate
        self._number = 0
        self._ready = b""
        self._ended = False

    async def read(self) -> bytes:
        """The next piece; empty at the end. Raises DomainError, RefusedError, ConnectionError."""
        if self._surrogate:
            self._surrogate = False
            self._ready = await self._kept() or await self._converted()
        if not self._ready:
            return await self._chunk()
        piece, self._ready = self._ready[:CHUNK], self._ready[CHUNK:]
        return piece

    async def _kept(self) -> bytes:
        """What an earlier one has converted, and the body's next octets."""
        kept = self._talk.context.surrogates.find(self._blob_id)
        if kept is None:
            return b""
        end, header = kept
        self._number = end // CHUNK
        return header + (await self._chunk())[end % CHUNK :]

    async def _converted(self) -> bytes:
        """The header in ASCII, and what was read of the body with it."""
        held = await self._chunk()
        while (end := header_end(held)) < 0 and not self._ended:
            if len(held) >= downgrade.HEADER_OCTETS:
                raise RefusedError(texts.NEEDS_UTF8)
            held += await self._chunk()
        end = end if end >= 0 else len(held)
        header = await self._ascii(held[:end])
        self._talk.context.surrogates.keep(self._blob_id, end, header)
        return header + held[end:]

    async def _ascii(self, header: bytes) -> bytes:
        """A sender can make this take a twentieth of a second, so others get their turn in between."""
        flow, fields = self._talk.flow, []
        for field in downgrade.surrogate_fields(header):
            fields.append(field)
            if flow.spent:
                await flow.flush()
        return b"".join(fields)

    async def _chunk(self) -> bytes:
        if self._ended:
            return b""
        chunk = await self._talk.context.store.chunk(self._blob_id, self._number)
        self._number += 1
        self._ended = len(chunk) < CHUNK
        return chunk
