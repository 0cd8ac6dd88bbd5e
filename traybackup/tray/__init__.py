"""The tray: the icon, its tooltip and its menu. A face: it draws what `traybackup.app` says, and passes orders on."""
