"""What the doctor says of a Gatepost host from inside: configuration, doors, certificates, DNS, machine, store.

`gather` looks (every question to the machine goes through `gather.system.System`, so that tests can answer in its
place) and makes a `facts.Host`; `judge` is pure and turns that into findings; `host.examine_host` leads through both,
and then visits the host's own doors like any mail program.

Must never: change, make or migrate anything; show a key's content; need root (what may not be seen is said).
"""
