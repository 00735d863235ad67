"""The real exporter process: what it serves, how it is told things, and how it ends."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urljoin

import bcrypt
import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from model_servers import serving
from pages import Page
from prediction_exporter.baseline.record import SHORT_HASH
from prediction_exporter.collectors.running import COLLECTOR_FAMILIES
from prediction_exporter.collectors.traffic import PREDICTION_VALUE
from prediction_exporter.collectors.windows import EXPECTED_BIN_PREDICTIONS
from prediction_exporter.counting.state import FILE_NAME
from prediction_exporter.demo.sinks import LOOPBACK, free_port
from prediction_exporter.monitor import monitor
from prediction_exporter.version import this_build
from prediction_exporter.web import connections
from processes import START_SECONDS, Exporter, samples
from watched import LABELLED, OF_NUMBERS, WITH_ID, Watched, config_text, model_text, total

Start = Callable[..., Exporter]

GOLDEN = Path(__file__).parent / "golden" / "families.txt"
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}

FULL = """baseline: baseline.json
learning: 0s
importance: {amount: 0.7}
segments: [color]
references: [week, version]
slo: {availability: 0.99, latency: {under: 60ms, ratio: 0.9}, freshness: {within: 1h, ratio: 0.9}}
capacity: {requests_per_second: 10, concurrency: 2}
replicas: {expected: 1}
info: {framework: sklearn, training_data: loans}
dependencies: requirements.txt
process: {command: test_a_scrape_is_valid_in_every_form}"""
#: A model that is watched by its server alone.
SERVED = """
  - name: served
    owner: me
    maturity: 0
    server: {kind: fastapi, match: {handler: /predict}}
    slo: {latency: {under: 500ms, ratio: 0.9}}
"""


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for models, in real time."""
    return Watched.live(tmp_path)


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line until it ends."""
    line = [sys.executable, "-m", "prediction_exporter", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


def run(watched: Watched, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the exporter where it is expected to end by itself."""
    return command("run", "--config.file", watched.file, "--web.listen-address", f"{LOOPBACK}:{free_port()}", *arguments)


def counted(exporter: Exporter, model: str = "m") -> float | None:
    """Return the requests of a model, None where there is no series."""
    return total(exporter.metrics(), "model_requests_total", model=model)


def test_a_scrape_is_valid_in_every_form(watched: Watched, start_exporter: Start) -> None:
    """It matches the golden list of names, types and labels, and promtool has no remark.

    It shows all of it but a regression's, and of processes what needs a GPU, a namespace of its own, or a limit.
    """
    (watched.folder / "requirements.txt").write_text("numpy==2.0\n")
    fields = WITH_ID.replace("}", ", entity: color, stage: color}")
    text = config_text(model_text(more=f"{FULL}\n{LABELLED}", fields=fields), SERVED)
    watched.build_labelled(text.replace(", entity: color, stage: color", ""))
    watched.configure(text)
    watched.log_labelled(60, at=watched.clock() - 120, version='1 "quoted" \\ \n')
    watched.log_labelled(60, at=watched.clock() - 120, color="new ü")
    with serving("test_a_scrape_is_valid_in_every_form"):
        exporter = start_exporter(watched.file)
        exporter.wait_for(lambda: exporter.total("model_process_up") == 1, "found")
        text = requests.get(f"{exporter.url}/metrics", timeout=5).text
        openmetrics = requests.get(f"{exporter.url}/metrics", headers=OPENMETRICS, timeout=5).text
    golden: dict[str, tuple[str, set[str]]] = {}
    for line in GOLDEN.read_text().splitlines():
        name, kind, *labels = line.split(" ")
        golden[name] = kind, set(",".join(labels).split(",")) - {""}
    shown = set()
    for family in parse_text(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        shown.add(name)
        assert golden[name][0] == family.type
        found = {frozenset(s.labels) - {"le"} for s in family.samples}
        if name in map(str, COLLECTOR_FAMILIES):  # some collectors are of no model
            assert found == {frozenset(golden[name][1]), frozenset({"collector"})}
        else:
            assert found == {frozenset(golden[name][1])}
    elsewhere = re.compile(
        "model_process_(gpu_.*|network_.*_bytes_total|memory_(limit|working_set)_bytes|cpu_(quota|.*throttl|periods).*)"
        "|model_cost_.*"  # tests/cost has them
        "|model_stored_bytes|model_retraining_runs_total|model_artifacts?_.*"  # tests/test_artifacts.py has them
        "|model_field_(amount|values)_total|model_duration_seconds"  # tests/test_sums.py has them
        "|model_attribution_.*|model_baseline_attribution_ratio"  # tests/test_attributions.py has them
        "|prediction_exporter_source_waiting(_bytes)?"  # tests/sources/records/test_joining.py has them
        "|prediction_exporter_(events|labels)_skipped_total"  # tests/test_filtered_models.py and test_label_series.py have them
    )
    of_others = {PREDICTION_VALUE.name, EXPECTED_BIN_PREDICTIONS.name}  # of a regression, of a season
    of_others |= set(filter(OF_NUMBERS.fullmatch, golden))
    assert {name for name in golden.keys() - shown if not elsewhere.fullmatch(name)} == of_others
    check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (check.returncode, check.stdout, check.stderr) == (0, "", "")
    parsed = {s.name: 0 for family in parse_openmetrics(openmetrics) for s in family.samples}  # type: ignore[no-untyped-call]  # the client has no types for it
    assert parsed.keys() == {name for name, _ in samples(text)}
    assert exporter.stop() == 0


def test_reload_by_signal(watched: Watched, start_exporter: Start) -> None:
    """A bad configuration changes nothing and shows in the metrics and on the page; a good one is taken over."""
    watched.configure()
    watched.log(40)
    exporter = start_exporter(watched.file)
    name = "prediction_exporter_config_last_reload_successful"
    time_name = "prediction_exporter_config_last_reload_success_timestamp_seconds"
    loaded = exporter.total(time_name)
    watched.file.write_text(config_text().replace("owner: me", "owner: nobody"))
    exporter.signal(signal.SIGHUP)
    exporter.wait_for(lambda: exporter.total(name) == 0, "refused")
    assert exporter.total(time_name) == loaded
    assert "configuration not reloaded" in requests.get(exporter.url, timeout=5).text
    assert exporter.is_ready()
    watched.log(2)
    exporter.wait_for(lambda: counted(exporter) == 42, "going on")
    watched.configure(config_text(model_text(), model_text("n", "n.log", more="maturity: 0"), more="windows: [5m, 1h, 7d]"))
    watched.log(5, to="n.log")
    exporter.signal(signal.SIGHUP)
    exporter.wait_for(lambda: exporter.total(name) == 1, "reloaded")
    exporter.wait_for(lambda: counted(exporter, "n") == 5, "reading the new model")
    assert exporter.is_ready()
    assert counted(exporter) == 42
    windows = {"1h": 42, "5m": 0, "7d": 42}  # a new window begins with what a finer one holds
    for added in (0, 3):
        watched.log(added)
        for window, count in windows.items():
            at = {"model": "m", "window": window, "segment": "all"}
            exporter.wait_for(
                lambda n=count + added, at=at: exporter.total("model_window_predictions", **at) == n,  # type: ignore[misc]  # a default binds
                f"{count + added} in {window}",
            )
    assert exporter.total(time_name) > loaded
    assert "configuration not reloaded" not in requests.get(exporter.url, timeout=5).text


def test_reload_over_http(watched: Watched, start_exporter: Start) -> None:
    """Only where it is allowed; the answer says what is wrong."""
    watched.configure()
    exporter = start_exporter(watched.file, "--web.enable-lifecycle")
    assert requests.post(f"{exporter.url}/-/reload", timeout=20).text == "reloaded\n"
    watched.file.write_text("models: 3")
    answer = requests.post(f"{exporter.url}/-/reload", timeout=20)
    assert (answer.status_code, "models" in answer.text) == (500, True)
    exporter.wait_for(lambda: exporter.total("prediction_exporter_config_last_reload_successful") == 0, "refused")


def test_sigterm_commits_and_exits_0(watched: Watched, start_exporter: Start) -> None:
    """What was counted is there after the next start though the log is gone; what was written meanwhile is counted once."""
    watched.configure()
    watched.log(40)
    watched.write("nonsense\n")
    exporter = start_exporter(watched.file)
    exporter.signal(signal.SIGTERM)
    exporter.signal(signal.SIGTERM)
    assert exporter.stop() == 0
    assert "Traceback" not in exporter.log.read_text()
    assert (watched.folder / "state" / FILE_NAME).exists()
    watched.log(2)
    exporter.start()
    exporter.wait_for(lambda: counted(exporter) == 42, "counted")
    assert exporter.total("prediction_exporter_events_rejected_total") == 1
    assert exporter.total("model_window_predictions", window="1h", segment="all") == 42
    exporter.signal(signal.SIGINT)
    assert exporter.stop() == 0
    (watched.folder / "app.log").unlink()
    exporter.start()
    assert counted(exporter) == 42


def test_sigterm_while_everything_hangs(watched: Watched) -> None:
    """It ends with 0 in the time that the manual gives, though every source, a reload and a client wait for ever."""
    with socket.create_server((LOOPBACK, 0)) as silent:  # it takes connections and says nothing
        address = f"mysql://reader@{LOOPBACK}:{silent.getsockname()[1]}/x"
        fields = "fields: {time: ts, prediction: p}"
        models = "".join(
            f"\n  - {{name: {name}, owner: me, maturity: 0, predictions: {{{fields}, table: {{url: '{address}', name: t}}}}}}"
            for name in "ab"
        )
        watched.configure(config_text(models))
        exporter = Exporter(watched.file)
        exporter.start(ready=False)
        silent.settimeout(START_SECONDS)
        with ExitStack() as stack:
            for _ in "ab":
                stack.enter_context(silent.accept()[0])
            stack.enter_context(socket.create_connection((LOOPBACK, exporter.port))).sendall(b"GET /metr")
            exporter.signal(signal.SIGHUP)
            exporter.signal(signal.SIGTERM)
            begun = time.monotonic()
            assert exporter.stop() == 0
            assert time.monotonic() - begun < monitor.STOP_SECONDS + connections.STOP_SECONDS + 2
    assert "its source hangs; left behind" in exporter.log.read_text()


def test_signals_while_starting(watched: Watched) -> None:
    """SIGTERM ends it with 0 however early it comes once signals are its own; SIGHUP does not end it."""
    watched.configure()
    exporter = Exporter(watched.file)
    exporter.start(ready=False)
    assert exporter.process is not None
    status = Path(f"/proc/{exporter.process.pid}/status")
    caught = re.compile(r"SigCgt:\s*([0-9a-f]+)")

    def signals_are_caught() -> bool:
        found = caught.search(status.read_text())
        return found is not None and bool(int(found[1], 16) >> (signal.SIGTERM - 1) & 1)

    exporter.wait_for(signals_are_caught, "catching signals")
    assert not exporter.is_ready()
    exporter.signal(signal.SIGHUP)
    exporter.signal(signal.SIGTERM)
    assert exporter.stop() == 0


def test_a_broken_source_leaves_the_others_alone(watched: Watched, start_exporter: Start) -> None:
    """It is down with a reason in the log and on the page, and comes back by itself."""
    watched.configure(config_text(model_text("good", "good.log"), model_text("bad", "bad.log")))
    watched.log(20, to="good.log")
    watched.log(10, to="bad.log")
    exporter = start_exporter(watched.file)
    path = watched.folder / "bad.log"
    path.rename(watched.folder / "aside")
    path.mkdir()
    exporter.wait_for(lambda: exporter.total("prediction_exporter_source_up", model="bad") == 0, "down")
    watched.log(5, to="good.log")
    exporter.wait_for(lambda: counted(exporter, "good") == 25, "going on")
    assert exporter.total("prediction_exporter_source_up", model="good") == 1
    assert (exporter.is_ready(), counted(exporter, "bad")) == (True, 10)
    reason = f"cannot read {path}: not a regular file"
    assert reason in exporter.log.read_text()
    assert reason in requests.get(exporter.url, timeout=5).text
    path.rmdir()
    (watched.folder / "aside").rename(path)
    watched.log(1, to="bad.log")
    exporter.wait_for(lambda: counted(exporter, "bad") == 11, "back")
    exporter.wait_for(lambda: exporter.total("prediction_exporter_source_up", model="bad") == 1, "up")


@pytest.mark.parametrize("style", ["json", "logfmt"])
def test_the_log_can_be_parsed_and_is_short(watched: Watched, start_exporter: Start, style: str) -> None:
    """Each entry is a line with the same keys; a reason for refusal is told once a minute with its example cut short."""
    watched.configure()
    watched.log(30)
    exporter = start_exporter(watched.file, "--log.format", style)
    for turn in range(1, 4):
        watched.write('broken = "\\ ü \x01' + "x" * 5000 + "\n")
        exporter.wait_for(lambda n=turn: exporter.total("prediction_exporter_events_rejected_total") == n, "refused")  # type: ignore[misc]  # a default binds
    assert exporter.stop() == 0
    lines = exporter.log.read_text().splitlines()
    entries = [json.loads(line) if style == "json" else logfmt(line) for line in lines]
    for entry in entries:
        assert list(entry)[:4] == ["ts", "level", "caller", "msg"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["ts"])
        assert entry["level"] in ("info", "warn")
    told = [entry["msg"] for entry in entries if "refused" in entry["msg"]]
    assert len(told) == 1
    assert told[0].startswith("model m: refused 1 lines as malformed, such as 'broken = ")
    assert len(told[0]) < 300


def test_the_log_tells_what_starts(watched: Watched, start_exporter: Start) -> None:
    """One line each for the build, the configuration, the addresses, and each model; later for what was recognised."""
    watched.configure(config_text(model_text(more="baseline: baseline.json"), model_text("n", "n.log", more="maturity: 0")))
    watched.log(30)
    web = watched.folder / "web.yml"
    web.write_text(f"basic_auth_users: {{prom: '{bcrypt.hashpw(b'x', bcrypt.gensalt(4)).decode()}'}}\n")
    second = f"[::1]:{free_port()}" if socket.has_dualstack_ipv6() else f"127.0.0.2:{free_port()}"
    arguments = (
        "--log.format",
        "json",
        "--web.config.file",
        str(web),
        "--web.listen-address",
        second,
        "--web.route-prefix",
        "x",
    )
    exporter = start_exporter(watched.file, *arguments, ready=False)

    def told(message: str) -> list[dict[str, object]]:
        entries = [json.loads(line) for line in exporter.log.read_text().splitlines()]
        found = [entry for entry in entries if entry["msg"] == message]
        return [{key: value for key, value in entry.items() if key not in ("ts", "level", "caller", "msg")} for entry in found]

    exporter.wait_for(lambda: len(told("model m: fields recognised")) == 1, "started")
    assert exporter.stop() == 0
    watched.log(5)
    exporter.start(ready=False)
    exporter.wait_for(lambda: len(told("model m: fields recognised")) == 2, "started again")
    watched.configure(config_text(model_text(more="maturity: 0")))
    exporter.signal(signal.SIGHUP)
    exporter.wait_for(lambda: len(told("configuration loaded")) == 3, "reloaded")
    assert exporter.stop() == 0
    assert told("prediction-exporter starts") == [this_build()._asdict()] * 2
    first, again, reloaded = told("configuration loaded")
    assert first == again
    assert (first["file"], first["models"], reloaded["models"]) == (str(watched.file), 2, 1)
    assert reloaded["sha256"] == hashlib.sha256(watched.file.read_bytes()).hexdigest() != first["sha256"]
    addresses = f"{LOOPBACK}:{exporter.port}, {second}"
    assert told("listening") == [{"addresses": addresses, "path": "/x/metrics", "tls": False, "basic_auth": True}] * 2
    log = watched.folder / "app.log"
    lines = log.read_bytes().splitlines(keepends=True)
    expected = ["none, nothing was read before", *(f"{log} at byte {len(b''.join(lines[:count]))}" for count in (30, 35))]
    starts = told("model m starts")
    assert [entry["position"] for entry in starts] == expected
    assert {entry["source"] for entry in starts} == {str(log)}
    record = json.loads((watched.folder / "baseline.json").read_text())
    built = f"{record['hash'][:SHORT_HASH]} of {record['created'].replace('+00:00', 'Z')}, {len(record['columns'])} columns"
    assert [entry["baseline"] for entry in starts] == [built, built, "none"]
    assert [entry["source"] for entry in told("model n starts")] == [str(watched.folder / "n.log")] * 2
    assert str(told("model m: fields recognised")[0]["fields"]).startswith("time: ts; id: ")
    assert told("model n: fields recognised") == []


def test_fatal_errors_are_entries_of_a_json_log(watched: Watched, start_exporter: Start) -> None:
    """One object for each, with the whole message, and the exit code that there is without; a defect brings its traceback."""
    watched.configure()
    good = watched.file.read_text()
    exporter = start_exporter(watched.file)

    def entry(*arguments: str | Path, before: str = "pass") -> tuple[int, dict[str, str]]:
        line = [*map(str, arguments), "--log.format", "json"]
        program = f"import sys; from prediction_exporter.cli import main; {before}; sys.exit(main(sys.argv[1:]))"
        found = subprocess.run(
            [sys.executable, "-c", program, "run", *line], capture_output=True, text=True, timeout=60, check=False
        )
        [text] = found.stderr.splitlines()
        content: dict[str, str] = json.loads(text)
        assert list(content)[:4] == ["ts", "level", "caller", "msg"]
        assert (content["level"], found.stdout) == ("error", "")
        return found.returncode, content

    listen = ("--web.listen-address", f"{LOOPBACK}:{exporter.port}")
    code, found = entry("--config.file", watched.file, *listen)
    assert (code, "another exporter uses it" in found["msg"]) == (2, True)
    other = watched.file.with_name("other.yml")
    other.write_text(good.replace("state_dir: state", "state_dir: other"))
    code, found = entry("--config.file", other, *listen)
    assert (code, "Address already in use" in found["msg"]) == (2, True)
    other.write_text(good.replace("owner: me", "owner: nobody").replace("baseline:", "base_line:"))
    code, found = entry("--config.file", other)
    assert (code, found["msg"].count(f"{other}: models[0]")) == (2, 3)  # an owner, an unknown key, and one that is missing
    code, found = entry("--config.file", watched.folder / "absent.yml")
    assert (code, found["msg"]) == (2, f"{watched.folder}/absent.yml: cannot be read: No such file or directory")
    defect = "import prediction_exporter.config as c; c.load = lambda _: 1 / 0"
    code, found = entry("--config.file", watched.file, before=defect)
    assert (code, found["msg"]) == (1, "failed unexpectedly: ZeroDivisionError")
    assert found["err"].startswith("Traceback (most recent call last):\n")
    thread = "import threading, prediction_exporter.config as c; c.load = lambda _: sys.exit(bool(fail()))"
    fail = "fail = lambda: (t := threading.Thread(target=lambda: 1 / 0)).start() or t.join()"
    code, found = entry("--config.file", watched.file, before=f"{thread}; {fail}")
    assert (code, found["msg"]) == (0, "failed unexpectedly: ZeroDivisionError")


def logfmt(line: str) -> dict[str, str]:
    """Parse a line of logfmt."""
    found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)', line)
    assert sum(len(key) + len(value) + 2 for key, value in found) == len(line) + 1
    return {key: json.loads(value) if value.startswith('"') else value for key, value in found}


def test_log_levels(watched: Watched, start_exporter: Start) -> None:
    """At warn a healthy run says nothing."""
    watched.configure()
    watched.log(10)
    exporter = start_exporter(watched.file, "--log.level", "warn")
    assert exporter.stop() == 0
    assert exporter.log.read_text() == ""


def test_what_may_be_wrong_is_warned_of(watched: Watched, start_exporter: Start) -> None:
    """At the start and at a reload: a glob without a match, and a setting of a column that the baseline was not built with."""
    watched.configure()
    watched.log(1)
    exporter = start_exporter(watched.file)
    assert "level=warn" not in exporter.log.read_text()
    settled = "baseline: baseline.json\ncolumns: {color: {kind: ignore}}"
    watched.configure(config_text(model_text(more=settled), model_text("n", "n-*.log", more="maturity: 0")))
    exporter.signal(signal.SIGHUP)
    told = [
        f"models[1].predictions.log.path: no file matches {watched.folder}/n-*.log yet",
        "models[0].columns.color.kind is ignore, and the baseline counts the column as categorical; build the baseline anew",
    ]
    exporter.wait_for(lambda: all(text in exporter.log.read_text() for text in told), "warned of at the reload")
    assert exporter.stop() == 0
    exporter.log.unlink()
    exporter.start()
    assert all(text in exporter.log.read_text() for text in told)


def test_several_addresses_and_another_path(watched: Watched, start_exporter: Start) -> None:
    """Both serve the same, and only there."""
    watched.configure()
    second = free_port()
    exporter = start_exporter(watched.file, "--web.listen-address", f"{LOOPBACK}:{second}", "--web.telemetry-path", "/m")
    for url in (exporter.url, f"http://{LOOPBACK}:{second}"):
        assert "prediction_exporter_build_info" in requests.get(f"{url}/m", timeout=5).text
        assert requests.get(f"{url}/metrics", timeout=5).status_code == 404
        assert './m"' in requests.get(url, timeout=5).text


def test_metrics_in_the_place_of_the_page(watched: Watched, start_exporter: Start) -> None:
    """It is possible, and said."""
    watched.configure()
    exporter = start_exporter(watched.file, "--web.telemetry-path", "/")
    assert "prediction_exporter_build_info" in requests.get(exporter.url, timeout=5).text
    assert "level=warn" in exporter.log.read_text()
    assert "--web.telemetry-path is /: the metrics stand there in the place of the page" in exporter.log.read_text()


def test_pages_lead_to_each_other(watched: Watched, start_exporter: Start) -> None:
    """From the landing page every link works, also of what is wrong; pages are loaded when asked for, also all at once."""
    watched.configure()
    watched.log(60, color=None)
    watched.write("nonsense\n")
    exporter = start_exporter(watched.file)
    assert exporter.process is not None
    loaded = Path(f"/proc/{exporter.process.pid}/maps")
    exporter.metrics()
    assert "markupsafe" not in loaded.read_text()
    paths = ["/", "/runbooks/", "/runbooks/ModelSourceStale"] * 4
    with ThreadPoolExecutor(len(paths)) as pool:
        answers = list(pool.map(lambda path: requests.get(f"{exporter.url}{path}", timeout=20), paths))
    assert {answer.status_code for answer in answers} == {200}
    assert "markupsafe" in loaded.read_text()
    page = Page(answers[0].content)
    links = [str(link.attributes["href"]) for link in page.all("a")]
    assert {"./runbooks/", "./runbooks/ModelMissingValues", "./runbooks/ModelLinesRejected"} <= set(links)
    for link in links:
        assert requests.get(urljoin(f"{exporter.url}/", link), timeout=5).status_code == 200
    runbook = Page(requests.get(f"{exporter.url}/runbooks/ModelMissingValues", timeout=5).content)
    assert runbook.one("h2").text == "ModelMissingValues"


def test_basic_auth_and_its_reload(watched: Watched, start_exporter: Start) -> None:
    """The web configuration is reloaded with the configuration, both or neither; no password is ever printed."""
    watched.configure()
    web = watched.folder / "web.yml"

    def allow(password: str) -> str:
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        web.write_text(f"basic_auth_users: {{prom: '{hashed}'}}\n")
        return hashed

    hashes = [allow("first-secret")]
    exporter = start_exporter(watched.file, "--web.config.file", str(web), ready=False)

    def status(password: str) -> int:
        try:
            return requests.get(f"{exporter.url}/metrics", auth=("prom", password), timeout=5).status_code
        except requests.ConnectionError:
            return 0

    exporter.wait_for(lambda: status("first-secret") == 200, "serving")
    assert status("second-secret") == requests.get(exporter.url, timeout=5).status_code == 401
    for text in (
        "basic_auth_users: {prom: plaintext-secret}",
        "tls_server_config: {cert_file: absent.pem, key_file: absent.pem}",
    ):
        web.write_text(text)
        before = exporter.log.read_text().count("configuration not reloaded")
        exporter.signal(signal.SIGHUP)
        exporter.wait_for(lambda n=before: exporter.log.read_text().count("configuration not reloaded") > n, "refused")  # type: ignore[misc]  # a default binds
        assert status("first-secret") == 200
    hashes.append(allow("second-secret"))
    watched.file.write_text("models: 3")
    exporter.signal(signal.SIGHUP)
    exporter.wait_for(
        lambda: "models: 3" in watched.file.read_text() and exporter.log.read_text().count("not reloaded") == 3, "refused"
    )
    assert status("second-secret") == 401
    watched.configure()
    exporter.signal(signal.SIGHUP)
    exporter.wait_for(lambda: status("second-secret") == 200, "reloaded")
    assert status("first-secret") == 401
    page = requests.get(exporter.url, auth=("prom", "second-secret"), timeout=5).text
    metrics = requests.get(f"{exporter.url}/metrics", auth=("prom", "second-secret"), timeout=5).text
    assert exporter.stop() == 0
    for printed in (exporter.log.read_text(), page, metrics):
        assert not any(secret in printed for secret in (*hashes, "first-secret", "second-secret", "plaintext-secret"))


def test_the_command_line() -> None:
    """--version says which, unknown flags exit with 2 and say what there is."""
    found = command("--version")
    assert (found.returncode, found.stdout, found.stderr) == (0, f"{this_build()}\n", "")
    bad = [("--web.listen-adress", ":1"), ("--web.max-requests", "-1"), ("--web.systemd-socket", "--web.listen-address", ":1")]
    for arguments in (*(("run", "--config.file", "x", *flags) for flags in bad), ("run",), ("walk",), ()):
        found = command(*arguments)
        assert found.returncode == 2
        assert found.stderr.startswith("usage: prediction-exporter")


def test_what_cannot_run_exits_with_2_and_says_why(watched: Watched) -> None:
    """One message for a person, without a traceback, and nothing from the environment in it."""
    watched.configure()
    good = watched.file.read_text()

    def message(text: str, *arguments: str | Path) -> str:
        watched.file.write_text(text)
        found = run(watched, *arguments)
        assert (found.returncode, found.stdout) == (2, "")
        assert "Traceback" not in found.stderr
        return found.stderr

    file = watched.file
    found = message(good.replace("owner: me", "owner: nobody"))
    assert found.startswith(f"{file}: models[0].owner")
    assert message(good.replace("baseline.json", "absent.json")) == (
        f"{watched.folder}/absent.json: cannot be read: No such file or directory; "
        "build it with `prediction-exporter baseline`\n"
    )
    assert message(good + "series_limit: 100\n").startswith("series_limit: 100 series are allowed, and ")
    (watched.folder / "taken").touch()
    assert message(good.replace("state_dir: state", "state_dir: taken/state")) == (
        f"state_dir: {watched.folder}/taken/state cannot be created: Not a directory\n"
    )
    assert "/web.yml" in message(good, "--web.config.file", watched.folder / "web.yml")
    assert "is not :PORT" in message(good, "--web.listen-address", "nonsense")
    assert "is not a URL" in message(good, "--web.external-url", "example.com")
    assert "is not a path" in message(good, "--web.route-prefix", "a b")


def test_a_port_or_a_state_in_use_is_told(watched: Watched, start_exporter: Start) -> None:
    """The one that came first is left alone."""
    watched.configure()
    watched.log(10)
    exporter = start_exporter(watched.file)
    found = run(watched)
    assert (found.returncode, found.stderr) == (
        2,
        f"{watched.folder}/state/{FILE_NAME}: another exporter uses it; each needs a state_dir of its own\n",
    )
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        watched.file.write_text(config_text().replace("state_dir: state", "state_dir: another"))
        found = run(watched, "--web.listen-address", f"{LOOPBACK}:{port}")
    assert found.returncode == 2
    assert found.stderr == f"--web.listen-address: cannot listen on {LOOPBACK}:{port}: Address already in use\n"
    watched.log(1)
    exporter.wait_for(lambda: counted(exporter) == 11, "going on")


def test_no_descriptor_left(watched: Watched, start_exporter: Start) -> None:
    """Where idle connections hold all that the process may open, they make room, and the processor is not kept busy with it."""
    watched.configure()
    exporter = start_exporter(watched.file)
    assert exporter.process is not None
    folder = Path(f"/proc/{exporter.process.pid}")
    limit = len(list((folder / "fd").iterdir())) + 5
    resource.prlimit(exporter.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(socket.create_connection((LOOPBACK, exporter.port), timeout=10))
        assert exporter.metrics()
        before = processor_seconds(folder)
        time.sleep(1)
        assert processor_seconds(folder) - before < 0.5
        assert exporter.metrics()
    assert exporter.log.read_text().count("no connection can be accepted, idle ones are closed: Too many open files") == 1


def processor_seconds(process: Path) -> float:
    """Return what a process has taken of processors."""
    user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
