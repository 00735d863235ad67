"""What a look at a model's source shows: whether its lines would count, and whether they have the baseline's columns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from prediction_exporter.baseline import Baseline
from prediction_exporter.baseline.settings import Findings, check_settings, nearest
from prediction_exporter.config import Config, Model, Predictions, baseline_command, check_log_folders, coarse_objectives
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Kind, Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import MICROSECONDS, Profiler
from prediction_exporter.counting.traffic import Traffic
from prediction_exporter.counting.windows import SLICE_SECONDS, Span
from prediction_exporter.errors import PredictionExporterError, in_short
from prediction_exporter.monitor.admitting import admit
from prediction_exporter.monitor.foresight import entities_in
from prediction_exporter.monitor.references import load_baseline, spans_of
from prediction_exporter.monitor.score_scale import scale_of_scores
from prediction_exporter.sources.base import REASONS, Look, Rejected, Source
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.fields.schema import EventSchema, path_text
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.layouts.registry import layout_of
from prediction_exporter.sources.records.unfolding import Records
from prediction_exporter.sources.registry import open_source

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

#: Decimals that may be those of a logger that rounds, and values that show it.
MOST_DECIMALS, ENOUGH_VALUES = 7, 30

#: The part of a step that a bin of one step has at least: edges lie a little below the values that they stand for.
NEARLY = 0.999

#: Bytes at the end of a log that its newest event is looked for in.
LAST_BYTES = 64 << 10
#: The share of failed requests in a sample, and the requests in it, from which it is asked whether they failed indeed.
_NEARLY_ALL, _FEW = 0.9, 5

#: The share of a sample that one entity has, from which it is asked whether it is one.
_GIANT = 0.5

#: Names of fields that are shown.
_NAMES = 20

#: How many categories of the baseline a message names.
_SHOWN = 5


def open_to_look(config: Config, index: int, layout: Layout | None, *, eligible: Filter | None = None) -> Source:
    """Return a model's source, of which nothing will count as read; it counts which predictions can get a label."""
    return open_source(
        SourceContext.of_model(
            config.models[index],
            layout,
            spans_of(config),
            Traffic(layout),
            lambda versions: {version: version or "" for version in versions},
            where=f"models[{index}]",
            clock=time.time,
            eligible=eligible,
        )
    )


def at_start(config: Config, file: Path) -> Iterator[str]:
    """Yield what may be wrong with a configuration that is good enough to start with."""
    yield from check_log_folders(config)
    yield from coarse_objectives(config)
    for index, model in enumerate(config.models):
        try:
            baseline = load_baseline(model, f"models[{index}]")
        except PredictionExporterError:
            continue  # its monitor tells
        found = check_settings(model.columns, baseline, (), index=index, command=baseline_command(file, model))
        yield from (*found.errors, *found.warnings)


def inspect(
    model: Model, baseline: Baseline | None, look: Look, *, index: int, file: Path, now: float, longest: Span | None = None
) -> tuple[str, Findings]:
    """Return a line about the sample, and what is wrong with it.

    Args:
        model: the model.
        baseline: its baseline, where there is one.
        look: what its source shows.
        index: its number in the configuration.
        file: the configuration's file.
        now: Unix time.
        longest: the longest window, to tell where all events are older than that.
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
    found.add(refused(rejected, usable, place, shown_as=model.predictions.example))
    found.errors += _durations(kept or look.rows.events, model, look, place)
    if longest is not None:
        found.warnings += _old(model, look, longest, place, now)
    found.warnings += [*_failed(kept, model, look, place), *_giants(look, place)]
    if baseline is not None and usable:
        profiler = Profiler(baseline.layout, bucket_seconds=SLICE_SECONDS)
        total = Profile.empty(baseline.layout)
        for events in kept:
            for _, profile in profiler.fold(events):
                total.add(profile)
        if total.rows:
            found.add(_columns(total, baseline, look, place))
            found.warnings += _coarse(kept, baseline, f"models[{index}].columns")
    command = baseline_command(file, model)
    if baseline is not None:
        found.warnings += scale_of_scores(kept or look.rows.events, baseline.layout, place)
        found.warnings += _unknown_features(model, baseline, f"{place}.fields.features")
    found.add(check_settings(model.columns, baseline, look.fields, index=index, command=command))
    of = "line" if look.unfolded is None else "prediction"
    shown = shown_sample(look.place, rejected, usable, look.batch.skipped, of=of)
    return "; ".join(filter(None, (shown, look.joined and f"joined: {look.joined}"))), found


def shown_records(model: Model, look: Look) -> list[str]:
    """Return lines on the records of a sample that hold several predictions, and on the layout that they are of."""
    predictions = model.predictions
    layout = predictions.layout
    how = "rows" if predictions.rows is not None else "join"
    lines = []
    if look.unfolded is not None and look.unfolded.records:
        found = look.unfolded
        names = ", ".join(found.names[:_NAMES]) + (", ..." if len(found.names) > _NAMES else "")
        records = f"{found.records:,} {'records have' if found.records > 1 else 'record has'}"
        many = f"{found.predictions:,} {'predictions' if found.predictions > 1 else 'prediction'}"
        others = f"; {found.others:,} {'others are' if found.others > 1 else 'other is'} skipped" if found.others else ""
        lines.append(f"{how if layout is None else f'layout {layout}'}: {records} {many}, one of them with {names}{others}")
    return lines if layout is None else [*lines, *(f"layout {layout}: {note}" for note in layout_of(layout).notes)]


def shown_sample(place: str, rejected: Rejected, usable: int, skipped: int = 0, *, of: str = "line") -> str:
    """Return a line on how much of a sample is usable; empty where there is none."""
    lines = usable + rejected.total + skipped
    if not lines:
        return ""
    sample = f"sample: {lines:,} {of}{'s' if lines > 1 else ''} of {place}"
    if skipped:
        return f"{sample}, {skipped:,} left out by where, {rejected.total:,} refused, {usable:,} usable"
    refused = ", ".join(f"{count:,} refused as {reason}" for reason, count in rejected.counts.items())
    return f"{sample}, {refused or 'all usable'}"


def _coarse(kept: Sequence[Events], baseline: Baseline, place: str) -> list[str]:
    """Return the columns whose log is rounded to fewer decimals than tell the baseline's bins apart."""
    found = []
    for column in baseline.layout.columns:
        if column.kind is not Kind.NUMERIC or column.is_derived or len(column.drift_edges) < 2:  # noqa: PLR2004 - of one bin
            continue
        values = np.concatenate([events.columns[column.name].drop_nulls().to_numpy() for events in kept])
        values = values[np.isfinite(values)]
        decimals = next((d for d in range(MOST_DECIMALS) if len(values) and np.array_equal(values, np.round(values, d))), None)
        # The bin of a single value is narrow, and its ends are no values.
        widths = [b - a for a, b in pairwise(column.drift_edges) if not any(a <= heavy < b for heavy in column.heavy)]
        if decimals is None or len(values) < ENOUGH_VALUES or not widths or min(widths) >= NEARLY * 10.0**-decimals:
            continue
        found.append(
            f"{place}.{column.name}: the sampled values have at most {decimals} decimals, and the baseline tells finer ones "
            f"apart; where the log rounds them, write decimals: {decimals} and build the baseline anew"
        )
    return found


def _durations(events: Sequence[Events], model: Model, look: Look, place: str) -> list[str]:
    """Return the durations between two fields that no sampled prediction has, though these are there."""
    stated = model.predictions.fields.durations or {}
    found = []
    for name, one in stated.items():
        absent = any(sentence.startswith(f"fields.durations.{name}") for sentence in look.unseen)
        values = [of.durations[name] for of in events if name in of.durations]
        if one.field is not None or absent or not sum(map(len, values)) or np.isfinite(np.concatenate(values)).any():
            continue
        found.append(
            f"{place}.fields.durations.{name}: no sampled prediction has it; {one.begin} and {one.end} must be times, and "
            f"{one.end} not before {one.begin}"
        )
    return found


def _old(model: Model, look: Look, longest: Span, place: str, now: float) -> list[str]:
    """Return that every event lies before the longest window, where that is so: there is nothing to compare then."""
    newest = max((int(events.times.max()) / MICROSECONDS for events in look.batch.events if len(events)), default=None)
    if newest is None or newest >= now - longest.seconds:
        return []
    if model.predictions.log is not None and look.schema is not None:
        # The sample is of a file's first lines, and those of a long one are old.
        last = _last_event(Path(look.place), look.schema, model.predictions)
        if last is None or last >= now - longest.seconds:
            return []
        newest = max(newest, last)
    source = model.predictions.source
    start = "; start: beginning has nothing to count" if getattr(source, "start", None) == "beginning" else ""
    day = datetime.fromtimestamp(newest, UTC).strftime("%Y-%m-%d %H:%M")
    return [f"{place}: every sampled event lies before the longest window ({longest.name}), the newest is of {day} UTC{start}"]


def _last_event(file: Path, schema: EventSchema, predictions: Predictions) -> float | None:
    """Return the time of the newest event among a file's last lines; None where these are no plain JSON lines."""
    try:
        with file.open("rb") as lines:
            lines.seek(max(file.stat().st_size - LAST_BYTES, 0))
            data = lines.read()
    except OSError:
        return None
    records = Records(predictions, None, clock=time.time)
    data = data.partition(b"\n")[2] if len(data) == LAST_BYTES else data
    parts: Iterable[bytes] = [data]
    if records.sampling is not None:
        parts = (piece.data for piece in records.sampling.pieces(data, Rejected()))
    parser = JsonLinesParser(schema, chosen=records.chosen)
    found = (events for part in parts for events in parser.parse(part).events)
    return max((int(events.times.max()) / MICROSECONDS for events in found if len(events)), default=None)


def _failed(kept: Sequence[Events], model: Model, look: Look, place: str) -> list[str]:
    """Return a question where nearly all requests of a sample count as failed, which may be a word that is not known."""
    requests, failed = sum(map(len, kept)), sum(int(events.failed.sum()) for events in kept)
    status = model.predictions.fields.status
    if failed < _NEARLY_ALL * requests or requests < _FEW or (status is not None and (status.failed or status.ok)):
        return []
    of_schema = path_text(look.schema.status) if look.schema is not None and look.schema.status is not None else "NAME"
    name = look.status or of_schema
    shown = f", as their status is {', '.join(map(repr, look.failing[:_SHOWN]))}" if look.failing else ""
    question = f"{failed} of {requests} sampled requests count as failed{shown}; is it so?"
    answer = (
        f"write which values mean failure, as status: {{field: {name}, failed: [VALUE]}}, or which do not, with ok: [VALUE]"
    )
    return [f"{place}.fields.status: {question} If not, {answer}"]


def _giants(look: Look, place: str) -> list[str]:
    """Return what is odd about entities: a text that stands for nobody in particular, or none at all."""
    entities = entities_in(look)
    if entities.total < _FEW or any(sentence.startswith("fields.entity:") for sentence in look.unseen):
        return []
    if not entities.rows:
        return [f"{place}.fields.entity: none of the {entities.total:,} sampled predictions names one"]
    most = int(entities.counts.max()) / entities.total
    if most < _GIANT:
        return []
    wanted = "where it means nobody in particular, have null written: each of these counts on its own then"
    return [f"{place}.fields.entity: one value stands in {most:.0%} of the sampled predictions; {wanted}"]


def refused(rejected: Rejected, usable: int, place: str, *, shown_as: Callable[[str], str] = str) -> Findings:
    """Return what is wrong where no line of a sample would count, or less than half of them.

    ``shown_as`` tells how a part of a line may be shown.
    """
    if not rejected.total:
        return Findings()
    reason = max(rejected.counts, key=lambda reason: rejected.counts[reason])
    told = f"as {reason} ({REASONS[reason]}), such as {shown_as(rejected.examples[reason])!r}"
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
            if column.is_derived:
                continue  # its column is told
            missing.append(f"{column.name} (looked for as {paths[column.name]}{nearest(column.name, spare)})")
        elif odd and none + odd == rows:
            invalid.append(f"{column.name} ({column.kind.value} in the baseline)")
        elif column.kind is Kind.CATEGORICAL and _all_other(sample, column.name, baseline):
            unseen.append(f"{column.name} (which has {in_short(column.categories, _SHOWN)})")
    if missing:
        own = sum(not column.is_derived for column in baseline.layout.columns)
        columns = f"{len(missing)} of {own} columns"
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
