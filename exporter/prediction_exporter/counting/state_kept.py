"""What a source keeps in the state file beside its position: parts by number, which are read back when they are needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from sqlite3 import Connection
from typing import NoReturn

from prediction_exporter.counting import state_database as database
from prediction_exporter.counting.state_errors import DamagedError
from prediction_exporter.counting.state_rows import BucketKey


@dataclass(frozen=True)
class Kept:
    """The parts that a model has under a name, as its last commit left them. They are put and dropped in a step.

    Args:
        use: gives the state file, alone, for as long as it is used.
        model: the model's name.
        window: the name among its windows.
    """

    use: Callable[[], AbstractContextManager[Connection]]
    model: str
    window: str

    def numbers(self) -> list[int]:
        """Return the numbers of the parts, in their order.

        Raises:
            StateError: the file cannot be used.
        """
        with self.use() as connection:
            found = connection.execute(
                "SELECT start FROM bucket WHERE (model, version, segment, window) = (?, '', '', ?) ORDER BY start",
                (self.model, self.window),
            )
            return [number for (number,) in found]

    def read(self, number: int) -> bytes:
        """Return a part.

        Raises:
            DamagedError: it is damaged, or not there.
            StateError: the file cannot be used.
        """
        with self.use() as connection:
            found = database.read_bucket(connection, BucketKey(self.model, "", "", "", self.window, number))
            if found is None or not found.is_whole:
                raise self.damage()
            return found.profile

    def refuse(self) -> NoReturn:
        """Have the file looked through, as what a part holds is not what was put: parts may have changed places.

        Raises:
            DamagedError: always.
            StateError: the file cannot be used.
        """
        with self.use():
            raise self.damage()

    def damage(self) -> DamagedError:
        """Return what tells that a part is not what was put; raised while the file is used, it has that looked through."""
        return DamagedError(f"what is kept of {self.window} of model {self.model} was damaged")
