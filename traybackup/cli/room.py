"""Room: what is left at a place, told to people."""

from traybackup.api.store import Space
from traybackup.cli.output import Output


def tell_space(output: Output, space: Space) -> None:
    """Tell how much is free, if the place says."""
    language = output.language
    if space.free is None:
        return
    free = language.size(space.free)
    if space.total is None:
        output.result(language.gettext("{free} are free.", free=free))
    else:
        output.result(language.gettext("{free} of {total} are free.", free=free, total=language.size(space.total)))
