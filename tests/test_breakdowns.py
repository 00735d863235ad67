"""Requests by class of status and by stage, from the lines of a source to the series: by version, over restarts, and told."""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl
import pytest

from prediction_exporter.cli import main
from prediction_exporter.counting.breakdowns import CLASSES, STAGES
from prediction_exporter.sources.outcomes import outcomes_of, statuses_of
from prediction_exporter.sources.stages import stages_of
from watched import FIELDS, NOW, Series, Watched, config_text, model_text, read

RESPONSES, STAGE_REQUESTS = "model_responses_total", "model_stage_requests_total"
LAST_REQUEST = "model_version_last_request_timestamp_seconds"
WITH_STAGE = FIELDS.replace("}", ", stage: role}")


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A model to watch."""
    return Watched(tmp_path)


def of(series: Series, family: str, version: str = "1") -> dict[str, float]:
    """Return the values of a version's series by their last label, the class or the stage."""
    found = {}
    for (name, pairs), value in series.items():
        labels = dict(pairs)
        if name == family and labels["version"] == version:
            found[labels.get("class", labels.get("stage", ""))] = value
    return found


@pytest.mark.parametrize(
    ("field", "by_class"),
    [
        # What HTTP calls them, in every spelling that frameworks log.
        (
            "status",
            {
                "1xx": ["101"],
                "2xx": ["200", "204.0", "200 OK", "HTTP/1.1 200", "HTTPStatus.OK", "2xx"],
                "3xx": ["304", "HTTPStatus.FOUND"],
                "4xx": ["404", "499", "404 Not Found", "http_status.bad_request", "4XX"],
                "5xx": ["500", "599", "503 Service Unavailable", "HTTPStatus.BAD_GATEWAY"],
                "success": ["ok", "Success", "false", "0", "StatusCode.OK", "INVALID_ARGUMENT"],
                "error": ["error", "Timeout", "true", "-1", "600", "99", "inf", "StatusCode.INTERNAL"],
                "none": ["", "-", "null", "nan"],
            },
        ),
        # Codes of gRPC: those of the caller are no failures, as everywhere.
        ("grpc_status", {"success": ["0", "3", "16"], "error": ["2", "13", "14"], "none": ["None"]}),
        # Set when something failed: nothing is success, and digits in a message are no status.
        ("error", {"success": ["", "None", "0"], "error": ["500 rows could not be read", "Timeout"], "5xx": ["502"]}),
    ],
)
def test_classes_of_statuses(field: str, by_class: dict[str, list[str]]) -> None:
    """One of a list that never grows, whatever stands there."""
    outcomes = outcomes_of((field,))
    for wanted, texts in by_class.items():
        found = statuses_of(pl.Series(texts), outcomes).classes.tolist()
        assert [CLASSES[place] for place in found] == [wanted] * len(texts), (wanted, texts)
    nothing = statuses_of(pl.Series([None, "500"], dtype=pl.String), outcomes)
    assert CLASSES[nothing.classes[0]] == ("success" if field == "error" else "none")
    assert nothing.failed.tolist() == [False, True]


def test_classes_do_not_depend_on_what_stands_beside_them() -> None:
    """The same for one text, for few and for very many, of one kind and of several, with and without nulls."""
    outcomes = outcomes_of(("status",))
    for texts in (["200"], ["200", "201"], ["200", None], [None], ["200", "500", None], [*map(str, range(100, 2000)), None]):
        together = statuses_of(pl.Series(texts, dtype=pl.String), outcomes)
        alone = [statuses_of(pl.Series([text], dtype=pl.String), outcomes) for text in texts]
        assert together.classes.tolist() == [int(one.classes[0]) for one in alone]
        assert together.failed.tolist() == [bool(one.failed[0]) for one in alone]


def test_words_of_stages() -> None:
    """Three stages with few words, in any case; any other word is other, and nothing is none."""
    words: dict[str, list[str | None]] = {
        "champion": ["champion", "Champion", " PRODUCTION ", "primary", "live"],
        "challenger": ["challenger", "candidate", "Canary"],
        "shadow": ["shadow", "mirror"],
        "other": ["blue", "staging", "championship", "true", "1"],
        "none": ["", "-", "None", "null", "NaN", None],
    }
    for stage, texts in words.items():
        assert {STAGES[place] for place in stages_of(pl.Series(texts, dtype=pl.String))} == {stage}, stage


def test_requests_by_class_and_stage(watched: Watched) -> None:
    """Of each version, whatever way a line is read; classes that may come are there from the start, and a restart keeps all."""
    loaded = watched.configure(config_text(model_text(fields=WITH_STAGE)))
    monitor = watched.start(loaded)
    watched.log(5, role="champion")
    watched.log(2, role="Canary", version="2", status=404)
    watched.log(1, role="shadow", version="2", status=503)
    watched.log(1, role="blue", version="2", status=None)
    odd = f'{{"ts": {NOW}, "version": 2, "status": "500", "role": ["shadow"], "amount": NaN}}\n'  # no JSON, and read by itself
    watched.write(odd)
    series = read(monitor, watched.clock)[1]
    assert of(series, RESPONSES) == {"2xx": 5, "3xx": 0, "4xx": 0, "5xx": 0}
    assert of(series, RESPONSES, "2") == {"2xx": 0, "3xx": 0, "4xx": 2, "5xx": 2, "none": 1}
    assert of(series, STAGE_REQUESTS) == {"champion": 5, "challenger": 0, "shadow": 0}
    assert of(series, STAGE_REQUESTS, "2") == {"champion": 0, "challenger": 2, "shadow": 1, "other": 2}
    watched.clock.now = NOW + 60
    monitor = watched.start(loaded)
    watched.log(3, role="live")
    watched.log(1, status="error", role=None)
    again = read(monitor, watched.clock)[1]
    assert of(again, RESPONSES) == {"2xx": 8, "3xx": 0, "4xx": 0, "5xx": 0, "success": 0, "error": 1}
    assert of(again, STAGE_REQUESTS) == {"champion": 8, "challenger": 0, "shadow": 0, "none": 1}
    assert of(again, STAGE_REQUESTS, "2") == of(series, STAGE_REQUESTS, "2")


def test_when_a_version_was_asked_last(watched: Watched) -> None:
    """The newest event time of each, which an older line does not put back, nor a restart."""
    monitor = watched.start()
    watched.log(1, at=NOW - 50)
    watched.log(1, at=NOW - 90)
    watched.log(1, at=NOW - 900, version="2")
    assert [of(read(monitor, watched.clock)[1], LAST_REQUEST, version) for version in ("1", "2")] == [
        {"": NOW - 50},
        {"": NOW - 900},
    ]
    monitor = watched.start()
    watched.log(1, at=NOW - 70)
    assert of(read(monitor, watched.clock)[1], LAST_REQUEST) == {"": NOW - 50}


def test_what_no_field_tells_is_absent(watched: Watched) -> None:
    """No class without a status, no stage without a field of it, and none of before when the field is left out."""
    monitor = watched.start(watched.configure(config_text(model_text(fields=WITH_STAGE))))
    watched.log(3, role="shadow")
    assert of(read(monitor, watched.clock)[1], STAGE_REQUESTS)
    monitor = watched.start(watched.configure(config_text(model_text())))
    watched.log(3, role="shadow")
    assert not of(read(monitor, watched.clock)[1], STAGE_REQUESTS)


def test_a_log_without_statuses_has_no_classes(watched: Watched) -> None:
    """A count of 0 would say that no request failed."""
    monitor = watched.start(watched.configure(config_text(model_text(fields=FIELDS.replace(", status: status", "")))))
    watched.log(3, status=None)
    assert not of(read(monitor, watched.clock)[1], RESPONSES)


def test_a_field_that_is_not_there_is_told(
    watched: Watched, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the log, in its series, by check config; and its requests count as none, not as the champion's."""
    loaded = watched.configure(config_text(model_text(fields=WITH_STAGE)))
    monitor = watched.start(loaded)
    watched.log(200)
    with caplog.at_level(logging.WARNING):
        series = read(monitor, watched.clock)[1]
    assert of(series, STAGE_REQUESTS) == {"none": 200}
    assert "fields.stage" in caplog.text
    assert series["prediction_exporter_field_seen_ratio", frozenset({("model", "m"), ("field", "stage")})] == 0
    main(["check", "config", str(watched.file)])
    said = capsys.readouterr()
    assert "models[0].predictions.fields.stage" in said.out + said.err
