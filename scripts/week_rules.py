"""Rules over history: what recorded series and alerts would have been, as blocks of Prometheus.

``promtool tsdb create-blocks-from rules`` leaves alerts out, and knows nothing of rules that read others. Here each rule is
asked for as a graph, those first that read no other one, and alerts go through ``for`` and ``keep_firing_for``.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from prediction_exporter.config.units import Duration
from prediction_exporter.demo.sinks import LOOPBACK, free_port
from prediction_exporter.demo.stack import Process
from prediction_exporter.exposition import label_text
from prediction_exporter.kit.render import render

DAY = 86_400.0
#: A series: its labels, and its values by time.
Series = tuple[dict[str, str], list[tuple[float, str]]]
Rule = dict[str, Any]

_NAME = re.compile(r"[a-zA-Z_:][\w:]*")


def groups() -> list[dict[str, Any]]:
    """Return the groups of the shipped rules."""
    texts = (text for path, text in render(None, only=("rules",)).items() if path.endswith(".rules.yml"))
    return [group for text in texts for group in yaml.safe_load(text)["groups"]]


def evaluate(folder: Path, begin: float, end: float, step: float, block: float) -> None:
    """Evaluate all rules on what a Prometheus has, and add what they give to its data."""
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 4m}\n")
    for level, rules in enumerate(levels([rule for group in groups() for rule in group["rules"]])):
        port = free_port()
        address = f"http://{LOOPBACK}:{port}"
        written = folder / "recorded"
        written.mkdir()
        command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
        command += [
            "--storage.tsdb.retention.time=60d",
            "--query.lookback-delta=16m",
            f"--web.listen-address={LOOPBACK}:{port}",
        ]
        with Process("Prometheus", command, ready=f"{address}/-/ready", log=folder / "prometheus.log"):
            for rule in rules:
                found = graph(address, rule["expr"], begin, end, step)
                series = alerts(rule, found, step) if "alert" in rule else recorded(rule, found)
                write(series, written, block)
        print(f"level {level}: {len(rules)} rules")
        blocks(sorted(written.glob("*.om")), folder / "tsdb", block)
        shutil.rmtree(written)


def _made(rule: Rule) -> str:
    return str(rule.get("record", "ALERTS"))


def levels(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Return the rules that read no other rule, those that read these, and so on."""
    made = {_made(rule) for rule in rules}
    reads = {name: set[str]() for name in made}
    for rule in rules:
        reads[_made(rule)] |= made.intersection(_NAME.findall(rule["expr"]))
    found: dict[str, int] = {}

    def level(name: str, above: tuple[str, ...] = ()) -> int:
        if name not in found:
            below = [level(other, (*above, name)) for other in reads[name] if other != name and other not in above]
            found[name] = 1 + max(below, default=-1)
        return found[name]

    ordered = sorted(rules, key=lambda rule: level(_made(rule)))
    return [list(of) for _, of in itertools.groupby(ordered, key=lambda rule: level(_made(rule)))]


def graph(address: str, expr: str, begin: float, end: float, step: float) -> list[Series]:
    """Return what an expression gave over time, asked for day by day."""
    found: dict[str, Series] = {}
    start = begin
    while start <= end:
        last = min(start + DAY - step, end)
        query = urllib.parse.urlencode({"query": expr, "start": start, "end": last, "step": step}).encode()
        with urllib.request.urlopen(f"{address}/api/v1/query_range", data=query, timeout=300) as answer:  # noqa: S310 - our own Prometheus
            for one in json.load(answer)["data"]["result"]:
                labels = {name: value for name, value in one["metric"].items() if name != "__name__"}
                key = label_text(tuple(sorted(labels)), tuple(labels[name] for name in sorted(labels)))
                found.setdefault(key, (labels, []))[1].extend((at, value) for at, value in one["values"])
        start = last + step
    return list(found.values())


def recorded(rule: Rule, found: Iterable[Series]) -> Iterator[Series]:
    """Return what a recording rule makes of what its expression gave."""
    for labels, values in found:
        yield {"__name__": rule["record"], **labels, **rule.get("labels", {})}, values


def _seconds(rule: Rule, key: str) -> float:
    return Duration.parse(rule[key]).seconds if key in rule else 0.0


def alerts(rule: Rule, found: Iterable[Series], step: float) -> Iterator[Series]:
    """Return the series of an alert: pending, firing, and since when."""
    hold, keep = _seconds(rule, "for"), _seconds(rule, "keep_firing_for")
    for of, values in found:
        labels = {**of, **rule.get("labels", {}), "alertname": rule["alert"]}
        states: dict[str, list[tuple[float, str]]] = {"pending": [], "firing": []}
        since: list[tuple[float, str]] = []
        began = last = 0.0
        for at, _ in values:
            fired = bool(began) and last - began >= hold
            ends = last + keep if fired else last
            if began:
                gap = [
                    (last + step * number, "1")
                    for number in range(1, round((at - last) / step))
                    if last + step * number <= ends
                ]
                states["firing"] += gap
                since += [(moment, f"{began:.0f}") for moment, _ in gap]
            if not began or at - ends > step * 1.5:
                began = at
            states["firing" if at - began >= hold else "pending"].append((at, "1"))
            since.append((at, f"{began:.0f}"))
            last = at
        for state, times in states.items():
            if times:
                yield {"__name__": "ALERTS", **labels, "alertstate": state}, times
        if since:
            yield {"__name__": "ALERTS_FOR_STATE", **labels}, since


def write(series: Iterable[Series], folder: Path, block: float) -> None:
    """Append series to files as :func:`blocks` takes them."""
    for labels, values in series:
        names = sorted(labels.keys() - {"__name__"})
        head = f"{labels['__name__']}{{{label_text(names, [labels[name] for name in names])}}}"
        for number, of in itertools.groupby(values, key=lambda pair: int(pair[0] // block)):
            with (folder / f"{number}.om").open("a", encoding="utf-8") as file:
                file.writelines(f"{head} {value} {at:.0f}\n" for at, value in of)


def blocks(files: Iterable[Path], tsdb: Path, block: float) -> None:
    """Make blocks of samples in files whose names begin with the number of the block."""
    by_number: Mapping[str, list[Path]] = {
        number: list(of) for number, of in itertools.groupby(files, key=lambda file: file.stem.partition("-")[0])
    }
    for of in by_number.values():
        first, *others = of
        with first.open("ab") as whole:
            for other in others:
                with other.open("rb") as part:
                    shutil.copyfileobj(part, whole)
                other.unlink()
            whole.write(b"# EOF\n")
        command = [
            "promtool",
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            f"--max-block-duration={block / 3600:.0f}h",
            "--quiet",
        ]
        subprocess.run([*command, str(first), str(tsdb)], check=True)  # noqa: S603 - our own command
        first.unlink()
