"""The landing page, from reports made as the exporter makes them: every state, and names that mean harm."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pages import Page
from prediction_exporter import __version__
from prediction_exporter import baseline as baseline_file
from prediction_exporter.baseline import Baseline
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.inflation import Inflation
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.collectors.report import ModelReport, SourceReport, WindowReport
from prediction_exporter.config import Config, Fields, parse
from prediction_exporter.counting.events import Events, ValueState
from prediction_exporter.counting.layout import Kind
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL, Profiler
from prediction_exporter.monitor.references import references_of
from prediction_exporter.statistics.evaluation import ERROR, Result, evaluate
from prediction_exporter.statistics.evaluation import unwatched as not_watched
from prediction_exporter.statistics.psi import PSI
from prediction_exporter.web.landing import Topic, render_page
from prediction_exporter.web.landing.figures import MOST_BARS, Bin, bins_of, histogram, meter
from prediction_exporter.web.landing.words import NOTHING

NOW = 1_780_000_000.0
HOSTILE = [
    "<script>alert(1)</script>",
    "\"quoted' & <b>bold</b>",
    "</title></svg></style><img src=x onerror=alert(1)>",
    "مبلغ \u202eevil",
    "💸 amount",
    "&lt;escaped&gt;",
    "null\x00byte",
]


# Making reports


def config_of(folder: Path, *names: str, options: str = "") -> Config:
    """Return a configuration with these models, all read from the same log."""
    (folder / "base.json").touch()
    models = "".join(
        f"  - name: {name}\n    owner: risk\n    baseline: base.json\n"
        f"    predictions: {{log: {{path: /var/log/credit.jsonl}}}}\n{options}"
        for name in names or ("credit",)
    )
    text = f'owners:\n  risk: {{slack: "#risk", email: risk@example.com}}\n  data: {{slack: "#data"}}\nmodels:\n{models}'
    return parse(text, name="exporter.yml", base=folder, environ={})


def baseline_of(folder: Path, frame: pl.DataFrame, fields: Mapping[str, Any]) -> Baseline:
    """Return the baseline of a frame, through the files that a user has."""
    data, path = folder / "train.parquet", folder / "base.json"
    frame.write_parquet(data)
    path.unlink(missing_ok=True)
    result = build(read_table(data), Fields.model_validate(fields), kinds={}, task=None, where="models[0].predictions.fields")
    baseline_file.save(result.record, path)
    return replace(baseline_file.load(path), created=NOW - 86400 * 3)


def events_of(baseline: Baseline, frame: pl.DataFrame, *, version: str = "3.1") -> Events:
    """Return a frame as events; a column that it does not have is missing, text in a numeric column is invalid."""
    columns: dict[str, pl.Series] = {}
    states: dict[str, np.ndarray[Any, np.dtype[np.uint8]]] = {}
    for column in baseline.layout.columns:
        dtype = pl.Float64 if column.kind is Kind.NUMERIC else pl.String
        given = frame[column.name] if column.name in frame.columns else pl.repeat(None, len(frame), dtype=pl.String, eager=True)
        values = given.cast(dtype, strict=False)
        state = np.full(len(frame), ValueState.VALID, np.uint8)
        if column.kind is Kind.NUMERIC:
            bad = values.is_nan() | values.is_infinite()
            state[bad.fill_null(value=False).to_numpy()] = ValueState.NON_FINITE
            values = pl.select(pl.when(~bad).then(values)).to_series()
        state[(values.is_null() & given.is_not_null()).to_numpy() & (state == ValueState.VALID)] = ValueState.INVALID
        state[given.is_null().to_numpy()] = ValueState.MISSING
        columns[column.name], states[column.name] = values, state
    return Events(
        times=np.full(len(frame), int(NOW - 250) * 1_000_000),
        versions=pl.repeat(version, len(frame), eager=True),
        failed=np.zeros(len(frame), np.bool_),
        latencies=None,
        columns=columns,
        states=states,
    )


SOURCE = SourceReport(
    name="/var/log/credit.jsonl",
    up=True,
    problem=None,
    newest=NOW - 250,
    last_success=NOW - 5,
    unread=1536,
    events=12345,
    rejected={"malformed": 3, "future": 0, "missing_time": 12},
    recognised=("time: ts", "feature: features.amount"),
)
SILENT = replace(SOURCE, newest=None, events=0, unread=0, rejected={}, recognised=())


@dataclass
class Made:
    """What a report is made from: by version, the events of each window."""

    config: Config
    baseline: Baseline | None
    windows: dict[str, dict[str, pl.DataFrame]] = field(default_factory=dict)
    source: SourceReport = SOURCE
    index: int = 0

    def report(self) -> ModelReport:
        """Return the report, through profiler and evaluation."""
        model = self.config.models[self.index]
        references = references_of(self.config, model, self.baseline)
        windows: list[WindowReport] = []
        for version, of_version in self.windows.items():
            for window, frame in of_version.items():
                for segment, profile in self._profiles(frame, version).items():
                    results = evaluate(references[window], profile)
                    windows.append(WindowReport(version, segment, window, profile, results))
        return ModelReport(model, self.baseline, self.source, tuple(windows), NOW - 5, 0.0123, {})

    def _profiles(self, frame: pl.DataFrame, version: str) -> dict[str, Profile]:
        assert self.baseline is not None
        layout = self.baseline.layout
        profiles = {ALL: Profile.empty(layout)}
        if len(frame):
            profiler = Profiler(layout, bucket_seconds=3600, segments=self.config.models[self.index].segments)
            for key, profile in profiler.fold(events_of(self.baseline, frame, version=version)):
                profiles[key.segment] = profile
        return profiles

    def page(self, **arguments: Any) -> Page:
        """Return the page of this model alone."""
        return page_of([self.report()], self.config, **arguments)


def page_of(reports: Sequence[ModelReport], config: Config, **arguments: Any) -> Page:
    """Render a page and read it."""
    return Page(render_page(reports, config, **{"now": NOW, "telemetry_path": "/metrics", **arguments}))


def credit_data(rows: int, seed: int, *, drifted: bool = False) -> pl.DataFrame:
    """Return data of a credit model, as trained on or with an amount that has moved."""
    random = np.random.default_rng(seed)
    amount = random.lognormal(6, 0.8, rows) * (2.2 if drifted else 1.0)
    incomes = random.lognormal(10.3, 0.5, rows).tolist()
    return pl.DataFrame(
        {
            "amount": amount,
            "age": random.normal(41, 11, rows).round(1),
            "income": [None if gone else income for gone, income in zip(random.random(rows) < 0.02, incomes, strict=True)],
            "term": random.choice([12, 24, 36, 48, 60], rows, p=[0.2, 0.3, 0.3, 0.1, 0.1]),
            "region": random.choice(["north", "south", "west", "east"], rows, p=[0.4, 0.3, 0.2, 0.1]),
            "currency": ["EUR"] * rows,
            "decision": random.choice(["yes", "no"], rows, p=[0.8, 0.2]),
            "probability": random.beta(2, 5, rows),
        },
        strict=False,
    )


FIELDS = {"prediction": "decision", "score": "probability"}


@pytest.fixture
def credit(tmp_path: Path) -> Made:
    """A credit model without events."""
    config = config_of(tmp_path)
    return Made(config, baseline_of(tmp_path, credit_data(4000, 1), FIELDS))


# States


def test_a_model_before_its_first_event_says_what_it_waits_for(credit: Made) -> None:
    """Nothing is shown but the source, and that is said."""
    credit.source = SILENT
    page = credit.page()
    assert page.pills == ["waiting for events"]
    assert "Waiting for the first lines of /var/log/credit.jsonl" in page.text
    assert page.fact("Newest event") == page.fact("Versions") == NOTHING
    assert not page.all("table")


def test_a_model_without_a_report_is_shown_as_not_evaluated(tmp_path: Path) -> None:
    """The configuration names models that the monitor has no report of yet."""
    page = page_of([], config_of(tmp_path, "a", "b"))
    assert page.pills == ["not evaluated yet"] * 4
    assert page.text.count("Not evaluated yet. It reads /var/log/credit.jsonl") == 2


def test_a_source_that_is_down_says_why(credit: Made) -> None:
    """The problem stands in words, and not also that events are waited for."""
    credit.source = replace(SILENT, up=False, problem="/var/log/<credit>: permission denied")
    page = credit.page()
    assert page.pills == ["source down"]
    assert page.one("p", "problem").text == "Source down: /var/log/<credit>: permission denied"
    assert "Waiting" not in page.text


def test_the_source_s_figures_are_shown(credit: Made) -> None:
    """Ages, sizes and counts are written for people, reasons for refusals that occurred are named."""
    page = credit.page()
    assert page.fact("Source") == "/var/log/credit.jsonl · up"
    assert page.fact("Newest event") == "4 min ago"
    assert page.fact("Last evaluation") == "5 s agotook 12 ms"
    assert page.fact("Events used") == "12,3451.5 KiB unread"
    assert page.fact("Lines refused") == "153 malformed, 12 missing time"
    assert page.fact("Task") == "binary"
    assert page.fact("Owner") == "risk#risk, risk@example.com"
    assert page.fact("Baseline").endswith("4,000 rows, built 3 d ago")
    assert "feature: features.amount" in page.text
    assert page.pills == ["no recent predictions"]


def test_lines_that_are_all_refused_are_not_waited_for(credit: Made) -> None:
    """A source whose every line is refused is not one without lines."""
    credit.source = replace(SILENT, rejected={"malformed": 7})
    assert "No line could be used so far" in credit.page().text


def test_too_few_predictions_are_named(credit: Made) -> None:
    """A window below min_predictions shows its counts, and why it is not compared."""
    credit.windows = {"3.1": {"1h": credit_data(12, 2), "24h": credit_data(12, 2)}}
    page = credit.page()
    assert page.pills == ["too few predictions"]
    assert page.all("dd", "none")[0].text == "fewer than 30 predictions"
    assert page.rows()["amount"].one("td", "p").text == "–fewer than 30 predictions"  # noqa: RUF001 - as the page says it


def test_few_values_in_a_large_window_are_not_few_predictions(credit: Made) -> None:
    """The reason is that of the column."""
    frame = credit_data(500, 2).with_columns(amount=pl.when(pl.int_range(500) < 9).then(pl.col("amount")))
    credit.windows = {"3.1": {"1h": frame}}
    assert credit.page().rows()["amount"].one("td", "p").text == "–fewer than 30 values"  # noqa: RUF001 - as the page says it


def test_a_window_within_its_thresholds_is_marked_nowhere(credit: Made) -> None:
    """All columns are shown, none with a mark."""
    credit.windows = {"3.1": {"1h": credit_data(2000, 2), "24h": credit_data(4000, 3)}}
    page = credit.page()
    assert page.pills == ["within its thresholds"]
    assert not page.all("span", "tag")
    assert not page.all("tr", "bad")
    assert set(page.rows()) == set(credit_data(1, 1).columns)
    assert page.rows()["amount"].one("th").one("small").text == "feature · numeric"


def test_a_drifted_column_is_first_and_marked(credit: Made) -> None:
    """Its row, its PSI and the model's state say so, in words and not by colour alone."""
    credit.windows = {"3.1": {"1h": credit_data(2000, 2, drifted=True), "24h": credit_data(4000, 3)}}
    page = credit.page()
    name, row = next(iter(page.rows().items()))
    assert name == "amount"
    assert row.attributes["class"] == "bad"
    assert row.one("span", "tag").text == "drifted"
    assert row.one("td", "over").attributes["data-l"] == "PSI"
    assert "over" in (row.one("svg", "meter").attributes["class"] or "")
    assert "threshold 0.2" in row.one("svg", "meter").one("title").text
    assert page.pills == ["1 column above a threshold"]
    assert "Drifted features1 of 6 compared" in page.text
    assert "Last 24h: 4,000 predictions" in page.text


def test_a_threshold_that_follows_what_is_usual_says_so(credit: Made) -> None:
    """In windows of that length alone; the drift that it hides is no alarm, and no threshold is shown without a word why."""
    assert credit.baseline is not None
    usual = [Inflation((1,), {"psi": (4.0,)} if name == "amount" else {}) for name in credit.baseline.layout.names]
    credit.baseline = replace(credit.baseline, inflation=tuple(usual))
    credit.windows = {"3.1": {"1h": credit_data(2000, 2, drifted=True), "24h": credit_data(4000, 3)}}
    page = credit.page()
    assert page.pills == ["within its thresholds"]
    cells = [row.one("td", "p").one("small").text for row in page.all("tr") if row.all("td", "p")]
    assert [cell for cell in cells if "usual" in cell] == ["threshold 4, usual without a change"]
    assert page.rows()["amount"].one("td", "p").one("small").text == "threshold 4, usual without a change"


def test_the_worst_column_is_first_whatever_is_wrong_with_it(credit: Made) -> None:
    """All of a column missing is 20 times its threshold of 5 %; a drift of some multiple stands below."""
    credit.windows = {"3.1": {"1h": credit_data(2000, 2, drifted=True).drop("term")}}
    page = credit.page()
    assert list(page.rows())[:2] == ["term", "amount"]
    assert [row.one("span", "tag").text for row in page.all("tr", "bad")] == ["missing", "drifted"]


def test_columns_are_sorted_by_psi_relative_to_its_threshold(credit: Made) -> None:
    """Without an alarm too, where all else is 0; those that have no PSI come last."""
    credit.windows = {"3.1": {"1h": credit_data(300, 2).with_columns(age=pl.lit(None, pl.Float64)).drop("age")}}
    rows = list(credit.page().rows().values())
    shown = [row.one("td", "p").all("b") for row in rows]
    values = [float(cells[0].text.removeprefix("< ")) for cells in shown[1:]]
    assert not shown[0], "age has an alarm but no PSI"
    assert values == sorted(values, reverse=True)


def test_a_missing_column_is_marked(credit: Made) -> None:
    """It has no PSI, and stands above the columns without an alarm."""
    credit.windows = {"3.1": {"1h": credit_data(2000, 2).drop("term")}}
    page = credit.page()
    name, row = next(iter(page.rows().items()))
    assert name == "term"
    assert row.one("span", "tag").text == "missing"
    assert row.one("td", "p").text == "–no values"  # noqa: RUF001 - as the page says it
    assert [cell.text for cell in row.all("td", "over")] == ["100 %threshold 5 %"]
    assert row.one("svg", "hist").one("desc").text == "No values in the window."


def test_invalid_and_non_finite_values_are_told_apart(credit: Made) -> None:
    """Both stand in one cell, each with its share."""
    frame = credit_data(1000, 2).with_columns(
        amount=pl.when(pl.int_range(1000) < 100).then(pl.lit("n/a")).otherwise(pl.col("amount").cast(pl.String)),
        age=pl.when(pl.int_range(1000) < 50).then(float("nan")).otherwise(pl.col("age")),
    )
    credit.windows = {"3.1": {"1h": frame}}
    rows = credit.page().rows()
    assert [cell.text for cell in rows["amount"].all("td", "over")] == ["10 %threshold 1 %"]
    assert [cell.text for cell in rows["age"].all("td", "over")] == ["0 %NaN, ∞ 5 %"]
    assert [tag.text for tag in rows["age"].all("span", "tag")] == ["not finite"]


def test_values_that_the_baseline_does_not_have_are_marked(credit: Made) -> None:
    """Numbers out of its range and categories that it has not seen share a column of the table."""
    frame = credit_data(1000, 2).with_columns(
        amount=pl.when(pl.int_range(1000) < 100).then(1e9).otherwise(pl.col("amount")),
        region=pl.when(pl.int_range(1000) < 50).then(pl.lit("<new>")).otherwise(pl.col("region")),
    )
    credit.windows = {"3.1": {"1h": frame}}
    rows = credit.page().rows()
    assert "out of range" in [tag.text for tag in rows["amount"].all("span", "tag")]
    assert "unseen values" in [tag.text for tag in rows["region"].all("span", "tag")]


def test_a_constant_column_is_shown(credit: Made) -> None:
    """Its bins are its value and all others."""
    credit.windows = {"3.1": {"1h": credit_data(500, 2)}}
    row = credit.page().rows()["currency"]
    titles = [bar.one("title").text for bar in row.one("svg", "hist").all("rect")]
    assert titles == ["\u2068EUR\u2069: baseline 100 %, now 100 %", "\u2068other\u2069: baseline 0 %, now 0 %"]


def texts(rows: int) -> pl.DataFrame:
    """Return free text, of which only presence is watched."""
    return pl.DataFrame({"note": [f"the customer called about case {n * 7919 % 100_003} and was told so" for n in range(rows)]})


def days(rows: int) -> pl.DataFrame:
    """Return dates, which have no age without a time beside them."""
    return pl.DataFrame({"day": [f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(rows)]})


def test_a_column_watched_for_presence_alone_says_so(tmp_path: Path) -> None:
    """It has no values missing: there is nothing to compare them with, or only what is made of it."""
    others = [texts(400)["note"], days(400)["day"]]
    baseline = baseline_of(tmp_path, credit_data(400, 1).with_columns(others), FIELDS)
    made = Made(config_of(tmp_path), baseline, {"3.1": {"1h": credit_data(400, 2).with_columns(others)}})
    page = made.page()
    for name, words in (("day", "watched for presence alone"), ("note", "see length(note)")):
        row = page.rows()[name]
        assert "feature · presence" in row.text
        assert words in row.text
        assert "no values" not in row.text
    assert page.pills == ["within its thresholds"]


def test_a_model_that_is_compared_in_nothing_does_not_look_well(tmp_path: Path) -> None:
    """Without any column that has a distribution, nothing could be above a threshold of drift."""
    made = Made(config_of(tmp_path), baseline_of(tmp_path, days(400), {}), {"3.1": {"1h": days(400)}})
    page = made.page()
    assert page.pills == ["no column is compared"]
    assert "The baseline has no column with a distribution" in page.text
    assert "no values" not in page.text


def test_a_model_without_a_baseline_says_where_its_metrics_are(tmp_path: Path) -> None:
    """Maturity 0 has no windows."""
    config = config_of(tmp_path, options="    maturity: 0\n")
    page = Made(config, None).page()
    assert page.pills == ["service and traffic only"]
    assert "Without a baseline nothing is compared" in page.text
    assert page.fact("Baseline") == "none service and traffic only"


def test_every_version_has_its_windows_and_segments(tmp_path: Path) -> None:
    """The version with most predictions is first; of segments, those with drift are."""
    config = config_of(tmp_path, options="    segments: [region]\n")
    made = Made(config, baseline_of(tmp_path, credit_data(4000, 1), FIELDS))
    canary = credit_data(600, 4)
    moved = pl.when(pl.col("region") == "east").then(pl.col("amount") * 50).otherwise(pl.col("amount"))
    canary = canary.with_columns(amount=moved)
    made.windows = {"canary": {"1h": canary, "24h": canary}, "3.1": {"1h": credit_data(20, 2), "24h": credit_data(5000, 3)}}
    page = made.page()
    assert [title.text for title in page.all("h3")] == ["Version 3.1last 24h", "Version canarylast 1h"]
    assert page.fact("Versions") == "3.1, canary"
    segments = [table for table in page.all("table") if "Segment" in table.text][1]
    first = segments.one("tbody").all("tr")[0]
    assert first.text.startswith("region=east")
    assert [cell.text for cell in first.all("td", "over")] == ["1"]
    assert [row.one("bdi").text for row in segments.one("tbody").all("tr")][1:] == [
        f"region={name}" for name in ("north", "south", "west")
    ]


def test_a_late_evaluation_is_not_taken_for_a_fresh_one(credit: Made) -> None:
    """A source that hangs keeps its last report up; the page says how old it is."""
    page = credit.page(now=NOW + 600)
    assert page.pills == ["evaluation late"]
    assert "the last one was 10 min ago" in page.one("p", "problem").text


def test_a_problem_of_the_exporter_stands_on_top(credit: Made) -> None:
    """Such as a configuration that was not reloaded."""
    page = credit.page(problem="exporter.yml: models[0].<owner>: is no owner")
    assert page.one("p", "problem").text == "Problem: exporter.yml: models[0].<owner>: is no owner"


def test_a_failed_statistic_says_where_to_look(credit: Made) -> None:
    """The page stays whole when a statistic failed."""
    credit.windows = {"3.1": {"1h": credit_data(500, 2)}}
    report = credit.report()
    columns = len(credit_data(1, 1).columns)
    failed = {
        key: Result(np.full_like(r.values, np.nan), None, None, {ERROR: columns})
        for key, r in report.windows[0].results.items()
    }
    page = page_of([replace(report, windows=(replace(report.windows[0], results=failed),))], credit.config)
    assert page.rows()["amount"].one("td", "p").text == "–failed, see the log"  # noqa: RUF001 - as the page says it
    assert page.all("dd", "none")[0].text == "failed, see the log"


# Runbooks, and what is not watched

NAMES = {topic: f"Runbook-{topic}" for topic in Topic}


def links_of(page: Page) -> dict[str, str]:
    """Return where words lead that lead to a runbook."""
    found = {link.text: str(link.attributes["href"]) for link in page.all("a")}
    return {words: href.removeprefix("./runbooks/") for words, href in found.items() if href.startswith("./runbooks/")}


def test_what_is_wrong_leads_to_its_runbook(credit: Made) -> None:
    """Alarms of columns, the source's and the exporter's; drift of a score is not that of a feature."""
    frame = credit_data(2000, 2, drifted=True).drop("term").with_columns(probability=pl.col("probability") / 3)
    credit.windows = {"3.1": {"1h": frame}}
    credit.source = replace(SOURCE, up=False, problem="permission denied")
    page = credit.page(runbooks=NAMES, problem="configuration not reloaded")
    links = links_of(page)
    assert {words: links[words] for words in ("Problem", "Source down", "Lines refused")} == {
        "Problem": "Runbook-problem",
        "Source down": "Runbook-source",
        "Lines refused": "Runbook-refused",
    }
    alarmed = {name: row.one("span", "tag").one("a") for name, row in page.rows().items() if "bad" in row.attributes.values()}
    assert {name: (link.text, link.attributes["href"]) for name, link in alarmed.items()} == {
        "amount": ("drifted", "./runbooks/Runbook-feature_drift"),
        "probability": ("drifted", "./runbooks/Runbook-prediction_drift"),
        "term": ("missing", "./runbooks/Runbook-missing"),
    }


def test_a_statistic_that_failed_leads_to_its_runbook(credit: Made) -> None:
    """Where its value would stand."""
    credit.windows = {"3.1": {"1h": credit_data(500, 2)}}
    report = credit.report()
    psi = report.windows[0].results[PSI.key]
    failed = Result(np.full_like(psi.values, np.nan), None, None, {ERROR: len(psi.values)})
    window = replace(report.windows[0], results={**report.windows[0].results, PSI.key: failed})
    page = page_of([replace(report, windows=(window,))], credit.config, runbooks=NAMES)
    link = page.rows()["amount"].one("td", "p").one("a")
    assert (link.text, link.attributes["href"]) == ("failed, see the log", "./runbooks/Runbook-failed")


def test_what_is_well_leads_nowhere(credit: Made) -> None:
    """But to the list of runbooks; without runbooks not even there."""
    credit.windows = {"3.1": {"1h": credit_data(500, 2)}}
    credit.source = replace(SOURCE, rejected={"malformed": 0})
    assert links_of(credit.page(runbooks=NAMES)) == {"Runbooks": ""}
    assert not links_of(credit.page())


def test_what_is_not_watched_is_said(tmp_path: Path) -> None:
    """For each model, with the reason, and no model is called well that is watched in part."""
    config = config_of(tmp_path, "a", "b")
    baseline = baseline_of(tmp_path, credit_data(4000, 1), FIELDS)
    window = {"3.1": {"1h": credit_data(2000, 2)}}
    reports = [Made(config, baseline, window, index=index).report() for index in range(2)]
    unwatched = {"statistics": "switched off by --no-collector.statistics", "<quality>": "<b>why</b>"}
    page = page_of(reports, config, unwatched={"a": unwatched, "b": {"data quality": "maturity 0"}})
    said = "Not watched: statistics (switched off by --no-collector.statistics), <quality> (<b>why</b>)"
    assert [notice.text for notice in page.all("p", "notice")] == [said, "Not watched: data quality (maturity 0)"]
    assert page.pills == ["partly watched"] * 4
    assert page_of(reports, config, unwatched={"b": unwatched}).pills == ["within its thresholds", "partly watched"] * 2


def test_an_alarm_is_not_hidden_by_what_is_not_watched(credit: Made) -> None:
    """What is watched is still told first."""
    credit.windows = {"3.1": {"1h": credit_data(2000, 2, drifted=True)}}
    assert credit.page(unwatched={"credit": {"data quality": "switched off"}}).pills == ["1 column above a threshold"]


def test_statistics_that_nothing_computes_are_not_watched(tmp_path: Path) -> None:
    """All of them or one: their places say so, also those of segments, and the counts are shown."""
    config = config_of(tmp_path, options="    segments: [region]\n")
    baseline = baseline_of(tmp_path, credit_data(4000, 1), FIELDS)
    report = Made(config, baseline, {"3.1": {"1h": credit_data(2000, 2)}}).report()
    off = not_watched(references_of(config, config.models[0], baseline)["1h"])

    def page_with(results: Mapping[str, Result]) -> Page:
        windows = tuple(replace(window, results=results) for window in report.windows)
        return page_of([replace(report, windows=windows, evaluation_seconds=None)], config)

    page = page_with(off)
    assert page.fact("Last evaluation") == "5 s ago"
    assert page.fact("Predictions") == "2,000"
    assert [figure.text for figure in page.all("dd", "none")] == ["not watched"] * 2
    row = page.rows()["amount"]
    assert [cell.text for cell in (row.one("td", "p"), *row.all("td", "r"))] == ["–not watched"] * 4  # noqa: RUF001 - as the page says it
    assert row.one("svg", "hist").all("rect")
    assert page.all("td", "soft")[0].text == "not watched"
    page = page_with({**report.windows[0].results, PSI.key: off[PSI.key]})
    assert page.rows()["amount"].one("td", "p").text == "–not watched"  # noqa: RUF001 - as the page says it
    assert page.rows()["amount"].all("td", "r")[0].text == "0 %"


# Safety and form


def test_names_from_outside_are_text(tmp_path: Path) -> None:
    """Columns, categories, versions, fields, paths and problems never become markup, and are all legible."""
    config = config_of(tmp_path)
    random = np.random.default_rng(1)
    train = pl.DataFrame({name: random.normal(0, 1, 500) for name in HOSTILE} | {"kind": random.choice(HOSTILE[:-1], 500)})
    made = Made(config, baseline_of(tmp_path, train, {"features": list(train.columns)}))
    assert made.baseline is not None
    made.baseline = replace(made.baseline, left_out=dict.fromkeys(HOSTILE, HOSTILE[2]))
    made.windows = {HOSTILE[2]: {"1h": train}, HOSTILE[0]: {"1h": train}}
    made.source = replace(SOURCE, name=HOSTILE[1], problem=HOSTILE[2], up=False, recognised=tuple(HOSTILE))
    page = made.page(problem=HOSTILE[0], telemetry_path='/m"><script>')
    assert not page.all("script")
    assert not page.all("img")
    assert "\x00" not in page.source
    assert "\u202e" not in re.sub("<bdi>[^<]*</bdi>|\u2068[^\u2069]*\u2069", "", page.source)
    assert set(page.rows()) == {name.replace("\x00", "\ufffd") for name in train.columns}
    for name in HOSTILE[:-1]:
        assert name in [element.text for element in page.all("bdi")]
    assert {element.attributes["href"] for element in page.all("a")} == {'./m"><script>', "./-/healthy", "./-/ready"}


def test_undecodable_paths_do_not_break_the_page(credit: Made) -> None:
    """A file name need not be UTF-8."""
    credit.source = replace(SOURCE, name="/var/log/caf\udce9.jsonl")
    assert credit.page().fact("Source") == "/var/log/caf\ufffd.jsonl · up"


def test_nothing_is_loaded_and_nothing_runs(credit: Made) -> None:
    """The page meets its content security policy: no scripts, no addresses beyond this server."""
    credit.windows = {"3.1": {"1h": credit_data(500, 2)}}
    page = credit.page()
    assert not re.search(r"<script|\son\w+=|javascript:|https?:|//|@import|url\(", page.source)
    assert [link.attributes["href"] for link in page.all("link")] == ["data:,"]
    assert page.one("html").attributes["lang"] == "en"
    assert __version__ in page.one("h1").text


def test_tables_and_drawings_are_told_to_who_does_not_see_them(credit: Made) -> None:
    """Headers have a scope, drawings a title, and rows on a phone the names of their cells."""
    credit.windows = {"3.1": {"1h": credit_data(500, 2)}}
    page = credit.page()
    assert all(header.attributes["scope"] in {"col", "row"} for header in page.all("th"))
    for drawing in page.all("svg"):
        assert drawing.attributes["role"] == "img"
        assert drawing.children[0].name == "title"
    assert all("data-l" in cell.attributes for cell in page.all("td", "r"))
    assert len({element.attributes["id"] for element in page.all("section") if "id" in element.attributes}) == 1


def test_several_models_have_an_overview(tmp_path: Path) -> None:
    """It links to each model, in the order of the configuration, with its state."""
    config = config_of(tmp_path, "b", "a")
    baseline = baseline_of(tmp_path, credit_data(4000, 1), FIELDS)
    drifted = Made(config, baseline, {"3.1": {"1h": credit_data(2000, 2, drifted=True)}}, index=1)
    page = page_of([drifted.report(), Made(config, baseline, source=SILENT).report()], config)
    rows = page.one("table", "models").one("tbody").all("tr")
    assert [row.text for row in rows] == ["bwaiting for eventsrisk–", "a1 column above a thresholdrisk4 min ago"]  # noqa: RUF001 - as the page says it
    assert [row.one("a").attributes["href"] for row in rows] == ["#m0", "#m1"]
    assert [section.one("h2").text for section in page.all("section") if "id" in section.attributes] == ["b", "a"]


def wide(tmp_path: Path, columns: int) -> Made:
    """Return a model with so many columns and two windows."""
    random = np.random.default_rng(1)
    train = pl.DataFrame({f"feature_{i:03}": random.normal(0, 1, 1000) for i in range(columns)})
    made = Made(config_of(tmp_path), baseline_of(tmp_path, train, {"features": train.columns}))
    made.windows = {"3.1": {"1h": train.head(400), "24h": train}}
    return made


def test_a_page_of_fifty_columns_is_small(tmp_path: Path) -> None:
    """All fifty are in the main table; how long it takes is what `benchmarks/landing.py` measures."""
    made = wide(tmp_path, 50)
    content = render_page([made.report()], made.config, now=NOW, telemetry_path="/metrics")
    assert len(content) < 300_000
    assert len(Page(content).rows()) == 50


def test_what_is_left_out_of_a_table_is_said(tmp_path: Path) -> None:
    """A model with very many columns shows the worst of them."""
    page = wide(tmp_path, 130).page()
    assert len(page.rows(0)) == 100
    assert len(page.rows(1)) == 10
    assert "30 more columns, none of them above a threshold: see the metrics." in page.text


def test_rare_categories_share_a_bar() -> None:
    """The bar of unseen values stays apart; no count is lost."""
    labels = [f"c{i}" for i in range(50)] + ["other"]
    bars = bins_of(labels, [2] * 50 + [0], [1] * 50 + [50], merge=True)
    assert len(bars) == MOST_BARS
    assert bars[-2].title == "36 rarer categories"
    assert sum(bar.baseline for bar in bars) == pytest.approx(1)
    assert sum(bar.now or 0 for bar in bars) == pytest.approx(1)
    assert bars[-1].now == 0.5


def test_figures_hold_at_their_limits() -> None:
    """Bars of nothing, values far beyond the scale, a floor above it."""
    for drawing in (histogram([Bin("all", 0.0, None)], title="t"), meter(1e9, 0.2, 5.0), meter(0.0, 0.2, None)):
        Page(b"<!doctype html>" + drawing.encode())
        assert "nan" not in drawing
        assert "inf" not in drawing.lower()
