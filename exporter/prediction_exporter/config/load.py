"""A configuration file to a checked :class:`Config`, with all of its problems told at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from prediction_exporter.config.contacts import stated_version
from prediction_exporter.config.models import Config
from prediction_exporter.config.problems import describe, joined
from prediction_exporter.config.reading import read_bytes
from prediction_exporter.config.syntax import syntax_problem
from prediction_exporter.config.tree import Refused, Tree, render
from prediction_exporter.config.values import Context
from prediction_exporter.errors import ConfigError


def load(path: Path) -> Config:
    """Read a configuration file; variables come from the process's environment.

    Raises:
        ConfigError: the file cannot be read or used, with one line per problem.
    """
    try:
        # A byte-order mark is no part of the text.
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text, at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    return parse(text, name=str(path), base=path.absolute().parent, environ=os.environ)


def parse(text: str, *, name: str, base: Path, environ: Mapping[str, str]) -> Config:
    """Check a configuration.

    Args:
        text: YAML.
        name: name of the file, for messages.
        base: folder that relative paths start at.
        environ: variables for ``${NAME}``.

    Raises:
        ConfigError: the configuration cannot be used, with one line per problem.
    """
    try:
        tree = Tree.read(text, environ)
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
        raise ConfigError(joined(name, [syntax_problem(error, text)])) from None
    except Refused as error:
        raise ConfigError(joined(name, [error])) from None
    if not isinstance(tree.value, dict):
        kind = tree.kind(()) if tree.nodes else "empty"
        raise ConfigError(joined(name, [f"the file is {kind} and must be a mapping with the keys owners and models"]))
    errors: list[ErrorDetails] = []
    try:
        config = Config.model_validate(tree.value, context=_context(tree, base))
    except ValidationError as error:
        # Without the input: messages must not show what came from the environment.
        errors = error.errors(include_url=False, include_input=False)
    problems = describe(errors, tree)
    if problems:
        raise ConfigError(joined(name, problems))
    return config


def _context(tree: Tree, base: Path) -> Context:
    owners = tree.value.get("owners", {})
    return Context(
        base=base,
        owners=tuple(owners) if isinstance(owners, dict) else None,
        alertmanager=stated_version(tree.value.get("alertmanager", {})),
        expanded=frozenset(render(place) for place in tree.expanded),
    )
