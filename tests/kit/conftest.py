from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from prediction_exporter.collectors.registry import FAMILIES
from prediction_exporter.config import Config, load
from prediction_exporter.families import Family
from prediction_exporter.kit import render as kit
from prediction_exporter.kit.groups import RECORDED

REPOSITORY = Path(__file__).parents[2]

#: What stands where a metric name could, but is none.
_NO_METRICS = re.compile(
    r'"(?:\\.|[^"\\])*"|`[^`]*`'  # text
    r"|\{[^}]*\}"  # matchers
    r"|\[[^\]]*\]"  # ranges
    r"|\b(?:and|or|unless|bool|offset)\b"
    r"|\b[0-9][0-9a-z.]*"
)
_LABEL_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAMES = re.compile(r"\b[a-zA-Z_:][a-zA-Z0-9_:]*\b(?!\s*\()")  # what a bracket follows is a function


def _metric_names(expr: str) -> set[str]:
    return set(_NAMES.findall(_NO_METRICS.sub(" , ", _LABEL_LISTS.sub(" ", expr))))


@pytest.fixture(scope="session")
def metric_names() -> Callable[[str], set[str]]:
    """Return the names of the metrics that an expression reads."""
    return _metric_names


#: What Prometheus shows of its own rules.
PROMETHEUS_RULES = (
    "prometheus_rule_group_last_duration_seconds",
    "prometheus_rule_group_interval_seconds",
    "prometheus_rule_group_last_evaluation_timestamp_seconds",
    "prometheus_rule_evaluation_failures_total",
)


@pytest.fixture(scope="session")
def known_metrics() -> dict[str, Family | None]:
    """Every name that an expression may read, with its family where it has one."""
    found: dict[str, Family | None] = {
        "up": None,
        "ALERTS": None,
        "ALERTS_FOR_STATE": None,
        **dict.fromkeys(PROMETHEUS_RULES),
        **{series.name: None for series in RECORDED},
    }
    families = FAMILIES
    for family in families:
        names = [family.name]
        if family.type == "histogram":
            names = [f"{family}_{suffix}" for suffix in ("bucket", "sum", "count")]
        found |= dict.fromkeys(names, family)
    return found


@pytest.fixture(scope="session")
def config() -> Config:
    """The configuration that the committed files are rendered from."""
    return load(REPOSITORY / "examples/credit-risk/exporter.yml")


@pytest.fixture(scope="session")
def rendered(config: Config) -> Mapping[str, str]:
    """Every file of the kit, by path."""
    return kit.render(config)


@pytest.fixture(scope="session")
def folder(rendered: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the rendered files."""
    path = tmp_path_factory.mktemp("kit")
    kit.write(rendered, path)
    return path


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """Run a command and return its output; a failure shows it."""

    def call(*command: str | Path, status: int = 0) -> str:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False)
        output = done.stdout + done.stderr
        assert done.returncode == status, output
        return output

    return call
