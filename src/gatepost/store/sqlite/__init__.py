"""The embedded engine: SQLite through APSW, metadata and bodies in one file, one writer, any number of readers.

`local` is reader and writer in one process; `gatepost.store.keeper` and `gatepost.store.remote` are the same two
halves in several. A yes is said after the WAL is synced (`synchronous=FULL`), never before.

Must never: write from two processes, checkpoint from a reader, repeat a failed sync, or use the standard
library's sqlite3 (its SQLite is older than the fix of the WAL-reset bug).
"""
