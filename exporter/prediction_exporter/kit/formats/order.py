"""What a format is rendered from, and how it tells what cannot be said in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prediction_exporter.config import Config
from prediction_exporter.kit.scale import Scale

#: Mimir's own limit of rules in a group, ``ruler_max_rules_per_rule_group``, where nobody has set another.
RULES_PER_GROUP = 20


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be rendered.

    Attributes:
        config: names owners, contacts and addresses.
        scale: how fast time runs.
        labels: what the selectors of an operator ask for, on each object.
        namespace: where objects go; None leaves it to who applies them.
        rules_per_group: most rules of a group, where a format has such a limit; 0 for none.
    """

    config: Config
    scale: Scale = field(default_factory=Scale)
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str | None = None
    rules_per_group: int = RULES_PER_GROUP


#: Returns the files of a part by path.
Render = Callable[[Order], dict[str, str]]


class LeftOutError(Exception):
    """A part cannot be rendered in a format; its text says why and what to do."""
