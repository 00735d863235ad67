"""``prediction-exporter kit``: rules, dashboards and routes for Prometheus, Grafana and Alertmanager."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_exporter.commands.numbers import above_zero

if TYPE_CHECKING:
    from prediction_exporter.config import Config

FOUND = 1
LEFT_OUT = 2

PROMETHEUS, OPENSLO, OPERATOR, MIMIR, PERSES = "prometheus", "openslo", "prometheus-operator", "mimir", "perses"
#: What ``--format`` takes; a test compares it with the formats that there are, which the parser does not import.
FORMATS = (PROMETHEUS, OPERATOR, "helm-values", MIMIR, PERSES, OPENSLO)
#: A value of a label of Kubernetes.
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
#: A key of one, with the domain that it may begin with.
_KEY = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "kit",
        help="render rules, dashboards and routes",
        description="Render Prometheus rules and their tests, Grafana dashboards, Alertmanager routes and templates, and "
        "runbooks; or the same for the Prometheus Operator, kube-prometheus-stack, Mimir or Perses. "
        "Alertmanager's configuration is left out where the configuration names no way to send messages. "
        "With --into only owners' routes and receivers are rendered, and merged into an Alertmanager's configuration that is "
        "there. With --check nothing is written: exit code 1 where a file is behind the configuration, which is named.",
    )
    parser.add_argument("--config.file", dest="config_file", type=Path, required=True, metavar="FILE", help="configuration")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--output", type=Path, metavar="DIR", help="folder to write to")
    place.add_argument(
        "--into", type=Path, metavar="FILE", help="merge owners' routes and receivers into an Alertmanager's configuration"
    )
    parser.add_argument(
        "--only",
        type=lambda text: [part.strip() for part in text.split(",")],
        metavar="LIST",
        help="render a part alone, or several: rules,dashboards,alertmanager,docs, or monitors for Kubernetes",
    )
    parser.add_argument("--format", choices=FORMATS, default=PROMETHEUS, help="what it is for (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="only compare, show what differs and name the files")
    parser.add_argument(
        "--time-scale",
        type=above_zero,
        default=1.0,
        metavar="N",
        help="make durations N times shorter (60: an hour is a minute)",
    )
    parser.add_argument(
        "--label",
        dest="labels",
        type=_label,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="prometheus-operator: a label on each object, as selectors ask for; may be given several times",
    )
    parser.add_argument(
        "--namespace",
        type=_namespace,
        metavar="NAME",
        help="prometheus-operator: where each object goes; perses: the project of each dashboard",
    )
    parser.add_argument(
        "--rules-per-group", type=_limit, metavar="N", help="mimir: most rules of a group, 0 for no limit (default: 20)"
    )
    parser.set_defaults(function=run)


def _label(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not (found and _KEY.fullmatch(key) and _VALUE.fullmatch(value)):
        raise argparse.ArgumentTypeError(f"{text!r} is no label of Kubernetes: KEY=VALUE, of letters, digits, '-', '_' and '.'")
    if key == "app.kubernetes.io/name":
        raise argparse.ArgumentTypeError(f"{key} is the kit's own: a ServiceMonitor finds its Service by it")
    return key, value


def _namespace(text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a namespace: small letters, digits and '-', 63 at most")
    return text


def _limit(text: str) -> int:
    if not text.isdecimal() or int(text) == 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no limit of rules: 0 for none, or 2 and more")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Render, and write or compare; say what was left out."""
    from prediction_exporter import config

    _refuse_flags(options)
    loaded = config.load(options.config_file)
    if options.into is not None:
        return _merge(options, loaded)
    files, missing = _rendered(loaded, options)
    different = _written(files, options)
    for reason in missing:
        print(f"{options.config_file}: {reason}", file=sys.stderr)
    # What was asked for by its name and is not there is a failure.
    if missing and options.only is not None:
        return LEFT_OUT
    return FOUND if different else 0


def _rendered(loaded: Config, options: argparse.Namespace) -> tuple[Mapping[str, str], list[str]]:
    """Return files by path, and what is left out."""
    from prediction_exporter.kit import formats
    from prediction_exporter.kit.formats.order import RULES_PER_GROUP, Order
    from prediction_exporter.kit.openslo import openslo
    from prediction_exporter.kit.render import PARTS, left_out, render
    from prediction_exporter.kit.scale import Scale

    if options.format == OPENSLO:
        return openslo(loaded), []
    if options.format == PROMETHEUS:
        parts = [part for part in PARTS if part in _parts(options, PARTS)]
        missing = left_out(loaded, parts)
        return render(loaded, only=parts, time_scale=options.time_scale), [] if missing is None else [missing]
    order = Order(
        config=loaded,
        scale=Scale(options.time_scale),
        labels=dict(options.labels),
        namespace=options.namespace,
        rules_per_group=RULES_PER_GROUP if options.rules_per_group is None else options.rules_per_group,
    )
    only = _parts(options, formats.FORMATS[options.format].keys())
    return formats.render(options.format, order, only)


def _parts(options: argparse.Namespace, known: Collection[str]) -> Collection[str]:
    """Return the parts that are asked for.

    Raises:
        KitError: the format has no such part.
    """
    from prediction_exporter.errors import KitError

    parts: Collection[str] = known if options.only is None else options.only
    unknown = [part for part in parts if part not in known]
    if unknown:
        raise KitError(f"--format {options.format} has no part {unknown[0]!r}; allowed: one or several of {','.join(known)}")
    return parts


def _written(files: Mapping[str, str], options: argparse.Namespace) -> list[str]:
    """Write files, or return and show how those that are there differ."""
    from prediction_exporter.kit.render import behind, diff, write

    if not options.check:
        write(files, options.output)
        print(f"wrote {len(files)} files to {options.output}")
        return []
    for line in diff(files, options.output):
        print(line, file=sys.stderr)
    different = behind(files, options.output)
    _name(different, of=len(files))
    return different


def _name(different: Sequence[str], *, of: int) -> None:
    """Say in the end which files are behind, and how to bring them up: a log of CI is read from its end."""
    if different:
        print(f"{len(different)} of {of} files behind the configuration:", *different, sep="\n  ", file=sys.stderr)
        print("render them again, without --check", file=sys.stderr)


def _refuse_flags(options: argparse.Namespace) -> None:
    """Refuse flags that would do nothing.

    Raises:
        KitError: there is one.
    """
    from prediction_exporter.errors import KitError

    if options.into is not None and (options.only is not None or options.format != PROMETHEUS):
        raise KitError("--into merges routes and receivers, and neither --only nor --format has a meaning with it")
    if options.format == OPENSLO and (options.only is not None or options.time_scale != 1.0):
        raise KitError("--format openslo renders objectives alone: --only and --time-scale have no meaning with it")
    if options.format != OPERATOR and options.labels:
        raise KitError(f"--label is of objects: it has a meaning with --format {OPERATOR} alone")
    keys = [key for key, _ in options.labels]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise KitError(f"--label names {twice[0]} twice: an object has one value of it")
    if options.format not in (OPERATOR, PERSES) and options.namespace is not None:
        raise KitError(f"--namespace is of objects, or a project: it has a meaning with --format {OPERATOR} and {PERSES} alone")
    if options.format == PERSES and options.time_scale != 1.0:
        raise KitError(f"--format {PERSES} renders dashboards alone: --time-scale has no meaning with it")
    if options.format != MIMIR and options.rules_per_group is not None:
        raise KitError(f"--rules-per-group has a meaning with --format {MIMIR} alone")


def _merge(options: argparse.Namespace, loaded: Config) -> int:
    """Merge into a configuration that is there, or show what would change."""
    from prediction_exporter.kit.into import differences, replace, targets

    found = targets(loaded, options.into, options.time_scale)
    if not options.check:
        print(f"{options.into}: {replace(found, loaded.alertmanager.version)}")
        return 0
    different = differences(found)
    for line in different:
        print(line, file=sys.stderr)
    _name([str(each.path) for each in found if each.before != each.after], of=len(found))
    return FOUND if different else 0
