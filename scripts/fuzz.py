"""Feed what others may write to everything that reads it. ``make fuzz`` runs it, each target for ten minutes.

Inputs are mutations of real samples. Where ``atheris`` is installed, which watches what code an input reaches, it makes them;
else a mutator of our own does. An input that breaks a law is stored, and repeated by ``--replay``. How many were tried goes to
``docs/proof.json``, from which ``make generate`` renders the table of docs/operations.md.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import mmap
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from proof import record

if TYPE_CHECKING:
    from fuzzing.target import Target

SECONDS = 600
MEMORY_MB = 2048
FOLDER = Path("build/fuzz")

_WRONG = 77  # an input broke a law; a fuzzer of C ends with this too
_COUNTER_BYTES = 8
_AGAIN_SECONDS = 5  # a target goes on after a failure where more time than that is left


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """How many inputs were tried, and how many stored as they broke a law."""

    tried: int
    wrong: int


def fuzz(name: str, seed: int, seconds: float) -> Fuzzed:
    """Try a target for so long, each time in a process of its own until an input breaks a law."""
    end = time.monotonic() + seconds
    tried = wrong = 0
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    while (left := end - time.monotonic()) > (_AGAIN_SECONDS if wrong else 0):
        counter = folder / "counter"
        counter.write_bytes(bytes(_COUNTER_BYTES))
        command = [sys.executable, __file__, "--child", name, "--seed", str(seed + wrong), "--seconds", str(int(left) or 1)]
        ended = subprocess.run(  # noqa: S603 - this script itself
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        tried += int.from_bytes(counter.read_bytes(), "little")
        if ended.returncode:
            wrong += 1
            print(f"{name}: WRONG\n{ended.stdout[-5000:]}", flush=True)
    print(f"{name}: {tried:,} inputs, {wrong} wrong", flush=True)
    return Fuzzed(tried, wrong)


# In the process of a target


def child(name: str, seed: int, seconds: int) -> None:
    """Try a target until the time is over or an input breaks a law."""
    folder = FOLDER / name
    atheris = importlib.import_module("atheris") if importlib.util.find_spec("atheris") else None
    with atheris.instrument_imports(include=["prediction_exporter"]) if atheris is not None else nullcontext():
        target = _target(name)
    scratch = _scratch()
    for part in ("samples", "checks"):
        (scratch / part).mkdir()
    samples, check = target.samples(scratch / "samples"), target.open(scratch / "checks")
    one = _counting(name, check, folder)
    if atheris is not None:
        _watched(atheris, target, one, samples, seed=seed, seconds=seconds)
    else:
        _blind(target, one, samples, seed=seed, seconds=seconds)


def _scratch() -> Path:
    """Return a new folder, in memory where that can be: a state file is flushed to its disk at each input."""
    memory = Path("/dev/shm")  # noqa: S108 - what is made there has a name of its own
    return Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if os.access(memory, os.W_OK) else None))


def _target(name: str) -> Target:
    from fuzzing.targets import TARGETS

    return TARGETS[name]


def _counting(name: str, check: Callable[[bytes], None], folder: Path) -> Callable[[bytes], None]:
    """Return a check that counts where the parent sees it, and ends the process where a law is broken."""
    from fuzzing.target import MAX_SECONDS

    file = os.open(folder / "counter", os.O_RDWR)
    counter = mmap.mmap(file, _COUNTER_BYTES)
    tried = 0

    def one(data: bytes) -> None:
        nonlocal tried
        tried += 1
        counter[:] = tried.to_bytes(_COUNTER_BYTES, "little")
        start = time.process_time()
        try:
            check(data)
            seconds = time.process_time() - start
            if seconds > MAX_SECONDS:
                raise TimeoutError(f"{seconds:.1f} s for {len(data)} bytes")  # noqa: TRY301 - told as all others are
        except BaseException:  # noqa: BLE001 - also the panics of compiled libraries
            _wrong(name, data, folder)

    return one


def _wrong(name: str, data: bytes, folder: Path) -> NoReturn:
    file = folder / f"wrong-{hashlib.sha256(data).hexdigest()[:12]}"
    file.write_bytes(data)
    traceback.print_exc()
    print(f'{len(data)} bytes; repeat it by: make fuzz ARGS="--target {name} --replay {file}"', file=sys.stderr, flush=True)
    os._exit(_WRONG)


def _watched(
    atheris: Any, target: Target, one: Callable[[bytes], None], samples: list[bytes], *, seed: int, seconds: int
) -> None:
    """Let atheris make the inputs; it ends the process."""
    from fuzzing.target import MAX_BYTES, MAX_SECONDS

    folder = FOLDER / target.name
    corpus, tokens = folder / "corpus", folder / "tokens"
    corpus.mkdir(exist_ok=True)
    for number, sample in enumerate(samples):
        (corpus / f"sample-{number}").write_bytes(sample)
    tokens.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"\n' for token in target.tokens))
    options = {
        "seed": seed % (1 << 32) or 1,
        "max_total_time": seconds,
        "max_len": MAX_BYTES,
        "timeout": int(MAX_SECONDS * 10),  # of the clock: what takes longer than MAX_SECONDS of the processor is told by itself
        "rss_limit_mb": MEMORY_MB,
        "dict": tokens,
        "artifact_prefix": f"{folder}/wrong-",
        "verbosity": 0,
    }
    atheris.Setup([sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(corpus)], one)
    atheris.Fuzz()


def _blind(target: Target, one: Callable[[bytes], None], samples: list[bytes], *, seed: int, seconds: int) -> None:
    from fuzzing.mutation import mutations

    end = time.monotonic() + seconds
    for data in mutations(seed, samples, target.tokens):
        one(data)
        if time.monotonic() >= end:
            return


def replay(name: str, file: Path) -> None:
    """Check one input; it raises what it raised."""
    _target(name).open(_scratch())(file.read_bytes())
    print("no law is broken")


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description="Feeds mutations of real samples to everything that reads what others write.")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="for each target; %(default)s")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 1 << 32), help="of all that is random")
    parser.add_argument("--target", action="append", metavar="NAME", help="repeatable; all of them unless given")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at a time; %(default)s here")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="check one input again")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        child(options.child, options.seed, options.seconds)
        return 0
    from fuzzing.targets import TARGETS  # not before: in a child, atheris watches what is imported

    names = options.target or list(TARGETS)
    for name in names:
        if name not in TARGETS:
            parser.error(f"--target {name}: one of {', '.join(TARGETS)}")
    if options.replay is not None:
        replay(names[0], options.replay)
        return 0
    print(f"seed {options.seed}", flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        found = list(pool.map(lambda name: fuzz(name, options.seed, options.seconds), names))
    for name, fuzzed in zip(names, found, strict=True):
        what = TARGETS[name].what
        record(f"fuzz-{name}", what=what, times=fuzzed.tried, unit="inputs", wrong=fuzzed.wrong, seed=options.seed)
    return 1 if any(fuzzed.wrong for fuzzed in found) else 0


if __name__ == "__main__":
    sys.exit(main())
