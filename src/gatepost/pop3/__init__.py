"""POP3: the server's side of a maildrop, and the client's side of the same words.

RFC 1939 with TOP and UIDL, 2449 (CAPA, response codes, PIPELINING), 2595 (STLS), 3206 (SYS and AUTH codes),
5034 (AUTH), 6856 (UTF8 and LANG), 8314 (what may happen in the clear).

Pure: `grammar` (limits, octets), `framing` (lines and dots), `commands` and `replies` (values), `parse`, `texts`
(what we say, in five languages), `drop` (a maildrop as one session sees it), `shelf` (what was sent of late),
`machine` (the server), `client`.
Async: `authorization`, `transaction` and `update` (the three states of RFC 1939 §3), `session`, `services`.

Must never: touch a socket, compare a secret, pick a storage engine, delete without QUIT, or say +OK to a QUIT
whose deletions are not on disk.
"""
