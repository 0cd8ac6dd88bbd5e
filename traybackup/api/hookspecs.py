"""The hooks: what a plugin can add. Each returns an iterable of records, or takes one.

A plugin is a module named by an entry point of the group ``traybackup``, with functions marked by `hookimpl`. Within
1.x hooks are only added, and arguments only appended.
"""

from collections.abc import Iterable

import pluggy

from traybackup.api.provider import Provider

PROJECT = "traybackup"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def traybackup_providers() -> Iterable[Provider]:  # type: ignore[empty-body]  # pluggy wants a signature, not a body
    """Return the kinds of place that this plugin adds. Since 1.0."""
