"""Joined: pairs of predictions and labels, counted by minute of the prediction, on disk, and the windows that they make.

In each step of a model, after what was read was put into the :class:`~prediction_exporter.labels.Store`::

    counts.put(step, store, joined)                     # pairs that are new, and those that corrections replaced
    counts.advance(step, store, now, believed=believed)  # windows end where they do now

and between steps ``counts.windows()`` and ``counts.coverage()`` tell what there is. Counts of a minute are on disk for as long
as a window may hold it; a window is a running sum of its minutes, mature or preliminary, equal to a recomputation to the last
bit.
"""

from prediction_exporter.joined.counts import JoinedCounts, Kind, Maturity, Window
from prediction_exporter.joined.folding import Key

__all__ = ["JoinedCounts", "Key", "Kind", "Maturity", "Window"]
