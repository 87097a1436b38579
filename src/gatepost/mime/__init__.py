"""The form of messages, read once at ingest: header, envelope, body structure, preview, ASCII surrogate.

RFC 5322 (message format), 2045 to 2049 (MIME), 2047 and 2231 (encoded words and parameters), 6532 (UTF-8
headers), 6858 (surrogates for clients without UTF-8). Pure: octets in, values out, over `bytes` and `mmap` alike.

Everything here is read from hostile input. So every function is linear in what it is given, every list and
every nesting has a limit with its reason beside it, and nothing is recursive. No input is an error: what is
not understood is described as plain octets.

Must never: change a message (only `downgrade` writes one, beside the original), raise on any content, or use the
standard library's `email` package.
"""
