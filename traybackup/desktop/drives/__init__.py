"""Drives that can be unplugged: which are there, live, and how to mount and eject them.

`traybackup.desktop.drives.model` has the nouns and the interface; there is one module for each system behind it, and
`traybackup.desktop.drives.choice` opens the right one.
"""
