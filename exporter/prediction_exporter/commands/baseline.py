"""``prediction-exporter baseline``: build a model's baseline from training or validation data."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


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
    parser.set_defaults(function=run)


def run(options: argparse.Namespace) -> int:
    """Build the baseline and say what was made of each column."""
    from prediction_exporter import baseline, config
    from prediction_exporter.baseline.builder import build
    from prediction_exporter.baseline.tables import read_table
    from prediction_exporter.errors import ConfigError

    loaded = config.load(options.config_file)
    models = {model.name: (index, model) for index, model in enumerate(loaded.models)}
    if options.model not in models:
        raise ConfigError(f"{options.config_file}: has no model {options.model} (one of: {', '.join(models)})")
    index, model = models[options.model]
    output = options.output or model.baseline
    if output is None:
        raise ConfigError(
            f"{options.config_file}: models[{index}].baseline: is not set; write the file's path there or to --output"
        )
    table = read_table(options.data, model.predictions.null_values)
    result = build(
        table,
        model.predictions.fields,
        kinds={},
        settings=model.columns,
        task=model.task,
        where=f"models[{index}].predictions.fields",
        track=_progress,
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
        print(f"{options.data}: {count} lines refused as {reason}, such as {table.refused.examples[reason]!r}", file=sys.stderr)
    if not any(report.role == "prediction" for report in result.columns):
        print("The data has no predictions: what the model puts out will not be compared.", file=sys.stderr)
    task = f", {result.record.task}" if result.record.task else ""
    done = "wrote" if written else "unchanged:"
    print(f"{done} {output}: {result.record.rows:,} rows, {len(result.record.columns)} columns{task}")
    return 0


def _progress(names: Iterable[str]) -> Iterator[str]:
    from tqdm import tqdm

    # disable=None: no bar where standard error is no terminal.
    yield from tqdm(list(names), desc="columns", unit="column", disable=None, file=sys.stderr)
