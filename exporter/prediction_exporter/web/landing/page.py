"""The page: all models, their sources, and a table of columns for each version and window.

It formats finished reports and computes no statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from prediction_exporter.collectors.cost import COLLECTOR as COST_COLLECTOR
from prediction_exporter.collectors.report import ModelReport
from prediction_exporter.config import Config
from prediction_exporter.cost.rates import RateCosts
from prediction_exporter.templates import page
from prediction_exporter.web.landing.environment import PAGES
from prediction_exporter.web.landing.operation import Polled, blocks_of, is_down
from prediction_exporter.web.landing.topics import Topic
from prediction_exporter.web.landing.view import view_of
from prediction_exporter.web.landing.words import NOTHING

#: Rows of columns on the page: shared by the models' main tables, and by all other tables, each of which has a few at least.
MAIN_ROWS, OTHER_ROWS = 100, 50
LEAST_MAIN_ROWS, MOST_OTHER_ROWS, LEAST_OTHER_ROWS = 10, 10, 3

#: Segments that are listed of each version.
MOST_SEGMENTS = 40


def render_page(
    reports: Sequence[ModelReport],
    config: Config,
    *,
    now: float,
    telemetry_path: str,
    problem: str | None = None,
    runbooks: Mapping[Topic, str] | None = None,
    unwatched: Mapping[str, Mapping[str, str]] | None = None,
    verdicts: Mapping[str, Mapping[str, int]] | None = None,
    polled: Mapping[str, Polled] | None = None,
    costs: Mapping[str, RateCosts] | None = MappingProxyType({}),
) -> bytes:
    """Return the landing page.

    Args:
        reports: the last report of each model that has one.
        config: the configuration in use; a model in it without a report has not been evaluated yet.
        now: Unix time, which ages are reckoned from.
        telemetry_path: where the metrics are.
        problem: what is wrong with the exporter as a whole, for people, such as a configuration that was not reloaded.
        runbooks: the names of the runbooks, below ``runbooks/``, that explain what the page says is wrong.
        unwatched: by model, what of it is not watched, and why.
        verdicts: by model, how many of its alarms were said to be what.
        polled: by model, what its polls gave last.
        costs: by model, what it costs by its rates; None where that cannot be counted.
    """
    found = {report.name: report for report in reports}
    views = []
    for i, model in enumerate(config.models):
        left_out, of_polls = (unwatched or {}).get(model.name, {}), (polled or {}).get(model.name, {})
        blocks = blocks_of(model, of_polls, costs, counts_costs=COST_COLLECTOR.name not in left_out, now=now)
        views.append(
            view_of(f"m{i}", model, found.get(model.name), config, now, left_out, blocks=blocks, down=is_down(of_polls))
        )
    tables = sum(len(version.windows) for view in views for version in view.versions)
    return page(
        PAGES,
        "web/landing/page.html",
        views=views,
        now=now,
        telemetry_path=telemetry_path,
        problem=problem,
        runbooks=runbooks or {},
        main_rows=max(MAIN_ROWS // len(views), LEAST_MAIN_ROWS),
        other_rows=max(min(OTHER_ROWS // max(tables - len(views), 1), MOST_OTHER_ROWS), LEAST_OTHER_ROWS),
        most_segments=MOST_SEGMENTS,
        verdicts=verdicts or {},
        takes_notes=config.notes.form,
        nothing=NOTHING,
        Topic=Topic,
    )
