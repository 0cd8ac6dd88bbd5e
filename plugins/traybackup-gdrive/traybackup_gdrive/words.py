"""Words: what the owner reads about the settings, in other languages, by the English text."""

from collections.abc import Mapping

TRANSLATIONS: Mapping[str, Mapping[str, str]] = {
    "de": {
        "Folder in Google Drive": "Ordner in Google Drive",
        "It is made if it is not there.": "Er wird angelegt, wenn es ihn noch nicht gibt.",
        "Google account": "Google-Konto",
        "The e-mail address, if it must be a certain one.": "Die E-Mail-Adresse, falls es ein bestimmtes sein muss.",
        "Own client id": "Eigene Client-ID",
        "Of a desktop app in your own Google Cloud project. Do not change it later: backups made with one cannot be "
        "seen with another.": "Einer Desktop-App in Ihrem eigenen Google-Cloud-Projekt. Ändern Sie sie später nicht: "
        "Sicherungen, die mit der einen gemacht wurden, sind mit einer anderen nicht zu sehen.",
        "Secret of the own client": "Geheimnis des eigenen Clients",
        "Other server": "Anderer Server",
        "Scheme and host that replace Google's in every address, such as https://proxy.example.": "Schema und "
        "Rechnername, die in jeder Adresse an die Stelle derer von Google treten, etwa https://proxy.example.",
    },
    "es": {
        "Folder in Google Drive": "Carpeta en Google Drive",
        "It is made if it is not there.": "Se crea si no existe.",
        "Google account": "Cuenta de Google",
        "The e-mail address, if it must be a certain one.": "El correo electrónico, si tiene que ser uno determinado.",
        "Own client id": "ID de cliente propio",
        "Of a desktop app in your own Google Cloud project. Do not change it later: backups made with one cannot be "
        "seen with another.": "De una aplicación de escritorio en su propio proyecto de Google Cloud. No lo cambie "
        "después: los respaldos hechos con uno no se ven con otro.",
        "Secret of the own client": "Secreto del cliente propio",
        "Other server": "Otro servidor",
        "Scheme and host that replace Google's in every address, such as https://proxy.example.": "Esquema y host que "
        "sustituyen a los de Google en cada dirección, como https://proxy.example.",
    },
}
