"""Sockets, processes and TLS: everything that touches the system's network, for all protocols alike.

`api` is what the protocols see of it (no sockets there). Must never: know a protocol's words.
"""
