"""Words: what the owner reads about the settings, in other languages, by the English text."""

from collections.abc import Mapping

TRANSLATIONS: Mapping[str, Mapping[str, str]] = {
    "de": {
        "SFTP server (SSH)": "SFTP-Server (SSH)",
        "Server": "Server",
        "Its name or address. It may also stand before the folder: anna@nas.local:backups.": "Sein Name oder seine "
        "Adresse. Er kann auch vor dem Ordner stehen: anna@nas.local:backups.",
        "User name": "Benutzername",
        "Folder on the server": "Ordner auf dem Server",
        "It is made if it is not there.": "Er wird angelegt, wenn es ihn noch nicht gibt.",
        "Password": "Passwort",
        "Without password and key, the SSH agent is asked.": "Ohne Passwort und Schlüssel wird der SSH-Agent gefragt.",
        "Fingerprint of the server's key": "Fingerabdruck des Serverschlüssels",
        "SHA256:…, as whoever runs the server says. Nothing is sent to a server with another key.": "SHA256:…, wie ihn "
        "der Betreiber des Servers nennt. Einem Server mit einem anderen Schlüssel wird nichts gesendet.",
        "Port": "Port",
        "Private key": "Privater Schlüssel",
        "The content of a key file, Ed25519 or ECDSA; one of RSA is too long for the keyring.": "Der Inhalt einer "
        "Schlüsseldatei, Ed25519 oder ECDSA; einer von RSA ist zu lang für den Schlüsselbund.",
        "File with the private key": "Datei mit dem privaten Schlüssel",
        "Instead of the key itself.": "Statt des Schlüssels selbst.",
        "Log in by the SSH agent alone": "Nur über den SSH-Agenten anmelden",
        "Then the keyring of this computer is not needed.": "Dann wird der Schlüsselbund dieses Computers nicht "
        "gebraucht.",
        "Password of the private key": "Passwort des privaten Schlüssels",
    },
    "es": {
        "SFTP server (SSH)": "Servidor SFTP (SSH)",
        "Server": "Servidor",
        "Its name or address. It may also stand before the folder: anna@nas.local:backups.": "Su nombre o dirección. "
        "También puede ir delante de la carpeta: anna@nas.local:backups.",
        "User name": "Usuario",
        "Folder on the server": "Carpeta en el servidor",
        "It is made if it is not there.": "Se crea si no existe.",
        "Password": "Contraseña",
        "Without password and key, the SSH agent is asked.": "Sin contraseña ni clave se pregunta al agente SSH.",
        "Fingerprint of the server's key": "Huella de la clave del servidor",
        "SHA256:…, as whoever runs the server says. Nothing is sent to a server with another key.": "SHA256:…, como la "
        "indica quien administra el servidor. A un servidor con otra clave no se le envía nada.",
        "Port": "Puerto",
        "Private key": "Clave privada",
        "The content of a key file, Ed25519 or ECDSA; one of RSA is too long for the keyring.": "El contenido de un "
        "archivo de clave, Ed25519 o ECDSA; una de RSA es demasiado larga para el llavero.",
        "File with the private key": "Archivo con la clave privada",
        "Instead of the key itself.": "En lugar de la clave misma.",
        "Log in by the SSH agent alone": "Entrar solo con el agente SSH",
        "Then the keyring of this computer is not needed.": "Entonces no hace falta el llavero de este equipo.",
        "Password of the private key": "Contraseña de la clave privada",
    },
}
