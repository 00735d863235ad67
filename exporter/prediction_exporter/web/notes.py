"""The form of notes: whether an alarm was right, said in a browser.

Nothing but a ``POST`` from the exporter's own form notes anything. Links in messages are fetched by whatever shows a preview of
them, and browsers send the password of basic auth along with what other sites make them send: so there must be a token in the
form that these cannot know, and where a browser says from where a request comes, it must be from here.
"""

from __future__ import annotations

import hmac
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from prediction_exporter.errors import NoteError
from prediction_exporter.notes.file import append, last_notes
from prediction_exporter.notes.names import ALERTS, VERDICTS
from prediction_exporter.notes.note import MOST_CHARACTERS, Note, clean, make_note
from prediction_exporter.templates import page
from prediction_exporter.web.landing.environment import PAGES
from prediction_exporter.web.site import PAGE_POLICY, Request, Response, Visitor, page_response, plain

#: What a person fills in; a link may fill it in beforehand.
FIELDS = ("model", "alert", "verdict", "column", "at", "by", "comment")

#: Seconds for which a form can be sent: a page that was left open over night is asked for again.
FORM_SECONDS = 86_400.0

#: Notes below the form.
SHOWN_NOTES = 10

_FORM = "application/x-www-form-urlencoded"
_POLICY = f"{PAGE_POLICY}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_HEADERS = (("X-Frame-Options", "deny"), ("Cache-Control", "no-store"), ("Referrer-Policy", "same-origin"))
_MOST_FIELDS = 20


class NotesForm:
    """Serves the form, and appends what is sent with it.

    Args:
        models: the names of the configured models.
        folder: where the file of notes is.
        host: how people reach the exporter through a proxy, as ``example.com``; None where that is not told.
        clock: Unix time.
    """

    def __init__(
        self, models: Sequence[str], folder: Path, *, host: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._models = models
        self._folder = folder
        self._host = host
        self._clock = clock

    def __call__(self, request: Request, /) -> Response:
        """Answer a request."""
        if request.visitor is None:  # the users were taken out of the web configuration meanwhile
            return plain(HTTPStatus.FORBIDDEN, "notes are taken from users with a password alone")
        if request.method == "POST":
            return self._refusal(request) or self._send(request, request.visitor)
        asked = parse_qs(request.query, errors="replace")
        return self._page(request.visitor, _fields(asked), noted=asked.get("noted", [""])[0])

    def _refusal(self, request: Request) -> Response | None:
        """Return what is wrong with a form before it is looked into."""
        if not self._is_from_here(request):
            text = "this form was sent from another site; behind a proxy, set --web.external-url, or pass on the Host header"
            return plain(HTTPStatus.FORBIDDEN, text)
        if request.headers.get_content_type() != _FORM:
            return plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a form is sent as {_FORM}", ("Accept", _FORM))
        if request.body is None and "Content-Length" not in request.headers:
            return plain(HTTPStatus.LENGTH_REQUIRED, "a form is sent with its length")
        if request.body is None:
            return plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "no note is that long")
        return None

    def _is_from_here(self, request: Request) -> bool:
        """Return whether a browser says so, or says nothing, as what is no browser does: the token decides then.

        Over plain HTTP it names a host alone, or none ("null") where a proxy asks for no referrer. Ports are not compared, for
        proxies leave them out.
        """
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", "null")
        if site is not None:
            return site in ("same-origin", "none")
        name, here = host_of(origin), host_of(f"//{request.headers.get('Host', '')}")
        return origin == "null" or (name is not None and name in (here, self._host))

    def _send(self, request: Request, visitor: Visitor) -> Response:
        """Note what a form says."""
        try:
            sent = parse_qs((request.body or b"").decode(), errors="strict", max_num_fields=_MOST_FIELDS)
        except ValueError:  # no UTF-8, or more fields than the form has
            return plain(HTTPStatus.BAD_REQUEST, "this is not what the form sends")
        fields, form_id = _fields(sent), sent.get("id", [""])[0]
        if not self._is_ours(sent.get("token", [""])[0], form_id, visitor):
            problem = "Nothing was noted: this form is older than a day, or of another password. Send it again."
            return self._page(visitor, fields, status=HTTPStatus.FORBIDDEN, problem=problem)
        try:
            note = make_note(models=self._models, id=form_id, now=self._clock(), **fields)
            before = [each for each in last_notes(self._folder, SHOWN_NOTES) if each.id == form_id]
            if not before:
                append(self._folder, note)
            elif _said(before[0]) != _said(note):
                problem = "This form was sent before, and what it said then is noted. Send it again to note this too."
                return self._page(visitor, fields, status=HTTPStatus.CONFLICT, problem=problem)
        except NoteError as error:
            told = error.__cause__ is None  # else the file cannot be written
            status = HTTPStatus.UNPROCESSABLE_ENTITY if told else HTTPStatus.INTERNAL_SERVER_ERROR
            return self._page(visitor, fields, status=status, problem=f"Nothing was noted: {error}")
        return plain(HTTPStatus.SEE_OTHER, "noted", ("Location", f"notes?noted={form_id}"), *_HEADERS)

    def _token(self, form_id: str, made: int, visitor: Visitor) -> str:
        return f"{made}.{visitor.sign(f'note {form_id} {made}')}"

    def _is_ours(self, token: str, form_id: str, visitor: Visitor) -> bool:
        """Return whether a token is that of a form that this user was given, not long ago."""
        made = token.partition(".")[0]
        if not (made.isascii() and made.isdecimal() and len(made) < len(str(2**63))):
            return False
        right = hmac.compare_digest(token.encode(), self._token(form_id, int(made), visitor).encode())
        return right and self._clock() - int(made) <= FORM_SECONDS

    def _page(
        self,
        visitor: Visitor,
        fields: Mapping[str, str],
        *,
        status: int = HTTPStatus.OK,
        problem: str = "",
        noted: str = "",
    ) -> Response:
        """Return the form, filled in as far as is known, above the last notes."""
        form_id, notes = str(uuid.uuid4()), self._last()
        body = page(
            PAGES,
            "web/notes.html",
            models=self._models,
            alerts=ALERTS,
            verdicts=VERDICTS,
            fields={**fields, "by": fields["by"] or visitor.name},
            most=MOST_CHARACTERS,
            id=form_id,
            token=self._token(form_id, int(self._clock()), visitor),
            problem=problem,
            noted=next((note for note in notes if note.id and note.id == noted), None),
            notes=notes,
        )
        return page_response(status, body, *_HEADERS, policy=_POLICY)

    def _last(self) -> list[Note]:
        try:
            return last_notes(self._folder, SHOWN_NOTES)
        except NoteError:  # the form says so when something is to be noted; the exporter's log does already
            return []


def _fields(sent: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return what the form has fields for; of one that is given twice, the first."""
    return {name: clean(sent.get(name, [""])[0]) for name in FIELDS}


def _said(note: Note) -> tuple[str, ...]:
    """Return what a person said with a note."""
    return tuple(getattr(note, name) for name in FIELDS)


def host_of(url: str | None) -> str | None:
    """Return the name of the host in a URL or an origin; None where it has none, as a path.

    >>> host_of("https://example.com:8443/models"), host_of("/models"), host_of("http://[")
    ('example.com', None, None)
    """
    try:
        return urlsplit(url or "").hostname
    except ValueError:
        return None
