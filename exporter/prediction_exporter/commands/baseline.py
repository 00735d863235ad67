"""``prediction-exporter baseline``: build a model's baseline from training or validation data."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prediction_exporter.baseline.tables import Table
    from prediction_exporter.config import Config, Fields


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "baseline",
        help="build a model's baseline",
        description="Build a model's baseline from training or validation data: Parquet, CSV or JSON lines. The same data "
        "gives the same file.",
    )
    parser.add_argument("--config.file", dest="config_file", type=Path, required=True, metavar="FILE", help="configuration")
    parser.add_argument("--model", required=True, metavar="NAME", help="the model, as the configuration names it")
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help="the data (.parquet, .csv, .jsonl)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write (default: the model's baseline)")
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME",
        help="a column that holds the truth, which production does not know yet; may be given several times",
    )
    parser.add_argument(
        "--time",
        metavar="NAME",
        help="the column that is the time of a prediction, where it is not called as in production",
    )
    parser.add_argument(
        "--importance",
        action="store_true",
        help="learn what part of the output each feature carries, by permutation; it needs scikit-learn, and some time",
    )
    parser.set_defaults(function=run)


def run(options: argparse.Namespace) -> int:
    """Build the baseline and say what was made of each column."""
    from prediction_exporter import config
    from prediction_exporter.baseline.records import open_data
    from prediction_exporter.baseline.surrogate import refuse_without_scikit_learn
    from prediction_exporter.errors import ConfigError

    loaded = config.load(options.config_file)
    models = {model.name: (index, model) for index, model in enumerate(loaded.models)}
    if options.model not in models:
        raise ConfigError(f"{options.config_file}: has no model {options.model} (one of: {', '.join(models)})")
    index, model = models[options.model]
    if not model.predictions.are_read:
        raise ConfigError(
            f"{options.config_file}: models[{index}].predictions: are not there, and a baseline is compared with them alone"
        )
    output = options.output or model.baseline
    if output is None:
        raise ConfigError(
            f"{options.config_file}: models[{index}].baseline: is not set; write the file's path there or to --output"
        )
    if options.importance:
        refuse_without_scikit_learn()
    of_lists = [] if model.labels is None or model.task != "ranking" else [model.labels.fields.label, *options.label]
    with open_data(options.data, model.predictions, where=f"models[{index}].predictions", whole=of_lists) as table:
        return _build(options, loaded, index, table, output)


def _build(options: argparse.Namespace, loaded: Config, index: int, table: Table, output: Path) -> int:
    """Build the baseline of a table and say what was made of each column."""
    from prediction_exporter import baseline
    from prediction_exporter.baseline.builder import build
    from prediction_exporter.baseline.labelled import truth_of

    model = loaded.models[index]
    fields = _fields(options, model.predictions.fields, list(table.columns))
    result = build(
        table,
        fields,
        kinds={},
        settings=model.columns,
        task=model.task,
        where=f"models[{index}].predictions.fields",
        track=_progress,
        labels=options.label,
        timezone=model.predictions.timezone,
        importance=options.importance,
        truth=truth_of(model, f"models[{index}]", list(table.columns), options.label),
    )
    written = baseline.save(result.record, output)
    looked_at = {report.name for report in result.columns}
    rows: list[tuple[str, str, str]] = [(report.name, report.role, report.result) for report in result.columns]
    rows += [(name, "left out", why) for name, why in result.record.left_out.items() if name not in looked_at]
    shown = [(name or "(no name)", role, made) for name, role, made in rows]
    width = max(len(name) for name, _, _ in shown)
    for name, role, made in shown:
        print(f"{name:{width}}  {role:10}  {made}")
    for reason, count in table.refused.counts.items():
        example = model.predictions.example(table.refused.examples[reason])
        print(f"{options.data}: {count} lines refused as {reason}, such as {example!r}", file=sys.stderr)
    if not any(report.role in ("prediction", "score") for report in result.columns):
        print("The data has no predictions: what the model puts out will not be compared.", file=sys.stderr)
    kind = type(model.predictions.source).__name__.lower()
    features = [column.name for column in result.record.columns if column.role == "feature" and column.function is None]
    absent, problem = _not_in_source(loaded, index, features)
    for name in absent:
        print(
            f"{name}: no sampled record of the {kind} has it, and it will count as missing in all of them; "
            f"if it is the label, build with --label {name}",
            file=sys.stderr,
        )
    if problem:
        print(
            f"Columns that production lacks, as a label, could not be told: the {kind} cannot be looked at now: {problem}",
            file=sys.stderr,
        )
    print(result.taught)
    task = f", {result.record.task}" if result.record.task else ""
    done = "wrote" if written else "unchanged:"
    print(f"{done} {output}: {result.record.rows:,} rows, {len(result.record.columns)} columns{task}")
    return 0


def _fields(options: argparse.Namespace, fields: Fields, columns: Sequence[str]) -> Fields:
    """Return the roles of the data's columns.

    Raises:
        ConfigError: it has none that an option names.
    """
    from prediction_exporter.config import TimeField
    from prediction_exporter.config.suggesting import suggest
    from prediction_exporter.errors import ConfigError

    times = [] if options.time is None else [options.time]
    for flag, name in (*(("--label", name) for name in options.label), *(("--time", name) for name in times)):
        if name not in columns:
            raise ConfigError(f"{flag}: {options.data} has no column {name}{suggest(name, columns)}")
    return fields.model_copy(update={"time": TimeField(field=options.time)}) if times else fields


def _not_in_source(config: Config, index: int, features: Sequence[str]) -> tuple[list[str], str]:
    """Return which features no record of a model's source has, where its records have some of them, or why it is not told.

    A source without any record yet tells nothing; ``check config`` asks again when there are some.
    """
    from prediction_exporter.errors import PredictionExporterError
    from prediction_exporter.monitor.inspection import open_to_look
    from prediction_exporter.sources.fields.names import nested

    logging.getLogger("prediction_exporter.sources").addHandler(logging.NullHandler())  # check config tells what they warn of
    try:
        with closing(open_to_look(config, index, None)) as source:
            found = source.look().fields
    except PredictionExporterError as error:
        return [], str(error)
    absent = [name for name in features if not {name, f"{name}[0]"} & set(found) and nested(name, found) is None]
    return (absent, "") if len(absent) < len(features) else ([], "")


def _progress(names: Iterable[str]) -> Iterator[str]:
    from tqdm import tqdm

    # disable=None: no bar where standard error is no terminal.
    yield from tqdm(list(names), desc="columns", unit="column", disable=None, file=sys.stderr)
