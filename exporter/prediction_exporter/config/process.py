"""The section that says how a model server's processes are found."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, Strict, model_validator

from prediction_exporter.config.section import Section
from prediction_exporter.config.values import FilePath, Flag, GlobPath, Matching, Text, refuse

WAYS = ("pid_file", "port", "command", "unit", "cgroup")

#: Letters of a command line's part that are not ``*``, at least: fewer would be any process's.
LEAST_COMMAND = 3


#: What ends the names of units that have processes, as systemd.unit(5) lists them; a dot before another ending is the name's.
_ENDINGS = (".service", ".scope", ".slice", ".socket", ".mount", ".swap")


def _with_ending(unit: str) -> str:
    named = unit if unit.endswith(_ENDINGS) else f"{unit}.service"
    if "@." in named:
        name = named.partition("@")[0]
        raise refuse(
            "is a template, which has no process", f"one of its instances, as {name}@1.service, or all, as system-{name}.slice"
        )
    return named


def _telling(command: str) -> str:
    if len(command.replace("*", "").strip()) < LEAST_COMMAND:
        raise refuse("would be found in any command line", f"at least {LEAST_COMMAND} characters beside *")
    return command


Port = Annotated[int, Strict(), Field(ge=1, lt=65536)]
Unit = Annotated[
    Text,
    Matching(r"[A-Za-z0-9:_.@\\-]+", "is no name of a unit", "a name such as model.service"),
    AfterValidator(_with_ending),
]
Command = Annotated[Text, AfterValidator(_telling)]


class Process(Section):
    """How the model server's processes are found: exactly one of pid_file, port, command, unit and cgroup."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [way]} for way in WAYS]})

    pid_file: FilePath | None = Field(None, description="File with the number of the process, as daemons write it.")
    port: Port | None = Field(None, description="TCP port that it listens on, on the exporter's machine or in its pod.")
    command: Command | None = Field(
        None, description='Part of its command line, as "gunicorn*credit:app"; * stands for any characters.'
    )
    unit: Unit | None = Field(None, description="Its systemd unit; .service unless it has another ending.")
    cgroup: GlobPath | None = Field(
        None, description="Folder of its cgroup, or a glob for it, as /sys/fs/cgroup/system.slice/docker-*.scope."
    )
    children: Flag = Field(True, description="Whether the children of these processes, and theirs, belong to the model server.")
    gpu: Flag = Field(False, description="Whether NVIDIA's GPUs are asked about them; needs prediction-exporter[nvidia].")

    @model_validator(mode="after")
    def _one_way(self) -> Process:
        ways = [way for way in WAYS if getattr(self, way) is not None]
        if len(ways) != 1:
            problem = f"names more than one way to find the processes: {', '.join(ways)}" if ways else "names no way"
            raise refuse(problem, f"exactly one of {', '.join(WAYS[:-1])} and {WAYS[-1]}")
        if not self.children and ways[0] in {"unit", "cgroup"}:
            raise refuse(f"has children: false beside {ways[0]}, whose processes all belong to it", "children: true")
        return self

    @property
    def shown(self) -> str:
        """How they are found, for people."""
        (way,) = (way for way in WAYS if getattr(self, way) is not None)
        return f"{way.replace('_', ' ')} {getattr(self, way)}"
