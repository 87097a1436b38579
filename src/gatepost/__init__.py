"""Gatepost: a mail-access system whose secure doors are the only ones open by default.

Start reading at `ports` (every service there is), then `app` (how the rooms are put together).
"""

__version__ = "0.1.0"
