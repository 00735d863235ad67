"""``check config``: the real command on good and bad configurations."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from watched import Watched, config_text, model_text


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for models."""
    return Watched(tmp_path)


def check(watched: Watched, **environment: str) -> tuple[int, str, str]:
    """Run the command; return its exit code, output and errors."""
    line = [sys.executable, "-m", "prediction_exporter", "check", "config", str(watched.file)]
    found = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env=environment or None)
    assert "Traceback" not in found.stderr
    return found.returncode, found.stdout, found.stderr


def test_a_good_configuration_shows_what_it_means(watched: Watched) -> None:
    """Which field is what, the series by family, which add up to the total, and the room that the limit leaves."""
    models = (
        model_text("a", "a.log", more="baseline: baseline.json\nsegments: [color]"),
        model_text("b", "b.log", more="maturity: 0"),
    )
    watched.configure(config_text(*models))
    watched.log(10, to="a.log")
    code, output, errors = check(watched)
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    expected = [
        f"a: reads {watched.folder}/a.log",
        "  time: ts",
        "  id: none",
        "  version: version",
        "  latency: latency_ms in ms",
        "  status: status",
        "  feature: amount, color",
        "  score: score",
        "  prediction: decision",
        f"b: reads {watched.folder}/b.log",
        "  nothing to read yet: which field is what is recognised when it comes",
    ]
    assert sorted(lines[:11]) == sorted(expected)
    assert (lines[0], lines[9]) == (expected[0], expected[9])
    counts = {name: int(count.replace(",", "")) for count, name in (line.split(None, 1) for line in lines[11:-1])}
    one = counts.pop("series with one version of each model")
    assert sum(counts.values()) == one
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    assert counts["model_info"] == 2
    assert counts["model_min_predictions"] == 1  # nothing of b, whose maturity is 0, is compared
    assert counts["prediction_exporter_build_info"] == 1
    assert re.fullmatch(r"series_limit 50,000: room for \d versions of each model", lines[-1])


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
    assert errors.splitlines()[:4] == [
        f"{file}: models[2].predictions.log.path: there is no folder {folder}/nowhere yet",
        f"{file}: models[0].baseline: there is no readable file {folder}/absent.json",
        f"{file}: models[0].dependencies: there is no readable file {folder}/absent.txt",
        f"{file}: models[1].segments: amount is no categorical feature of the baseline (these are: color)",
    ]
    rest = errors.splitlines()[4:]
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
