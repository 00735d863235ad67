"""The models of the week that ``week.py`` makes: what they see, what they answer, and what happens to them."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

HOUR, DAY = 3600.0, 86_400.0
TRAINED = 40_000

_NUMERIC = """
    amount income age balance credit_limit utilisation account_days card_days tx_count_1h tx_count_24h tx_count_7d
    amount_mean_7d amount_max_30d amount_ratio merchant_risk merchant_tx_24h distance_home distance_last seconds_since_last
    declined_30d chargebacks_1y devices_30d ip_risk email_age_days basket_items basket_discount hour_usual velocity
"""
NUMERIC = tuple(_NUMERIC.split())
CATEGORICAL = {
    "merchant_category": "grocery fuel travel fashion electronics gaming pharmacy restaurants",
    "country": "CH DE FR IT AT GB US",
    "channel": "web app",
    "currency": "CHF EUR USD GBP",
    "card_type": "debit credit prepaid",
    "network": "visa mastercard amex",
    "device_os": "ios android windows macos linux",
    "browser": "chrome safari firefox edge other",
    "entry_mode": "chip contactless swipe manual online",
    "three_ds": "frictionless challenge none",
    "segment": "private premium business",
    "weekday_type": "workday weekend holiday",
}


@dataclass(frozen=True)
class Story:
    """What differs from training, by the days since the beginning: shares, a shift in standard deviations, and factors."""

    missing: Callable[[float], float] = lambda _: 0.0
    unseen: Callable[[float], float] = lambda _: 0.0
    second: Callable[[float], float] = lambda _: 0.0
    shift: Callable[[float], float] = lambda _: 0.0
    failing: Callable[[float], float] = lambda _: 0.0003
    slower: Callable[[float], float] = lambda _: 1.0
    surprising: Callable[[float], float] = lambda _: 0.0
    traffic: Callable[[float], float] = lambda _: 1.0


@dataclass(frozen=True)
class Service:
    """A model that answers: what it sees, the requests a second of a replica, and more of its section of the configuration."""

    name: str
    numeric: tuple[str, ...]
    categorical: dict[str, str]
    rate: float
    more: str
    story: Story = Story()
    regression: bool = False
    latency: float = 25.0
    labels_after: float = 6 * HOUR
    labelled: bool = True

    def features(self, rng: np.random.Generator, rows: int, day: float) -> tuple[dict[str, pl.Series], np.ndarray[Any, Any]]:
        """Draw features, and what the model makes of them: log odds, or a number."""
        z = rng.standard_normal((rows, len(self.numeric)))
        z[:, 0] += self.story.shift(day)
        columns: dict[str, pl.Series] = {}
        for index, name in enumerate(self.numeric):
            values = np.round(np.exp(3 + index % 4 + z[:, index] * 0.6) if index % 3 else 50 + 12 * z[:, index], 2)
            lacks = self.story.missing(day) if name == "income" else 0.004 * (index % 5)
            values[rng.random(rows) < lacks] = np.nan
            columns[name] = pl.Series(values, nan_to_null=True)
        for index, (name, text) in enumerate(self.categorical.items()):
            known = text.split()
            weights = 1.0 / np.arange(1, len(known) + 1)
            drawn = np.array(known, dtype=object)[rng.choice(len(known), rows, p=weights / weights.sum())]
            if index == 0:
                drawn[rng.random(rows) < self.story.unseen(day)] = "crypto"
            columns[name] = pl.Series(drawn.tolist(), dtype=pl.String)
        weights = np.array([0.5, -0.9, 0.8, 0.7, -0.6, 0.5])[: z.shape[1]]
        return columns, z[:, : len(weights)] @ weights

    def answers(self, rng: np.random.Generator, logits: np.ndarray[Any, Any], day: float) -> dict[str, pl.Series]:
        """Return what is predicted, and what turns out to be true."""
        rows = len(logits)
        surprised = rng.random(rows) < self.story.surprising(day)
        if self.regression:
            found = {"prediction": np.round(30 + 6 * logits, 2)}
            truth = found["prediction"] + rng.normal(0, 3, rows) + np.where(surprised, 9.0, 0.0)
            return {name: pl.Series(of) for name, of in {**found, "label": np.round(truth, 2)}.items()}
        score = 1 / (1 + np.exp(1.2 - logits))
        chance = np.where(surprised, 0.35, score)
        truth = np.where(rng.random(rows) < chance, "decline", "approve")
        prediction = np.where(score > 0.5, "decline", "approve")
        return {"prediction": pl.Series(prediction), "score": pl.Series(np.round(score, 6)), "label": pl.Series(truth)}

    def training(self) -> pl.DataFrame:
        """Return the data that the baseline is built from."""
        rng = np.random.default_rng(7)
        columns, logits = replace(self, story=Story()).features(rng, TRAINED, 0.0)
        return pl.DataFrame({**columns, **replace(self, story=Story()).answers(rng, logits, 0.0)})

    def requests(self, rng: np.random.Generator, since: float, until: float, begin: float) -> pl.DataFrame:
        """Draw the requests between two times, with what turns out to be true in ``label``."""
        day = (since - begin) / DAY
        hour, weekday = since % DAY / HOUR, int(since // DAY + 3) % 7
        season = (1 + 0.7 * math.sin((hour - 9) / 24 * 2 * math.pi)) * (0.65 if weekday >= 5 else 1.0)
        rows = rng.poisson(self.rate * season * self.story.traffic(day) * (until - since))
        columns, logits = self.features(rng, rows, day)
        answers = self.answers(rng, logits, day)
        times = np.sort(rng.uniform(since, until, rows))
        failed = rng.random(rows) < self.story.failing(day)
        second = rng.random(rows) < self.story.second(day)
        slow = rng.lognormal(math.log(self.latency * self.story.slower(day)), 0.45, rows)
        number_of = f"{int(since):d}-{rng.integers(1 << 30)}"
        frame = pl.DataFrame(
            {
                "ts": pl.Series((times * 1e6).astype(np.int64)).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
                "request_id": pl.Series([f"{number_of}-{row}" for row in range(rows)], dtype=pl.String),
                "model_version": pl.Series(np.where(second, "2", "1")),
                "latency_ms": np.round(slow, 2),
                "status": np.where(failed, 500, 200),
                **answers,
                "features": pl.DataFrame(columns).to_struct(),
                "at": times,
            }
        ).with_columns(pl.when(pl.col("status") == 200).then(pl.col(name)).alias(name) for name in answers)
        if self.numeric != NUMERIC:
            return frame
        parts = pl.DataFrame(
            {name: np.round(0.1 + rng.exponential(1 / (1 + n), rows), 4) for n, name in enumerate(NUMERIC[:12])}
        )
        return frame.with_columns(shap=parts.to_struct())


def between(first: float, last: float, inside: float, outside: float = 0.0) -> Callable[[float], float]:
    """Return what has one value between two times, in days, and another one else."""
    return lambda day: inside if first <= day < last else outside


FRAUD = Service(
    "card-fraud",
    NUMERIC,
    CATEGORICAL,
    0.2,
    """    areas: {data: data-platform, service: ml-ops, cost: ml-ops}
    slo: {availability: 0.999, latency: {under: 100ms, ratio: 0.99}, freshness: {within: 10m, ratio: 0.99}}
    capacity: {requests_per_second: 1.6, concurrency: 24}
    replicas: {expected: 3}
    references: [version]
    cost: {per_hour: 0.80, per_1000_predictions: 0.05, budget_per_month: 1800}
    info: {framework: "gradient boosting", training_data: "s3://training/card-fraud/2026-10"}
""",
    Story(
        missing=between(1.42, 1.63, 0.8, 0.01),
        unseen=between(2.35, 2.9, 0.09),
        second=lambda day: min(max((day - 3.35) / 0.25, 0.0), 1.0),
        shift=lambda day: 1.1 * max(day - 4.3, 0.0) / 2.7,
        failing=between(5.58, 5.72, 0.03, 0.0003),
        slower=between(5.5, 5.75, 2.6, 1.0),
        surprising=lambda day: 0.8 if day > 5.3 else 0.0,
    ),
)
_FEW = {name: CATEGORICAL[name] for name in ("country", "channel", "segment")}
_SLO = "    slo: {availability: 0.995, latency: {under: 200ms, ratio: 0.95}}\n"
_COST = "    cost: {per_hour: 0.12, per_1000_predictions: 0.02, budget_per_month: %s}\n"
OTHERS = (
    Service("churn", NUMERIC[1:7], _FEW, 0.05, "    segments: [channel]\n" + _SLO + _COST % 200),
    Service("demand-forecast", NUMERIC[5:12], _FEW, 0.06, _SLO + _COST % 70, regression=True),
    Service("eta", NUMERIC[8:14], _FEW, 0.12, _SLO, Story(slower=lambda day: 3.2 if day > 6.6 else 1.0), True, 60.0),
    Service("price-offer", NUMERIC[2:7], _FEW, 0.05, _SLO, Story(traffic=between(0, 4.8, 1.0)), labelled=False),
    Service("ticket-priority", NUMERIC[10:15], _FEW, 0.03, "", Story(shift=between(6.5, 9, 0.7)), labelled=False),
)
STOPPED = Service("credit-limit", NUMERIC[1:9], _FEW, 0.06, _SLO, labelled=False)


class Log:
    """The logs of a model and of its labels, which become known hours later."""

    def __init__(self, folder: Path, service: Service, rng: np.random.Generator, begin: float) -> None:
        self._folder, self._service, self._rng, self._begin = folder, service, rng, begin
        self._waiting: pl.DataFrame | None = None

    def append(self, since: float, until: float) -> None:
        """Append what is logged in a span of time; predictions of each day have a file."""
        name = self._service.name
        frame = self._service.requests(self._rng, since, until, self._begin)
        with (self._folder / f"{name}-{until // DAY:.0f}.jsonl").open("ab") as file:
            file.write(_lines(frame.drop("label", "at")))
        late = self._rng.exponential(self._service.labels_after / 2, len(frame)) + HOUR
        known = frame.with_columns(due=pl.Series(frame["at"].to_numpy() + late)).select("request_id", "label", "due")
        queue = known.drop_nulls("label") if self._waiting is None else pl.concat([self._waiting, known.drop_nulls("label")])
        self._waiting = queue.filter(pl.col("due") > until)
        stamps = (pl.col("due") * 1e6).cast(pl.Int64).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        with (self._folder / f"labels-{name}.jsonl").open("ab") as file:
            file.write(_lines(queue.filter(pl.col("due") <= until).sort("due").select("request_id", "label", ts=stamps)))


def _lines(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ndjson(buffer)
    return buffer.getvalue()
