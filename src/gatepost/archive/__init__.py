"""Mail in files, for moving in and moving out: Maildir, mbox, folders of .eml.

Formats as their writers define them: Maildir and Maildir++ with the lists that Dovecot and Courier keep beside it, mbox
in its dialects (RFC 4155 is the common ground), message files as RFC 5322 has them. A source yields `Item`s, a `Bad`
for whatever cannot be one, so that one bad file never stops an import, and a `Doubt` where it can be read in two ways.
Writers give back the same octets.

Must never: follow a symbolic link below the path that it was given, change a source, overwrite a file, or know the
store.
"""
