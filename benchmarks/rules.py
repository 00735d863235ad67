"""Rules: what 50 models of 52 columns and labels in 2 windows and 2 versions cost a real Prometheus on one core.

Each model is an exporter of its own, with the series that the real one renders. Rules are evaluated more often than they are
shipped to be, so that several evaluations are seen; their time is compared with the interval of their group that is shipped.
The processor's time for rules is what Prometheus needs with them, less what it needs without. Aims: all evaluations take less
than a tenth of a core, and record less than a quarter of the series that are scraped. Then every query of the dashboards is
asked for one of the models, with as many points as a wide graph has; aim: less than 200 ms each.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import requests
import yaml
from data import lines, prepare

import grafana
from prediction_exporter.collectors.base import Published
from prediction_exporter.collectors.registry import FAMILIES
from prediction_exporter.collectors.source import SourceSeries
from prediction_exporter.counting.state import State
from prediction_exporter.demo import stack
from prediction_exporter.demo.sinks import LOOPBACK, free_port
from prediction_exporter.kit.dashboards import dashboards
from prediction_exporter.kit.groups import INTERVAL, RECORDING_GROUPS
from prediction_exporter.kit.render import Part, render, write
from prediction_exporter.monitor.model_monitor import ModelMonitor

NUMERIC, CATEGORICAL = 38, 12  # with prediction and score 52 columns
EVENTS = 20_000
LABELS = """    task: binary
    performance: {{positive: "yes"}}
    labels:
      log: {{path: {folder}/labels.log, start: beginning}}
      fields: {{id: request_id, label: label}}
      matures_after: 1h
"""
#: How often rules are evaluated here, and how often exporters are scraped.
EVALUATION, SCRAPE = 20.0, 30.0
START_SECONDS, EVALUATIONS = 300.0, 5
#: The range of a graph in seconds, as long as there is something to see; its points, and how often each query is asked.
RANGE, POINTS, ASKED = 100, 400, 3
#: How many rules are told of one by one.
SLOWEST = 25
RULES: tuple[Part, ...] = ("rules",)


def exposition(folder: Path) -> str:
    """Return what an exporter shows of a model with two versions, as text with ``model="bench"``."""
    config = prepare(folder, counts=(NUMERIC, CATEGORICAL), more=LABELS, labelled=True)
    until = time.time()
    first = lines(EVENTS, seed=1, until=until, seconds=80_000, counts=(NUMERIC, CATEGORICAL))
    second = first.replace(b'"model_version":"1"', b'"model_version":"2"').replace(b'"request_id":"0001-', b'"request_id":"2-')
    (folder / "app.log").write_bytes(first + second)
    label(folder, first + second)
    state = State(config.state_dir)
    monitor = ModelMonitor(config, config.models[0], place="models[0]", state=state, max_versions=8)
    while monitor.read(until=lambda: False):
        pass
    report = monitor.evaluate()
    monitor.close()
    state.close()
    published = Published({report.name: report}, reload_succeeded=True, loaded=0.0, others=0, now=until)
    samples = [*(outcome.samples for outcome in report.collected.values()), SourceSeries(report.model).render(published)]
    types = {family.name: family.type for family in FAMILIES}
    text = []
    for part in samples:
        for family, found in part.lines.items():
            name = str(family)
            text += [f"# TYPE {name} {types.get(name, 'untyped')}", *found]
    return "\n".join(text) + "\n"


def label(folder: Path, log: bytes) -> None:
    """Write a label for each prediction of a log, true as often as its score says."""
    predictions = [json.loads(line) for line in log.splitlines()]
    chance = np.random.default_rng(2).random(len(predictions))
    truth = np.where(chance < [one["score"] for one in predictions], "yes", "no")
    ids = [one["request_id"] for one in predictions]
    pl.DataFrame({"request_id": ids, "label": truth}).write_ndjson(folder / "labels.log")


def with_drift(text: str, share: float) -> str:
    """Return the series with this share of the columns far from the baseline."""
    if not share:
        return text

    def moved(match: re.Match[str]) -> str:
        column = match["column"]
        number = int(column.rpartition("_")[2]) if column[-1].isdigit() else 0
        if not column.startswith("num_") or number >= share * NUMERIC:
            return match[0]
        if match["before"].startswith("model_column_psi"):
            return f"{match['before']} 2"  # what a replica says itself is taken as it is
        return f"{match['before']} 0" if re.search(r'bin="[0-4] ', match[0]) else match[0]

    return re.sub(
        r'^(?P<before>model_(?:window_bin_predictions|column_psi)\{[^\n]*column="(?P<column>[^"]+)"[^\n]*\}) \S+$',
        moved,
        text,
        flags=re.MULTILINE,
    )


class Exporters:
    """Exporters of many models, on one port."""

    def __init__(self, text: str, models: int) -> None:
        self.texts = [text.replace('model="bench"', f'model="bench-{i}"').encode() for i in range(models)]
        texts = self.texts

        class Handler(BaseHTTPRequestHandler):
            """Answers with the text of the model that the path names."""

            def do_GET(self) -> None:
                body = texts[int(self.path.rpartition("/")[2])]
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                pass

        self.server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """Where they listen."""
        return self.server.server_address[1]


def ask(address: str, path: str, **given: str) -> Any:
    """Return an answer of Prometheus' API."""
    query = urllib.parse.urlencode(given)
    with urllib.request.urlopen(f"{address}/api/v1/{path}?{query}", timeout=120) as answer:
        return json.load(answer)["data"]


def value(address: str, expr: str) -> float:
    """Return the only value of an expression, 0 where there is none."""
    result = ask(address, "query", query=expr)["result"]
    return float(result[0]["value"][1]) if result else 0.0


def listening(port: int) -> int:
    """Return the id of this process' child, Prometheus."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    found = [int(child) for child in children if f":{port}" in Path(f"/proc/{child}/cmdline").read_text()]
    return found[0]


def processor_seconds(pid: int) -> float:
    """Return the processor's time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """What Prometheus' interface tells of its rules, over some evaluations."""

    groups: list[dict[str, float]] = field(default_factory=list)
    rules: dict[str, list[float]] = field(default_factory=dict)

    def watch(self, address: str) -> None:
        """Collect the times of some evaluations."""
        seen = set[str]()
        while len(self.groups) < EVALUATIONS:
            groups = ask(address, "rules")["groups"]
            newest = max(group["lastEvaluation"] for group in groups)
            if newest not in seen:
                seen.add(newest)
                self.groups.append({group["name"]: group["evaluationTime"] for group in groups})
                for group in groups:
                    for place, rule in enumerate(group["rules"]):
                        if rule["health"] != "ok":
                            raise SystemExit(f"{rule['name']}: {rule.get('lastError')}")
                        self.rules.setdefault(f"{group['name']} {place} {rule['name']}", []).append(rule["evaluationTime"])
            time.sleep(EVALUATION)  # there is no newer evaluation before

    def shares(self, intervals: Mapping[str, float]) -> list[float]:
        """Return the part of the groups' intervals that each evaluation of all took, the least first."""
        return sorted(sum(took / intervals[name] for name, took in found.items()) for found in self.groups)


def main() -> None:
    """Print evaluation time over interval, and recorded over scraped series."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--drifted", type=float, default=0.0, help="share of numeric columns that have drifted")
    parser.add_argument("--verbose", action="store_true", help="print the time of the slowest rules too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), given)


def measure(folder: Path, given: argparse.Namespace) -> None:
    """Run Prometheus on the series and print what its rules cost."""
    exporters = Exporters(with_drift(exposition(folder), given.drifted), given.models)
    write(render(None, only=RULES), folder / "kit")
    for path in (folder / "kit/prometheus/rules").iterdir():
        path.write_text(re.sub(r"(?<=interval: )\S+", f"{EVALUATION:.0f}s", path.read_text()))
    settings = settings_of(folder, exporters.port, given)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    port = free_port()
    address = f"http://{LOOPBACK}:{port}"
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    command.append(f"--web.listen-address={LOOPBACK}:{port}")
    one_core = {"GOMAXPROCS": "1"}
    with stack.Process("Prometheus", command, ready=f"{address}/-/ready", log=folder / "prometheus.log", environ=one_core):
        wait_for(address, given.models * given.replicas)
        pid, measured = listening(port), Measured()
        with_rules = cores(pid, lambda: measured.watch(address))
        scraped, recorded, alerts = (
            value(address, expr) for expr in ("sum(scrape_samples_scraped)", 'count({__name__=~".+:.+"})', "count(ALERTS)")
        )
        until = time.time()
        (folder / "prometheus.yml").write_text(yaml.safe_dump(settings | {"rule_files": []}))
        os.kill(pid, signal.SIGHUP)
        time.sleep(EVALUATION)  # what was begun with the rules is to end before it is measured without them
        without = cores(pid, lambda: time.sleep(3 * EVALUATION))  # long enough for scrapes to be as frequent as with rules
        queries = asked(address, until)
    intervals = dict.fromkeys(measured.groups[0], INTERVAL.seconds)
    intervals |= {group.name: group.interval.seconds for group in RECORDING_GROUPS}
    shipped, here = measured.shares(intervals), measured.shares(dict.fromkeys(intervals, EVALUATION))
    # Of what rules need at the pace of this benchmark, the part that they need at the shipped one.
    rules = (with_rules - without) * median(shipped) / median(here)
    print(f"{given.models} models x {given.replicas} replicas, {alerts:,.0f} alerts pending or firing")
    print(f"  {scraped:,.0f} series scraped, {recorded:,.0f} recorded: {recorded / scraped:.1%} (aim: under 25 %)")
    print(f"  scrapes, {SCRAPE:.0f} s apart: {without:.1%} of a core")
    print(f"  rules: {rules:.1%} of a core (aim: under 10 %); by the clock {median(shipped):.1%}, at best {shipped[0]:.1%}")
    for name, interval in intervals.items():
        print(f"  {name:32}{median(found[name] for found in measured.groups):9.3f} s of {interval:.0f} s")
    print(f"  {len(queries)} queries of dashboards, the slowest (aim: under 200 ms):")
    for took, place in queries[: SLOWEST if given.verbose else 3]:
        print(f"    {place:90}{took * 1000:9.0f} ms")
    if given.verbose:
        for rule, found in sorted(measured.rules.items(), key=lambda item: -median(item[1]))[:SLOWEST]:
            print(f"    {rule:90}{median(found):9.3f} s")


def asked(address: str, at: float) -> list[tuple[float, str]]:
    """Return the seconds that each query of a dashboard takes at best, and its place; the slowest first."""
    found: list[tuple[float, str]] = []
    for text in dashboards().values():
        dashboard = json.loads(text)
        page = grafana.Page(dashboard, address, at=at, span=RANGE, rate_interval="2m", given={"model": "bench-0"})
        for place, expr, target in grafana.expressions(dashboard):
            query = grafana.filled(expr, page.values)
            parameters = {"query": query, "time": at}
            path = "query"
            if "refId" in target and not target["instant"]:
                path, parameters = "query_range", {"query": query, "start": at - RANGE, "end": at, "step": RANGE / POINTS}
            found.append((min(seconds(f"{address}/api/v1/{path}", parameters) for _ in range(ASKED)), f"{place}: {expr[:60]}"))
    return sorted(found, reverse=True)


def seconds(address: str, parameters: Mapping[str, object]) -> float:
    """Return how long an answer takes."""
    began = time.perf_counter()
    answer = requests.get(address, params=dict(parameters), timeout=120)  # type: ignore[arg-type]  # numbers and texts
    answer.raise_for_status()
    return time.perf_counter() - began


def settings_of(folder: Path, port: int, given: argparse.Namespace) -> dict[str, Any]:
    """Return Prometheus' configuration, with a target for each replica."""
    targets = [
        {"targets": [f"{LOOPBACK}:{port}"], "labels": {"__metrics_path__": f"/{model}", "instance": f"{model}-{replica}"}}
        for model in range(given.models)
        for replica in range(given.replicas)
    ]
    intervals = {
        "scrape_interval": f"{SCRAPE:.0f}s",
        "scrape_timeout": f"{SCRAPE:.0f}s",
        "evaluation_interval": f"{EVALUATION:.0f}s",
    }
    return {
        "global": intervals,
        "rule_files": [str(folder / "kit/prometheus/rules/*.yml")],
        "scrape_configs": [{"job_name": "prediction-exporter", "static_configs": targets}],
    }


def wait_for(address: str, targets: int) -> None:
    """Wait until each target was scraped and rules have been evaluated on it."""
    deadline = time.monotonic() + START_SECONDS
    while value(address, 'count(up{job="prediction-exporter"} == 1)') < targets:
        if time.monotonic() > deadline:
            raise SystemExit("not every exporter was scraped")
        time.sleep(1)  # a scrape takes longer, and each question takes from the core that is measured
    time.sleep(2 * EVALUATION)  # the first evaluation may have seen a part of the targets


def cores(pid: int, act: Callable[[], object]) -> float:
    """Return how much of a core a process takes meanwhile."""
    began, taken = time.monotonic(), processor_seconds(pid)
    act()
    return (processor_seconds(pid) - taken) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
