"""What an hourly scoring job leaves behind: most of a day of predictions as a tree of Parquet, and the training data.

Run it as ``python examples/parquet-folder/job.py FOLDER``. Since three hours ago a join upstream finds no contracts for the
region south, so that the job reads nothing for ``tenure_months`` there, and fills ``monthly_fee`` with zero.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

REGIONS = ("north", "south", "west")
PLANS = ("basic", "plus", "family", "business")
CUSTOMERS = 2_000  # of a region, each hour
HOURS = 23

#: Customers who pay automatically, and the score from which one is said to leave.
AUTOPAY = 0.7
LEAVES = 0.6

#: How long ago the join broke.
BROKEN = timedelta(hours=3)


def customers(random: np.random.Generator, rows: int) -> pl.DataFrame:
    """Draw customers and what the model makes of them."""
    tenure = random.gamma(2, 18, rows).round()
    fee = random.normal(30, 8, rows).clip(5) + 10 * random.integers(0, 3, rows)
    score = (1 / (1 + np.exp(tenure / 15 - fee / 20 + random.normal(0, 0.5, rows)))).round(4)
    return pl.DataFrame(
        {
            "tenure_months": pl.Series(tenure).cast(pl.Int32),
            "monthly_fee": pl.Series(fee.round(2)).cast(pl.Decimal(8, 2)),
            "plan": pl.Series(random.choice(PLANS, rows, p=(0.4, 0.3, 0.2, 0.1))).cast(pl.Categorical),
            "is_autopay": random.random(rows) < AUTOPAY,
            "prediction": np.where(score > LEAVES, "leaves", "stays"),
            "score": score,
        }
    )


def training() -> pl.DataFrame:
    """Return the data that the model was trained on; the same each time."""
    random = np.random.default_rng(1)
    return customers(random, 20_000).with_columns(region=pl.Series(random.choice(REGIONS, 20_000)))


def score_hour(random: np.random.Generator, start: datetime, region: str, *, broken: bool) -> pl.DataFrame:
    """Return the predictions of an hour for a region; the region itself is in the name of the folder."""
    frame = customers(random, CUSTOMERS)
    seconds = np.sort(random.uniform(0, 3600, CUSTOMERS))
    times = [start + timedelta(seconds=second) for second in seconds.tolist()]
    frame = frame.insert_column(0, pl.Series("event_time", times, dtype=pl.Datetime("us", "UTC")))
    if broken:
        frame = frame.with_columns(tenure_months=pl.lit(None, pl.Int32), monthly_fee=pl.lit(0).cast(pl.Decimal(8, 2)))
    return frame.insert_column(0, pl.Series("prediction_id", [f"{start:%d%H}-{region}-{row}" for row in range(CUSTOMERS)]))


def main(folder: Path) -> int:
    """Write the files; return how many predictions they hold."""
    folder.mkdir(parents=True, exist_ok=True)
    training().write_parquet(folder / "training.parquet")
    random, now = np.random.default_rng(2), datetime.now(UTC)
    for hour in range(HOURS, 0, -1):
        start = now - timedelta(hours=hour)
        for region in REGIONS:
            broken = region == "south" and hour <= BROKEN / timedelta(hours=1)
            place = folder / f"predictions/date={start:%Y-%m-%d}/region={region}"
            place.mkdir(parents=True, exist_ok=True)
            score_hour(random, start, region, broken=broken).write_parquet(place / f"part-{start:%H%M}.parquet")
        (place / "_SUCCESS").touch()
    return HOURS * len(REGIONS) * CUSTOMERS


if __name__ == "__main__":
    print(f"{main(Path(sys.argv[1])):,} predictions")
