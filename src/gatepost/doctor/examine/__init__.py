"""Leads an examination through its stages: address, discovery, names, contacts, surroundings, one login, verdict.

`plan` decides what is examined and where the one login goes, `stages` lets those who look do it, all at once and within
a budget of time, `report` has it judged. What looks is handed over, so that tests need no network.

Must never: log in twice, or where the certificate is not verified; run without an end.
"""

from gatepost.doctor.examine.examination import examine
from gatepost.doctor.examine.roles import Finder, Looker

__all__ = ("Finder", "Looker", "examine")
