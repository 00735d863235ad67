"""Labels should have come, and do not."""

from __future__ import annotations

from prediction_exporter.collectors.labels import LATE_AFTER, SOURCE_LAST_SUCCESS, SOURCE_NEWEST, SOURCE_REJECTED, SOURCE_UP
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, figure, own, query
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.alerts.no_predictions import NO_PREDICTIONS
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, shared, window
from prediction_exporter.kit.fleet import LEFT_OUT, REPLICA_KEY
from prediction_exporter.kit.label_cases import waited
from prediction_exporter.kit.labels import AGE_SPAN, MATURE_AGE, NEWEST_AGE, USUAL_AGE
from prediction_exporter.kit.promql import MODEL_KEY, by, latest, on
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import DURATION

#: The newest label is late where it is older than so many times what is usual a quarter of the time, and this much more.
_TIMES, _MORE = 8, duration("1d")


def _late(scale: Scale) -> str:
    newest, usual, mature = (latest(each.name, scale) for each in (NEWEST_AGE, USUAL_AGE, MATURE_AGE))
    limit = f"max {by(MODEL_KEY)} ({latest(LATE_AFTER.name, scale)})"
    down = f"max {by(MODEL_KEY)} ({latest(SOURCE_UP.name, scale)} == bool 0 unless {on(REPLICA_KEY)} {LEFT_OUT}) > 0"
    parts = (
        f"{newest} > {on(MODEL_KEY)} {_TIMES} * {usual} + {_MORE.seconds:g}",
        f"{newest} > {on(MODEL_KEY)} {limit}",
        f"{mature} > {on(MODEL_KEY)} {limit}",
        down,
    )
    either = f"\nor {on(MODEL_KEY)}\n".join(parts)
    return f"max {by(MODEL_KEY)} (\n{either}\n)"


def _description(scale: Scale) -> str:
    """Return a template that says which of the reasons holds, and nothing of the others."""

    def own_value(name: str) -> str:
        return f"max({latest(own(name, MODEL_KEY), scale)})"

    def told(age: str, words: str, than: str, more: str) -> str:
        """Return what is said of an age where it is larger than a limit, without its end."""
        late = query(f"{own_value(age)} > {than}", MODEL_KEY)
        return f"{{{{ with {late} }}}} {words} {DURATION.of('(. | first | value)')} ago, {more}."

    failing = query(f"max({latest(own(SOURCE_UP.name, MODEL_KEY), scale)} == bool 0) > 0", MODEL_KEY)
    limit, usual = own_value(LATE_AFTER.name), own_value(USUAL_AGE.name)
    from_limit = f"which is late from {figure(limit, MODEL_KEY, DURATION)} on"
    than_usual = f"and in a quarter of the last {AGE_SPAN} it was at most {figure(usual, MODEL_KEY, DURATION)} old"
    return (
        f"The labels of {{{{ $labels.model }}}} {{{{ with {failing} }}}}cannot be read{{{{ else }}}}are late{{{{ end }}}}."
        + told(NEWEST_AGE.name, "The newest became known", limit, from_limit)
        + "{{ else }}"
        + told(NEWEST_AGE.name, "The newest became known", f"{_TIMES} * {usual} + {_MORE.seconds:g}", than_usual)
        + "{{ end }}{{ end }}"
        + told(MATURE_AGE.name, "They are complete until", limit, from_limit)
        + "{{ end }}"
    )


_B = {**TARGET, "instance": "b:10900"}


def _firing(words: str) -> Firing:
    return Firing(
        severity="warning", labels={**MODEL_LABELS, "owner": "risk-ds"}, description=f"The labels of credit-risk {words}."
    )


LABELS_LATE = Alert(
    name="ModelLabelsLate",
    area="performance",
    key=MODEL_KEY,
    window=None,
    conditions=(Condition(severity="warning", expr=_late, hold=duration("15m"), keep=duration("15m")),),
    summary="The labels of a model do not come any more, later than they did, or cannot be read.",
    description=_description,
    worst=None,
    action="Ask those who write the labels whether they still do. If the source cannot be read, mend that first.",
    meaning=(
        "One of four, for 15 minutes: a replica cannot read the source of the labels; the newest label is older than "
        "`matures_after` allows with half as much again, so that predictions have become mature without one; the mature window "
        "ends as long ago, as the coverage that is asked for is not reached; or the newest label is much older than is usual: "
        f"more than {_TIMES} times the age that it is below for a quarter of the time in {AGE_SPAN}, and {_MORE}. Labels that "
        "come daily are so late on the fourth day, at most."
    ),
    impact=(
        "Performance is not known of what has been predicted since. Windows that become mature without labels have lower "
        "coverage, and measures of what is left of them. Predictions wait for the horizon; then their labels are lost."
    ),
    diagnosis=(
        Diagnosis(question="Can the source be read?", query=SOURCE_UP.where(model="MODEL")),
        Diagnosis(question="When was it last read?", query=f"time() - {SOURCE_LAST_SUCCESS.where(model='MODEL')}"),
        Diagnosis(
            question="How old is the newest label that each replica knows?",
            query=f"time() - {SOURCE_NEWEST.where(model='MODEL')}",
        ),
        Diagnosis(
            question="Are lines or rows of it refused?", query=f"increase({SOURCE_REJECTED.where(model='MODEL')}[1d]) > 0"
        ),
    ),
    mitigation=(
        "1. It cannot be read: the exporter's log has the reason; path, permissions and account as for the predictions.\n"
        "2. It is read and has nothing new: look into the table or log yourself, and ask those who write it.\n"
        "3. It has something new that is refused: a field was renamed, or ids and times are written otherwise.\n"
        "4. It has become slower for good: raise `matures_after`, and the horizon with it.\n"
        "5. The coverage that is asked for is not reached any more: see which class lacks labels, or ask for less."
    ),
    muted_by=(EXPORTER_DOWN, SOURCE_STALE, NO_PREDICTIONS),
    without_model=False,
    graphed=(NEWEST_AGE, USUAL_AGE),
    tests=(
        Case(
            name="the source of the labels cannot be read",
            series=(
                *waited(newest="0+60x100", mature="0+60x100", up="1x20 0x80"),
                owner("performance"),
            ),
            checks=(
                Check(at="30m", firing=()),
                Check(at="45m", firing=(_firing("cannot be read"),)),
            ),
        ),
        Case(
            # They came for 600 of 2,080 minutes: for more than a quarter of the time the newest was of that minute.
            name="labels that came every minute stop",
            series=(*waited(newest="0+60x600 36000x1600", mature="0+60x2200"), owner("performance", values="1x2400")),
            checks=(
                Check(at="34h15m", firing=()),
                Check(
                    at="34h40m",
                    firing=(
                        _firing(
                            "are late. The newest became known 1d ago, and in a quarter of the last 14d it was at most 0s old"
                        ),
                    ),
                ),
            ),
        ),
        Case(
            # A quarter of the time since the beginning it was less than a quarter of that old.
            name="predictions mature without a label",
            series=(*waited(newest="0x200", late_after=3600), owner("performance")),
            checks=(
                Check(at="1h15m", firing=()),
                Check(at="1h30m", firing=(_firing("are late. The newest became known 1h 30m ago, which is late from 1h on"),)),
            ),
        ),
        Case(
            name="labels come, and too few of them: the mature window stands still, on the replica that is farthest behind",
            series=(
                *waited(newest="0+60x200", mature="0x200", late_after=3600),
                *waited(newest="0+60x200", mature="0+60x200", late_after=3600, target=_B),
                owner("performance"),
            ),
            checks=(
                Check(at="1h15m", firing=()),
                Check(at="1h30m", firing=(_firing("are late. They are complete until 1h 30m ago, which is late from 1h on"),)),
            ),
        ),
        Case(
            name="labels that are written every half hour",
            series=(
                *waited(newest="0x29 1800x29 3600x40", mature="0x29 1800x29 3600x40", late_after=3600),
                owner("performance"),
            ),
            checks=(Check(at="90m", firing=()),),
        ),
        Case(
            name="of a source that is shared, the replica that does not count cannot read the labels",
            series=(
                *waited(newest="0+60x100", mature="0+60x100"),
                *waited(newest="0x100", mature="0+60x100", up="0x100", target=_B),
                *window(1000, values="x100"),
                *window(900, values="x100", target=_B),
                shared(values="1x100"),
                shared(_B, values="1x100"),
                owner("performance"),
            ),
            checks=(Check(at="60m", firing=()),),
        ),
    ),
)
