"""Words: what the owner reads about the settings, in other languages, by the English text."""

from collections.abc import Mapping

TRANSLATIONS: Mapping[str, Mapping[str, str]] = {
    "de": {
        "WebDAV server": "WebDAV-Server",
        "Address of the server": "Adresse des Servers",
        "As the server names it for WebDAV, such as https://cloud.example/remote.php/dav/files/anna.": "Wie der Server "
        "sie für WebDAV nennt, etwa https://cloud.example/remote.php/dav/files/anna.",
        "Folder there": "Ordner dort",
        "It is made if it is not there.": "Er wird angelegt, wenn es ihn noch nicht gibt.",
        "User name": "Benutzername",
        "Password": "Passwort",
        "Best one that is only for this program.": "Am besten eines nur für dieses Programm.",
        "Certificate of the server": "Zertifikat des Servers",
        "A file in PEM format, where the server made its certificate itself.": "Eine Datei im PEM-Format, falls der "
        "Server sein Zertifikat selbst gemacht hat.",
    },
    "es": {
        "WebDAV server": "Servidor WebDAV",
        "Address of the server": "Dirección del servidor",
        "As the server names it for WebDAV, such as https://cloud.example/remote.php/dav/files/anna.": "Como el "
        "servidor la indica para WebDAV, por ejemplo https://cloud.example/remote.php/dav/files/anna.",
        "Folder there": "Carpeta en él",
        "It is made if it is not there.": "Se crea si no existe.",
        "User name": "Usuario",
        "Password": "Contraseña",
        "Best one that is only for this program.": "Mejor una que sea solo para este programa.",
        "Certificate of the server": "Certificado del servidor",
        "A file in PEM format, where the server made its certificate itself.": "Un archivo en formato PEM, si el "
        "servidor hizo su propio certificado.",
    },
}
