"""What the documentation says exists: commands, flags, keys, fields, metrics and files are those of the code."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import bcrypt
import polars as pl
import pytest
import yaml

from prediction_exporter import baseline, config
from prediction_exporter.baseline_builder import build
from prediction_exporter.cli import parser
from prediction_exporter.config.models import Config, Model, Predictions
from prediction_exporter.errors import ConfigError
from prediction_exporter.events import Events
from prediction_exporter.kit.config_page import CONFIGURATION_PAGE, config_reference, configuration_page
from prediction_exporter.kit.metrics_page import PAGE as METRICS_PAGE
from prediction_exporter.kit.metrics_page import metrics_page
from prediction_exporter.kit.recording import RECORDED
from prediction_exporter.layout import Layout
from prediction_exporter.report import PUBLISHED_FAMILIES
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.log import describe, recognise_log
from prediction_exporter.tables import read_table
from prediction_exporter.web_config import load_web_config

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CONFIGURATION = ROOT / CONFIGURATION_PAGE
OPERATIONS = ROOT / "docs/operations.md"

#: Pages for users: README.md and those directly in docs.
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
#: Every page.
ALL_PAGES = (
    README,
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
)

#: What looks like a metric and is none, by how it begins.
NO_METRICS = {
    "model_version": "a field of the log",
    "model_monitor": "a module",
    "model_column_triangular_discrimination": "series of the statistic that docs/architecture.md adds as an example",
}

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_FLAG = re.compile(r"(?<![\w-])--[a-z][\w.-]*")
_METRIC = re.compile(r"(?<![\w.:/$-])(?:model_|model:|prediction_exporter_)[a-z0-9_:]+(?![\w./(-])")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_TABLE_OF_FLAGS = re.compile(r"^\| command \| flag \|.*\n\|[- |]+\n((?:\|.*\n)+)", re.MULTILINE)


def of(page: Path) -> str:
    """Return the name of a page, for the names of tests."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str = "") -> list[str]:
    """Return the fenced blocks of a page, in one language or in all, without the indentation that they have in lists."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [
        re.sub(rf"^{indentation}", "", text, flags=re.MULTILINE)
        for indentation, of_block, text in found
        if language in ("", of_block)
    ]


def inline(page: Path) -> list[str]:
    """Return what stands in backticks in the text of a page."""
    return _INLINE.findall(_BLOCK.sub("", page.read_text(encoding="utf-8")))


def code(page: Path) -> list[str]:
    """Return everything that a page shows as code."""
    return [*blocks(page), *inline(page)]


# Commands and flags


def commands(of_parser: argparse.ArgumentParser | None = None, name: str = "") -> dict[str, argparse.ArgumentParser]:
    """Return every command that can be carried out, by its name: ``check config``."""
    of_parser = of_parser or parser()
    for action in of_parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found: dict[str, argparse.ArgumentParser] = {}
            for word, inner in action.choices.items():
                found |= commands(inner, f"{name} {word}".strip())
            return found
    return {name: of_parser}


def flags(of_parser: argparse.ArgumentParser) -> dict[str, bool]:
    """Return the flags of a command but for ``--help``, and whether each is required."""
    named = [action for action in of_parser._actions if action.option_strings and action.dest != "help"]
    return {option: action.required for action in named for option in action.option_strings if option.startswith("--")}


COMMANDS = commands()
FLAGS = {name: flags(of_command) for name, of_command in COMMANDS.items()}
EVERY_FLAG = {"--help", "--version"} | {flag for of_command in FLAGS.values() for flag in of_command}


def invocations(page: Path) -> Iterator[str]:
    """Yield what follows the program's name, wherever a page shows it with arguments."""
    for text in code(page):
        for line in text.replace("\\\n", " ").splitlines():
            for found in re.finditer(r"(?:^|[\s/])prediction-exporter ([a-z-][^#|;&]*)", line):
                yield found.group(1).strip()


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_every_command_shown_exists_and_has_its_flags(page: Path) -> None:
    """In examples, in prose, and in the arguments of containers."""
    shown = list(invocations(page))
    for manifest in (yaml.safe_load(text) for text in blocks(page, "yaml")):
        shown += [shlex.join(arguments) for arguments in _values(manifest, "args")]
    for invocation in shown:
        words = shlex.split(invocation)
        if words[0].startswith("--"):
            assert words[0] in ("--help", "--version"), invocation
            continue
        name = next((name for name in COMMANDS if f"{' '.join(words)} ".startswith(f"{name} ")), None)
        assert name is not None, f"prediction-exporter {invocation}"
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= {"--help", *FLAGS[name]}, f"prediction-exporter {invocation}"


def _values(node: Any, key: str) -> Iterator[Any]:
    """Yield what stands under a key, at any depth."""
    if isinstance(node, Mapping):
        yield from (value for name, value in node.items() if name == key)
    inner = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    for value in inner:
        yield from _values(value, key)


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_every_flag_named_exists(page: Path) -> None:
    """Also one that stands without its command."""
    named = {flag for text in code(page) for flag in _FLAG.findall(text)}
    assert named <= EVERY_FLAG


def test_complete_examples_can_be_parsed() -> None:
    """A line of a console block is complete: it may be pasted."""
    shown = [line for page in PAGES for text in blocks(page, "console") for line in text.splitlines()]
    lines = [line.removeprefix("$ ") for line in shown if line.startswith("$ prediction-exporter ")]
    assert len(lines) >= 4
    for line in lines:
        parser().parse_args(shlex.split(line, comments=True)[1:])


def documented() -> dict[str, dict[str, str]]:
    """Return the flags that the page on operations describes, by command."""
    (table,) = _TABLE_OF_FLAGS.findall(OPERATIONS.read_text(encoding="utf-8"))
    found: dict[str, dict[str, str]] = {}
    names: list[str] = []
    for row in table.splitlines():
        first, flag, text = (cell.strip() for cell in row.strip("|").split("|", 2))
        names = _INLINE.findall(first) or names
        for name in names:
            found.setdefault(name, {})[flag.strip("`").split()[0]] = text
    return found


def test_every_command_is_documented() -> None:
    """On the page on operations, by the name that is typed."""
    words = [text.split() for text in inline(OPERATIONS)]
    for name in COMMANDS:
        wanted = ["prediction-exporter", *name.split()]
        assert any(text[: len(wanted)] == wanted for text in words), name


def test_every_flag_is_documented_and_no_other() -> None:
    """With the command that has it, and with whether it must be given."""
    described = documented()
    assert {name: set(of_command) for name, of_command in FLAGS.items() if of_command} == {
        name: set(of_command) for name, of_command in described.items()
    }
    for name, of_command in FLAGS.items():
        for flag, required in of_command.items():
            assert ("required" in described[name][flag]) is required, f"{name} {flag}"
    assert {"--help", "--version"} <= set(inline(OPERATIONS))


def test_exit_codes_are_documented() -> None:
    """As the program's own help has them."""
    assert (parser().epilog or "").removeprefix("Exit codes: ") in OPERATIONS.read_text(encoding="utf-8")


# Configuration

SMALLEST: dict[str, Any] = {
    "owners": {name: {"slack": f"#{name}"} for name in ("me", "data-eng", "ml-ops")},
    "models": [{"name": "m", "owner": "me", "baseline": "b.json", "predictions": {"log": {"path": "/log"}}}],
}


def whole(text: str) -> str:
    """Return a configuration that contains the keys of a text, each in the section that has it."""
    keys = yaml.safe_load(text)
    if "models" in keys:
        return text
    sections: list[tuple[set[str], dict[str, Any]]] = []
    complete = json.loads(json.dumps(SMALLEST))
    model = complete["models"][0]
    for section, into in ((Config, complete), (Model, model), (Predictions, model["predictions"])):
        sections.append(({field.alias or name for name, field in section.model_fields.items()}, into))
    for key, value in keys.items():
        into = next((into for known, into in sections if key in known), None)
        assert into is not None, f"{key} is a key of no section"
        into[key] = value
    return yaml.safe_dump(complete)


def parse(text: str) -> Config:
    """Parse a configuration in which every variable that it names is set."""
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "/value")
    return config.parse(text, name="exporter.yml", base=Path("/etc/prediction-exporter"), environ=variables)


def readme_configuration() -> str:
    """Return the configuration that the README shows."""
    between = README.read_text(encoding="utf-8").partition("<!-- config:begin -->")[2].partition("<!-- config:end -->")[0]
    (found,) = _BLOCK.findall(between)
    return str(found[2])


def test_the_readme_shows_a_configuration() -> None:
    """It is accepted as it stands."""
    assert [model.name for model in parse(readme_configuration()).models] == ["credit-risk"]


@pytest.mark.parametrize("text", blocks(CONFIGURATION, "yaml"), ids=lambda text: text.split(":")[0])
def test_examples_of_the_configuration_are_accepted(text: str) -> None:
    """Whole files as they stand, and parts in the place that they belong to."""
    assert parse(whole(text)).models


def test_a_key_that_does_not_exist_would_be_found() -> None:
    """The test above does not accept everything."""
    with pytest.raises(AssertionError, match="no section"):
        whole("no_such_key: 1")
    with pytest.raises(ConfigError, match="unknown key"):
        parse(whole("slo: {availabilty: 0.9}"))


def test_the_reference_has_every_key() -> None:
    """A row for each key of each section that can be written."""
    schema = config.json_schema()
    rows = re.findall(r"^\| `([^`]+)` \|", config_reference(), re.MULTILINE)
    wanted = {key for section in (schema, *schema["$defs"].values()) for key in section.get("properties", ())}
    assert wanted == set(rows)


def test_a_page_without_its_markers_is_an_error() -> None:
    """Nothing is rendered into a page that has no place for it."""
    with pytest.raises(ValueError, match="lacks"):
        configuration_page("# Configuration\n")


def test_the_web_configuration_shown_is_accepted(tmp_path: Path) -> None:
    """All but the certificates, which are not there; and the hash is that of the password beside it."""
    (text,) = (text for text in blocks(OPERATIONS, "yaml") if "basic_auth_users" in text)
    file = tmp_path / "web.yml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_web_config(file)
    assert all("cannot read" in line for line in str(error.value).splitlines())
    shown = yaml.safe_load(text)
    file.write_text(yaml.safe_dump({"basic_auth_users": shown["basic_auth_users"]}))
    assert load_web_config(file).basic_auth_users.keys() == shown["basic_auth_users"].keys()
    (hashed,) = shown["basic_auth_users"].values()
    password = re.findall(r"hash of `([^`]+)`", OPERATIONS.read_text(encoding="utf-8"))
    assert [bcrypt.checkpw(text.encode(), hashed.encode()) for text in password] == [True]


# The log's lines


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The columns of the model that the README's line is of."""
    file = tmp_path / "training.parquet"
    rows = 200
    data = {
        "income": [40_000 + 100 * (row * 37 % rows) for row in range(rows)],  # numbers that only rise would be taken for ids
        "region": ["north" if row % 3 else "south" for row in range(rows)],
        "decision": ["approve" if row % 4 else "refuse" for row in range(rows)],
        "probability": [row / rows for row in range(rows)],
    }
    pl.DataFrame(data).write_parquet(file)
    predictions = parse(readme_configuration()).models[0].predictions
    result = build(read_table(file), predictions.fields, kinds={}, task=None, where="models[0]")
    baseline.save(result.record, tmp_path / "baseline.json")
    return baseline.load(tmp_path / "baseline.json").layout


def parse_line(line: str, layout: Layout) -> tuple[Events, list[str]]:
    """Return the event of a line, and what was recognised in it."""
    predictions = parse(readme_configuration()).models[0].predictions
    schema = recognise_log([json.loads(line)], predictions, layout, where="models[0]")
    batch = JsonLinesParser(schema).parse(f"{line}\n".encode())
    assert batch.rejected.total == 0, batch.rejected
    (events,) = batch.events
    return events, describe(schema, layout)


@pytest.mark.parametrize("page", [README, CONFIGURATION], ids=of)
def test_the_line_of_a_log_is_accepted(page: Path, layout: Layout) -> None:
    """By the real parser, with every field recognised as what it is."""
    lines = [line for text in blocks(page, "json") for line in text.splitlines()]
    assert lines
    for line in lines:
        events, recognised = parse_line(line, layout)
        assert recognised == [
            "time: ts",
            "id: request_id",
            "version: model_version",
            "latency: latency_ms in ms",
            "status: status",
            "feature: features.income, features.region",
            "prediction: decision",
            "score: probability",
        ]
        assert events.times.tolist() == [1_777_887_000_000_000]
        assert events.versions.to_list() == ["12"]
        assert events.failed.tolist() == [False]
        assert events.latencies is not None
        assert events.latencies.tolist() == [0.0125]
        values = {name: column.to_list() for name, column in events.columns.items()}
        assert values == {"income": [52000.0], "region": ["north"], "decision": ["approve"], "probability": [0.08]}


def test_messages_shown_are_those_that_are_told(layout: Layout) -> None:
    """Each, word for word, from a log or a configuration that is so."""
    predictions = parse(readme_configuration()).models[0].predictions
    told = []
    for event in (
        {"ts": 1, "timestamp": 1},
        {"when": 1, "features": {"income": 1}, "decision": "approve", "probability": 0.5},
        {"ts": 1, "inputs_x": {"incme": 1}, "decision": "approve", "probability": 0.5},
    ):
        with pytest.raises(ConfigError) as error:
            recognise_log([event], predictions, layout, where="models[0]")
        told.append(str(error.value))
    with pytest.raises(ConfigError) as error:
        parse(whole("predictions: {log: {path: /log}, fields: {latency: duration}}"))
    told.append(str(error.value).removeprefix("exporter.yml: "))
    assert [line for text in blocks(CONFIGURATION, "text") for line in text.splitlines()] == told


# Metrics


def metrics() -> set[str]:
    """Return every name that exists: what is exposed, with the parts of histograms, and what rules record."""
    names = {family.name for family in PUBLISHED_FAMILIES}
    parts = {f"{family.name}_{part}" for family in PUBLISHED_FAMILIES if family.type == "histogram" for part in _PARTS}
    return names | parts | {series.name for series in RECORDED}


_PARTS = ("bucket", "sum", "count")


def unknown(page: Path) -> set[str]:
    """Return the names that a page has in code, look like metrics, and are none."""
    return {name for text in code(page) for name in _METRIC.findall(text)} - metrics()


@pytest.mark.parametrize("page", ALL_PAGES, ids=of)
def test_every_metric_named_exists(page: Path) -> None:
    """In backticks or in a query."""
    assert {name for name in unknown(page) if not name.startswith(tuple(NO_METRICS))} == set()


def test_exceptions_are_needed() -> None:
    """What is no metric is named somewhere."""
    named = {name for page in ALL_PAGES for name in unknown(page)}
    assert all(any(name.startswith(begin) for name in named) for begin in NO_METRICS)


# Links


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings have where it is shown."""
    titles = re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", ALL_PAGES, ids=of)
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file that exists, and in a page to a heading that it has."""
    text = _INLINE.sub("", _BLOCK.sub("", page.read_text(encoding="utf-8")))
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        assert file.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(file), target


# Pages that are rendered


def test_what_is_rendered_is_up_to_date() -> None:
    """`make generate` would change nothing."""
    line = [sys.executable, str(ROOT / "scripts/generate.py"), "--check"]
    found = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert (found.returncode, found.stdout, found.stderr) == (0, "everything is up to date\n", "")


def test_the_pages_on_configuration_and_metrics_are_up_to_date() -> None:
    """Where this fails, a declaration changed and the page was not rendered anew."""
    page = CONFIGURATION.read_text(encoding="utf-8")
    assert configuration_page(page) == page
    assert metrics_page() == (ROOT / METRICS_PAGE).read_text(encoding="utf-8")
