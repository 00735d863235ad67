"""Sets: public data with times, from the packages that ship them, as files that the benchmark reads.

The packages need other versions of what the product needs, so this script runs in an environment of their own: it writes a
Parquet file for each set whose package is installed, with ``time`` in seconds, and ``baseline``, whether a row is of it.

    python benchmarks/alarms/sets.py FOLDER
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # its stubs are not installed

#: Events an hour that rows of a set without times are played at, drawn again and again, and for how many days.
RATE, DAYS = 50, 58
BASELINE_DAYS = 28


def _timed(frame: pd.DataFrame, column: str, is_baseline: pd.Series) -> pd.DataFrame:
    times = pd.to_datetime(frame[column])
    seconds = (times - pd.Timestamp("1970-01-01")) // pd.Timedelta(seconds=1)
    kept = frame.drop(columns=column)
    return kept.assign(time=seconds.to_numpy(), baseline=is_baseline.to_numpy()).dropna(subset=["time"])


def flights() -> pd.DataFrame:
    """Flights of 2015 in the United States, by day: popmon's reference and what came after it."""
    folder = Path(str(importlib.import_module("popmon").__file__)).parent / "test_data"
    parts = [pd.read_csv(folder / name) for name in ("flight_delays_reference.csv.gz", "flight_delays.csv.gz")]
    rows = pd.concat(parts)
    wanted = ["DATE", "CANCELLED", "AIRLINE", "DEPARTURE_DELAY", "TAXI_OUT", "AIR_TIME", "DISTANCE"]
    rows = rows[wanted]
    day = pd.to_datetime(rows["DATE"])
    rows = rows[day < "2015-05-01"]
    return _timed(rows, "DATE", pd.to_datetime(rows["DATE"]) < "2015-04-01")


def _nannyml(loader: str, time: str, drop: tuple[str, ...]) -> pd.DataFrame:
    module = importlib.import_module("nannyml")
    reference, analysis, *_ = getattr(module, loader)()
    rows = pd.concat([reference.assign(baseline=True), analysis.assign(baseline=False)], ignore_index=True)
    rows = rows.drop(columns=[name for name in drop if name in rows])
    return _timed(rows.drop(columns="baseline"), time, rows["baseline"])


def car_loan() -> pd.DataFrame:
    """Synthetic loans for cars, nannyml's first example."""
    return _nannyml("load_synthetic_car_loan_dataset", "timestamp", ("id", "repaid"))


def car_price() -> pd.DataFrame:
    """Synthetic prices of cars, nannyml's example of a regression."""
    return _nannyml("load_synthetic_car_price_dataset", "timestamp", ("id", "y_true"))


def work_home() -> pd.DataFrame:
    """Synthetic choices to work at home, nannyml's example of a binary classification."""
    return _nannyml(
        "load_synthetic_binary_classification_dataset", "timestamp", ("id", "identifier", "work_home_actual", "period")
    )


def credit_cards() -> pd.DataFrame:
    """Synthetic applications for credit cards, nannyml's example of several classes."""
    return _nannyml("load_synthetic_multiclass_classification_dataset", "timestamp", ("id", "identifier", "y_true", "period"))


def housing() -> pd.DataFrame:
    """California's housing with times, as nannyml modified it."""
    return _nannyml(
        "load_modified_california_housing_dataset", "timestamp", ("id", "identifier", "clf_target", "partition", "period")
    )


def temperatures() -> pd.DataFrame:
    """Hourly temperatures of San Francisco in 2010, from vega_datasets."""
    rows = importlib.import_module("vega_datasets").local_data.sf_temps()
    rows["date"] = pd.to_datetime(rows["date"])
    return _timed(rows, "date", rows["date"] < "2010-10-01")


def digits() -> pd.DataFrame:
    """Rows of scikit-learn's digits, drawn again and again: 64 columns, many of them all but constant."""
    rows = importlib.import_module("sklearn.datasets").load_digits(as_frame=True).data
    return _drawn(rows)


def breast_cancer() -> pd.DataFrame:
    """Rows of scikit-learn's breast cancer set, drawn again and again: 30 skewed columns that move together."""
    return _drawn(importlib.import_module("sklearn.datasets").load_breast_cancer(as_frame=True).data)


def phishing() -> pd.DataFrame:
    """Rows of river's phishing set, drawn again and again."""
    rows = [x for x, _ in importlib.import_module("river.datasets").Phishing()]
    return _drawn(pd.DataFrame(rows))


def _drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows at random times: of half of the set in the baseline, and of all of it later."""
    rng = np.random.default_rng(0)
    total = RATE * 24 * DAYS
    time = np.sort(rng.integers(0, DAYS * 86_400, total)) + 4 * 86_400
    is_baseline = time < (4 + BASELINE_DAYS) * 86_400
    half = rng.permutation(len(rows))[: len(rows) // 2]
    which = np.where(is_baseline, rng.choice(half, total), rng.integers(0, len(rows), total))
    return rows.iloc[which].reset_index(drop=True).assign(time=time, baseline=is_baseline)


SETS: dict[str, Callable[[], pd.DataFrame]] = {
    "popmon-flights": flights,
    "nannyml-car-loan": car_loan,
    "nannyml-car-price": car_price,
    "nannyml-work-home": work_home,
    "nannyml-credit-cards": credit_cards,
    "nannyml-housing": housing,
    "vega-sf-temps": temperatures,
    "sklearn-digits": digits,
    "sklearn-breast-cancer": breast_cancer,
    "river-phishing": phishing,
}


def main() -> None:
    """Write the sets whose packages are there."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, load in SETS.items():
        try:
            rows = load()
        except (ImportError, AttributeError, FileNotFoundError) as error:
            print(f"{name}: {error}")
            continue
        rows.sort_values("time", kind="stable").reset_index(drop=True).to_parquet(folder / f"{name}.parquet")
        print(f"{name}: {len(rows):,} rows, {len(rows.columns) - 2} columns")


if __name__ == "__main__":
    main()
