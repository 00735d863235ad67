"""The dashboard of the exporters that watch models: of their sources, of themselves, and of the rules over what they export."""

from __future__ import annotations

from prediction_exporter.collectors.exporter import CONFIG_RELOAD_SUCCESSFUL, SERIES, SERIES_LIMIT
from prediction_exporter.collectors.notes import ALARMS
from prediction_exporter.collectors.running import COLLECTOR_DURATION, COLLECTOR_SUCCESS
from prediction_exporter.collectors.source import (
    EVALUATION_DURATION,
    EVENTS,
    EVENTS_REJECTED,
    LAST_SUCCESS,
    SOURCE_LAG,
    SOURCE_UNREAD,
    SOURCE_UP,
)
from prediction_exporter.collectors.volume import VOLUME_FREE, VOLUME_SIZE
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit import tables as t
from prediction_exporter.kit.alerts.model_rules_late import BUSY, GROUP_DURATION, GROUP_INTERVAL
from prediction_exporter.kit.boards import choices
from prediction_exporter.kit.boards.annotations import happened
from prediction_exporter.kit.boards.board import Board
from prediction_exporter.kit.boards.selectors import CLUSTER, MODEL, PLACE, rate, rate_now, watching
from prediction_exporter.kit.layout import Row
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import JOBS, Series, select
from prediction_exporter.kit.scale import SECONDS_STALE
from prediction_exporter.kit.volume import COST, GROWTH

_NO_FILES = "the predictions are in no local files, or in none yet"
#: Shares of the limit of series from which it is near, and from which series are about to be left out.
_NEAR, _FULL = 0.7, 0.9


#: What is left of what Prometheus calls a group of rules: its name stands behind that of its file.
_NAME_OF_GROUP = ("^.*;(.*)$", "$1")


def board() -> Board:
    """Return the dashboard."""
    return Board(
        name="exporter",
        title="Exporter",
        question="Is the monitoring itself healthy?",
        variables=[*choices.places(), choices.models()],
        annotations=happened(several=True),
        rows=[
            Row(title="State", panels=_figures()),
            Row(title="Instances", panels=[_instances()]),
            Row(title="Rules and alarms", panels=_rules()),
            Row(title="Source", panels=_source(), collapsed=True),
            Row(title="Work", panels=_work(), collapsed=True),
        ],
    )


def _own(metric: Series | str) -> str:
    """Return a metric of an exporter as a whole, of exporters that watch the chosen models."""
    return f"{metric} {watching()}"


def _full() -> str:
    """Return the share of the series that the configuration allows which each exporter serves."""
    return f"{SERIES.where(*PLACE)} / {SERIES_LIMIT.where(*PLACE)} {watching()}"


def _refused() -> str:
    refused, used = (f"sum({rate_now(family, MODEL)})" for family in (EVENTS_REJECTED, EVENTS))
    return f"({refused} or {used} * 0) / (({used}) + ({refused} or {used} * 0) > 0)"


def _at_0(title: str, description: str, states: str, name: str) -> Panel:
    """Return how many of the states are 0, of which there should be none; nothing where there is no state."""
    failing = p.now(f"count({states} == 0) or count({states}) * 0", name)
    return p.counts(p.stat(title, description, failing, unit="short", steps=looks.NONE_OR_RED))


def _figures() -> list[Panel]:
    up = select("up", *PLACE, JOBS)
    return [
        p.counts(
            p.stat(
                "Exporters up",
                "Exporters that answered the last scrape.",
                p.now(f"count({up} == 1) or count({up}) * 0", "up"),
                unit="short",
            )
        ),
        _at_0(
            "Exporters down",
            "Exporters that did not answer the last scrape; what they watch is not watched.",
            up,
            "down",
        ),
        _at_0(
            "Sources that fail",
            "Sources of predictions whose last read failed, on any replica.",
            SOURCE_UP.where(*MODEL),
            "failing",
        ),
        p.stat(
            "Refused",
            "Share of the lines or rows of the last five minutes that could not be used.",
            p.now(_refused(), "refused"),
            unit="percentunit",
            steps=((None, looks.GOOD), (0.001, looks.NEAR), (0.01, looks.BAD)),
        ),
        p.stat(
            "Last evaluation",
            "Time since the source was read and the statistics were evaluated without error, on the slowest replica.",
            p.now(f"time() - min({LAST_SUCCESS.where(*MODEL)})", "age"),
            unit="s",
            steps=((None, looks.GOOD), (SECONDS_STALE, looks.BAD)),
            decimals=0,
        ),
        p.stat(
            "Series, of the limit",
            "Share of the series that the configuration allows, of the exporter that serves most; at 100 % some are left out.",
            p.now(f"max({_full()})", "series"),
            unit="percentunit",
            steps=((None, looks.GOOD), (_NEAR, looks.NEAR), (_FULL, looks.BAD)),
            decimals=0,
        ),
        p.stat(
            "Configuration",
            "Whether the configuration that was read last is in use on every exporter.",
            p.now(f"min({CONFIG_RELOAD_SUCCESSFUL.where(*PLACE)} {watching()})", "configuration"),
            unit="short",
            steps=((None, looks.BAD), (1, looks.GOOD)),
            texts={"0": "refused", "1": "in use"},
        ),
        _at_0(
            "Collectors that fail",
            "Groups of series that could not be collected at the last run, on any replica.",
            COLLECTOR_SUCCESS.where(*MODEL),
            "failing",
        ),
    ]


def _instances() -> Panel:
    def of(expr: str) -> str:
        return f"max by (instance) ({expr})"

    age = f"time() - {LAST_SUCCESS.where(*MODEL)}"
    refused = f"sum by (instance) ({rate_now(EVENTS_REJECTED, MODEL)})"
    read = f"sum by (instance) ({rate_now(EVENTS, MODEL)})"
    # Of one that does not answer nothing tells which models it watches.
    down = f"({of(select('up', *PLACE, JOBS))} == 0) + 1"
    state = {
        "mappings": looks.meanings({"0": "up", "1": "down"}, {"0": looks.PLAIN, "1": looks.BAD}),
        "custom.cellOptions": {"type": "color-text"},
    }
    fields = (
        (of(age), "evaluated", "s"),
        (of(SOURCE_LAG.where(*MODEL)), "newest event", "s"),
        (of(SOURCE_UNREAD.where(*MODEL)), "unread", "bytes"),
        (read, "read", "cps"),
        (f"{refused} or {read} * 0", "refused", "cps"),
        (of(EVALUATION_DURATION.where(*MODEL)), "duration", "s"),
        (of(_own(select("process_resident_memory_bytes", *PLACE))), "memory", "bytes"),
        (of(_full()), "series", "percentunit"),
        (of(_own(f"changes({select('process_start_time_seconds', *PLACE)}[1d])")), "restarts", "short"),
    )
    return t.table(
        "Instances, the latest first",
        "Each exporter that does not answer, and each that watches the chosen models, by the worst of these: the time since "
        "its last evaluation, the age of the newest event and what is not read yet, what it reads and refuses a second, how "
        "long an evaluation takes, its memory, its share of the series that are allowed, and how often it was started anew in "
        "a day.",
        p.now(f"{down} or {of(SOURCE_UP.where(*MODEL))} * 0", "state", table=True),
        *(p.now(expr, name, table=True) for expr, name, _ in fields),
        cells=[
            t.Cell(name="instance", label="instance", width=195),
            t.Cell(name="state", width=80, look=state),
            *(t.Cell(name=name, look={"unit": unit}) for _, name, unit in fields),
        ],
        sort_by=["state", "evaluated"],
        height=8,
    )


def _of_each(series: Series) -> Query:
    """Return a query of each model's series on each replica, whose names are long."""
    return Query(expr=series.where(*MODEL), legend="{{model}} {{instance}}")


def _source() -> list[Panel]:
    return [
        p.timeseries(
            "Age of the newest event",
            "Time since the newest event that was read; it grows while nothing new comes.",
            _of_each(SOURCE_LAG),
            unit="s",
        ),
        p.timeseries("Unread", "Bytes of the source that are known and not yet read.", _of_each(SOURCE_UNREAD), unit="bytes"),
        p.timeseries(
            "Lines or rows read",
            "Lines or rows of the source that were used, a second, by replica.",
            Query(expr=f"sum by (instance) ({rate(EVENTS, MODEL)})", legend="{{instance}}"),
            unit="cps",
        ),
        p.timeseries(
            "Refused by reason",
            "Lines or rows of the source that could not be used, a second.",
            Query(
                expr=(
                    f"sum by (reason) ({rate(EVENTS_REJECTED, MODEL)}) "
                    f"and on (reason) sum by (reason) (increase({EVENTS_REJECTED.where(*MODEL)}[$__range] @ end())) > 0"
                ),
                legend="{{reason}}",
            ),
            unit="cps",
            no_data="nothing was refused, or no exporter answered",
        ),
        p.timeseries(
            "Growth of the log in a day",
            "Bytes that the log or files grew by in the last 24 hours, all replicas together.",
            Query(expr=f"sum({GROWTH.where(*MODEL)})", legend="written"),
            unit="bytes",
            no_data=_NO_FILES,
        ),
        p.timeseries(
            "Free space for the log",
            "Room that is left on the volume of the newest file, and the size of the smallest volume.",
            _of_each(VOLUME_FREE),
            Query(expr=f"min({VOLUME_SIZE.where(*MODEL)})", legend="size", role=looks.THRESHOLD),
            unit="bytes",
            no_data=_NO_FILES,
        ),
    ]


def _work() -> list[Panel]:
    return [
        p.timeseries(
            "Duration of an evaluation",
            "Time that the last evaluation of each model's statistics took.",
            _of_each(EVALUATION_DURATION),
            unit="s",
        ),
        p.timeseries(
            "Duration of collectors",
            "Time that the last run of each collector took, of the replica that took longest.",
            Query(expr=f"max by (collector) ({COLLECTOR_DURATION.where(*MODEL)})", legend="{{collector}}"),
            unit="s",
        ),
        p.timeseries(
            "Memory",
            "Resident memory of the exporters that watch the models.",
            Query(expr=_own(select("process_resident_memory_bytes", *PLACE)), legend="{{instance}}"),
            unit="bytes",
        ),
        p.timeseries(
            "Processor time of a million events",
            "Processor time that the exporters of the models spent in an hour, for each million of events that they read.",
            Query(expr=_own(COST.where(*PLACE)), legend="{{instance}}"),
            unit="s",
            no_data="no events in the last hour",
        ),
        p.timeseries(
            "Series",
            "Series that the exporter serves, and how many the configuration allows.",
            Query(expr=_own(SERIES.where(*PLACE)), legend="{{instance}}"),
            Query(expr=f"max({_own(SERIES_LIMIT.where(*PLACE))})", legend="limit", role=looks.THRESHOLD),
            unit="short",
        ),
    ]


def _rules() -> list[Panel]:
    # Prometheus' own series are those of where it runs, and not of the models' namespace.
    groups = (*CLUSTER, 'rule_group=~".*prediction-exporter.*"')
    took, interval = (select(name, *groups) for name in (GROUP_DURATION, GROUP_INTERVAL))
    said = f"max by (model, alert, verdict) (increase({ALARMS.where(*MODEL)}[$__range] @ end()))"
    verdicts = f"round(sum by (alert, verdict) ({said}))"
    return [
        p.renamed(
            p.timeseries(
                "Time that rules take",
                "Share of its interval that each group of the kit's rules takes to evaluate: late rules are late alerts. "
                "Prometheus has to scrape itself for it.",
                Query(expr=f"max by (rule_group) ({took} / ({interval} > 0))", legend="{{rule_group}}"),
                Query(expr=f"max({took} / ({interval} > 0)) * 0 + {BUSY:g}", legend="alert", role=looks.THRESHOLD),
                unit="percentunit",
                decimals=1,  # the names of groups are long, and leave room for no more
                no_data="nothing of the rules is known: Prometheus does not scrape itself",
            ),
            _NAME_OF_GROUP,
        ),
        t.matrix(
            "Verdicts on alarms",
            "How many alarms people said were true, false or expected in the time range, by alert. False ones ask for other "
            "thresholds.",
            p.now(f"{verdicts} and on (alert) (sum by (alert) ({verdicts}) > 0)", "verdicts", table=True),
            row="alert",
            column="verdict",
            unit="short",
            first=240,
            width=12,
            height=9,
            no_data="nobody said anything of an alarm: prediction-exporter note",
        ),
    ]
