"""Pace: how many rows go into one transaction of labels, so that it does not hold the state file for long.

Other models of the process wait for the file meanwhile. What a row takes differs a hundredfold: where many millions of
predictions wait and the system has nothing of the file in memory, as after a start, each label is a read of the disk.
"""

from __future__ import annotations

#: Rows that are kept in memory until they are put: more than that are committed at once, whatever the time.
MOST_ROWS = 50_000

#: Rows of the first transaction, and of each where they are slow.
LEAST_ROWS = 2_000

#: Seconds for which rows should hold the file.
SECONDS = 0.5


class Pace:
    """Learns from each transaction how many rows the next one may have.

    Attributes:
        rows: so many.
    """

    def __init__(self) -> None:
        self.rows = LEAST_ROWS

    def note(self, rows: int, seconds: float) -> None:
        """Take note of what a transaction took; a small one tells nothing, as most of it is what any takes.

        >>> pace = Pace()
        >>> pace.note(2_000, 0.05)
        >>> pace.rows
        4000
        >>> pace.note(4_000, 1.0)
        >>> pace.rows
        2000
        """
        if rows >= LEAST_ROWS:
            fitting = int(rows * SECONDS / max(seconds, 1e-9))
            self.rows = max(min(fitting, 2 * self.rows, MOST_ROWS), LEAST_ROWS)
