"""Durations and sizes as people write them."""

from __future__ import annotations

import pytest

from prediction_exporter.config.units import Duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds", "canonical"),
    [
        ("500ms", 0.5, "500ms"),
        ("15s", 15, "15s"),
        ("1h30m", 5_400, "1h30m"),
        ("1d", 86_400, "1d"),
        ("24h", 86_400, "24h"),
        ("1w", 604_800, "1w"),
        ("1y", 31_536_000, "1y"),
        ("1y2w3d4h5m6s7ms", 31_536_000 + 1_209_600 + 259_200 + 14_400 + 300 + 6.007, "1y2w3d4h5m6s7ms"),
        ("01h0m", 3_600, "1h"),
        ("0s", 0, "0s"),
        ("0h0m", 0, "0s"),
    ],
)
def test_duration(text: str, seconds: float, canonical: str) -> None:
    """A duration keeps the user's units; only zeros that say nothing go."""
    duration = Duration.parse(text)
    assert duration.seconds == pytest.approx(seconds, rel=1e-15)
    assert str(duration) == canonical
    assert Duration.parse(canonical) == duration


@pytest.mark.parametrize("text", ["", "15", "s", "1.5h", "-1s", "15 s", "1m1h", "1h1h", "1H", "1s\n", "\u0661s"])
def test_no_duration(text: str) -> None:
    """What Prometheus refuses is refused here."""
    with pytest.raises(ValueError, match="not a duration"):
        Duration.parse(text)


def test_durations_compare_by_length() -> None:
    """60m and 1h are the same window."""
    assert Duration.parse("60m") == Duration.parse("1h")
    assert hash(Duration.parse("60m")) == hash(Duration.parse("1h"))
    assert Duration.parse("59m") < Duration.parse("1h") < Duration.parse("1d")


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1048576", 1_048_576), ("7B", 7), ("64KiB", 65_536), ("1MiB", 1_048_576), ("2GiB", 2**31), ("1TiB", 2**40)],
)
def test_size(text: str, size: int) -> None:
    """Sizes have binary units."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "1MB", "1.5MiB", "-1", "1 KiB", "1kib", "1KiB\n"])
def test_no_size(text: str) -> None:
    """1MB could be two sizes; it is refused like everything else that is none."""
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)
