"""Where what is measured is not quite what was promised."""

from __future__ import annotations

from prediction_exporter.config.models import Config


def coarse_objectives(config: Config) -> list[str]:
    """Return a warning per latency objective that no bucket of the model server's histogram stands for exactly."""
    warnings = []
    for index, model in enumerate(config.models):
        bound, server = model.latency_bound, model.server
        if bound is None or server is None or model.slo.latency is None or bound.is_exact:
            continue
        following = f", and the next is {bound.upper:g}s" if bound.upper is not None else ""
        warnings.append(
            f"models[{index}].slo.latency.under: {model.slo.latency.under} is no bucket of the histogram of {server.kind}: "
            f"requests above {bound.lower:g}s count as slow{following}; "
            "where its buckets are others, write them to server.buckets"
        )
    return warnings
