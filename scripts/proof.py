"""What was tried for long, how often and with which result: kept in a file of data, shown in docs/operations.md.

Whoever tries something calls ``record`` with a key of its own; the rows are shown in the order of their keys.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROOF_PAGE = "docs/operations.md"
BEGIN, END = "<!-- proof:begin -->", "<!-- proof:end -->"

_DATA = ROOT / "docs" / "proof.json"


def record(key: str, *, what: str, times: int, unit: str, wrong: int, seed: int | None) -> None:
    """Keep a result in place of the last one of its kind, and show it.

    Args:
        key: tells kinds apart, and sorts them.
        what: what was tried, as a phrase.
        times: how often.
        unit: of what.
        wrong: how many of them went wrong.
        seed: what repeats it; None where nothing was left to chance.
    """
    rows = _rows()
    day = datetime.now(UTC).date().isoformat()
    rows[key] = {"what": what, "times": times, "unit": unit, "wrong": wrong, "seed": "-" if seed is None else seed, "day": day}
    _DATA.write_text(json.dumps(rows, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    page = ROOT / PROOF_PAGE
    page.write_text(proof_page(page.read_text(encoding="utf-8")), encoding="utf-8")


def proof_page(page: str) -> str:
    """Return the page with the part between its markers rendered anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PROOF_PAGE} lacks {BEGIN} or {END}")
    lines = ["| what was tried | how often | went wrong | seed | day |", "| --- | --- | --- | --- | --- |"]
    lines += ["| {what} | {times:,} {unit} | {wrong:,} | {seed} | {day} |".format(**row) for row in _rows().values()]
    table = "\n".join(lines)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def _rows() -> dict[str, dict[str, str | int]]:
    rows: dict[str, dict[str, str | int]] = json.loads(_DATA.read_text(encoding="utf-8")) if _DATA.exists() else {}
    return dict(sorted(rows.items()))
