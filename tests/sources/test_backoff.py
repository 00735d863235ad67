"""Waits grow, differ, and end."""

from __future__ import annotations

import pytest

from prediction_exporter.sources.backoff import Backoff


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.mark.parametrize("drawn", [0.0, 0.5, 0.999])
def test_waits_double_up_to_a_bound(drawn: float) -> None:
    """Each is drawn from the upper half of its length."""
    clock = Clock()
    backoff = Backoff(first=1.0, most=300.0, clock=clock, random=lambda: drawn)
    assert backoff.wait_over()
    for longest in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, *[300] * 2000]:
        backoff.failed()
        wait = longest * (0.5 + drawn / 2)
        clock.now += wait * 0.999
        assert not backoff.wait_over()
        clock.now += wait * 0.002
        assert backoff.wait_over()
    backoff.succeeded()
    backoff.failed()
    clock.now += 1.0
    assert backoff.wait_over()


def test_success_ends_a_wait() -> None:
    """So does a clock that is put back: it would be waited for as long as it was put back by."""
    clock = Clock()
    backoff = Backoff(clock=clock)
    backoff.failed()
    assert not backoff.wait_over()
    backoff.succeeded()
    assert backoff.wait_over()
    backoff.failed()
    clock.now -= 100
    assert backoff.wait_over()


def test_without_a_wait() -> None:
    """A place that costs nothing to try is tried each time."""
    backoff = Backoff(first=0.0, clock=Clock())
    backoff.failed()
    assert backoff.wait_over()
