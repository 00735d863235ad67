"""Tests of the models' health: what each state follows from, and that nothing on the way makes it flap."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.collectors.server import SERVER_INFO
from prediction_exporter.collectors.source import SOURCE_UP
from prediction_exporter.collectors.traffic import REQUESTS, VERSION_FIRST_SEEN
from prediction_exporter.kit.alert import Alert
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.missing_values import MISSING_VALUES
from prediction_exporter.kit.alerts.model_gone import MODEL_GONE
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import LEAST_ROWS, MODEL_LABELS, TARGET, bins, owner, series, share, shared, window
from prediction_exporter.kit.groups import HEALTH
from prediction_exporter.kit.health import Health
from prediction_exporter.kit.promql import select
from prediction_exporter.kit.recording_cases import RecordingCase
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.timeline import lines
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO

_B = {**TARGET, "instance": "b:10900"}


def _replica(target: Mapping[str, str] = TARGET, *, rows: int = 1000, missing: float = 0.0) -> tuple[str, ...]:
    """Return what a replica shows that sees its model, for three hours."""
    valid = round(rows * (1 - missing) / 2)
    return (
        series("up", "1x180", target=target),
        series(SOURCE_UP, "1x180", target=target, model="credit-risk"),
        *window(rows, values="x180", target=target),
        *bins("income", (valid, valid), values="x180", target=target),
        *share(MISSING_RATIO, "income", missing, 0.06, values="x180", target=target)[: 2 if rows >= LEAST_ROWS else 1],
        series(VERSION_FIRST_SEEN, "1x180", target=target, model="credit-risk", version="2"),
        *(owner(area, "ml-ops", "1x180", target) for area in ("service", "data")),
    )


def _served(*, seen: bool = True) -> tuple[str, ...]:
    """Return what is there of a model that is watched by its server alone."""
    model = {"model": "credit-risk"}
    requests = (series(REQUESTS.name, "0+60x180", model, server_job="triton"),) if seen else ()
    return (
        series("up", "1x180"),
        series(SERVER_INFO, "1x180", model, kind="triton", match="model=credit-risk"),
        owner("service", "ml-ops", "1x180"),
        *requests,
    )


def _away(replica: tuple[str, ...], *moments: tuple[int, int]) -> tuple[str, ...]:
    """Return what is scraped of a replica that does not answer at some minutes, for so many."""
    found = lines(replica)
    for at, minutes in moments:
        found = tuple(line.unanswered(at, minutes) for line in found)
    return tuple(map(str, found))


def _deleted(replica: tuple[str, ...], at: int) -> tuple[str, ...]:
    return tuple(str(line.ended(at)) for line in lines(replica))


def _without(replica: tuple[str, ...], *names: str) -> tuple[str, ...]:
    return tuple(line for line in replica if line.partition("{")[0] not in names)


def _of_fraud(replica: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a replica shows of another model."""
    return tuple(line.replace('model="credit-risk"', 'model="fraud"') for line in replica)


def _is(state: Health, over: str = "1m", model: str = "credit-risk") -> tuple[str, str, float]:
    """Expect a model to have a state in every minute of a span."""
    labels = ", ".join(f'{label}="{value}"' for label, value in {**MODEL_LABELS, "model": model}.items())
    states = f"{HEALTH.where(model=model)}[{over}]"
    complete = f"count_over_time({states}) >= {duration(over).seconds / 60:g}"
    return f"min_over_time({states}) == max_over_time({states}) and {complete}", f"{{{labels}}}", state.value


def _fires(alert: Alert | None, *others: Alert) -> tuple[str, str, float]:
    """Expect one alert of several to fire, as the cause of a state."""
    names = "|".join(map(str, (*others, *([alert] if alert is not None else ()))))
    firing = select("ALERTS", f'alertname=~"{names}"', 'alertstate="firing"')
    return f"count(count by (alertname) ({firing})) or vector(0)", "{}", float(alert is not None)


_NONE = (f"count({HEALTH}) or vector(0)", "{}", 0)

HEALTH_CASES = (
    RecordingCase(
        name="health: well, also while a scrape fails and while the exporter restarts",
        series=_away(_replica(), (20, 1), (40, 3)),
        at="60m",
        expected=(_is(Health.HEALTHY, "55m"), _fires(None, MISSING_VALUES, EXPORTER_DOWN, SOURCE_STALE, MODEL_GONE)),
    ),
    RecordingCase(
        name="health: a column is missing",
        series=_replica(missing=0.4),
        at="20m",
        expected=(_is(Health.WARNING), _fires(MISSING_VALUES)),
    ),
    RecordingCase(
        name="health: a column is of no use",
        series=_replica(missing=1.0),
        at="20m",
        expected=(_is(Health.CRITICAL), _fires(MISSING_VALUES)),
    ),
    RecordingCase(
        name="health: a column is of no use, and then its exporter is away: the alert is what is known",
        series=_away(_replica(missing=1.0), (30, 3)),
        at="50m",
        expected=(_is(Health.CRITICAL, "40m"), _fires(MISSING_VALUES, EXPORTER_DOWN)),
    ),
    RecordingCase(name="health: too few predictions", series=_replica(rows=20), at="20m", expected=(_is(Health.NOT_WATCHED),)),
    RecordingCase(
        name="health: without a baseline",
        series=tuple(line for line in _replica() if line.startswith(("up", str(SOURCE_UP), "model_owner"))),
        at="20m",
        expected=(_is(Health.NOT_WATCHED),),
    ),
    RecordingCase(
        name="health: the only replica cannot read",
        series=(*_without(_replica(), str(SOURCE_UP)), series(SOURCE_UP, "1x20 0x160", model="credit-risk")),
        at="60m",
        expected=(_is(Health.NOT_WATCHED, "30m"), _fires(SOURCE_STALE)),
    ),
    RecordingCase(
        name="health: one of two replicas with logs of their own is down",
        series=(*_away(_replica(), (20, 100)), *_replica(_B)),
        at="60m",
        expected=(_is(Health.WARNING, "30m"), _fires(EXPORTER_DOWN)),
    ),
    RecordingCase(
        name="health: one of two replicas of a shared source is down",
        series=(*_away((*_replica(), shared()), (20, 100)), *_replica(_B), shared(_B)),
        at="60m",
        expected=(_is(Health.INFO, "30m"), _fires(EXPORTER_DOWN)),
    ),
    RecordingCase(
        name="health: the exporter is down",
        series=_away(_replica(), (20, 100)),
        at="60m",
        expected=(_is(Health.NOT_WATCHED, "30m"), _fires(EXPORTER_DOWN, MODEL_GONE)),
    ),
    RecordingCase(
        name="health: the model is gone with its exporter",
        series=_deleted(_replica(), 20),
        at="2h",
        expected=(_is(Health.NOT_WATCHED, "90m"), _fires(MODEL_GONE, EXPORTER_DOWN)),
    ),
    RecordingCase(
        name="health: the exporter was told to watch the model no longer",
        series=(*_deleted(_without(_replica(), "up"), 20), series("up", "1x180")),
        at="60m",
        expected=(_NONE,),
    ),
    RecordingCase(
        name="health: the exporter was told to watch one of two models no longer, and is down later",
        series=_away((*_deleted(_without(_replica(), "up"), 20), *_of_fraud(_replica())), (40, 100)),
        at="90m",
        expected=(_is(Health.NOT_WATCHED, "40m", model="fraud"), (f"count({HEALTH})", "{}", 1)),
    ),
    RecordingCase(
        name="health: by its server alone, also while a scrape of the exporter fails",
        series=_away(_served(), (20, 1)),
        at="60m",
        expected=(_is(Health.HEALTHY, "55m"), _fires(None, MODEL_GONE)),
    ),
    RecordingCase(
        name="health: by its server alone, of which nothing is seen",
        series=_served(seen=False),
        at="20m",
        expected=(_is(Health.NOT_WATCHED),),
    ),
    RecordingCase(
        name="health: by its server alone, and gone with its exporter",
        series=_deleted(_served(), 20),
        at="2h",
        expected=(_is(Health.NOT_WATCHED, "90m"), _fires(MODEL_GONE, EXPORTER_DOWN)),
    ),
)
