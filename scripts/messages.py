"""Write a message of each alert into a folder, in each form, to be looked at.

    PYTHONPATH=tests python scripts/messages.py FOLDER

A mail opens in a browser, wide and narrow, light and dark. What Teams draws is a card, for any renderer of Adaptive Cards.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from alert_messages import Message, messages_of_alerts


def _card(message: Message) -> dict[str, Any]:
    """Return the card that an Alertmanager makes of a title and a text."""
    title = {"type": "TextBlock", "text": message.title, "weight": "Bolder", "size": "Medium", "wrap": True, "style": "heading"}
    text = {"type": "TextBlock", "text": message.markdown, "wrap": True}
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [title | {"color": "Attention"}, text],
        "msteams": {"width": "full"},
    }


def main(folder: Path) -> None:
    """Write the messages."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept:
        messages = messages_of_alerts(Path(kept))
    for name, message in messages.items():
        forms = {"html": message.html, "txt": message.plain, "slack.txt": f"{message.title}\n{message.slack}"}
        forms["card.json"] = json.dumps(_card(message), indent=1, ensure_ascii=False)
        for ending, text in forms.items():
            (folder / f"{name}.{ending}").write_text(text, encoding="utf-8")
    print(f"{len(messages)} messages in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
