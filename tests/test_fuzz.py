"""The fuzzers: seconds of what ``make fuzz`` does for long, and that each of them notices what it is there for."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fuzzing.mutation import mutations
from fuzzing.target import MAX_BYTES, MAX_SECONDS, Target
from fuzzing.targets import TARGETS
from prediction_exporter import baseline, config
from prediction_exporter.counting import state
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.records import unfolding
from prediction_exporter.web.web_config import WebConfig, load_web_config

SEED = 20_260_301
SECONDS = 0.7  # of each target, beside its samples

every_target = pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)


def opened(target: Target, folder: Path) -> tuple[list[bytes], Callable[[bytes], None]]:
    """Return the samples of a target and its check."""
    for part in ("samples", "checks"):
        (folder / part).mkdir()
    return target.samples(folder / "samples"), target.open(folder / "checks")


@every_target
def test_no_law_is_broken(tmp_path: Path, target: Target) -> None:
    """By real samples and what they are mutated to, from a seed, so that a failure here is one everywhere."""
    samples, check = opened(target, tmp_path)
    assert all(len(sample) <= MAX_BYTES for sample in samples)
    end = time.process_time() + SECONDS
    for number, data in enumerate(mutations(SEED, samples, target.tokens)):
        start = time.process_time()
        try:
            check(data)
        except BaseException as error:
            error.add_note(f"input {number} of seed {SEED}: {data!r}")
            raise
        assert time.process_time() - start < MAX_SECONDS, data
        if number >= len(samples) and time.process_time() > end:
            return


def test_the_same_seed_gives_the_same_mutations() -> None:
    """So that what goes wrong can be repeated."""
    one, same, other = (list(itertools.islice(mutations(seed, [b"a: 1\n", b"b: [2]\n"], [b"{"]), 200)) for seed in (1, 1, 2))
    assert one == same != other
    assert one[:2] == [b"a: 1\n", b"b: [2]\n"]
    assert len(set(one)) > 100


# That a fuzzer notices


def _lose_a_line(patch: pytest.MonkeyPatch) -> None:
    parse = JsonLinesParser.parse

    def lossy(parser: JsonLinesParser, data: bytes) -> Any:
        batch = parse(parser, data)
        return replace(batch, events=batch.events[:-1])

    patch.setattr(JsonLinesParser, "parse", lossy)


def _forget_what_is_odd(patch: pytest.MonkeyPatch) -> None:
    encode = unfolding.encode
    patch.setattr(unfolding, "encode", lambda event: b"" if "score" in event else encode(event))


def _round_durations(patch: pytest.MonkeyPatch) -> None:
    parse = config.parse
    patch.setattr(config, "parse", lambda text, **rest: parse(text.replace('"1m30s"', '"1m"'), **rest))


def _forget_the_users(patch: pytest.MonkeyPatch) -> None:
    def forgetful(path: Path) -> WebConfig:
        return load_web_config(path).model_copy(update={"basic_auth_users": {}})

    patch.setattr("fuzzing.settings.load_web_config", forgetful)


def _trust_every_baseline(patch: pytest.MonkeyPatch) -> None:
    load = baseline.load

    def trusting(path: Path) -> Any:
        loaded = load(path)
        profile = loaded.profile
        profile.counts[0] += 1
        return replace(loaded, profile=profile)

    patch.setattr(baseline, "load", trusting)


def _count_one_more(patch: pytest.MonkeyPatch) -> None:
    unpack = state.unpack

    def generous(layout: Any, blob: bytes) -> Any:
        profile = unpack(layout, blob)
        profile.counts[0] += 1
        return profile

    patch.setattr(state, "unpack", generous)


@pytest.mark.parametrize(
    ("name", "defect"),
    [
        ("lines", _lose_a_line),
        ("logs", _lose_a_line),
        ("records", _forget_what_is_odd),
        ("configuration", _round_durations),
        ("web-configuration", _forget_the_users),
        ("baseline", _trust_every_baseline),
        ("state", _count_one_more),
    ],
)
def test_a_defect_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, defect: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Already by the samples: else the laws would hold of nothing."""
    samples, check = opened(TARGETS[name], tmp_path)
    defect(monkeypatch)
    noticed = 0
    for sample in samples:
        try:
            check(sample)
        except (AssertionError, ConfigError):
            noticed += 1
    assert noticed
