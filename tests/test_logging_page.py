"""docs/logging.md: its code writes what the exporter reads, in the server that it is for where that is small enough."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
import yaml

import forked
from prediction_exporter.demo.sinks import LOOPBACK, free_port
from processes import Exporter

PAGE = Path(__file__).parents[1] / "docs/logging.md"

#: A model that fails, as they do, and is sure of itself otherwise.
MODEL = """
def score(features):
    if features["region"] == "nowhere":
        raise LookupError("no such region")
    return 0.9 if features["income"] is None else 0.1

def decide(features):
    return "decline" if score(features) > 0.5 else "approve"
"""

#: What of the frameworks the page's classes are made from; their real ones take gigabytes.
STAND_INS = {
    "mlflow/__init__.py": "",
    "mlflow/pyfunc.py": "class PythonModel:\n    pass\n",
    "kserve.py": "class Model:\n    def __init__(self, name):\n        self.name = name\n",
}


def recognised(output: str) -> set[str]:
    """Return what a check shows of a log: how its sample counts, and which field is what."""
    shown = {line.strip() for line in output.splitlines() if line.startswith("  ") and ": " in line}
    return {
        line.partition(" of ")[0] + ", " + line.rpartition(", ")[2] if line.startswith("sample") else line for line in shown
    }


#: What every example writes.
COMMON = {"time: ts", "version: model_version", "latency: latency_ms in ms", "feature: features.income, features.region"}


def blocks(language: str) -> list[str]:
    """Return the page's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the page's modules, the model that they call, and a folder for the log."""
    for block in blocks("python"):
        [name] = re.findall(r"^# (\w+\.py)$", block.partition("\n")[0])
        (tmp_path / name).write_text(block)
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "log").mkdir()
    return tmp_path


def configure(folder: Path, training: Sequence[Mapping[str, Any]], predictions: Mapping[str, Any]) -> Path:
    """Write a configuration and build its baseline."""
    (folder / "training.jsonl").write_text("".join(json.dumps(row) + "\n" for row in training))
    model = {"name": "m", "owner": "me", "baseline": "baseline.json", "predictions": predictions}
    config = {"state_dir": "state", "interval": "1s", "owners": {"me": {"slack": "#me"}}, "models": [model]}
    file = folder / "exporter.yml"
    file.write_text(yaml.safe_dump(config))
    data = ["--config.file", str(file), "--model", "m", "--data", str(folder / "training.jsonl")]
    forked.run("baseline", *data, check=True)
    return file


def training(**more: Any) -> list[dict[str, Any]]:
    """Return training data with the names of the page's log."""
    return [
        {
            "features": {"income": n * 37 % 50 + 0.5, "region": ("north", "south")[n % 2]},
            "decision": ("approve", "decline")[n % 2],
        }
        | more
        for n in range(60)
    ]


def check(file: Path) -> tuple[int, str, str]:
    """Check a configuration."""
    found = forked.run("check", "config", file)
    return found.returncode, found.stdout, found.stderr


def of_the_log(folder: Path) -> dict[str, Any]:
    """Return how the page reads the log of the few lines, in a folder of the test's, from its beginning."""
    shown = yaml.safe_load(blocks("yaml")[0])["predictions"]
    assert shown["log"]["path"] == "/var/log/credit-risk/*.jsonl"
    return {"log": {"path": str(folder / "log/*.jsonl"), "start": "beginning"}}


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """The address of the page's FastAPI application, served by two workers as the page says."""
    [command] = re.findall(r"^\$ uvicorn (.*)$", blocks("console")[0], re.MULTILINE)
    port = free_port()
    line = [sys.executable, "-m", "uvicorn", *command.split(), "--host", LOOPBACK, "--port", str(port)]
    environment = {**os.environ, "PREDICTION_LOG": str(site / "log"), "PYTHONPATH": str(site)}
    with (site / "uvicorn.txt").open("wb") as output:
        server = subprocess.Popen(line, cwd=site, env=environment, stdout=output, stderr=output)
    url = f"http://{LOOPBACK}:{port}"
    try:
        deadline = time.monotonic() + 60
        while not answers(url):
            assert server.poll() is None, (site / "uvicorn.txt").read_text()
            assert time.monotonic() < deadline, (site / "uvicorn.txt").read_text()
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def answers(url: str) -> bool:
    """Return whether a server is there."""
    try:
        return requests.get(f"{url}/docs", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_fastapi(site: Path, served: str, start_exporter: Callable[..., Exporter]) -> None:
    """Each request that reaches the model is a line, whichever worker answers, and is counted as what it was."""
    bodies = [{"income": n, "region": "north"} for n in range(40)] + [{"region": "south"}] * 8 + [{"region": "nowhere"}] * 2
    codes = [requests.post(f"{served}/predict", json=body, timeout=10).status_code for body in bodies]
    assert codes == [200] * 48 + [500] * 2
    assert requests.post(f"{served}/predict", json={"income": 1}, timeout=10).status_code == 422
    file = configure(site, training(probability=0.3), of_the_log(site))
    code, output, errors = check(file)
    assert (code, errors) == (0, "")
    found = recognised(output)
    assert found >= COMMON | {"id: request_id", "status: status", "prediction: decision", "score: probability"}
    assert {line.rpartition(", ")[2] for line in found if line.startswith("sample")} == {"all usable"}
    exporter = start_exporter(file)
    exporter.wait_for(lambda: exporter.total("model_requests_total") == 50, "read")
    assert exporter.total("model_requests_failed_total") == 2
    assert exporter.total("model_window_predictions", window="1h", version="12", segment="all") == 48
    assert exporter.total("model_column_missing_ratio", window="1h", column="income") == pytest.approx(8 / 48)
    assert exporter.total("prediction_exporter_events_rejected_total") == 0


CALLS = {
    "kserve": """
from predictor import CreditRisk
model = CreditRisk("credit-risk")
assert model.predict({"instances": [{"income": 1, "region": "north"}, {"income": None, "region": "south"}]}) == {
    "predictions": ["approve", "decline"]
}
try:
    model.predict({"instances": [{"income": 1, "region": "nowhere"}]})
except LookupError:
    pass
""",
    "seldon": """
from CreditRisk import CreditRisk
rows = [[1, "north"], [None, "south"]]
assert CreditRisk().predict(rows, ["income", "region"]) == ["approve", "decline"]
try:
    CreditRisk().predict([[1, "nowhere"]], ["income", "region"])
except LookupError:
    pass
""",
    "mlflow": """
import numpy as np, pandas as pd
from logged_model import Logged
class Inner:
    def predict(self, frame):
        return np.array(["approve", "decline", "approve"])
rows = [{"income": np.float32(1), "region": "north"}, {"income": np.nan, "region": "south"}, {"income": 2, "region": "north"}]
assert list(Logged(Inner(), "12").predict(None, pd.DataFrame(rows))) == ["approve", "decline", "approve"]
""",
}


@pytest.mark.parametrize(
    ("name", "status", "prediction"),
    [("kserve", "status", "decision"), ("seldon", "status", "decision"), ("mlflow", "none", "prediction")],
)
def test_other_servers(site: Path, name: str, status: str, prediction: str) -> None:
    """The classes of the page write a line for each row that the exporter understands, called as the frameworks call them."""
    for path, content in STAND_INS.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(content)
    environment = {**os.environ, "PREDICTION_LOG": str(site / "log")}
    subprocess.run([sys.executable, "-c", CALLS[name]], cwd=site, env=environment, check=True, timeout=60)
    code, output, errors = check(configure(site, training(), of_the_log(site)))
    assert (code, errors) == (0, "")
    expected = {"sample: 3 lines, all usable", "id: none", f"status: {status}", f"prediction: {prediction}"}
    assert {line for line in recognised(output) if not line.startswith(("drift: ", "maturity "))} == COMMON | expected


def test_bentoml(tmp_path: Path) -> None:
    """What BentoML's monitor wrote is read with the configuration of the page, and not without."""
    [line] = blocks("json")
    [shown] = [block for block in map(yaml.safe_load, blocks("yaml")) if "timezone" in block["predictions"]]
    logged = datetime.now(ZoneInfo(shown["predictions"]["timezone"])).replace(tzinfo=None) - timedelta(hours=1)
    line = re.sub(r'("timestamp": )"[^"]*"', rf'\1"{logged.isoformat()}"', line)  # that of the page gets old
    (tmp_path / "data.1.log").write_text(f"{line}" * 3)
    names = [name for name in json.loads(line) if name.startswith(("sepal", "petal"))]
    rows = [dict.fromkeys(names, n / 10) | {"pred": ("setosa", "versicolor")[n % 2]} for n in range(80)]
    predictions = {**shown["predictions"], "log": {"path": str(tmp_path / "*.log"), "start": "beginning"}}
    code, output, errors = check(configure(tmp_path, rows, predictions))
    assert (code, errors) == (0, "")
    for expected in ("time: timestamp", "id: request_id", f"feature: {', '.join(names)}", "prediction: pred"):
        assert f"  {expected}\n" in output
    without = {"log": predictions["log"]}
    code, _, errors = check(configure(tmp_path, rows, {**without, "fields": {"prediction": "pred"}}))
    assert code == 1
    assert "fields.id: several fields could be the id: request_id, trace_id" in errors


@pytest.mark.parametrize(
    "entry",
    [
        {"headers": {"ce-id": "3b", "ce-time": "2020-02-27T09:52:15.81Z"}, "body": '{"instances": [[6.8, 2.8], [6.0, 3.4]]}'},
        {
            "headers": {"Ce-Requestid": "1a"},
            "body": {"data": {"names": ["income"], "tensor": {"shape": [2, 1], "values": [1, 2]}}},
        },
        {
            "time": "2023-01-01T00:43:34Z",
            "id": "38",
            "data": [{"income": 1, "region": "north"}, {"income": 2, "region": "south"}],
            "type": "azureml.inference.model_inputs",
        },
        {
            "captureData": {"endpointInput": {"data": "50,0,188.9", "encoding": "CSV"}},
            "eventMetadata": {"inferenceTime": "2022-02-14T17:25:06Z"},
        },
        {"ts": "2026-05-04T09:30:00Z", "instances": [{"income": 1, "region": "north"}, {"income": 2, "region": "south"}]},
    ],
    ids=["kserve", "seldon", "azure", "sagemaker", "rows"],
)
def test_what_is_not_read_is_told(tmp_path: Path, entry: dict[str, Any]) -> None:
    """The check fails for the logs that the page calls unreadable."""
    (tmp_path / "app.jsonl").write_text(json.dumps(entry) + "\n")
    code, _, errors = check(configure(tmp_path, training(), {"log": {"path": str(tmp_path / "app.jsonl")}}))
    assert code == 1
    assert "could be recognised as the time" in errors or "none of the baseline's features" in errors


def test_another_entry_with_a_time(tmp_path: Path, start_exporter: Callable[..., Exporter]) -> None:
    """Counts as a prediction without features, and where lines have an id it is refused."""
    good = {"features": {"income": 1, "region": "north"}, "decision": "approve"}
    now = time.time()
    for name, more in (("without", {}), ("with", {"request_id": "a"})):
        folder = tmp_path / name
        folder.mkdir()
        lines = [{"ts": now, **more, **good}] * 40 + [{"ts": now, "event": "cache cleared"}] * 10
        (folder / "app.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        file = configure(folder, training(), {"log": {"path": str(folder / "app.jsonl"), "start": "beginning"}})
        exporter = start_exporter(file)
        exporter.wait_for(lambda reader=exporter: reader.total("prediction_exporter_events_total") > 0, "read")  # type: ignore[misc]  # a default binds
        refused = exporter.total("prediction_exporter_events_rejected_total", reason="missing_id")
        assert (exporter.total("model_requests_total"), refused) == ((50, 0) if name == "without" else (40, 10))


def test_every_module_of_the_page_is_tried() -> None:
    """Each is run by a test above."""
    tried = Path(__file__).read_text()
    names = {re.findall(r"^# (\w+)\.py$", block.partition("\n")[0])[0] for block in blocks("python")}
    assert names == {"prediction_log", "main", "logged_model", "predictor", "CreditRisk"}
    assert all(f"from {name} import" in tried for name in names - {"prediction_log", "main"})
