"""Completion in real shells, typed at a terminal, and the man page as its readers' programs see it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prediction_exporter.cli import parser
from prediction_exporter.shell.tree import Command, tree_of

ROOT = Path(__file__).parents[1]
SHARE = ROOT / "exporter" / "share"
PROGRAM = "prediction-exporter"
TREE = tree_of(parser())

#: How each shell is started without anybody's configuration, and made to print the line that is being edited at Ctrl-T.
SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        """bind 'set enable-bracketed-paste off'; bind -x '"\\C-t": printf "\\n<%s>\\n" "$READLINE_LINE"'""",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        (
            """unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; """
            """show() { print -r -- ""; print -r -- "<$BUFFER>" }; zle -N show; bindkey "^T" show"""
        ),
    ),
}
SECONDS = 20.0


class Terminal:
    """A shell at a terminal."""

    def __init__(self, shell: str, folder: Path) -> None:
        command, prepare = SHELLS[shell]
        self.terminal, other_side = pty.openpty()
        environ = {**os.environ, "PS1": "", "TERM": "dumb", "COLUMNS": "500", "INPUTRC": os.devnull, "HISTFILE": ""}
        self.process = subprocess.Popen(
            command, cwd=folder, env=environ, stdin=other_side, stdout=other_side, stderr=other_side, start_new_session=True
        )
        os.close(other_side)
        self.say(f"{prepare}; source <({sys.executable} -m prediction_exporter completion {shell}); echo read''y\n")
        self.wait_for("ready")

    def say(self, text: str) -> None:
        """Type."""
        os.write(self.terminal, text.encode())

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read until something is shown."""
        shown = ""
        deadline = time.monotonic() + SECONDS
        while True:
            ready, _, _ = select.select([self.terminal], [], [], 0.1)
            if ready:
                shown += os.read(self.terminal, 65536).decode(errors="replace")
            found = re.search(pattern, shown)
            if found:
                return found
            assert time.monotonic() < deadline, shown

    def complete(self, line: str) -> str:
        """Return what a line becomes by the tabulator."""
        self.say(f"\x15{line}\t\x14")
        return self.wait_for(r"\n<([^\n]*)>\r?\n")[1]

    def close(self) -> None:
        """End the shell."""
        os.close(self.terminal)
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module", params=sorted(SHELLS))
def terminal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A shell in a folder with a few files."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "exporter.yml").touch()
    (folder / "my data.csv").touch()
    (folder / "rules").mkdir()
    found = Terminal(request.param, folder)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("ba", "baseline"),
        ("ch", "check"),
        ("check con", "check config"),
        ("check config exp", "check config exporter.yml"),
        ("--ver", "--version"),
        ("run --config", "run --config.file"),
        ("run --config.file exp", "run --config.file exporter.yml"),
        ("run --config.file=exp", "run --config.file=exporter.yml"),
        ("run --config.file=exporter.yml --log.le", "run --config.file=exporter.yml --log.level"),
        ("run --log.level=d", "run --log.level=debug"),
        ("run --log.level d", "run --log.level debug"),
        ("run --log.level=x", "run --log.level=x"),
        ("run --log.format=", "run --log.format="),
        ("run --log.format=j", "run --log.format=json"),
        ("run --web.sys", "run --web.systemd-socket"),
        ("run --web.external-url=exp", "run --web.external-url=exp"),
        ("run --web.listen-address=:10900 --log.le", "run --web.listen-address=:10900 --log.level"),
        ("run --web.listen-address 127.0.0.1:10", "run --web.listen-address 127.0.0.1:10"),
        ("baseline --data my", r"baseline --data my\ data.csv"),
        ("baseline --model kit --dat", "baseline --model kit --data"),
        ("kit --output r", "kit --output rules/"),
        ("kit --output exp", "kit --output exp"),
        ("completion f", "completion fish"),
        ("no-such-command --log.l", "no-such-command --log.l"),
    ],
)
def test_completion_at_a_terminal(terminal: Terminal, typed: str, completed: str) -> None:
    """Commands, flags, their choices and files are completed, and nothing where nothing can be known."""
    found = terminal.complete(f"{PROGRAM} {typed}")
    # zsh adds "=" to a flag that takes a value, and takes it away where something else is typed.
    assert found.rstrip("= ") == f"{PROGRAM} {completed}".rstrip("= ")


def test_bash_without_equals_among_its_word_breaks(tmp_path: Path) -> None:
    """Somebody may have taken it out; then a flag and its value are one word."""
    terminal = Terminal("bash", tmp_path)
    terminal.say("COMP_WORDBREAKS=${COMP_WORDBREAKS//=}\n")
    assert terminal.complete(f"{PROGRAM} run --log.level=d") == f"{PROGRAM} run --log.level=debug "
    terminal.close()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ba", {"baseline"}),
        ("check ", {"config"}),
        ("check config exp", {"exporter.yml"}),
        ("run --log.level=", {f"--log.level={level}" for level in ("debug", "info", "warn", "error")}),
        ("run --log.format ", {"json", "logfmt"}),
        ("run --config.file=exp", {"--config.file=exporter.yml"}),
        ("run --web.e", {"--web.enable-lifecycle", "--web.external-url"}),
        ("kit --output ", {"rules/"}),
        ("completion ", {"bash", "fish", "zsh"}),
        ("run --web.external-url ", set()),
    ],
)
def test_completion_in_fish(tmp_path: Path, typed: str, offered: set[str]) -> None:
    """It offers the same."""
    (tmp_path / "exporter.yml").touch()
    (tmp_path / "rules").mkdir()
    script = next((SHARE / "fish").rglob("*.fish"))
    line = f"source {script}; complete -C '{PROGRAM} {typed}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True, env=os.environ
    )
    assert {found.partition("\t")[0] for found in done.stdout.splitlines()} == offered
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_is_installed_is_what_the_command_prints(shell: str) -> None:
    """Under the names that the shells look for."""
    [installed] = [path for path in (SHARE / {"bash": "bash-completion"}.get(shell, shell)).rglob("*") if path.is_file()]
    command = [sys.executable, "-m", "prediction_exporter", "completion", shell]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == installed.read_text()
    assert installed.relative_to(SHARE) == Path(
        {
            "bash": f"bash-completion/completions/{PROGRAM}",
            "zsh": f"zsh/site-functions/_{PROGRAM}",
            "fish": f"fish/vendor_completions.d/{PROGRAM}.fish",
        }[shell]
    )


def leaves() -> list[Command]:
    """Return the commands that do something."""
    return [command for command in TREE.walk() if not command.commands]


def test_the_man_page_has_every_command_and_flag() -> None:
    """As people read it, in a terminal of any width."""
    page = SHARE / "man" / "man1" / f"{PROGRAM}.1"
    environ = {**os.environ, "MANWIDTH": "400", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}
    done = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, check=True, env=environ)
    assert done.stderr == ""
    for command in leaves():
        section = done.stdout.split(f"\n   {' '.join(command.path)}\n")[1].split("\n   ")[0]
        assert " ".join((PROGRAM, *command.path)) in section
        for option in command.options:
            if "--help" not in option.flags:
                assert f"       {', '.join(option.flags)}" in done.stdout
    assert "\nEXIT STATUS\n" in done.stdout
    assert "--version" in done.stdout


def test_the_man_page_is_clean() -> None:
    """Its checker has nothing to say but that a page which belongs to a version has no date."""
    page = SHARE / "man" / "man1" / f"{PROGRAM}.1"
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, check=False)
    remarks = [line for line in (done.stdout + done.stderr).splitlines() if "missing date" not in line]
    assert remarks == []
