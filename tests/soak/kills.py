"""The real exporter is killed, ended, reloaded and stopped while its logs rotate; counts and bins equal what was written."""

from __future__ import annotations

import random
import signal
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.tables import read_table
from processes import Exporter
from soak.writers import CATEGORIES, VALUES, WAYS, Writer, Written

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]

CONFIG = """
state_dir: state
interval: 1s
owners: {me: {slack: "#me"}}
series_limit: 500000
models:
"""

MODEL = """
  - name: {name}
    owner: me
    baseline: baseline.json
    segments: {segments}
    predictions: {{log: {{path: "{path}", start: beginning, max_line_size: {line}}}}}
"""

PATIENCE_SECONDS = 60.0

#: Signals, and how often each comes among them.
SIGNALS = {"SIGKILL": 5, "SIGTERM": 2, "SIGHUP": 2, "SIGSTOP": 2}

SMALL = (
    "-c",
    "from prediction_exporter import cli; from prediction_exporter.sources import log; log.CHUNK_BYTES = 4096; cli.main()",
)


class Run:
    """One exporter, one log for each way to rotate, and so many signals.

    Args:
        folder: where everything lies.
        seed: of what happens when; what the machine does at the same time is beside it.
        small: whether the exporter reads a few lines at a time.
        ways: how the logs are rotated.
    """

    def __init__(self, folder: Path, seed: int, *, small: bool, ways: list[str] | None = None) -> None:
        self.random = random.Random(seed)
        self.signals: Counter[str] = Counter()
        self.segmented = next(iter(ways or WAYS))  # segments cost most of an evaluation, so one will do
        file = folder / "exporter.yml"
        models = ""
        self.writers: dict[str, Writer] = {}
        for name in ways or list(WAYS):
            way = WAYS[name]
            self.writers[name] = way.writer(folder / name, str(seed))
            path, line = folder / name / way.path, "1KiB" if small else "1MiB"
            segments = "[kind]" if name == self.segmented else "[]"
            models += MODEL.format(name=name, path=path, line=line, segments=segments)
        file.write_text(CONFIG + models)
        self._build_baseline(file)
        self.exporter = Exporter(
            file, command=SMALL if small else ("-m", "prediction_exporter"), arguments=("--no-collector.statistics",)
        )

    def _build_baseline(self, file: Path) -> None:
        rows = [{"kind": f"k{n % CATEGORIES}", "value": n % VALUES} for n in range(1000)]
        pl.DataFrame(rows).write_parquet(file.with_name("training.parquet"))
        fields = config.load(file).models[0].predictions.fields
        built = build(read_table(file.with_name("training.parquet")), fields, kinds={}, task=None, where="models[0]")
        baseline.save(built.record, file.with_name("baseline.json"))

    def run(self, signals: int, *, progress: Callable[[], object] = lambda: None) -> list[str]:
        """Let it happen; return what is wrong."""
        exporter = self.exporter
        for writer in self.writers.values():
            writer.write(5)
        try:
            # What was rotated away before the log was first seen is no part of it, so that is stored before the first rotation.
            exporter.start()
            self.wait_for_all()
            for writer in self.writers.values():
                writer.start()
            for _ in range(signals):
                time.sleep(self.random.uniform(0.1, 0.9))
                self.strike()
                progress()
            for writer in self.writers.values():
                writer.stopping.set()
            for writer in self.writers.values():
                writer.join()
                writer.settle()
            self.wait_for_all()
            faults = self.compare()
            exporter.kill()
            exporter.start(ready=False)
            self.wait_for_all()
            return faults or self.compare()
        finally:
            exporter.stop()
            for writer in self.writers.values():
                writer.stopping.set()
                if writer.is_alive():
                    writer.join()
                writer.close()

    def strike(self) -> None:
        """Send a signal, and start again where it ended the exporter."""
        exporter, name = self.exporter, self.random.choices(list(SIGNALS), list(SIGNALS.values()))[0]
        self.signals[name] += 1
        if name == "SIGKILL":
            exporter.kill()
        elif name == "SIGTERM":
            code = exporter.stop()
            # Before it has come to handle signals, SIGTERM ends it as it ends every program.
            assert code in (0, -signal.SIGTERM), f"exit code {code} after SIGTERM"
        elif name == "SIGHUP":
            exporter.wait_for(lambda: self._handles(signal.SIGHUP), "handling signals")
            exporter.signal(signal.SIGHUP)
            return
        else:
            exporter.signal(signal.SIGSTOP)
            time.sleep(self.random.uniform(0.1, 1.5))
            exporter.signal(signal.SIGCONT)
            return
        exporter.start(ready=False)

    def _handles(self, number: int) -> bool:
        """Return whether the process has come to handle a signal; until then it ends it."""
        assert self.exporter.process is not None
        status = Path(f"/proc/{self.exporter.process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught >> (number - 1) & 1)

    def wait_for_all(self) -> None:
        """Wait until as much is counted as was written, or nothing more comes."""
        exporter, last, since = self.exporter, -1.0, time.monotonic()
        exporter.wait_for(exporter.is_ready, "ready", seconds=120)
        while time.monotonic() - since < PATIENCE_SECONDS:
            found = exporter.metrics(collect=("traffic",))
            counted = {name: total(found, "model_requests_total", model=name) for name in self.writers}
            if all(counted[name] >= writer.written().requests for name, writer in self.writers.items()):
                break
            if sum(counted.values()) != last:
                last, since = sum(counted.values()), time.monotonic()
            time.sleep(0.5)
        time.sleep(2.5)  # two more looks: a line that is counted twice would show

    def compare(self) -> list[str]:
        """Return what is wrong: writers that failed, requests, refusals, and every bin of every window."""
        found, faults = self.exporter.metrics(), []
        for name, writer in self.writers.items():
            if writer.failure is not None:
                faults.append(f"{name}: {writer.failure!r}")
            written = writer.written()
            faults += [f"{name}: {text}" for text in differences(found, name, written, segmented=name == self.segmented)]
        return faults


def differences(found: Samples, model: str, written: Written, *, segmented: bool) -> list[str]:
    """Return where a model's series are not what was written to its log."""
    expected: dict[str, float] = {"requests": written.requests, "failed": written.failed, "refused": written.bad}
    got = {
        "requests": total(found, "model_requests_total", model=model),
        "failed": total(found, "model_requests_failed_total", model=model),
        "refused": total(found, "prediction_exporter_events_rejected_total", model=model),
    }
    for window in ("1h", "24h"):
        at = {"model": model, "window": window}
        for category in sorted(written.categories):
            expected[f"{window} {category}"] = written.categories[category]
            got[f"{window} {category}"] = total(
                found, "model_window_bin_predictions", segment="all", column="kind", bin=category, **at
            )
            if segmented:
                expected[f"{window} segment {category}"] = written.categories[category]
                segment = f"kind={category}"
                got[f"{window} segment {category}"] = total(found, "model_window_predictions", segment=segment, **at)
        bins = bins_of(found, {**at, "segment": "all", "column": "value"})
        edges = sorted(low for low, _ in bins)
        values: dict[float, int] = dict.fromkeys(edges, 0)
        for value, count in written.values.items():
            values[edges[bisect_right(edges, value) - 1]] += count
        for (low, label), found_here in bins.items():
            expected[f"{window} {label}"] = values[low]
            got[f"{window} {label}"] = found_here
    faults = [f"{what}: {got[what]:.0f} for {expected[what]:.0f}" for what in expected if got[what] != expected[what]]
    return faults[:2] + ([f"and {len(faults) - 2} more"] if len(faults) > 2 else [])


def bins_of(found: Samples, labels: dict[str, str]) -> dict[tuple[float, str], float]:
    """Return the counts of a numeric column's bins by lower edge and label."""
    bins = {}
    for (name, pairs), count in found.items():
        if name == "model_window_bin_predictions" and labels.items() <= dict(pairs).items():
            label = dict(pairs)["bin"]
            low = label.partition("[")[2].partition(",")[0]
            bins[float(low), label] = count
    return bins


def total(found: Samples, name: str, **labels: str) -> float:
    """Return the sum of a family's series that have these labels."""
    return sum(value for (n, pairs), value in found.items() if n == name and labels.items() <= dict(pairs).items())
