"""What a look at a model's source shows: whether its lines would count, and whether they have the baseline's columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from prediction_exporter.baseline import Baseline
from prediction_exporter.baseline.settings import Findings, check_settings, nearest
from prediction_exporter.config import Config, Model, baseline_command, check_log_folders
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Kind
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import Profiler
from prediction_exporter.counting.windows import SLICE_SECONDS
from prediction_exporter.errors import PredictionExporterError
from prediction_exporter.monitor.model_monitor import admit
from prediction_exporter.monitor.references import load_baseline
from prediction_exporter.sources.base import REASONS, Look, Rejected
from prediction_exporter.sources.fields.schema import path_text

#: What may be wrong where all lines are refused for a reason.
_REMEDIES = {
    "invalid_time": "write which field is the time, and its unit, to fields.time",
    "missing_id": "write which field is the id to fields.id",
    "future": "set the clock, or the timezone of times that carry none",
}

#: Refusals that are no fault, or that text between the lines causes.
_HARMLESS = {"malformed"}

#: A column that the baseline itself often lacks is told only where so many lines without it are improbable.
_IMPROBABLE = 0.01

#: The share of failed requests in a sample, and the requests in it, from which it is asked whether they failed indeed.
_NEARLY_ALL, _FEW = 0.9, 5

#: How many categories of the baseline a message names.
_SHOWN = 5


def at_start(config: Config, file: Path) -> Iterator[str]:
    """Yield what may be wrong with a configuration that is good enough to start with."""
    yield from check_log_folders(config)
    for index, model in enumerate(config.models):
        try:
            baseline = load_baseline(model, f"models[{index}]")
        except PredictionExporterError:
            continue  # its monitor tells
        found = check_settings(model.columns, baseline, (), index=index, command=baseline_command(file, model))
        yield from (*found.errors, *found.warnings)


def inspect(model: Model, baseline: Baseline | None, look: Look, *, index: int, file: Path, now: float) -> tuple[str, Findings]:
    """Return a line about the sample, and what is wrong with it.

    Args:
        model: the model.
        baseline: its baseline, where there is one.
        look: what its source shows.
        index: its number in the configuration.
        file: the configuration's file.
        now: Unix time.
    """
    place = f"models[{index}].predictions"
    found = Findings(
        [*(f"{place}: {fault}" for fault in look.faults), *(f"{place}.{sentence}" for sentence in look.unseen)],
        [f"{place}: {remark}" for remark in look.remarks],
    )
    rejected = Rejected()
    rejected.merge(look.batch.rejected)
    tolerance = model.predictions.future_tolerance.seconds
    # A log that is long has an old beginning, so that nothing is too old here.
    kept = [admit(events, rejected, oldest=0.0, now=now, tolerance=tolerance) for events in look.batch.events]
    usable = sum(map(len, kept))
    found.add(_refused(rejected, usable, place))
    found.warnings += _failed(kept, model, look, place)
    if baseline is not None and usable:
        profiler = Profiler(baseline.layout, bucket_seconds=SLICE_SECONDS)
        total = Profile.empty(baseline.layout)
        for events in kept:
            for _, profile in profiler.fold(events):
                total.add(profile)
        if total.rows:
            found.add(_columns(total, baseline, look, place))
    command = baseline_command(file, model)
    if baseline is not None:
        found.warnings += _unknown_features(model, baseline, f"{place}.fields.features")
    found.add(check_settings(model.columns, baseline, look.fields, index=index, command=command))
    return _shown(look, rejected, usable), found


def _shown(look: Look, rejected: Rejected, usable: int) -> str:
    lines = usable + rejected.total
    if not lines:
        return ""
    refused = ", ".join(f"{count:,} refused as {reason}" for reason, count in rejected.counts.items())
    return f"sample: {lines:,} {'lines' if lines > 1 else 'line'} of {look.place}, {refused or 'all usable'}"


def _failed(kept: Sequence[Events], model: Model, look: Look, place: str) -> list[str]:
    """Return a question where nearly all requests of a sample count as failed, which may be a word that is not known."""
    requests, failed = sum(map(len, kept)), sum(int(events.failed.sum()) for events in kept)
    status = model.predictions.fields.status
    if failed < _NEARLY_ALL * requests or requests < _FEW or (status is not None and (status.failed or status.ok)):
        return []
    name = path_text(look.schema.status) if look.schema is not None and look.schema.status is not None else "NAME"
    shown = f", as their status is {', '.join(map(repr, look.failing[:_SHOWN]))}" if look.failing else ""
    question = f"{failed} of {requests} sampled requests count as failed{shown}; is it so?"
    answer = (
        f"write which values mean failure, as status: {{field: {name}, failed: [VALUE]}}, or which do not, with ok: [VALUE]"
    )
    return [f"{place}.fields.status: {question} If not, {answer}"]


def _refused(rejected: Rejected, usable: int, place: str) -> Findings:
    """Return what is wrong where no line of a sample would count, or less than half of them."""
    if not rejected.total:
        return Findings()
    reason = max(rejected.counts, key=lambda reason: rejected.counts[reason])
    told = f"as {reason} ({REASONS[reason]}), such as {rejected.examples[reason]!r}"
    remedy = f"; {_REMEDIES[reason]}" if reason in _REMEDIES else ""
    if not usable:
        most = ", most" if len(rejected.counts) > 1 else ""
        return Findings([f"{place}: every sampled line is refused{most} {told}{remedy}"])
    faulty = sum(count for reason, count in rejected.counts.items() if reason not in _HARMLESS)
    if faulty > usable:
        return Findings(warnings=[f"{place}: most sampled lines are refused, {told}{remedy}"])
    return Findings()


def _columns(sample: Profile, baseline: Baseline, look: Look, place: str) -> Findings:
    """Return the columns of which a sample has no usable value at all, or none that the baseline knows."""
    found = Findings()
    rows = int(sample.rows)
    paths = {field.name: path_text(field.path) for field in look.schema.columns} if look.schema is not None else {}
    spare = [name for name in look.fields if name not in paths]
    missing, invalid, unseen = [], [], []
    for number, column in enumerate(baseline.layout.columns):
        none, odd, _ = (int(count) for count in sample.states[number])
        often = float(baseline.profile.states[number][0]) / int(baseline.profile.rows)
        if none == rows and often**rows < _IMPROBABLE:
            missing.append(f"{column.name} (looked for as {paths[column.name]}{nearest(column.name, spare)})")
        elif odd and none + odd == rows:
            invalid.append(f"{column.name} ({column.kind.value} in the baseline)")
        elif column.kind is Kind.CATEGORICAL and _all_other(sample, column.name, baseline):
            unseen.append(f"{column.name} (which has {_first(column.categories)})")
    if missing:
        columns = f"{len(missing)} of {len(baseline.layout.columns)} columns"
        verb = "was" if len(missing) == 1 else "were"
        found.warnings.append(f"{place}.fields: {columns} {verb} not seen in {rows:,} records: {', '.join(missing)}")
    if invalid:
        found.warnings.append(f"{place}.fields: every sampled value is invalid of {', '.join(invalid)}")
    if unseen:
        found.warnings.append(f"{place}.fields: every sampled value is unknown to the baseline of {', '.join(unseen)}")
    return found


def _unknown_features(model: Model, baseline: Baseline, place: str) -> list[str]:
    """Return what is listed as a feature and is none of the baseline's columns, so that nothing watches it."""
    listed = model.predictions.fields.features
    names = baseline.layout.names
    return [
        f"{place}[{number}]: the baseline has no column {name}{nearest(name, names)}"
        for number, name in enumerate(listed if isinstance(listed, tuple) else ())
        if name not in names and name not in baseline.left_out
    ]


def _all_other(sample: Profile, name: str, baseline: Baseline) -> bool:
    """Whether no value of a category is one that the baseline knows, where its own values tell that this is improbable."""
    values, known = sample.column_values(name), baseline.profile.column_values(name)
    count = int(values.sum())
    return count > 0 and int(values[-1]) == count and (float(known[-1]) / float(known.sum())) ** count < _IMPROBABLE


def _first(categories: Sequence[str]) -> str:
    more = len(categories) - _SHOWN
    return ", ".join(categories[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
