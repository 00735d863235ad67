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
