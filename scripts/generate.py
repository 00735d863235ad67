"""Render everything that is committed and rendered. ``make generate`` runs it; with ``--check`` it only compares.

Rendered are the schema of the configuration, the kit of the example (rules, their tests, routes, dashboards, runbooks), the
pages on metrics, statistics, performance, configuration and sizes, the table of what was tried, what shells know of the command
line, and the demo's baseline.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from proof import PROOF_PAGE, proof_page
from sizing import SIZING_PAGE, sizing_page

from prediction_exporter import __version__, baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.labelled import truth_of
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.cli import parser
from prediction_exporter.demo.credit_risk import training_data
from prediction_exporter.kit.config_page import CONFIGURATION_PAGE, configuration_page
from prediction_exporter.kit.docs import PERFORMANCE_PAGE, STATISTICS_PAGE, performance_page, statistics_page
from prediction_exporter.kit.metrics_page import PAGE, metrics_page
from prediction_exporter.kit.records_page import RECORDS_PAGE, records_page
from prediction_exporter.kit.render import diff, render, write
from prediction_exporter.kit.servers_page import SERVERS_PAGE, servers_page
from prediction_exporter.shell import bash, fish, zsh
from prediction_exporter.shell.manpage import manpage
from prediction_exporter.shell.tree import tree_of

ROOT = Path(__file__).parents[1]
SHARE = "exporter/share"
EXAMPLE = ROOT / "examples" / "credit-risk" / "exporter.yml"


def files() -> dict[str, str]:
    """Return every rendered text by its path from the root."""
    loaded = config.load(EXAMPLE)
    return {
        **render(loaded),
        PAGE: metrics_page(),
        STATISTICS_PAGE: statistics_page((ROOT / STATISTICS_PAGE).read_text(encoding="utf-8")),
        PERFORMANCE_PAGE: performance_page((ROOT / PERFORMANCE_PAGE).read_text(encoding="utf-8")),
        CONFIGURATION_PAGE: configuration_page((ROOT / CONFIGURATION_PAGE).read_text(encoding="utf-8")),
        SERVERS_PAGE: servers_page((ROOT / SERVERS_PAGE).read_text(encoding="utf-8")),
        RECORDS_PAGE: records_page((ROOT / RECORDS_PAGE).read_text(encoding="utf-8")),
        PROOF_PAGE: proof_page((ROOT / PROOF_PAGE).read_text(encoding="utf-8")),
        SIZING_PAGE: sizing_page((ROOT / SIZING_PAGE).read_text(encoding="utf-8")),
        "docs/config.schema.json": json.dumps(config.json_schema(), indent=2) + "\n",
        **shell_files(),
    }


def shell_files() -> dict[str, str]:
    """Return the man page and the completions, where an installation looks for them below its prefix."""
    top = parser()
    tree, name = tree_of(top), top.prog
    return {
        f"{SHARE}/man/man1/{name}.1": manpage(tree, name, __version__),
        f"{SHARE}/bash-completion/completions/{name}": bash.completion(tree, name),
        f"{SHARE}/zsh/site-functions/_{name}": zsh.completion(tree, name),
        f"{SHARE}/fish/vendor_completions.d/{name}.fish": fish.completion(tree, name),
    }


def save_baseline() -> bool:
    """Build the example's baseline from the demo's training data; return whether it changed."""
    model = config.load(EXAMPLE).models[0]
    if model.baseline is None:
        raise ValueError(f"{EXAMPLE} names no baseline")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "training.parquet"
        training_data().write_parquet(data)
        table = read_table(data)
        truth = truth_of(model, "models[0]", table.columns, ())
        result = build(table, model.predictions.fields, kinds={}, task=model.task, where="models[0]", truth=truth)
    return baseline.save(result.record, model.baseline)


def main() -> int:
    """Render, or compare."""
    if "--check" in sys.argv:
        different = diff(files(), ROOT)
        print("\n".join(different) or "everything is up to date")
        return 1 if different else 0
    save_baseline()
    write(files(), ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
