"""Mutations of samples, from a seed, for where no fuzzer that watches the code is at hand."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from fuzzing.target import MAX_BYTES

_EDGES = (0, 1, 0x7F, 0x80, 0xFF)
_BLOCK = 512  # of what is moved as a whole: pages and sectors are multiples of it


def mutations(seed: int, samples: Sequence[bytes], tokens: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the samples, and then mutations of them without an end; the same for the same seed."""
    rng = random.Random(seed)
    yield from samples
    while True:
        data = bytearray(rng.choice(samples))
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            _mutate(data, rng, samples, tokens)
        yield bytes(data[:MAX_BYTES])


def _mutate(data: bytearray, rng: random.Random, samples: Sequence[bytes], tokens: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    length = rng.choice((1, 1, 2, 4, 8, 100, _BLOCK))
    match rng.randrange(9):
        case 0:  # a bit
            if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
        case 1:  # a byte
            data[at : at + 1] = bytes([rng.choice((*_EDGES, rng.randrange(256)))])
        case 2:  # something that means something
            data[at : at + rng.choice((0, length))] = rng.choice(tokens)
        case 3:
            del data[at : at + length]
        case 4:  # again
            data[at:at] = data[at : at + length] * rng.choice((1, 1, 2, 50))
        case 5:  # of elsewhere
            begin = rng.randrange(len(data) + 1)
            data[at:at] = data[begin : begin + length]
        case 6:  # of another sample, at the same place or anywhere
            other = rng.choice(samples)
            begin = rng.choice((at, rng.randrange(len(other) + 1)))
            data[at : at + length] = other[begin : begin + length]
        case 7:  # cut off
            del data[at:]
        case _:  # a block of nothing
            data[at : at + length] = bytes([rng.choice(_EDGES)]) * length
