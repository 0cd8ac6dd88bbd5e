"""Masks: what ``fields`` selects of an answer.

Source: https://developers.google.com/workspace/drive/api/guides/fields-parameter.
"""

from typing import Any

from drive_server.messages import bad_request

Mask = dict[str, "Mask"]
"""Selected names; an empty mask below one selects all of it."""


def parsed(text: str) -> Mask:
    """Read ``a,b(c,d/e)``.

    Raises:
        Refused: It cannot be read.
    """
    mask, rest = _list(text)
    if rest or not mask:
        raise bad_request(f"Invalid field selection {text}", "fields")
    return mask


def _list(text: str) -> tuple[Mask, str]:
    """Read what stands between commas."""
    mask: Mask = {}
    while True:
        name, below, text = _item(text)
        mask.setdefault(name, {}).update(below)
        if text[:1] != ",":
            return mask, text
        text = text[1:]


def _item(text: str) -> tuple[str, Mask, str]:
    """Read a name with what is selected below it."""
    end = next((at for at, letter in enumerate(text) if letter in ",()/"), len(text))
    name, text = text[:end], text[end:]
    if not name.isalnum() and name != "*":
        raise bad_request(f"Invalid field selection {name}", "fields")
    below: Mask = {}
    if text[:1] == "(":
        below, text = _list(text[1:])
        if text[:1] != ")":
            raise bad_request("Invalid field selection", "fields")
        return name, below, text[1:]
    if text[:1] == "/":
        inner, deeper, text = _item(text[1:])
        below = {inner: deeper}
    return name, below, text


def selected(mask: Mask, value: Any, known: frozenset[str]) -> Any:
    """Return what *mask* selects of *value*.

    Args:
        known: Every name that is legal somewhere in it.

    Raises:
        Refused: A name means nothing.
    """
    if isinstance(value, list):
        return [selected(mask, one, known) for one in value]
    if not mask or "*" in mask or not isinstance(value, dict):
        return value
    for name in mask:
        if name not in known:
            raise bad_request(f"Invalid field selection {name}", "fields")
    return {name: selected(below, value[name], known) for name, below in mask.items() if name in value}
