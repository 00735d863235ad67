"""References: distances of windows from last week's and from the version before, where they are configured.

They have families of their own: a query for all series of a baseline's distance must not find these.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.collectors.base import ModelCollector, ModelSeries, Moment, Most, Subject
from prediction_exporter.collectors.prefixes import Prefixes
from prediction_exporter.collectors.report import ReferenceReport
from prediction_exporter.counting.profiler import ALL
from prediction_exporter.exposition import Samples
from prediction_exporter.families import REFERENCE, Family
from prediction_exporter.statistics import DISTANCES
from prediction_exporter.statistics.evaluation import full_result

REFERENCE_PREDICTIONS = Family(
    name="model_reference_predictions",
    type="gauge",
    labels=REFERENCE,
    group="reference",
    help="Predictions of what the label reference names; absent where there is nothing to compare.",
)

REFERENCE_STATUS = Family(
    name="model_reference_status",
    type="gauge",
    labels=(*REFERENCE, "statistic", "reason"),
    group="reference",
    help="Columns whose distance from what the label reference names has this status: ok, or the reason why it is absent.",
)


class ReferenceSeries(ModelSeries):
    """The windows of one model seen from others. Without a baseline, whose bins they have, there are none."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._prefixes = Prefixes(subject.model.name)
        layout = subject.baseline.layout if subject.baseline is not None else None
        self._columns = [(column.name, column.role) for column in layout.columns] if layout is not None else []
        self._applies: dict[str, NDArray[np.intp]] = (
            {statistic.key: np.flatnonzero(statistic.applies(layout)) for statistic in DISTANCES} if layout is not None else {}
        )

    def render(self, moment: Moment) -> Samples:
        """Return distances, thresholds and statuses of every window; what cannot be computed is absent."""
        samples = Samples()
        for report in moment.references:
            self._render(samples, report)
        return samples

    def _render(self, samples: Samples, report: ReferenceReport) -> None:
        at = (report.version, ALL, report.window, report.reference)
        if report.predictions is not None:
            samples.add(REFERENCE_PREDICTIONS, self._subject.labels(REFERENCE_PREDICTIONS, *at), report.predictions)
        for statistic in DISTANCES:
            result = report.results[statistic.key]
            for reason, count in result.statuses.items():
                samples.add(REFERENCE_STATUS, self._subject.labels(REFERENCE_STATUS, *at, statistic.key, reason), count)
            applies = self._applies[statistic.key]
            families = (statistic.reference_family, statistic.reference_threshold_family)
            for family, values in zip(families, (result.values, result.threshold), strict=True):
                if values is not None:
                    samples.extend(family, self._prefixes.of(family, at, partial(self._ends, statistic.key)), values[applies])

    def _ends(self, key: str) -> list[tuple[str, str]]:
        """Return the last label values of a distance's series: column and role."""
        return [self._columns[index] for index in self._applies[key]]

    def most(self) -> Most:
        """Count all windows as if nothing were absent, with as many statuses as there may be."""
        samples = Samples()
        for window, reference in self._subject.references.items():
            results = {statistic.key: full_result(statistic, reference) for statistic in DISTANCES}
            for kind in self._subject.model.references:
                self._render(samples, ReferenceReport("1", window, kind, 0, results))
        self.forget("1")
        return Most.of(None, samples)

    def forget(self, version: str) -> None:
        """Drop the version's prefixes."""
        self._prefixes.forget(version)


COLLECTOR = ModelCollector(
    name="references",
    summary="Distances of windows from the same ones last week and from the version before, where configured.",
    families=(
        REFERENCE_PREDICTIONS,
        REFERENCE_STATUS,
        *(f for statistic in DISTANCES for f in (statistic.reference_family, statistic.reference_threshold_family)),
    ),
    maturity=2,
    open=ReferenceSeries,
)
