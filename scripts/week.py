r"""Make a Prometheus data folder with a week of history that ends now, to look at the dashboards with.

Models answer requests over seven days, with daily and weekly seasons and a story. Exporters beside them read their logs, each
at a simulated time: what they show is what the real counting and evaluation make of it, every two or three hours, and more
often on the last day. Between two evaluations what counts or is no whole number grows evenly. Three replicas show the same
but for their processes, whose figures are made up here. The shipped rules are evaluated over it, see ``week_rules.py``.

The story of ``card-fraud``, of 40 features, two versions and three replicas:

- day 2: ``income`` is missing from most requests for five hours;
- day 3: a merchant category that nobody knows;
- day 4: version 2 is rolled out over six hours, version 1 retired;
- day 5: ``amount`` begins to drift, slowly and to the end;
- day 6: the service is slow, fails for some hours and restarts; what turns out to be true is not what the model expects.

Of the other models one has had no traffic since the fifth day, and the exporter of one is stopped since the seventh.

    python scripts/week.py FOLDER
    prometheus --config.file=FOLDER/prometheus.yml --storage.tsdb.path=FOLDER/tsdb --storage.tsdb.retention.time=60d \
        --query.lookback-delta=16m

Needs ``prometheus`` and ``promtool``, six minutes of a core and five gigabytes for a while. FOLDER/end has
the Unix time that it ends at: dashboards are to be looked at up to then, with 150 s as the data source's scrape interval.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from week_models import DAY, FRAUD, HOUR, NUMERIC, OTHERS, STOPPED, Log, Service
from week_rules import blocks, evaluate, groups

import prediction_exporter  # noqa: F401 - first: it limits polars to one thread
from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.labelled import truth_of
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.collectors import model_process
from prediction_exporter.collectors.base import Published
from prediction_exporter.collectors.registry import FAMILIES
from prediction_exporter.collectors.report import ModelReport
from prediction_exporter.collectors.switches import Switches
from prediction_exporter.config.units import Duration
from prediction_exporter.counting.state import State
from prediction_exporter.exposition import Samples, label_text, number
from prediction_exporter.families import Family
from prediction_exporter.kit.readers import readers
from prediction_exporter.monitor.clock import BelievedClock
from prediction_exporter.monitor.collecting import Collecting
from prediction_exporter.monitor.costs import CostMonitor
from prediction_exporter.monitor.model_monitor import ModelMonitor

#: Seconds between two scrapes, and between two samples of what counts: enough of them for a rate of five minutes.
SCRAPE, COUNTED = 900.0, 150.0
#: What counts, or is a time that goes on.
_COUNTING = ("_total", "_bucket", "_sum", "_count", "_timestamp_seconds")
#: Seconds of samples in one block of Prometheus.
BLOCK = 54 * HOUR

OWNERS = ("payments-ds", "growth", "supply", "support", "data-platform", "ml-ops")
OWNER_OF = {"card-fraud": 0, "credit-limit": 0, "churn": 1, "price-offer": 1, "lead-score": 1, "demand-forecast": 2, "eta": 2}

MODEL = """  - name: {name}
    owner: {owner}
    baseline: {folder}/{name}.json
    false_alarms_per_month: 1
    predictions:
      log: {{path: "{log}/{name}*.jsonl", start: beginning}}
      fields: {{{attributions}}}
"""
LABELS = """    labels:
      log: {{path: "{log}/labels-{name}.jsonl", start: beginning}}
      fields: {{id: request_id, label: label, time: ts}}
      matures_after: 12h
"""


@dataclass(frozen=True)
class Exporter:
    """Exporters that show the same but for the processes: instances, namespace, models, and the day on which they are stopped.

    They are evaluated every so many hours, and more often at the end, which is looked at closely.
    """

    instances: tuple[str, ...]
    namespace: str
    services: tuple[Service, ...]
    seed: int
    every: tuple[float, float]
    stopped: float = math.inf

    def configure(self, folder: Path) -> config.Config:
        """Write its configuration, and read it."""
        own = folder / self.instances[0]
        own.mkdir(exist_ok=True)
        unread = ", ".join(sorted(family.name for family in FAMILIES if family.name not in readers()))
        owners = "".join(f'  {name}: {{slack: "#{name}"}}\n' for name in OWNERS)
        text = f"state_dir: {own}/state\ninterval: 1m\nseries: {{exclude: [{unread}]}}\nowners:\n{owners}models:\n"
        for service in self.services:
            owner = OWNERS[OWNER_OF.get(service.name, 3)]
            shap = "attributions: shap" if service.numeric == NUMERIC else ""
            text += MODEL.format(name=service.name, owner=owner, folder=folder, log=own, attributions=shap)
            if service.labelled:
                text += LABELS.format(name=service.name, log=own)
                text += "" if service.regression else "    performance: {positive: decline}\n"
            text += service.more
        (own / "exporter.yml").write_text(text)
        return config.load(own / "exporter.yml")


EXPORTERS = (
    Exporter(tuple(f"card-fraud-{number}:10900" for number in range(3)), "payments", (FRAUD,), 1, (2.0, 0.5)),
    Exporter(("models-0:10900",), "growth", OTHERS[:3], 2, (3.0, 1.0)),
    Exporter(("models-1:10900",), "growth", OTHERS[3:], 3, (3.0, 1.0)),
    Exporter(("limits-0:10900",), "payments", (STOPPED,), 4, (3.0, 1.0), stopped=6.6),
)
#: Days at the end that are looked at closely.
CLOSE = 1.25


def learn(folder: Path) -> None:
    """Build the baselines."""
    for exporter in EXPORTERS:
        for index, model in enumerate(exporter.configure(folder).models):
            table = exporter.services[index].training()
            data = folder / f"{model.name}.parquet"
            table.write_parquet(data)
            truth = truth_of(model, f"models[{index}]", table.columns, ())
            learnt = build(read_table(data), model.predictions.fields, kinds={}, task=model.task, where="models", truth=truth)
            baseline.save(learnt.record, folder / f"{model.name}.json")


class Written:
    """The samples of one exporter, as text with time stamps, in a file for each block of Prometheus."""

    def __init__(self, folder: Path, exporter: Exporter, instance: str, of: str) -> None:
        self._folder, self._name = folder, f"{named(instance)}-{of}"
        self._labels = label_text(("job", "instance", "namespace"), ("prediction-exporter", instance, exporter.namespace))
        self._last: dict[str, str] = {}

    def add(self, samples: dict[str, str], at: float, seconds: float) -> None:
        """Write the samples of an evaluation, and those of scrapes since the one before."""
        changes = []
        for name, value in samples.items():
            if name in self._last:
                family, before = name.partition("{")[0], float(self._last[name])
                counts = family.endswith(_COUNTING)
                grown = float(value) - before if counts or ("." in value and "." in self._last[name]) else 0.0
                changes.append((self._head(name), before, grown, counts))
        for since in np.arange(COUNTED, seconds, COUNTED).tolist():
            part, scraped = since / seconds, since % SCRAPE == 0
            self._write(
                [
                    (head, repr(before + grown * part) if grown else number(before))
                    for head, before, grown, counts in changes
                    if scraped or counts
                ],
                at - seconds + since,
            )
        self._write([(self._head(name), value) for name, value in samples.items()], at)
        self._last = samples

    def _head(self, name: str) -> str:
        family, _, rest = name.partition("{")
        return f"{family}{{{self._labels}{',' + rest if rest else '}'}"

    def _write(self, samples: list[tuple[str, str]], at: float) -> None:
        with (self._folder / f"{at // BLOCK:.0f}-{self._name}.om").open("a", encoding="utf-8") as file:
            file.write("".join([f"{head} {value} {at:.0f}\n" for head, value in samples]))


class Running:
    """Exporters that read what their models log, at times that are simulated."""

    def __init__(self, exporter: Exporter, folder: Path, begin: float) -> None:
        self._exporter, self._begin, self._now, self._samples = exporter, begin, begin, folder / "samples"
        self._before = begin - HOUR
        self._reports: dict[str, ModelReport] = {}
        loaded = exporter.configure(folder)
        rng = np.random.default_rng(exporter.seed)
        self._logs = [Log(folder / exporter.instances[0], service, rng, begin) for service in exporter.services]
        self._log()
        self._state = State(loaded.state_dir)
        self._monitors = [
            ModelMonitor(loaded, model, place=f"models[{index}]", state=self._state, max_versions=4, clock=self._clock)
            for index, model in enumerate(loaded.models)
        ]
        for monitor in self._monitors:
            monitor._believed = BelievedClock(self._clock, steady=self._clock)  # noqa: SLF001 - its steady clock is real otherwise
        self._collecting = Collecting(loaded, Switches())
        self._collecting.start()
        self._costs = CostMonitor(
            loaded,
            state=self._state,
            reports=lambda: self._reports,
            metered=self._collecting.metered,
            clock=self._clock,
            monotonic=self._clock,
        )
        self._written = Written(self._samples, exporter, exporter.instances[0], "shown")
        self._processes = [Processes(exporter, number, self._samples, begin) for number in range(len(exporter.instances))]

    def _clock(self) -> float:
        return self._now

    def _log(self) -> None:
        for each in self._logs:
            each.append(self._before, self._now)

    def evaluate(self, now: float) -> None:
        """Go on to a time: log, read, evaluate, and write what is shown."""
        self._before, self._now = self._now, now
        self._log()
        for monitor in self._monitors:
            while monitor.read(until=lambda: False):
                pass
            self._reports[monitor.model.name] = monitor.evaluate()
        self._costs.read(until=lambda: False)
        answers = (now - self._begin) / DAY < self._exporter.stopped
        if answers:
            self._written.add(self._shown(), now, now - self._before)
        requests = {name: sum(counted[0] for counted in (of.requests or {}).values()) for name, of in self._reports.items()}
        for process in self._processes:
            process.add(now, now - self._before, requests, answers=answers)

    def _shown(self) -> dict[str, str]:
        costs, loaded = self._costs.evaluate(), self._begin - 3 * DAY
        published = Published(self._reports, reload_succeeded=True, loaded=loaded, others=0, now=self._now, costs=costs)
        text = self._collecting.snapshot(published).text.decode()
        return {name: value for name, value in samples_of(text) if not name.startswith(("process_", "python_"))}

    def close(self) -> None:
        """Let the other instances show the same, and end."""
        first, *others = self._exporter.instances
        for file in self._samples.glob(f"*-{named(first)}-shown.om"):
            for other in others:
                copied = file.with_name(file.name.replace(named(first), named(other)))
                copied.write_bytes(file.read_bytes().replace(first.encode(), other.encode()))
        self._collecting.stop()
        for monitor in self._monitors:
            monitor.close()
        self._state.close()


def named(instance: str) -> str:
    """Return an instance without its port."""
    return instance.partition(":")[0]


def samples_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name, with labels, and the value of each sample of a text."""
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            yield name, value


class Processes:
    """An exporter's process and those of the model server that it is beside: this one is neither."""

    def __init__(self, exporter: Exporter, number: int, folder: Path, begin: float) -> None:
        self._exporter, self._number, self._begin = exporter, number, begin
        self._rng = np.random.default_rng(exporter.seed + number)
        self._written = Written(folder, exporter, exporter.instances[number], "process")

    def add(self, now: float, seconds: float, requests: dict[str, int], *, answers: bool) -> None:
        """Write what is told of them, and whether the exporter answers."""
        day = (now - self._begin) / DAY
        found = {"up": number(float(answers))}
        if answers:
            started = 2.7 if self._number == 2 and day >= 2.7 else -3.0
            found["process_start_time_seconds"] = f"{self._begin + started * DAY:.0f}"
            found["process_cpu_seconds_total"] = number(0.004 * (day + 3) * DAY + 0.0002 * sum(requests.values()))
            found["process_resident_memory_bytes"] = number(165e6 + 4e6 * day + 2e6 * self._rng.random())
        for service in self._exporter.services:
            if service is FRAUD:
                samples = Samples()
                for family, value in self._server(day, requests[service.name]).items():
                    samples.add(family, label_text(("model",), (service.name,)), value)
                found |= dict(samples_of("\n".join(line for lines in samples.lines.values() for line in lines)))
        self._written.add(found, now, seconds)

    def _server(self, day: float, requests: int) -> dict[Family, float]:
        begun, restarts = (5.75, 1.0) if day >= 5.75 else (-3.0, 0.0)
        grown = 0.9e9 * (1 - math.exp(-(day - begun) / 2.5)) + 2e7 * self._rng.random()
        slow = max(0.0, min(day, 5.75) - 5.5) * DAY * 0.5
        return {
            model_process.UP: 1.0,
            model_process.PROCESSES: 5.0,
            model_process.CPU: 0.02 * (day + 3) * DAY + 0.35 * requests + slow,
            model_process.RESIDENT: 0.8e9 + grown,
            model_process.VIRTUAL: 4.1e9,
            model_process.OPEN_FDS: 180.0 + 30 * self._rng.random(),
            model_process.MAX_FDS: 1024.0,
            model_process.FDS_RATIO: 0.06,
            model_process.THREADS: 41.0,
            model_process.START_TIME: self._begin + begun * DAY,
            model_process.READ: 2e5 * requests * 0.01,
            model_process.WRITTEN: 900.0 * requests,
            model_process.RECEIVED: 2100.0 * requests,
            model_process.SENT: 380.0 * requests,
            model_process.RESTARTS: restarts,
            model_process.WORKING_SET: 0.75e9 + grown,
            model_process.MEMORY_LIMIT: 2.0 * 2**30,
            model_process.CPU_QUOTA: 1.0,
            model_process.PERIODS: 10 * (day + 3) * DAY * 0.4,
            model_process.THROTTLED_PERIODS: 0.01 * (day + 3) * DAY + slow,
            model_process.THROTTLED: 0.0005 * (day + 3) * DAY + slow * 0.1,
        }


def of_prometheus(folder: Path, begin: float, end: float) -> None:
    """Write what Prometheus tells of its rules, and of itself."""
    labels = label_text(("job", "instance"), ("prometheus", "prometheus-0:9090"))
    shipped, files = groups(), dict[int, list[str]]()
    for at in np.arange(begin, end + COUNTED, COUNTED).tolist():
        lines = files.setdefault(int(at // BLOCK), [])
        lines.append(f"up{{{labels}}} 1 {at:.0f}")
        for group in shipped:
            name, interval = group["name"], Duration.parse(group["interval"]).seconds
            of = f'{labels},rule_group="/etc/prometheus/rules/prediction-exporter.rules.yml;{name}"'
            took = 0.02 + 0.3 * (len(name) % 7) / 7
            lines += [
                f"prometheus_rule_group_interval_seconds{{{of}}} {interval:.0f} {at:.0f}",
                f"prometheus_rule_group_last_duration_seconds{{{of}}} {took * (1 + 0.1 * math.sin(at / 3000)):.4f} {at:.0f}",
                f"prometheus_rule_group_last_evaluation_timestamp_seconds{{{of}}} {at - 20:.0f} {at:.0f}",
                f"prometheus_rule_evaluation_failures_total{{{of}}} 0 {at:.0f}",
            ]
    for number_of, lines in files.items():
        (folder / f"{number_of}-prometheus.om").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Make the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where it goes; it must not be there")
    parser.add_argument("--days", type=float, default=7.0)
    given = parser.parse_args()
    folder = given.folder.resolve()
    (folder / "samples").mkdir(parents=True)
    end = time.time() // SCRAPE * SCRAPE
    begin = end - given.days * DAY
    learn(folder)
    with multiprocessing.get_context("spawn").Pool(len(EXPORTERS)) as pool:
        # The largest first, each by the number of its place, as its functions cannot be sent.
        pool.starmap(run_of, [(place, folder, begin, end) for place in range(len(EXPORTERS))], chunksize=1)
    of_prometheus(folder / "samples", begin, end)
    blocks(sorted((folder / "samples").glob("*.om")), folder / "tsdb", BLOCK)
    shutil.rmtree(folder / "samples")
    (folder / "end").write_text(f"{end:.0f}\n")
    evaluate(folder, begin, end, SCRAPE, BLOCK)


def run_of(place: int, folder: Path, begin: float, end: float) -> None:
    """Run one of the exporters from the beginning to the end."""
    exporter = EXPORTERS[place]
    running, (first, last) = Running(exporter, folder, begin), exporter.every
    now = begin
    while now <= end:
        running.evaluate(now)
        now += (last if now >= end - CLOSE * DAY else first) * HOUR
    running.close()


if __name__ == "__main__":
    main()
