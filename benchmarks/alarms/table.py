"""Table: what was measured, as the tables of docs/alarms.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.special import gammaincinv

from alarms.entities import CASES
from alarms.results import Line, newest
from alarms.worlds import CHANGES, WORLDS, World

PAGE = Path(__file__).parents[2] / "docs" / "alarms.md"

#: Alarms of a month that are tolerated.
BUDGET = 1.0

RULES = {
    "windows": "PSI above the product's threshold, held for half an hour, in 1 h or 24 h",
    "psi-0.2-hour": "PSI > 0.2, each hour",
    "psi-0.2-day": "PSI > 0.2, each day",
}


def interval(alarms: int, months: float) -> tuple[float, float]:
    """Return the exact 95 % confidence interval of a rate, by the month."""
    low = float(gammaincinv(alarms, 0.025)) if alarms else 0.0
    return low / months, float(gammaincinv(alarms + 1, 0.975)) / months


def page(text: str, lines: Sequence[Line]) -> str:
    """Return the page with all tables between their markers rendered anew."""
    latest = newest(lines)
    parts = {
        "quiet": _quiet(latest),
        "not-kept": _not_kept(latest),
        "changes": _changes(latest),
        "entities": _entities(latest),
        "rules": _rules(latest),
        "real": _real(latest),
    }
    for name, rows in parts.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{PAGE.name} lacks {begin} or {end}")
        body = "\n".join(rows)
        text = f"{before}{begin}\n\n{body}\n\n{end}{after}"
    return text


def _months(lines: Iterable[Line]) -> dict[tuple[str, bool], tuple[float, int, float]]:
    """Return months, alarms, and the share of columns watched by world and whether the baseline was replayed."""
    found: dict[tuple[str, bool], list[Line]] = defaultdict(list)
    for line in lines:
        if line["kind"] == "quiet":
            found[line["world"], line["replay"]].append(line)
    return {
        key: (
            sum(line["months"] for line in of),
            sum(line["alarms"] for line in of),
            float(np.mean([line["watched"] for line in of])),
        )
        for key, of in found.items()
    }


def _figures(months: float, alarms: int, watched: float) -> str:
    low, high = interval(alarms, months)
    figure = f"{_number(alarms / months)} ({_number(low)} to {_number(high)})"
    return f"{f'**{figure}**' if alarms / months > BUDGET else figure} | {watched:.0%}".replace("%", " %")


def _quiet(lines: Iterable[Line]) -> Iterator[str]:
    lines = list(lines)
    found, delays = _months(lines), _trials(lines, "change")
    yield "| traffic | events/h | months | with times: alarms a month | watched | 0.5 sd after | without: alarms | watched |"
    yield "| --- | --: | --: | --: | --: | --: | --: | --: |"
    for world in WORLDS:
        if (world.key, True) in found and (world.key, False) in found:
            replayed, alone = (_figures(*found[world.key, replay]) for replay in (True, False))
            delay = _median(*delays.get(("mean-0.5", world.key), ([], [], 0)))
            months = found[world.key, True][0]
            yield f"| {world.title} | {world.rate:,.0f} | {months:.0f} | {replayed} | {delay} | {alone} |"
    both = []
    for replay in (True, False):
        of = [figures for (_, is_replayed), figures in found.items() if is_replayed == replay]
        months, alarms = sum(figures[0] for figures in of), sum(figures[1] for figures in of)
        both.append(_figures(months, alarms, float(np.mean([figures[2] for figures in of]))))
    yield f"| all together | | {months:.0f} | {both[0]} | | {both[1]} |"


Trials = tuple[list[float], list[float], int]


def _trials(lines: Iterable[Line], kind: str) -> dict[tuple[str, str], Trials]:
    """Return the hours and the rows of what was found, and how many trials there were, by change and world."""
    found: dict[tuple[str, str], Trials] = {}
    for line in lines:
        if line["kind"] == kind:
            hours, rows, trials = found.get((line["change"], line["world"]), ([], [], 0))
            found[line["change"], line["world"]] = (hours + line["hours"], rows + line["rows"], trials + line["trials"])
    return found


def _median(hours: list[float], _: list[float], trials: int) -> str:
    every = sorted(hours) + [np.inf] * (trials - len(hours))
    median = every[len(every) // 2] if every else np.inf
    return f"{_number(median)} h" if np.isfinite(median) else "-"


def _not_kept(lines: Iterable[Line]) -> Iterator[str]:
    found = _months(lines)
    for replay, words in ((True, "With times in the baseline"), (False, "Without")):
        over = [world for world in WORLDS if (of := found.get((world.key, replay))) is not None and of[1] / of[0] > BUDGET]
        yield f"- **{words}**: {'; '.join(_named(over)) or 'none'}."


def _named(worlds: Iterable[World]) -> Iterator[str]:
    """Yield what worlds are called, each once, with their rates."""
    rates: dict[str, list[str]] = defaultdict(list)
    for world in worlds:
        rates[world.title].append(f"{world.rate:,.0f}")
    for title, found in rates.items():
        yield f"{title} ({', '.join(found)} events an hour)"


def _changes(lines: Iterable[Line]) -> Iterator[str]:
    found = _trials(lines, "changes")
    worlds = [world for world in WORLDS if any(world.key == of for _, of in found)]
    yield "| change | " + " | ".join(f"{world.title}, {world.rate:,.0f}/h" for world in worlds) + " |"
    yield "| --- |" + " --: |" * len(worlds)
    none: Trials = ([], [], 0)
    for change in CHANGES:
        of = [found.get((change.key, world.key), none) for world in worlds]
        yield f"| {change.title} | " + " | ".join(_quantiles(hours, trials, " h") for hours, _, trials in of) + " |"
    of = [found.get(("mean-0.5", world.key), none) for world in worlds]
    yield (
        "| independent rows until then, of 0.5 sd | "
        + " | ".join(_quantiles(rows, trials, "") for _, rows, trials in of)
        + " |"
    )


def _quantiles(values: list[float], trials: int, unit: str) -> str:
    """Return the median and the 90 % quantile of all trials, and how many were found if that is not all."""
    if not trials:
        return "-"
    every = np.array(sorted(values) + [np.inf] * (trials - len(values)))
    median, late = (float(every[min(int(share * trials), trials - 1)]) for share in (0.5, 0.9))
    some = f", {len(values)} of {trials}" if len(values) < trials else ""
    of_median = f"{_number(median)}" if np.isfinite(median) else "-"
    of_late = f"{_number(late)}{unit}" if np.isfinite(late) else "-"
    return f"{of_median}; {of_late}{some}"


def _number(value: float) -> str:
    """Return a number with as many digits as mean something.

    >>> _number(0.0), _number(1.53), _number(12.4), _number(1234.0)
    ('0', '1.5', '12', '1,234')
    """
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def _entities(lines: Iterable[Line]) -> Iterator[str]:
    """Yield what it changes that a field names entities, of baselines without times."""
    found: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        if line["kind"] == "entities":
            found[line["world"], line["rule"]].append(line)
    yield "| traffic | events/h | months | without the field: alarms a month | 0.5 sd after | with it | 0.5 sd after |"
    yield "| --- | --: | --: | --: | --: | --: | --: |"
    for case in CASES:
        cells = []
        for rule in ("without", "with"):
            of = found[case.key, rule]
            months, alarms = sum(line["months"] for line in of), sum(line["alarms"] for line in of)
            low, high = interval(alarms, months)
            figure = f"{_number(alarms / months)} ({_number(low)} to {_number(high)})"
            hours, trials = [hour for line in of for hour in line["hours"]], sum(line["trials"] for line in of)
            cells += [f"**{figure}**" if alarms / months > BUDGET else figure, _median(hours, [], trials)]
        yield f"| {case.title} | {case.traffic.rate:,.0f} | {months:.0f} | " + " | ".join(cells) + " |"


def _rules(lines: Iterable[Line]) -> Iterator[str]:
    by: dict[str, dict[str, Line]] = defaultdict(dict)
    for line in lines:
        if line["kind"] in ("windows", "others"):
            by[line["rule"]][line["world"]] = line
    ours = _months(lines)
    delays = _trials(lines, "change")
    worlds = [world for world in WORLDS if any(world.key in of for of in by.values())]
    yield "| rule | " + " | ".join(f"{world.title}, {world.rate:,.0f}/h" for world in worlds) + " |"
    yield "| --- |" + " --: |" * len(worlds)
    cells = []
    for world in worlds:
        months, alarms, _ = ours.get((world.key, True), (0.0, 0, 0.0))
        hours, _, trials = delays.get(("mean-0.5", world.key), ([], [], 0))
        cells.append(_rule(alarms, months, hours, trials) if months and trials else "")
    yield "| evidence | " + " | ".join(cells) + " |"
    for rule, of in sorted(by.items(), key=lambda item: (item[0] not in RULES, item[0])):
        found = [of.get(world.key) for world in worlds]
        texts = [_rule(one["alarms"], one["months"], one["hours"], one["trials"]) if one else "" for one in found]
        yield f"| {RULES.get(rule, rule)} | " + " | ".join(texts) + " |"


def _rule(alarms: int, months: float, hours: list[float], trials: int) -> str:
    """Return alarms a month, and the median delay."""
    every = sorted(hours) + [np.inf] * (trials - len(hours))
    median = every[len(every) // 2] if every else np.inf
    return f"{_number(alarms / months)} / {f'{_number(median)} h' if np.isfinite(median) else '-'}"


def _real(lines: Iterable[Line]) -> Iterator[str]:
    found: dict[str, dict[tuple[str, bool], Line]] = defaultdict(dict)
    for line in lines:
        if line["kind"] == "real":
            found[line["world"]][line["played"], line["replay"]] = line
    yield "| set | columns | rows an hour | its own days | halves | watched | 0.5 sd; 1 sd found | without times |"
    yield "| --- | --: | --: | --: | --: | --: | --- | --: |"
    for name, of in sorted(found.items()):
        own = of["its own days", True]
        halves = [of[key, True] for key in ("second half after the first", "first half after the second") if (key, True) in of]
        days = sum(line["days"] for line in halves)
        shifts = [_shifted(own.get(f"shift {shift}")) for shift in (0.5, 1.0)]
        cells = [
            name,
            str(own["columns"]),
            _number(own["rows"] / own["days"] / 24),
            f"{_rate(own['alarms'], own['days'])} in {own['days']:.0f} days",
            f"{_rate(sum(line['alarms'] for line in halves), days)} in {days:.0f} days" if halves else "-",
            f"{own['watched']:.0%}".replace("%", " %"),
            "; ".join(shifts),
            _rate(of["its own days", False]["alarms"], own["days"]),
        ]
        yield "| " + " | ".join(cells) + " |"


def _rate(alarms: int, days: float) -> str:
    return _number(alarms / (days / 30))


def _shifted(line: Line | None) -> str:
    if not line or not line["trials"]:
        return "-"
    hours = line["hours"]
    median = f", {_number(float(np.median(hours)))} h" if hours else ""
    return f"{len(hours)} of {line['trials']}{median}"
