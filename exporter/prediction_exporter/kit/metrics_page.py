"""The page of all metrics, rendered from the families."""

from __future__ import annotations

from itertools import groupby

from prediction_exporter.collectors.registry import FAMILIES
from prediction_exporter.families import Family

PAGE = "docs/metrics.md"

#: Headings of the families' groups, in the order of the page.
GROUPS = {
    "traffic": "Traffic: counters from the log, kept over restarts",
    "window": "Windows: counts that add up over replicas, and the baseline beside them",
    "drift": "Drift: window against baseline",
    "quality": "Data quality",
    "identity": "Identity: what the model is and who owns it",
    "exporter": "The exporter itself",
}

HEAD = """# Metrics

Rendered from the declarations by `make generate`. A series that cannot be computed is absent, and `model_statistic_status` says
why; none is ever a stale number. `window` is a window as configured (`1h`), `segment` is `all` or `column=value`, `role` is
`feature`, `prediction` or `score`.
"""


def metrics_page() -> str:
    """Return the page, in Markdown."""
    families = sorted(FAMILIES, key=lambda family: list(GROUPS).index(family.group))
    sections = [HEAD]
    for group, of_group in groupby(families, key=lambda family: family.group):
        rows = "\n".join(_row(family) for family in of_group)
        sections.append(f"\n## {GROUPS[group]}\n\n| metric | type | labels | |\n|---|---|---|---|\n{rows}\n")
    return "".join(sections)


def _row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{family.name}` | {family.type} | {labels} | {family.help} |"
