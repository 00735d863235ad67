"""The page of all metrics, rendered from the families."""

from __future__ import annotations

from itertools import groupby

from prediction_exporter.collectors.registry import COLLECTORS, FAMILIES, FAMILIES_BY_COLLECTOR
from prediction_exporter.kit.readers import readers
from prediction_exporter.templates import markdown

PAGE = "docs/metrics.md"

#: Headings of the families' groups, in the order of the page.
GROUPS = {
    "traffic": "Traffic: counters from the log, kept over restarts",
    "window": "Windows: counts that add up over replicas, and the baseline beside them",
    "drift": "Drift: window against baseline",
    "reference": "References: window against last week's and against the version before, where configured",
    "labels": "Labels: what became of them, how late and how complete they are, where configured",
    "performance": "Performance: predictions beside their labels, and beside the baseline",
    "cost": "Cost: by rates, and as it was billed",
    "quality": "Data quality",
    "process": "Process: what the model server uses",
    "artifacts": "Artifacts: files that are kept for a model, and its trainings",
    "identity": "Identity: what the model is and who owns it",
    "exporter": "The exporter itself",
}


def metrics_page() -> str:
    """Return the page, in Markdown."""
    families = sorted(FAMILIES, key=lambda family: list(GROUPS).index(family.group))
    groups = [(GROUPS[group], list(of_group)) for group, of_group in groupby(families, key=lambda family: family.group)]
    return (
        markdown()
        .get_template("kit/templates/metrics.md")
        .render(
            groups=groups,
            collectors=COLLECTORS.values(),
            collector_of={family.name: name for name, of in FAMILIES_BY_COLLECTOR.items() for family in of},
            read=readers(),
        )
    )
