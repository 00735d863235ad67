"""``prediction-exporter note``: say whether an alarm was right."""

from __future__ import annotations

import argparse
import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_exporter.errors import NoteError
from prediction_exporter.notes.names import ALERTS, VERDICTS

if TYPE_CHECKING:  # see run
    from collections.abc import Sequence

    from prediction_exporter.notes.note import Note

#: Notes that ``--list`` shows.
LISTED = 20

#: The columns of that table.
_SHOWN = ("time", "model", "alert", "column", "at", "verdict", "by", "comment")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "note",
        help="say whether an alarm was right",
        description="Say whether an alarm of a model was right: true (something was wrong), false (nothing was), or expected "
        "(something changed, and that was known to come). The note is appended to notes.jsonl in state_dir, where the running "
        "exporter reads it once and counts it as model_alarms_total.",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="the model")
    parser.add_argument("--config.file", dest="config_file", type=Path, required=True, metavar="FILE", help="configuration")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--verdict", choices=VERDICTS, metavar="VERDICT", help=f"{', '.join(VERDICTS[:-1])} or {VERDICTS[-1]}")
    what.add_argument(
        "--list", dest="listing", action="store_true", help=f"show the last {LISTED} notes, of MODEL alone where it is given"
    )
    parser.add_argument(
        "--alert", type=_alert, choices=ALERTS, default="", metavar="ALERT", help="the alert, as ModelFeatureDrift"
    )
    parser.add_argument("--column", default="", metavar="COLUMN", help="the column that it was about")
    parser.add_argument(
        "--at", default="", metavar="TIME", help="when it fired, as 2026-05-04T09:30Z, or how long ago that is, as 2h"
    )
    parser.add_argument("--by", metavar="NAME", help="who says it (default: the user's name)")
    parser.add_argument("--comment", default="", metavar="TEXT", help="anything else, in a sentence or two")
    parser.set_defaults(function=run)


def _alert(text: str) -> str:
    """Return the name of an alert; argparse would list all where one is misspelt."""
    from prediction_exporter.config.suggesting import suggest  # a heavy module, and only wanted where something is wrong

    if text not in ALERTS and (meant := suggest(text, ALERTS)):
        raise argparse.ArgumentTypeError(f'no alert is called "{text}"{meant}')
    return text


def run(options: argparse.Namespace) -> int:
    """Append a note, or show the last ones."""
    from prediction_exporter import config  # here: `--help` need not wait for it
    from prediction_exporter.notes.file import append, last_notes
    from prediction_exporter.notes.note import check_model, make_note

    loaded = config.load(options.config_file)
    models = [model.name for model in loaded.models]
    if options.listing:
        if options.model is not None:
            check_model(options.model, models)
        print(_table(last_notes(loaded.state_dir, LISTED, model=options.model)))
        return 0
    if options.model is None:
        raise NoteError(f"which model? (there is: {', '.join(models)})")
    note = make_note(
        models=models,
        model=options.model,
        verdict=options.verdict,
        alert=options.alert,
        column=options.column,
        at=options.at,
        by=_user() if options.by is None else options.by,
        comment=options.comment,
    )
    path = append(loaded.state_dir, note)
    print(f"noted in {path}: {note.model} {note.alert or 'alarm'}{f' at {note.at}' if note.at else ''}: {note.verdict}")
    return 0


def _user() -> str:
    """Return the user's name; a container's user may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _table(notes: Sequence[Note]) -> str:
    """Return notes as lines with aligned columns."""
    from prediction_exporter.notes.note import clean

    if not notes:
        return "no notes yet"
    rows = [_SHOWN, *(tuple(clean(getattr(note, name)) or "-" for name in _SHOWN) for note in notes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
