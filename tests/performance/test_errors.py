"""Standard errors are what values of samples really spread, and thresholds are about the model and not about few labels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from scipy import special, stats

from labelled import Floats, Pairs, binary, multiclass, ranking, regression
from prediction_exporter.performance import MEASURES, Measured, Performance, measure

ROWS, SAMPLES = 400, 200
POPULATION = ROWS * SAMPLES

STREAMS: dict[str, Callable[[], Pairs]] = {
    "binary": lambda: binary(POPULATION, 11),
    "rare": lambda: binary(POPULATION, 12, rate=0.08, skill=1.0),
    "multiclass": lambda: multiclass(POPULATION, 13),
    "regression": lambda: regression(POPULATION, 14),
    "ranking": lambda: ranking(POPULATION, 16),
    "weighted": lambda: binary(POPULATION, 15, weighted=True),
}

#: Errors that are upper bounds, and how many times the truth they may be: of calibration they are; averages over scores too.
UPPER = {"calibration_error": 2.0}
AVERAGES_UPPER = {"calibration_error": 3.0, "roc_auc": 2.2, "average_precision": 2.2, "top_decile_lift": 2.2}

#: What the simulation itself and the delta method may differ by.
LEAST, MOST = 0.83, 1.2


@cache
def samples(name: str) -> list[dict[str, Measured]]:
    """Return what is read of many samples of the same size."""
    pairs = STREAMS[name]()
    parts = (pairs.rows(slice(first, first + ROWS)) for first in range(0, POPULATION, ROWS))
    return [measure(MEASURES, part.counted(), None, alpha=0.001, min_labels=1) for part in parts]


@pytest.mark.parametrize("name", STREAMS)
def test_errors_are_what_samples_spread(name: str) -> None:
    """The mean of the errors by the standard deviation of the values, for every measure and entry."""
    found = samples(name)
    wrong = []
    for one in MEASURES:
        if one.key not in found[0] or one.error is None:
            continue
        values = np.array([sample[one.key].values for sample in found])
        errors = np.array([sample[one.key].errors for sample in found])
        for i, entry in enumerate(found[0][one.key].entries):
            bounds = UPPER if entry[-1:] in ((), ("",)) else AVERAGES_UPPER
            most = bounds.get(one.key, MOST)
            ratio = np.sqrt(np.nanmean(errors[:, i] ** 2)) / np.nanstd(values[:, i])
            if not LEAST <= ratio <= most:
                wrong.append((one.key, entry, round(ratio, 3)))
    assert not wrong


def test_errors_of_means_and_shares_are_those_of_the_textbook() -> None:
    """Of a mean SciPy's standard error; of a share the binomial one, but for the pair that was added; of an area DeLong's."""
    numbers = regression(300, 3)
    found = measure(MEASURES, numbers.counted(), None, alpha=0.001, min_labels=1)
    e = numbers.predicted - numbers.actual
    np.testing.assert_allclose(found["mae"].errors, stats.sem(np.abs(e)), rtol=1e-9)
    np.testing.assert_allclose(found["mean_error"].errors, stats.sem(e), rtol=1e-9)
    np.testing.assert_allclose(found["mape_ratio"].errors, stats.sem(np.abs(e / numbers.actual)), rtol=1e-9)
    np.testing.assert_allclose(found["quantile_loss"].errors, stats.sem(np.maximum(-0.8 * e, 0.2 * e)), rtol=1e-9)
    np.testing.assert_allclose(found["rmse"].errors, stats.sem(e**2) / (2 * np.sqrt(np.mean(e**2))), rtol=1e-9)
    classes = binary(2000, 3)
    found = measure(MEASURES, classes.counted(), None, alpha=0.001, min_labels=1)
    share = (classes.predicted == classes.actual).mean()
    np.testing.assert_allclose(found["accuracy_ratio"].errors, np.sqrt(share * (1 - share) / 2000), rtol=2e-3)
    assert classes.scores is not None
    np.testing.assert_allclose(found["roc_auc"].errors, delong(classes.scores[:, 0], classes.actual == 1), rtol=1e-2)
    np.testing.assert_allclose(found["brier_score"].errors, stats.sem((classes.scores[:, 0] - classes.actual) ** 2), rtol=1e-9)


def delong(scores: Floats, positive: np.ndarray) -> float:
    """Return DeLong's standard error from all pairs of a positive and a negative."""
    order = np.sign(scores[positive][:, None] - scores[~positive][None, :]) / 2 + 0.5
    of_positives, of_negatives = order.mean(axis=1), order.mean(axis=0)
    return float(np.sqrt(of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives)))


def test_errors_are_never_nothing_where_all_went_well() -> None:
    """Thirty right predictions do not prove that there will be no wrong one, and the order of thirty scores no perfect one."""
    layout = binary(1, 1).layout
    scores = np.where(np.arange(30) < 15, 0.05, 0.9)
    counted = Performance.of(layout, None, (np.arange(30) >= 15).astype(np.intp), scores[:, None])
    found = measure(MEASURES, counted, None, alpha=0.001, min_labels=1)
    for key in ("accuracy_ratio", "balanced_accuracy_ratio", "precision_ratio", "recall_ratio", "f1_score", "roc_auc"):
        assert (found[key].values == 1.0).all()
        assert (found[key].errors > 0.5 / 30).all()
        assert (found[key].errors < 0.2).all()


def test_a_model_that_stays_as_it_is_raises_no_alarm() -> None:
    """Values of small windows are beyond the margin about as seldom as alpha says, and never where the effect is larger."""
    alpha = 0.01
    for name, whole in (("binary", binary(60_000, 21)), ("regression", regression(60_000, 22))):
        baseline = whole.counted()
        tried, beyond = 0, dict.fromkeys([one.key for one in MEASURES], 0)
        pairs = STREAMS[name]()
        for first in range(0, POPULATION, 2 * ROWS):
            window = pairs.rows(slice(first, first + ROWS)).counted()
            tried += 1
            effects = dict.fromkeys(beyond, 0.0)  # so that the margin alone decides
            for key, one in measure(MEASURES, window, baseline, alpha=alpha, min_labels=30, effects=effects).items():
                beyond[key] += bool(_alarms(key, one).any())
        # A count of a binomial share of three alphas is above this once in a thousand times; entries of a measure share it.
        most = special.bdtrik(0.999, tried, 3 * alpha)
        assert {key: count for key, count in beyond.items() if count > most} == {}


def _alarms(key: str, one: Measured) -> np.ndarray:
    better = next(each.better for each in MEASURES if each.key == key)
    values = np.abs(one.values) if better == "zero" else one.values
    return values < one.thresholds if better == "higher" else values > one.thresholds


def test_a_model_that_became_worse_raises_one() -> None:
    """Scores that know less, and errors that are twice as large, are beyond the thresholds, good ones are not."""
    good, bad = binary(20_000, 31, skill=2.0), binary(5000, 32, skill=2.0)
    shuffled = Pairs(bad.layout, bad.predicted, bad.actual[::-1], bad.scores)
    baseline = good.counted()
    for window, expected in ((bad, False), (shuffled, True)):
        found = measure(MEASURES, window.counted(), baseline, alpha=0.001, min_labels=30)
        for key in ("accuracy_ratio", "roc_auc", "average_precision", "log_loss", "brier_score", "top_decile_lift", "f1_score"):
            assert _alarms(key, found[key]).all() == expected
            assert _alarms(key, found[key]).any() == expected
    baseline = regression(20_000, 33).counted()
    for window, expected in ((regression(2000, 34), False), (regression(2000, 35, noise=10.0), True)):
        found = measure(MEASURES, window.counted(), baseline, alpha=0.001, min_labels=30)
        for key in ("rmse", "mae", "median_absolute_error", "mape_ratio", "r2_score", "quantile_loss"):
            assert _alarms(key, found[key]).all() == expected


def test_a_threshold_is_the_larger_of_effect_and_margin() -> None:
    """By hand: accuracy from the baseline's, less the effect where there are many labels, and less the margin where few."""
    baseline = binary(20_000, 41).counted()
    many, few = binary(20_000, 42).counted(), binary(60, 43).counted()
    of_many = measure(MEASURES, many, baseline, alpha=0.001, min_labels=30)["accuracy_ratio"]
    np.testing.assert_allclose(of_many.thresholds, of_many.baseline - 0.05)
    configured = measure(MEASURES, many, baseline, alpha=0.001, min_labels=30, effects={"accuracy_ratio": 0.2})
    np.testing.assert_allclose(configured["accuracy_ratio"].thresholds, of_many.baseline - 0.2)
    of_few = measure(MEASURES, few, baseline, alpha=0.001, min_labels=30)["accuracy_ratio"]
    of_baseline = measure(MEASURES, baseline, None, alpha=0.001, min_labels=30)["accuracy_ratio"].errors
    margin = 3.0902323061678132 * np.hypot(of_few.errors, of_baseline)
    np.testing.assert_allclose(of_few.thresholds, of_few.baseline - margin, rtol=1e-12)
    assert margin > 0.05
    too_few = measure(MEASURES, few, baseline, alpha=0.001, min_labels=61)["accuracy_ratio"]
    assert np.isnan(too_few.thresholds).all()
    assert not np.isnan(too_few.values).any()
    without = measure(MEASURES, few, None, alpha=0.001, min_labels=30)["accuracy_ratio"]
    assert np.isnan(without.thresholds).all()
    assert np.isnan(without.baseline).all()
    assert (of_many.compared, too_few.compared, without.compared) == (("ok",), ("too_few_labels",), ("no_baseline_labels",))


def test_why_there_is_no_threshold() -> None:
    """The value's reason comes first, then the baseline's; counts are not compared."""
    baseline, layout = binary(500, 1).counted(), binary(1, 1).layout
    only_no = Performance.of(layout, np.zeros(40, np.intp), np.zeros(40, np.intp))
    found = measure(MEASURES, only_no, baseline, alpha=0.001, min_labels=30)
    assert found["recall_ratio"].compared == ("ok", "class_without_labels", "ok", "ok")
    assert set(found["confusion_predictions"].compared) == {"not_compared"}
    turned = measure(MEASURES, baseline, only_no, alpha=0.001, min_labels=30)
    assert turned["recall_ratio"].compared == ("ok", "undefined_in_baseline", "ok", "ok")
    assert turned["roc_auc"].compared == ("undefined_in_baseline",)


def test_a_model_that_is_little_better_than_chance_is_seen_to_be_no_better() -> None:
    """A default effect leaves half of the distance from chance; what is configured stays as it is."""
    baseline = binary(40_000, 61, skill=0.1).counted()
    window = binary(40_000, 62, skill=0.1)
    found = measure(MEASURES, window.counted(), baseline, alpha=0.01, min_labels=30)["roc_auc"]
    assert 0.5 < found.baseline[0] < 0.55
    assert found.thresholds[0] > 0.5
    configured = measure(MEASURES, window.counted(), baseline, alpha=0.01, min_labels=30, effects={"roc_auc": 0.2})["roc_auc"]
    np.testing.assert_allclose(configured.thresholds, found.baseline - 0.2)
