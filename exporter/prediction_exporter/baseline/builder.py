"""Building a baseline from a table: what each column is, its bins, and its counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from prediction_exporter.baseline.attributed import magnitudes
from prediction_exporter.baseline.columns import Profiled, derived_of, is_whole, profile_column
from prediction_exporter.baseline.derived import MEANINGS, Moment, Raw, lists_in, moment_of
from prediction_exporter.baseline.kinds import IDENTIFIER, IGNORED, LeftOutError
from prediction_exporter.baseline.labelled import Truth, labelled
from prediction_exporter.baseline.learnt_record import InflationRecord, to_record
from prediction_exporter.baseline.numbers import DRIFT_BINS, numeric_column
from prediction_exporter.baseline.record import BaselineRecord, ColumnRecord, Task, to_columns
from prediction_exporter.baseline.replayed import NO_SUCH_TIMES, NO_TIMES, Clock, sees, taught
from prediction_exporter.baseline.surrogate import Sample, learn
from prediction_exporter.baseline.tables import Table
from prediction_exporter.config import Column as Setting
from prediction_exporter.config import Fields
from prediction_exporter.config.suggesting import suggest
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Kind, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.errors import BaselineError
from prediction_exporter.sources.fields.attributed import attributed
from prediction_exporter.sources.fields.names import MAX_LIST
from prediction_exporter.sources.fields.roles import Roles, assign

__all__ = ["DRIFT_BINS", "IDENTIFIER", "IGNORED", "BuildResult", "ColumnReport", "build", "numeric_column"]


@dataclass(frozen=True, kw_only=True)
class ColumnReport:
    """What was made of a column of the data, for the person who builds the baseline."""

    name: str
    role: Role
    result: str


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """A baseline, what was made of each column, and what its times and its outputs taught, a line each."""

    record: BaselineRecord
    columns: tuple[ColumnReport, ...]
    taught: str


def build(
    table: Table,
    fields: Fields,
    *,
    kinds: Mapping[str, str],
    task: Task | None,
    where: str,
    settings: Mapping[str, Setting] | None = None,
    track: Callable[[Iterable[str]], Iterable[str]] = iter,
    labels: Sequence[str] = (),
    timezone: str = "UTC",
    importance: bool = False,
    truth: Truth | None = None,
) -> BuildResult:
    """Build a baseline from a table.

    Args:
        table: training or validation data.
        fields: the roles of its columns, as the configuration says.
        kinds: by column, its kind as the configuration calls it, where that overrides what is found.
        task: what the model does, or None to tell from the columns.
        where: the place of ``fields`` in the configuration, for messages.
        settings: by column, what else the configuration says of it.
        track: wraps the columns' names, to show progress.
        labels: columns that hold the truth.
        timezone: IANA zone of times that carry none, and of the hours of seasons.
        importance: whether it is learnt what part of the output each feature carries; it needs scikit-learn.
        truth: where the table has the labels of a model whose performance is measured.

    Raises:
        BaselineError: the table has no rows, no column to watch, or not what a setting says.
        ConfigError: several columns could have a role, or what is said of performance does not fit the table.
    """
    if table.rows == 0:
        raise BaselineError(f"{table.name}: has no rows; a baseline is built from data")
    roles = assign(list(table.columns), fields, where=where, labels=[*labels, *(truth.columns if truth is not None else ())])
    wanted = _wanted(table, roles)
    left_out = _other_columns(table.columns, roles, _places(wanted), fields) | (truth.left_out if truth is not None else {})
    known = {name: _setting(settings, kinds, name) for name in {**dict(settings or {}), **kinds}}
    place = f"{where.removesuffix('.predictions.fields')}.columns"
    left_out |= {
        f"{name}[{MAX_LIST}]": f"the list has {items} items, of which the first {MAX_LIST} are columns"
        for name, items in table.longest.items()
    }
    lists = lists_in(table, fields, wanted)
    wanted = _with_stated_lists(wanted, lists, known)
    left_out = {name: why for name, why in left_out.items() if name.removesuffix(f"[{MAX_LIST}]") not in _places(wanted)}
    _refuse_settings(table, known, wanted, left_out, place)
    is_scored_by_class = sum(role is Role.SCORE for _, role in wanted.values()) > 1
    moment = moment_of(table, fields, roles, timezone)
    clock, taught_nothing = _clock(table, roles, moment, timezone)
    sample = Sample(table.rows) if importance else None
    taken = {*wanted, *(ignored := {name for name, setting in known.items() if setting.kind == "ignore"})}
    found: list[Profiled] = []
    reports: list[ColumnReport] = []
    for name in track(wanted):
        at, role = wanted[name]
        setting = known.get(name, Setting())
        if setting.kind == "ignore":
            left_out[name] = IGNORED
            continue
        try:
            # What has scores of several classes predicts a class, also one of many that are written as numbers.
            is_class = is_scored_by_class and role is Role.PREDICTION and is_whole(table.column(at), table.written.get(at))
            does = task or ("multiclass" if is_class else None)
            several = _taught(_profiled(name, role, at, table, setting, does, moment, taken), clock, sample, truth)
        except BaselineError as error:
            raise BaselineError(f"{place}.{name}: {error}") from error
        except LeftOutError as reason:
            if setting.kind is not None:
                raise BaselineError(f"{place}.{name}.kind: is {setting.kind}, and the column is {reason}") from reason
            left_out[name] = str(reason)
            reports.append(ColumnReport(name=name, role=role, result=f"left out, {reason}"))
            continue
        found += several
        reports += _reports(several)
    for made in _of_lists(table, lists, moment, taken, clock, sample):
        found += made
        reports += _reports(made)
    left_out |= {name: IGNORED for name in ignored if name not in wanted and name in _possible(found, lists)}
    if not found:
        raise BaselineError(f"{table.name}: has no column to watch: " + "; ".join(f"{k}: {v}" for k, v in left_out.items()))
    learnt = None if sample is None else learn(sample)
    does = task or _recognise_task([one.profile for one in found])
    performance, how_good = labelled(table, truth, found, does)
    record = BaselineRecord(
        rows=table.rows,
        task=does,
        left_out=left_out,
        replay=clock.record if clock is not None else None,
        importance=None if learnt is None else learnt.record,
        attributions=magnitudes(table, fields, _features(found)),
        performance=performance,
        columns=tuple(_record(one) for one in found),
    )
    words = (taught_nothing if clock is None else clock.words(), *([] if learnt is None else [learnt.words]), *how_good)
    return BuildResult(record=record, columns=tuple(reports), taught="\n".join(words))


def _features(found: Sequence[Profiled]) -> list[str]:
    columns = [one.column for one in found]
    return [column.name for column in columns if column.role is Role.FEATURE and not column.is_derived]


def _wanted(table: Table, roles: Roles) -> dict[str, tuple[str, Role]]:
    """Return the columns that are looked at, with where they stand and what they are to the model."""
    wanted = {name: (at, Role.FEATURE) for name, at in roles.features.items()}
    if roles.prediction is not None:
        wanted[roles.prediction] = (roles.prediction, Role.PREDICTION)
    wanted |= {roles.classes.get(name, name): (name, Role.SCORE) for name in roles.scores}
    return {name: (at, role) for name, (at, role) in wanted.items() if at in table.columns}


def _clock(table: Table, roles: Roles, moment: Moment, timezone: str) -> tuple[Clock | None, str]:
    """Return the hours of the rows, and what is said where there are none."""
    if moment.times is None or roles.time is None:
        return None, NO_TIMES
    return Clock.of_column(table.column(roles.time), moment.times, timezone), NO_SUCH_TIMES.format(roles.time)


def _with_stated_lists(
    wanted: Mapping[str, tuple[str, Role]], lists: Mapping[str, str], settings: Mapping[str, Setting]
) -> dict[str, tuple[str, Role]]:
    """Return the columns that are looked at: of which lists it is stated what they are, these and not their items."""
    stated = {name: at for name, at in lists.items() if name in settings and settings[name].kind is not None}
    kept = {name: place for name, place in wanted.items() if not any(name.startswith(f"{of}[") for of in stated)}
    return kept | {name: (at, Role.FEATURE) for name, at in stated.items()}


def _places(wanted: Mapping[str, tuple[str, Role]]) -> set[str]:
    return {at for at, _ in wanted.values()}


def _profiled(
    name: str, role: Role, at: str, table: Table, setting: Setting, task: Task | None, moment: Moment, taken: Collection[str]
) -> list[Profiled]:
    """Return a column, and those that are made of it."""
    values = table.column(at)
    one = profile_column(name, role, values, table.written.get(at), setting, task)
    if one.meaning == "date" and moment.times is None and setting.kind not in MEANINGS:
        return [replace(one, words=f"{one.words}; the data has no time, from which they would have an age")]
    raw = Raw(name=name, role=role, values=values, held=one.column.held, meaning=one.meaning)
    made = derived_of(raw, moment, taken, is_stated=setting.kind in MEANINGS)
    if one.meaning == "date" and not made and Function.AGE_DAYS.name_for(name) not in taken:
        return [replace(one, words=f"{one.words}; no age can be told of them")]
    return [one, *made]


def _of_lists(
    table: Table,
    lists: Mapping[str, str],
    moment: Moment,
    taken: Collection[str],
    clock: Clock | None,
    sample: Sample | None,
) -> list[list[Profiled]]:
    """Return the columns that are made of each of the lists whose items are columns."""
    raws = [
        Raw(name=name, role=Role.FEATURE, values=table.column(at), held=Held.CONTAINER, meaning="vector")
        for name, at in lists.items()
        if name not in taken
    ]
    return [_taught(derived_of(raw, moment, taken), clock, sample) for raw in raws]


def _taught(
    several: Sequence[Profiled], clock: Clock | None, sample: Sample | None, truth: Truth | None = None
) -> list[Profiled]:
    """Return columns with what their hours taught, and without their rows, of which a sample is kept.

    Those of outputs stay, where there are labels beside them.
    """
    if sample is not None:
        for one in several:
            sample.take(one)
    made = [taught(one, clock) for one in several]
    if truth is None or several[0].column.role is Role.FEATURE:
        return made
    return [replace(made[0], events=several[0].events), *made[1:]]


def _reports(several: Sequence[Profiled]) -> Iterator[ColumnReport]:
    """Yield what was made of a column, in the order of the columns that it became."""
    made = " and ".join(one.column.name for one in several if one.column.is_derived)
    for one in several:
        how = "" if one.column.kind is not Kind.PRESENCE else f"presence, {made}, " if made else "presence alone, "
        yield ColumnReport(name=one.column.name, role=one.column.role, result="; ".join([f"{how}{one.words}", *sees(one)]))


def _possible(found: Iterable[Profiled], lists: Iterable[str]) -> set[str]:
    """Return the names that columns would have that can be made of others."""
    of = {*(one.column.name for one in found), *lists}
    return {function.name_for(name) for name in of for function in Function} | set(lists)


def _record(one: Profiled) -> ColumnRecord:
    [record] = to_columns(one.profile)
    added: dict[str, object] = {}
    if one.outside is not None:
        added |= {"outside": one.outside.rows, "outside_variance": one.outside.variance}
    if one.learnt is not None:
        added["learnt"] = to_record(one.learnt)
    if one.inflation.levels:
        added["inflation"] = InflationRecord.of(one.inflation)
    return record.model_copy(update=added)


def _setting(settings: Mapping[str, Setting] | None, kinds: Mapping[str, str], name: str) -> Setting:
    setting = (settings or {}).get(name, Setting())
    return setting if name not in kinds else setting.model_copy(update={"kind": kinds[name]})


def _refuse_settings(
    table: Table, settings: Mapping[str, Setting], wanted: Container[str], left_out: Mapping[str, str], place: str
) -> None:
    """Refuse settings of columns that the data lacks, or that are no columns of the model."""
    for name in settings:
        if name in wanted or settings[name].kind == "ignore":
            continue
        if name in left_out:
            raise BaselineError(f"{place}.{name}: is set, and the column is no feature ({left_out[name]})")
        raise BaselineError(f"{place}.{name}: {table.name} has no column {name}{suggest(name, table.columns)}")


def _other_columns(names: Collection[str], roles: Roles, wanted: Container[str], fields: Fields) -> dict[str, str]:
    """Return why each column is not looked at that is neither a feature nor an output."""
    reasons = dict.fromkeys(roles.labels, "label: the truth, which production does not know yet")
    reasons |= dict.fromkeys(attributed(fields, names), "the attribution of a feature")
    for role in ("time", "id", "version", "entity", "latency", "status", "stage"):
        name = getattr(roles, role)
        if name is not None:
            reasons[name] = f"the {role} of a prediction" if role != "entity" else "what a prediction belongs to"
    return {name: reasons.get(name, "not among the features") for name in names if name not in wanted}


def _recognise_task(profiles: Iterable[Profile]) -> Task | None:
    columns = [profile.layout.columns[0] for profile in profiles]
    for column in columns:
        if column.role is Role.PREDICTION and column.kind is not Kind.PRESENCE and not column.is_derived:
            if column.kind is Kind.NUMERIC:
                return "regression"
            return "binary" if len(column.categories) <= 2 else "multiclass"  # noqa: PLR2004 - that is what binary means
    scores = [column for column in columns if column.role is Role.SCORE]
    if len(scores) == 1:
        return "binary"
    return "multiclass" if scores else None
