"""Who may enter: logins, passwords, throttling. Builds on the pure exchanges of `gatepost.sasl`.

Must never: let a caller learn whether it was the name or the password that was wrong, nor log a secret.
"""
