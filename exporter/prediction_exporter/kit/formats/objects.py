"""Objects of Kubernetes as files."""

from __future__ import annotations

from typing import Any

from prediction_exporter.kit.formats.order import Order
from prediction_exporter.kit.formats.rule_sets import PREFIX
from prediction_exporter.kit.texts import NOTE, yaml_lines

OPERATOR = "monitoring.coreos.com"
#: What keeps Flux from filling in what stands in braces, in dashboards and templates, as variables of its own.
_AS_IT_IS = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}


def kubernetes_object(
    order: Order, kind: str, name: str, *, version: str, labels: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    """Return an object with the labels and the namespace of the order.

    Args:
        order: names labels and namespace.
        kind: of the object.
        name: of the object.
        version: its ``apiVersion``.
        labels: further ones of this object.
        more: ``spec`` or ``data``.
    """
    metadata: dict[str, Any] = {"name": name}
    if order.namespace is not None:
        metadata["namespace"] = order.namespace
    metadata["labels"] = {"app.kubernetes.io/name": PREFIX, **_AS_IT_IS, **(labels or {}), **order.labels}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def manifest(*documents: dict[str, Any], notes: list[str] | None = None) -> str:
    """Return the text of a file with objects."""
    head = [f"# {line}" for line in (NOTE, *(notes or []))]
    parts = ["\n".join(yaml_lines(document)) for document in documents]
    return "\n".join([*head, "\n---\n".join(parts), ""])
