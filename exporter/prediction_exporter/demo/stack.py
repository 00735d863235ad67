"""The demo's processes: exporter, Prometheus and Alertmanager, on free ports of loopback, in a folder of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import requests
import yaml

from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.labelled import truth_of
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.config import Config
from prediction_exporter.demo.credit_risk import training_data
from prediction_exporter.demo.pace import Pace
from prediction_exporter.demo.sinks import LOOPBACK
from prediction_exporter.errors import PredictionExporterError
from prediction_exporter.kit.groups import INTERVAL
from prediction_exporter.kit.render import render, write
from prediction_exporter.kit.scale import written

CONFIG = Path(__file__).with_name("exporter.yml")
START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.1

#: Names that Alertmanager's binary goes by: upstream's and Debian's.
ALERTMANAGER_NAMES = ("alertmanager", "prometheus-alertmanager")


def alertmanager_binary() -> str | None:
    """Return the path of Alertmanager, or None where it is not installed."""
    return next((found for name in ALERTMANAGER_NAMES if (found := shutil.which(name))), None)


def prometheus_binary() -> str | None:
    """Return the path of Prometheus, or None where it is not installed."""
    return shutil.which("prometheus")


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of the demo."""

    folder: Path

    @property
    def config(self) -> Path:
        """The exporter's configuration."""
        return self.folder / "exporter.yml"

    @property
    def log(self) -> Path:
        """The prediction log."""
        return self.folder / "predictions.jsonl"

    @property
    def outcomes(self) -> Path:
        """The log of what became of the applicants."""
        return self.folder / "outcomes.jsonl"

    @property
    def pid(self) -> Path:
        """The number of the process that the model service is in."""
        return self.folder / "model.pid"

    @property
    def baseline(self) -> Path:
        """The baseline."""
        return self.folder / "baseline.json"

    @property
    def kit(self) -> Path:
        """Rules and routes, rendered at the demo's time scale."""
        return self.folder / "kit"


def prepare(folder: Path, *, slack_url: str, smtp_port: int, exporter_port: int, pace: Pace) -> tuple[Paths, Config]:
    """Write configuration, baseline, rules and routes into a folder; the model service is to run in this process.

    Raises:
        PredictionExporterError: the folder cannot be made, or has the log of an earlier demo, whose end would be the beginning
            of this one.
    """
    paths = Paths(folder)
    if paths.log.exists():
        raise PredictionExporterError(
            f"{paths.log} is there from an earlier demo: remove it with its folder, or use another one"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PredictionExporterError(f"{error.filename}: cannot be made a folder: {error.strerror}") from error
    text = CONFIG.read_text(encoding="utf-8").replace("${DEMO_SMTP_PORT}", str(smtp_port))
    text = text.replace("${DEMO_EXPORTER_PORT}", str(exporter_port))
    text = text.replace("${DEMO_DIR}", json.dumps(str(folder))[1:-1].replace("$", "$$"))
    for name, seconds in pace.times.items():
        text = text.replace(name, written(seconds))
    paths.config.write_text(text, encoding="utf-8")
    paths.pid.write_text(f"{os.getpid()}\n", encoding="utf-8")
    (folder / "slack_api_url").write_text(slack_url, encoding="utf-8")
    data = folder / "training.parquet"
    training_data().write_parquet(data)
    loaded = config.load(paths.config)
    model = loaded.models[0]
    table = read_table(data)
    result = build(
        table,
        model.predictions.fields,
        kinds={},
        task=model.task,
        where="models[0].predictions.fields",
        truth=truth_of(model, "models[0]", table.columns, ()),
    )
    baseline.save(result.record, paths.baseline)
    write(render(loaded, time_scale=pace.scale.factor), paths.kit)
    return paths, loaded


class Process:
    """A server of the demo, started and waited for.

    Args:
        name: what it is, for messages.
        command: program and arguments.
        ready: address that answers 200 once it serves.
        log: file that takes what it prints.
    """

    def __init__(
        self, name: str, command: list[str], *, ready: str, log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._command = command
        self._ready = ready
        self._log = log
        self._environ = {**os.environ, **(environ or {})}

    def __enter__(self) -> Self:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=subprocess.STDOUT, env=self._environ)  # noqa: S603 - our own command
        try:
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                if requests.get(self._ready, timeout=1).ok:
                    return
            except (requests.ConnectionError, requests.Timeout):
                pass  # not listening yet, or busy starting
            time.sleep(POLL_SECONDS)  # between two looks whether it is ready
        last = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        raise PredictionExporterError("\n".join([f"{self.name} does not start; the end of {self._log}:", *last]))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid


def exporter(paths: Paths, port: int) -> Process:
    """Return the exporter."""
    command = [sys.executable, "-m", "prediction_exporter", "run", "--config.file", str(paths.config)]
    command += ["--web.listen-address", f"{LOOPBACK}:{port}"]
    return Process("exporter", command, ready=f"http://{LOOPBACK}:{port}/-/ready", log=paths.folder / "exporter.log")


def alertmanager(paths: Paths, port: int) -> Process:
    """Return Alertmanager with the rendered routes."""
    command = [
        alertmanager_binary() or ALERTMANAGER_NAMES[0],
        f"--config.file={paths.kit / 'alertmanager/alertmanager.yml'}",
        f"--storage.path={paths.folder / 'alertmanager'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        f"--web.external-url=http://{LOOPBACK}:{port}",
        "--cluster.listen-address=",
    ]
    return Process("Alertmanager", command, ready=f"http://{LOOPBACK}:{port}/-/ready", log=paths.folder / "alertmanager.log")


def prometheus(paths: Paths, port: int, *, exporter_port: int, alertmanager_port: int | None, pace: Pace) -> Process:
    """Return Prometheus with the rendered rules, which scrapes the exporter as often as they are evaluated."""
    interval = pace.scale.interval(INTERVAL)
    settings: dict[str, object] = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(paths.kit / "prometheus/rules/*.yml")],
        "scrape_configs": [
            {"job_name": "prediction-exporter", "static_configs": [{"targets": [f"{LOOPBACK}:{exporter_port}"]}]}
        ],
    }
    if alertmanager_port is not None:
        settings["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [f"{LOOPBACK}:{alertmanager_port}"]}]}]}
    file = paths.folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [
        prometheus_binary() or "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={paths.folder / 'prometheus'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        f"--web.external-url=http://{LOOPBACK}:{port}",
    ]
    return Process("Prometheus", command, ready=f"http://{LOOPBACK}:{port}/-/ready", log=paths.folder / "prometheus.log")
