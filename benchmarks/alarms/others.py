"""Others: what other tools say of the rows of a day, with their own thresholds.

They need other versions of what the product needs, so this script runs in an environment of their own and imports nothing of
it: it reads ``baseline.parquet`` and ``production.parquet`` in a folder, and prints a JSON line for each tool that is installed.

    python benchmarks/alarms/others.py FOLDER
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

TIME = "time"

Drifted = dict[str, list[bool]]


def evidently(baseline: pd.DataFrame, days: list[pd.DataFrame]) -> Drifted:
    """The preset of data drift: by column, the distance or test that it chooses."""
    core, presets = importlib.import_module("evidently"), importlib.import_module("evidently.presets")
    found: Drifted = {column: [] for column in baseline.columns}
    for day in days:
        report = core.Report([presets.DataDriftPreset()]).run(day, baseline)
        for metric in report.dict()["metrics"]:
            config = metric["config"]
            if "column" in config and "method" in config:
                value, threshold = float(metric["value"]), float(config["threshold"])
                is_test = "p_value" in config["method"]
                found[config["column"]].append(value < threshold if is_test else value >= threshold)
    return found


def nannyml(baseline: pd.DataFrame, days: list[pd.DataFrame]) -> Drifted:
    """The univariate calculator: Jensen-Shannon's distance above 0.1."""
    module = importlib.import_module("nannyml")
    columns = list(baseline.columns)
    calculator = module.UnivariateDriftCalculator(column_names=columns, chunk_period="D", timestamp_column_name=TIME)
    times = pd.date_range("2025-01-01", periods=len(baseline), freq="s")
    calculator.fit(baseline.assign(**{TIME: times}))
    rows = pd.concat([day.assign(**{TIME: pd.Timestamp("2026-01-05") + pd.Timedelta(days=n)}) for n, day in enumerate(days)])
    frame = calculator.calculate(rows.reset_index(drop=True)).filter(period="analysis").to_df()
    return {column: [bool(x) for x in frame[(column, "jensen_shannon", "alert")]] for column in columns}


def drift_watchdog(baseline: pd.DataFrame, days: list[pd.DataFrame]) -> Drifted:
    """Its detector: PSI, Kolmogorov-Smirnov and Jensen-Shannon, any of them."""
    make = importlib.import_module("drift_watchdog.baseline")
    detector = importlib.import_module("drift_watchdog.detector").DriftDetector(make.BaselineStore.create_from_dataframe(baseline, "baseline"))
    found: Drifted = {column: [] for column in baseline.columns}
    for day in days:
        for column, report in detector.check(day).features.items():
            found[column].append(bool(report.is_drift))
    return found


TOOLS: dict[str, tuple[str, Callable[[pd.DataFrame, list[pd.DataFrame]], Drifted]]] = {
    "evidently": ("evidently", evidently),
    "nannyml": ("nannyml", nannyml),
    "drift-watchdog": ("drift_watchdog", drift_watchdog),
}


def main() -> None:
    """Print a line for each tool: by column, on which days it has drifted."""
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    baseline = pd.read_parquet(folder / "baseline.parquet").drop(columns=TIME)
    rows = pd.read_parquet(folder / "production.parquet")
    days = [day.drop(columns=TIME).reset_index(drop=True) for _, day in rows.groupby(rows[TIME] // 86_400)]
    for name, (module, run) in TOOLS.items():
        try:
            version = importlib.import_module("importlib.metadata").version(name)
            importlib.import_module(module)
        except ImportError:
            continue
        line: dict[str, Any] = {"tool": name, "version": version, "drifted": run(baseline, days)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
