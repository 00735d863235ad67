"""``prediction-exporter check``: find what is wrong before it runs."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_exporter.commands.collector_flags import add_collector_flags, collector_flags

if TYPE_CHECKING:  # loading these takes most of a second, which `--help` need not wait for
    from prediction_exporter.baseline import Baseline
    from prediction_exporter.baseline.settings import Findings
    from prediction_exporter.collectors.base import Most
    from prediction_exporter.config import Config, Model
    from prediction_exporter.sources.base import Look

FOUND = 1

_MIB = 1 << 20

#: Processes that are shown one by one.
_MOST_PIDS = 8


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser("check", help="check a configuration")
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    of_config = what.add_parser(
        "config",
        help="check a configuration file",
        description="Check a configuration file: every error with its place and what is allowed there, what is recognised in "
        "each source, the number of series by family, and the memory that windows take. Exit code 1 where something is wrong.",
    )
    of_config.add_argument("file", type=Path, metavar="FILE", help="the configuration")
    add_collector_flags(of_config)
    of_config.set_defaults(function=check_config)


def check_config(options: argparse.Namespace) -> int:
    """Check a configuration and show what it means."""
    from prediction_exporter import config
    from prediction_exporter.collectors.switches import NOTHING_RUNS, Switches, levels
    from prediction_exporter.errors import PredictionExporterError
    from prediction_exporter.kit.readers import refuse_excluded, unwatched
    from prediction_exporter.monitor import budget
    from prediction_exporter.monitor.references import not_compared

    try:
        loaded = config.load(options.file)
        refuse_excluded(loaded, options.file)
    except PredictionExporterError as error:
        print(error, file=sys.stderr)
        return FOUND
    problems = config.check_files(loaded, options.file)
    switches = Switches(*collector_flags(options))
    if not switches.anything(loaded):
        problems.append(NOTHING_RUNS)
    warnings = [*config.check_log_folders(loaded), *config.coarse_objectives(loaded), *unwatched(loaded, switches)]
    budgets = budget.of_exporter(loaded, switches)
    baselines: dict[int, Baseline] = {}
    looks: dict[int, Look] = {}
    for index, model in enumerate(loaded.models):
        baseline, found = _baseline(loaded, index, problems)
        if baseline is not None:
            baselines[index] = baseline
            command = config.baseline_command(options.file, model)
            warnings += _nothing_compared(index, baseline)
            warnings += not_compared(loaded, model, baseline, f"models[{index}]", command)
        warnings += [f"models[{index}].slo.openslo: {sentence}" for sentence in model.slo.unused]
        if not found.errors:
            budgets += budget.of_model(loaded, model, baseline, switches)
        found.add(_show_source(loaded, index, baseline, options.file, looks))
        found.add(_show_labels(loaded, index, baseline, looks.get(index)))
        _show_performance(model, baseline, f"models[{index}]")
        print("\n".join(f"  {line}" for line in levels(switches, loaded, model)))
        # A baseline that does not exist is told among the files already.
        problems += [error for error in found.errors if error not in problems]
        warnings += found.warnings
        warnings += _show_process(model, index)
        warnings += _show_artifacts(model, index)
    versions = 0
    try:
        versions = budget.versions_that_fit(loaded, budgets)
    except PredictionExporterError as error:
        problems.append(str(error))
    sys.stdout.flush()  # so that what is wrong stands behind what was looked at, and before the long table
    for warning in warnings:
        print(f"{options.file}: warning: {warning}", file=sys.stderr)
    for problem in problems:
        print(f"{options.file}: {problem}", file=sys.stderr)
    if not problems:
        _show_series(loaded, budgets, versions)
        _show_memory(loaded, baselines, versions)
    return FOUND if problems else 0


def _baseline(config: Config, index: int, problems: Sequence[str]) -> tuple[Baseline | None, Findings]:
    """Return a model's baseline, or what is wrong with it; what the problems tell of it already is not told twice."""
    from prediction_exporter.baseline.settings import Findings
    from prediction_exporter.errors import PredictionExporterError
    from prediction_exporter.monitor.references import load_baseline

    place = f"models[{index}]"
    try:
        return load_baseline(config.models[index], place), Findings()
    except PredictionExporterError as error:
        told = [problem for problem in problems if problem.startswith(f"{place}.baseline: ")]
        return None, Findings(told or str(error).split("\n"))


def _show_source(config: Config, index: int, baseline: Baseline | None, file: Path, looks: dict[int, Look]) -> Findings:
    """Show which field of a model's source is what, and keep what it shows; return what is wrong with it."""
    from prediction_exporter.baseline.settings import Findings
    from prediction_exporter.errors import PredictionExporterError, SourceError
    from prediction_exporter.monitor.foresight import foresee
    from prediction_exporter.monitor.inspection import inspect, open_to_look, shown_records
    from prediction_exporter.monitor.label_inspection import check_joinable
    from prediction_exporter.monitor.references import spans_of
    from prediction_exporter.sources.fields.schema import describe

    model, place = config.models[index], f"models[{index}]"
    layout = baseline.layout if baseline is not None else None
    _show_server(model)
    if not model.predictions.are_read:
        return Findings()
    print(f"{model.name}: reads {model.shown}")
    told: list[str] = []
    try:
        with _hearing(told), closing(open_to_look(config, index, layout)) as source:
            look = source.look()
    except SourceError as error:
        problem = f"{place}.predictions: the source cannot be looked at now: {error}"
        # Where the configuration is checked, a database may be out of reach, and a folder not there yet.
        return Findings([problem]) if model.predictions.log is not None else Findings(warnings=[problem])
    except PredictionExporterError as error:
        return Findings(str(error).split("\n"))
    longest = spans_of(config)[-1]
    sample, found = inspect(model, baseline, look, index=index, file=file, now=time.time(), longest=longest)
    found.warnings += [f"{place}.predictions: {warning}" for warning in told]
    if sample:
        print(f"  {sample}")
    for line in shown_records(model, look):
        print(f"  {line}")
    if look.schema is None:
        waits = "which field is what is recognised when there are lines" if not look.faults else "it cannot be read as it is"
        print(f"  nothing to read yet: {waits}")
    for line in describe(look.schema, layout) if look.schema is not None else ():
        print(f"  {line}")
    found.add(check_joinable(model, look, index=index))
    looks[index] = look
    for line in [*_not_compared(baseline), *foresee(model, baseline, look)] if baseline is not None else ():
        print(f"  {line}")
    return found


def _show_labels(config: Config, index: int, baseline: Baseline | None, predictions: Look | None) -> Findings:
    """Show which field of the source of a model's labels is what; return what is wrong with it."""
    from prediction_exporter.baseline.performance import performance_of
    from prediction_exporter.baseline.settings import Findings
    from prediction_exporter.errors import PredictionExporterError, SourceError
    from prediction_exporter.monitor.label_inspection import inspect_labels, open_labels_to_look
    from prediction_exporter.sources.labels import describe_labels

    model, place = config.models[index], f"models[{index}]"
    if model.labels is None or baseline is None:
        return Findings()
    print(f"  labels: reads {model.labels.shown}")
    performance, _ = performance_of(model, baseline, place)
    told: list[str] = []
    try:
        with _hearing(told), closing(open_labels_to_look(config, index, performance)) as source:
            look = source.look()
    except SourceError as error:
        problem = f"{place}.labels: the source cannot be looked at now: {error}"
        return Findings([problem]) if model.labels.log is not None else Findings(warnings=[problem])
    except PredictionExporterError as error:
        return Findings(str(error).split("\n"))
    lines, found = inspect_labels(performance, look, predictions, index=index, meanings=model.labels.values)
    found.warnings += [f"{place}.labels: {warning}" for warning in told]
    shown = [*lines, *(describe_labels(look.schema) if look.schema is not None else ())]
    print("\n".join(f"    {line}" for line in shown or ["no label to look at yet"]))
    return found


def _show_performance(model: Model, baseline: Baseline | None, place: str) -> None:
    """Show what is measured of a model with labels, and what that was on the baseline's data."""
    from prediction_exporter.baseline.performance import performance_of
    from prediction_exporter.performance import MEASURES
    from prediction_exporter.performance.summary import summary

    if model.labels is None or baseline is None:
        return
    layout, labelled = performance_of(model, baseline, place)
    if labelled is None:
        print(f"  performance measured: {', '.join(measure.key for measure in MEASURES if measure.applies(layout))}")
    else:
        print(f"  performance measured, and by {labelled.rows:,} labels of the baseline: {summary(labelled)}")


def _show_process(model: Model, index: int) -> Iterator[str]:
    """Show what is found of a model server's processes now; yield what is not, as the server may be started later."""
    from prediction_exporter.process.look import Looker
    from prediction_exporter.process.totals import Totals

    if model.process is None:
        return
    look = Looker(model.process, Totals()).look()
    if not look.up:
        yield f"models[{index}].process: it is not found now: {look.problem}"
        return
    shown, more = look.pids[:_MOST_PIDS], len(look.pids) - _MOST_PIDS
    pids = ", ".join([*map(str, shown), *([f"and {more} more"] if more > 0 else [])]) or "those of another namespace"
    print(f"  processes found by {model.process.shown}: {pids}")
    absent = [f"{part.value} ({reason})" for part, reason in look.status.items() if reason in {"denied", "unsupported"}]
    if absent:
        yield f"models[{index}].process: not told here and now: {', '.join(absent)}"


def _show_artifacts(model: Model, index: int) -> Iterator[str]:
    """Show which files are kept for a model now; yield what cannot be told of them, as they may come later."""
    from prediction_exporter.artifacts.files import UnseenError, files_of

    for key, what, patterns in (
        ("storage.paths", "files are kept", model.storage.paths if model.storage is not None else ()),
        (
            "retraining.artifact",
            "files may be its artefact",
            [model.retraining.artifact] if model.retraining is not None else (),
        ),
    ):
        if not patterns:
            continue
        try:
            files = files_of(patterns)
        except UnseenError as error:
            yield f"models[{index}].{key}: {error}"
        else:
            print(f"  {what}: {len(files):,}, of {sum(file.size for file in files):,} bytes")


def _show_server(model: Model) -> None:
    """Show which series of a model's server rules read, and what they make of them."""
    if model.server is None:
        if not model.predictions.are_read:
            print(f"{model.name}: watched by its processes")
        return
    alone = "watched by its server's own metrics" if not model.predictions.are_read else "reads its server's own metrics too"
    print(f"{model.name}: {alone}, {model.server.kind} {model.server.matched}")
    missing = [part for part in ("requests", "failed", "duration") if part not in model.of_server]
    print(f"  rules make of them: {', '.join(model.of_server)}" + (f"; not told: {', '.join(missing)}" if missing else ""))
    bound = model.latency_bound
    if bound is not None and model.slo.latency is not None:
        print(f"  requests above {bound.lower:g}s count as slow, the objective is {model.slo.latency.under}")


def _nothing_compared(index: int, baseline: Baseline) -> Iterator[str]:
    """Yield that no column of a baseline has a distribution, where it is so: no drift would be no news of anything."""
    from prediction_exporter.statistics.psi import PSI

    if not any(column.kind in PSI.kinds for column in baseline.layout.columns):
        yield (
            f"models[{index}].baseline: no column has a distribution that could be compared: drift is not watched, "
            "only whether values are there and of their type"
        )


def _not_compared(baseline: Baseline) -> Iterator[str]:
    """Yield what of the training data has no distribution that is compared."""
    from prediction_exporter.counting.layout import Kind

    columns = baseline.layout.columns
    made: dict[str, list[str]] = {}
    for column in columns:
        if column.of is not None and column.function is not None:
            made.setdefault(column.of, []).append(column.function.value)
    present = [column.name for column in columns if column.kind is Kind.PRESENCE and column.name not in made]
    if made:
        yield "compared by what is made of it: " + ", ".join(f"{of} by {' and '.join(names)}" for of, names in made.items())
    if present:
        yield f"watched for presence alone: {', '.join(present)}"
    if baseline.left_out:
        yield "left out of the baseline: " + "; ".join(
            f"{name or '(no name)'} ({why})" for name, why in baseline.left_out.items()
        )


class _Listener(logging.Handler):
    def __init__(self, told: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.append(record.getMessage())


@contextmanager
def _hearing(told: list[str]) -> Iterator[None]:
    """Take what sources warn of in the exporter's log; of files and logs, looks tell it themselves."""
    handler = _Listener(told)
    sources = logging.getLogger("prediction_exporter.sources")
    tables = logging.getLogger("prediction_exporter.sources.table")
    sources.addHandler(logging.NullHandler())
    sources.propagate = False
    tables.addHandler(handler)
    try:
        yield
    finally:
        tables.removeHandler(handler)


def _show_series(config: Config, budgets: Sequence[Most], versions: int) -> None:
    from prediction_exporter.monitor import budget

    for family, count in sorted(budget.total(budgets, 1).items(), key=lambda item: (-item[1], item[0])):
        print(f"{count:8,}  {family}")
    one = sum(of_model.series(1) for of_model in budgets)
    print(f"{one:8,}  series with one version of each model")
    print(f"series_limit {config.series_limit:,}: room for {versions} versions of each model")


def _show_memory(config: Config, baselines: Mapping[int, Baseline], versions: int) -> None:
    """Show what the windows of each model that has a baseline take."""
    from prediction_exporter.monitor import budget

    for index, baseline in baselines.items():
        model = config.models[index]
        few, any_number = (size / _MIB for size in budget.windows_bytes(config, model, baseline, versions))
        print(
            f"{model.name}: {few:,.1f} MiB of memory for the windows of {versions} versions and of other, "
            f"{any_number:,.1f} with any number of predictions"
        )
        windows, waiting = (size / _MIB for size in budget.performance_bytes(config, model, baseline, versions))
        if windows:
            print(
                f"{model.name}: {windows:,.1f} MiB more for windows of performance, mature and preliminary, and up to about "
                f"{waiting:,.0f} MiB where what waits for labels reaches labels.max_size"
            )
        few, any_number = (size / _MIB for size in budget.history_bytes(config, model, baseline, versions))
        if any_number:
            print(
                f"{model.name}: {few:,.1f} MiB more to compare with last week, {any_number:,.1f} with any number of "
                "predictions: quarters of an hour for a week and the longest window compared, of all versions together"
            )
