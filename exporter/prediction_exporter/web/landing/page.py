"""The page: all models, their sources, and a table of columns for each version and window.

It formats finished reports and computes no statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prediction_exporter import __version__
from prediction_exporter.collectors.identity import AREAS
from prediction_exporter.collectors.report import ModelReport
from prediction_exporter.config import Config, Model
from prediction_exporter.web.landing.style import STYLE
from prediction_exporter.web.landing.version import version_section
from prediction_exporter.web.landing.view import State, View, late, view_of
from prediction_exporter.web.landing.words import NOTHING, ago, count, counted, duration, escape, outside, size, when

#: Rows of columns on the page: shared by the models' main tables, and by all other tables, each of which has a few at least.
MAIN_ROWS, OTHER_ROWS = 100, 50
LEAST_MAIN_ROWS, MOST_OTHER_ROWS, LEAST_OTHER_ROWS = 10, 10, 3

_FOOTER = (
    "<footer><p>PSI: population stability index, the distance between a column's values in the window and in the baseline. "
    "The page shows the last evaluation and does not reload by itself.</p></footer>"
)


def render_page(
    reports: Sequence[ModelReport], config: Config, *, now: float, telemetry_path: str, problem: str | None = None
) -> bytes:
    """Return the landing page.

    Args:
        reports: the last report of each model that has one.
        config: the configuration in use; a model in it without a report has not been evaluated yet.
        now: Unix time, which ages are reckoned from.
        telemetry_path: where the metrics are.
        problem: what is wrong with the exporter as a whole, for people, such as a configuration that was not reloaded.
    """
    found = {report.name: report for report in reports}
    views = [view_of(f"m{i}", model, found.get(model.name), config, now) for i, model in enumerate(config.models)]
    tables = sum(len(version.windows) for view in views for version in view.versions)
    main_rows = max(MAIN_ROWS // len(views), LEAST_MAIN_ROWS)
    other_rows = max(min(OTHER_ROWS // max(tables - len(views), 1), MOST_OTHER_ROWS), LEAST_OTHER_ROWS)
    body = [
        _header(telemetry_path),
        _problem(problem) if problem is not None else "",
        _overview(views, now) if len(views) > 1 else "",
        *(_model(view, config, now, main_rows=main_rows, other_rows=other_rows) for view in views),
        _FOOTER,
    ]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>prediction-exporter</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f'<style>{STYLE}</style></head><body><div class="page">{"".join(body)}</div></body></html>\n'
    )
    return page.encode()


# The page from top to bottom


def _header(telemetry_path: str) -> str:
    # Relative, so that they work behind a proxy that serves the exporter below a path of its own.
    links = ((f".{telemetry_path}", "Metrics"), ("./-/healthy", "Healthy"), ("./-/ready", "Ready"))
    anchors = "".join(f'<a href="{escape(address)}">{name}</a>' for address, name in links)
    title = f"<h1>prediction-exporter<small>{escape(__version__)}</small></h1>"
    return f'<header>{title}<nav aria-label="Pages">{anchors}</nav></header>'


def _problem(text: str) -> str:
    return f'<p class="problem" role="status"><b>Problem:</b> {outside(text)}</p>'


def _pill(state: State) -> str:
    return f'<span class="pill {state.mark}">{state.words}</span>'


def _overview(views: Sequence[View], now: float) -> str:
    rows = []
    for view in views:
        newest = None if view.report is None else view.report.source.newest
        rows.append(
            f'<tr><th scope="row"><a href="#{view.anchor}">{outside(view.model.name)}</a></th><td>{_pill(view.state)}</td>'
            f"<td>{outside(view.model.owner)}</td><td>{NOTHING if newest is None else when(newest, now)}</td></tr>"
        )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Model", "State", "Owner", "Newest event"))
    return (
        f'<section class="card" aria-label="Models"><table class="models"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></section>"
    )


def _model(view: View, config: Config, now: float, *, main_rows: int, other_rows: int) -> str:
    head = f'<div class="head"><h2>{outside(view.model.name)}</h2>{_pill(view.state)}</div>'
    parts = [head]
    report = view.report
    if report is None:
        path = outside(view.model.predictions.source.shown)
        parts.append(f"<p>Not evaluated yet. It reads {path}.</p>")
    else:
        if report.source.problem is not None:
            parts.append(f'<p class="problem"><b>Source down:</b> {outside(report.source.problem)}</p>')
        if late(report, config, now):
            parts.append(
                f'<p class="problem"><b>Evaluation late:</b> the last one was {ago(report.created, now)}; '
                f"the source may hang, or the exporter be short of CPU.</p>"
            )
        parts += [_facts(view, report, config, now), _recognised(report), _instead(view, report)]
        for position, version in enumerate(view.versions):
            most = main_rows if position == 0 else other_rows
            parts.append(version_section(version, report, main_rows=most, other_rows=other_rows))
    return f'<section class="card" id="{view.anchor}">{"".join(parts)}</section>'


def _facts(view: View, report: ModelReport, config: Config, now: float) -> str:
    source, model = report.source, report.model
    up = '<span class="soft">· up</span>' if source.up else '<span class="tag">down</span>'
    unread = "" if source.unread is None else f"<br><small>{size(source.unread)} unread</small>"
    facts = {
        "Owner": _owners(model, config),
        "Task": outside(model.task or (report.baseline.task if report.baseline else None) or "unknown"),
        "Baseline": _baseline(report, now),
        "Versions": ", ".join(outside(version.name) for version in view.versions) or NOTHING,
        "Newest event": NOTHING if source.newest is None else when(source.newest, now),
        "Last evaluation": f"{when(report.created, now)}<br><small>took {duration(report.evaluation_seconds or 0.0)}</small>",
        "Events used": count(source.events) + unread,
        "Lines refused": _refused(source.rejected),
    }
    entries = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    return (
        f'<dl class="facts"><div class="wide"><dt>Source</dt><dd><code>{outside(source.name)}</code> {up}</dd></div>'
        f"{entries}</dl>"
    )


def _owners(model: Model, config: Config) -> str:
    """Return the owner and how to reach them, and who else has an area."""
    owner = config.owners.get(model.owner)
    contacts = [] if owner is None else [contact for contact in (owner.slack, owner.email) if contact]
    text = outside(model.owner)
    if contacts:
        text += f"<br><small>{', '.join(map(outside, contacts))}</small>"
    others = [(area, model.owner_of(area)) for area in AREAS if model.owner_of(area) != model.owner]
    return text + "".join(f"<br><small>{area}: {outside(name)}</small>" for area, name in others)


def _baseline(report: ModelReport, now: float) -> str:
    baseline = report.baseline
    if baseline is None:
        return "none <small>service and traffic only</small>"
    return (
        f"<code>{escape(baseline.short_hash)}</code><br>"
        f"<small>{counted(baseline.profile.rows, 'row')}, built {when(baseline.created, now)}</small>"
    )


def _refused(rejected: Mapping[str, int]) -> str:
    some = {name: number for name, number in rejected.items() if number}
    if not some:
        return count(0)
    reasons = ", ".join(f"{count(number)} {escape(name.replace('_', ' '))}" for name, number in some.items())
    return f"{count(sum(some.values()))}<br><small>{reasons}</small>"


def _recognised(report: ModelReport) -> str:
    """Return which field was taken for what, and which columns of the data are not watched."""
    parts = []
    if report.source.recognised:
        lines = "".join(f"<li>{outside(line)}</li>" for line in report.source.recognised)
        parts.append(f"<details><summary>Recognised fields</summary><ul>{lines}</ul></details>")
    if report.baseline is not None and report.baseline.left_out:
        items = report.baseline.left_out.items()
        lines = "".join(f"<li><b>{outside(name)}</b>: {outside(why)}</li>" for name, why in items)
        parts.append(f"<details><summary>{counted(len(items), 'column')} not watched</summary><ul>{lines}</ul></details>")
    return "".join(parts)


def _instead(view: View, report: ModelReport) -> str:
    """Return what stands in the place of the tables where there are none."""
    source = report.source
    if not source.events and not any(source.rejected.values()):
        text = f"Waiting for the first lines of <code>{outside(source.name)}</code>." if source.up else ""
    elif not source.events:
        text = "No line could be used so far; the reasons stand above, examples in the log."
    elif report.baseline is None:
        text = "Without a baseline nothing is compared: requests, latencies and predictions are in the metrics."
    elif not view.versions:
        text = "No predictions in any window: the newest event is older than the longest one."
    else:
        return ""
    return f'<p class="version">{text}</p>' if text else ""
