"""Looks at mail servers and says what it saw, without any opinion: `facts.Contact` and `facts.Surroundings`.

TCP, TLS (RFC 8446, RFC 5246), implicit or by STARTTLS (RFC 2595, RFC 3207, RFC 8314), and the dialogs of `tongues`.
The other side may be hostile: every wait has an end, every read a limit, and nothing that a server does raises.

Servers ban those who knock too often, so an address bears at most 4 connections at once from all contacts together
(`place.Manners`), those included that a refused or silent port makes necessary. In all a healthy service sees 1; looked
at thoroughly 5 (the dialog, one without SNI, three for TLS versions and ciphers), and one more for the injection test;
one or two more where the mode or the certificate is wrong.

Must never: send a password outside verified TLS, or twice; change or send mail; leave a connection open.
"""
