"""One model's way from its log to its series, with real files and a clock that the tests turn."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from prediction_exporter.counting.profiler import Profiler
from prediction_exporter.counting.state import Step, SupersededError
from prediction_exporter.errors import ConfigError
from prediction_exporter.monitor import model_monitor as module
from prediction_exporter.monitor.clock import BelievedClock
from watched import NOW, Series, Watched, config_text, event, model_text, read, save_baseline, total

HOUR = 3600.0
DAY = 86_400.0


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for a model."""
    return Watched(tmp_path)


def window(series: Series, name: str = "1h", **labels: str) -> float | None:
    """Return the predictions in a window of all segments."""
    return total(series, "model_window_predictions", window=name, **({"segment": "all"} | labels))


def refused(series: Series, reason: str) -> float | None:
    """Return the refused lines of a reason."""
    return total(series, "prediction_exporter_events_rejected_total", reason=reason)


def test_windows_empty_as_time_passes_and_their_series_disappear(watched: Watched) -> None:
    """First the hour has no predictions and no statistics, then the day's series are gone; counters stay."""
    monitor = watched.start()
    watched.log(100)
    series = read(monitor, watched.clock)[1]
    assert (window(series), window(series, "24h")) == (100, 100)
    assert total(series, "model_column_psi", window="1h", column="amount") is not None
    watched.clock.now += HOUR + 60
    series = read(monitor, watched.clock)[1]
    assert (window(series), window(series, "24h")) == (0, 100)
    assert total(series, "model_column_psi", window="1h") is None
    assert total(series, "model_column_mean", window="1h") is None
    assert total(series, "model_statistic_status", window="1h", statistic="mean", reason="no_predictions") == 2
    assert total(series, "model_column_psi", window="24h", column="amount") is not None
    watched.clock.now += DAY
    series = read(monitor, watched.clock)[1]
    assert window(series) is None
    assert not [name for name, _ in series if name.startswith(("model_column_mean", "model_statistic_status", "model_drifted"))]
    assert total(series, "model_requests_total") == 100
    assert total(series, "prediction_exporter_source_lag_seconds") == HOUR + 60 + DAY


def test_late_events_count_in_every_window_that_holds_their_time(watched: Watched) -> None:
    """Two hours late is too late for the hour and not for the day; two days late is refused."""
    monitor = watched.start()
    watched.log(3)
    watched.log(5, at=NOW - 2 * HOUR)
    watched.log(7, at=NOW - 2 * DAY)
    watched.log(11, at=NOW - HOUR + 120)
    series = read(monitor, watched.clock)[1]
    assert (window(series), window(series, "24h"), refused(series, "too_old")) == (14, 19, 7)
    assert total(series, "model_requests_total") == 19
    watched.clock.now += 10 * 60
    watched.log(2, at=NOW)
    series = read(monitor, watched.clock)[1]
    assert (window(series), window(series, "24h")) == (5, 21)


@pytest.mark.parametrize("windows", ["[1m, 5m]", "[1h, 24h]"])
def test_events_ahead_of_the_clock_count_as_of_now(watched: Watched, windows: str) -> None:
    """They take no place in a window from an event of now; those beyond the tolerance are refused."""
    monitor = watched.start(watched.configure(config_text(more=f"windows: {windows}")))
    names = windows.strip("[]").split(", ")
    watched.log(10)
    watched.log(1, at=NOW + 299)
    watched.log(1, at=NOW + 240)
    watched.log(2, at=NOW + 301)
    watched.log(10)
    series = read(monitor, watched.clock)[1]
    assert [window(series, name) for name in names] == [22, 22]
    assert refused(series, "future") == 2
    assert total(series, "prediction_exporter_source_lag_seconds") == 0
    watched.clock.now += 30
    watched.log(1)
    assert window(read(monitor, watched.clock)[1], names[0]) == 23


def test_every_line_is_counted_once(watched: Watched) -> None:
    """Requests and refused lines add up to the lines, whatever they hold."""
    monitor = watched.start()
    watched.log(20)
    watched.log(3, status=503)
    watched.log(2, at=NOW + DAY)
    watched.log(2, at=0.0)
    watched.log(1, ts="yesterday")
    watched.log(1, ts=None)
    watched.log(4, version=None, amount="x", color=None)
    watched.write('nonsense\n{"ts": \n[]\n\n  \n')
    series = read(monitor, watched.clock)[1]
    requests = total(series, "model_requests_total") or 0.0
    rejected = total(series, "prediction_exporter_events_rejected_total") or 0.0
    assert (requests, rejected) == (27, 9)
    assert total(series, "model_requests_failed_total") == 3
    assert window(series, version="1") == 20
    assert window(series, version="unknown") == 4
    assert total(series, "model_predictions_total") == 24
    assert total(series, "model_request_duration_seconds_count") == 27


def test_versions_stand_side_by_side(watched: Watched) -> None:
    """Each has its own windows, counters and first time."""
    monitor = watched.start()
    watched.log(40, version="1", at=NOW - 300)
    watched.log(60, version="2", amount=30.0)
    series = read(monitor, watched.clock)[1]
    assert [window(series, version=version) for version in ("1", "2")] == [40, 60]
    drift = [total(series, "model_column_psi", version=v, window="1h", column="amount") or 0.0 for v in ("1", "2")]
    assert drift[0] < 0.5 < drift[1]
    assert total(series, "model_version_first_seen_timestamp_seconds", version="1") == NOW - 300
    assert total(series, "model_version_first_seen_timestamp_seconds", version="2") == NOW


def test_versions_beyond_the_bound_are_other(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """No event is lost by it, empty and endless names are cut, and the log says it once."""
    monitor = watched.start(max_versions=2)
    for version in ("a", "b", "c", "d", "", None, "x" * 1000, "other"):
        watched.log(3, version=version)
        read(monitor, watched.clock)
    series = read(monitor, watched.clock)[1]
    for name in ("model_requests_total", "model_window_predictions", "model_predictions_total"):
        at = {"window": "1h"} if name == "model_window_predictions" else {}
        assert [total(series, name, version=v, **at) for v in ("a", "b", "other", "c")] == [3, 3, 18, None]
    assert len([record for record in caplog.records if "more than 2 versions" in record.getMessage()]) == 1


@pytest.mark.parametrize("more", ["maturity: 0", "baseline: baseline.json"])
def test_silent_versions_make_room(watched: Watched, more: str) -> None:
    """Only when there is need of it, and the longest silent first; one whose requests all fail is not silent."""
    monitor = watched.start(watched.configure(config_text(model_text(more=more))), max_versions=3)
    for version in ("1", "2", "3"):
        watched.log(3, version=version)
        watched.clock.now += 60
        read(monitor, watched.clock)
    watched.clock.now = NOW + DAY - HOUR
    watched.log(1, version="2", status=500)
    watched.clock.now = NOW + DAY + HOUR
    series = read(monitor, watched.clock)[1]
    assert [total(series, "model_requests_total", version=version) for version in "123"] == [3, 4, 3]
    watched.log(5, version="4")
    series = read(monitor, watched.clock)[1]
    assert [total(series, "model_requests_total", version=version) for version in "1234"] == [None, 4, 3, 5]
    watched.log(5, version="5")
    watched.log(5, version="6")
    series = read(monitor, watched.clock)[1]
    found = [total(series, "model_requests_total", version=version) for version in ("2", "3", "4", "5", "6", "other")]
    assert found == [4, None, 5, 5, None, 5]


def test_counters_windows_and_position_survive_a_restart(watched: Watched) -> None:
    """The series are the same before and after, and what was written meanwhile is read once."""
    watched.log(50)
    watched.log(5, version="2", status=500)
    watched.write("nonsense\n")
    loaded = watched.configure(config_text(model_text(more="baseline: baseline.json\nsegments: [color]")))
    before = read(watched.start(loaded), watched.clock)[1]
    again = read(watched.start(loaded), watched.clock)[1]
    changing = "prediction_exporter_evaluation_duration_seconds"
    assert {k: v for k, v in again.items() if k[0] != changing} == {k: v for k, v in before.items() if k[0] != changing}
    watched.log(7)
    series = read(watched.start(loaded), watched.clock)[1]
    assert (total(series, "model_requests_total", version="1"), window(series)) == (57, 57)


def test_a_new_baseline_restarts_the_windows_and_nothing_else(watched: Watched) -> None:
    """Position and counters go on, the classes too where the table holds the same ones."""
    watched.log(50)
    monitor = watched.start()
    assert window(read(monitor, watched.clock)[1]) == 50
    save_baseline(watched.folder / "baseline.json", seed=2)
    watched.log(8)
    monitor = watched.start()
    series = read(monitor, watched.clock)[1]
    assert (window(series), window(series, "24h")) == (8, 8)
    assert total(series, "model_requests_total") == 58
    assert total(series, "model_predictions_total") == 58
    assert total(series, "model_prediction_score_count") == 58


def test_another_log_starts_afresh_and_counters_go_on(watched: Watched) -> None:
    """The position of one log says nothing about another."""
    watched.log(50)
    read(watched.start(), watched.clock)
    watched.log(20, to="b.log")
    loaded = watched.configure(config_text(model_text(log="b.log")))
    series = read(watched.start(loaded), watched.clock)[1]
    assert (window(series), total(series, "model_requests_total")) == (70, 70)
    series = read(watched.start(watched.configure(config_text(model_text(log="b.log", start="end")))), watched.clock)[1]
    assert total(series, "model_requests_total") == 70


def test_less_room_for_versions_after_a_restart(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """The longest silent versions go with all their series: the limit of series is kept."""
    monitor = watched.start(max_versions=4)
    for version in "1234":
        watched.log(3, version=version)
        read(monitor, watched.clock)
        watched.clock.now += 1
    monitor = watched.start(max_versions=2)
    series = read(monitor, watched.clock)[1]
    assert {dict(labels)["version"] for _, labels in series if "version" in dict(labels)} == {"3", "4"}
    assert "room for 2 versions now; dropped the longest silent: ['1', '2']" in caplog.text
    assert {
        dict(k[1])["version"] for k in read(watched.start(max_versions=4), watched.clock)[1] if k[0] == "model_requests_total"
    } == {
        "3",
        "4",
    }


def test_segments(watched: Watched) -> None:
    """Every value of the baseline's table and other; a value that is missing is in none; a segment can be taken away."""
    text = config_text(model_text(more="baseline: baseline.json\nsegments: [color]"))
    monitor = watched.start(watched.configure(text))
    for color, count in (("red", 40), ("blue", 30), ("green", 20), ("pink", 5), (None, 7)):
        watched.log(count, color=color)
    series = read(monitor, watched.clock)[1]
    found = {name: window(series, segment=name) for name in ("all", "color=red", "color=blue", "color=other", "color=green")}
    assert found == {"all": 102, "color=red": 40, "color=blue": 30, "color=other": 25, "color=green": None}
    assert total(series, "model_column_unseen_ratio", segment="color=other", column="color", window="1h") == 1
    series = read(watched.start(watched.configure(config_text())), watched.clock)[1]
    assert window(series) == 102
    assert {dict(labels).get("segment", "all") for _, labels in series} == {"all"}


def test_thresholds_of_single_columns(watched: Watched) -> None:
    """A column's own threshold comes before that of all columns."""
    more = "baseline: baseline.json\nthresholds: {psi: 0.7, columns: {amount: {psi: 0.9}}}"
    monitor = watched.start(watched.configure(config_text(model_text(more=more))))
    watched.log(3000)
    series = read(monitor, watched.clock)[1]
    for column, expected in (("amount", 0.9), ("color", 0.7)):
        assert total(series, "model_column_psi_threshold", window="1h", column=column) == expected
        assert total(series, "model_column_psi_effect_threshold", window="1h", column=column) == expected


def test_a_model_without_baseline_has_its_traffic_alone(watched: Watched) -> None:
    """No windows, no statistics, and no zeros in their place."""
    more = "maturity: 0\nslo: {latency: {under: 60ms, ratio: 0.9}}"
    monitor = watched.start(watched.configure(config_text(model_text(more=more))))
    watched.log(30, latency_ms=60)
    watched.log(10, latency_ms=61, status=502)
    series = read(monitor, watched.clock)[1]
    assert total(series, "model_requests_total") == 40
    assert total(series, "model_requests_failed_total") == 10
    assert total(series, "model_requests_slow_total") == 10
    assert total(series, "model_request_duration_seconds_bucket", le="0.06") == 30
    names = {name for name, _ in series}
    assert not [
        name for name in names if name.startswith(("model_window", "model_column", "model_statistic", "model_baseline"))
    ]
    assert total(read(watched.start(), watched.clock)[1], "model_requests_total") == 40


def test_a_baseline_that_does_not_fit_is_refused(watched: Watched) -> None:
    """With the place in the configuration."""
    loaded = watched.configure(config_text(model_text(more="baseline: baseline.json\nsegments: [nothing]")))
    with pytest.raises(ConfigError, match=r"models\[0\].segments: nothing is no categorical feature"):
        watched.start(loaded)


def test_a_source_that_fails_is_told_and_tried_again(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """What was known stays, with its age; the log has it once; then it goes on where it was."""
    caplog.set_level(logging.INFO)
    watched.log(30)
    monitor = watched.start()
    read(monitor, watched.clock)
    path = watched.folder / "app.log"
    kept = watched.folder / "kept"
    path.rename(kept)
    path.mkdir()
    for _ in range(3):
        watched.clock.now += 15
        report, series = read(monitor, watched.clock)
    assert report.source.problem == f"cannot read {path}: not a regular file"
    assert total(series, "prediction_exporter_source_up") == 0
    assert total(series, "prediction_exporter_last_success_timestamp_seconds") == NOW
    assert window(series) == 30
    path.rmdir()
    kept.rename(path)
    watched.log(2)
    series = read(monitor, watched.clock)[1]
    assert total(series, "prediction_exporter_source_up") == 1
    assert total(series, "prediction_exporter_last_success_timestamp_seconds") == NOW + 45
    assert window(series) == 32
    told = [record.getMessage() for record in caplog.records if "source of model" in record.getMessage()]
    assert told == [
        f"source of model m failed, it is tried again: cannot read {path}: not a regular file",
        "source of model m is readable again",
    ]


def test_an_error_in_the_middle_of_a_batch_leaves_an_exact_count(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The monitor that failed is dropped, and another one reads the same batch from the last commit."""
    watched.log(20)
    monitor = watched.start()
    read(monitor, watched.clock)
    usual = Profiler.blocks

    def fail(self: Profiler, events: object, **of: object) -> object:
        yield next(iter(usual(self, events, **of)))  # type: ignore[arg-type]  # passed on as they came
        raise RuntimeError("a defect")

    monkeypatch.setattr(Profiler, "blocks", fail)
    watched.log(10, version="1")
    watched.log(10, version="2")
    with pytest.raises(RuntimeError, match="a defect"):
        monitor.read(until=lambda: False)
    monkeypatch.undo()
    series = read(watched.start(), watched.clock)[1]
    for version, count in (("1", 30), ("2", 10)):
        assert total(series, "model_requests_total", version=version) == count
        assert total(series, "model_predictions_total", version=version) == count
        assert window(series, version=version) == count


def test_a_commit_that_fails_is_raised(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no problem of the source, and nothing is counted twice after it."""
    watched.log(20)
    monitor = watched.start()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Step, "commit", fail)
    with pytest.raises(OSError, match="No space"):
        monitor.read(until=lambda: False)
    monkeypatch.undo()
    assert window(read(watched.start(), watched.clock)[1]) == 20


def test_a_monitor_that_was_replaced_cannot_commit(watched: Watched) -> None:
    """Neither its counts nor its position."""
    watched.log(20)
    loaded = watched.configure()
    old = watched.start(loaded)
    assert watched.state is not None
    new = module.ModelMonitor(
        loaded, loaded.models[0], place="models[0]", state=watched.state, max_versions=8, clock=watched.clock
    )
    assert window(read(new, watched.clock)[1]) == 20
    with pytest.raises(SupersededError):
        old.read(until=lambda: False)
    assert window(read(watched.start(loaded), watched.clock)[1]) == 20


def test_reading_pauses_when_it_is_told_to(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two chunks, with a commit, and says that there is more."""
    monkeypatch.setattr("prediction_exporter.sources.log.CHUNK_BYTES", 2000)
    text = "".join(json.dumps(event(NOW, watched.chance)) + "\n" for _ in range(400))
    watched.write(text)
    monitor = watched.start(watched.configure(config_text(model_text().replace("start:", "max_line_size: 1KiB, start:"))))
    turns = 1
    while monitor.read(until=lambda: True):
        turns += 1
        count = monitor.evaluate().source.events
        monitor = watched.start(monitor.config)
        assert monitor.evaluate().source.events == count
    assert turns > 5
    assert window(read(monitor, watched.clock)[1]) == 400


def test_refused_lines_are_told_once_a_minute_with_their_number(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """By reason, with an example cut short."""
    monotonic = [1000.0]
    monitor = watched.start()
    monkeypatch.setattr(monitor._refusals._quiet, "_clock", lambda: monotonic[0])
    watched.log(1)
    for seconds in (0, 20, 39, 1.5):
        monotonic[0] += seconds
        watched.write("x" * 1000 + "\n\xff\n")
        watched.log(1, at=0.0)
        read(monitor, watched.clock)
    told = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert [text.split(",")[0] for text in told] == [
        "model m: refused 2 lines as malformed",
        "model m: refused 1 lines as too_old",
        "model m: refused 6 lines as malformed",
        "model m: refused 3 lines as too_old",
    ]
    assert max(map(len, told)) < 300


# A clock that jumps, and a state of another configuration


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("jump", [2 * HOUR, 73 * 365 * DAY])
@pytest.mark.parametrize("events", [0, 60])
def test_a_clock_that_jumps_ahead_and_back_loses_no_window(
    watched: Watched, events: int, jump: float, *, restarts: bool
) -> None:
    """Nor where events of its wrong time came, or it was started anew meanwhile: what had left the windows comes back."""
    monitor = watched.start()
    for minute in range(0, 60, 6):
        watched.log(10, at=NOW + 60 * minute)
    watched.clock.now = right = NOW + HOUR - 60
    before = read(monitor, watched.clock)[1]
    assert (window(before), window(before, "24h")) == (100, 100)
    watched.clock.now += jump
    for minute in range(0, events, 15):  # one in every bucket of the hour
        for later in range(minute, minute + 15):
            watched.log(1, at=right + jump + 60 * later)
        watched.clock.now = right + jump + 60 * (minute + 15) - 1
        read(monitor, watched.clock)
    series = read(monitor, watched.clock)[1]
    assert window(series) == (events or (0 if jump < DAY else None))
    if restarts:
        monitor = watched.start()
        read(monitor, watched.clock)
    watched.clock.now = right
    series = read(monitor, watched.clock)[1]
    assert (window(series), window(series, "24h")) == (100, 100)
    watched.log(1)
    for _ in range(2):
        series = read(monitor, watched.clock)[1]
        assert (window(series), window(series, "24h")) == (101, 101)
        assert total(series, "model_requests_total") == 101 + events
        monitor = watched.start()


def test_old_buckets_go_as_events_come(watched: Watched) -> None:
    """The state does not grow with time."""

    def stored() -> int:
        assert watched.state is not None
        assert monitor.baseline is not None
        return len(list(watched.state.buckets("m", monitor.baseline.layout)))

    monitor = watched.start()
    for _ in range(40):
        watched.clock.now += 300
        watched.log(1)
        monitor._believed = BelievedClock(watched.clock)  # an hour passes in no time here
        read(monitor, watched.clock)
    # 40 times five minutes: those of the last hour, and a quarter of an hour for each three.
    assert stored() == 12 + 40 // 3 + 1


def test_a_window_that_is_added_begins_with_what_a_finer_one_holds(watched: Watched) -> None:
    """A longer one as far as the others reach; a shorter one, whose buckets are finer, begins empty."""
    monitor = watched.start(watched.configure(config_text(more="windows: [1h, 24h]")))
    watched.log(5, at=NOW - 20 * HOUR)
    watched.log(7, at=NOW - 50 * 60)
    watched.log(9)
    read(monitor, watched.clock)
    loaded = watched.configure(config_text(more="windows: [5m, 1h, 6h, 7d]"))
    for _ in range(2):
        series = read(watched.start(loaded), watched.clock)[1]
        # What the day alone held is gone with it.
        assert [window(series, name) for name in ("5m", "1h", "6h", "7d")] == [0, 16, 16, 16]
    watched.start(watched.configure(config_text(more="windows: [1h, 24h]")))
    series = read(watched.start(watched.configure(config_text(more="windows: [1h, 24h, 7d]"))), watched.clock)[1]
    assert window(series, "7d") == 16
    assert total(series, "model_requests_total") == 21


def test_segments_that_are_added_begin_empty_and_removed_ones_go(watched: Watched) -> None:
    """Windows of all events go on, and so do the counters."""
    plain = watched.configure()
    monitor = watched.start(plain)
    watched.log(10, color="red")
    read(monitor, watched.clock)
    divided = watched.configure(config_text(model_text(more="baseline: baseline.json\nsegments: [color]")))
    monitor = watched.start(divided)
    watched.log(4, color="red")
    series = read(monitor, watched.clock)[1]
    assert [window(series, segment=segment) for segment in ("all", "color=red")] == [14, 4]
    series = read(watched.start(plain), watched.clock)[1]
    assert [window(series, segment=segment) for segment in ("all", "color=red")] == [14, None]
    assert total(series, "model_requests_total") == 14


def test_columns_that_change_empty_the_windows(watched: Watched) -> None:
    """The position stays, so that no line counts again, and so do counters that count the same."""
    watched.log(10)
    read(watched.start(), watched.clock)
    save_baseline(watched.folder / "baseline.json", colors=("red", "blue", "green"))
    series = read(watched.start(), watched.clock)[1]
    assert window(series) is None
    watched.log(3, color="green")
    series = read(watched.start(), watched.clock)[1]
    assert (window(series), total(series, "model_requests_total")) == (3, 13)


def test_another_kind_of_source_starts_afresh(watched: Watched) -> None:
    """A position in a log means nothing to files; counters and windows go on."""
    watched.log(10)
    read(watched.start(), watched.clock)
    (watched.folder / "new").mkdir()
    watched.log(6, to="new/part.jsonl")
    text = config_text(model_text()).replace(
        "{log: {path: app.log, start: beginning}", "{files: {path: new/, start: beginning, settle: 0s}"
    )
    os.utime(watched.folder / "new" / "part.jsonl", (NOW, NOW))  # files from before the windows are left alone
    monitor = watched.start(watched.configure(text))
    read(monitor, watched.clock)  # the first look finds a file, the second that it has not changed
    series = read(monitor, watched.clock)[1]
    assert (window(series), total(series, "model_requests_total")) == (16, 16)
