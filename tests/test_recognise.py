"""Which field is what: recognised where it is unambiguous, an error that says what to write elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from prediction_exporter.config import Fields
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.fields import names as names_module
from prediction_exporter.sources.fields import seen as seen_module
from prediction_exporter.sources.fields.doubts import by_rank
from prediction_exporter.sources.fields.names import flatten
from prediction_exporter.sources.fields.novelty import novelties
from prediction_exporter.sources.fields.recognise import log_schema
from prediction_exporter.sources.fields.roles import Roles, assign
from prediction_exporter.sources.fields.schema import EventSchema, lookup, path_text
from prediction_exporter.sources.fields.seen import FieldsSeen
from prediction_exporter.sources.fields.stated import Stated
from prediction_exporter.sources.jsonl import texts_of
from prediction_exporter.sources.outcomes import failures_of

WHERE = "models[0].predictions.fields"


def roles(*names: str, **fields: Any) -> Roles:
    """Assign roles to fields of these names."""
    return assign(names, Fields(**fields), where=WHERE)


def layout(*features: str, prediction: str | None = None, scores: tuple[str, ...] = ()) -> Layout:
    """Return a layout of a model with these columns."""
    named = [(name, Role.FEATURE) for name in features] + [(name, Role.SCORE) for name in scores]
    named += [(prediction, Role.PREDICTION)] if prediction else []
    return Layout([Column(name=name, role=role, kind=Kind.NUMERIC, edges=(0.0,)) for name, role in named])


def schema(*events: dict[str, Any], of: Layout | None = None, **fields: Any) -> EventSchema:
    """Recognise a log's fields."""
    return log_schema(events, Fields(**fields), of, timezone="UTC", where=WHERE)


def paths(found: EventSchema) -> dict[str, str]:
    """Return where each column stands."""
    return {column.name: path_text(column.path) for column in found.columns}


@pytest.mark.parametrize(
    ("events", "names"),
    [
        ([{"a": 1, "b": {"c": 2, "d": {"e": 3}}}], ["a", "b.c", "b.d.e"]),
        ([{"s": [0.1, 0.9], "t": ["x"], "u": [], "v": {}}], ["s[0]", "s[1]", "t[0]", "u", "v"]),
        ([{"t": ["x"]}, {"t": None}, {"t": []}, {}], ["t[0]"]),
        ([{"t": ["x"]}, {"t": ["x", "y"]}], ["t"]),
        ([{"t": "x"}, {"t": ["y"]}], ["t"]),
        ([{"a": None}, {"a": {"b": 1}}], ["a.b"]),
        ([{"a": {"b": 1}}, {"a": None}, {"a": 5}], ["a.b"]),
        ([{"a": {}}, {"a": [1]}, {"a": {"b": 1}}], ["a.b"]),
        ([{"a": []}, {"a": [1, 2]}, {"a": 3}], ["a[0]", "a[1]"]),
        ([{"a.b": 1, "c": {"d.e": 2}}], ["a.b", "c.d.e"]),
        ([{"a": {"b": 1}, "a.b": 2}], ["a.b"]),
        ([], []),
    ],
)
def test_fields_of_events(events: list[dict[str, Any]], names: list[str]) -> None:
    """Every value has a name; where shapes differ, what is inside of objects and lists counts."""
    assert list(flatten(events)) == names


def _drawn(draw: Random, depth: int = 0) -> Any:
    """Draw a value of any kind that JSON has."""
    texts, numbers = ["", "x"], [0, 1.5, True]
    kinds: list[Any] = [
        None,
        draw.choice(texts),
        draw.choice(numbers),
        [],
        {},
        ["x"],
        draw.choices(numbers, k=draw.randint(1, 4)),
    ]
    if depth < 3:
        kinds += [[_drawn(draw, depth + 1)], {key: _drawn(draw, depth + 1) for key in draw.sample("abc", 2)}]
    return draw.choice(kinds)


def test_what_was_seen_before_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fields of records that are much alike, and their order, are those that all of every record would tell."""
    draw = Random(1)
    logs = [[{key: _drawn(draw) for key in draw.sample("abcd", 3)} for _ in range(draw.randint(1, 8))] for _ in range(500)]
    found = [list(flatten(log).items()) for log in logs]
    passed = [sum(1 for _ in novelties(log * 2, longest=9)) for log in logs]
    assert sum(passed) < sum(len(log) * 2 for log in logs) * 0.8
    monkeypatch.setattr(names_module, "novelties", lambda records, **_: records)
    assert found == [list(flatten(log).items()) for log in logs]


def test_flattened_fields_never_contain_each_other() -> None:
    """No field stands inside of another: polars could not read both."""
    found = set(flatten([{"a": 1, "b": {"c": 1}}, {"a": {"x": 1}, "b": [1]}, {"a": [1], "b": {"c": {"d": 1}}}]).values())
    assert not [(short, long) for short in found for long in found if short != long and long[: len(short)] == short]


def test_everything_is_recognised_by_name() -> None:
    """The usual names need no configuration."""
    found = roles(
        *("ts", "request_id", "model_version", "latency_ms", "status", "prediction", "probability"),
        *("features.amount", "features.customer.age"),
    )
    assert (found.time, found.id, found.version, found.status) == ("ts", "request_id", "model_version", "status")
    assert (found.latency, found.latency_unit, found.prediction, found.scores) == (
        "latency_ms",
        "ms",
        "prediction",
        ("probability",),
    )
    assert found.features == {"amount": "features.amount", "customer.age": "features.customer.age"}
    assert not found.labels


def test_capitals_and_flat_features() -> None:
    """Names count in any case; what has no role and no parent is a feature; labels are none."""
    found = roles("Timestamp", "ID", "Duration_S", "Decision", "Amount", "Target")
    assert (found.time, found.id, found.latency, found.latency_unit, found.prediction) == (
        "Timestamp",
        "ID",
        "Duration_S",
        "s",
        "Decision",
    )
    assert found.features == {"Amount": "Amount"}
    assert found.labels == ("Target",)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("ts", "timestamp"), r"fields\.time: several fields could be the time: ts, timestamp; .*for example time: ts$"),
        (("ID", "id"), r"fields\.id: several fields could be the id: ID, id"),
        (("prediction", "decision"), r"fields\.prediction: several fields could be the prediction"),
        (("score", "probability"), r"fields\.score: several"),
        (("latency_ms", "duration_s"), r"fields\.latency: several fields could be the latency: latency_ms, duration_s"),
        (("inputs.a", "features.a"), r"fields\.features: several"),
        (
            ("prediction.class", "prediction.value"),
            r"fields\.prediction: .*: prediction\.class, prediction\.value; .*prediction: prediction\.class",
        ),
        (("prediction[0]", "prediction[1]"), r"fields\.prediction: several"),
        (("id.a", "id.b"), r"fields\.id: several"),
    ],
)
def test_ambiguity_is_an_error_that_says_what_to_write(names: tuple[str, ...], message: str) -> None:
    """Two candidates for a role: the configuration must say which."""
    with pytest.raises(ConfigError, match=message):
        roles(*names)


def test_configured_fields_win() -> None:
    """What is written is taken, ambiguous or not."""
    found = roles("ts", "timestamp", "a", "b", time={"field": "timestamp", "unit": "ms"}, features=["b"])
    assert (found.time, found.time_unit, found.features) == ("timestamp", "ms", {"b": "b"})
    assert roles("f_1", "f_2", "x", features={"pattern": "f_*"}).features == {"f_1": "f_1", "f_2": "f_2"}
    assert roles("in.a", "x", features="in").features == {"a": "in.a"}


def test_a_single_field_inside_of_a_role_is_it() -> None:
    """An object or list with one field is unambiguous."""
    assert roles("prediction[0]", "a").prediction == "prediction[0]"
    assert roles("id.value", "a").id == "id.value"


def test_fields_inside_of_a_role_are_no_features() -> None:
    """A status that is an object does not become features."""
    assert roles("error.code", "error.text", "scores.a", "scores.b", "x").features == {"x": "x"}


EVENT = {"ts": 1, "features": {"amount": 1, "customer": {"age": 2}}, "prediction": 1, "scores": [0.5, 0.5]}


def test_columns_of_a_log() -> None:
    """Each column of the baseline is found in the log, those that the first lines lack beside the others."""
    found = schema(
        EVENT, of=layout("amount", "late", "customer.late", "customer.age", prediction="decision", scores=("p[0]", "p[1]"))
    )
    assert paths(found) == {
        "amount": "features.amount",
        "late": "features.late",
        "customer.late": "features.customer.late",
        "customer.age": "features.customer.age",
        "decision": "prediction",
        "p[0]": "scores[0]",
        "p[1]": "scores[1]",
    }
    assert {column.name: column.path for column in found.columns}["customer.late"] == ("features", "customer", "late")


def test_late_features_elsewhere() -> None:
    """Late features stand beside the others in flat logs, lists and written names, too."""
    assert {c.name: c.path for c in schema({"ts": 1, "a": 1}, of=layout("a", "b", "c.d")).columns} == {
        "a": ("a",),
        "b": ("b",),
        "c.d": ("c.d",),
    }
    assert {c.name: c.path for c in schema({"ts": 1, "features": [1, 2]}, of=layout("features[0]", "features[5]")).columns} == {
        "features[0]": ("features", 0),
        "features[5]": ("features", 5),
    }
    of = layout("user.age", "user.size")
    assert {
        c.name: c.path for c in schema({"ts": 1, "user": {"age": 1}}, of=of, features=["user.age", "user.size"]).columns
    } == {
        "user.age": ("user", "age"),
        "user.size": ("user", "size"),
    }


def test_dotted_keys() -> None:
    """A key with a dot is found as it stands."""
    found = schema({"ts": 1, "meta": {"a.b": 1}, "x.y": 2}, of=layout("x.y"), id="meta.a.b")
    assert found.id == ("meta", "a.b")
    assert found.columns[0].path == ("x.y",)
    assert schema({"ts": 1}, version="model.version").version == ("model", "version")


def test_scores_by_class() -> None:
    """Scores are matched by their class, or the only one with the only one."""
    event = {"ts": 1, "probabilities": {"yes": 0.1, "no": 0.9}}
    of = layout(scores=("score.no", "score.yes", "score.maybe"))
    assert paths(schema(event, of=of)) == {
        "score.no": "probabilities.no",
        "score.yes": "probabilities.yes",
        "score.maybe": "probabilities.maybe",
    }
    assert paths(schema({"ts": 1, "confidence": 0.4}, of=layout(scores=("score",)))) == {"score": "confidence"}
    with pytest.raises(
        ConfigError, match=r"fields\.score: the log's scores \(probabilities\.yes, probabilities\.no\) do not match"
    ):
        schema(event, of=layout(scores=("score",)))


@pytest.mark.parametrize(
    ("events", "of", "fields", "message"),
    [
        ([{"a": 1}], None, {}, r"fields\.time: no field could be recognised as the time; write its name \(the lines have: a\)"),
        ([{"a": 1}], None, {"time": "when"}, r"fields\.time: no line among the first 1 has a field when \(they have: a\)"),
        ([{"ts": 1, "x": 1}], layout("a", "b"), {}, r"fields\.features: none of the baseline's features \(a, b\) stands in"),
    ],
)
def test_what_cannot_be_recognised(
    events: list[dict[str, Any]], of: Layout | None, fields: dict[str, Any], message: str
) -> None:
    """A log without time, or without any feature, is an error that names what the lines have."""
    with pytest.raises(ConfigError, match=message):
        schema(*events, of=of, **fields)


@pytest.mark.parametrize(
    ("fields", "features"),
    [({"status": "out"}, ["out.code"]), ({"id": "a[0]"}, ["a"]), ({"version": "out.code.x"}, ["out.code"])],
)
def test_fields_inside_of_each_other(fields: dict[str, Any], features: list[str]) -> None:
    """A field cannot be a value and an object at the same time."""
    event = {"ts": 1, "out": {"code": 1}, "a": [1, 2], "x": 1}
    with pytest.raises(ConfigError, match="cannot both be fields, as one stands inside of the other; write which"):
        schema(event, of=layout("x", *features), **fields, features=["x", *features])


def test_a_service_without_columns() -> None:
    """Without a baseline only the service's fields are read."""
    found = schema({"time": "2026-03-01T00:00:00Z", "status_code": 200, "elapsed_seconds": 1.0, "x": 1})
    assert found.columns == ()
    assert (found.status, found.latency, found.latency_unit) == (("status_code",), ("elapsed_seconds",), "s")


@pytest.mark.parametrize("name", ["status", "score", "time", "id", "version", "decision", "latency_ms", "target"])
def test_a_listed_feature_is_that_and_nothing_else(name: str) -> None:
    """A name that roles are recognised by is a feature where it is listed, and the role is another field's or nobody's."""
    others = ("ts", "request_id", "model_version", "elapsed_ms", "http_status", "probability", "y_pred")
    found = roles(*others, name, "amount", features=[name, "amount"])
    assert found.features == {name: name, "amount": "amount"}
    assert (found.time, found.id, found.version, found.latency) == ("ts", "request_id", "model_version", "elapsed_ms")
    assert (found.status, found.scores, found.prediction, found.labels) == ("http_status", ("probability",), "y_pred", ())
    alone = roles("when", name, features=[name])
    assert {alone.time, alone.id, alone.version, alone.latency, alone.status, alone.prediction} == {None}
    assert (alone.scores, alone.labels) == ((), ())


def test_what_is_stated_of_one_role_is_not_guessed_for_another() -> None:
    """A status that is called error leaves none to guess, features inside of a guessed object are no scores."""
    assert roles("error", "status", status="error").status == "error"
    assert roles("output", "x", score="output").prediction is None
    found = roles("scores.a", "scores.b", "x", features=["scores.a", "x"])
    assert (found.scores, found.features) == (("scores.b",), {"scores.a": "scores.a", "x": "x"})
    assert roles("status.code", "status.age", "x", features="status").status is None
    assert roles("time", "ts", time="ts").time == "ts"


def test_a_pattern_leaves_roles_their_fields() -> None:
    """A pattern over all fields speaks of none of them: what has a role by its name is no feature."""
    found = roles("ts", "status", "amount", features={"pattern": "*"})
    assert (found.time, found.status, found.features) == ("ts", "status", {"amount": "amount"})


def test_flat_training_data_and_a_nested_log_meet() -> None:
    """A column without its object is the only field of that name in any object; two such fields are not guessed between."""
    event = {"ts": 1, "features": {"amount": 1, "merchant": {"mcc": 2, "id": 3}, "customer": {"id": 4, "home": {"zip": 5}}}}
    found = schema(event, of=layout("amount", "mcc", "customer_home_zip", "id"))
    assert paths(found) == {
        "amount": "features.amount",
        "mcc": "features.merchant.mcc",
        "customer_home_zip": "features.customer.home.zip",
        "id": "features.id",
    }
    assert found.unseen == ("id",)
    both = schema(event, of=layout("amount", "mcc", "merchant.mcc"))
    assert (paths(both)["mcc"], both.unseen) == ("features.mcc", ("mcc",))


def test_labels_have_no_other_role() -> None:
    """A truth that is called like an output is none."""
    found = assign(["ts", "decision", "x"], Fields(), where=WHERE, labels=["decision"])
    assert (found.prediction, found.labels, found.features) == (None, ("decision",), {"x": "x"})


def test_scores_in_fields_of_their_own() -> None:
    """A field for each class, as a list or by class; what is not there yet is looked for where it is written."""
    event = {"ts": 1, "p_yes": 0.1, "p_no": 0.9, "out": {"maybe": 0.0}, "x": 1}
    listed = schema(event, of=layout("x", scores=("p_yes", "p_no")), score=["p_yes", "p_no"])
    assert paths(listed) == {"x": "x", "p_yes": "p_yes", "p_no": "p_no"}
    assert roles("p_yes", "p_no", "x", score=["p_yes", "p_no"]).features == {"x": "x"}
    classes = {"yes": "p_yes", "no": "p_no", "maybe": "out.maybe", "never": "p_never"}
    of = layout("x", scores=("score.no", "score.yes", "score.maybe", "score.never"))
    by_class = schema(event, of=of, score=classes)
    assert paths(by_class) == {
        "x": "x",
        "score.no": "p_no",
        "score.yes": "p_yes",
        "score.maybe": "out.maybe",
        "score.never": "p_never",
    }
    assert by_class.unseen == ("score.never",)
    assert roles("p_yes", "p_no", score={"yes": "p_yes"}).classes == {"p_yes": "score.yes"}


@pytest.mark.parametrize(("role", "name"), [("prediction", "pred"), ("prediction", "y_hat"), ("score", "y_pred_proba")])
def test_names_that_libraries_and_servers_use(role: str, name: str) -> None:
    """Outputs are known by what scikit-learn's users and servers of models call them."""
    found = roles("ts", name, "x")
    assert (found.prediction, *found.scores) == ((name,) if role == "prediction" else (None, name))


def test_a_name_is_compared_once_with_what_records_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was meant by a misspelt field is told after every read, and looked up after the first: it takes long among many."""
    asked: list[str] = []

    def meant(one: Stated, names: Sequence[str], _: Fields) -> str:
        asked.append(one.name)
        return f"; did you mean {names[0]}?"

    monkeypatch.setattr(seen_module, "meant", meant)
    seen = FieldsSeen(Fields(features=["amuont", "age"]))
    for _ in range(3):
        seen.count([{"amount": 1, "age": 2}] * 5, None)
        assert "did you mean amount?" in seen.unseen()[0]
    assert asked == ["amuont", "amuont"]  # again when there are twice as many records to tell it


def test_a_field_that_vanishes_is_told_by_its_share() -> None:
    """The share of records that have a field falls with each batch that lacks it, and rises with each that has it."""
    seen = FieldsSeen(Fields(id="key"))
    shares = []
    for batches, record in ((150, {"key": 1, "x": 2}), (150, {"x": 2}), (50, {"key": 1})):
        for _ in range(batches):
            seen.count([record] * 20, None)
            shares.append(seen.ratios()["id"])
    assert shares[:150] == [1.0] * 150
    assert shares[150:300] == sorted(shares[150:300], reverse=True)
    assert shares[299] < 0.3
    assert shares[300:] == sorted(shares[300:])


PAGE = Path(__file__).parents[1] / "docs/logging.md"

#: What the examples of answers on the page are: prediction, scores, features.
ANSWERS = [
    (None, ("scores.POSITIVE", "scores.NEGATIVE"), {}),
    ("output.label", ("output.score",), {}),
    ("predictions[0]", (), {"income": "instances.income", "region": "instances.region"}),
    (None, ("score[0]", "score[1]"), {}),
    (None, ("scores.tabby", "scores.tiger cat"), {}),
    ("predictions.predicted_label", ("predictions.score",), {}),
    ("prediction_label", ("prediction_score",), {}),
]


@pytest.mark.parametrize("number", range(len(ANSWERS)))
def test_answers_of_servers(number: int) -> None:
    """Each example of docs/logging.md is recognised without configuration as what the page says."""
    section = PAGE.read_text(encoding="utf-8").split("## Answers of servers")[1].split("\n## ")[0]
    examples = re.findall(r"^\|[^|]*\| `([^`]*)`", section, re.MULTILINE)
    assert len(examples) == len(ANSWERS)
    event = json.loads(f'{{"ts": 1, {examples[number]}}}')
    found = assign(list(flatten([event])), Fields(), where=WHERE)
    assert (found.prediction, found.scores, found.features) == ANSWERS[number]


@pytest.mark.parametrize(
    ("event", "prediction", "scores"),
    [
        ({"outputs": [[{"label": "a", "score": 0.5}]]}, "outputs.label", ("outputs.score",)),
        ({"predictions": [{"displayName": "a", "confidence": 0.5}]}, "predictions.displayName", ("predictions.confidence",)),
        ({"prediction": {"class": "a", "probability": 0.5}}, "prediction.class", ("prediction.probability",)),
        ({"prediction": {"class": "a", "probability": 0.5}, "score": 0.1}, "prediction.class", ("score",)),
        ({"PredictedLabel": "a", "Probability": 0.5}, "PredictedLabel", ("Probability",)),
        (
            {"predict": "a", "prediction_probability": [0.5, 0.5]},
            "predict",
            tuple(f"prediction_probability[{n}]" for n in (0, 1)),
        ),
        ({"prediction": "a", "predictions": "b"}, "prediction", ()),
    ],
)
def test_outputs_in_other_words(event: dict[str, Any], prediction: str | None, scores: tuple[str, ...]) -> None:
    """A label beside its score is the prediction; a name of servers counts where none of the usual ones is there."""
    found = assign(list(flatten([{"ts": 1, **event}])), Fields(), where=WHERE)
    assert (found.prediction, found.scores) == (prediction, scores)


def test_camel_case_and_names_of_platforms() -> None:
    """Names of Java, .NET and JavaScript, and of tables that platforms write, are those of the same words."""
    found = roles("eventTime", "requestId", "modelVersion", "latencyMs", "statusCode", "x")
    assert (found.time, found.id, found.version, found.latency, found.latency_unit, found.status) == (
        *("eventTime", "requestId", "modelVersion", "latencyMs", "ms", "statusCode"),
    )
    found = roles("timestamp_ms", "databricks_request_id", "execution_time_ms", "status_code")
    assert (found.time, found.id, found.latency) == ("timestamp_ms", "databricks_request_id", "execution_time_ms")
    assert roles("latency_ms", "inference_time_ms").latency == "latency_ms"


def test_scores_of_all_classes_are_no_prediction() -> None:
    """Where a list of label and score stands in the place of the prediction, the message says what to write."""
    event = {"ts": 1, "output": [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.5}]}
    with pytest.raises(ConfigError, match=r"where they are the scores of all classes, write score: output$"):
        roles(*flatten([event]))
    found = roles(*flatten([event]), score="output")
    assert (found.prediction, found.scores) == (None, ("output.a", "output.b"))


def test_a_pattern_of_scores() -> None:
    """The star stands for the class; what is stated elsewhere is left out, and what is known as something else asked about."""
    found = roles("p_yes", "p_no", "p_", "p_best", "x", score={"pattern": "p_*"}, prediction="p_best")
    assert (found.prediction, found.classes) == ("p_best", {"p_yes": "score.yes", "p_no": "score.no"})
    assert found.features == {"p_": "p_", "x": "x"}
    with pytest.raises(
        ConfigError, match=r"score\.pattern: pred\* takes in prediction, which is known as the prediction; write"
    ):
        roles("prediction", "pred_a", score={"pattern": "pred*"})
    assert roles("pattern", "other", score={"pattern": "pattern", "other": "other"}).classes == {
        "pattern": "score.pattern",
        "other": "score.other",
    }


PAIR = [{"label": "a", "score": 0.9}, {"label": "b", "score": 0.1}]


@pytest.mark.parametrize(
    ("events", "names"),
    [
        ([{"p": [[0.1, 0.9]]}, {"p": None}, {}], ["p[0]", "p[1]"]),
        ([{"p": [[0.1, 0.9]]}, {"p": [[0.1, 0.9], [1, 0]]}], ["p"]),
        ([{"rows": [{"a": 1, "b": ["x"]}]}, {"rows": []}], ["rows.a", "rows.b[0]"]),
        ([{"rows": [{"a": 1}]}, {"rows": [{"a": 1}, {"a": 2}]}], ["rows"]),
        (
            [{"s": [{"label": "a", "score": 1}, {"label": "b", "score": 0}]}, {"s": [{"label": "c", "score": 1}]}],
            ["s.a", "s.b", "s.c"],
        ),
        ([{"found": [{"label": "a", "score": 1}, {"label": "a", "score": 0}]}], ["found"]),
        ([{"s": [{"label": "a", "score": "high"}, {"label": "b", "score": 0}]}], ["s"]),
        ([{"s": [{"label": "a", "score": 1}, 5]}], ["s"]),
        ([{"s": {"a": 1}}, {"s": [{"b": 1}]}], ["s.a"]),
        ([{"s": [PAIR]}, {"s": PAIR}], ["s.a", "s.b"]),
        ([{"s": PAIR}, {"s": [PAIR]}], ["s.a", "s.b"]),
    ],
)
def test_fields_inside_of_lists(events: list[dict[str, Any]], names: list[str]) -> None:
    """A list of one is what is in it; lists of label and score are objects; any other list is one value."""
    assert list(flatten(events)) == names


@pytest.mark.parametrize(
    ("event", "status", "failed"),
    [
        ({"status": {"status_code": "UNSET"}}, "status.status_code", False),  # a span of Python's SDK
        ({"status": {"code": 1}}, "status.code", False),  # OK in OTLP
        ({"status": {"code": 2, "message": "no memory"}}, "status.code", True),
        ({"status": {"code": "STATUS_CODE_ERROR"}}, "status.code", True),
        ({"status": {"code": 200, "message": "OK"}}, "status.code", False),
        ({"status": {"code": 503}}, "status.code", True),
        ({"grpc_code": 5}, "grpc_code", False),
        ({"status": 1}, "status", True),
        ({"error": {"code": 0}}, "error", True),  # what is there at all was an error
    ],
)
def test_a_status_in_an_object_is_its_code(event: dict[str, Any], status: str, failed: bool) -> None:
    """A message beside it is none; small numbers are codes of gRPC and OpenTelemetry there."""
    found = schema({"ts": 1, "amount": 1, **event})
    assert found.status is not None
    assert path_text(found.status) == status
    assert failures_of(texts_of([event], found.status), found.outcomes).tolist() == [failed]


def test_another_list_around_scores_is_that_of_the_newest_lines() -> None:
    """A server's new version puts one around, or leaves it away: the others of the sample lack them until a next look."""
    of = layout(scores=("s.a", "s.b"))
    for older, newer in (([PAIR], PAIR), (PAIR, [PAIR])):
        found = schema({"ts": 1, "s": older}, {"ts": 2, "s": newer}, of=of)
        assert [[lookup({"s": value}, column.path) for column in found.columns] for value in (newer, older)] == [
            [0.9, 0.1],
            [None, None],
        ]


def test_several_rows_in_a_line_are_named() -> None:
    """A batch has no one prediction: the message says that, and not to write what is written already."""
    batch = {"ts": 1, "scores": [PAIR, PAIR]}
    with pytest.raises(
        ConfigError, match=r"the baseline's \(scores\.a, scores\.b\); scores holds several rows, as those of a batch"
    ):
        schema(batch, of=layout(scores=("scores.a", "scores.b")))
    rows = {"ts": 1, "instances": [{"amount": 1}, {"amount": 2}]}
    with pytest.raises(ConfigError, match=r"instances holds several rows, .*: have a line written for each$"):
        schema(rows, of=layout("amount"))


def test_scores_by_rank_are_told() -> None:
    """Where labels stand in a list of their own, in an order that changes, a position is no class."""
    events = [{"ts": 1, "out": {"labels": order, "scores": [0.9, 0.1]}} for order in (["a", "b"], ["b", "a"])]
    found = schema(*events, of=layout(scores=("p[0]", "p[1]")), score="out.scores")
    [told] = by_rank(events, found)
    assert told.startswith("fields.score: out.scores is in the order of out.labels, which changes from line to line")
    assert not list(by_rank(events[:1] * 2, found))


@pytest.mark.parametrize(
    ("listed", "hint"),
    [
        (["features_amount"], "did you mean features.amount?"),
        (["amount", "color"], "did you mean features.amount?"),
        (["features.merchant_mcc"], "did you mean features.merchant.mcc?"),
        ("featrues", "did you mean features?"),
    ],
)
def test_features_in_another_spelling_are_offered(listed: Any, hint: str) -> None:
    """Flat for nested, without the object, with an underline for a dot, and misspelt."""
    event = {"ts": 1, "features": {"amount": 1, "color": "red", "merchant": {"mcc": 5}}}
    fields: dict[str, Any] = {"features": listed}
    of = layout("other") if isinstance(listed, str) else layout("amount", "color", "merchant.mcc")
    with pytest.raises(ConfigError, match=re.escape(hint)):
        schema(event, of=of, **fields)
