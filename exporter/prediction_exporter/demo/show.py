"""The demo as it is told: what will happen, what happens, each message that it leads to, and what to look at in the end."""

from __future__ import annotations

import threading
from email.message import EmailMessage
from pathlib import Path

from prediction_exporter.demo.narrator import Narrator, clock, readable
from prediction_exporter.demo.pace import Pace
from prediction_exporter.demo.sinks import SlackMessage
from prediction_exporter.demo.story import Act, Notice, Story

TICK_SECONDS = 0.2

#: How long a message may be late before the demo says that it has not come.
PATIENCE_SECONDS = 60.0


class Show:
    """Tells a story.

    Attributes:
        sights: what is worth a look in the end, each with its address.
        notified: whether anybody is told: without Prometheus and Alertmanager no messages are waited for.
    """

    def __init__(self, narrator: Narrator, story: Story, pace: Pace, folder: Path) -> None:
        self.sights: list[str] = []
        self.notified = False
        self._narrator = narrator
        self._folder = folder
        self._pace = pace
        self._acts = story.acts(pace)
        self._came: set[Notice] = set()
        self._mails = 0

    def open(self, rate: float) -> None:
        """Say what will happen when."""
        self._narrator.plain(
            "A credit model, the exporter beside it, and those who are told when something is wrong. "
            f"An hour of the rules takes {self._pace.hour:g} seconds here:",
            "",
            f"{clock(0):>6}  {rate:g} applications a second, as in training",
        )
        for act in self._acts:
            self._narrator.plain(
                f"{clock(act.at):>6}  {act.text}",
                f"{'':8}about {clock(act.due)}: {act.notice}, in Slack and by mail",
            )
        if self._acts:
            self._narrator.plain(f"{clock(self._due()):>6}  the story is over; everything runs on until Ctrl-C")
        self._narrator.plain("")

    def take_slack(self, message: SlackMessage) -> None:
        """Print a Slack message."""
        self._narrator.say(f"SLACK to {message.channel}", readable(message.text))
        self._came.add(message.notice)

    def take_mail(self, message: EmailMessage) -> None:
        """Keep a mail as a file, and print what its list in a mailbox would show."""
        self._mails += 1
        folder = self._folder / "mails"
        folder.mkdir(exist_ok=True)
        page = message.get_body(("html", "plain"))
        file = folder / f"{self._mails}.html"
        file.write_text("" if page is None else page.get_content(), encoding="utf-8")
        self._narrator.say(f"MAIL to {message['To']}", [str(message["Subject"]), f"as it looks: {file}"])

    def run(self, stopping: threading.Event, duration: float | None) -> None:
        """Say what happens, when it happens, and when all of it has, until told to stop."""
        planned = list(self._acts)
        over = not planned
        while not stopping.wait(TICK_SECONDS) and (duration is None or self._narrator.seconds < duration):
            while planned and self._narrator.seconds >= planned[0].at:
                self._narrator.say(planned.pop(0).text)
            if over:
                continue
            if not planned and self._is_over():
                over = True
                self._close()
            else:
                self._narrator.wait_for(self._next(planned))

    def _due(self) -> float:
        return max(act.due for act in self._acts)

    def _missing(self) -> list[Notice]:
        return [act.notice for act in self._acts if act.notice not in self._came] if self.notified else []

    def _is_over(self) -> bool:
        late = self._narrator.seconds - self._due()
        return late >= PATIENCE_SECONDS or (not self._missing() and (self.notified or late >= 0))

    def _next(self, planned: list[Act]) -> str:
        seconds = self._narrator.seconds
        coming = [(act.at, act.text) for act in planned]
        if self.notified:
            coming += [
                (act.due, f"expecting {act.notice}") for act in self._acts if act.at <= seconds and act.notice not in self._came
            ]
        if not coming:
            return "..."
        at, text = min(coming)
        return f"{text}, in {clock(at - seconds)}" if at > seconds else f"{text}, any moment"

    def _close(self) -> None:
        missing = self._missing()
        lines = [f"not come: {notice}; see {self._folder}/*.log" for notice in missing]
        lines += self.sights
        lines.append(f"Configuration, rules, routes and the log: {self._folder}")
        lines.append('Your own model next: README.md, "Use it"')
        self._narrator.say("the story is over; everything runs on until Ctrl-C. What to look at next:", lines)
