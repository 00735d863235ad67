"""A small credit-risk model and the applications that it decides on.

A logistic model, its coefficients in the code; applications are drawn from fixed distributions. Nothing here is trained or
downloaded, so the same seed gives the same baseline on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

REGIONS = {"north": 0.3, "south": 0.25, "east": 0.2, "west": 0.25}
CHANNELS = {"web": 0.5, "branch": 0.3, "broker": 0.2}
PURPOSES = {"car": 0.35, "home": 0.25, "education": 0.1, "business": 0.12, "other": 0.18}

INTERCEPT = -2.2
COEFFICIENTS = {
    "income": -0.6,
    "age": -0.25,
    "loan_amount": 0.7,
    "debt_ratio": 0.9,
    "years_employed": -0.35,
    "late_payments": 0.8,
}
CHANNEL_EFFECTS = {"web": 0.0, "branch": -0.2, "broker": 0.35}

#: What a numeric feature is centered on and divided by before its coefficient applies.
SCALING = {
    "income": (52_000.0, 21_000.0),
    "age": (43.0, 12.0),
    "loan_amount": (14_000.0, 9_000.0),
    "debt_ratio": (0.3, 0.15),
    "years_employed": (7.0, 6.0),
    "late_payments": (0.4, 0.8),
}
DECLINE_ABOVE = 0.3

#: Share of the applicants of whom no feature tells that do not repay.
SURPRISING_DEFAULTS = 0.25

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Drift:
    """What differs in the applications from those that the model was trained on."""

    income_missing: float = 0.0  # share of the applications
    loan_factor: float = 1.0
    surprising: float = 0.0  # share of the applicants of whom no feature tells whether they repay


def applications(rng: np.random.Generator, count: int, drift: Drift = Drift()) -> Columns:
    """Draw the features of loan applications, all of them known."""
    return {
        "income": np.round(rng.lognormal(10.78, 0.4, count), -2),
        "age": np.clip(np.round(rng.normal(43, 12, count)), 18, 90),
        "loan_amount": np.round(rng.lognormal(9.4, 0.6, count) * drift.loan_factor, -2),
        "debt_ratio": np.round(rng.beta(2.5, 6, count), 4),
        "years_employed": np.round(rng.exponential(7, count), 1),
        "late_payments": np.minimum(rng.poisson(0.4, count), 6).astype(np.float64),
        "region": rng.choice(list(REGIONS), count, p=list(REGIONS.values())),
        "channel": rng.choice(list(CHANNELS), count, p=list(CHANNELS.values())),
        "purpose": rng.choice(list(PURPOSES), count, p=list(PURPOSES.values())),
    }


def as_sent(rng: np.random.Generator, features: Columns, drift: Drift) -> Columns:
    """Return what the service gets to see of applications: a missing income is NaN."""
    lost = rng.random(len(features["income"])) < drift.income_missing
    return {**features, "income": np.where(lost, np.nan, features["income"])}


def probability_of_default(features: Columns) -> NDArray[np.float64]:
    """Return the model's score; a missing value counts as the average one."""
    logit = np.full(len(features["age"]), INTERCEPT)
    for name, coefficient in COEFFICIENTS.items():
        center, scale = SCALING[name]
        logit += coefficient * np.nan_to_num((features[name] - center) / scale)
    logit += np.array([CHANNEL_EFFECTS[channel] for channel in features["channel"]])
    scores: NDArray[np.float64] = 1 / (1 + np.exp(-logit))
    return scores


def decisions(scores: NDArray[np.float64]) -> NDArray[np.str_]:
    """Return what the service answers."""
    return np.where(scores > DECLINE_ABOVE, "decline", "approve")


def outcomes(rng: np.random.Generator, features: Columns, drift: Drift = Drift()) -> NDArray[np.str_]:
    """Draw what becomes of applicants: the model is right about them, but for those of whom no feature tells."""
    chances = probability_of_default(features)
    surprising = rng.random(len(chances)) < drift.surprising
    defaults = rng.random(len(chances)) < np.where(surprising, SURPRISING_DEFAULTS, chances)
    return np.where(defaults, "defaulted", "repaid")


def training_data(rows: int = 20_000, seed: int = 7) -> pl.DataFrame:
    """Return what the model's baseline is built from: features, decision, probability, and what became of the applicants."""
    rng = np.random.default_rng(seed)
    features = applications(rng, rows)
    scores = probability_of_default(features)
    outputs = {"decision": decisions(scores), "probability": np.round(scores, 6)}
    return pl.DataFrame({**features, **outputs, "outcome": outcomes(rng, features)})
