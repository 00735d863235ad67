"""``prediction-exporter check``: find what is wrong before it runs."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_exporter.commands.collector_flags import add_collector_flags, collector_flags

if TYPE_CHECKING:  # loading these takes most of a second, which `--help` need not wait for
    from prediction_exporter.baseline import Baseline
    from prediction_exporter.collectors.base import Most
    from prediction_exporter.config import Config, Model

FOUND = 1


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser("check", help="check a configuration")
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    of_config = what.add_parser(
        "config",
        help="check a configuration file",
        description="Check a configuration file: every error with its place and what is allowed there, what is recognised in "
        "each source, and the number of series by family. Exit code 1 where something is wrong.",
    )
    of_config.add_argument("file", type=Path, metavar="FILE", help="the configuration")
    add_collector_flags(of_config)
    of_config.set_defaults(function=check_config)


def check_config(options: argparse.Namespace) -> int:
    """Check a configuration and show what it means."""
    from prediction_exporter import config
    from prediction_exporter.collectors.switches import Switches
    from prediction_exporter.errors import PredictionExporterError
    from prediction_exporter.kit.readers import refuse_excluded, unwatched
    from prediction_exporter.monitor import budget
    from prediction_exporter.monitor.references import load_baseline

    try:
        loaded = config.load(options.file)
        refuse_excluded(loaded)
    except PredictionExporterError as error:
        print(error, file=sys.stderr)
        return FOUND
    problems = [f"{options.file}: {problem}" for problem in config.check_files(loaded)]
    warnings = [f"{options.file}: {warning}" for warning in config.check_log_folders(loaded)]
    switches = Switches(collector_flags(options))
    warnings += [f"{options.file}: {line}" for line in unwatched(loaded, switches)]
    budgets = budget.of_exporter(loaded, switches)
    for index, model in enumerate(loaded.models):
        place = f"models[{index}]"
        try:
            baseline = load_baseline(model, place)
            budgets += budget.of_model(loaded, model, baseline, switches)
            untold = _show_recognised(loaded, model, baseline, place)
            warnings += [f"{options.file}: {untold}"] if untold is not None else []
        except PredictionExporterError as error:
            # A file that does not exist is named by its place among the problems already.
            if not any(f": {place}." in problem for problem in problems):
                problems.append(f"{options.file}: {error}")
    if not problems:
        try:
            versions = budget.versions_that_fit(loaded, budgets)
            _show_series(loaded, budgets, versions)
        except PredictionExporterError as error:
            problems.append(f"{options.file}: {error}")
    for line in [*warnings, *problems]:
        print(line, file=sys.stderr)
    return FOUND if problems else 0


def _show_recognised(config: Config, model: Model, baseline: Baseline | None, place: str) -> str | None:
    """Show which field of a model's source is what; return what is to be told where it cannot be read from here."""
    from prediction_exporter.counting.traffic import Traffic
    from prediction_exporter.errors import SourceError
    from prediction_exporter.monitor.references import spans_of
    from prediction_exporter.sources.context import SourceContext
    from prediction_exporter.sources.fields.schema import describe
    from prediction_exporter.sources.registry import open_source

    layout = baseline.layout if baseline is not None else None
    print(f"{model.name}: reads {model.predictions.source.shown}")
    source = open_source(
        SourceContext(
            predictions=model.predictions,
            layout=layout,
            spans=spans_of(config),
            segments=model.segments,
            traffic=Traffic(layout),
            labels_of=lambda versions: {version: version or "" for version in versions},
            where=place,
            clock=time.time,
        )
    )
    try:
        schema = source.look()
    except SourceError as error:
        if model.predictions.log is not None:
            raise
        # Where the configuration is checked, the database may be out of reach.
        return f"{place}.predictions: the source cannot be looked at now: {error}"
    finally:
        source.close()
    if schema is None:
        print("  nothing to read yet: which field is what is recognised when it comes")
        return None
    for line in describe(schema, layout):
        print(f"  {line}")
    return None


def _show_series(config: Config, budgets: Sequence[Most], versions: int) -> None:
    from prediction_exporter.monitor import budget

    for family, count in sorted(budget.total(budgets, 1).items(), key=lambda item: (-item[1], item[0])):
        print(f"{count:8,}  {family}")
    one = sum(of_model.series(1) for of_model in budgets)
    print(f"{one:8,}  series with one version of each model")
    print(f"series_limit {config.series_limit:,}: room for {versions} versions of each model")
