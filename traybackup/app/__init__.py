"""The use cases: what the faces ask for. `traybackup.app.service` is the only door."""
