"""The command line: it parses, draws and translates, and decides nothing."""


def main() -> None:
    """Run the program and end with its exit code."""
    import sys  # noqa: PLC0415 - the start is measured

    from traybackup.cli.program import run  # noqa: PLC0415 - same

    sys.exit(run())
