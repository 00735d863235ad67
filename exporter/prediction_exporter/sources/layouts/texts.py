"""Texts: tells the bodies of models that write text, which have neither features nor predictions: only the requests count.

Nothing that is asked or answered there may become a feature or a class, whichever of the many interfaces it went through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What is asked: messages of a chat, or parts of them. Anything else under such a name is a feature.
_CONVERSATIONS = ("messages", "contents", "input")

#: What only answers of such models have, with what stands there: of OpenAI, Gemini, Anthropic, text-generation servers and
#: Vertex AI's older models.
_ANSWERED: Mapping[str, type] = {
    "choices": list,
    "candidates": list,
    "usage": dict,
    "usageMetadata": dict,
    "safetyAttributes": dict,
    "generated_text": str,
}

#: How answers, and the parts of one that is streamed, begin to say what they are.
_KINDS = {"object": ("response", "chat.completion", "text_completion"), "type": ("response.",)}


def are_of_text(request: Any, response: Any) -> bool:
    """Return whether the bodies of a request and of its response, parsed, are those of a model that writes text.

    >>> are_of_text({"messages": [{"role": "user", "content": "x"}]}, None), are_of_text({"messages": 3}, None)
    (True, False)
    >>> are_of_text({"instances": [[1, 2]]}, {"predictions": [{"candidates": []}]}), are_of_text(None, {"predictions": [0.3]})
    (True, False)
    """
    prompt = request.get("prompt") if isinstance(request, Mapping) else None
    return isinstance(prompt, str | list) or _is_conversation(request) or _is_answer(response)


def _first(value: Any) -> Any:
    """Return the first of a list, of parts that are alike: one is looked at, however many there are."""
    while isinstance(value, list) and value:
        value = value[0]
    return value


def _is_conversation(request: Any) -> bool:
    if not isinstance(request, Mapping):
        return False
    messages = [_first(request[key]) for key in _CONVERSATIONS if isinstance(request.get(key), list)]
    if any(isinstance(part, Mapping) and "role" in part and ("content" in part or "parts" in part) for part in messages):
        return True
    return _is_conversation(_first(request.get("instances")))


def _is_answer(response: Any) -> bool:
    response = _first(response)
    if not isinstance(response, Mapping):
        return False
    if any(isinstance(response.get(key), kind) for key, kind in _ANSWERED.items()):
        return True
    if any(str(response.get(key)).startswith(kinds) for key, kinds in _KINDS.items()):
        return True
    return any(_is_answer(response.get(key)) for key in ("predictions", "output"))
