"""OpenCost: a local server in its shape that answers, fails, stalls, drips, lies about its length and returns NaN."""

from __future__ import annotations

import gzip
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from billed import figures
from prediction_exporter import config
from prediction_exporter.collectors.base import Poll
from prediction_exporter.collectors.bill import COLLECTOR
from prediction_exporter.cost.months import DAY, span_of
from prediction_exporter.errors import ServerError
from running import Running
from watched import config_text, model_text

#: Noon of the 10th of March 2026.
NOW = 1_773_144_000.0
Answer = Callable[[BaseHTTPRequestHandler], None]


class Handler(BaseHTTPRequestHandler):
    """Answers as the test says; HTTP/1.1, as OpenCost does."""

    protocol_version = "HTTP/1.1"
    answer: ClassVar[Answer]
    asked: ClassVar[list[tuple[str, dict[str, str], dict[str, str]]]]

    def do_GET(self) -> None:
        """Note what was asked, and answer."""
        parts = urlsplit(self.path)
        parameters = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.asked.append((parts.path, parameters, dict(self.headers.items())))
        with suppress(OSError):  # whoever gave up has hung up
            type(self).answer(self)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A local OpenCost; threads that hang are left behind."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.handler = type("Own", (Handler,), {"asked": []})
        super().__init__(("127.0.0.1", 0), self.handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Say nothing of those who hung up."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def asked(self) -> list[tuple[str, dict[str, str], dict[str, str]]]:
        """Paths, parameters and headers of requests."""
        found: list[tuple[str, dict[str, str], dict[str, str]]] = self.handler.asked  # type: ignore[attr-defined]  # made above
        return found

    def answers(self, answer: Answer) -> None:
        """Answer so from now on."""
        self.handler.answer = staticmethod(answer)  # type: ignore[attr-defined]  # made above


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that is stopped after the test."""
    made = Server()
    yield made
    made.shutdown()
    made.server_close()


def send(body: bytes, status: int = 200, **headers: str) -> Answer:
    """Return what answers with a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **named}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def allocation(day: int, **costs: Any) -> dict[str, Any]:
    """Return an allocation of a day of March 2026, as OpenCost has it."""
    begin = span_of("2026-03")[0] + (day - 1) * DAY
    written = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (begin, begin + DAY)]
    return {
        "name": "ml",
        "properties": {"cluster": "one", "namespace": "ml"},
        "window": {"start": written[0], "end": written[1]},
        "cpuCost": 1.1, "cpuCostAdjustment": 0, "ramCost": 0.25, "ramCostAdjustment": -0.05, "gpuCost": 0,
        "networkCost": 0.005, "pvCost": 0, "sharedCost": 0, "externalCost": 0, "totalCost": 1.305, "totalEfficiency": 0.4,
        **costs,
    }  # fmt: skip


def month(**costs: Any) -> list[dict[str, Any]]:
    """Return ten days of what two namespaces cost, and what nobody used."""
    return [
        {"ml": allocation(day, **costs), "web": allocation(day, cpuCost=99), "__idle__": allocation(day, cpuCost=500)}
        for day in range(1, 11)
    ]


def body(steps: list[Any] | None = None) -> bytes:
    """Return an answer."""
    return json.dumps({"code": 200, "status": "success", "data": month() if steps is None else steps}).encode()


def poll_of(tmp_path: Path, server: Server, more: str = "", *, timeout: str = "2s", currency: str = "USD") -> Poll:
    """Return the poll that a configuration opens, at a time in March."""
    opencost = f"{{url: '{server.url}', names: [ml], timeout: {timeout}{more}}}"
    text = config_text(model_text(more=f"maturity: 0\ncost: {{opencost: {opencost}, currency: {currency}}}"))
    (tmp_path / "exporter.yml").write_text(text)
    (poll,) = COLLECTOR.open(config.load(tmp_path / "exporter.yml")).values()
    poll._clock = lambda: NOW  # type: ignore[attr-defined]  # of the kind of poll that has one
    return poll


def test_the_months_cost_of_the_models_namespace(tmp_path: Path, server: Server) -> None:
    """By hand: ten days of 1.1, of 0.25 - 0.05 and of 0.005; others' and idle costs are nobody's here."""
    server.answers(send(body()))
    poll = poll_of(tmp_path, server, currency="EUR")
    assert figures(poll, "model_cost_billed") == {
        ("cpu", "EUR", "2026-03"): 11,
        ("memory", "EUR", "2026-03"): 2,
        ("network", "EUR", "2026-03"): 0.05,
        **{(name, "EUR", "2026-03"): 0 for name in ("gpu", "storage", "shared", "external")},
    }
    assert figures(poll, "model_cost_billed_month_to_date") == {("EUR",): 13.05}
    # The tenth is half over: nine whole days, and 22 more of the same.
    assert figures(poll, "model_cost_billed_month_end") == {("EUR", "mean_of_7_days"): pytest.approx(31 * 1.305, abs=0.005)}
    path, parameters, headers = server.asked[0]
    assert path == "/allocation"
    assert parameters["window"] == "2026-03-01T00:00:00Z,2026-03-10T12:00:00Z"
    assert (parameters["step"], parameters["aggregate"], parameters["accumulate"]) == ("1d", "namespace", "false")
    assert "Authorization" not in headers


def test_early_in_a_month_the_last_week_is_asked_for_and_not_shown(tmp_path: Path, server: Server) -> None:
    """On the 2nd at noon: seven days of February for the mean, and a projection of a whole month, but no part of February."""
    noon = span_of("2026-03")[0] + DAY * 1.5
    steps = [{"ml": allocation(day)} for day in range(-5, 3)]
    server.answers(send(body(steps)))
    poll = poll_of(tmp_path, server)
    poll._clock = lambda: noon  # type: ignore[attr-defined]  # of the kind of poll that has one
    assert {period for *_, period in figures(poll, "model_cost_billed")} == {"2026-03"}
    assert figures(poll, "model_cost_billed_month_end") == {("USD", "mean_of_7_days"): pytest.approx(31 * 1.305, abs=0.005)}
    assert server.asked[0][1]["window"].startswith("2026-02-23T00:00:00Z,")


def test_a_token_is_read_at_each_request_and_a_filter_is_sent(tmp_path: Path, server: Server, monkeypatch: Any) -> None:
    """A rotated token is used at once; no netrc takes its place."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.answers(send(body()))
    (tmp_path / "token").write_text("first\n")
    poll = poll_of(tmp_path, server, ", token_file: token, filter: 'namespace:\"ml\"'")
    poll.poll()
    (tmp_path / "token").write_text("second")
    poll.poll()
    assert [headers["Authorization"] for _, _, headers in server.asked] == ["Bearer first", "Bearer second"]
    assert server.asked[0][1]["filter"] == 'namespace:"ml"'
    (tmp_path / "token").write_text("two\nlines")
    with pytest.raises(ServerError, match=r"token_file: .* does not hold one token"):
        poll.poll()
    (tmp_path / "token").unlink()
    with pytest.raises(ServerError, match=r"token_file: .*token cannot be read: No such file"):
        poll.poll()
    assert len(server.asked) == 2


def test_a_proxy_is_asked_instead(tmp_path: Path, server: Server) -> None:
    """It gets the whole address; the host itself is never looked for."""
    server.answers(send(body()))
    opencost = f"{{url: 'http://opencost.invalid:9003', names: [ml], proxy: '{server.url}'}}"
    text = config_text(model_text(more=f"maturity: 0\ncost: {{opencost: {opencost}}}"))
    (tmp_path / "exporter.yml").write_text(text)
    (poll,) = COLLECTOR.open(config.load(tmp_path / "exporter.yml")).values()
    poll._clock = lambda: NOW  # type: ignore[attr-defined]  # of the kind of poll that has one
    assert figures(poll, "model_cost_billed_month_to_date") == {("USD",): 13.05}
    assert server.asked[0][0] == "/allocation"


def stall(_: BaseHTTPRequestHandler) -> None:
    """Say nothing."""
    time.sleep(5)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send a byte now and then, for ever: no single wait is long."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.05)


def half(handler: BaseHTTPRequestHandler) -> None:
    """Break off in the middle of what was promised."""
    whole = body()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(whole)))
    handler.end_headers()
    handler.wfile.write(whole[: len(whole) // 2])
    handler.close_connection = True


def chunks(handler: BaseHTTPRequestHandler, *, end: bool) -> None:
    """Send chunks, whose end may never come."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    whole = body()
    for part in (whole[:1000], whole[1000:]):
        handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
    if end:
        handler.wfile.write(b"0\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (send(b"no Prometheus", 500), "answers 500 Internal Server Error: no Prometheus"),
        (send(b"", 404), "answers 404 Not Found$"),
        (
            send(b"", 302, Location="http://elsewhere.invalid/"),
            "a redirect to http://elsewhere.invalid/, which is not followed",
        ),
        (stall, "gives no answer in 0.3 s"),
        (drip, "gives no whole answer in 0.3 s"),
        (half, "breaks off its answer"),
        (lambda handler: chunks(handler, end=False), "breaks off its answer"),
        (send(body()[:-500]), "is no allocation of OpenCost"),  # a length that is too short cuts the answer off
        (send(body(), Content_Length=str(len(body()) - 7)), "is no allocation of OpenCost"),
        (send(b"<html>login</html>"), "is no allocation of OpenCost"),
        (send(b'{"code": 400, "message": "bad window"}'), "is no allocation of OpenCost"),
        (send(b'{"code": 200, "data": [[1]]}'), "is no allocation of OpenCost"),
        (send(b"[" * 100_000), "is no allocation of OpenCost"),
        (send(body(month()[:4])), "tells 4 days of the 10 that were asked for"),
        (send(body([])), "tells 0 days of the 10"),
        (send(b"\x1f\x8bnot", Content_Encoding="gzip"), "breaks off its answer: DecodeError"),
    ],
)
def test_an_answer_that_is_not_whole_is_no_bill(tmp_path: Path, server: Server, answer: Answer, told: str) -> None:
    """It fails in words, within its time, and gives no figure; the next whole one is used."""
    server.answers(answer)
    poll = poll_of(tmp_path, server, timeout="300ms")
    began = time.monotonic()
    with pytest.raises(ServerError, match=told):
        poll.poll()
    assert time.monotonic() - began < poll.timeout
    assert poll.interval == 15
    server.answers(send(body()))
    assert figures(poll, "model_cost_billed_month_to_date") == {("USD",): 13.05}
    assert poll.interval == 900


def test_whole_answers_in_other_forms(tmp_path: Path, server: Server) -> None:
    """Compressed, in chunks, and without a length until the connection ends."""

    def unbounded(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body())
        handler.close_connection = True

    poll = poll_of(tmp_path, server)
    compressed = gzip.compress(body())
    for answer in (send(compressed, Content_Encoding="gzip"), lambda handler: chunks(handler, end=True), unbounded):
        server.answers(answer)
        assert figures(poll, "model_cost_billed_month_to_date") == {("USD",): 13.05}


def test_a_server_that_is_not_there(tmp_path: Path, server: Server) -> None:
    """The reason is in words, without the names of Python's classes around it."""
    poll = poll_of(tmp_path, server)
    server.shutdown()
    server.server_close()
    with pytest.raises(ServerError, match=r"^http://127.0.0.1:\d+/allocation cannot be asked: .*refused"):
        poll.poll()


def test_it_is_asked_later_and_later_and_when_it_wants_to_be(tmp_path: Path, server: Server) -> None:
    """The waits double up to the interval; Retry-After is longer than that, and is kept to."""
    poll = poll_of(tmp_path, server, ", interval: 1m")
    waits = []
    for headers in ({}, {}, {}, {}, {"Retry_After": "600"}, {"Retry_After": "Wed, 21 Oct 2026 07:28:00 GMT"}):
        server.answers(send(b"", 503, **headers))
        with pytest.raises(ServerError, match="answers 503"):
            poll.poll()
        waits.append(poll.interval)
    assert waits == [15, 30, 60, 60, 600, 60]


@pytest.mark.parametrize(("seconds", "waited"), [(7200, 7200), (365 * DAY, DAY)])
@pytest.mark.parametrize("written", [formatdate, lambda time: str(round(time - NOW))])
def test_a_server_that_is_throttled_says_when(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, written: Any, seconds: float, waited: float
) -> None:
    """As a date or in seconds, as Azure's do (azqr issue 745); a clock that is wrong by a year silences it for a day."""
    monkeypatch.setattr("prediction_exporter.cost.http.time.time", lambda: NOW)
    server.answers(send(b"", 429, Retry_After=written(NOW + seconds)))
    poll = poll_of(tmp_path, server)
    with pytest.raises(ServerError, match="answers 429"):
        poll.poll()
    assert poll.interval == waited


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "null", '"free"', "1e400"])
def test_what_is_no_number_is_told_and_adds_nothing(tmp_path: Path, server: Server, value: str) -> None:
    """One day's CPU cost: the others count, and it is told that one is missing."""
    steps = month()
    steps[3]["ml"]["cpuCost"] = "HERE"
    server.answers(send(body(steps).replace(b'"HERE"', value.encode())))
    poll = poll_of(tmp_path, server)
    assert figures(poll, "model_cost_billed")["cpu", "USD", "2026-03"] == 9.9
    assert figures(poll, "model_cost_bill_charges_rejected")["amount",] == 1


def test_a_workload_that_ends_before_it_begins_costs_nothing(tmp_path: Path, server: Server) -> None:
    """As one whose samples lie before the window (OpenCost's issues 3574 and 4057): its minutes are below 0, as is its cost."""
    backwards = {"start": "2026-03-04T05:44:57Z", "end": "2026-03-04T05:42:30Z", "minutes": -2.45}
    days = month()
    days[3] = {"ml": allocation(4, **backwards, cpuCost=-0.00138, ramCost=-0.0001, totalCost=-0.00148)}
    server.answers(send(body(days)))
    poll = poll_of(tmp_path, server)
    assert figures(poll, "model_cost_billed_month_to_date") == {("USD",): pytest.approx(9 * 1.305, abs=1e-12)}


def test_a_cost_that_only_the_total_has_is_not_lost(tmp_path: Path, server: Server) -> None:
    """As that of NAT gateways, which a later release added: 0.5 a day that no known component explains."""
    server.answers(send(body(month(natGatewayCost=0.5, totalCost=1.8050000000000002))))
    found = figures(poll_of(tmp_path, server), "model_cost_billed")
    assert found["other", "USD", "2026-03"] == pytest.approx(5, abs=1e-9)
    assert sum(found.values()) == pytest.approx(18.05, abs=1e-9)


def test_steps_of_nothing_and_allocations_without_a_time(tmp_path: Path, server: Server) -> None:
    """Days without the model are empty or null; an allocation of no time is refused."""
    steps: list[Any] = [*month()[:8], {}, None]
    del steps[0]["ml"]["window"]
    server.answers(send(body(steps)))
    poll = poll_of(tmp_path, server)
    assert figures(poll, "model_cost_billed")["cpu", "USD", "2026-03"] == 7.7
    assert figures(poll, "model_cost_bill_charges_rejected")["time",] == 1


def test_names_that_there_are_help_who_misspelt_theirs(
    tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """No cost is the model's: no time is shown, and the log names what OpenCost knows."""
    server.answers(send(body([{"mlops": allocation(day)} for day in range(1, 11)])))
    poll = poll_of(tmp_path, server)
    with caplog.at_level(logging.WARNING):
        assert figures(poll, "model_cost_bill_newest_timestamp_seconds") == {}
    assert "no cost that is the model's; it names mlops" in caplog.text


def test_a_bill_that_hangs_costs_its_own_series_alone(tmp_path: Path, server: Server) -> None:
    """The exporter is ready and publishes while nobody answers it; rates go on, and the bill's collector has failed."""
    server.answers(stall)
    running = Running(tmp_path)
    running.watched.log(3)
    opencost = f"{{url: '{server.url}', names: [ml], timeout: 100ms}}"
    running.start(model_text("a", more=f"maturity: 0\ncost: {{per_hour: 1, opencost: {opencost}}}"))
    try:
        running.wait(lambda: running.total("prediction_exporter_collector_success", collector="bill") == 0)
        before = running.total("model_cost_total", component="replica")
        running.wait(lambda: (running.total("model_cost_total", component="replica") or 0) > (before or 0))
        assert running.total("model_cost_bill_charges") is None
        assert running.total("prediction_exporter_collector_success", collector="cost") == 1
    finally:
        running.stop()
