"""Reports for people and programs: values in, text out.

`text` for a terminal, `html` for support, `json` and `nagios` for programs, `compare` for two servers beside each other
and for one before and after, `bundle` for strangers (names removed), `progress` while an examination runs.

Every string of a report may come from a hostile server: `words.printable` or the format's own escaping stands between
it and the reader. Colour never says anything alone: a word stands beside it.

Must never: do input or output (the command line writes what is made here), or judge anew what a report says.
"""
