"""Entities: sketches add up exactly whatever the order, and say what Kish's formula says of the rows behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counting import plain
from prediction_exporter.counting import entities as module
from prediction_exporter.counting.entities import NOBODIES, Entities, entities_of, entity_hashes, from_arrays, to_arrays
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.profiler import ALL, MICROSECONDS, Key

#: Names, or none, of rows; a few of them often.
NAMES = st.one_of(st.none(), st.sampled_from("abcdefgh"), st.text(max_size=3), st.sampled_from(NOBODIES))
ROWS = st.lists(NAMES, max_size=60)


def sketch(names: Sequence[str | None]) -> Entities:
    """Return the sketch of rows with these names."""
    return Entities.of(entity_hashes(pl.Series(names, dtype=pl.String)))


def counted(names: Sequence[str | None], kept: int) -> tuple[list[int], list[int], int, int]:
    """Return what a sketch has to hold, counted one by one."""
    named = [name for name in names if name is not None and name not in NOBODIES and not name.startswith(("[", "{"))]
    counts = Counter(entity_hashes(pl.Series(named, dtype=pl.String)).tolist())
    smallest = sorted(counts)[:kept]
    return smallest, [counts[at] for at in smallest], len(named), len(names) - len(named)


@pytest.mark.parametrize("kept", [1, 3, 4096])
def test_a_sketch_of_parts_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    """In any order and however parts are put together, the smallest hashes are kept, each with all of its rows."""
    monkeypatch.setattr(module, "KEPT", kept)

    @settings(max_examples=40, deadline=None)
    @given(st.lists(ROWS, min_size=1, max_size=6), st.randoms(use_true_random=False))
    def law(parts: list[list[str | None]], chance: Random) -> None:
        whole = counted([name for part in parts for name in part], kept)
        sketches = [sketch(part) for part in parts]
        assert plain(reduce(Entities.__add__, sketches)) == whole
        chance.shuffle(sketches)
        while len(sketches) > 1:  # pairs of pairs
            sketches = [reduce(Entities.__add__, sketches[at : at + 2]) for at in range(0, len(sketches), 2)]
        assert plain(sketches[0]) == whole
        assert plain(sketches[0] + Entities.empty()) == plain(Entities.empty() + sketches[0]) == whole

    law()


@settings(deadline=None)
@given(ROWS)
def test_effective_rows_are_kish_s_while_all_entities_are_kept(names: list[str | None]) -> None:
    """The square of the sum over the sum of the squares; a row without a name is an entity of its own."""
    _, counts, _, alone = counted(names, len(names))
    sizes = [*counts, *[1] * alone]
    found = sketch(names)
    assert found.total == sum(sizes)
    if sizes:
        assert found.effective == pytest.approx(sum(sizes) ** 2 / sum(size**2 for size in sizes))
        assert found.dependence == pytest.approx(sum(size**2 for size in sizes) / sum(sizes))
    else:
        assert np.isnan(found.effective)
        assert found.dependence == 1


def test_of_more_entities_than_are_kept_the_effective_rows_are_estimated() -> None:
    """Without a bias, and as nearly as so many sizes tell: those of an exponential law.

    Of sizes whose squares are r on average over their mean, a sample of k entities tells r with the relative standard error
    sd(m**2 - r m) / (mean(m**2) sqrt(k)).
    """
    rng = np.random.default_rng(1)
    errors = []
    for draw in range(25):
        sizes = rng.geometric(1 / 20, 12_000)
        names = pl.Series([f"{draw}/{number}" for number in range(len(sizes))])
        found = Entities.of(np.repeat(entity_hashes(names), sizes))
        assert len(found.hashes) == module.KEPT
        assert found.rows == sizes.sum()
        errors.append(found.dependence / ((sizes**2).sum() / sizes.sum()) - 1)
    ratio = (sizes**2).sum() / sizes.sum()
    spread = np.std(sizes**2 - ratio * sizes) / (sizes**2).mean()
    expected = spread / np.sqrt(module.KEPT) * np.sqrt(1 - module.KEPT / len(sizes))
    assert np.std(errors) == pytest.approx(expected, rel=0.5)  # of 25 draws, known to a seventh
    assert abs(np.mean(errors)) < 4 * expected / np.sqrt(len(errors))


def test_hashes_are_fair() -> None:
    """Names that follow each other are kept as often as others: of 20,000 numbers, as many of each tenth."""
    found = Entities.of(entity_hashes(pl.Series(range(20_000), dtype=pl.Int64).cast(pl.String)))
    kept = set(found.hashes.tolist())
    hashes = entity_hashes(pl.Series(range(20_000), dtype=pl.Int64).cast(pl.String)).tolist()
    by_tenth = [sum(at in kept for at in hashes[low:high]) for low, high in pairwise(range(0, 20_001, 2_000))]
    expected = module.KEPT / 10
    assert sum((count - expected) ** 2 / expected for count in by_tenth) < 27.9  # chi-square of 9, once in a thousand


def events(times: Sequence[float], names: Sequence[str | None], *, failed: Sequence[bool] = ()) -> Events:
    """Return events of two versions in turn."""
    return Events(
        times=(np.array(times) * MICROSECONDS).astype(np.int64),
        versions=pl.Series([("1", "2")[place % 2] for place in range(len(times))], dtype=pl.String),
        failed=np.array(failed or [False] * len(times)),
        latencies=None,
        columns={},
        states={},
        entities=entity_hashes(pl.Series(names, dtype=pl.String)),
    )


def test_events_are_told_apart_by_version_and_slice() -> None:
    """Whatever their order; failed requests are in none, and what is long past may lie in a wider one."""
    batch = events(
        [7_300, 900, 910, 600, 899, 7_200, 601],
        ["a", "a", "b", "a", None, "c", "b"],
        failed=[False, False, False, False, False, False, True],
    )
    found = {key: plain(of) for key, of in entities_of(batch, seconds=300).items()}
    assert found == {
        Key("1", ALL, 7_200): counted(["a"], 9),
        Key("2", ALL, 900): counted(["a"], 9),
        Key("1", ALL, 900): counted(["b"], 9),
        Key("2", ALL, 600): counted(["a"], 9),
        Key("1", ALL, 600): counted([None], 9),
        Key("2", ALL, 7_200): counted(["c"], 9),
    }
    wide = {key: plain(of) for key, of in entities_of(batch, seconds=300, wider=[(3_600, 60), (3_600, 900)]).items()}
    assert wide.keys() == {Key("1", ALL, 7_200), Key("2", ALL, 7_200), *(Key(v, ALL, at) for v in "12" for at in (0, 900))}
    assert entities_of(replace(batch, entities=None), seconds=300) == {}


def test_a_source_may_name_nothing_as_many_do() -> None:
    """As one entity all of them would be a giant, in whose shadow nothing is seen."""
    assert plain(sketch(["", "null", "NaN", None, "undefined", '{"a": 1}', "[1]"])) == ([], [], 0, 7)
    assert sketch(["0", "anonymous"]).alone == 0


def test_what_is_stored_comes_back() -> None:
    """Side by side, empty ones too."""
    some = [sketch(["a", "b", "a", None]), Entities.empty(), sketch(["c"])]
    assert [plain(of) for of in from_arrays(*to_arrays(some))] == [plain(of) for of in some]
