"""``check config``: the real command on good and bad configurations."""

from __future__ import annotations

import gzip
import json
import math
import random
import re
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

import forked
from model_servers import serving
from watched import Watched, config_text, model_text


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for models."""
    return Watched(tmp_path)


def check(watched: Watched, **environment: str) -> tuple[int, str, str]:
    """Run the command; return its exit code, output and errors."""
    found = forked.run("check", "config", watched.file, env=environment or None)
    assert "Traceback" not in found.stderr
    return found.returncode, found.stdout, found.stderr


def test_a_good_configuration_shows_what_it_means(watched: Watched) -> None:
    """Which field is what, the series by family, which add up to the total, and the room that the limit leaves."""
    models = (
        model_text("a", "a.log", more="baseline: baseline.json\nsegments: [color]"),
        model_text("b", "b.log", more="maturity: 0"),
    )
    watched.configure(config_text(*models))
    watched.log(10, at=time.time(), to="a.log")
    (watched.folder / "b.log").touch()
    code, output, errors = check(watched)
    assert (code, errors) == (0, f"{watched.file}: warning: models[1].predictions: {watched.folder}/b.log: is empty yet\n")
    lines = output.splitlines()
    expected = [
        f"a: reads {watched.folder}/a.log",
        f"  sample: 10 lines of {watched.folder}/a.log, all usable",
        "  time: ts",
        "  id: none",
        "  version: version",
        "  latency: latency_ms in ms",
        "  status: status",
        "  feature: amount, color",
        "  score: score",
        "  prediction: decision",
        (
            "  maturity 2: traffic, windows, statistics, references, evidence, labels, performance, identity, notes, source, "
            "volume"
        ),
        f"b: reads {watched.folder}/b.log",
        "  nothing to read yet: which field is what is recognised when there are lines",
        "  maturity 0: traffic, identity, notes, source, volume",
        "  maturity 1 would add windows, statistics, evidence, from a baseline",
    ]
    [told] = [line for line in lines if line.startswith("  drift: ")]
    lines.remove(told)
    [first] = [place for place, line in enumerate(lines) if line.startswith("    column ")]
    table = [line.split()[:2] for line in lines[first : first + 5]]
    del lines[first : first + 5]
    assert table[0] == ["column", "budget"]
    assert sorted(table[1:]) == sorted([name, "25.0%"] for name in ("amount", "color", "decision", "score"))
    budget = "1 false alarm a month in all; 0.5 sd is sure in 4 of 4 columns after about "
    assert re.fullmatch(rf"  drift: {budget}\d{{3}} predictions(, \w+ after \d+ predictions)?", told)
    assert sorted(lines[: len(expected)]) == sorted(expected)
    assert (lines[0], lines[11]) == (expected[0], expected[11])
    counts = {name: int(count.replace(",", "")) for count, name in (line.split(None, 1) for line in lines[len(expected) : -2])}
    one = counts.pop("series with one version of each model")
    assert sum(counts.values()) == one
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    assert counts["model_info"] == 2
    assert counts["model_min_predictions"] == 1  # nothing of b, whose maturity is 0, is compared
    assert counts["prediction_exporter_build_info"] == 1
    assert re.fullmatch(r"series_limit 50,000: room for \d versions of each model", lines[-2])
    assert lines[-1].startswith("a: ")  # nothing of b is kept in windows


def test_every_problem_is_told_with_its_place(watched: Watched) -> None:
    """Once each, all at once, with exit code 1; what is good is shown nevertheless."""
    models = (
        model_text("a", "a.log", more="baseline: absent.json\ndependencies: absent.txt"),
        model_text("b", "b.log", more="baseline: baseline.json\nsegments: [amount]"),
        model_text("c", "nowhere/c.log", more="maturity: 0"),
        model_text("d", "d.log", more="baseline: damaged.json"),
        model_text("e", "e.log", more="baseline: baseline.json"),
    )
    watched.configure(config_text(*models))
    (watched.folder / "damaged.json").write_text("{}")
    watched.log(3, to="e.log", amount=None, color=None)
    code, output, errors = check(watched)
    assert code == 1
    file, folder = watched.file, watched.folder
    told = [line for line in errors.splitlines() if ": warning: " not in line]
    assert f"{file}: warning: models[2].predictions.log.path: there is no folder {folder}/nowhere yet" in errors.splitlines()
    assert told[:3] == [
        (
            f"{file}: models[0].baseline: there is no readable file {folder}/absent.json; build it with: "
            f"prediction-exporter baseline --config.file {file} --model a --data TRAINING_DATA"
        ),
        f"{file}: models[0].dependencies: there is no readable file {folder}/absent.txt",
        f"{file}: models[1].segments: amount is no categorical feature of the baseline (these are: color)",
    ]
    rest = told[3:]
    assert len(rest) == 2
    assert rest[0].startswith(f"{file}: {folder}/damaged.json: is no baseline file: ")
    assert rest[1].startswith(f"{file}: models[4].predictions.fields.features: none of the baseline's features (amount, color)")
    assert f"c: reads {folder}/nowhere/c.log" in output
    assert "series" not in output


def test_a_file_that_cannot_be_read_as_a_configuration(watched: Watched) -> None:
    """Each line names the place and what is allowed there."""
    watched.configure()
    watched.file.write_text(config_text().replace("interval: 1s", "interval: 1x\nnonsense: 1"))
    code, output, errors = check(watched)
    assert (code, output) == (1, "")
    assert {line.split(": ")[1] for line in errors.splitlines()} == {"interval", "nonsense"}
    watched.file.unlink()
    assert check(watched) == (1, "", f"{watched.file}: cannot be read: No such file or directory\n")


def test_too_many_series_fail_with_their_number_by_family(watched: Watched) -> None:
    """The largest families are named, and what to do."""
    watched.configure(config_text(more="series_limit: 500"))
    watched.log(1, at=time.time())
    code, output, errors = check(watched)
    assert code == 1
    start = rf"{watched.file}: series_limit: 500 series are allowed, and \d+ are needed for two versions of each model"
    assert re.match(start, errors)
    assert "model_statistic_status" in errors
    assert errors.endswith(
        "raise series_limit, exclude families with series.exclude, or have fewer windows, segments or columns\n"
    )
    assert "room for" not in output


def test_nothing_from_the_environment_is_printed(watched: Watched) -> None:
    """Neither from a bad value nor from a path."""
    text = config_text().replace("interval: 1s", "interval: ${SECRET_INTERVAL}")
    watched.configure()
    watched.file.write_text(text)
    code, output, errors = check(watched, SECRET_INTERVAL="hunter2")
    assert code == 1
    assert "interval" in errors
    watched.file.write_text(config_text(model_text(more="baseline: ${SECRET_PATH}/b.json")))
    _, more_output, more_errors = check(watched, SECRET_PATH="/hunter2")
    assert "models[0].baseline" in more_errors
    assert "hunter2" not in output + errors + more_output + more_errors


def test_no_password_of_a_table_is_printed(watched: Watched) -> None:
    """Neither one of the file nor one of the environment, whether the URL is good or bad."""
    watched.configure()
    models = (
        "{name: a, owner: me, maturity: 0, predictions: {table: {url: 'nodatabase://reader:${SECRET}@db/prod', name: p}}}",
        "{name: b, owner: me, maturity: 0, predictions: {table: {url: 'nodatabase://reader:hunter2@db/prod', name: p}}}",
    )
    text = config_text().partition("models:")[0] + "models:\n" + "".join(f"  - {model}\n" for model in models)
    watched.file.write_text(text)
    _, output, errors = check(watched, SECRET="hunter2")
    assert "nodatabase://db/prod p" in output + errors
    assert "hunter2" not in output + errors
    watched.file.write_text(text.replace("@db", "@x@db"))
    code, output, errors = check(watched, SECRET="hunter2")
    assert (code, output) == (1, "")
    assert [line.split(": ")[1] for line in errors.splitlines()] == [f"models[{n}].predictions.table.url" for n in (0, 1)]
    assert "hunter2" not in errors


def columns_text(columns: dict[str, str]) -> str:
    """Return the lines of a model that set the kinds of columns."""
    return "baseline: baseline.json\ncolumns: " + json.dumps({name: {"kind": kind} for name, kind in columns.items()})


def model_with(content: bytes | str, watched: Watched, *, name: str, more: str = "maturity: 0", log: str = "{}.log") -> str:
    """Return the configuration of a model whose log has this content."""
    file = watched.folder / log.format(name)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return model_text(name, file.name, more=more, fields="{time: ts}")


NO_LOGS: list[tuple[str, bytes | str, str]] = [
    ("csv", "ts,amount,color\n2026-05-04T09:30:00Z,1.5,red\n2026-05-04T09:30:01Z,2,blue\n", "is CSV (ts,amount,color), which"),
    ("tsv", "ts\tamount\n1\t2\n", "is CSV (ts\tamount), which `files` reads"),
    ("spaces", "sepal length,pred\n6.3,setosa\n4.9,versicolor\n4,5\n", "is CSV (sepal length,pred), which"),
    (
        "array",
        '[{"ts": 1, "amount": 2},\n{"ts": 2, "amount": 3}]\n',
        "holds a JSON array; a log has a JSON object for each line",
    ),
    ("pretty", json.dumps({"ts": 1, "features": {"a": 1}}, indent=2) + "\n", "holds JSON over several lines"),
    ("joined", '{"ts": 1, "amount": 2}{"ts": 2, "amount": 3}\n', "holds several JSON objects in a line"),
    (
        "repr",
        "{'ts': 1, 'amount': 2}\n",
        "has single quotes, as Python prints a dict, and is no JSON; write the line with json.dumps",
    ),
    ("prefix", 'INFO:model:{"ts": 1, "amount": 2}\n', "has text before the JSON of a line (INFO:model:); a line must be"),
    ("parquet", b"PAR1" + bytes(100) + b"\n", "is a Parquet file, which `files` reads"),
    ("unnamed", gzip.compress(b'{"ts": 1}\n' * 9) + b"\n", "is compressed with gzip, which its name does not say"),
    ("utf16", '{"ts": 1}\n{"ts": 2}\n'.encode("utf-16"), "is UTF-16 text; a log is UTF-8"),
    ("utf16-bare", '{"ts": 1}\n{"ts": 2}\n'.encode("utf-16-be"), "is UTF-16 text; a log is UTF-8"),
    ("latin", '{"ts": 1, "city": "Köln"}\n'.encode("latin-1"), "is not UTF-8, which a log is"),
    ("commas", '{"ts": 1},\n{"ts": 2},\n', "has a comma behind the object of a line"),
    ("binary", bytes(range(256)) * 4 + b"\n", "is no text"),
]


def test_a_file_that_is_no_log_is_named_as_what_it_is(watched: Watched) -> None:
    """Each fails the check, none hides another, and what is shown of them does not look fine."""
    models = [model_with(content, watched, name=name) for name, content, _ in NO_LOGS]
    watched.configure(config_text(*models))
    code, output, errors = check(watched)
    assert code == 1
    lines = errors.splitlines()
    assert len(lines) == len(NO_LOGS)
    for index, (name, _, expected) in enumerate(NO_LOGS):
        assert lines[index].startswith(f"{watched.file}: models[{index}].predictions: {watched.folder}/{name}.log: {expected}")
    assert output.count("nothing to read yet: it cannot be read as it is") == len(NO_LOGS)
    assert "series_limit" not in output


def test_compressed_files_that_are_none(watched: Watched) -> None:
    """A name that ends in .gz and a content that is none; one that is none yet is no fault."""
    good = gzip.compress(json.dumps({"ts": time.time(), "amount": 2}).encode() + b"\n")
    contents = {"plain": b'{"ts": 1, "amount": 2}\n', "torn": b"\x1f\x8b\x08" + bytes(range(64)), "fine": good}
    models = [model_with(content, watched, name=name, log="{}.log.gz") for name, content in contents.items()]
    watched.configure(config_text(*models))
    code, output, errors = check(watched)
    assert code == 1
    place = f"{watched.file}: models[{{}}].predictions: {watched.folder}/{{}}.log.gz: "
    assert errors.splitlines() == [
        place.format(0, "plain") + "is not compressed, though its name says so",
        place.format(1, "torn") + "is damaged",
    ]
    assert "fine.log.gz, all usable\n  time: ts" in output


def test_what_may_come_right_is_a_warning(watched: Watched) -> None:
    """A server's first lines, an empty file, a line without end, a glob without a match: exit code 0, and a word about each."""
    contents = {
        "banner": "[2026-05-04 09:30:00 +0000] [1] [INFO] Starting gunicorn, please wait\nListening, at 8080\n",
        "empty": "",
        "open": '{"ts": 1, "amount": 2}',
    }
    models = [model_with(content, watched, name=name) for name, content in contents.items()]
    models.append(model_text("glob", "glob-*.log", more="maturity: 0"))
    watched.configure(config_text(*models))
    code, output, errors = check(watched)
    assert code == 0
    place = f"{watched.file}: warning: models[{{}}].predictions"
    first, *rest = errors.splitlines()
    assert first.startswith(f"{place.format(3)}.log.path: no file matches {watched.folder}/glob-*.log yet; its folder holds ")
    shown = contents["banner"].splitlines()[0]
    assert rest == [
        f"{place.format(0)}: {watched.folder}/banner.log: has no JSON object yet, but 2 lines of text, as {shown!r}",
        f"{place.format(1)}: {watched.folder}/empty.log: is empty yet",
        f"{place.format(2)}: {watched.folder}/open.log: has no whole line yet: a line counts when its newline is written",
    ]
    assert output.count("nothing to read yet: which field is what") == len(models)


def test_a_folder_in_the_place_of_a_log(watched: Watched) -> None:
    """It is told, with a glob to write instead."""
    (watched.folder / "logs").mkdir()
    watched.configure(config_text(model_text("m", "logs", more="maturity: 0")))
    code, _, errors = check(watched)
    shown = f"{watched.folder}/logs"
    assert code == 1
    assert f"models[0].predictions: {shown}: is a folder; write a glob of the files in it, as {shown}/*.jsonl\n" in errors


def test_refused_lines_are_told_with_the_reason(watched: Watched) -> None:
    """All of them fails, with an example and a remedy; most of them is a warning; a few are in what is shown."""
    now = time.time()

    def lines(*times: Any) -> str:
        return "".join(json.dumps({"ts": at, "amount": 1.0}) + "\n" for at in times)

    models = [
        model_with(lines("04/05/2026 09:30", "04/05/2026 09:31"), watched, name="form"),
        model_with(lines(now + 7200, now + 7201), watched, name="zone"),
        model_with(lines("yesterday", "today", now), watched, name="most"),
        model_with("Started\n" + lines(now, now), watched, name="few"),
        model_with("Started\n" + lines("soon", "later"), watched, name="both"),
    ]
    watched.configure(config_text(*models))
    code, output, errors = check(watched)
    assert code == 1
    warning, form, zone, both = errors.splitlines()
    file = watched.file
    assert form.startswith(f"{file}: models[0].predictions: every sampled line is refused as invalid_time (")
    assert form.endswith("such as '04/05/2026 09:30'; write which field is the time, and its unit, to fields.time")
    assert zone.startswith(f"{file}: models[1].predictions: every sampled line is refused as future (")
    assert zone.endswith("; set the clock, or the timezone of times that carry none")
    assert warning.startswith(f"{file}: warning: models[2].predictions: most sampled lines are refused, as invalid_time (")
    assert both.startswith(f"{file}: models[4].predictions: every sampled line is refused, most as invalid_time (")
    assert f"  sample: 3 lines of {watched.folder}/few.log, 1 refused as malformed\n" in output


def test_a_log_that_an_editor_saved(watched: Watched) -> None:
    """A byte-order mark and lines that end as on Windows are no fault."""
    line = json.dumps({"ts": time.time(), "amount": 1.0})
    watched.configure(config_text(model_with(f"\ufeff{line}\r\n{line}\r\n", watched, name="m")))
    code, output, errors = check(watched)
    assert (code, errors) == (0, "")
    assert f"  sample: 2 lines of {watched.folder}/m.log, all usable\n" in output


def test_columns_without_values_are_told(watched: Watched) -> None:
    """One that is renamed in the log, with what was perhaps meant, and one that holds something else."""
    watched.configure(config_text(model_text("a", "a.log"), model_text("b", "b.log")))
    now = time.time()
    watched.log(20, at=now, to="a.log", amount=None, amuont=3.5)
    watched.log(20, at=now, to="b.log", amount="many")
    code, _, errors = check(watched)
    assert code == 0
    start = f"{watched.file}: warning: models[{{}}].predictions.fields: "
    assert errors.splitlines() == [
        start.format(0) + "1 of 4 columns was not seen in 20 records: amount (looked for as amount; did you mean amuont?)",
        start.format(1) + "every sampled value is invalid of amount (numeric in the baseline)",
    ]


def test_categories_that_the_baseline_does_not_know(watched: Watched) -> None:
    """A baseline of class numbers beside a log of class names, say; one that is known among them is enough."""
    watched.configure(config_text(model_text("a", "a.log"), model_text("b", "b.log")))
    now = time.time()
    watched.log(20, at=now, to="a.log", color="green")
    watched.log(20, at=now, to="b.log", color="green")
    watched.log(1, at=now, to="b.log", color="blue")
    code, _, errors = check(watched)
    assert code == 0
    place = f"{watched.file}: warning: models[0].predictions.fields: "
    message = "every sampled value is unknown to the baseline of color (which has "
    assert re.fullmatch(re.escape(place + message) + r"(blue, red|red, blue)\)\n", errors)


def test_a_feature_that_is_misspelt_in_a_list(watched: Watched) -> None:
    """The baseline's columns are watched whatever the list says, so that nothing else would tell."""
    fields = "{time: ts, version: version, prediction: decision, score: score, features: [amuont, color]}"
    watched.configure(config_text(model_text(fields=fields)))
    watched.log(20, at=time.time())
    code, _, errors = check(watched)
    place = "models[0].predictions.fields.features[0]"
    has = "ts, version, amount, color, decision, score, latency_ms, status"
    assert (code, sorted(errors.splitlines())) == (
        1,
        [
            f"{watched.file}: {place}: none of 20 records has amuont; did you mean amount? (they have: {has})",
            f"{watched.file}: warning: {place}: the baseline has no column amuont; did you mean amount?",
        ],
    )


#: A name that no record has, by its key, and how its message begins.
NOWHERE = {
    "status: stat": "status: none of 20 records has stat; did you mean status?",
    "status: http": "status: none of 20 records has http; did you mean status?",
    "latency: took_ms": "latency: none of 20 records has a value of took_ms; did you mean latency_ms? (they have: ts, ",
    "latency: {field: tooks, unit: ms}": "latency: none of 20 records has a value of tooks; did you mean latency_ms?",
    "score: 'scor*'": 'score: none of 20 records has scor*; a pattern is written score: {pattern: "scor*"}',
    "score: {pattern: 'p_*'}": "score.pattern: none of 20 records has p_*; did you mean score?",
    "version: model.versoin": "version: none of 20 records has model.versoin",
    "score: y_pred_proba": "score: none of 20 records has y_pred_proba; did you mean score?",
    "score: 'score[0][1]'": "score: none of 20 records has score[0][1]; a list inside of a list is read where it is alone",
    "prediction: decison": "prediction: none of 20 records has decison; did you mean decision?",
    "features: inptus": "features: none of 20 records has inptus",
    "time: tss": "time: no line among the first 20 has a field tss; did you mean ts? (they have: ",
}


def test_a_name_that_no_record_has(watched: Watched) -> None:
    """It is an error with its place, what may be meant, and what the records have; nothing else is one."""
    models = [model_text(f"m{number}", fields=f"{{{stated}}}") for number, stated in enumerate(NOWHERE)]
    watched.configure(config_text(*models))
    watched.log(20, at=time.time())
    code, _, errors = check(watched)
    told = [line for line in errors.splitlines() if ": warning: " not in line]
    assert (code, len(told)) == (1, len(NOWHERE))
    for number, (line, expected) in enumerate(zip(told, NOWHERE.values(), strict=True)):
        assert line.startswith(f"{watched.file}: models[{number}].predictions.fields.{expected}")


def test_absent_is_not_misconfigured(watched: Watched) -> None:
    """Failed requests lack what is stated, and an error is written on failure alone."""
    fields = "{status: error, version: version, latency: latency_ms, features: [amount, color], score: score}"
    watched.configure(config_text(model_text("a", "a.log", fields=fields), model_text("b", "b.log", fields=fields)))
    now = time.time()
    watched.log(20, at=now, to="a.log")
    with (watched.folder / "b.log").open("w") as file:
        file.writelines(json.dumps({"ts": now, "error": "no memory"}) + "\n" for _ in range(300))
    code, _, errors = check(watched)
    assert code == 0, errors
    told = [line.partition(": warning: models")[2] for line in errors.splitlines()]
    assert told[0] == "[0].predictions: fields.status: no sampled record has error; a request fails where it is set"
    assert any("[1].predictions.fields.status: 300 of 300 sampled requests count as failed" in line for line in told)


def test_requests_that_all_count_as_failed_are_asked_about(watched: Watched) -> None:
    """A word that nobody knows is shown, and what to write; what is written is not asked about again."""
    models = [model_text("a", "a.log", fields="{}"), model_text("b", "b.log", fields="{status: {field: status, ok: [fertig]}}")]
    models.append(model_text("c", "c.log", fields="{status: {field: status, failed: [fertig]}}"))
    watched.configure(config_text(*models))
    for name in ("a", "b", "c"):
        watched.log(20, at=time.time(), to=f"{name}.log", status="fertig")
    code, output, errors = check(watched)
    assert code == 0
    asked = [line for line in errors.splitlines() if "count as failed" in line]
    question = "20 of 20 sampled requests count as failed, as their status is 'fertig'; is it so? If not, write"
    assert [line.partition(" which values")[0] for line in asked] == [
        f"{watched.file}: warning: models[0].predictions.fields.status: {question}"
    ]
    assert output.count("  status: status\n") == 1  # of b: the other two wait for a request that succeeds


def test_a_latency_that_is_no_number_is_told(watched: Watched) -> None:
    """Recognised by its name or written: a duration in words is none."""
    watched.configure(
        config_text(model_text("a", "a.log", fields="{}"), model_text("b", "b.log", fields="{latency: latency_ms}"))
    )
    for name in ("a", "b"):
        watched.log(20, at=time.time(), to=f"{name}.log", latency_ms="12.5ms")
    code, _, errors = check(watched)
    place = f"{watched.file}: models[{{}}].predictions.fields.latency"
    message = "no value of latency_ms is a duration, such as '12.5ms'; have it written as a number"
    assert (code, errors.splitlines()) == (1, [f"{place.format(number)}: {message}" for number in (0, 1)])


def test_columns_that_no_record_has_are_not_shown_as_found(watched: Watched) -> None:
    """Where they are looked for is a guess, and said to be one."""
    watched.configure(config_text(model_text(fields="{}")))
    with (watched.folder / "app.log").open("w") as file:
        file.writelines(json.dumps({"ts": time.time(), "status": 200, "amount": 1.5}) + "\n" for _ in range(20))
    code, output, errors = check(watched)
    assert code == 0
    assert "  feature: amount; not seen: color\n" in output
    assert "  prediction: none; not seen: decision\n" in output
    assert "fields: 3 of 4 columns were not seen in 20 records: " in errors


def test_processes_that_are_there_and_that_are_not(watched: Watched) -> None:
    """Their numbers, or why there are none; a server may be started later, so that this is no error."""
    watched.log(20, at=time.time())
    with serving("a-server-to-check") as server:
        watched.configure(config_text(model_text(more="baseline: baseline.json\nprocess: {command: a-server-to-check}")))
        code, output, _ = check(watched)
        assert code == 0
        assert f"\n  processes found by command a-server-to-check: {server.pid}\n" in output
    code, output, errors = check(watched)
    assert code == 0
    assert "processes found" not in output
    assert f"{watched.file}: warning: models[0].process: it is not found now: none of " in errors


def test_a_configuration_that_serves_nothing(watched: Watched) -> None:
    """It would not start."""
    collectors = (
        "traffic, windows, statistics, references, evidence, labels, performance, identity, server, notes, cost, bill, source, "
        "volume, exporter"
    )
    watched.configure(config_text(more=f"series: {{exclude: [{collectors}]}}"))
    watched.log(20, at=time.time())
    code, _, errors = check(watched)
    assert code == 1
    assert errors.splitlines()[-1].startswith(
        f"{watched.file}: every collector is switched off; switch one on with --collector."
    )


def test_settings_of_columns_that_have_no_effect(watched: Watched) -> None:
    """Names that nobody has, with what was perhaps meant, and kinds that the baseline was not built with, with its command."""
    settings = {"amuont": "numeric", "features.color": "ignore", "amount": "categorical", "color": "ignore", "score": "numeric"}
    watched.configure(config_text(model_text(more=columns_text(settings)), model_text("n", "n.log", more="maturity: 0")))
    watched.log(5, at=time.time())
    watched.log(5, at=time.time(), to="n.log")
    code, output, errors = check(watched)
    assert code == 1
    place = f"{watched.file}: models[0].columns"
    command = f"prediction-exporter baseline --config.file {watched.file} --model m --data TRAINING_DATA"
    anew = f"build the baseline anew with: {command}"
    lack = "neither the baseline nor the source's first lines have a column"
    assert errors.splitlines() == [
        f"{place}.amuont: {lack} amuont; did you mean amount?",
        f'{place}["features.color"]: {lack} features.color; did you mean color?',
        f"{place}.amount.kind is categorical, and the baseline counts the column as numeric; {anew}",
        f"{place}.color.kind is ignore, and the baseline counts the column as categorical; {anew}",
    ]
    assert "n.log, all usable" in output


def test_the_command_that_a_message_shows_mends_it(watched: Watched) -> None:
    """Run as it stands, with the data in the place of its last word, the next check finds nothing."""
    watched.configure(config_text(model_text(more=columns_text({"color": "ignore"}))))
    watched.log(5, at=time.time())
    for _ in range(2):  # first the baseline contradicts, then it is missing
        code, _, errors = check(watched)
        assert code == 1
        [command] = re.findall(r"with: prediction-exporter (.*)$", errors, re.MULTILINE)
        data = command.replace("TRAINING_DATA", str(watched.folder / "baseline.parquet")).split()
        forked.run(*data, check=True)
        assert check(watched)[0] == 0
        (watched.folder / "baseline.json").unlink()


def test_without_a_baseline_the_log_is_looked_at_nevertheless(watched: Watched) -> None:
    """Its missing baseline, its log and its columns are told together."""
    more = columns_text({"amuont": "numeric"}).replace("baseline.json", "absent.json")
    watched.configure(config_text(model_text(more=more)))
    watched.log(5, at=time.time())
    code, output, errors = check(watched)
    assert code == 1
    assert "models[0].baseline: there is no readable file" in errors
    assert "models[0].columns.amuont: the source's first lines have no column amuont; did you mean amount?" in errors
    assert "  time: ts\n" in output


def test_files_that_cannot_be_read(watched: Watched) -> None:
    """Damaged ones fail the check; names that are no data, and files that may be written still, are warnings."""
    for name in ("damaged", "names", "young", "none"):
        (watched.folder / name).mkdir()
    (watched.folder / "damaged/a.parquet").write_bytes(b"PAR1" + bytes(20) + b"PAR1")
    (watched.folder / "names/a.txt").write_text("x")
    (watched.folder / "young/a.csv").write_text("ts,amount\n1,2\n")
    models = [
        f"\n  - {{name: {name}, owner: me, maturity: 0, predictions: {{files: {{path: {name}, settle: 10m}}}}}}"
        for name in ("damaged", "names", "young", "none")
    ]
    watched.configure(config_text(*models, more=""))
    code, _output, errors = check(watched)
    assert code == 1
    *warnings, damaged = errors.splitlines()
    assert damaged.startswith(f"{watched.file}: models[0].predictions: {watched.folder}/damaged/a.parquet: cannot be read: ")
    assert [line.partition(".predictions: ")[2].split("; ")[0] for line in warnings] == [
        (
            f"{watched.folder}/names/a.txt: is no data by its name, and neither is any other file here (data are .parquet, "
            ".pq, .csv, .jsonl, .ndjson, .json)"
        ),
        f"{watched.folder}/young/a.csv: may be written still",
        f"{watched.folder}/none: has no files yet",
    ]


def test_rows_of_files_that_are_refused(watched: Watched) -> None:
    """As lines of a log are, in each form."""
    now = time.time()
    (watched.folder / "in").mkdir()
    (watched.folder / "in/a.csv").write_text("ts,amount\n04/05/2026,2\n05/05/2026,3\n")
    (watched.folder / "out").mkdir()
    (watched.folder / "out/a.jsonl").write_text(json.dumps({"ts": now, "amount": 2}) + "\n")
    models = [
        f"\n  - {{name: {name}, owner: me, maturity: 0, predictions: {{files: {{path: {name}, settle: 0s}}}}}}"
        for name in ("in", "out")
    ]
    watched.configure(config_text(*models))
    code, output, errors = check(watched)
    assert code == 1
    assert errors.startswith(f"{watched.file}: models[0].predictions: every sampled line is refused as invalid_time (")
    assert f"sample: 1 line of {watched.folder}/out/a.jsonl, all usable" in output


def test_a_table(watched: Watched) -> None:
    """One without rows is a warning, and so is one out of reach; settings are held against its columns as against a log."""
    with duckdb.connect(str(watched.folder / "p.duckdb")) as connection:
        connection.execute("create table filled (ts timestamp, amount double, color text, decision text, score double)")
        connection.execute("insert into filled values (now(), 1, 'red', 'accept', 0.7)")
        connection.execute("create table empty as select * from filled limit 0")
    model = "\n  - {{name: {0}, owner: me, baseline: baseline.json, predictions: {{table: {{url: {1}, name: {0}}}}}{2}}}"
    watched.configure(
        config_text(
            model.format("filled", "'duckdb:///p.duckdb'", ", columns: {amuont: {kind: numeric}}"),
            model.format("empty", "'duckdb:///p.duckdb'", ""),
            model.format("away", "'postgresql://reader@127.0.0.1:1/prod'", ""),
        )
    )
    code, output, errors = check(watched)
    assert code == 1
    places = [line.removeprefix(f"{watched.file}: ") for line in errors.splitlines()]
    lack = "neither the baseline nor the source's first lines have a column"
    assert places[-1] == f"models[0].columns.amuont: {lack} amuont; did you mean amount?"
    assert places[0] == "warning: models[1].predictions: the table has no row with a time yet"
    assert places[1].startswith("warning: models[2].predictions: the source cannot be looked at now: ")
    assert len(places) == 3
    assert "  feature: amount, color\n" in output


def test_warnings_stand_before_the_table(watched: Watched) -> None:
    """And behind what was looked at: the table is long, and what is above it is overlooked by nobody who reads to its end."""
    watched.configure(config_text(model_text(), model_text("n", "n-*.log", more="maturity: 0")))
    watched.log(10, at=time.time())
    found = forked.run("check", "config", watched.file, check=True, mixed=True).stdout
    assert found.index("n: reads ") < found.index(": warning: ") < found.index("series_limit ")
    assert found.rindex(": warning: ") < found.index("  model_")


def test_a_log_that_is_older_than_every_window(watched: Watched) -> None:
    """There is nothing to compare, and starting at the beginning counts nothing; one that goes on until now is no matter."""
    watched.configure()
    watched.log(5, at=time.time() - 40 * 86400)
    code, _, errors = check(watched)
    assert code == 0
    assert "models[0].predictions: every sampled event lies before the longest window (24h), the newest is of " in errors
    assert errors.rstrip().endswith("UTC; start: beginning has nothing to count")
    watched.log(5, at=time.time() - 60)
    assert "every sampled event lies before" not in check(watched)[2]


def test_what_is_not_compared_is_said(watched: Watched) -> None:
    """Columns that are watched for presence alone, those that are left out, and items of a list that are too many."""
    rows = [{"x": n * 0.37, "day": f"2026-05-{1 + n % 28:02}", "label": n % 2, "e": [0.5] * 201} for n in range(100)]
    (watched.folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    watched.configure(config_text(model_text(fields="{time: ts}")))
    build = ["baseline", "--config.file", str(watched.file), "--model", "m", "--data", str(watched.folder / "train.jsonl")]
    said = forked.run(*build, check=True).stdout
    assert "e[200]" in said
    watched.write("".join(json.dumps({"ts": time.time(), **row}) + "\n" for row in rows[:5]))
    _, output, _ = check(watched)
    assert "  watched for presence alone: day\n" in output
    assert "label (label: the truth, which production does not know yet)" in output
    assert "e[200] (the list has 201 items, of which the first 200 are columns)" in output


def test_what_can_be_seen_is_said(watched: Watched) -> None:
    """A column that never stays where it was is named, with the change that it makes by itself."""
    rows = [{"ts": 1_780_000_000 + 1800 * n, "steady": math.sin(n * n), "rises": n / 7} for n in range(48 * 28)]
    (watched.folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    watched.configure(config_text(model_text(fields="{time: ts}")))
    build = ["baseline", "--config.file", str(watched.file), "--model", "m", "--data", str(watched.folder / "train.jsonl")]
    forked.run(*build, check=True)
    watched.write("".join(json.dumps(row | {"ts": time.time()}) + "\n" for row in rows[:5]))
    _, output, _ = check(watched)
    assert "0.5 sd is sure in 1 of 2 columns after about " in output
    found = re.search(r"  smaller changes cannot be told from what varies anyway: rises \(from (\d\.\d) sd\)\n", output)
    assert found is not None
    assert float(found[1]) > 1.5


def test_a_baseline_that_compares_nothing_is_no_good_news(watched: Watched) -> None:
    """Where all columns are watched for presence alone, drift is watched nowhere, and that is said."""
    rows = [{"day": f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}"} for n in range(400)]  # without a time they have no age
    (watched.folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    watched.configure(config_text(model_text(fields="{time: ts}")))
    build = ["baseline", "--config.file", str(watched.file), "--model", "m", "--data", str(watched.folder / "train.jsonl")]
    forked.run(*build, check=True)
    watched.write("".join(json.dumps({"ts": time.time(), **row}) + "\n" for row in rows[:5]))
    code, _, errors = check(watched)
    assert code == 0
    assert f"{watched.file}: warning: models[0].baseline: no column has a distribution that could be compared: " in errors


def test_a_failing_status_is_asked_about_by_its_name(watched: Watched) -> None:
    """Also where no request succeeded, so that nothing else is recognised yet."""
    watched.configure(config_text(model_text(fields="{}")))
    lines = [json.dumps({"ts": time.time(), "meta": 1, "http_status": "kaputt"}) + "\n" for _ in range(20)]
    watched.write("".join(lines))
    _, _, errors = check(watched)
    assert "as status: {field: http_status, failed: [VALUE]}, or which do not, with ok: [VALUE]" in errors


def test_a_table_without_rows_tells_what_it_lacks(watched: Watched) -> None:
    """Its columns are known before its rows; a latency that old rows lack is none that nobody can read."""
    with duckdb.connect(str(watched.folder / "p.duckdb")) as connection:
        connection.execute("create table empty (ts timestamp, amount double, status int, took_ms double)")
        connection.execute("create table filled as select * from empty")
        connection.execute("insert into filled values (now(), 1, 200, null)")
    source = "{{table: {{url: 'duckdb:///p.duckdb', name: {0}}}, fields: {{latency: took_ms, status: {1}}}}}"
    model = "\n  - {{name: {0}{1}, owner: me, maturity: 0, predictions: " + source + "}}"
    watched.configure(config_text(model.format("empty", "stat"), model.format("filled", "status")))
    code, _, errors = check(watched)
    assert code == 1
    told = [line.removeprefix(f"{watched.file}: ") for line in errors.splitlines()]
    has = "columns: ts, amount, status, took_ms"
    assert told == [
        "warning: models[0].predictions: the table has no row with a time yet",
        f"models[0].predictions.fields.status: there is no column stat; did you mean status? ({has})",
    ]


def test_a_log_that_rounds(watched: Watched) -> None:
    """Bins that are narrower than a step of the log would be empty or full for ever."""
    # As both sides have it, a bin for each step is no finer than the log.
    rows = [{"p": (n / 1000) ** 6, "q": n / 1000, "r": 0.2 + n % 12 / 100} for n in range(1000)]
    rows = [{**row, "r": round(row["r"], 2)} for row in rows]
    (watched.folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    events = [{"ts": time.time(), "p": round(row["p"], 2), "q": round(row["q"], 2), "r": row["r"]} for row in rows]
    watched.write("".join(json.dumps(event) + "\n" for event in events))
    build = ["baseline", "--config.file", str(watched.file), "--model", "m", "--data", str(watched.folder / "train.jsonl")]
    told = "columns.p: the sampled values have at most 2 decimals"
    for settings, expected in (("{}", True), ("{p: {decimals: 2}}", False)):
        more = f"baseline: baseline.json\ncolumns: {settings}"
        watched.configure(config_text(model_text(fields="{time: ts}", more=more)))
        forked.run(*build, check=True)
        errors = check(watched)[2]
        assert (told in errors) == expected
        assert "columns.q" not in errors
        assert "columns.r" not in errors


def test_a_table_shows_the_split_of_the_budget(watched: Watched) -> None:
    """What matters most stands first, with what it has of the budget; of many columns the others are one row."""
    rng = random.Random(9)
    rows = [{f"c{n:02}": rng.random() for n in range(50)} | {"score": rng.random()} for _ in range(400)]
    (watched.folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    weights = "baseline: wide.json\nimportance: {c31: 0.4, c07: 0.2, c49: 0.1}"
    watched.configure(config_text(model_text(fields="{time: ts}", more=weights)))
    build = ["baseline", "--config.file", str(watched.file), "--model", "m", "--data", str(watched.folder / "train.jsonl")]
    forked.run(*build, check=True)
    watched.write("".join(json.dumps(row | {"ts": time.time() - 600 * n}) + "\n" for n, row in enumerate(rows[:60])))
    code, output, errors = check(watched)
    assert code == 0, errors
    lines = output.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("    column"))
    assert lines[first].split() == ["column", "importance", "budget", "seen", "from", "0.5", "sd", "sure", "after"]
    rows_shown = [line.split() for line in lines[first + 1 : first + 12]]
    # Half of the features' 50 of 51 parts is equal, half by importance; the other 47 features share 0.3.
    part = {name: 50 / 51 * (0.5 / 50 + 0.5 * importance) for name, importance in (("c31", 0.4), ("c07", 0.2), ("c49", 0.1))}
    assert [row[:3] for row in rows_shown[:3]] == [
        ["c31", "40.0%", f"{part['c31']:.1%}"],
        ["c07", "20.0%", f"{part['c07']:.1%}"],
        ["c49", "10.0%", f"{part['c49']:.1%}"],
    ]
    assert rows_shown[10][:2] == ["41", "more"]
    assert all("h" in row or "days" in row for row in rows_shown)  # at six predictions an hour
    assert not lines[first + 12].startswith("    ")
