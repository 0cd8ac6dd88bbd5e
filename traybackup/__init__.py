"""traybackup: the whole till on a stick and in the owner's own cloud, every day, proven."""

__version__ = "0.1.0"
