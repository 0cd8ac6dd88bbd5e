"""Words: what the owner reads about the settings, in other languages, by the English text."""

from collections.abc import Mapping

TRANSLATIONS: Mapping[str, Mapping[str, str]] = {
    "de": {
        "Folder in Dropbox": "Ordner in Dropbox",
        "It is made if it is not there.": "Er wird angelegt, wenn es ihn noch nicht gibt.",
        "Dropbox account": "Dropbox-Konto",
        "The e-mail address, if it must be a certain one.": "Die E-Mail-Adresse, falls es ein bestimmtes sein muss.",
        "Own app key": "Eigener App-Schlüssel",
        "Of an app of your own, with access to an app folder. Do not change it later: backups made with one cannot be "
        "seen with another.": "Einer eigenen App mit Zugriff auf einen App-Ordner. Ändern Sie ihn später nicht: "
        "Sicherungen, die mit dem einen gemacht wurden, sind mit einem anderen nicht zu sehen.",
        "Other server": "Anderer Server",
        "Scheme and host that replace Dropbox's in every address, such as https://proxy.example.": "Schema und "
        "Rechnername, die in jeder Adresse an die Stelle derer von Dropbox treten, etwa https://proxy.example.",
    },
    "es": {
        "Folder in Dropbox": "Carpeta en Dropbox",
        "It is made if it is not there.": "Se crea si no existe.",
        "Dropbox account": "Cuenta de Dropbox",
        "The e-mail address, if it must be a certain one.": "El correo electrónico, si tiene que ser uno determinado.",
        "Own app key": "Clave de aplicación propia",
        "Of an app of your own, with access to an app folder. Do not change it later: backups made with one cannot be "
        "seen with another.": "De una aplicación propia, con acceso a una carpeta de aplicación. No la cambie después: "
        "los respaldos hechos con una no se ven con otra.",
        "Other server": "Otro servidor",
        "Scheme and host that replace Dropbox's in every address, such as https://proxy.example.": "Esquema y host que "
        "sustituyen a los de Dropbox en cada dirección, como https://proxy.example.",
    },
}
