"""The configuration: what good files give, what bad files are told, and that nothing else happens."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its types are not installed with it
import pytest
import yaml
from pydantic import ValidationError

from prediction_exporter.config import (
    METERED,
    Column,
    Config,
    Contact,
    Duration,
    FeaturePattern,
    Files,
    LatencyField,
    LatencyObjective,
    Model,
    Predictions,
    Process,
    ScorePattern,
    StatusField,
    Table,
    TimeField,
    check_files,
    check_log_folders,
    json_schema,
    known_thresholds,
    load,
    parse,
    write_schema,
)
from prediction_exporter.errors import ConfigError
from quick_yaml import load as load_yaml

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yml"))
SECRET = "hunter2"
MINIMAL = (HERE / "good" / "minimal.yml").read_text()


WITHOUT_BASELINE = """
owners: {{ds: {{slack: "#ds"}}}}
models:
  - {{name: m, owner: ds, maturity: 0, predictions: {predictions}}}
"""


def read(text: str, *, base: Path = Path("/base"), environ: Mapping[str, str] | None = None) -> Config:
    """Parse a text as if it were the file exporter.yml in the folder ``base``."""
    return parse(text, name="exporter.yml", base=base, environ=environ or {})


def predictions_of(content: Mapping[str, Any], *, environ: Mapping[str, str] | None = None) -> Predictions:
    """Parse where the predictions are, of a model that is not compared."""
    text = WITHOUT_BASELINE.format(predictions=json.dumps(content))
    return read(text, environ=environ).models[0].predictions


def table_of(**table: str) -> Table:
    """Parse a table."""
    found = predictions_of({"table": table}).table
    assert found is not None
    return found


def problems_of(text: str, environ: Mapping[str, str]) -> list[str]:
    """Return the problems of a text, after checks that hold for every message."""
    try:
        read(text, environ=environ)
    except ConfigError as error:
        message = str(error)
    else:
        return []
    lines = message.split("\n")
    assert all(line.startswith("exporter.yml: ") for line in lines)
    assert SECRET not in message
    message.encode()  # can be printed
    return [line.removeprefix("exporter.yml: ") for line in lines]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return the configuration of full.yml."""
    monkeypatch.setenv("BUCKET", "models")
    return load(HERE / "good" / "full.yml")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bad file gives exactly the messages that its first lines expect, none with a value from the environment."""
    # Two statistics stand for all, so that a new one does not change the expected messages.
    monkeypatch.setattr("prediction_exporter.config.values.known_thresholds", lambda: ("psi", "ks_statistic"))
    text = path.read_text()
    expected = re.findall("^# expected: (.*)$", text, re.MULTILINE)
    assert expected
    assert problems_of(text, {"SECRET": SECRET}) == expected


def test_minimal() -> None:
    """A name, an owner, a path and a baseline are enough; the rest are the documented defaults."""
    config = load(HERE / "good" / "minimal.yml")
    assert config.state_dir == Path("/var/lib/prediction-exporter")
    assert str(config.interval) == "15s"
    assert [str(window) for window in config.windows] == ["1h", "24h"]
    assert (config.series_limit, config.max_versions) == (50_000, 8)
    assert dict(config.owners) == {"risk-ds": config.owners["risk-ds"]}
    assert (config.notifications.exporter_url, config.notifications.runbooks_url) == (None, None)
    (model,) = config.models
    assert (model.name, model.owner, model.maturity, model.task) == ("credit-risk", "risk-ds", 2, None)
    assert model.baseline == HERE / "good" / "baselines" / "credit-risk.json"
    log = model.predictions.log
    assert log is not None
    assert (log.path, log.format, log.start, log.max_line_size) == (
        "/var/log/credit/predictions.jsonl",
        "auto",
        "end",
        1024**2,
    )
    assert (model.predictions.timezone, model.predictions.future_tolerance.seconds) == ("UTC", 300)
    assert set(model.predictions.fields.model_dump().values()) == {None}
    assert (model.segments, model.references, model.false_alarms_per_month, model.min_predictions) == ((), (), 1, 30)
    assert model.thresholds.of("psi", "amount") is None
    assert (model.slo.availability, model.slo.latency, model.info.framework, model.dependencies) == (None,) * 4


def test_full_labels(full: Config) -> None:
    """A maturity is a duration, a share of labels, or both; a source is where labels are, as it is of predictions."""
    whole, short = full.models[0].labels, full.models[2].labels
    assert whole is not None
    assert short is not None
    assert whole.table is not None
    assert (whole.shown, whole.table.mode) == ("postgresql://db.example.com/truth ml.decisions", "rows")
    assert (whole.timezone, whole.null_values) == ("Europe/Zurich", ("-",))
    assert (str(whole.matures_after.after), whole.matures_after.coverage) == ("21d", 0.9)
    assert (str(whole.horizon), whole.max_size, whole.sample, whole.only_for) == ("45d", 512 << 20, 0.1, ("approve",))
    assert whole.fields.time is not None
    assert (whole.fields.time.field, whole.fields.time.unit) == ("known_at", "s")
    assert (short.shown, str(short.matures_after.after)) == (str(HERE / "good" / "labels"), "3d")
    assert (short.matures_after.coverage, short.fields.time, str(short.horizon), short.max_size) == (None, None, "30d", 1 << 30)


def test_full_top_level(full: Config) -> None:
    """Paths start at the file's folder, windows are sorted by length and keep their text."""
    assert full.state_dir == HERE / "good" / "state"
    assert full.interval == Duration(90.0, "1m30s")
    assert [str(window) for window in full.windows] == ["1h", "24h", "7d"]
    assert (full.series_limit, full.max_versions) == (20_000, 4)
    assert full.owners["risk-ds"].runbooks == "https://wiki.example.com/ml/"
    assert (full.owners["data-eng"].slack, full.owners["data-eng"].email) == ("@data-eng", None)


def test_full_model(full: Config) -> None:
    """Every key of a model arrives."""
    model = full.models[0]
    assert [model.owner_of("data"), model.owner_of("service"), model.owner_of("drift")] == [
        "data-eng",
        "ml-ops",
        "risk-ds",
    ]
    assert model.task == "binary"
    log = model.predictions.log
    assert log is not None
    assert log is model.predictions.source
    assert log.path == log.shown == f"{HERE}/good/credit/*.jsonl"
    assert (log.start, log.max_line_size, model.predictions.shared) == ("beginning", 65_536, False)
    assert (model.predictions.timezone, model.predictions.future_tolerance.seconds) == ("Europe/Zurich", 90)
    assert dict(model.columns) == {
        "zip": Column(kind="categorical"),
        "zip.code": Column(kind="ignore"),
        "merchant": Column(kind="presence"),
        "note": Column(kind="text"),
        "signup": Column(kind="date"),
        "embedding": Column(kind="vector"),
        "tags": Column(kind="list"),
        "income": Column(nan="missing", decimals=2),
    }
    assert model.predictions.null_values == ("\\N", "NULL", "-")
    assert model.segments == ("region", "channel")
    assert model.references == ("week", "version")
    assert (model.false_alarms_per_month, model.min_predictions) == (0.5, 100)
    assert model.slo.availability == 0.999
    assert model.slo.latency == LatencyObjective(under=Duration.parse("100ms"), ratio=0.99)
    assert (model.info.framework, model.info.training_data) == ("scikit-learn 1.5", "s3://models/$train")
    assert model.dependencies == HERE / "good" / "requirements.txt"


def test_full_fields(full: Config) -> None:
    """Fields come in their short and their long form, features in three forms, scores in four."""
    first, second, third = (model.predictions.fields for model in full.models[:3])
    assert first.time == TimeField(field="ts", unit="ms")
    assert first.latency == LatencyField(field="took", unit="us")
    assert (first.id, first.version, first.prediction) == ("request_id", "model_version", "decision")
    assert (first.score, first.status, first.features) == ("probability", StatusField(field="status"), "features")
    assert second.status == StatusField(field="code", failed=("5", "broken"))
    assert third.score == {"high": "p_high", "low": "p_low"}
    assert third.status == StatusField(field="done", ok=("true",))
    assert second.time == TimeField(field="when")
    assert second.latency == LatencyField(field="duration_seconds", unit="s")
    assert second.score == ScorePattern(pattern="p_*")
    assert second.features == ("f1", "f2")
    assert third.features == FeaturePattern(pattern="f_*")


def test_full_table(full: Config) -> None:
    """Every key of a table arrives; a query loses its semicolon, and a database that is a file starts at the file's folder."""
    first, second = full.models[3].predictions, full.models[4].predictions
    assert first.table == Table.model_construct(
        url="postgresql+psycopg://reader@db.example.com:5433/models?sslmode=verify-full",
        password_file=HERE / "good" / "secrets" / "db",
        name="ml.predictions",
        query=None,
        mode="aggregate",
        lateness=Duration.parse("15m"),
        timeout=Duration.parse("1m"),
        shared=True,
    )
    assert first.source is first.table
    assert (first.log, first.files, first.shared) == (None, None, True)
    assert first.fields.time == TimeField(field="created_at")
    assert second.table == Table.model_construct(
        url=f"sqlite:///{HERE}/good/ml.db",
        password_file=None,
        name=None,
        query="SELECT * FROM predictions WHERE model = 'a'",
        mode="auto",
        lateness=Duration.parse("5m"),
        timeout=Duration.parse("30s"),
        shared=False,
    )
    assert not second.shared


def test_full_files(full: Config) -> None:
    """Every key of files arrives; a folder starts at the file's folder and a bucket does not."""
    first, second = full.models[5].predictions, full.models[6].predictions
    assert isinstance(first.source, Files)
    assert first.source is first.files
    assert first.source.path == first.source.shown == f"{HERE}/good/predictions/date=*/*.csv"
    assert (first.source.format, first.source.start, first.source.settle.seconds) == ("csv", "end", 60)
    assert (first.source.s3, first.source.in_bucket, first.shared) == (None, False, False)
    assert second.files is not None
    assert second.files.path == second.files.shown == "s3://models/predictions/"
    assert (second.files.format, second.files.start, second.files.settle.seconds) == ("auto", "beginning", 10)
    assert second.files.s3 is not None
    assert (second.files.s3.endpoint, second.files.s3.region) == ("http://minio:9000", "eu-central-1")
    assert (second.files.in_bucket, second.shared) == (True, True)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://reader:{SECRET}@db.example.com/prod", "postgresql://db.example.com/prod"),
        (f"postgresql+psycopg://{SECRET}@db:5433/prod?sslpassword={SECRET}", "postgresql://db:5433/prod"),
        (f"postgresql://reader:%40{SECRET}%2F@[::1]:5432/prod", "postgresql://[::1]:5432/prod"),
        (f"postgresql://reader:a/b?c#d:{SECRET}@db/prod", "postgresql://db/prod"),
        (f"databricks://token:{SECRET}@adb.example.com?http_path=/{SECRET}", "databricks://adb.example.com"),
        ("trino://me@trino:8080/hive/ml", "trino://trino:8080/hive/ml"),
        ("duckdb:///predictions.duckdb", "duckdb:////base/predictions.duckdb"),
        ("duckdb:////data/predictions.duckdb", "duckdb:////data/predictions.duckdb"),
        (f"duckdb:///md:ml?motherduck_token={SECRET}", "duckdb:///md%3Aml"),
        ("sqlite:///:memory:", "sqlite:///%3Amemory%3A"),
        ("sqlite://", "sqlite://"),
    ],
)
def test_a_table_is_shown_without_secrets(url: str, shown: str) -> None:
    """Where it is and what is read: no user, no password, no parameters, also where the configuration is printed."""
    table = table_of(url=url, name="predictions")
    assert table.shown == f"{shown} predictions"
    assert (SECRET in table.url) == (SECRET in url)
    config = read(WITHOUT_BASELINE.format(predictions=json.dumps({"table": {"url": url, "name": "predictions"}})))
    assert SECRET not in f"{table!r} {table} {config!r} {config} {config.models}"


def test_a_query_is_shown_by_its_hash() -> None:
    """Two queries are two sources; a semicolon and blanks at the end make no difference."""
    url = "postgresql://db/prod"
    assert table_of(url=url, query="SELECT 1").shown == "postgresql://db/prod query e004ebd5"
    assert table_of(url=url, query="SELECT 1 ;\n ; ").shown == "postgresql://db/prod query e004ebd5"
    assert table_of(url=url, query="SELECT 2").shown != table_of(url=url, query="SELECT 1").shown


def test_a_table_from_the_environment() -> None:
    """A variable may be a part of the URL or the whole, and what is checked is its value."""
    for url, environ in (
        ("postgresql://reader:${PASSWORD}@${HOST}/prod", {"PASSWORD": SECRET, "HOST": "db"}),
        ("${URL}", {"URL": f"postgresql://reader:{SECRET}@db/prod"}),
    ):
        table = predictions_of({"table": {"url": url, "name": "p"}}, environ=environ).table
        assert table is not None
        assert (table.url, table.shown) == (f"postgresql://reader:{SECRET}@db/prod", "postgresql://db/prod p")
    text = WITHOUT_BASELINE.format(predictions='{table: {url: "postgresql://reader:${PASSWORD}@db/prod", name: p}}')
    (problem,) = problems_of(text, {"PASSWORD": f"@{SECRET}"})
    assert problem.startswith("models[0].predictions.table.url: has an @ behind that of the user")


WRONG_URLS = (
    *(f"{SECRET}", f"//reader:{SECRET}@db/prod", f"postgresql:/reader:{SECRET}@db/prod", f"postgresql//r:{SECRET}@db/prod"),
    *(f"postgresql://reader:{SECRET}", f"postgresql://r:a@{SECRET}@db/prod", f"postgresql://r/x:{SECRET}@db/prod"),
    *(f"postgresql://r:${{{SECRET}@db/prod", f"postgresql://r:${{{SECRET} }}@db/prod", f"postgresql://r:{SECRET}\0@db/prod"),
    *(f"postgresql://r:{SECRET}\ud800@db/prod", f"postgresql://r:p@db:{SECRET}/prod", f"\npostgresql://r:{SECRET}@db/prod"),
)


@pytest.mark.parametrize("url", WRONG_URLS, ids=ascii)
def test_no_message_has_a_password(url: str) -> None:
    """However the URL is wrong, nothing of it is told."""
    problems = problems_of(WITHOUT_BASELINE.format(predictions=json.dumps({"table": {"url": url, "name": "p"}})), {})
    assert [problem.partition(": ")[0] for problem in problems] == ["models[0].predictions.table.url"]


@pytest.mark.parametrize("url", [f"postgresql://r:{SECRET}@db/prod", f"postgresql://r:a@{SECRET}@db/prod?password={SECRET}"])
@pytest.mark.parametrize(
    "place", [("table",), ("log",), ("files",), ("table", "mode"), ("files", "path"), ("files", "format"), ("timezone",)]
)
def test_a_password_at_a_wrong_place_is_not_told(url: str, place: tuple[str, ...]) -> None:
    """A URL that stands where something else belongs is told without it."""
    content: Any = url
    for key in reversed(place):
        content = {key: content}
    (*_, problem) = problems_of(WITHOUT_BASELINE.format(predictions=json.dumps(content)), {})
    assert "://...@db/prod" in problem


def test_a_bucket_is_taken_as_it_is() -> None:
    """Its name and pattern are no path of this machine."""
    for path in ("s3://b", "s3://ml-predictions/a/../date=*/*.parquet", "s3://b/"):
        assert predictions_of({"files": {"path": path}}).source.shown == path
    assert predictions_of({"files": {"path": "data/../p/"}}).source.shown == "/base/p"
    assert predictions_of({"files": {"path": "./a://b"}}).source.shown == "/base/a:/b"


def test_full_processes(full: Config) -> None:
    """Each way to find a server; files start at the file's folder, and a unit has its ending."""
    found = [model.process for model in full.models]
    assert found[:5] == [
        Process.model_construct(**{**NO_WAY, "port": 8080, "children": False, "gpu": True}),
        Process.model_construct(**{**NO_WAY, "command": "gunicorn*credit:app"}),
        Process.model_construct(**{**NO_WAY, "pid_file": HERE / "good" / "run" / "model.pid"}),
        Process.model_construct(**{**NO_WAY, "unit": "credit.service"}),
        Process.model_construct(**{**NO_WAY, "cgroup": "/host/cgroup/kubepods*/**/*podmodels*"}),
    ]
    assert found[5:] == [None] * 3
    assert [process.shown for process in found if process is not None][:2] == ["port 8080", "command gunicorn*credit:app"]


NO_WAY: Mapping[str, Any] = {
    **dict.fromkeys(("pid_file", "port", "command", "unit", "cgroup")),
    "children": True,
    "gpu": False,
}


def test_full_thresholds(full: Config) -> None:
    """A column's threshold wins over that of all columns."""
    thresholds = full.models[0].thresholds
    assert dict(thresholds.statistics) == {"psi": 0.2, "missing_ratio": 0}
    assert thresholds.of("psi", "amount") == 0.1
    assert thresholds.of("psi", "age") == 0.2
    assert thresholds.of("missing_ratio", "amount") == 0


def test_full_importance(full: Config) -> None:
    """Weights of features, by name."""
    assert full.models[0].importance == {"amount": 0.4, "age": 0.1, "zip": 0}


def test_full_notifications(full: Config) -> None:
    """Keys that are words of Python have another name in the code."""
    notifications = full.notifications
    smtp, hours = notifications.smtp, notifications.working_hours
    assert smtp is not None
    assert (smtp.smarthost, smtp.sender, smtp.username) == ("smtp.example.com:587", "alerts@example.com", "alerts")
    assert (smtp.password_file, smtp.require_tls) == ("/etc/alertmanager/secrets/smtp_password", False)
    assert hours is not None
    assert (hours.days, hours.start, hours.end) == ("monday:friday", "07:30", "18:00")
    assert hours.timezone == "Europe/Zurich"
    assert notifications.unowned == Contact(slack="#ml-alerts", email="ml@example.com")
    assert notifications.slack_api_url_file == "/etc/alertmanager/secrets/slack_api_url"
    assert notifications.grafana_url == "https://grafana.example.com"
    assert notifications.exporter_url == "https://models.example.com"
    assert notifications.runbooks_url == "https://runbooks.example.com"


def test_full_holds_every_key(full: Config) -> None:
    """The full example sets every key that there is, so that it is tested and can be copied from."""
    schema = json_schema()
    text = (HERE / "good" / "full.yml").read_text()
    keys = {key for part in (schema, *schema["$defs"].values()) for key in part.get("properties", {})}
    # What no section of a model tells yet has no price yet.
    untold = {key for key, (section, _) in METERED.items() if section not in Model.model_fields}
    missing = {key for key in keys - set(known_thresholds()) - untold if not re.search(rf"\b{key}:", text)}
    assert missing == set()
    assert len(full.models) == 8


def test_frozen(full: Config) -> None:
    """Nobody changes a configuration that others read."""
    with pytest.raises(ValidationError, match="frozen"):
        full.interval = Duration.parse("1s")  # type: ignore[misc]  # it is what is refused


@pytest.mark.parametrize(
    ("name", "unit"),
    [("latency_ms", "ms"), ("t_millis", "ms"), ("t_s", "s"), ("t_seconds", "s"), ("t_us", "us"), ("t_ns", "ns")],
)
def test_unit_from_name(name: str, unit: str) -> None:
    """The ending of a field's name tells the unit of a latency."""
    fields = read(f"{MINIMAL}      fields: {{latency: {name}}}\n").models[0].predictions.fields
    assert fields.latency == LatencyField.model_validate({"field": name, "unit": unit})


def test_variables() -> None:
    """A variable is expanded inside texts, once; a $ that begins none stays."""
    text = MINIMAL + '    info: {framework: "${A}-$$-$5-${B}", training_data: "$${A}"}\n'
    info = read(text, environ={"A": "${B}", "B": ""}).models[0].info
    assert (info.framework, info.training_data) == ("${B}-$-$5-", "${A}")


def test_merge_keys() -> None:
    """YAML's anchors and merge keys work, also where a merging mapping is used again."""
    text = """
owners:
  a: &a {slack: "#a"}
  b: &b {<<: *a, slack: "#b", email: b@example.com}
  c: *b
models:
  - {name: m, owner: c, maturity: 0, predictions: {log: {path: /p}}}
"""
    owners = read(text).owners
    assert [owners[name].slack for name in "abc"] == ["#a", "#b", "#b"]
    assert owners["c"].email == "b@example.com"


def test_numbers_with_exponent() -> None:
    """1e-3 is a number, although YAML 1.1 takes it for text."""
    text = MINIMAL + "    thresholds: {psi: 1e-3, ks_statistic: .5}\n"
    assert read(text).models[0].thresholds.statistics == {"psi": 0.001, "ks_statistic": 0.5}


def test_base_is_no_pattern() -> None:
    """Characters of a glob in the name of the file's folder are taken as they are."""
    text = MINIMAL.replace("/var/log/credit/predictions.jsonl", "../logs/*.jsonl")
    assert read(text, base=Path("/srv/[a]/conf")).models[0].predictions.source.shown == "/srv/[[]a]/logs/*.jsonl"


def test_unreadable(tmp_path: Path) -> None:
    """A file that cannot be read is told by its name."""
    for path, reason in ((tmp_path / "none.yml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}: cannot be read: {reason}$"):
            load(path)
    path = tmp_path / "latin.yml"
    path.write_bytes("# Zürich".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"not UTF-8 text, at byte 3$"):
        load(path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe that nobody writes to would keep the exporter from starting; a device has no end."""
    pipe = tmp_path / "pipe.yml"
    os.mkfifo(pipe)
    for path, kind in ((pipe, "a pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(ConfigError, match=f"^{path}: cannot be read: it is {kind} and must be a file$"):
            load(path)


def test_a_file_of_many_megabytes(tmp_path: Path) -> None:
    """It is no configuration, and is not looked at for minutes to find that out; one of a megabyte is."""
    path = tmp_path / "large.yml"
    path.write_text("# comment\n" * 1_000_000)
    with pytest.raises(ConfigError, match=r"cannot be read: it is larger than 1,024 KiB$"):
        load(path)
    path.write_text("#" * (1 << 20))
    with pytest.raises(ConfigError, match=r"the file is empty and must be a mapping"):
        load(path)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("models: !a%0Ab x", r"!a\nb"),
        ('interval: "${A\\n\\nB}"', r"${A\n\nB}"),
        ('owners: {a: {slack: "#a"}}\n? !!int "1\\e[2J"\n: 1', r"1\x1b[2J"),
    ],
)
def test_no_text_of_the_file_begins_a_line_of_its_own(text: str, shown: str) -> None:
    """Or moves the cursor of who reads the message, wherever it comes from."""
    problems = problems_of(text, {})
    assert any(shown in problem for problem in problems), problems
    assert all(problem.isprintable() for problem in problems)


def test_very_many_problems_are_not_all_told() -> None:
    """What is no configuration at all does not fill the log."""
    start = time.process_time()
    problems = problems_of("models: []\n" + "".join(f"key{number}: 1\n" for number in range(5_000)), {})
    assert time.process_time() - start < 10
    assert problems[0] == "models: is empty (allowed: at least 1 entry)"
    assert problems[100:] == ["and more, of which these are the first"]


def test_nested_too_deeply() -> None:
    """A file that exhausts the parser is refused like any other."""
    for deep in ("[" * 10_000, "a: " + "[" * 101 + "]" * 101, "".join(" " * depth + "a:\n" for depth in range(1_000))):
        assert problems_of(deep, {}) == ["lists or mappings are nested too deeply"]


def bomb(first: str, rest: str) -> str:
    """Return a few lines that stand for a thousand million values."""
    names = "abcdefghi"
    lines = [rest.format(after=after, aliases=", ".join([f"*{name}"] * 9)) for name, after in pairwise(names)]
    return "\n".join([first, *lines]) + "\n"


LISTS = bomb("a: &a [x, x, x, x, x, x, x, x, x]", "{after}: &{after} [{aliases}]")
MAPPINGS = bomb("a: &a {x: 1}", "{after}: &{after} {{<<: [{aliases}], own: 2}}")


@pytest.mark.parametrize("text", [LISTS, MAPPINGS, f"owners: ]\nb: {'[' * 100_000}\n"], ids=["lists", "merged", "deep"])
def test_no_text_takes_longer_than_its_size(text: str) -> None:
    """Aliases of aliases, mappings merged into themselves, and what stands behind a mistake."""
    start = time.process_time()
    assert problems_of(text, {})
    assert time.process_time() - start < 1  # that of lists would take hours, and all memory


def test_aliases_stand_for_a_bounded_number_of_values() -> None:
    """The same few defaults for many models are well within it; a bomb is named as what it is."""
    assert problems_of(LISTS, {}) == ["aliases stand for far more values than the file holds; write out what is meant"]
    owners = "".join(f"  team{index}: {{<<: *a}}\n" for index in range(3_000))
    problems = problems_of(f"owners:\n  a: &a {{slack: '#a', email: a@example.com}}\n{owners}models: []\n", {})
    assert problems == ["models: is empty (allowed: at least 1 entry)"]


def test_duplicates_in_what_is_merged() -> None:
    """A mapping that stands at the merge key itself is no exception."""
    problems = problems_of("owners:\n  a: {<<: {slack: '#a', slack: '#b'}}\nmodels: []\n", {})
    assert 'owners.a["<<"].slack: the key is written twice, in line 2 and in line 2' in problems


@pytest.mark.parametrize("escape", [r"\U00110000", r"\UFFFFFFFF"])
def test_an_escape_that_is_no_character(escape: str) -> None:
    """It is a problem of the file, and no traceback."""
    assert problems_of(f'owners: "{escape}"\n', {}) == [r"an escape in double quotes, as \U00110000, is no character"]


def test_byte_order_mark(tmp_path: Path) -> None:
    """A file that an editor began with a byte-order mark is read like any other."""
    path = tmp_path / "exporter.yml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load(path).models[0].name == "credit-risk"


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    entries: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from _places(inner, (*place, key))


def _with(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = _with(value[place[0]], place[1:], new)
    return copy


HOSTILE: tuple[Any, ...] = (
    *(None, True, 10**30, float("nan"), "", "no", "${", "${SECRET}", "\ud800", "\0", "a\nb" * 1000),
    *([], [None], ["a", "a"], {}, {"": 1}, {"<names>": 1}, {"[key]": {}}, {"field": 1}),
)


#: Of the places, each value is tried at every so many, and all places meet three values or more: what takes minutes else.
APART = 6


@pytest.mark.parametrize("nth", range(len(HOSTILE)), ids=lambda nth: ascii(HOSTILE[nth])[:20])
def test_hostile(nth: int) -> None:
    """Whatever stands at whatever place, the file is taken or refused by its name; nothing else is raised."""
    full = load_yaml((HERE / "good" / "full.yml").read_text())
    new, refused = HOSTILE[nth], 0
    for place in list(_places(full))[nth % APART :: APART]:
        text = yaml.safe_dump(_with(full, place, new))  # the library in C takes no half of a surrogate pair
        refused += bool(problems_of(text, {"SECRET": SECRET, "BUCKET": "b"}))
    # None of the values fits the whole file, a section or a list.
    assert refused > 10


def test_check_files(tmp_path: Path) -> None:
    """Missing files and a state folder that cannot be written are told together; the log's folder is a warning."""
    (tmp_path / "file").touch()
    text = f"state_dir: file/state\n{MINIMAL}    dependencies: ${{NAME}}.txt\n"
    text = text.replace("/var/log/credit/", "logs/")
    config = read(text, base=tmp_path, environ={"NAME": SECRET})
    assert check_files(config, Path("exporter.yml")) == [
        (
            f"models[0].baseline: there is no readable file {tmp_path}/baselines/credit-risk.json; build it with: "
            "prediction-exporter baseline --config.file exporter.yml --model credit-risk --data TRAINING_DATA"
        ),
        "models[0].dependencies: there is no readable file",
        (
            f"state_dir: the folder {tmp_path}/file/state is not writable and cannot be created: "
            f"there is a file in its place: {tmp_path}/file"
        ),
    ]
    assert check_log_folders(config) == [f"models[0].predictions.log.path: there is no folder {tmp_path}/logs yet"]


def test_check_bills(tmp_path: Path) -> None:
    """A bill that is not there yet is a warning, a token that is not there an error, each at its place."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.log").touch()
    (tmp_path / "bills").mkdir()
    (tmp_path / "bills/may.json").touch()
    models = "".join(
        f"""
  - {{name: m{n}, owner: o, maturity: 0, predictions: {{log: {{path: logs/a.log}}}}, cost: {cost}}}"""
        for n, cost in enumerate(
            (
                "{focus: {path: bill}}",
                '{focus: {path: "bills/*.csv"}}',
                "{opencost: {url: 'http://o:9003', names: [a], token_file: token}}",
            )
        )
    )
    config = read(f'state_dir: state\nowners: {{o: {{slack: "#o"}}}}\nmodels:{models}\n', base=tmp_path)
    assert check_log_folders(config) == [
        f"models[0].cost.focus.path: there is no file or folder {tmp_path}/bill yet; did you mean bills?",
        f"models[1].cost.focus.path: no file matches {tmp_path}/bills/*.csv yet; its folder holds may.json",
    ]
    assert check_files(config, Path("exporter.yml")) == [
        f"models[2].cost.opencost.token_file: there is no readable file {tmp_path}/token"
    ]


def test_check_files_in_order(tmp_path: Path) -> None:
    """Where everything is there, or can be created, nothing is told."""
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "credit-risk.json").touch()
    (tmp_path / "logs-1").mkdir()
    (tmp_path / "logs-1" / "predictions.jsonl").touch()
    text = "state_dir: a/b/state\n" + MINIMAL.replace("/var/log/credit/", '"logs-*/').replace(".jsonl", '.jsonl"')
    config = read(text, base=tmp_path)
    assert check_files(config, Path("exporter.yml")) == []
    assert check_log_folders(config) == []
    assert not (tmp_path / "a").exists()


def test_a_state_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told who may not write, where, and whose it is; also where only the file in it is another's."""
    (tmp_path / "state").mkdir()
    text = f"state_dir: state{WITHOUT_BASELINE.format(predictions='{log: {path: a}}')}"
    config = read(text, base=tmp_path)
    access, kept = os.access, tmp_path / "state" / "prediction-exporter.db"
    denied: Path | None = None
    monkeypatch.setattr(os, "access", lambda path, mode: path != denied and access(path, mode))
    me, folder = os.geteuid(), f"{tmp_path}/state"
    state = f"state_dir: the folder {folder}"
    denied = tmp_path / "state"
    assert check_files(config, Path("exporter.yml")) == [
        f"{state} is not writable and cannot be created: user {me} may not write in {folder}, which belongs to user {me}"
    ]
    denied = kept
    assert check_files(config, Path("exporter.yml")) == []
    kept.touch()
    assert check_files(config, Path("exporter.yml")) == [
        f"{state} holds a state that belongs to somebody else: user {me} may not write {kept.name}"
    ]


def test_check_password_file(tmp_path: Path) -> None:
    """It is among the files that must be there."""
    content = {"table": {"url": "postgresql://db/prod", "name": "p", "password_file": "secret"}}
    text = f"state_dir: state{WITHOUT_BASELINE.format(predictions=json.dumps(content))}"
    config = read(text, base=tmp_path)
    place = "models[0].predictions.table.password_file"
    assert check_files(config, Path("exporter.yml")) == [f"{place}: there is no readable file {tmp_path}/secret"]
    assert check_log_folders(config) == []
    (tmp_path / "secret").touch()
    assert check_files(config, Path("exporter.yml")) == []


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("there", None),
        ("there/date=*/*.parquet", "no file matches {path} yet; its folder holds part-0.csv, part-1.csv"),
        ("there/**/*.csv", None),
        ("there/file.csv", "there is no file or folder {path} yet"),
        ("their", "there is no file or folder {path} yet; did you mean there?"),
        ("ther/e/*.parquet", "there is no folder {base}/ther/e yet; did you mean there?"),
        ("absent/[ab]/*.parquet", "there is no folder {base}/absent yet"),
        ("*.csv", "no file matches {path} yet; its folder holds there/"),
        ("empty/*", "no file matches {path} yet; its folder is empty"),
        ("s3://absent/p/", None),
    ],
)
def test_check_folders_of_files(tmp_path: Path, path: str, told: str | None) -> None:
    """The folder that a path names must be there, and a file in it; what is there is told. A bucket is not looked at."""
    base = tmp_path / "[a]"
    (base / "there").mkdir(parents=True)
    (base / "empty").mkdir()
    for name in ("part-0.csv", "part-1.csv"):
        (base / "there" / name).touch()
    config = read(WITHOUT_BASELINE.format(predictions=json.dumps({"files": {"path": path}})), base=base)
    shown = f"{tmp_path}/[[]a]"
    if path == "*.csv":
        (base / "empty").rmdir()
    expected = f"models[0].predictions.files.path: {told}".format(path=f"{shown}/{path}", base=shown)
    assert check_log_folders(config) == ([] if told is None else [expected])


def test_what_comes_from_the_environment_is_not_listed(tmp_path: Path) -> None:
    """Neither a path of it, nor the names beside it."""
    (tmp_path / SECRET).mkdir()
    (tmp_path / SECRET / f"{SECRET}.csv").touch()
    text = WITHOUT_BASELINE.format(predictions='{log: {path: "${SECRET}/a.log"}}') + "state_dir: ${SECRET}/hunter2.csv/state\n"
    config = read(text, base=tmp_path, environ={"SECRET": SECRET})
    assert check_log_folders(config) == ["models[0].predictions.log.path: no file matches yet"]
    [problem] = check_files(config, Path("exporter.yml"))
    assert SECRET not in problem


def test_known_thresholds() -> None:
    """The keys are those of the statistics that declare a threshold, and not of those that have none."""
    assert "psi" in known_thresholds()
    assert "mean" not in known_thresholds()


def test_every_key_is_described() -> None:
    """Editors show a description for every section and key."""
    schema = json_schema()
    for name, part in (("Config", schema), *schema["$defs"].items()):
        assert part["description"], name
        for key, value in part["properties"].items():
            assert value.get("description") or key in known_thresholds(), f"{name}.{key}"


@pytest.mark.parametrize("name", ["minimal", "full"])
def test_schema_takes_good_files(name: str) -> None:
    """The JSON Schema is one, and takes what the loader takes."""
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(load_yaml((HERE / "good" / f"{name}.yml").read_text()), schema)


SCHEMA_SEES = (
    *("baseline_missing", "features_pattern", "interval_number", "interval_text", "log_format", "log_path_missing"),
    *("maturity", "name_boolean", "name_characters", "no_models", "owner_slack_without_mark", "owner_unreachable"),
    *("segments_many", "slo_availability", "threshold_negative", "unknown_area", "unknown_key_later_version"),
    *("log_missing", "predictions_two", "table_nothing", "table_both", "table_mode", "table_url_missing", "files_format"),
    *(
        "files_s3_endpoint",
        "files_path_missing",
        "unknown_key_top",
        "unknown_threshold",
        "unknown_threshold_column",
        "value_missing",
        "windows_many",
    ),
)


@pytest.mark.parametrize("name", SCHEMA_SEES)
def test_schema_refuses_bad_files(name: str) -> None:
    """What a schema can see is refused in the editor already."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(load_yaml((HERE / "bad" / f"{name}.yml").read_text()), json_schema())


def test_schema_takes_variables() -> None:
    """A text may be a variable wherever the loader expands one."""
    text = 'interval: "${I}"\n' + MINIMAL.replace("credit-risk\n", '"${N}"\n') + '    task: "${T}"\n'
    jsonschema.validate(load_yaml(text), json_schema())
    config = read(text, environ={"I": "10s", "N": "m", "T": "binary"})
    assert (str(config.interval), config.models[0].name, config.models[0].task) == ("10s", "m", "binary")


def test_schema_file(tmp_path: Path) -> None:
    """The file holds the schema, with defaults as they are written in a configuration."""
    write_schema(tmp_path / "config.schema.json")
    schema = json.loads((tmp_path / "config.schema.json").read_text())
    assert schema == json_schema()
    assert schema["properties"]["windows"]["default"] == ["1h", "24h"]
