"""A model trained on younger patients, used on older ones: what the exporter finds, on scikit-learn's diabetes data.

Run it as ``python examples/diabetes/example.py``; it prints the table that README.md shows.
"""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

HERE = Path(__file__).parent
MODEL = "diabetes-progression"

#: The model is trained on patients up to this age and used on those above.
AGE = 50

#: What is shown of each column.
SHOWN = ("psi", "psi_noise_floor", "psi_threshold", "wasserstein_distance", "ks_statistic", "out_of_range_ratio")


def prepare(folder: Path) -> None:
    """Train, and write the training data and the log of the model's predictions."""
    data = load_diabetes(scaled=False)
    names = list(data.feature_names)
    young = data.data[:, names.index("age")] <= AGE
    model = LinearRegression().fit(data.data[young], data.target[young])
    with (folder / "training.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*names, "prediction"])
        rows.writerows(
            [*inputs, output] for inputs, output in zip(data.data[young], model.predict(data.data[young]), strict=True)
        )
    old = data.data[~young]
    now = datetime.now(UTC)
    with (folder / "predictions.jsonl").open("w") as log:
        for number, (inputs, output) in enumerate(zip(old, model.predict(old), strict=True)):
            event = {
                "time": (now - timedelta(seconds=10 * number)).isoformat(),
                "id": f"patient-{number}",
                "features": dict(zip(names, inputs.tolist(), strict=True)),
                "prediction": float(output),
            }
            log.write(json.dumps(event) + "\n")


def metrics_of(folder: Path) -> str:
    """Build the baseline, run the exporter until it has read the log, and return what it exposes."""
    environ = {**os.environ, "EXAMPLE_DIR": str(folder)}
    command = [sys.executable, "-m", "prediction_exporter"]
    config = ["--config.file", str(HERE / "exporter.yml")]
    build = [*command, "baseline", *config, "--model", MODEL, "--data", str(folder / "training.csv")]
    subprocess.run(build, check=True, env=environ, stdout=sys.stderr)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    exporter = subprocess.Popen([*command, "run", *config, "--web.listen-address", address], env=environ)
    try:
        for _ in range(300):
            try:
                if requests.get(f"http://{address}/-/ready", timeout=5).text == "ready\n":
                    return requests.get(f"http://{address}/metrics", timeout=5).text
            except requests.ConnectionError:
                pass  # not listening yet
            time.sleep(0.1)  # between two looks whether it is ready
        raise TimeoutError("the exporter is not ready after 30 s")
    finally:
        exporter.terminate()
        exporter.wait()


def table(metrics: str) -> str:
    """Return the columns as a Markdown table, the most drifted first."""
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(metrics):
        key = family.name.removeprefix("model_column_")
        for sample in family.samples:
            if key in SHOWN and sample.labels["window"] == "1h":
                found.setdefault(sample.labels["column"], {})[key] = sample.value
    lines = [f"| column | {' | '.join(name.replace('_', ' ') for name in SHOWN)} | drifted |", "|---" * (len(SHOWN) + 2) + "|"]
    for column, values in sorted(found.items(), key=lambda item: -item[1]["psi"]):
        cells = [f"{values[name]:.3f}" if name in values else "" for name in SHOWN]
        drifted = "**yes**" if values["psi"] > values["psi_threshold"] else "no"
        lines.append(f"| {column} | {' | '.join(cells)} | {drifted} |")
    return "\n".join(lines)


def main() -> str:
    """Run the example and return its table."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        return table(metrics_of(Path(folder)))


if __name__ == "__main__":
    print(main())
