"""Model servers: what they call their own counts of requests, failures and durations, in :data:`SERVERS`.

To add one, write its declaration in :mod:`prediction_exporter.servers.kinds`, or beside it, and its name in the list there.
"""

from __future__ import annotations

from prediction_exporter.servers.base import Bound, Counted, Histogram, Part, Server, Source
from prediction_exporter.servers.kinds import SERVERS

__all__ = ["SERVERS", "Bound", "Counted", "Histogram", "Part", "Server", "Source"]
