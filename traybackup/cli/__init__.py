"""The command line: it parses, draws and translates, and decides nothing."""


def main() -> None:
    """Run the program and end with its exit code, whatever threads plugins may have left behind."""
    import os  # noqa: PLC0415 - the start is measured
    import sys  # noqa: PLC0415 - same
    import threading  # noqa: PLC0415 - same

    from traybackup.cli.program import run  # noqa: PLC0415 - same

    code = run()
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)  # nobody waits for a plugin's thread
    sys.exit(code)
