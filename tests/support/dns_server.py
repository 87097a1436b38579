"""A small DNS server on loopback, in a thread of its own: for tests of anything that asks DNS, in any process.

    zone = {"example.test": {"MX": ["10 mx.example.test."]}, "mx.example.test": {"A": ["192.0.2.1"]}}
    with DnsServer(zone) as server:
        Resolver((server.where,))  # or: gatepost doctor --resolver 127.0.0.1:PORT

The zone maps names (lower case, no final dot; `*.example.test` stands for all that are not named) to record types with
their values in presentation form. Instead of the values, or of the whole table of types, a `Fault` may stand.
CNAMEs are followed as a recursive resolver does; a circle of them gives SERVFAIL, or with `honest_loops` the circle.
"""

import socket
import threading
from enum import Enum, auto

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class Fault(Enum):
    NXDOMAIN = auto()
    SERVFAIL = auto()
    REFUSED = auto()
    FORMERR = auto()
    YXDOMAIN = auto()
    DROP = auto()
    """No answer at all."""
    BOGUS = auto()
    """SERVFAIL, unless the question says that signatures need not be checked (CD)."""
    GARBAGE = auto()
    """Octets that are no DNS message."""


class DnsServer:
    def __init__(self, zone=None, *, signed=(), honest_loops=False, knows_edns=True):
        """`signed`: names whose answers are authentic (AD) for those who ask so."""
        self.zone = zone or {}
        self.questions = []
        """(name, type) of every question that came."""
        self._signed, self._honest_loops, self._knows_edns = signed, honest_loops, knows_edns
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.where = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, name="dns server of a test", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.sendto(b"", ("127.0.0.1", self.port))  # an empty datagram ends it
        self._thread.join()
        self._socket.close()

    def asked(self, name):
        """Types that were asked for this name."""
        return [kind for each, kind in self.questions if each == name]

    def _serve(self):
        while True:
            octets, sender = self._socket.recvfrom(4096)
            if not octets:
                return
            answer = self._answer(dns.message.from_wire(octets))
            if answer is not None:
                self._socket.sendto(answer, sender)

    def _answer(self, query):
        question = query.question[0]
        name, kind = str(question.name).rstrip(".").lower(), dns.rdatatype.to_text(question.rdtype)
        self.questions.append((name, kind))
        response = dns.message.make_response(query, recursion_available=True)
        if not self._knows_edns and query.edns >= 0:
            response.use_edns(-1)
            response.set_rcode(dns.rcode.FORMERR)
            return response.to_wire()
        fault = self._fill(response, name, kind, query)
        if fault is Fault.DROP:
            return None
        if fault is Fault.GARBAGE:
            return query.to_wire()[:2] + b"\xff" * 40
        if fault is not None:
            response.set_rcode(dns.rcode.from_text(fault.name))
        if name in self._signed and query.flags & dns.flags.AD:
            response.flags |= dns.flags.AD
        return response.to_wire()

    def _fill(self, response, name, kind, query):
        """Puts records into the response; the fault to be committed, if any."""
        seen = []
        while name not in seen:
            seen.append(name)
            types = self._types(name)
            if isinstance(types, Fault):
                return self._committed(types, query)
            values = types.get(kind, ())
            if values is Fault.BOGUS and query.flags & dns.flags.CD:
                values = types["real"]
            if isinstance(values, Fault):
                return self._committed(values, query)
            if values:
                response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *values))
            if values or "CNAME" not in types:
                return None
            response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", *types["CNAME"]))
            name = types["CNAME"][0].rstrip(".").lower()
        return None if self._honest_loops else self._circle(response)

    @staticmethod
    def _circle(response):
        response.answer.clear()
        return Fault.SERVFAIL

    @staticmethod
    def _committed(fault, query):
        return Fault.SERVFAIL if fault is Fault.BOGUS and not query.flags & dns.flags.CD else fault

    def _types(self, name):
        if name in self.zone:
            return self.zone[name]
        parent = name.partition(".")[2]
        while parent:
            if f"*.{parent}" in self.zone:
                return self.zone[f"*.{parent}"]
            parent = parent.partition(".")[2]
        below = any(known.endswith(f".{name}") for known in self.zone)
        return {} if below else Fault.NXDOMAIN
