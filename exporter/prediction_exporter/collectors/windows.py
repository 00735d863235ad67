"""Windows: counts that add up over replicas, where each reads a source of its own, and the baseline beside them."""

from __future__ import annotations

import numpy as np

from prediction_exporter.baseline import Baseline
from prediction_exporter.collectors.base import ModelCollector, ModelSeries, Moment, Most, Subject
from prediction_exporter.collectors.prefixes import Prefixes
from prediction_exporter.collectors.report import WindowReport
from prediction_exporter.counting.profiler import ALL
from prediction_exporter.exposition import Samples
from prediction_exporter.families import BASELINE_COLUMN, COLUMN, MODEL, WINDOW, Family
from prediction_exporter.statistics.seasons import Seasons

WINDOW_PREDICTIONS = Family(
    name="model_window_predictions",
    type="gauge",
    labels=WINDOW,
    group="window",
    help="Predictions in the window, by event time. Additive over replicas with sources of their own.",
)

MIN_PREDICTIONS = Family(
    name="model_min_predictions",
    type="gauge",
    labels=MODEL,
    group="window",
    help="Fewest predictions that a window must have to be compared, as configured.",
)

WINDOW_BIN_PREDICTIONS = Family(
    name="model_window_bin_predictions",
    type="gauge",
    labels=(*COLUMN, "bin"),
    group="window",
    help=(
        "Predictions in the window by bin of the column; the bins are the baseline's. "
        "Additive over replicas with sources of their own."
    ),
)

EXPECTED_BIN_PREDICTIONS = Family(
    name="model_window_expected_bin_predictions",
    type="gauge",
    labels=(*COLUMN, "bin"),
    group="window",
    help=(
        "Predictions that the baseline shows in the bin in the hours of the window; they add up to those with a value. "
        "Of columns whose baseline taught a season. Additive over replicas with sources of their own."
    ),
)

BASELINE_BIN_RATIO = Family(
    name="model_baseline_bin_ratio",
    type="gauge",
    labels=(*BASELINE_COLUMN, "bin"),
    group="window",
    help="Share of the baseline's values in the bin, smoothed as (count + 0.5) / (rows + 0.5 * bins).",
)

BASELINE_PREDICTIONS = Family(
    name="model_baseline_predictions",
    type="gauge",
    labels=BASELINE_COLUMN,
    group="window",
    help="Rows of the baseline that hold a value in the column.",
)

BASELINE_INFO = Family(
    name="model_baseline_info",
    type="gauge",
    labels=("model", "baseline"),
    group="window",
    help="Content hash of the baseline in use; replicas of one model must agree on it. Always 1.",
)

BASELINE_CREATED = Family(
    name="model_baseline_created_timestamp_seconds",
    type="gauge",
    labels=MODEL,
    group="window",
    help="When the baseline file was built, as Unix time.",
)


class WindowSeries(ModelSeries):
    """The windows of one model, and its baseline. Without a baseline there are none of either."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._prefixes = Prefixes(subject.model.name)
        self._fixed = Samples()
        self._fixed.add(MIN_PREDICTIONS, self._subject.labels(MIN_PREDICTIONS), subject.model.min_predictions)
        self._seasons: Seasons | None = None
        if subject.baseline is not None:
            self._seasons = next(iter(subject.references.values())).seasons
            self._render_baseline(subject.baseline)

    def _render_baseline(self, baseline: Baseline) -> None:
        add, layout = self._fixed.add, baseline.layout
        add(BASELINE_INFO, self._subject.labels(BASELINE_INFO, baseline.short_hash), 1)
        add(BASELINE_CREATED, self._subject.labels(BASELINE_CREATED), baseline.created)
        reference = next(iter(self._subject.references.values()))  # they differ in their thresholds alone
        for index, column in enumerate(layout.columns):
            labels = self._subject.labels(BASELINE_PREDICTIONS, column.name, column.role)
            add(BASELINE_PREDICTIONS, labels, reference.valid[index])
            first = int(layout.drift_offsets[index])
            for position, label in enumerate(column.drift_labels):
                labels = self._subject.labels(BASELINE_BIN_RATIO, column.name, column.role, label)
                add(BASELINE_BIN_RATIO, labels, reference.smoothed[first + position])

    def render(self, moment: Moment) -> Samples:
        """Return the counts of every window, and the baseline."""
        samples = self._fixed.copy()
        for report in moment.windows:
            at = (report.version, report.segment, report.window)
            samples.add(WINDOW_PREDICTIONS, self._subject.labels(WINDOW_PREDICTIONS, *at), report.profile.rows)
            prefixes = self._prefixes.of(WINDOW_BIN_PREDICTIONS, at, self._bins)
            samples.extend(WINDOW_BIN_PREDICTIONS, prefixes, report.profile.drift_counts)
            self._add_expected(samples, report)
        return samples

    def _add_expected(self, samples: Samples, report: WindowReport) -> None:
        if self._seasons is None or report.expected is None:
            return
        bins = self._seasons.drift_bins
        layout = report.profile.layout
        values = np.repeat(report.profile.valid, np.diff(layout.drift_offsets))
        at = (report.version, report.segment, report.window)
        prefixes = self._prefixes.of(EXPECTED_BIN_PREDICTIONS, at, self._expected_bins)
        samples.extend(EXPECTED_BIN_PREDICTIONS, prefixes, report.expected.proportions[bins] * values[bins])

    def most(self) -> Most:
        """Count the windows of all segments, and the baseline."""
        baseline = self._subject.baseline
        if baseline is None:
            return Most.of(self._fixed)
        windows = len(self._subject.references) * len(segments_of(self._subject, baseline))
        counts = {WINDOW_PREDICTIONS.name: windows, WINDOW_BIN_PREDICTIONS.name: windows * len(self._bins())}
        if self._seasons is not None:
            counts[EXPECTED_BIN_PREDICTIONS.name] = windows * len(self._seasons.drift_bins)
        return Most(Most.of(self._fixed).fixed, counts)

    def forget(self, version: str) -> None:
        """Drop the version's prefixes."""
        self._prefixes.forget(version)

    def _bins(self) -> list[tuple[str, str, str]]:
        """Return column, role and label of each bin that drift is computed from."""
        baseline = self._subject.baseline
        columns = baseline.layout.columns if baseline is not None else ()
        return [(column.name, column.role, label) for column in columns for label in column.drift_labels]

    def _expected_bins(self) -> list[tuple[str, str, str]]:
        """Return the same of those of the columns that have a season."""
        bins = self._bins()
        return [bins[index] for index in self._seasons.drift_bins] if self._seasons is not None else []


def segments_of(subject: Subject, baseline: Baseline) -> list[str]:
    """Return the segments that a model's windows may have, as the label shows them."""
    columns = [column for column in baseline.layout.columns if column.name in subject.model.segments]
    return [ALL, *(f"{column.name}={label}" for column in columns for label in column.value_labels)]


COLLECTOR = ModelCollector(
    name="windows",
    summary="Counts of the windows by bin, and the baseline that they are compared with.",
    families=(
        WINDOW_PREDICTIONS,
        MIN_PREDICTIONS,
        WINDOW_BIN_PREDICTIONS,
        EXPECTED_BIN_PREDICTIONS,
        BASELINE_BIN_RATIO,
        BASELINE_PREDICTIONS,
        BASELINE_INFO,
        BASELINE_CREATED,
    ),
    maturity=1,
    of_predictions=True,
    open=WindowSeries,
)
