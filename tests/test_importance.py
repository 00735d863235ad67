"""Importance: as it is given, as it is taught, and what becomes of it: parts of the budget, series and messages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from prediction_exporter import baseline, config
from prediction_exporter.baseline import Baseline
from prediction_exporter.baseline.builder import BuildResult, build
from prediction_exporter.baseline.importance import importance_of, shares_of
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.collectors.evidence import IMPORTANCE
from prediction_exporter.config import Config
from prediction_exporter.errors import BaselineError, ConfigError
from prediction_exporter.evidence.detector import LOOKS_PER_MONTH
from prediction_exporter.kit.figures import FIGURES
from prediction_exporter.monitor.references import (
    HIGHEST_ALPHA,
    MONTH_SECONDS,
    detector_of,
    load_baseline,
    references_of,
    spans_of,
)
from prediction_exporter.statistics import ALERTED
from watched import Watched, config_text, model_text, read

ROWS = 1200
#: Of a sum of independent terms of variance w**2, each carries w**2 of the sum of these.
WEIGHTS = {"first": 3.0, "second": 2.0, "third": 1.0, "none": 0.0}


def frame(**more: Any) -> pl.DataFrame:
    """Return features of unit variance, of which one does not matter, and a text; and further columns."""
    rng = np.random.default_rng(3)
    features = {name: rng.standard_normal(ROWS) for name in WEIGHTS}
    return pl.DataFrame({**features, "note": ["x" * n for n in rng.integers(0, 40, ROWS).tolist()], **more})


def built(folder: Path, table: pl.DataFrame, *, importance: bool = True) -> BuildResult:
    """Return the baseline of a table."""
    table.write_parquet(folder / "train.parquet")
    kinds = {"note": "text"} if "note" in table.columns else {}
    data = read_table(folder / "train.parquet")
    return build(data, config.Fields(), kinds=kinds, task=None, where="models[0]", importance=importance)


def loaded_baseline(folder: Path, result: BuildResult) -> Baseline:
    """Return a baseline as it is read from its file."""
    baseline.save(result.record, folder / "baseline.json")
    return baseline.load(folder / "baseline.json")


def sums(table: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the weighted sum of the features."""
    return sum((weight * table[name].to_numpy() for name, weight in WEIGHTS.items()), np.zeros(len(table)))


def by_name(of: Baseline, given: Mapping[str, float]) -> dict[str, float]:
    """Return the importance of each column that has one."""
    found = importance_of(given, of)
    assert found is not None
    return {name: part for name, part in zip(of.layout.names, found.tolist(), strict=True) if not np.isnan(part)}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    """Return a baseline that taught no importance: five features, what is made of one, and a score."""
    folder = tmp_path_factory.mktemp("plain")
    rng = np.random.default_rng(4)
    return loaded_baseline(folder, built(folder, frame(score=rng.random(ROWS)), importance=False))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"first": 0.4, "second": 0.3}, {"first": 0.4, "second": 0.3, "third": 0.1, "none": 0.1, "note": 0.1}),
        ({"first": 30, "second": 10}, {"first": 0.75, "second": 0.25, "third": 0, "none": 0, "note": 0}),
        ({"first": 0}, {"first": 0, "second": 0.25, "third": 0.25, "none": 0.25, "note": 0.25}),
        (dict.fromkeys((*WEIGHTS, "note"), 0.01), dict.fromkeys((*WEIGHTS, "note"), 0.2)),
    ],
    ids=["others share what is left of 1", "weights above 1 are parts of their sum", "one does not matter", "all, small"],
)
def test_given(plain: Baseline, given: dict[str, float], expected: dict[str, float]) -> None:
    """Features add up to 1; what is made of a text has the text's; a score has none."""
    assert by_name(plain, given) == pytest.approx({**expected, "length(note)": expected["note"]})


def test_of_nothing_nothing_is_known(plain: Baseline) -> None:
    """Neither given nor taught."""
    assert importance_of({}, plain) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{frist: 1}", "the baseline has no feature frist; did you mean first? (it has: first, second, third, none, note)"),
        ("{score: 1}", "the baseline has no feature score (it has: first, second, third, none, note)"),
        ("{length(note): 1}", "length(note) is made of note, whose importance it has a part of: name that"),
        ("{first: 0, second: 0, third: 0, none: 0, note: 0}", "no feature has any; at least one must be above 0"),
    ],
)
def test_weights_that_say_nothing(tmp_path: Path, plain: Baseline, given: str, message: str) -> None:
    """The place is told, and what there is."""
    model = configured(tmp_path, plain, importance=given).models[0]
    with pytest.raises(ConfigError) as error:
        load_baseline(model, "models[0]")
    assert str(error.value) == f"models[0].importance: {message}"


def test_a_part_of_the_budget_is_half_equal_and_half_by_importance() -> None:
    """Parts are multiples of an equal one, 1 on average, also where some are not known; equal importance changes no digit."""
    all_of = np.ones(4, np.bool_)
    assert shares_of(np.array([0.7, 0.3, 0.0, 0.0]), all_of).tolist() == pytest.approx([0.5 + 1.4, 0.5 + 0.6, 0.5, 0.5])
    assert shares_of(np.array([0.75, 0.25, np.nan, np.nan]), all_of).tolist() == [1.25, 0.75, 1, 1]
    assert shares_of(np.array([0.6, 0.2, 0.2, 0.0]), np.array([True, True, False, True])).sum() == pytest.approx(4)
    for count in range(1, 200):
        assert (shares_of(np.full(count, 1 / count), np.ones(count, np.bool_)) == 1).all()
    assert (shares_of(None, all_of) == 1).all()


def configured(folder: Path, of: Baseline, *, importance: str = "{}", budget: float = 1.0) -> Config:
    """Return the configuration of a model with this baseline."""
    source = Path(next(iter(folder.parent.glob("plain*/baseline.json"))))
    (folder / "baseline.json").write_bytes(source.read_bytes())
    assert baseline.load(folder / "baseline.json").hash == of.hash
    watched = Watched(folder)
    more = f"baseline: baseline.json\nimportance: {importance}\nfalse_alarms_per_month: {budget}"
    return watched.configure(config_text(model_text(more=more), more="windows: [1h, 6h, 24h]"))


@pytest.mark.parametrize("importance", ["{}", "{first: 0.9, none: 0}"])
@pytest.mark.parametrize("budget", [0.5, 2.0])
def test_all_figures_of_all_windows_share_one_budget(tmp_path: Path, plain: Baseline, importance: str, budget: float) -> None:
    """Chances times looks of a month add up to it over windows, columns and figures; so do those of the evidence."""
    loaded = configured(tmp_path, plain, importance=importance, budget=budget)
    model = loaded.models[0]
    assert load_baseline(model, "models[0]") is not None
    references = references_of(loaded, model, plain)
    chances = 0.0
    for span in spans_of(loaded):
        alpha = references[span.name].alpha
        assert (alpha < HIGHEST_ALPHA).all()
        for statistic in ALERTED:
            chances += float(alpha[statistic.applies(plain.layout)].sum()) * MONTH_SECONDS / span.seconds
    assert chances == pytest.approx(budget)
    detector = detector_of(model, plain)
    assert detector is not None
    assert float((LOOKS_PER_MONTH / detector.limits[detector.watched]).sum()) == pytest.approx(budget)


def test_what_matters_has_the_lower_limits(tmp_path: Path, plain: Baseline) -> None:
    """Evidence and thresholds of the important column ask for less, and no column's limit is more than twice an equal one's."""
    loaded = configured(tmp_path, plain, importance="{first: 0.9, none: 0}")
    detector = detector_of(loaded.models[0], plain)
    assert detector is not None
    limits = dict(zip(plain.layout.names, detector.limits / detector.limit, strict=True))
    # Six columns of features, of which the parts are 0.9, 0.1 of three and that of the text twice, and a score.
    total = 0.9 + 3 * 0.1 / 3 + 0.1 / 3
    assert limits["first"] == pytest.approx(1 / (0.5 + 0.5 * 6 * 0.9 / total))
    assert limits["none"] == pytest.approx(2)
    assert limits["score"] == 1
    # All numbers have bins of the same degrees of freedom.
    quantile = dict(
        zip(plain.layout.names, references_of(loaded, loaded.models[0], plain)["1h"].chi_square_quantile, strict=True)
    )
    assert quantile["first"] < quantile["third"] < quantile["none"]


def test_the_budget_is_of_the_figures_that_alerts_read() -> None:
    """No more, and no fewer."""
    assert tuple(figure.statistic for figure in FIGURES) == ALERTED


def test_taught(tmp_path: Path) -> None:
    """Of independent terms each carries its part of the variance, in order; what does not matter next to nothing."""
    table = frame()
    table = table.with_columns(score=1 / (1 + np.exp(-sums(table) / 2)))
    result = built(tmp_path, table)
    record = result.record.importance
    assert record is not None
    assert 0.9 < record.explains <= 1
    parts = by_name(loaded_baseline(tmp_path, result), {})
    assert sum(parts.values()) == pytest.approx(1)
    assert parts["none"] < 0.02
    assert "note" not in parts  # its length says nothing, and of the text that says nothing
    assert "length(note)" not in parts
    variance = sum(weight**2 for weight in WEIGHTS.values())
    for name, weight in WEIGHTS.items():
        assert parts[name] == pytest.approx(weight**2 / variance, abs=0.1)
    told = result.taught.splitlines()[-1]
    assert told.startswith("importance: first ")
    assert f"; a surrogate that learnt score from the features explains {record.explains:.0%} of it" in told
    assert built(tmp_path, table).record == result.record  # the same data gives the same file


def test_columns_that_say_the_same_share_what_they_carry(tmp_path: Path) -> None:
    """Of an amount in two currencies neither looks as if it did not matter; of a text its length says that it does."""
    table = frame()
    of_text = table["note"].str.len_chars().cast(pl.Float64)
    score = 2 * table["first"] + table["second"] + 2 * (of_text - of_text.mean()) / of_text.std()
    twin = (-1.1 * table["first"]).set(pl.Series(np.arange(ROWS) % 40 == 0), None)
    result = built(tmp_path, table.with_columns(score=score, twin=twin))
    assert result.taught.endswith("; these say the same and share what they carry: first and twin")
    parts = by_name(loaded_baseline(tmp_path, result), {})
    assert parts["first"] == parts["twin"] == pytest.approx(4 / 9 / 2, abs=0.05)
    assert parts["note"] == parts["length(note)"] == pytest.approx(4 / 9, abs=0.1)
    assert parts["second"] == pytest.approx(1 / 9, abs=0.05)


def test_taught_by_classes_and_of_categories(tmp_path: Path) -> None:
    """A class that a category decides, and a number by little; some of both are missing."""
    rng = np.random.default_rng(5)
    place = rng.choice(["north", "south", "west"], ROWS)
    size = rng.standard_normal(ROWS)
    prediction = np.where((place == "south") | (size > 1.5), "refuse", "accept")
    columns = {
        "place": [None if n % 50 == 0 else text for n, text in enumerate(place.tolist())],
        "size": [None if n % 60 == 0 else number for n, number in enumerate(size.tolist())],
        "prediction": prediction,
    }
    # Of forty categories in 1,200 rows the trees see too few of each to say that they do not matter.
    columns["shop"] = [f"shop {number}" for number in rng.integers(0, 40, ROWS).tolist()]
    record = built(tmp_path, pl.DataFrame(columns)).record.importance
    assert record is not None
    assert record.features["place"] > 0.6 > record.features["size"] > 0.05
    assert set(record.features) == {"place", "size"}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, "the data has neither a score nor a prediction"),
        ({"score": np.full(ROWS, 0.3)}, "score is the same in all rows"),
        ({"score": [0.5 + n / 400 for n in range(100)] + [None] * (ROWS - 100)}, "100 rows with score are too few"),
    ],
    ids=["no output", "constant", "few"],
)
def test_what_cannot_be_taught_is_said(tmp_path: Path, more: dict[str, Any], why: str) -> None:
    """In words, and nothing is kept; the baseline is that without it."""
    result = built(tmp_path, frame(**more))
    assert result.record.importance is None
    assert result.taught.splitlines()[-1].startswith(f"importance is not known: {why}")
    assert result.record.content_hash() == built(tmp_path, frame(**more), importance=False).record.content_hash()


def test_a_score_that_features_do_not_explain_teaches_nothing(tmp_path: Path) -> None:
    """What a surrogate finds in noise is no importance."""
    result = built(tmp_path, frame(score=np.random.default_rng(6).random(ROWS)))
    assert result.record.importance is None
    told = "importance is not known: a surrogate that learnt score from the features explains 0% of it, and 50% are needed"
    assert result.taught.splitlines()[-1] == told


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"first": 1.0, "strange": 0.0}, "importance: there is no feature strange"),
        ({"first": 0.4, "second": 0.4}, "is not parts of 1"),
    ],
)
def test_a_file_that_somebody_wrote(tmp_path: Path, features: dict[str, float], message: str) -> None:
    """What a file says of importance fits its columns, or the file is refused."""
    record = built(tmp_path, frame(), importance=False).record
    content = json.loads(record.readable()) | {"importance": {"explains": 0.9, "features": features}}
    with pytest.raises((BaselineError, ValueError), match=message):
        loaded_baseline(tmp_path, BuildResult(record=type(record).model_validate(content), columns=(), taught=""))


def test_the_series_and_given_before_taught(tmp_path: Path) -> None:
    """What is shown is what is configured, and features alone have it."""
    watched = Watched(tmp_path)
    loaded = watched.configure(config_text(model_text(more="baseline: baseline.json\nimportance: {amount: 3, color: 1}")))
    watched.log(40)
    _, series = read(watched.start(loaded), watched.clock)
    shown = {dict(labels)["column"]: value for (name, labels), value in series.items() if name == str(IMPORTANCE)}
    assert shown == {"amount": 0.75, "color": 0.25}


def command(folder: Path, *more: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command on training data whose score is one feature."""
    watched = Watched(folder)
    watched.configure(config_text(model_text(fields="{score: score}")))
    table = frame()
    table.with_columns(score=table["first"] * 2).write_parquet(folder / "train.parquet")
    arguments = ["--config.file", str(watched.file), "--model", "m", "--data", str(folder / "train.parquet"), *more]
    code = f"import sys; sys.path.insert(0, {path!r}); from prediction_exporter.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, "baseline", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_the_command(tmp_path: Path) -> None:
    """It says what each feature carries, and how much of the score that explains."""
    said = command(tmp_path, "--importance")
    assert said.returncode == 0, said.stderr
    assert "\nimportance: first 100.0%, " in said.stdout
    assert baseline.load(tmp_path / "baseline.json").importance["first"] == 1


def test_the_command_without_scikit_learn(tmp_path: Path) -> None:
    """It says what to install before it reads anything, and leaves the baseline as it was."""
    (tmp_path / "none" / "sklearn").mkdir(parents=True)
    (tmp_path / "none" / "sklearn" / "__init__.py").write_text("raise ImportError('there is none')\n")
    said = command(tmp_path, "--importance", path=str(tmp_path / "none"))
    assert said.returncode == 2
    assert "--importance needs scikit-learn: pip install 'prediction-exporter[importance]'" in said.stderr
    assert not said.stdout
