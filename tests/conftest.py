"""Fixtures that several tests use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from processes import Exporter
from watched import close_all

# How long something takes on a busy machine is no property of the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


#: Files that take minutes: where they begin last, one process works on the last of them while the others have nothing to do.
LONG = (
    "test_end_to_end.py",
    "test_crash.py",
    "sources/table/test_engines.py",
    "kit/test_rules.py",
    "sources/table/test_counts.py",
    "sources/records/test_kills_of_halves.py",
    "sources/table/test_law.py",
    "sources/table/test_joining_law.py",
    "sources/table/test_times_law.py",
    "sources/table/test_table_process.py",
    "sources/test_frames.py",
    "config/test_config.py",
    "kit/test_dashboard_now.py",
    "kit/test_late_labels.py",
    "kit/test_servers.py",
    "joined/test_kills_of_models.py",
    "test_architecture_doc.py",
    "test_collectors.py",
    "test_crash_of_files.py",
    "test_docs.py",
    "test_landing_operation.py",
    "test_logging_page.py",
    "test_monitor.py",
    "test_readme.py",
    "test_run.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let files that take minutes begin first; all processes have the same order."""
    places = {str(Path(__file__).parent / name): place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(str(item.path), len(places)))


@pytest.fixture(autouse=True)
def close_what_was_watched() -> Iterator[None]:
    """Close the monitors and states of a test behind it."""
    yield
    close_all()


@pytest.fixture
def start_exporter() -> Iterator[Callable[..., Exporter]]:
    """Start exporters that are ended after the test."""
    started: list[Exporter] = []

    def start(config: Path, *arguments: str, ready: bool = True) -> Exporter:
        exporter = Exporter(config, arguments=arguments)
        started.append(exporter)
        exporter.start(ready=ready)
        return exporter

    yield start
    for exporter in started:
        exporter.stop()
