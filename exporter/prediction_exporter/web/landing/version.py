"""A version of a model: its windows, each with its figures and its table of columns, and its segments."""

from __future__ import annotations

import math

from prediction_exporter.collectors.report import ModelReport, WindowReport
from prediction_exporter.counting.layout import Role
from prediction_exporter.statistics import Statistic
from prediction_exporter.statistics.drifted_columns import DRIFTED_COLUMNS
from prediction_exporter.statistics.evaluation import OK, TOO_FEW
from prediction_exporter.statistics.outlier_ratio import OUTLIER_RATIO
from prediction_exporter.statistics.psi import PSI
from prediction_exporter.web.landing.columns import Window, table
from prediction_exporter.web.landing.view import Version, drifted
from prediction_exporter.web.landing.words import NOTHING, count, counted, outside, percent, reason

#: Segments that are listed of each version.
MOST_SEGMENTS = 40


def version_section(version: Version, report: ModelReport, *, main_rows: int, other_rows: int) -> str:
    """Return a version: its main window in full, with so many rows, and the others folded."""
    fewest = report.model.min_predictions
    main = version.main
    span = f'<span class="soft span">last {outside(main.report.window)}</span>'
    parts = [f"<h3>Version {outside(version.name)}{span}</h3>", _window(main, fewest, most=main_rows)]
    for window in version.windows:
        if window is not main:
            rows, alarmed = window.report.profile.rows, len(window.alarmed)
            words = f", {counted(alarmed, 'column')} above a threshold" if alarmed else ""
            parts.append(
                f"<details><summary>Last {outside(window.report.window)}: {counted(rows, 'prediction')}{words}</summary>"
                f"<div>{_window(window, fewest, most=other_rows)}</div></details>"
            )
    if version.segments:
        parts.append(_segments(version, fewest))
    return f'<div class="version">{"".join(parts)}</div>'


def _window(window: Window, fewest: int, *, most: int) -> str:
    rows = window.report.profile.rows
    figures = (
        f'<dl class="figures"><div><dt>Predictions</dt><dd>{count(rows)}</dd></div>'
        f"{_drifted_features(window, fewest)}{_outliers(window.report, fewest)}</dl>"
    )
    return figures + (table(window, most=most) if rows else "")


def _drifted_features(window: Window, fewest: int) -> str:
    number = drifted(window.report)
    if number is None:
        return _absent(DRIFTED_COLUMNS, window.report, fewest)
    features = [index for index, column in enumerate(window.columns) if column.role is Role.FEATURE]
    compared = sum(window.of(PSI, index).value is not None for index in features)
    mark = ' class="over"' if number else ""
    shown = f"<b>{count(number)}</b> <small>of {count(compared)} compared</small>"
    return f"<div><dt>{DRIFTED_COLUMNS.title}</dt><dd{mark}>{shown}</dd></div>"


def _outliers(report: WindowReport, fewest: int) -> str:
    value = float(report.results[OUTLIER_RATIO.key].values)
    if math.isnan(value):
        return _absent(OUTLIER_RATIO, report, fewest)
    return f"<div><dt>{OUTLIER_RATIO.title}</dt><dd>{percent(value)}</dd></div>"


def _absent(statistic: Statistic, report: WindowReport, fewest: int) -> str:
    """Return a statistic of the window that is absent, with the reason."""
    statuses = [status for status in report.results[statistic.key].statuses if status != OK]
    words = reason(statuses[0], fewest=fewest) if statuses else NOTHING
    return f'<div><dt>{statistic.title}</dt><dd class="none">{words}</dd></div>'


def _segments(version: Version, fewest: int) -> str:
    rows = []
    for window in version.segments[:MOST_SEGMENTS]:
        number = drifted(window)
        if number is None:
            shown = f'<td class="soft">{reason(TOO_FEW, fewest=fewest)}</td>'
        else:
            shown = f'<td class="over"><b>{count(number)}</b></td>' if number else f"<td>{count(number)}</td>"
        name = f'<th scope="row">{outside(window.segment)}</th>'
        rows.append(f"<tr>{name}<td>{count(window.profile.rows)}</td>{shown}</tr>")
    left = len(version.segments) - MOST_SEGMENTS
    more = f'<p class="soft">{counted(left, "more segment")}: see the metrics.</p>' if left > 0 else ""
    return (
        f"<details><summary>{counted(len(version.segments), 'segment')}</summary><table><thead><tr>"
        '<th scope="col">Segment</th><th scope="col">Predictions</th><th scope="col">Drifted features</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>{more}</details>"
    )
