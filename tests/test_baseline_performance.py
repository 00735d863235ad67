"""How good a model was on its baseline's data: what is stored of it, and what production is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import metrics

from prediction_exporter import baseline, config
from prediction_exporter.baseline import Baseline
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.labelled import truth_of
from prediction_exporter.baseline.performance import not_compared, performance_of
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.cli import main
from prediction_exporter.config import Model
from prediction_exporter.errors import BaselineError, ConfigError
from prediction_exporter.performance import MEASURES, Performance, measure

LABELS = {"log": {"path": "labels.jsonl"}, "fields": {"id": "id", "label": "outcome"}, "matures_after": "1d"}


def model_of(folder: Path, *, labels: Mapping[str, Any] | None = LABELS, **more: Any) -> Model:
    """Return the configuration of a model."""
    predictions = {"log": {"path": "app.jsonl"}, "fields": more.pop("fields", {})}
    model = {"name": "m", "owner": "me", "baseline": "b.json", "predictions": predictions, **more}
    if labels is not None:
        model["labels"] = labels
    text = json.dumps({"owners": {"me": {"slack": "#me"}}, "models": [model]})
    return config.parse(text, name="exporter.yml", base=folder, environ={}).models[0]


def with_labels(*, section: Mapping[str, Any] | None = None, **fields: str) -> dict[str, Any]:
    """Return the section of labels with other keys and fields."""
    return {**LABELS, **(section or {}), "fields": {"id": "id", "label": "outcome", **fields}}


def built(folder: Path, model: Model, data: pl.DataFrame, *, named: tuple[str, ...] = ()) -> tuple[Baseline, str]:
    """Build a model's baseline, write and read it; return it with the last line of what is said."""
    path = folder / "data.parquet"
    data.write_parquet(path)
    table = read_table(path)
    result = build(
        table,
        model.predictions.fields,
        kinds={},
        task=model.task,
        where="models[0].predictions.fields",
        labels=named,
        truth=truth_of(model, "models[0]", table.columns, named),
    )
    file = folder / "b.json"
    baseline.save(result.record, file)
    return baseline.load(file), result.taught.splitlines()[-1]


def two_classes(rows: int = 400, seed: int = 1) -> pl.DataFrame:
    """Return data of a model of two classes."""
    random = np.random.default_rng(seed)
    truth = random.random(rows) < 0.4
    score = (1 / (1 + np.exp(-np.where(truth, 1.0, -1.0) - random.normal(size=rows)))).round(2)
    return pl.DataFrame(
        {
            "amount": random.normal(100, 20, rows),
            "prediction": np.where(score >= 0.5, "yes", "no"),
            "score": score,
            "outcome": np.where(truth, "yes", "no"),
        }
    )


YES = {"positive": "yes"}


def values(performance: Performance | None, *keys: str) -> list[float]:
    """Return measures that have one value."""
    assert performance is not None
    found = measure(MEASURES, performance, None, alpha=0.01, min_labels=1)
    return [float(found[key].values[0]) for key in keys]


def test_what_is_stored_is_what_scikit_learn_says(tmp_path: Path) -> None:
    """The label is the column that is called as the labels' field; it is no feature."""
    data = two_classes()
    model = model_of(tmp_path, performance=YES | {"threshold": 0.3})
    found, words = built(tmp_path, model, data)
    truth = data["outcome"].to_numpy() == "yes"
    score = data["score"].to_numpy()
    expected = [
        metrics.accuracy_score(data["outcome"], data["prediction"]),
        metrics.roc_auc_score(truth, score),  # scores of two decimals lie on edges
        metrics.log_loss(truth, score),
        metrics.recall_score(truth, score >= 0.3),
    ]
    keys = ("accuracy_ratio", "roc_auc", "log_loss", "recall_at_threshold_ratio")
    assert values(found.performance, *keys) == pytest.approx(expected, abs=1e-9)
    assert words.startswith(f"by 400 labels in outcome: accuracy_ratio {expected[0]:.4g} ± ")
    assert f"recall_ratio of yes {metrics.recall_score(truth, data['prediction'] == 'yes'):.4g} ± " in words
    assert "outcome" not in found.layout.names
    assert found.left_out["outcome"] == "label: the truth, which production does not know yet"
    layout, of_baseline = performance_of(model, found, "models[0]")
    assert of_baseline is not None
    assert of_baseline is found.performance
    assert of_baseline.layout is layout
    assert not_compared(model, found, "models[0]") == []


def test_without_labels_the_column_is_left_in(tmp_path: Path) -> None:
    """Nobody said that it is the truth; and the file has no word of performance."""
    found, words = built(tmp_path, model_of(tmp_path, labels=None), two_classes().rename({"outcome": "paid"}))
    assert found.performance is None
    assert "paid" in found.layout.names
    assert "labels" not in words
    assert "performance" not in (tmp_path / "b.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("section", [{"sample": 0.1}, {}])
def test_an_unweighted_baseline_is_compared_with_weighted_pairs(tmp_path: Path, section: dict[str, Any]) -> None:
    """Its pairs weigh 1 each, to the last bit as if they had been counted so."""
    fields = {} if section else {"weight": "w"}
    model = model_of(tmp_path, labels=with_labels(section=section, **fields), performance=YES)
    data = two_classes()
    found, _ = built(tmp_path, model, data)
    assert found.performance is not None
    assert not found.performance.layout.weighted
    layout, of_baseline = performance_of(model, found, "models[0]")
    assert layout.weighted
    assert of_baseline is not None
    predicted, actual = (layout.encoder().encode(data[name]) for name in ("prediction", "outcome"))
    expected = Performance.of(layout, predicted, actual, data["score"].to_numpy()[:, None], np.ones(len(data)))
    assert of_baseline.counts.tolist() == expected.counts.tolist()


def test_numbers_may_be_weighted_afterwards_too(tmp_path: Path) -> None:
    """Of a regression."""
    random = np.random.default_rng(2)
    price = random.normal(100, 20, 300)
    data = pl.DataFrame({"x": random.normal(size=300), "prediction": price + random.normal(0, 5, 300), "outcome": price})
    model = model_of(tmp_path, task="regression")
    found, words = built(tmp_path, model, data)
    error = (data["prediction"] - data["outcome"]).to_numpy()
    rmse = float(np.sqrt(np.mean(error**2)))
    assert values(found.performance, "rmse", "mae") == pytest.approx([rmse, np.abs(error).mean()], rel=1e-9)
    assert words.startswith(f"by 300 labels in outcome: rmse {rmse:.4g} ± ")
    sampled = model_of(tmp_path, task="regression", labels=with_labels(section={"sample": 0.5}))
    layout, of_baseline = performance_of(sampled, found, "models[0]")
    assert of_baseline is not None
    expected = Performance.of(layout, data["prediction"].to_numpy(), price, None, np.ones(300))
    assert of_baseline.counts.tolist() == expected.counts.tolist()


def test_weights_of_the_data_count(tmp_path: Path) -> None:
    """They are no feature, and a baseline with them is not compared without."""
    data = two_classes().with_columns(w=pl.Series([0.5, 2.0] * 200))
    model = model_of(tmp_path, labels=with_labels(weight="w"), performance=YES)
    found, _ = built(tmp_path, model, data)
    expected = metrics.accuracy_score(data["outcome"], data["prediction"], sample_weight=data["w"])
    assert values(found.performance, "accuracy_ratio") == pytest.approx([expected], rel=1e-12)
    assert "w" not in found.layout.names
    assert found.left_out["w"] == "the weight of a label"
    unweighted = model_of(tmp_path, performance=YES)
    assert performance_of(unweighted, found, "models[0]")[1] is None
    assert "labels.fields.weight was one of the data, and is not set" in not_compared(unweighted, found, "models[0]")[0]


def test_classes_are_those_of_predictions_labels_and_configuration(tmp_path: Path) -> None:
    """In this order; a missing label makes no pair, and neither does a missing prediction."""
    data = pl.DataFrame(
        {
            "x": np.arange(90.0),
            "prediction": ["red", "green", None] * 30,
            "outcome": ["red", "blue", "green", "red", None, "red"] * 15,
        }
    )
    model = model_of(tmp_path, task="multiclass", performance={"classes": ["white"]})
    found, words = built(tmp_path, model, data)
    assert found.performance is not None
    assert found.performance.layout.classes == ("green", "red", "white", "blue")
    assert (found.performance.rows, found.performance.unusable) == (45, 45)
    assert words.startswith("by 45 labels in outcome, 45 rows without one or without a prediction: accuracy_ratio 0.6667 ±")
    told = model_of(tmp_path, task="multiclass", performance={"classes": ["blue"]})
    assert performance_of(told, found, "models[0]")[1] is found.performance
    more = model_of(tmp_path, task="multiclass", performance={"classes": ["black"]})
    layout, of_baseline = performance_of(more, found, "models[0]")
    assert (layout.classes[-1], of_baseline) == ("black", None)


def test_only_predictions_that_can_have_a_label_count(tmp_path: Path) -> None:
    """Performance of the others cannot be known in production."""
    data = two_classes()
    model = model_of(tmp_path, labels=with_labels(section={"only_for": ["no"]}), performance=YES)
    found, _ = built(tmp_path, model, data)
    approved = data.filter(pl.col("prediction") == "no")
    assert found.performance is not None
    assert found.performance.rows == len(approved)
    expected = metrics.accuracy_score(approved["outcome"], approved["prediction"])
    assert values(found.performance, "accuracy_ratio") == pytest.approx([expected], rel=1e-12)
    assert performance_of(model, found, "models[0]")[1] is found.performance
    [said] = not_compared(model_of(tmp_path, performance=YES), found, "models[0]")
    assert "labels.only_for was no, and is none;" in said


def test_only_predictions_whose_record_can_have_a_label_count(tmp_path: Path) -> None:
    """By the columns of the data, where they are called as in the log or stand alone; of classes and of numbers."""
    data = two_classes()
    where = "prediction = 'no' AND features.amount > 100"
    model = model_of(
        tmp_path, labels=with_labels(section={"only_for": where}), performance=YES, fields={"features": "features"}
    )
    found, _ = built(tmp_path, model, data)
    wanted = data.filter((pl.col("prediction") == "no") & (pl.col("amount") > 100))
    assert found.performance is not None
    assert 0 < found.performance.rows == len(wanted) < len(data)
    expected = metrics.accuracy_score(wanted["outcome"], wanted["prediction"])
    assert values(found.performance, "accuracy_ratio") == pytest.approx([expected], rel=1e-12)
    same = with_labels(section={"only_for": "prediction='no'  and features.amount>100"})
    assert not_compared(model_of(tmp_path, labels=same, performance=YES), found, "models[0]") == []
    other = with_labels(section={"only_for": "prediction = 'no'"})
    [said] = not_compared(model_of(tmp_path, labels=other, performance=YES), found, "models[0]")
    assert f"labels.only_for was {where}, and is prediction = 'no';" in said
    numbers = data.with_columns(prediction=pl.col("amount"), outcome=pl.col("amount") + (pl.col("amount") > 100)).drop("score")
    model = model_of(tmp_path, labels=with_labels(section={"only_for": "amount <= 100"}), task="regression")
    found, _ = built(tmp_path, model, numbers)
    assert values(found.performance, "mae") == [0.0]
    lacking = model_of(tmp_path, labels=with_labels(section={"only_for": "channel = 'web' AND y = 1"}), performance=YES)
    found, said = built(tmp_path, lacking, data)
    assert found.performance is None
    assert said.startswith("how good the model was is not told: labels.only_for names channel, y, and ")
    assert said.endswith("has no such column")


def test_a_score_alone_predicts(tmp_path: Path) -> None:
    """From the threshold on the positive class, of the classes that labels have."""
    data = two_classes().drop("prediction").with_columns(outcome=(pl.col("outcome") == "yes").cast(pl.Int64))
    found, _ = built(tmp_path, model_of(tmp_path, performance={"threshold": 0.7}), data)
    expected = metrics.accuracy_score(data["outcome"], data["score"] >= 0.7)
    assert values(found.performance, "accuracy_ratio") == pytest.approx([expected], rel=1e-12)


def test_the_only_score_of_several_classes_is_how_sure_the_model_was(tmp_path: Path) -> None:
    """It tells nothing of each class; what needs no score is measured."""
    data = two_classes().with_columns(prediction=pl.Series(["a", "b", "c", "a"] * 100), outcome=pl.Series(["a", "b"] * 200))
    found, _ = built(tmp_path, model_of(tmp_path, task="multiclass"), data)
    assert found.performance is not None
    assert found.performance.layout.scores == ()
    assert values(found.performance, "accuracy_ratio") == [0.5]


LISTS = pl.DataFrame(
    {
        "x": np.arange(120.0),
        "prediction": ["no", "yes", "no", "no"] * 30,
        "scores": [[0.75, 0.25], [0.5, 0.5], [0.875, 0.125], [0.625, 0.375]] * 30,
        "outcome": ["no", "yes"] * 60,
    }
)


def test_scores_in_a_list_are_of_the_classes_in_their_order(tmp_path: Path) -> None:
    """Which is asked for, unless the classes are the numbers of the places."""
    fields = {"score": "scores", "prediction": "prediction", "features": ["x"]}
    with pytest.raises(ConfigError, match=r"^models\[0\]\.performance\.classes: must name the classes of scores\[0\], scores"):
        built(tmp_path, model_of(tmp_path, fields=fields, performance=YES), LISTS)
    ordered = YES | {"classes": ["no", "yes"]}
    found, _ = built(tmp_path, model_of(tmp_path, fields=fields, performance=ordered), LISTS)
    assert found.performance is not None
    assert [(one.column, one.of_class) for one in found.performance.layout.scores] == [("scores[1]", 1)]
    score = [of[1] for of in LISTS["scores"]]
    assert values(found.performance, "brier_score") == [metrics.brier_score_loss(LISTS["outcome"] == "yes", score)]
    bits = LISTS.with_columns(pl.col("prediction", "outcome").replace_strict({"no": 0, "yes": 1}))
    numbered, _ = built(tmp_path, model_of(tmp_path, fields=fields), bits)
    assert values(numbered.performance, "brier_score") == values(found.performance, "brier_score")


def test_the_name_of_a_score_tells_the_positive_class(tmp_path: Path) -> None:
    """As fields.score: {yes: p} has it; a configured one comes first."""
    data = two_classes().rename({"score": "p"})
    fields = {"score": {"yes": "p"}, "prediction": "prediction"}
    found, _ = built(tmp_path, model_of(tmp_path, fields=fields), data)
    assert found.performance is not None
    assert found.performance.layout.classes[found.performance.layout.positive or 0] == "yes"


@pytest.mark.parametrize(
    ("change", "named", "why"),
    [
        (
            lambda data: data.drop("outcome"),
            (),
            "has no column outcome; where the label is called otherwise, name it by --label",
        ),
        (lambda data: data.drop("prediction", "score"), (), "has no prediction and no score"),
        (lambda data: data.with_columns(outcome=None), (), "the label outcome is empty: every value is missing"),
        (
            lambda data: data.with_columns(
                outcome=pl.when(pl.int_range(pl.len()) == 0).then(pl.col("outcome")),
                prediction=pl.when(pl.int_range(pl.len()) > 0).then(pl.col("prediction")),
            ),
            (),
            "no row has both a prediction and a label outcome",
        ),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, change: Any, named: tuple[str, ...], why: str) -> None:
    """The baseline is built without, and warns of it where it is used."""
    model = model_of(tmp_path, performance=YES, task="binary")
    found, words = built(tmp_path, model, change(two_classes()), named=named)
    assert words.startswith("how good the model was is not told: ")
    assert words.endswith(why)
    assert found.performance is None


def test_one_class_of_labels_leaves_what_needs_two_undefined(tmp_path: Path) -> None:
    """And says so."""
    found, words = built(tmp_path, model_of(tmp_path, performance=YES), two_classes().with_columns(outcome=pl.lit("no")))
    assert values(found.performance, "roc_auc") == [pytest.approx(np.nan, nan_ok=True)]
    assert "; undefined: " in words
    assert "roc_auc of yes (one_class), average_precision of yes (no_positives)" in words


def test_a_label_of_another_name_is_found(tmp_path: Path) -> None:
    """By --label, or where it is the only column that is called like one; what is the prediction's is none."""
    model = model_of(tmp_path, performance=YES)
    columns = ["x", "prediction", "score", "target", "defaulted"]
    found = truth_of(model, "models[0]", columns, ())
    assert found is not None
    assert found.label == "target"
    for named, label in ((("defaulted",), "defaulted"), (("target", "defaulted"), "target"), (("x", "outcome"), "outcome")):
        found = truth_of(model, "models[0]", columns, named)
        assert found is not None
        assert found.label == label
    same = model_of(tmp_path, labels=with_labels(label="decision"), fields={"prediction": "decision"})
    found = truth_of(same, "models[0]", ["x", "decision"], ())
    assert found is not None
    assert found.label is None
    assert truth_of(model_of(tmp_path, labels=None), "models[0]", columns, ("target",)) is None


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, r"models[0].performance.positive: is not told; write which of the classes no, yes the score speaks of"),
        ({"performance": {"positive": "maybe"}}, r"models[0].performance.positive: maybe is no class; they are no, yes"),
        ({"performance": YES | {"quantile": 0.9}}, r"models[0].performance.quantile: means nothing for task binary"),
        (
            {"performance": YES | {"effects": {"roc_acu": 0.1}}},
            "models[0].performance.effects.roc_acu: must be one of accuracy_ratio, ",
        ),
        ({"task": "multiclass", "performance": YES}, "models[0].performance.positive: means nothing for task multiclass"),
        (
            {"performance": YES, "labels": with_labels(section={"only_for": ["maybe"]})},
            "models[0].labels.only_for: maybe is no class; they are no, yes",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_with_its_place(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    """When the baseline is built, and when it is used."""
    found, _ = built(tmp_path, model_of(tmp_path, labels=None), two_classes().drop("outcome"))
    model = model_of(tmp_path, **more)
    for fails in (lambda: performance_of(model, found, "models[0]"), lambda: built(tmp_path, model, two_classes())):
        with pytest.raises(ConfigError) as told:
            fails()
        assert str(told.value).startswith(message)


def test_of_numbers_what_is_said_of_classes_is_refused(tmp_path: Path) -> None:
    """So is a model of which nobody knows what it does."""
    random = np.random.default_rng(3)
    data = pl.DataFrame({"x": random.normal(size=90), "prediction": random.normal(size=90)})
    found, _ = built(tmp_path, model_of(tmp_path, labels=None), data)
    for more, message in (
        ({"labels": with_labels(section={"only_for": ["a"]})}, "models[0].labels.only_for: names predicted classes, and"),
        ({"performance": {"classes": ["a"]}}, "models[0].performance.classes: means nothing for task regression"),
        ({"task": "binary"}, "models[0].performance.classes: must be given, as the baseline has no categorical prediction"),
    ):
        with pytest.raises(ConfigError) as told:
            performance_of(model_of(tmp_path, **more), found, "models[0]")
        assert str(told.value).startswith(message)
    nothing, _ = built(tmp_path, model_of(tmp_path, labels=None), data.drop("prediction"))
    with pytest.raises(ConfigError, match=r"^models\[0\]\.task: is not told by the baseline"):
        performance_of(model_of(tmp_path), nothing, "models[0]")


def test_a_baseline_of_other_settings_is_not_compared(tmp_path: Path) -> None:
    """What differs is said, and what to do; so is a baseline without labels."""
    found, _ = built(tmp_path, model_of(tmp_path, performance=YES | {"threshold": 0.3}), two_classes())
    model = model_of(tmp_path, performance={"positive": "no", "threshold": 0.4321})
    layout, of_baseline = performance_of(model, found, "models[0]")
    assert of_baseline is None
    assert (layout.threshold, layout.classes[layout.positive or 0]) == (0.4321, "no")
    [said] = not_compared(model, found, "models[0]", "make baseline")
    assert said == (
        "models[0].baseline: was built with other settings: performance.threshold was 0.3, and is 0.4321; performance.positive "
        "was yes, and is no; predictions.fields.score was score of yes, and is score of no; performance is measured, and "
        "compared with nothing, until it is built anew from data with predictions and labels: make baseline"
    )
    [said] = not_compared(model, replace(found, performance=None), "models[0]")
    assert said.startswith("models[0].baseline: has no labels; performance is measured, and compared with nothing, until")


def test_another_threshold_needs_no_other_baseline_where_it_is_an_edge(tmp_path: Path) -> None:
    """Hundredths are; but where the threshold decided what was predicted, other pairs would be right."""
    data = two_classes()
    found, _ = built(tmp_path, model_of(tmp_path, performance=YES), data)
    model = model_of(tmp_path, performance=YES | {"threshold": 0.42})
    layout, of_baseline = performance_of(model, found, "models[0]")
    assert layout.threshold == 0.42
    expected = metrics.precision_score(data["outcome"] == "yes", data["score"] >= 0.42)
    assert values(of_baseline, "precision_at_threshold_ratio") == pytest.approx([expected], rel=1e-12)
    decided, _ = built(tmp_path, model_of(tmp_path, performance=YES), data.drop("prediction"))
    assert performance_of(model, decided, "models[0]")[1] is None
    assert "performance.threshold was not set, and is 0.42;" in not_compared(model, decided, "models[0]")[0]


@pytest.mark.parametrize(
    ("block", "cells"),
    [
        ("confusion", [[0, 1]]),
        ("confusion", [[1, 200], [0, 200]]),
        ("confusion", [[99, 400]]),
        ("confusion", [[0, 401], [1, -1]]),
        ("counters", [[0, 1 << 70]]),
        ("other", [[0, 1]]),
    ],
)
def test_counts_that_do_not_add_up_are_no_baseline(tmp_path: Path, block: str, cells: list[list[int]]) -> None:
    """Whoever wrote them, the exporter did not."""
    data = two_classes()
    built(tmp_path, model_of(tmp_path, performance=YES), data)
    record = baseline.BaselineRecord.model_validate_json((tmp_path / "b.json").read_text(encoding="utf-8"))
    content = record.model_dump(mode="json")
    content["performance"]["counts"][block] = cells
    changed = baseline.BaselineRecord.model_validate(content)
    (tmp_path / "b.json").write_text(changed.model_copy(update={"hash": changed.content_hash()}).readable(), encoding="utf-8")
    with pytest.raises(BaselineError, match="build it anew"):
        baseline.load(tmp_path / "b.json")


def test_the_command_and_the_check_say_how_good_the_model_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same words."""
    two_classes().rename({"outcome": "paid"}).write_parquet(tmp_path / "data.parquet")
    text = json.dumps(
        {
            "owners": {"me": {"slack": "#me"}},
            "models": [
                {
                    "name": "m",
                    "owner": "me",
                    "baseline": "b.json",
                    "predictions": {"log": {"path": "app.jsonl"}, "fields": {"id": "id"}},
                    "labels": LABELS,
                    "performance": YES,
                }
            ],
        }
    )
    file = tmp_path / "exporter.yml"
    file.write_text(text, encoding="utf-8")

    data = tmp_path / "data.parquet"
    assert main(["baseline", "--config.file", str(file), "--model", "m", "--data", str(data), "--label", "paid"]) == 0
    said = capsys.readouterr().out.splitlines()[-2]
    figures = said.removeprefix("by 400 labels in paid: ")
    assert figures.startswith("accuracy_ratio 0.")
    assert main(["check", "config", str(file)]) == 0
    checked = capsys.readouterr().out.splitlines()
    assert f"  performance measured, and by 400 labels of the baseline: {figures}" in checked
    file.write_text(text.replace('"positive": "yes"', '"positive": "no"'), encoding="utf-8")
    assert main(["check", "config", str(file)]) == 0
    out, err = capsys.readouterr()
    assert "  performance measured: accuracy_ratio, balanced_accuracy_ratio, " in out
    assert "warning: models[0].baseline: was built with other settings: performance.positive was yes, and is no; " in err
    file.write_text(text.replace('"positive": "yes"', '"positive": "maybe"'), encoding="utf-8")
    assert main(["check", "config", str(file)]) == 1
    assert "exporter.yml: models[0].performance.positive: maybe is no class; they are no, yes" in capsys.readouterr().err


def test_labels_that_are_called_otherwise_than_the_classes(tmp_path: Path) -> None:
    """Numbers in the data that stand for classes count as these do."""
    data = two_classes()
    named = data["outcome"].unique().sort().to_list()
    numbers = data.with_columns(pl.col("outcome").replace_strict({name: code for code, name in enumerate(named)}))
    section = {"values": {str(code): name for code, name in enumerate(named)}}
    plain, _ = built(tmp_path, model_of(tmp_path, performance={"positive": named[1]}), data)
    meant, _ = built(
        tmp_path, model_of(tmp_path, labels=with_labels(section=section), performance={"positive": named[1]}), numbers
    )
    assert plain.performance is not None
    assert meant.performance is not None
    assert meant.performance.layout == plain.performance.layout
    assert meant.performance.counts.tolist() == plain.performance.counts.tolist()
    assert meant.performance.rows == len(data)


def test_a_score_of_the_other_class_is_told(tmp_path: Path) -> None:
    """One that is lower where the label is the positive class; not one that says nothing."""
    data = two_classes()
    told = "models[0].performance.positive: the score is lower where the label is yes (ROC AUC {:.2g}); {}"
    auc = metrics.roc_auc_score(data["outcome"].to_numpy() == "yes", 1 - data["score"].to_numpy())
    found, words = built(tmp_path, model_of(tmp_path, performance=YES), data.with_columns(score=1 - pl.col("score")))
    assert words == told.format(auc, "where it is of no, write positive: no")
    assert not_compared(model_of(tmp_path, performance=YES), found, "models[0]") == [words]
    for change in ({"score": pl.col("score").shuffle(3)}, {"score": pl.lit(0.5)}, {"outcome": pl.lit("no")}):
        _, words = built(tmp_path, model_of(tmp_path, performance=YES), data.with_columns(**change))
        assert words.startswith("by 400 labels in outcome: ")


def test_blanks_around_labels_are_none_of_them(tmp_path: Path) -> None:
    """The same counts come of labels that are filled up."""
    data, model = two_classes(), model_of(tmp_path, performance=YES)
    plain, _ = built(tmp_path, model, data)
    padded, _ = built(tmp_path, model, data.with_columns(outcome=pl.col("outcome") + "  "))
    assert plain.performance is not None
    assert padded.performance is not None
    assert padded.performance.layout == plain.performance.layout
    assert padded.performance.counts.tolist() == plain.performance.counts.tolist()


def test_labels_none_of_which_is_a_predicted_class_are_refused(tmp_path: Path) -> None:
    """Each would be a class that is never predicted, and every prediction wrong."""
    data = two_classes().with_columns(outcome=pl.col("outcome").replace_strict({"yes": "fraud", "no": "legit"}))
    wanted = (
        "models[0].labels.values: the labels are legit, fraud, and what is predicted is no, yes; write which class each label "
        'means, as in {"legit": "no"}, or, where they are classes, all classes to performance.classes'
    )
    with pytest.raises(ConfigError) as caught:
        built(tmp_path, model_of(tmp_path, performance=YES), data)
    assert str(caught.value) == wanted
    section = with_labels(section={"values": {"fraud": "yes", "legit": "no"}})
    found, _ = built(tmp_path, model_of(tmp_path, performance=YES, labels=section), data)
    plain, _ = built(tmp_path, model_of(tmp_path, performance=YES), two_classes())
    assert found.performance is not None
    assert plain.performance is not None
    assert found.performance.counts.tolist() == plain.performance.counts.tolist()
