"""A note: whether an alarm was right, as one line of JSON."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from prediction_exporter.config.suggesting import suggest
from prediction_exporter.config.units import Duration
from prediction_exporter.errors import NoteError
from prediction_exporter.notes.names import ALERTS, NO_ALERT, VERDICTS

#: Characters of each text that a note may hold; those of a comment are enough for a few sentences.
MOST_CHARACTERS = {"comment": 500, "column": 200, "by": 100}

#: Forms of a time that a person may give.
TIMES = "a time such as 2026-05-04T09:30Z or 2026-05-04T09:30+02:00, or how long ago, as 2h"

#: How much later than here it may be where an alarm was noticed.
AHEAD_SECONDS = 300.0

_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """What somebody said of an alarm of a model; texts that are not known are empty.

    Attributes:
        id: tells it from every other note; one that comes twice counts once.
        time: when it was made.
        alert: the alert's name.
        column: the column that it was about.
        at: when it fired.
        by: who says it.
    """

    id: str
    time: str
    model: str
    verdict: str
    alert: str = NO_ALERT
    column: str = ""
    at: str = ""
    by: str = ""
    comment: str = ""

    def to_line(self) -> bytes:
        r"""Return it as a line.

        >>> Note(id="1", time="2026-05-04T09:30:00Z", model="m", verdict="true").to_line()
        b'{"id":"1","time":"2026-05-04T09:30:00Z","model":"m","verdict":"true"}\n'
        """
        known = {name: text for name, text in asdict(self).items() if text}
        return json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def note_of_line(line: bytes) -> Note | None:
    """Return the note that a line holds, None where it holds none; a model and a verdict are enough for one.

    >>> note_of_line(b'{"model": "m", "verdict": false}').verdict
    'false'
    """
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("model"), str):
        return None
    verdict = value.get("verdict")
    if isinstance(verdict, bool):  # who writes a line by hand leaves the quotes out
        value["verdict"] = "true" if verdict else "false"
    texts = {name: value.get(name) or "" for name in Note.__slots__}
    return Note(**texts) if texts["verdict"] and all(isinstance(text, str) for text in texts.values()) else None


def make_note(
    *,
    models: Collection[str],
    model: str,
    verdict: str,
    alert: str = NO_ALERT,
    column: str = "",
    at: str = "",
    by: str = "",
    comment: str = "",
    id: str = "",  # noqa: A002 - the name in the line
    now: float | None = None,
) -> Note:
    """Return a note that is known to count.

    Args:
        models: the names of the configured models.
        model: the model that the alarm was about.
        verdict: one of :data:`VERDICTS`.
        alert: the alert's name, empty where it is not known; so are the texts that follow.
        column: the column that it was about.
        at: when it fired, or how long ago that is.
        by: who says it.
        comment: anything else.
        id: empty for a new one.
        now: Unix time; of the clock by default.

    Raises:
        NoteError: it names something that there is not, or holds too much; the message has a line for each problem.
    """
    now = time.time() if now is None else now
    texts = {"column": clean(column), "by": clean(by), "comment": clean(comment)}
    problems = [
        *_unknown("model", model, models),
        *_unknown("verdict", verdict, VERDICTS),
        *(_unknown("alert", alert, ALERTS) if alert != NO_ALERT else ()),
        *(
            f"the {name} has {len(text)} characters; allowed: at most {MOST_CHARACTERS[name]}"
            for name, text in texts.items()
            if len(text) > MOST_CHARACTERS[name]
        ),
    ]
    fired = ""
    try:
        fired = _time(at, now) if at else ""
    except ValueError as error:
        problems.append(str(error))
    if problems:
        raise NoteError("\n".join(problems))
    return Note(id=id or str(uuid.uuid4()), time=shown_time(now), model=model, verdict=verdict, alert=alert, at=fired, **texts)


def check_model(model: str, models: Collection[str]) -> None:
    """Refuse a model that is not configured.

    Raises:
        NoteError: it is not.
    """
    if problems := _unknown("model", model, models):
        raise NoteError(*problems)


def _unknown(what: str, name: str, known: Collection[str]) -> list[str]:
    if name in known:
        return []
    if not name:
        return [f"no {what} is given (there is: {', '.join(known)})"]
    return [f"no {what} is called {json.dumps(name, ensure_ascii=False)}{suggest(name, known)} (there is: {', '.join(known)})"]


def clean(text: str) -> str:
    r"""Return text in one line, without what would act on a terminal or turn the text around.

    >>> clean("two\n lines \x1b[31m")
    'two lines \ufffd[31m'
    """
    return "".join(character if character.isprintable() else _REPLACEMENT for character in " ".join(text.split()))


def shown_time(seconds: float) -> str:
    """Return a time as notes hold it.

    >>> shown_time(0.7)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _time(text: str, now: float) -> str:
    try:
        then = datetime.fromisoformat(text).astimezone(UTC).timestamp() if "-" in text else now - Duration.parse(text).seconds
        shown = shown_time(then)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{json.dumps(text, ensure_ascii=False)} is no time; allowed: {TIMES}") from None
    if then > now + AHEAD_SECONDS:
        raise ValueError(f"{shown} has not come yet; allowed: {TIMES}")
    return shown
