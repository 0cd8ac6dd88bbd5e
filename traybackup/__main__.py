"""``python -m traybackup``."""

from traybackup.cli import main

if __name__ == "__main__":
    main()
