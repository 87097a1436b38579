"""The configuration: `settings` says what can be set (and documents it), the rest reads and explains it.

An empty file is a right and safe configuration. Must never: open a socket, a store or a key file's content.
"""
