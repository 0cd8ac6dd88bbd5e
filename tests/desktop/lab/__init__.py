"""A computer in a box, for tests: its own processes, mounts, buses and sticks; gone without trace at the end.

One module a service, each a context manager on the *Room* (`tests.desktop.lab.room`) in which it runs: `buses`,
`udisks`, `sticks`. It needs root, unshare(1) and nsenter(1), but neither systemd nor a display.
"""
