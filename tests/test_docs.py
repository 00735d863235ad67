"""What README and docs say is so: commands, flags, configurations, log lines, messages, metric names, figures and links."""

from __future__ import annotations

import argparse
import doctest
import importlib
import json
import pkgutil
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bcrypt
import numpy as np
import polars as pl
import pytest
import yaml

import prediction_exporter
from prediction_exporter import logs
from prediction_exporter.baseline import builder as baseline_builder
from prediction_exporter.baseline import kinds, to_profile
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.cli import parser
from prediction_exporter.collectors.registry import FAMILIES
from prediction_exporter.config import Config, Fields, Model, Predictions, parse
from prediction_exporter.config.where_parser import parse_where
from prediction_exporter.counting import state, state_database
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.ledger import MAX_VERSION_LENGTH
from prediction_exporter.counting.profiler import Profiler
from prediction_exporter.errors import ConfigError
from prediction_exporter.kit.groups import RECORDED
from prediction_exporter.kit.records_page import layouts_markdown
from prediction_exporter.monitor import monitor
from prediction_exporter.servers import SERVERS
from prediction_exporter.sources import base, log_fields, log_sample, tracker
from prediction_exporter.sources.base import REASONS, Rejected
from prediction_exporter.sources.fields.names import MAX_LIST
from prediction_exporter.sources.fields.roles import KNOWN_NAMES, SERVER_NAMES, SERVER_STEMS
from prediction_exporter.sources.fields.schema import EventSchema, describe
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.layouts.base import RecordLayout
from prediction_exporter.sources.records.unfolding import Unfolding
from prediction_exporter.web import connections, reading, server
from prediction_exporter.web.web_config import TLSServerConfig, load_web_config

ROOT = Path(__file__).parents[1]
README, CONFIGURATION, OPERATIONS = (ROOT / name for name in ("README.md", "docs/configuration.md", "docs/operations.md"))
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))

FENCED = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's blocks in a language."""
    return [text for found, text in FENCED.findall(page.read_text(encoding="utf-8")) if found == language]


def code(page: Path, *, without: tuple[str, ...] = ()) -> str:
    """Return what a page shows as code, but for blocks in some languages, a piece a line."""
    text = page.read_text(encoding="utf-8")
    fenced = [block for language, block in FENCED.findall(text) if language not in without]
    return "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", FENCED.sub("", text))])


# Commands and flags


def parsers(of: argparse.ArgumentParser | None = None, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every command with its parser; ``check config`` is one."""
    for action in (of or parser())._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield from parsers(inner, f"{name} {word}".strip())
            return
    if of is not None:
        yield name, of


def flags_of(of: argparse.ArgumentParser) -> set[str]:
    """Return the flags of a command but for help."""
    flags = {flag for action in of._actions for flag in action.option_strings} - {"-h", "--help"}
    return {re.sub(r"^(--(?:no-)?collector)\.\w+$", r"\1.NAME", flag) for flag in flags}


FLAGS = {command: flags_of(of) for command, of in parsers()}


def test_every_command_and_flag_has_its_row() -> None:
    """The tables of docs/operations.md hold what the parser has, and nothing else."""
    section = OPERATIONS.read_text(encoding="utf-8").split("## Commands and flags")[1].split("\n## ")[0]
    commands = set(re.findall(r"^\| `prediction-exporter ([a-z -]+?)(?: [A-Z]+)?` \|", section, re.MULTILINE))
    assert commands == set(FLAGS)
    found: dict[str, set[str]] = {command: set() for command in FLAGS}
    of_row: list[str] = []
    for names, flag in re.findall(r"^\| *(|`[a-z -]+`(?:, `[a-z -]+`)*) *\| `(--[a-zA-Z.-]+)[ `]", section, re.MULTILINE):
        of_row = re.findall("`([^`]+)`", names) or of_row
        for name in of_row:
            found[name].add(flag)
    assert found == FLAGS


@every_page
def test_every_command_and_flag_exists(page: Path) -> None:
    """Where a page shows a command of ours, the command and its flags are those of the parser."""
    for line in code(page).replace("\\\n", " ").splitlines():
        match = re.search(r"prediction-exporter ((?:[a-z-]+ ?)+)(.*)", line)
        if (
            match is None
            or not re.search(r"(^|[\s/$])prediction-exporter [a-z]", line)
            or line.lstrip().startswith(("#", "- job"))
        ):
            continue
        known = [command for command in FLAGS if f"{match[1].strip()} ".startswith(f"{command} ")]
        assert known or match[1].strip() == "check", line
        flags = set(re.findall(r"(?<!\S)(--[a-z][a-z.-]*)", match[2]))
        assert all(flags <= FLAGS[command] for command in known), line


def test_flags_that_stand_alone_exist() -> None:
    """Flags named in the text are flags of a command, or of the program that the line names."""
    known = set().union(*FLAGS.values(), {"--version", "--help"})
    for page in PAGES:
        for piece in code(page, without=("ini", "diff")).splitlines():
            others = r"\b(make|docker|pip|uvicorn|gunicorn|promtool|amtool|kubectl|percli|git|openssl|curl|ruff)\b"
            if not re.search(others, piece):
                assert set(re.findall(r"(?<!\S)(--[a-z][a-zA-Z.-]*)", piece)) <= known, (page, piece)


def test_what_units_and_pods_start_is_a_command() -> None:
    """The unit's command line and the containers' arguments are accepted by the parser."""
    units = (ROOT / "deploy/systemd/prediction-exporter.service").read_text(encoding="utf-8")
    started = re.findall(r"^ExecStart=\S*/prediction-exporter (.*)$", units, re.MULTILINE)
    lines = [shlex.split(line) for line in started]
    for page in (README, OPERATIONS, ROOT / "docs/process.md"):
        for block in blocks(page, "yaml"):
            for content in yaml.safe_load_all(block):
                containers = content.get("spec", content).get("initContainers", ())
                lines += [container["args"] for container in containers if "prediction-exporter" in container["image"]]
    assert len(lines) == 5
    for line in lines:
        assert parser().parse_args(line).command == "run"


# Configurations

MINIMAL: dict[str, Any] = {
    "owners": {"risk-ds": {"slack": "#risk-models"}},
    "models": [{"name": "m", "owner": "risk-ds", "baseline": "m.json", "predictions": {"log": {"path": "/m.jsonl"}}}],
}


def whole(content: dict[str, Any]) -> dict[str, Any] | None:
    """Return a configuration, or the smallest one with a part of one in its place; None where it is neither."""
    if content.keys() <= Model.model_fields.keys():
        return {**MINIMAL, "models": [{**MINIMAL["models"][0], **content}]}
    return {**MINIMAL, **content} if content.keys() <= Config.model_fields.keys() else None


def configurations(page: Path) -> list[dict[str, Any]]:
    """Return the configurations that a page shows."""
    found = [whole(yaml.safe_load(block)) for block in blocks(page, "yaml")]
    return [content for content in found if content is not None]


def test_every_configuration_is_accepted() -> None:
    """README shows one, and every block of docs/configuration.md is one or a part of one."""
    assert len(configurations(README)) == 1
    assert len(configurations(CONFIGURATION)) == len(blocks(CONFIGURATION, "yaml")) > 5
    for page in (README, CONFIGURATION):
        for content in configurations(page):
            text = yaml.safe_dump(content)
            assert parse(text, name=page.name, base=ROOT, environ={"STATE_DIR": "/srv"}).models


def test_the_smallest_configuration_is_small() -> None:
    """README and docs/configuration.md show the same one, and each of its keys is needed."""
    [shown] = configurations(README)
    assert shown == configurations(CONFIGURATION)[0]
    for key in ("name", "owner", "baseline", "predictions"):
        [model] = shown["models"]
        less = {**shown, "models": [{other: value for other, value in model.items() if other != key}]}
        with pytest.raises(ConfigError, match=f"models\\[0\\].{key}: is required"):
            parse(yaml.safe_dump(less), name="exporter.yml", base=ROOT, environ={})


def test_the_web_configuration_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one, and its hash is that of the password that the page names."""
    [block] = [block for block in blocks(OPERATIONS, "yaml") if "basic_auth_users" in block]
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).touch()
    (tmp_path / "web.yml").write_text(block)
    monkeypatch.setattr(TLSServerConfig, "context", lambda _: None)  # there is no certificate in the files
    found = load_web_config(tmp_path / "web.yml")
    [password] = re.findall("bcrypt hash of `([^`]+)`", OPERATIONS.read_text(encoding="utf-8"))
    assert bcrypt.checkpw(password.encode(), found.basic_auth_users["prometheus"].get_secret_value().encode())


# Log lines and messages


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The columns of a baseline of data as README's line has it."""
    chance = random.Random(1)
    rows = [
        {
            "features": {"income": chance.randrange(20_000, 90_000), "region": chance.choice(["north", "south"])},
            "decision": chance.choice(["approve", "decline"]),
            "probability": chance.random(),
        }
        for _ in range(300)
    ]
    path = tmp_path_factory.mktemp("docs") / "training.parquet"
    pl.DataFrame(rows).write_parquet(path)
    result = baseline_builder.build(read_table(path), Fields(), kinds={}, task=None, where="models[0].predictions.fields")
    return to_profile(result.record).layout


def predictions(**fields: Any) -> Predictions:
    """Return how a log is read."""
    [model] = MINIMAL["models"]
    content = {**MINIMAL, "models": [{**model, "predictions": {**model["predictions"], "fields": fields}}]}
    return parse(yaml.safe_dump(content), name="exporter.yml", base=ROOT, environ={}).models[0].predictions


@pytest.mark.parametrize("page", [README, CONFIGURATION], ids=lambda page: page.name)
def test_the_line_of_a_log_is_read(page: Path, layout: Layout) -> None:
    """Every field of it is recognised without any configuration, and read as what it is."""
    [line] = blocks(page, "json")
    schema = log_fields.recognise_log([json.loads(line)], predictions(), layout, where="models[0]")
    assert describe(schema, layout) == [
        "time: ts",
        "id: request_id",
        "version: model_version",
        "latency: latency_ms in ms",
        "status: status",
        "feature: features.income, features.region",
        "prediction: decision",
        "score: probability",
    ]
    batch = JsonLinesParser(schema).parse(line.encode())
    [events] = batch.events
    assert (len(events), batch.rejected.total) == (1, 0)
    assert events.versions.to_list() == ["12"]
    assert events.latencies is not None
    assert events.latencies.tolist() == [0.0125]
    assert not events.failed.any()
    assert np.datetime64(int(events.times[0]), "us") == np.datetime64("2026-05-04T09:30:00")
    assert {name: values[0] for name, values in events.columns.items()} == {
        "income": 52_000,
        "region": "north",
        "decision": "approve",
        "probability": 0.08,
    }


FILTERS = ROOT / "docs" / "sources" / "filters.md"


def filter_rows() -> list[tuple[str, list[int]]]:
    """Return the expressions of the page on filters, each with the lines that it says pass."""
    section = FILTERS.read_text(encoding="utf-8").split("| `where` | lines |")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in section.splitlines() if line.startswith("| `")]
    return [(where.strip("`"), [int(number) for number in numbers.split()]) for where, numbers in rows]


@pytest.mark.parametrize(("where", "numbers"), filter_rows())
def test_filters_pass_what_the_page_says(where: str, numbers: list[int]) -> None:
    """Of the page's lines, read as a log's."""
    [lines] = blocks(FILTERS, "json")
    parser = JsonLinesParser(EventSchema(time=("ts",), columns=()), chosen=Filter(parse_where(where)))
    for number, line in enumerate(lines.splitlines(), 1):
        assert parser.parse(line.encode()).skipped == (number not in numbers), line


RECORDS = ROOT / "docs" / "sources" / "records.md"


def test_records_unfold_as_the_page_says() -> None:
    """Each of its sections with the record and the flat events that follow."""
    sections, shown = blocks(RECORDS, "yaml"), blocks(RECORDS, "json")
    assert len(shown) == 2 * len(sections) > 6
    for section, record, flat in zip(sections, shown[::2], shown[1::2], strict=True):
        [model] = MINIMAL["models"]
        content = {**MINIMAL, "models": [{**model, "predictions": {**model["predictions"], **yaml.safe_load(section)}}]}
        settings = parse(yaml.safe_dump(content), name="exporter.yml", base=ROOT, environ={}).models[0].predictions
        rejected = Rejected()
        unfolded = Unfolding(settings, None, None, clock=lambda: 0.0, numbered=False).unfold(record.encode(), rejected)
        assert [json.loads(line) for line in unfolded.data.splitlines()] == [json.loads(line) for line in flat.splitlines()]
        assert not rejected.total


def no_events(*_: Any) -> Iterator[dict[str, Any]]:
    """Yield nothing."""
    return iter(())


def test_the_table_of_layouts_has_what_they_say() -> None:
    """Names, writers, evidence and notes, as they are declared."""
    one = RecordLayout(
        name="a-b", writer="Its *server*", evidence="genuine", flat=lambda *_: iter(()), notes=("No time.", "Two.")
    )
    found = layouts_markdown([one, replace(one, name="c", notes=())])
    assert found.splitlines() == [
        "| `layout` | who writes such records | what its tests read |",
        "| --- | --- | --- |",
        "| `a-b` | Its *server* | genuine |",
        "| `c` | Its *server* | genuine |",
        "",
        "- `a-b`: No time. Two.",
    ]


def messages(layout: Layout) -> Iterator[str]:
    """Yield the messages that docs/configuration.md shows, from the program."""
    rest: dict[str, Any] = {"features": {"income": 1}, "decision": "a", "probability": 0.1}
    events: tuple[dict[str, Any], ...] = (
        {"ts": 1, "timestamp": 2, **rest},
        {"when": 1, **rest},
        {"ts": 1, "inputs_x": {"incme": 1}, "decision": "a", "probability": 0.1},
    )
    for event in events:
        with pytest.raises(ConfigError) as caught:
            log_fields.recognise_log([event], predictions(), layout, where="models[0]")
        yield str(caught.value)
    with pytest.raises(ConfigError) as caught:
        predictions(latency="duration")
    yield str(caught.value).removeprefix("exporter.yml: ")


def test_messages_are_shown_as_they_are(layout: Layout) -> None:
    """Each of them, and no other."""
    [shown] = blocks(CONFIGURATION, "text")
    assert shown.splitlines() == list(messages(layout))


VALUES = [
    ("income", "null", "missing"),
    ("income", "12.5", "valid"),
    ("income", '"12.5"', "valid"),
    ("income", '"text"', "invalid"),
    ("income", "true", "invalid"),
    ("income", "{}", "invalid"),
    ("income", "NaN", "non_finite"),
    ("income", '"-Infinity"', "non_finite"),
    ("income", "1e9", "valid"),
    ("region", "[]", "invalid"),
    ("region", '{"a": 1}', "invalid"),
    ("region", '"NaN"', "non_finite"),
    ("region", "Infinity", "non_finite"),
    ("region", '"new"', "valid"),
    ("region", "null", "missing"),
]


@pytest.mark.parametrize(("name", "value", "expected"), VALUES)
def test_values_count_as_the_table_says(name: str, value: str, expected: str, layout: Layout) -> None:
    """The table of docs/configuration.md, of a line among good ones."""
    good: dict[str, Any] = {"ts": 1, "features": {"income": 1, "region": "north"}, "decision": "approve", "probability": 0.1}
    odd = json.dumps({**good, "features": {**good["features"], name: "VALUE"}}).replace('"VALUE"', value)
    schema = log_fields.recognise_log([good], predictions(), layout, where="models[0]")
    batch = JsonLinesParser(schema).parse(f"{json.dumps(good)}\n{odd}\n".encode())
    assert batch.rejected.total == 0
    profiler = Profiler(layout, bucket_seconds=60)
    profiles = [profile for events in batch.events for _, profile in profiler.fold(events)]
    states = sum(profile.states[layout.index(name)] for profile in profiles)
    found = dict(zip(("missing", "invalid", "non_finite"), np.asarray(states).tolist(), strict=True))
    assert found == {**dict.fromkeys(found, 0), **({expected: 1} if expected != "valid" else {})}


def test_every_reason_to_refuse_a_line_is_explained() -> None:
    """In the table of docs/configuration.md, in their order."""
    section = CONFIGURATION.read_text(encoding="utf-8").split("| reason | the line |")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert re.findall("`([a-z_]+)`", "".join(rows)) == list(REASONS)


# Names and figures

SUFFIXES = {"histogram": ("", "_bucket", "_sum", "_count")}
METRICS = {
    *(f"{family}{suffix}" for family in FAMILIES for suffix in SUFFIXES.get(family.type, ("",))),
    *(series.name for series in RECORDED),
}
SERVER_NAME = re.compile(r"[\w:]+")
#: What is written like a metric of ours and is none: fields of a log, what model servers count, and modules.
OTHERS = (
    {name for known in (KNOWN_NAMES, SERVER_NAMES) for names in known.values() for name in names}
    | {*SERVER_STEMS}
    | {f"{label}{end}" for server in SERVERS.values() for label in server.model_labels for end in ("", ":")}
    | {name for server in SERVERS.values() for name in SERVER_NAME.findall(f"{server.requests.names} {server.absent}")}
    | {module.name.rpartition(".")[2] for module in pkgutil.walk_packages(prediction_exporter.__path__, "prediction_exporter.")}
)
METRIC = re.compile(r"(?<![\w./:-])(?:model|prediction_exporter|process|python|pipeline)\w*[_:][\w:]*(?![\w./-]|\()")


@every_page
def test_every_metric_exists(page: Path) -> None:
    """In text and queries; Python code and captured output show other names."""
    text = code(page, without=("python", "diff", "text", "pycon", "ini", "yaml"))
    assert set(METRIC.findall(text)) - OTHERS - {"prediction_exporter"} <= METRICS


FIGURES = {
    CONFIGURATION: (
        f"up to {MAX_LIST} of them",
        f"the first {base.EXAMPLE_BYTES} bytes of an example",
        f"The first {log_sample.SAMPLE_EVENTS} lines of the newest uncompressed file",
        f"searched up to {log_sample.SEARCH_BYTES >> 20} MiB",
        f"are cut after {MAX_VERSION_LENGTH} characters",
        f"{kinds.MAX_CATEGORIES} most frequent categories",
    ),
    OPERATIONS: (
        f"At most {connections.MAX_CONNECTIONS} connections are served at a time",
        f"must arrive within {reading.REQUEST_SECONDS:g} seconds, an answer be read within {server.RESPONSE_SECONDS:g}",
        f"and {monitor.READY_SECONDS:g} seconds after the start at the latest",
        f"within {monitor.STOP_SECONDS:g} seconds for reading and {connections.STOP_SECONDS:g} for responses under way",
        f"| categories | {kinds.MAX_CATEGORIES} a column",
        f"| files | {tracker.OPEN_FILES} are kept open",
        f"| connections | {connections.MAX_CONNECTIONS} |",
        f"quiet for {tracker.GRACE_SECONDS:g} seconds",
        f"without a file at most {tracker.MEMORY_STREAMS} are remembered",
        f"an example of up to {base.EXAMPLE_BYTES} bytes",
        f"`{state.FILE_NAME}`",
    ),
}


@pytest.mark.parametrize(("page", "text"), [(page, text) for page, texts in FIGURES.items() for text in texts])
def test_figures_are_those_of_the_code(page: Path, text: str) -> None:
    """Limits that the pages name."""
    assert text in " ".join(page.read_text(encoding="utf-8").split())


def test_words_for_seconds_are_those_of_the_code() -> None:
    """Limits that the pages write out."""
    assert (state_database.LOCK_SECONDS, logs.QUIET_SECONDS, tracker.MEMORY_SECONDS, kinds.MAX_DISCRETE) == (
        5,
        60,
        86_400,
        10,
    )
    assert "waits five seconds" in OPERATIONS.read_text(encoding="utf-8")
    assert "at most ten distinct values" in CONFIGURATION.read_text(encoding="utf-8")


# Links and rendered files


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading of it where the link names one."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match("[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def test_rendered_files_are_up_to_date() -> None:
    """Where this fails, `make generate` and commit what changes."""
    command = [sys.executable, str(ROOT / "scripts" / "generate.py"), "--check"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


# Examples in docstrings

MODULES = [
    module.name
    for module in pkgutil.walk_packages(prediction_exporter.__path__, "prediction_exporter.")
    if not module.name.endswith(".__main__")
]


def test_every_example_in_a_docstring_runs() -> None:
    """In every module, whether or not another test knows that it has some."""
    results = {name: doctest.testmod(importlib.import_module(name)) for name in MODULES}
    assert {name: result for name, result in results.items() if result.failed} == {}
    assert sum(result.attempted for result in results.values()) > len(results) // 3
