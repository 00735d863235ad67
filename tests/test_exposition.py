"""The exposition is what Prometheus' own parsers read back as the values that went in."""

from __future__ import annotations

import dataclasses
import gzip
import math
import shutil
import subprocess
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from prediction_exporter.collectors.registry import FAMILIES as DECLARED
from prediction_exporter.exposition import Samples, Snapshot, escape, label_text, number, render, sample_prefix
from prediction_exporter.families import Family

GAUGE = Family(name="t_gauge", type="gauge", labels=("a", "b"), group="t", help="A gauge.")
COUNTER = Family(name="t_things_total", type="counter", labels=("a",), group="t", help="A counter.")
HISTOGRAM = Family(name="t_seconds", type="histogram", labels=("a",), group="t", help="A histogram.")
PLAIN = Family(name="t_plain", type="gauge", labels=(), group="t", help='A "quoted" \\ help\nin two lines.')
FAMILIES = (GAUGE, COUNTER, HISTOGRAM, PLAIN)

HOSTILE = [
    "",
    " ",
    "plain",
    'quote"',
    "back\\slash",
    "\\",
    "\\n is no newline",
    "line\nbreak\n",
    "carriage\rreturn",
    "tab\t",
    '{a="b",} 1 # {}',
    ",",
    "日本語 🎉 é",
    "\u2028\x85\x0b",
    "# EOF",
]


def snapshot(*parts: Samples, families: tuple[Family, ...] = FAMILIES) -> Snapshot:
    """Return the exposition of some parts."""
    return render(parts, {"test": families}, created=0.0)


Sample = tuple[str, tuple[tuple[str, str], ...]]


def openmetrics_families(result: Snapshot) -> list[Metric]:
    """Return what the strict parser of OpenMetrics finds."""
    return list(parse_openmetrics(result.openmetrics.decode()))  # type: ignore[no-untyped-call]  # the client has no types for it


def read(result: Snapshot) -> tuple[dict[Sample, float], dict[Sample, float]]:
    """Return the samples of the text format and of OpenMetrics, as prometheus_client parses them."""

    def samples(families: Iterable[Metric]) -> dict[Sample, float]:
        found: dict[Sample, float] = {}
        for family in families:
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in found
                found[key] = sample.value
        return found

    return samples(parse_text(result.text.decode())), samples(openmetrics_families(result))


def one(*, value: float) -> Snapshot:
    """Return the exposition of one value."""
    part = Samples()
    part.add(PLAIN, "", value)
    return snapshot(part)


@pytest.mark.parametrize("value", HOSTILE)
def test_label_values_survive_both_formats(value: str) -> None:
    """A label value is read back as it was, whatever it holds."""
    part = Samples()
    part.add(GAUGE, label_text(GAUGE.labels, [value, value * 2]), 1)
    expected = {("t_gauge", (("a", value), ("b", value * 2))): 1.0}
    assert read(snapshot(part)) == (expected, expected)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_label_value_survives_both_formats(value: str) -> None:
    """The same for every text that has a UTF-8 form."""
    part = Samples()
    part.add(COUNTER, label_text(COUNTER.labels, [value]), 1)
    expected = {("t_things_total", (("a", value),)): 1.0}
    assert read(snapshot(part)) == (expected, expected)


def test_a_lone_surrogate_does_not_stop_the_exposition() -> None:
    """JSON can spell half a character; it is replaced."""
    part = Samples()
    part.add(COUNTER, label_text(COUNTER.labels, ["x\ud800"]), 1)
    assert b't_things_total{a="x?"} 1\n' in snapshot(part).text


def test_escape_and_prefixes() -> None:
    """The pieces that callers keep are those of the format."""
    assert escape('a"b\\c\nd') == 'a\\"b\\\\c\\nd'
    assert label_text([], []) == ""
    assert label_text(["model", "version"], ["m", "1"]) == 'model="m",version="1"'
    assert sample_prefix("x", "") == "x "
    assert sample_prefix("x", 'a="b"') == 'x{a="b"} '


def test_label_text_refuses_a_missing_value() -> None:
    """A label that was forgotten is an error, not a shorter series."""
    with pytest.raises(ValueError, match="shorter"):
        label_text(["model", "version"], ["m"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (np.float64(2.5), "2.5"),
        (np.int64(3), "3"),
        (True, "1"),
    ],
)
def test_number(value: float, text: str) -> None:
    """Special values have Prometheus' names, and NumPy's types no name of their own."""
    assert number(value) == text


@given(st.floats(allow_nan=False))
def test_numbers_lose_nothing(value: float) -> None:
    """Parsing a rendered value gives the same float, in both formats and on both ways of rendering."""
    text, openmetrics_ = read(one(value=value))
    assert text == openmetrics_ == {("t_plain", ()): value}
    part = Samples()
    part.extend(PLAIN, [sample_prefix("t_plain", "")], [value])
    assert snapshot(part) == one(value=value)


@pytest.mark.parametrize("container", [list, np.array])
def test_extend_leaves_nan_out(container: Callable[[list[float]], list[float]]) -> None:
    """What could not be computed is absent; infinities are values."""
    values = [1.0, math.nan, math.inf, -0.5, math.nan]
    prefixes = [sample_prefix("t_gauge", label_text(GAUGE.labels, [str(i), ""])) for i in range(5)]
    part = Samples()
    part.extend(GAUGE, prefixes, container(values))
    expected = {("t_gauge", (("a", str(i)), ("b", ""))): v for i, v in enumerate(values) if not math.isnan(v)}
    assert read(snapshot(part)) == (expected, expected)
    assert part.series == len(expected)


def test_extend_takes_integers_and_nothing() -> None:
    """Counts from NumPy are written as integers, and no values are no samples."""
    part = Samples()
    part.extend(GAUGE, ['t_gauge{a="1",b=""} '], np.array([7]))
    part.extend(COUNTER, [], [])
    assert part.series == 1
    assert snapshot(part).text.endswith(b't_gauge{a="1",b=""} 7\n')
    assert b"t_things" not in snapshot(part).text


@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0, 3.0], np.ones((2, 1))])
def test_extend_refuses_values_that_do_not_fit(values: list[float]) -> None:
    """A value must not come under another's labels."""
    with pytest.raises(ValueError, match="t_gauge: 2 prefixes for values of shape"):
        Samples().extend(GAUGE, ["t_gauge{} ", "t_gauge{} "], values)


@pytest.mark.parametrize("labels", ["", 'a="x"'])
def test_histogram(labels: str) -> None:
    """Buckets are cumulative, from the counts of each; the last is the count of all."""
    bounds = [0.5, 1.0, 2.5]
    counts = [3, 0, 4, 2]
    part = Samples()
    part.histogram(HISTOGRAM, labels, bounds, counts, 12.25)
    base = (("a", "x"),) if labels else ()
    expected: dict[Sample, float] = {
        ("t_seconds_bucket", (*base, ("le", le))): float(sum(counts[: i + 1]))
        for i, le in enumerate(["0.5", "1.0", "2.5", "+Inf"])
    }
    expected |= {("t_seconds_sum", base): 12.25, ("t_seconds_count", base): float(sum(counts))}
    assert read(snapshot(part)) == (expected, expected)
    assert part.series == len(expected)


@pytest.mark.parametrize(
    ("bounds", "total"),
    [([-1.0, 1.0], 5.0), ([0.0, 1.0], -0.5), ([0.0, 1.0], math.nan)],
)
def test_a_histogram_of_negative_values_has_no_sum(bounds: list[float], total: float) -> None:
    """A sum that can fall is no counter: OpenMetrics' parser refuses it, and a count without it."""
    part = Samples()
    part.histogram(HISTOGRAM, 'a="x"', bounds, [1, 2, 3], total)
    text, openmetrics_ = read(snapshot(part))
    assert text == openmetrics_
    assert [name for name, _ in text] == ["t_seconds_bucket"] * 3
    assert list(text.values()) == [1.0, 3.0, 6.0]


@pytest.mark.parametrize("bound", [1e-5, 0.001, 1.0, 100000.0, 1e6, 2.5e6, 12345678.5, 1e16, -2.0])
def test_bounds_are_canonical(bound: float) -> None:
    """Bounds are written as Go writes them, so that two clients' buckets are one series."""
    part = Samples()
    part.histogram(HISTOGRAM, "", [bound], [1, 0], 0)
    text = snapshot(part).text.decode()
    le = text.split('le="')[1].split('"')[0]
    assert float(le) == bound
    exponent = math.floor(math.log10(abs(bound)))
    assert ("e" in le) == (exponent < -4 or exponent >= 6)  # as %g does, with Go's limit for the shortest form


def test_a_histogram_needs_one_count_more_than_bounds() -> None:
    """The bucket above all bounds has its own count."""
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        Samples().histogram(HISTOGRAM, "", [1.0, 2.0], [1, 2], 0)


def test_parts_are_joined_by_family_in_the_given_order() -> None:
    """Each family stands once with the lines of all parts, and one without samples not at all."""
    first, second = Samples(), Samples()
    first.add(COUNTER, 'a="1"', 1)
    first.add(GAUGE, 'a="1",b=""', 2)
    second.add(GAUGE, 'a="2",b=""', 3)
    result = snapshot(first, second)
    assert result.text.decode().splitlines() == [
        "# HELP t_gauge A gauge.",
        "# TYPE t_gauge gauge",
        't_gauge{a="1",b=""} 2',
        't_gauge{a="2",b=""} 3',
        "# HELP t_things_total A counter.",
        "# TYPE t_things_total counter",
        't_things_total{a="1"} 1',
    ]
    assert (
        result.openmetrics.decode()
        == result.text.decode().replace("HELP t_things_total", "HELP t_things").replace("TYPE t_things_total", "TYPE t_things")
        + "# EOF\n"
    )
    assert result.series == first.series + second.series == 3


def test_help_is_escaped_as_each_format_wants_it() -> None:
    """The text format leaves quotes alone, OpenMetrics escapes them."""
    result = one(value=1)
    assert result.text.startswith(b'# HELP t_plain A "quoted" \\\\ help\\nin two lines.\n')
    assert result.openmetrics.startswith(b'# HELP t_plain A \\"quoted\\" \\\\ help\\nin two lines.\n')
    assert [family.documentation for family in parse_text(result.text.decode())] == [PLAIN.help]
    assert [family.documentation for family in openmetrics_families(result)] == [PLAIN.help]


def test_an_unknown_family_is_an_error() -> None:
    """A family that nobody listed is named, not dropped."""
    part = Samples()
    part.add(GAUGE, 'a="1",b=""', 1)
    with pytest.raises(KeyError, match="t_gauge"):
        snapshot(part, families=(COUNTER,))


def test_an_empty_exposition() -> None:
    """Nothing is valid in both formats."""
    result = snapshot()
    assert (result.text, result.openmetrics, result.series) == (b"", b"# EOF\n", 0)


def test_compressed_forms_are_the_same_text() -> None:
    """A scraper gets the same bytes whatever it accepts, and the same compressed bytes for the same text."""
    result = one(value=1)
    assert gzip.decompress(result.text_gzip) == result.text
    assert gzip.decompress(result.openmetrics_gzip) == result.openmetrics
    assert result == one(value=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.series = 2  # type: ignore[misc]  # it is what is refused


def every_family(families: tuple[Family, ...]) -> Samples:
    """Return a sample for each family, with hostile label values."""
    part = Samples()
    for family in families:
        labels = label_text(family.labels, [f'{label} "\\\n é' for label in family.labels])
        if family.type == "histogram":
            part.histogram(family, labels, [0.1, 1.0], [1, 2, 3], 4.5)
        else:
            part.add(family, labels, 1)
    return part


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say() -> None:
    """Prometheus' linter is silent on a snapshot with every core family."""
    result = render([every_family(DECLARED)], {"all": DECLARED}, created=0.0)
    promtool = subprocess.run(["promtool", "check", "metrics"], input=result.text, capture_output=True, check=False)
    assert (promtool.returncode, promtool.stdout, promtool.stderr) == (0, b"", b"")


def test_every_core_family_is_valid_openmetrics() -> None:
    """The strict parser takes them all, and finds each family once."""
    result = render([every_family(DECLARED)], {"all": DECLARED}, created=0.0)
    names = [family.name for family in openmetrics_families(result)]
    assert names == [family.name.removesuffix("_total") for family in DECLARED]
