"""A dialog with a mail server, like telnet or `openssl s_client`, that knows the protocol it speaks.

POP3 (RFC 1939, 2449, 2595, 5034), IMAP (RFC 9051, 3501, 2177, 2595) and SMTP (RFC 5321, 3207, 4954, 2034).

The core is pure: `dialog` takes typed lines and received octets, and gives what to send and what to show; `lexicon`
and `meanings` are its words, `replies` knows when a reply is complete, `masking` what nobody may see, `editor` is a
line on a terminal. The thin half is `wire` (the connection), `desk` (terminal or pipe) and `drive`, which joins them.

Must never: show, keep or remember a password; send one where it could be read on the way, unless told to; show
control characters of a server to a terminal; end a dialog so that mail is deleted or half a message is sent.
"""
