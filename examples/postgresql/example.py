"""A fraud model whose service writes to PostgreSQL: what the exporter finds in the table, from the first minute.

Run it as ``python examples/postgresql/example.py HOST:PORT/DATABASE USER PASSWORD`` on an empty database whose user may make
tables and roles; it prints the table that README.md shows.
"""

from __future__ import annotations

import csv
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import psycopg
import requests
from prometheus_client.parser import text_string_to_metric_families

HERE = Path(__file__).parent
NAMES = (
    "created_at",
    "model_version",
    "amount",
    "merchant_age",
    "country",
    "is_first",
    "decision",
    "fraud_score",
    "latency_ms",
)

#: Payments in all, and how long ago the app was released that sends cents where it sent euros.
PAYMENTS = 20_000
RELEASED = timedelta(minutes=50)

#: Payments whose transaction commits last although they happened first: a batch that waited for another service.
LATE = 40

#: Share of first payments, and the score from which on the service refuses.
FIRST_SHARE, REFUSED_FROM = 0.3, 0.4

SHOWN = ("model_column_psi", "model_column_psi_threshold", "model_column_out_of_range_ratio")


def payment(chance: random.Random, at: datetime, *, in_cents: bool) -> tuple[Any, ...]:
    """Return a payment and what the model made of it."""
    amount = round(chance.lognormvariate(3.5, 0.8), 2)
    score = round(chance.betavariate(1.2, 9), 4)
    return (
        at,
        "7",
        round(amount * 100, 2) if in_cents else amount,
        int(chance.expovariate(1 / 400)),
        chance.choices(("DE", "FR", "PL", "NL"), (5, 3, 2, 1))[0],
        chance.random() < FIRST_SHARE,
        "refuse" if score > REFUSED_FROM else "accept",
        score,
        round(chance.lognormvariate(2.8, 0.4), 2),
    )


def write_training(path: Path) -> None:
    """Write what the model was trained on."""
    chance = random.Random(1)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(NAMES[2:8])
        rows.writerows(payment(chance, datetime.now(UTC), in_cents=False)[2:8] for _ in range(10_000))


def a_day(now: datetime) -> list[tuple[Any, ...]]:
    """Return the payments of the last 22 hours."""
    chance = random.Random(2)
    times = sorted(now - timedelta(seconds=chance.uniform(10, 80_000)) for _ in range(PAYMENTS))
    return [payment(chance, at, in_cents=now - at < RELEASED) for at in times]


def write(connection: psycopg.Connection[Any], payments: list[tuple[Any, ...]]) -> None:
    """Write payments, as the service does."""
    with connection.cursor().copy(f"COPY predictions ({', '.join(NAMES)}) FROM STDIN") as copy:
        for row in payments:
            copy.write_row(row)


class Exporter:
    """The exporter on the table, as a process."""

    def __init__(self, environ: dict[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        command = [sys.executable, "-m", "prediction_exporter", "run", "--config.file", str(HERE / "exporter.yml")]
        self.process = subprocess.Popen([*command, "--web.listen-address", self.address], env=environ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def samples(self) -> dict[tuple[str, str, str], float]:
        """Return the series that are shown, by name, window and column."""
        found: dict[tuple[str, str, str], float] = {}
        response = requests.get(f"http://{self.address}/metrics", timeout=5)
        for family in text_string_to_metric_families(response.text if response.ok else ""):
            for sample in family.samples:
                found[sample.name, sample.labels.get("window", ""), sample.labels.get("column", "")] = sample.value
        return found

    def wait_for(self, window: str, predictions: int) -> dict[tuple[str, str, str], float]:
        """Return the series once a window holds so many predictions."""
        for _ in range(600):
            try:
                found = self.samples()
            except requests.ConnectionError:
                found = {}  # not listening yet
            if found.get(("model_window_predictions", window, "")) == predictions:
                return found
            time.sleep(0.1)  # between two looks
        raise TimeoutError(f"the window of {window} does not hold {predictions} predictions after a minute")


def table(found: dict[tuple[str, str, str], float]) -> Iterator[str]:
    """Yield the columns as a Markdown table, for both windows."""
    yield "| column | psi, 24h | threshold, 24h | psi, 1h | threshold, 1h | out of range, 1h |"
    yield "|---|---|---|---|---|---|"
    columns = sorted({column for name, _, column in found if name == SHOWN[0]})
    for column in columns:
        figures = [found.get((name, window, column)) for window in ("24h", "1h") for name in SHOWN[:2]]
        figures.append(found.get((SHOWN[2], "1h", column)))
        yield f"| {column} | {' | '.join('' if figure is None else f'{figure:.2f}' for figure in figures)} |"


def main(server: str, user: str, password: str) -> Iterator[str]:
    """Run the example and yield what it prints."""
    role_password = secrets.token_urlsafe(16)
    now = datetime.now(UTC)
    with (
        tempfile.TemporaryDirectory() as name,
        psycopg.connect(f"postgresql://{server}", user=user, password=password) as connection,
        psycopg.connect(f"postgresql://{server}", user=user, password=password) as another,
    ):
        folder = Path(name)
        (folder / "password").write_text(role_password)
        connection.execute(f"CREATE ROLE prediction_exporter LOGIN PASSWORD '{role_password}'")
        connection.execute((HERE / "schema.sql").read_bytes())
        connection.commit()
        payments = a_day(now)
        last_minutes = [row for row in payments if row[0] > now - timedelta(minutes=3)]
        late = last_minutes[:LATE]
        write(another, late)  # begun, and not committed
        write(connection, [row for row in payments if row not in late])
        connection.commit()
        write_training(folder / "training.csv")
        environ = {**os.environ, "EXAMPLE_DIR": str(folder), "EXAMPLE_SERVER": server}
        config = ["--config.file", str(HERE / "exporter.yml")]
        build = [sys.executable, "-m", "prediction_exporter", "baseline", *config, "--model", "fraud"]
        subprocess.run([*build, "--data", str(folder / "training.csv")], check=True, env=environ, stdout=sys.stderr)
        with Exporter(environ) as exporter:
            yield from table(exporter.wait_for("24h", PAYMENTS - len(late)))
            another.commit()
            exporter.wait_for("24h", PAYMENTS)
            yield f"\n{len(late)} payments whose transaction committed last are in the windows now: {PAYMENTS:,} in 24h."


if __name__ == "__main__":
    for line in main(*sys.argv[1:]):
        print(line, flush=True)
