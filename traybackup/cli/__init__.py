"""The command line: it parses, draws and translates, and decides nothing."""

_ALLOCATIONS = 50_000
"""Objects between two searches for cycles: a run makes a million, few of them in one, and searching costs a tenth."""


def main() -> None:
    """Run the program and end with its exit code, whatever threads plugins may have left behind."""
    import gc  # noqa: PLC0415 - the start is measured
    import os  # noqa: PLC0415 - same
    import sys  # noqa: PLC0415 - same
    import threading  # noqa: PLC0415 - same

    gc.set_threshold(_ALLOCATIONS)

    from traybackup.cli.program import run  # noqa: PLC0415 - same

    code = run()
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)  # nobody waits for a plugin's thread
    sys.exit(code)
