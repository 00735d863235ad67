"""Metric families: every name that the exporter exposes exists once, as an object of this module or of a statistic.

Rules, dashboards, documentation and the golden list are written with these objects, so that renaming a family is one edit
and a misspelt one is an import error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FamilyType = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """A metric family: name, type, help and label names, in the order of exposition.

    A counter's name ends in ``_total``. ``group`` is the heading that documentation puts it under.
    """

    name: str
    type: FamilyType
    help: str
    labels: tuple[str, ...]
    group: str

    def __str__(self) -> str:
        return self.name

    def where(self, *matchers: str, **equal: str) -> str:
        """Return a PromQL selector.

        >>> family = Family(name="up", type="gauge", help="Whether it is.", labels=("code", "model"), group="exporter")
        >>> family.where('code!="200"', model="m")
        'up{code!="200", model="m"}'
        """
        inner = ", ".join([*matchers, *(f'{label}="{value}"' for label, value in equal.items())])
        return f"{self.name}{{{inner}}}"


MODEL = ("model",)
VERSION = ("model", "version")
WINDOW = ("model", "version", "segment", "window")
COLUMN = (*WINDOW, "column", "role")
#: Of predictions and their labels; ``labels`` is mature or preliminary, ``stage`` is empty where no field says one.
PERFORMANCE = ("model", "version", "stage", "segment", "window", "labels")
COVERAGE = ("model", "version", "stage", "window", "labels")
BASELINE_COLUMN = ("model", "column", "role")
BASELINE_WINDOW_COLUMN = ("model", "window", "column", "role")
REFERENCE = (*WINDOW, "reference")
REFERENCE_COLUMN = (*REFERENCE, "column", "role")
