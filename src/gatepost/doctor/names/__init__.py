"""What the network's directories say: host names, mail servers, and the settings that a domain publishes.

DNS (RFC 1034, 1035; null MX RFC 7505; AD flag RFC 6840 §5.7), service records (RFC 2782, 6186, 8314 §5.1), Mozilla's
autoconfig 1.1 and draft-ietf-mailmaint-autoconfig (1.2), PACC (draft-ietf-mailmaint-pacc), and guesses by common names.
Everything found is a value of `gatepost.doctor.facts`; what it means is said by `gatepost.doctor.judge`.

Must never: hold an opinion; tell a third party (a public database of settings, say) whose mail is examined; send the
person's address anywhere unless told so; trust a TLS server whose certificate does not verify; read without a bound.
"""
