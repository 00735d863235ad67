"""Whether the settings of single columns are those that a baseline was built with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from prediction_exporter.baseline.derived import MEANINGS
from prediction_exporter.baseline.kinds import IDENTIFIER, IGNORED
from prediction_exporter.baseline.record import Baseline
from prediction_exporter.config import Column, Kind
from prediction_exporter.config.suggesting import suggest
from prediction_exporter.config.tree import render
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Kind as LayoutKind
from prediction_exporter.counting.layout import Layout


@dataclass(slots=True)
class Findings:
    """What was found wrong, and what may be right.

    Attributes:
        errors: what is to be mended.
        warnings: what may come right by itself, or may be meant.
    """

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Add another's."""
        self.errors += other.errors
        self.warnings += other.warnings


def nearest(name: str, known: Collection[str]) -> str:
    """Return "; did you mean X?" where a known name is close, also one that is written with the object that it stands in.

    >>> nearest("features.age", ["age", "income"]), nearest("incme", ["age", "income"]), nearest("zip", ["age"])
    ('; did you mean age?', '; did you mean income?', '')
    """
    inside = next((other for other in known if name.endswith(f".{other}") or other.endswith(f".{name}")), None)
    return f"; did you mean {inside}?" if inside is not None else suggest(name, known)


def check_settings(
    columns: Mapping[str, Column], baseline: Baseline | None, fields: Collection[str], *, index: int, command: str
) -> Findings:
    """Return which settings of columns have no effect, and why.

    Args:
        columns: the settings, by the name of the column.
        baseline: the model's baseline, where there is one.
        fields: the columns that the model's source has.
        index: the model's number in the configuration.
        command: what builds the baseline anew.
    """
    found = Findings()
    known = [*(baseline.layout.names if baseline is not None else ()), *fields]
    known += [column.of for column in baseline.layout.columns if column.of is not None] if baseline is not None else []
    left_out = baseline.left_out if baseline is not None else {}
    if not known:
        return found
    for name, column in columns.items():
        place = ("models", index, "columns", name)
        if name not in known and name not in left_out:
            found.errors.append(f"{render(place)}: {_LACK[baseline is not None, bool(fields)]} {name}{nearest(name, known)}")
        elif baseline is not None:
            if column.kind is not None:
                found.add(_contradiction(render((*place, "kind")), name, column.kind, baseline, command))
            found.add(_other_nan(render((*place, "nan")), name, column, baseline, command))
    return found


#: Who has no such column: by whether there is a baseline, and whether there are lines to look at.
_LACK = {
    (True, True): "neither the baseline nor the source's first lines have a column",
    (True, False): "the baseline has no column",
    (False, True): "the source's first lines have no column",
}


def _other_nan(place: str, name: str, column: Column, baseline: Baseline, command: str) -> Findings:
    """Return where a baseline takes NaN for something else than a setting says."""
    counted = next((one for one in baseline.layout.columns if one.name == name), None)
    if counted is None or column.nan is None or counted.nan_is_missing == (column.nan == "missing"):
        return Findings()
    other = "missing" if counted.nan_is_missing else "value"
    return Findings(
        [f"{place} is {column.nan}, and the baseline was built with {other}; build the baseline anew with: {command}"]
    )


def counted_as(layout: Layout, name: str) -> str | None:
    """Return what a baseline counts a column as, in the configuration's words; None where it has none of that name."""
    own = next((column for column in layout.columns if column.name == name), None)
    made = {column.function: column for column in layout.columns if column.of == name}
    if own is None:
        return "its items" if made else None
    for meaning, functions in MEANINGS.items():
        is_list = meaning in ("vector", "list")
        if made and own.kind is LayoutKind.PRESENCE and set(functions) == set(made) and is_list == (own.held is Held.CONTAINER):
            return meaning
    return own.kind.value


def _contradiction(place: str, name: str, kind: Kind, baseline: Baseline, command: str) -> Findings:
    """Return where a baseline was built with another setting."""
    anew = f"; build the baseline anew with: {command}"
    counted = counted_as(baseline.layout, name)
    if counted is not None:
        if kind == counted or (kind == "vector" and counted == "list"):  # the norm may be ignored
            return Findings()
        return Findings([f"{place} is {kind}, and the baseline counts the column as {counted}{anew}"])
    reason = baseline.left_out.get(name)
    if kind == "ignore" or reason is None:
        return Findings()
    if reason == IGNORED or reason.startswith(IDENTIFIER):
        return Findings([f"{place} is {kind}, and the baseline leaves the column out ({reason}){anew}"])
    return Findings(warnings=[f"{place} is {kind}, and has no effect: the baseline leaves the column out ({reason})"])
