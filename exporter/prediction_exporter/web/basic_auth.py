"""Basic auth: who may come in, without anyone who guesses keeping others out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Self

import bcrypt
from pydantic import SecretStr

from prediction_exporter.web.limit import Line
from prediction_exporter.web.site import Visitor

#: Passwords that may wait to be checked, in all and from one address: with the usual costs less than a scrape may take.
MAX_WAITING, MAX_WAITING_EACH = 40, 24
#: Places beside them for passwords that were refused one, so that a right one gets its turn however many guess meanwhile.
MAX_WAITING_AGAIN = 8
#: Passwords without a place that are remembered: for the usual scrape intervals, as fast as they can be sent.
MAX_REFUSED = 1 << 16
MAX_WRONG = 256  # wrong passwords that are remembered, so that who repeats one costs nothing
_REFUSED_BYTES = 8  # of the digests of those without a place: enough to tell them apart
_BCRYPT_BYTES = 72  # bcrypt reads no more of a password, and its Python package refuses a longer one


class BasicAuth:
    """Verification of ``Authorization: Basic`` headers against bcrypt hashes.

    bcrypt takes tens of milliseconds on purpose. The credentials of a user that were right are remembered as a salted
    digest, so that a scrape neither pays it every time nor waits behind those who guess; others are checked one after the
    other, on one core, and a bounded number of them waits. Who guesses asks for each password once, and a scraper again and
    again for the same: a password that found no place has a better one the next time.

    Args:
        users: the hash of each user.
        former: what it takes the place of. Who was let in by a hash that stays is remembered.
    """

    def __init__(self, users: Mapping[str, SecretStr], former: Self | None = None) -> None:
        self._hashes = {user: secret.get_secret_value().encode() for user, secret in users.items()}
        cost = max((value[4:6] for value in self._hashes.values()), default=b"10")
        self._dummy = b"$2b$" + cost + b"$" + b"." * 53  # the hash of nothing: an unknown user takes as long as a known one
        self._salt: bytes = secrets.token_bytes(32)
        self._verified: dict[str, bytes] = {}  # at most one digest for each user of the file
        self._wrong: dict[bytes, None] = {}  # oldest first
        self._line = Line(MAX_WAITING, MAX_WAITING_EACH, MAX_WAITING_AGAIN, MAX_REFUSED)
        if former is not None:
            self._salt, verified = former.remembered(self._hashes)
            self._verified.update(verified)

    def remembered(self, hashes: Mapping[str, bytes]) -> tuple[bytes, dict[str, bytes]]:
        """Return the salt, and the digests of those users whose hash is the same there."""
        verified = self._verified.copy()
        return self._salt, {user: digest for user, digest in verified.items() if hashes.get(user) == self._hashes[user]}

    def allows(self, header: str | None, client: str = "") -> bool:
        """Return whether the value of an ``Authorization`` header is that of a user with the right password.

        Args:
            header: the value.
            client: who asks.

        Raises:
            Busy: too many passwords wait to be checked.
        """
        credentials = _credentials(header)
        if credentials is None:
            return False
        user, password = credentials
        digest = hashlib.sha256(self._salt + password).digest()
        wrong = hashlib.sha256(self._salt + user.encode() + b"\0" + password).digest()
        known = self._known(user, digest, wrong)
        if known is None:
            with self._line.turn(client, user, wrong[:_REFUSED_BYTES]):
                known = self._known(user, digest, wrong)  # perhaps of one who waited before
                if known is None:
                    # Also where who asked has given up meanwhile: when it asks again, it is known.
                    known = self._check(user, password, digest, wrong)
        return known

    def visitor(self, header: str | None) -> Visitor | None:
        """Return who sent a header that was allowed; None where there is no such user any more."""
        credentials = _credentials(header)
        key = None if credentials is None else self._hashes.get(credentials[0])
        if credentials is None or key is None:
            return None
        return Visitor(credentials[0], lambda text: hmac.new(key, text.encode(), hashlib.sha256).hexdigest())

    def _known(self, user: str, digest: bytes, wrong: bytes) -> bool | None:
        if hmac.compare_digest(self._verified.get(user, b""), digest):
            return True
        return False if wrong in self._wrong else None

    def _check(self, user: str, password: bytes, digest: bytes, wrong: bytes) -> bool:
        right = bcrypt.checkpw(password[:_BCRYPT_BYTES], self._hashes.get(user, self._dummy))
        if user in self._hashes and right:
            self._verified[user] = digest
            return True
        self._wrong[wrong] = None
        if len(self._wrong) > MAX_WRONG:
            del self._wrong[next(iter(self._wrong))]
        return False


def _credentials(header: str | None) -> tuple[str, bytes] | None:
    """Return user and password of a header, None where it is none of basic auth."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
