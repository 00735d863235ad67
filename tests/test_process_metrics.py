"""The exporter's own process metrics."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from itertools import chain

import psutil
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from prediction_exporter.collectors import process
from prediction_exporter.collectors.process import PROCESS_FAMILIES, process_samples
from prediction_exporter.exposition import Samples, render

linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


def values(samples: Samples) -> dict[str, list[float]]:
    """Return the values by name, as a strict parser reads them."""
    text = render([samples], {"exporter": PROCESS_FAMILIES}, created=0.0).openmetrics.decode()
    found: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]  # the client has no types for it
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.value)
    return found


@linux
def test_every_declared_family_is_exposed_once_for_each_label() -> None:
    """There are three generations of garbage and one of everything else, and no ``_created`` series."""
    expected = {family.name: 3 if family.labels == ("generation",) else 1 for family in PROCESS_FAMILIES}
    assert {name: len(found) for name, found in values(process_samples()).items()} == expected


def test_every_family_of_the_client_is_declared() -> None:
    """A new version of the client that has more is noticed here."""
    collected = chain.from_iterable(collector.collect() for collector in process._COLLECTORS)
    assert {sample.name for metric in collected for sample in metric.samples} <= {str(f) for f in PROCESS_FAMILIES}


@linux
def test_values_are_those_of_this_process() -> None:
    """The operating system says the same by another way."""
    found = {name: entries[0] for name, entries in values(process_samples()).items()}
    this = psutil.Process()
    assert found["process_start_time_seconds"] == pytest.approx(this.create_time(), abs=2)
    assert found["process_resident_memory_bytes"] == pytest.approx(this.memory_info().rss, rel=0.2)
    assert found["process_cpu_seconds_total"] == pytest.approx(sum(this.cpu_times()[:2]), abs=1)
    assert found["process_open_fds"] == pytest.approx(this.num_fds(), abs=2)
    assert found["process_max_fds"] == os.sysconf("SC_OPEN_MAX")


def test_python_info() -> None:
    """The Python is named by its labels."""
    (line,) = process_samples().lines["python_info"]
    assert line.startswith(f'python_info{{implementation="{platform.python_implementation()}",version="')
    assert f'version="{platform.python_version()}"' in line
    assert line.endswith("} 1")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say() -> None:
    """Prometheus' linter is silent."""
    text = render([process_samples()], {"exporter": PROCESS_FAMILIES}, created=0.0).text
    promtool = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (promtool.returncode, promtool.stdout, promtool.stderr) == (0, b"", b"")
