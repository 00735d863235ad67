"""The page of the model servers: what stands between its markers is rendered from their declarations."""

from __future__ import annotations

from prediction_exporter.kit.texts import filled
from prediction_exporter.servers import SERVERS, Counted, Histogram, Server
from prediction_exporter.templates import Markdown, code, markdown

SERVERS_PAGE = "docs/servers.md"


def servers_page(page: str) -> str:
    """Return the page with the part between its markers rendered anew."""
    return filled(page, "servers", servers_markdown())


def servers_markdown() -> str:
    """Return a table of all kinds, and what each does not tell and where its names are from."""
    rendered = markdown(counted=_counted, histogram=_histogram, labels=_labels, example=_example, absent=_absent, seen=_seen)
    return rendered.get_template("kit/templates/servers.md").render(servers=SERVERS.values())


def _labels(server: Server) -> Markdown:
    return Markdown(", ").join(map(code, server.model_labels)) if server.model_labels else Markdown("any")


def _example(server: Server) -> Markdown:
    inner = ", ".join(f"{label}: {value}" for label, value in server.example)
    return code(f"server: {{kind: {server.kind}, match: {{{inner}}}}}")


def _absent(server: Server) -> Markdown:
    return Markdown(server.absent)


def _seen(server: Server) -> Markdown:
    return Markdown(server.seen or "no: read from its source")


def _counted(counted: Counted | None) -> Markdown:
    """Return the series that count something, with the labels that tell which of them do."""
    if counted is None:
        return Markdown("not told")
    inner = f"{{{', '.join(counted.matchers)}}}" if counted.matchers else ""
    return Markdown(" + ").join(code(f"{name}{inner}") for name in counted.names)


def _histogram(histogram: Histogram | None) -> Markdown:
    if histogram is None:
        return Markdown("no histogram")
    bounds = ", ".join(f"{bound:g}" for bound in histogram.seconds)
    return Markdown("{}: {} s").format(code(histogram.name), bounds)
