"""The list of layouts."""

from __future__ import annotations

from importlib import import_module
from typing import get_args

from prediction_exporter.config import Predictions
from prediction_exporter.config.records import LayoutName
from prediction_exporter.sources.fields.measured import Measured
from prediction_exporter.sources.layouts.base import RecordLayout

#: The names of all, as the configuration writes them.
NAMES: tuple[LayoutName, ...] = get_args(LayoutName)


def layout_of(name: LayoutName) -> RecordLayout:
    """Return a layout; its module is imported when it is used."""
    found: RecordLayout = import_module(f"prediction_exporter.sources.layouts.{name.replace('-', '_')}").LAYOUT
    return found


def measured_of(predictions: Predictions) -> Measured:
    """Return what is added up and observed of some predictions: what their layout tells, and what the configuration does."""
    known = Measured() if predictions.layout is None else layout_of(predictions.layout).measured
    return known | Measured.of(predictions.fields)
