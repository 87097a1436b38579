"""The doctor: says why mail does not work, for any server, in one sentence with a fix.

Three steps, each in rooms of its own. `names` and `look` observe and hold no opinion (`facts` is their language);
`judge` is pure: facts to findings (`model` is its language); `show` tells people and programs. `knowledge` holds what
is known of causes and fixes as data that users can extend, `tongues` what to say to a POP3, IMAP or SMTP server,
`examine` leads through the stages, `own` looks at a Gatepost host from inside, `talk` is the interactive dialog.

Must never: try a credential twice, on two services, or where it would cross an unencrypted connection; change anything
in a mailbox; send mail; write a password anywhere.
"""
