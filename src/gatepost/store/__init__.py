"""The store: accounts and mail, kept durably. `api` is the contract, on one page; `commands` are its writes.

Every engine (memory, SQLite; later PostgreSQL with S3) passes `tests/conformance`. Only `gatepost.app` picks one.

Must never: know a protocol, parse a message, or say yes before the data is synced to disk.
"""
