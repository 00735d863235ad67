"""Buckets of stores that speak S3.

Listing and bytes come through obstore, Parquet through polars, which takes only the columns and row groups that it needs. Both
find credentials in the environment, and those of machines and pods; a profile of AWS's files is read here for them.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from prediction_exporter.config import S3
from prediction_exporter.errors import SourceError
from prediction_exporter.sources.content import CompressedContent, Content
from prediction_exporter.sources.files.names import Compression, matches, split_pattern
from prediction_exporter.sources.files.store import Found

if TYPE_CHECKING:
    from obstore.store import S3Store

#: A request is given up after so many seconds, and tried so many times more; then the whole store waits.
TIMEOUT_SECONDS, CONNECT_SECONDS, RETRIES, RETRY_SECONDS = 30, 5, 2, 60

#: Listing a bucket costs money: a thousand files a request.
LOOK_SECONDS = 60.0


class BucketStore:
    """The objects of a bucket below a prefix, or those that a glob names.

    Raises:
        SourceError: obstore is not installed.
    """

    atomic = True
    look_seconds = LOOK_SECONDS

    def __init__(self, url: str, s3: S3 | None, environ: Mapping[str, str] = os.environ) -> None:
        try:
            from obstore.store import S3Store
        except ImportError as error:
            raise SourceError(f"{url}: reading a bucket needs obstore: pip install 'prediction-exporter[s3]'") from error
        self._bucket, _, key = url.removeprefix("s3://").partition("/")
        folder, self._pattern = split_pattern(key.rstrip("/"))
        self._folder = f"{folder}/" if folder else ""
        self._options = _options(s3, environ)
        self._store: S3Store = S3Store(
            self._bucket,
            config=_without_prefix(self._options),
            client_options={
                "allow_http": "aws_allow_http" in self._options,
                "timeout": f"{TIMEOUT_SECONDS}s",
                "connect_timeout": f"{CONNECT_SECONDS}s",
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": _seconds(RETRY_SECONDS)},
        )

    def look(self) -> list[Found]:
        """Return all objects but for those that stand for folders."""
        import obstore

        found = []
        try:
            for page in obstore.list(self._store, prefix=self._folder or None):
                for meta in page:
                    path = meta["path"].removeprefix(self._folder)
                    if path and matches(path, self._pattern):
                        found.append(_found(path, meta))
            if not found and self._folder and not self._pattern:
                found = self._single()
        except Exception as error:
            raise self._problem(error) from error
        return found

    def _single(self) -> list[Found]:
        """Return the object that the path names where it names no folder; from then on it is the object's."""
        import obstore

        key = self._folder.rstrip("/")
        try:
            meta = obstore.head(self._store, key)
        except FileNotFoundError:
            return []
        folder, slash, self._pattern = key.rpartition("/")
        self._folder = folder + slash
        return [_found(self._pattern, meta)]

    def _key(self, file: Found) -> str:
        return self._folder + file.path

    def version(self, file: Found) -> str | None:
        """Return size and ETag."""
        import obstore

        try:
            return _version(obstore.head(self._store, self._key(file)))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._problem(error) from error

    def scan(self, file: Found) -> pl.LazyFrame:
        """Return the rows of a Parquet object."""
        return pl.scan_parquet(
            self.shown(file),
            glob=False,
            hive_partitioning=False,
            credential_provider=None,
            storage_options={**self._options, "max_retries": RETRIES},
        )

    def read_range(self, key: str, start: int, end: int) -> bytes:
        """Return bytes of an object.

        Raises:
            SourceError: the store does not give them.
        """
        import obstore

        try:
            return bytes(obstore.get_range(self._store, key, start=start, end=end))
        except FileNotFoundError:
            raise
        except Exception as error:
            raise self._problem(error) from error

    def open(self, file: Found, compression: Compression | None) -> Content:
        """Open an object."""
        key = self._key(file)
        if compression is None:
            return _ObjectContent(self, key, file.size)
        return CompressedContent(_ObjectFile(self, key, file.size), compression)

    def problem(self, error: BaseException) -> SourceError | None:
        """Return what polars says of the store."""
        return self._problem(error) if "object-store error" in str(error) else None

    def shown(self, file: Found) -> str:
        """Return the address of an object."""
        return f"s3://{self._bucket}/{self._key(file)}"

    def _problem(self, error: BaseException) -> SourceError:
        """Return what is wrong with the store, in its first line: the rest is its insides."""
        place = f"s3://{self._bucket}/{self._folder}"
        return SourceError(f"cannot read {place}: {type(error).__name__}: {str(error).strip().splitlines()[0][:300]}")


class _ObjectContent:
    """An object, read by ranges. It is whole."""

    complete = True

    def __init__(self, store: BucketStore, key: str, size: int) -> None:
        self._store = store
        self._key = key
        self._size = size

    def read_at(self, position: int, length: int) -> bytes:
        """Return the bytes of a range."""
        end = min(position + length, self._size)
        return self._store.read_range(self._key, position, end) if end > position else b""

    def length(self) -> int:
        """Return the size of the object."""
        return self._size

    def close(self) -> None:
        """Nothing is open."""


class _ObjectFile:
    """An object as a file that is read from its beginning on."""

    def __init__(self, store: BucketStore, key: str, size: int) -> None:
        self._content = _ObjectContent(store, key, size)
        self._position = 0

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""
        data = self._content.read_at(self._position, size)
        self._position += len(data)
        return data

    def seek(self, position: int, /) -> int:
        """Go to a position."""
        self._position = position
        return position

    def close(self) -> None:
        """Nothing is open."""


def _found(path: str, meta: Any) -> Found:
    return Found(path, meta["size"], int(meta["last_modified"].timestamp() * 1e9), _version(meta))


def _version(meta: Any) -> str:
    return f"{meta['size']}-{meta['e_tag'] or meta['last_modified'].isoformat()}"


def _seconds(seconds: int) -> Any:
    from datetime import timedelta

    return timedelta(seconds=seconds)


def _options(s3: S3 | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return how the store is reached, by the names that both libraries have for it."""
    options: dict[str, str] = {}
    if "AWS_ACCESS_KEY_ID" not in environ:
        options |= _profile(environ)
    if s3 is not None and s3.region is not None:
        options["aws_region"] = s3.region
    elif "AWS_REGION" not in environ and "AWS_DEFAULT_REGION" in environ:
        options["aws_region"] = environ["AWS_DEFAULT_REGION"]
    if s3 is not None and s3.endpoint is not None:
        options["aws_endpoint_url"] = s3.endpoint
        options.setdefault("aws_region", environ.get("AWS_REGION", "us-east-1"))  # stores of one's own have no regions
        if s3.endpoint.startswith("http://"):
            options["aws_allow_http"] = "true"
    return options


def _without_prefix(options: Mapping[str, str]) -> Any:
    named = {name.removeprefix("aws_"): value for name, value in options.items() if name != "aws_allow_http"}
    if "endpoint_url" in named:
        named["endpoint"] = named.pop("endpoint_url")
    return named


def _profile(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the keys and the region of a profile in AWS's files; nothing where there are none."""
    home = Path(environ.get("HOME", "/"))
    name = environ.get("AWS_PROFILE", "default")
    found: dict[str, str] = {}
    for variable, default, section in (
        ("AWS_CONFIG_FILE", home / ".aws/config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", home / ".aws/credentials", name),
    ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(environ.get(variable, default))
        except configparser.Error as error:
            raise SourceError(f"cannot read {environ.get(variable, default)}: {type(error).__name__}") from error
        if parser.has_section(section):
            found |= {key: value for key, value in parser.items(section) if key in _PROFILE_KEYS}
    if "region" in found:
        found["aws_region"] = found.pop("region")
    return found


_PROFILE_KEYS = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region"}
