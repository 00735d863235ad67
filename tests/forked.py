"""The real command in a process of its own, which has imported everything before: a second of work that each would do again."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

#: Imports what commands import, and forks a process for each line that says what to run. It starts no threads itself.
_SERVER = """
import json, os, sys, time
import prediction_exporter.cli, prediction_exporter.commands.check, prediction_exporter.commands.baseline
import prediction_exporter.commands.kit, prediction_exporter.monitor.inspection, prediction_exporter.kit.render

def run(ordered):
    os.chdir(ordered["cwd"])
    os.environ.clear()
    os.environ.update(ordered["env"])
    time.tzset()
    for number, path in enumerate((os.devnull, ordered["out"], ordered["err"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_APPEND), number)
    sys.argv[:] = ["prediction-exporter", *ordered["arguments"]]
    try:
        sys.exit(prediction_exporter.cli.main())
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

for line in sys.stdin:
    child = os.fork()
    if not child:
        run(json.loads(line))
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""

_lock = threading.Lock()
_servers: list[subprocess.Popen[str]] = []


def _server() -> subprocess.Popen[str]:
    if not _servers or _servers[0].poll() is not None:
        started = subprocess.Popen([sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        _servers[:] = [started]
        atexit.register(started.communicate)  # which ends what it reads, and so itself
    return _servers[0]


def run(
    *arguments: object, env: Mapping[str, str] | None = None, cwd: Path | None = None, check: bool = False, mixed: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run ``prediction-exporter`` with some arguments to its end.

    Args:
        arguments: the words behind the command's name.
        env: its environment; that of this process if absent.
        cwd: its folder; that of this process if absent.
        check: whether a code other than 0 is an error.
        mixed: whether errors are in the output, where they were written.
    """
    words = list(map(str, arguments))
    with tempfile.TemporaryDirectory() as folder, _lock:
        out = Path(folder) / "out"
        err = out if mixed else Path(folder) / "err"
        for path in (out, err):
            path.touch()
        ordered = {
            "arguments": words,
            "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
            "out": str(out),
            "err": str(err),
        }
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(ordered) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        errors = "" if mixed else err.read_text()
        done = subprocess.CompletedProcess(words, code, out.read_text(), errors)
    if check:
        assert code == 0, done.stdout + done.stderr
    return done
