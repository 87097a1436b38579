"""Mail that comes in, by whatever door: which accounts an address reaches, ingest, local delivery; import and export.

RFC 5321 §2.3.11 (addresses), RFC 5233 (subaddressing). A delivery is one atomic write for each recipient, and is
on disk when it returns; what keeps a message from one recipient keeps it from no other.

Must never: change a message (nothing is added, not even Return-Path: what goes out again is what came in, octet for
octet), hold a large one in memory, or know a protocol.
"""
