"""Priority: a run takes what the till leaves over, of the processor and of the disk."""

import contextlib
import os
import sys

NICE = 10
_LOWEST_OF_ALL = 7


def lower() -> None:
    """Let this process and those it starts come after everybody else; where that is not possible, go on as it is."""
    import psutil  # noqa: PLC0415 - only a run's process needs it

    process = psutil.Process()
    with contextlib.suppress(psutil.Error, OSError, ValueError):
        if sys.platform == "win32":
            process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            os.nice(max(0, NICE - os.nice(0)))
    with contextlib.suppress(psutil.Error, OSError, ValueError):
        if sys.platform == "win32":
            process.ionice(psutil.IOPRIO_LOW)
        elif sys.platform == "linux":  # best effort, last: the idle class would starve beside a busy database
            process.ionice(psutil.IOPRIO_CLASS_BE, _LOWEST_OF_ALL)
