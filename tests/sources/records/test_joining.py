"""What becomes of requests and responses that do not find each other as they should, and what is said of them."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from halves import JOIN, Predictions, configuration, counted, line
from prediction_exporter import config
from prediction_exporter.cli import main
from prediction_exporter.collectors.report import ModelReport
from prediction_exporter.counting.state import State, StoredModel
from prediction_exporter.counting.state_days import HALVES
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.layouts.base import Half
from prediction_exporter.sources.records.waiting import WaitingHalves
from watched import Watched, read

Record = dict[str, Any]
Pair = tuple[Record, Record]

LOG = 'log: {path: "*.jsonl", start: beginning}'


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for a model."""
    return Watched(tmp_path)


@pytest.fixture
def predictions() -> Predictions:
    """Predictions of a fixed random sequence."""
    return Predictions(random.Random(5))


def refused(report: ModelReport) -> dict[str, int]:
    """Return what was refused."""
    return {reason: count for reason, count in report.source.rejected.items() if count}


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "from the state file"])
def test_the_later_of_two_with_one_id_counts(watched: Watched, predictions: Predictions, restarts: bool) -> None:
    """The earlier is refused; what comes when its pair is complete waits as another prediction."""
    loaded = watched.configure(configuration(LOG))
    request, response = predictions.make()
    earlier = {**request, "version": "earlier"}
    for record in (earlier, request, response, response):
        watched.write(line(record), to="a.jsonl")
        if restarts:
            read(watched.start(loaded), watched.clock)
    report, _ = read(watched.start(loaded), watched.clock)
    assert refused(report) == {"same_id": 1}
    assert report.requests == {request["version"]: (1, int(response["status"] == 500))}
    assert report.source.waiting is not None
    assert (report.source.waiting.requests, report.source.waiting.responses) == (0, 1)


def test_records_that_are_both_or_neither_or_have_no_id(watched: Watched, predictions: Predictions) -> None:
    """They are refused, or left out as other lines of a log."""
    loaded = watched.configure(configuration(LOG, join='{id: id, request: "kind = \'request\'", response: "status > 0"}'))
    request, response = predictions.make()
    records = [request, response, {**request, "id": "x", "status": 1}, {**request, "id": None}, {"kind": "health"}]
    watched.write("".join(map(line, records)), to="a.jsonl")
    report, _ = read(watched.start(loaded), watched.clock)
    assert refused(report) == {"both_sides": 1, "missing_id": 1}
    assert (report.source.events, report.source.skipped) == (1, {"filtered": 1})


def test_the_oldest_are_given_up_for_room(watched: Watched, predictions: Predictions) -> None:
    """What waits in the state file is never more than allowed, and what is given up is counted."""
    loaded = watched.configure(configuration(LOG, join=JOIN.replace("{", "{max_size: 1MiB, ", 1)))
    monitor = watched.start(loaded)
    noise = random.Random(1)
    pairs = []
    for _ in range(6):
        some = [predictions.make() for _ in range(100)]
        pairs += some
        text = "".join(line({**request, "pad": noise.randbytes(2500).hex()}) for request, _ in some)
        watched.write(text, to="a.jsonl")
        report, _ = read(monitor, watched.clock)
        assert report.source.waiting is not None
        assert report.source.waiting.size <= 1 << 20
    assert report.source.waiting is not None
    left = report.source.waiting.requests
    assert 200 < left < 600
    assert refused(report) == {"no_room": 600 - left}
    watched.write("".join(line(response) for _, response in pairs), to="b.jsonl")
    report, _ = read(watched.start(loaded), watched.clock)
    assert report.source.events == left
    newest = sum(request["version"] == "1" for request, _ in pairs[-left:])
    assert report.requests is not None
    assert report.requests["1"][0] == newest


def test_what_was_read_late_waits_as_long(watched: Watched, predictions: Predictions) -> None:
    """A long stop gives up nothing that is read in one go, whatever the time in the records."""
    loaded = watched.configure(configuration(LOG))
    pairs = [predictions.make(at=watched.clock()) for _ in range(20)]
    watched.write("".join(line(request) for request, _ in pairs), to="a.jsonl")
    read(watched.start(loaded), watched.clock)
    watched.write("".join(line(response) for _, response in pairs), to="b.jsonl")
    watched.clock.now += 3000
    report, _ = read(watched.start(loaded), watched.clock)
    assert (report.source.events, refused(report)) == (20, {})


def test_lines_that_tell_no_fields_are_met_again(watched: Watched, predictions: Predictions) -> None:
    """What they met is taken back: read again, each counts once, and none takes the place of itself."""
    loaded = watched.configure(configuration(LOG))
    watched.write(line({"kind": "request", "id": "x"}) + line({"kind": "response", "id": "x"}), to="a.jsonl")
    monitor = watched.start(loaded)
    report, _ = read(monitor, watched.clock)
    assert report.source.problem is not None
    assert refused(report) == {}
    read(monitor, watched.clock)
    pairs = [predictions.make() for _ in range(30)]
    watched.write("".join(line(one) for pair in pairs for one in pair), to="a.jsonl")
    report, _ = read(monitor, watched.clock)
    assert report.source.problem is None
    assert (report.source.events, refused(report)) == (30, {"missing_time": 1})


def test_what_was_met_is_taken_back(tmp_path: Path) -> None:
    """Of lines that are read again: as if they had come for the first time, also what they met in the state file."""
    state = State(tmp_path, models=["m"])
    halves = WaitingHalves(state.kept("m", HALVES), within=60.0, most=1 << 20, clock=lambda: 1000.0)
    claim, rejected = state.claim("m"), Rejected()
    halves.meet([Half("a", "request"), Half("b", "request")], [b"a", b"b"], rejected)
    with state.step("m", claim=claim) as step:
        halves.put(step)
        step.commit(StoredModel("log", "1", {}), None, (), keep_from={})
    halves.meet([Half("c", "request")], [b"c"], rejected)
    before = halves.waiting()
    again = [Half("a", "response"), Half("b", "request"), Half("c", "response"), Half("d", "request")]
    for _ in range(3):
        refused = Rejected()
        halves.begin()
        assert halves.meet(again, [b"A", b"B", b"C", b"D"], refused) == [(b"a", b"A"), (b"c", b"C")]
        assert refused.counts == {"same_id": 1}
        assert halves.waiting().requests == 2
        halves.undo()
        assert halves.waiting() == before
    assert rejected.total == 0
    state.close()


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_files_are_joined(watched: Watched, predictions: Predictions, form: str) -> None:
    """Requests and responses in files of their own, over a restart between them."""
    folder = watched.folder / "data"
    folder.mkdir()
    loaded = watched.configure(configuration("files: {path: data, settle: 0s}"))
    pairs = [predictions.make() for _ in range(50)]
    for name, side, some in (("a", 0, pairs), ("b", 1, pairs[:30]), ("c", 1, pairs[30:])):
        records = [pair[side] for pair in some]
        if form == "parquet":
            pl.DataFrame(records).write_parquet(folder / f"{name}.parquet")
        else:
            (folder / f"{name}.jsonl").write_text("".join(map(line, records)))
        os.utime(folder / f"{name}.{form}", (watched.clock(), watched.clock()))
        watched.clock.now += 20
        report, _ = read(watched.start(loaded), watched.clock)
    flat = Watched(watched.folder / "flat", clock=watched.clock)
    flat.folder.mkdir()
    flat.write(predictions.flat(), to="flat.jsonl")
    expected, _ = read(flat.start(flat.configure(configuration(LOG, join=None))), flat.clock)
    assert counted(report) == counted(expected)
    assert (report.source.events, refused(report)) == (50, {})


@pytest.mark.parametrize(
    ("join", "which", "told"),
    [
        (JOIN, (0, 1), "joined: 40 pairs of 40 requests and 40 responses"),
        (JOIN, (0,), "join.response: none of 40 records passes the filter"),
        (JOIN, (1,), "join.request: none of 40 records passes the filter"),
        (JOIN.replace("id: id", "id: ts"), (0, 1), "join.response: no response with an id is among the sampled records"),
        (
            JOIN.replace("id: id", "id: kind"),
            (0, 1),
            "40 requests and 40 responses, such as 'request' and 'response'",
        ),
    ],
    ids=["all", "no response", "no request", "no id", "other ids"],
)
def test_the_check_says_what_finds_each_other(
    watched: Watched, predictions: Predictions, capsys: pytest.CaptureFixture[str], join: str, which: tuple[int, ...], told: str
) -> None:
    """And fails where nothing does."""
    watched.configure(configuration(LOG, join=join))
    for number in range(40):
        pair = predictions.make(at=1_790_000_000.0 + number)
        watched.write("".join(line(pair[side]) for side in which), to="a.jsonl")
    failed = main(["check", "config", str(watched.file)])
    shown = capsys.readouterr()
    assert told in shown.out + shown.err
    assert bool(failed) == ("joined" not in told)


def test_tables_do_not_join(watched: Watched) -> None:
    """A view or a query does; so it is said."""
    text = configuration("table: {url: 'sqlite:///x.db', name: t}")
    told = "has join beside table .allowed: a table.query that joins requests and responses, and no join"
    with pytest.raises(ConfigError, match=told):
        config.parse(text, name="exporter.yml", base=watched.folder, environ={})


def _again(pair: Pair) -> list[Record]:
    """Return three attempts of a request that share its id, of which the last is answered."""
    return [pair[0], pair[0], *pair]


def _none(name: object) -> Callable[[Pair], list[Record]]:
    """Return what gives both records this id."""
    return lambda pair: [{**record, "id": name} for record in pair]


#: What is logged of each fourth prediction in reports of others; how many of 40 count then, what is refused of the ten that are
#: so, and what waits.
REPORTS: dict[str, tuple[Callable[[Pair], list[Record]], int, dict[str, int], tuple[int, int]]] = {
    "SeldonIO/seldon-core#3620: the request is not logged": (lambda pair: [pair[1]], 30, {}, (0, 10)),
    "kserve/kserve#2722: failed requests have no response": (lambda pair: [pair[0]], 30, {}, (10, 0)),
    "envoyproxy/envoy#32580: attempts share an id": (_again, 40, {"same_id": 20}, (0, 0)),
    "logstash-filter-aggregate#79: many ends": (lambda pair: [*pair, pair[1]], 40, {}, (0, 10)),
    "Azure/MachineLearningNotebooks#1679: user_correlation_id=''": (_none(""), 30, {"missing_id": 20}, (0, 0)),
    "BerriAI/litellm#39760: null as its text": (_none("None"), 30, {"missing_id": 20}, (0, 0)),
    "an access log without the header": (_none("-"), 30, {"missing_id": 20}, (0, 0)),
    "logstash-filter-elapsed#29: ids come again": (_none("again"), 40, {}, (0, 0)),
    "trustyai-explainability#601: a number and its text": (
        lambda pair: [{**pair[0], "id": int(pair[0]["id"][1:])}, {**pair[1], "id": pair[1]["id"][1:]}],
        40,
        {},
        (0, 0),
    ),
    "Go's http.Header: an id in a list": (_none(["one"]), 40, {}, (0, 0)),
}


@pytest.mark.parametrize("name", REPORTS)
def test_reports_of_others(watched: Watched, predictions: Predictions, name: str) -> None:
    """Who joins such logs elsewhere loses these, or gets wrong pairs: here each counts once, waits, or is refused."""
    logged, counts, rejected, waiting = REPORTS[name]
    loaded = watched.configure(configuration(LOG))
    for number in range(40):
        pair = predictions.make(at=watched.clock())
        watched.write("".join(map(line, logged(pair) if number % 4 == 0 else pair)), to="a.jsonl")
    report, _ = read(watched.start(loaded), watched.clock)
    assert (report.source.events, refused(report)) == (counts, rejected)
    assert report.source.waiting is not None
    assert (report.source.waiting.requests, report.source.waiting.responses) == waiting


def test_the_check_says_that_ids_come_again(
    watched: Watched, predictions: Predictions, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in logs that are read late, where a response may find a request that is not its own."""
    watched.configure(configuration(LOG))
    pairs = [predictions.make(at=1_790_000_000.0 + number) for number in range(40)]
    for side in (0, 1):
        records = [{**pair[side], "id": number % 5} for number, pair in enumerate(pairs)]
        watched.write("".join(map(line, records)), to="a.jsonl")
    main(["check", "config", str(watched.file)])
    assert "refused as same_id" in capsys.readouterr().out
