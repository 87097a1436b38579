"""The memory engine: the same contract as the durable ones, nothing kept. For tests and embedding.

Must never: be what `gatepost serve` keeps mail in.
"""

from __future__ import annotations

from gatepost.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
