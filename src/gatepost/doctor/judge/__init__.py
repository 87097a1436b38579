"""What the facts mean: pure functions from `gatepost.doctor.facts` to findings.

One module for each stage, `together` for what only several services show, `verdict` for the one sentence. A finding for
each fact; the words come from the book of knowledge.

Must never: do I/O or look at a clock; write words of its own for people; raise an alarm over a well configured server.
"""
