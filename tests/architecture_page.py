"""The examples of docs/architecture.md, applied to a copy of the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return a section of the page."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    """Return a text's blocks in a language, without the indentation that they have in lists."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indentation}", "", block, flags=re.MULTILINE) for indentation, block in found]


def named_before(text: str, block: str) -> str:
    """Return the last file that a text names before a block's first line."""
    before = text.partition(block.splitlines()[0])[0]
    files: list[str] = re.findall(r"`([\w/]+\.py)`", before)
    return files[-1]


def apply(diff: str, file: Path) -> None:
    """Apply the parts of a diff, each of which must fit at one place."""
    for part in diff.split("@@\n"):
        lines = part.splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"in {file.name} there is no longer, or more than once:\n{old}"
        file.write_text(text.replace(old, new), encoding="utf-8")


def apply_example(text: str, folder: Path) -> None:
    """Write a text's one module, and apply its diffs, in a copy."""
    [module] = blocks(text, "python")
    (folder / named_before(text, module)).write_text(module, encoding="utf-8")
    for diff in blocks(text, "diff"):
        apply(diff, folder / named_before(text, diff))


def copy_of(folder: Path, *names: str) -> None:
    """Copy files and folders of the repository."""
    for name in names:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, on the copy's package."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(copy / "exporter")
    return subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
