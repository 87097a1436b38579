"""What Gatepost costs, beside Dovecot and beside a bare event loop, in one run on one machine.

`python -m benchmarks` writes `RESULTS.md` here. The load generator shares the cores with the servers, so the figure
that counts is the CPU time of the server's own processes, never sessions per second alone. The benchmark binds only
loopback addresses, works in a directory of its own, and ends only processes that it started.
"""
