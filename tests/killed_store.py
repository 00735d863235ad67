"""A process that joins predictions and labels, and is killed again and again: ``killed_store.py FOLDER KILLS SEED``.

It forks for each life, so that a life costs no imports, and prints the pairs that are counted in the end as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from prediction_exporter.counting.state import State, StoredModel
from prediction_exporter.labels import Store
from waiting_labels import BEGIN, CLASSES, MODEL, L, P, labels, predictions, rows_of

BATCHES = 180
BATCH = 12


def stream(number: int) -> tuple[list[P], list[L]]:
    """Return a batch: predictions, one of them again, and labels of earlier and later ones, some again and corrected."""
    chance = random.Random(number)
    ids = [*range(number * BATCH, (number + 1) * BATCH), chance.randrange((number + 1) * BATCH)]
    put = [P(f"{i}", BEGIN + i * 60.0, "no" if i % 3 else "yes", score=i) for i in ids]
    near = [max(number * BATCH + chance.randrange(-200, 60), 0) for _ in range(BATCH)]
    return put, [L(f"{i}", chance.choice(["yes", "no"])) for i in near]


def truth() -> Counter[tuple[float, str]]:
    """Return the pairs that there must be in the end, by score and actual class: the last label of each prediction."""
    last = {row.id: row.actual for number in range(BATCHES) for row in stream(number)[1]}
    put = {row.id: float(row.score) for number in range(BATCHES) for row in stream(number)[0]}
    return Counter((score, actual) for i, score in put.items() if (actual := last.get(i)) is not None)


def live(folder: Path) -> dict[str, int]:
    """Read the stream from where it stands to its end; return the counted pairs."""
    state = State(folder, models=[MODEL])
    stored = state.load(MODEL) or StoredModel("stream", "0", {})
    claim, store, counts = state.claim(MODEL), Store(CLASSES), Counter(stored.counters)
    for number in range(int(stored.position or 0), BATCHES):
        put, given = stream(number)
        now = BEGIN + number * BATCH * 60.0
        with state.step(MODEL, claim=claim) as step:
            for joined in (
                store.put_predictions(step, predictions(put), now),
                store.put_labels(step, labels(given), now),
            ):
                for pairs, sign in ((joined.added, 1), (joined.removed, -1)):
                    for row, many in rows_of(pairs).items():
                        counts[f"{row.score} {row.actual}"] += sign * many
            step.commit(StoredModel("stream", str(number + 1), dict(+counts)), None, (), keep_from={})
    state.close()
    return dict(+counts)


def main() -> None:
    """Live and die."""
    folder, kills, chance = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    killed = 0
    for _ in range(kills):
        life = os.fork()
        if not life:
            live(folder)
            os._exit(0)
        time.sleep(chance.uniform(0.01, 0.12))
        os.kill(life, signal.SIGKILL)
        killed += os.waitpid(life, 0)[1] == signal.SIGKILL
    sys.stdout.write(json.dumps({"killed": killed, "pairs": live(folder)}))


if __name__ == "__main__":
    main()
