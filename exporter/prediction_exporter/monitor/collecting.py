"""Collecting: what is collected beside the models' own threads, and the snapshot of everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from prediction_exporter.collectors.base import NO_MODEL, Published
from prediction_exporter.collectors.registry import FAMILIES_BY_COLLECTOR
from prediction_exporter.collectors.report import Collected, ModelReport
from prediction_exporter.collectors.running import COLLECTOR_FAMILIES, run, told
from prediction_exporter.collectors.switches import Switches, excluded_families, unasked
from prediction_exporter.config import Config
from prediction_exporter.cost.usage import Metered, together
from prediction_exporter.exposition import Snapshot, render
from prediction_exporter.monitor.polling import Poller


class Collecting:
    """The live series and the polls of a configuration.

    Args:
        former: what collected before it; the outcomes of polls that both have stay until there are new ones.
        start_timestamps: whether OpenMetrics tells since when counters count.
    """

    def __init__(
        self, config: Config, switches: Switches, former: Collecting | None = None, *, start_timestamps: bool = False
    ) -> None:
        self._start_timestamps = start_timestamps
        polls = switches.polls(config)
        idle = unasked({name for name, _ in polls})
        self._groups = {
            name: families
            for name, families in FAMILIES_BY_COLLECTOR.items()
            if name not in idle and (name == NO_MODEL or any(switches.runs(name, config, model) for model in config.models))
        }
        self._without = excluded_families(config)
        live = switches.live(config)
        self._of_models = {key: series for key, series in live.items() if key[1] != NO_MODEL}
        self._of_none = {key: series for key, series in live.items() if key[1] == NO_MODEL}
        last = {key: poller.outcome() for key, poller in former.pollers.items()} if former is not None else {}
        self.pollers: dict[tuple[str, str], Poller] = {
            key: Poller(*key, poll, without=self._without, last=last.get(key)) for key, poll in polls.items()
        }

    def start(self) -> None:
        """Start the polls."""
        for poller in self.pollers.values():
            poller.start()

    def stop(self) -> None:
        """Tell the polls to end; one that hangs is left behind, and nobody asks for its answer any more."""
        for poller in self.pollers.values():
            poller.stopping.set()

    def polled(self) -> dict[str, dict[str, Collected | None]]:
        """Return what the polls gave last, by model and collector; None of one whose first has not ended."""
        found: dict[str, dict[str, Collected | None]] = {}
        for (name, model), poller in self.pollers.items():
            found.setdefault(model, {})[name] = poller.outcome()
        return found

    def metered(self, model: str) -> Metered:
        """Return what the polls of a model see that may have a price."""
        seen = [poller.metered() for (_, of), poller in self.pollers.items() if of == model]
        return together(metered for metered in seen if metered is not None)

    def snapshot(self, published: Published) -> Snapshot:
        """Return everything that is known, ``others`` of ``published`` left aside."""
        found = {name: dict(report.collected) for name, report in published.reports.items()}
        for (name, model), series in self._of_models.items():
            if model in found:
                found[model][name] = run(name, model, partial(series.render, published), without=self._without)
        of_none: dict[str, Collected] = {}
        for (name, model), poller in self.pollers.items():
            outcome = poller.outcome()
            if outcome is not None and (model == NO_MODEL or model in found):
                (of_none if model == NO_MODEL else found[model])[name] = outcome
        self._run_last(published, found, of_none)
        parts = [outcome.samples for of_model in (*found.values(), of_none) for outcome in of_model.values()]
        parts += [told(model, of_model) for model, of_model in (*found.items(), (NO_MODEL, of_none))]
        return render(parts, self._groups, created=published.now, start_timestamps=self._start_timestamps)

    def _run_last(
        self, published: Published, found: Mapping[str, Mapping[str, Collected]], of_none: dict[str, Collected]
    ) -> None:
        """Run the live collectors of no model, each of which can tell how many series there are before it."""
        for (name, model), series in self._of_none.items():
            outcomes = [outcome for of_model in (*found.values(), of_none) for outcome in of_model.values()]
            to_come = sum(other not in of_none for other, _ in self._of_none)
            told_of = (len(outcomes) + to_come) * len(COLLECTOR_FAMILIES)
            others = sum(outcome.samples.series for outcome in outcomes) + told_of
            of_none[name] = run(name, model, partial(series.render, replace(published, others=others)), without=self._without)


def reports_by_name(reports: Mapping[str, ModelReport], config: Config) -> dict[str, ModelReport]:
    """Return the reports in the order of the configuration."""
    return {model.name: reports[model.name] for model in config.models if model.name in reports}
