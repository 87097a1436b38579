"""Who may enter: names, passwords, throttling. Drives the pure exchanges of `gatepost.sasl` against the store.

`api` is what sessions see; `StoreAuthenticator` in `authenticator` is the one behind it; `admin` is what the
command line does to accounts. Mechanisms: see `gatepost.sasl`; names: RFC 5321 §4.1.2, RFC 6531, RFC 5890.

Must never: let a caller learn whether it was the name or the password that was wrong, log or store a secret,
compare one in variable time, or hash on the event loop.
"""
