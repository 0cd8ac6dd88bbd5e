"""The pages that end a sign-in in the browser, in the languages of the shop's owner."""

from typing import NamedTuple


class Page(NamedTuple):
    """What a page says."""

    title: str
    text: str


LANGUAGES = ("en", "de", "es")

PAGES: dict[str, dict[str, Page]] = {
    "en": {
        "thanks": Page("Thank you", "You can close this window and go back to traybackup."),
        "refused": Page("Not allowed", "Nothing was changed. You can close this window."),
        "again": Page("Already answered", "This page was opened before. You can close this window."),
        "unknown": Page("Not a page of traybackup", "This address has nothing to show. You can close this window."),
    },
    "de": {
        "thanks": Page("Danke", "Sie können dieses Fenster schließen und zu traybackup zurückkehren."),
        "refused": Page("Nicht erlaubt", "Es wurde nichts geändert. Sie können dieses Fenster schließen."),
        "again": Page(
            "Schon beantwortet", "Diese Seite wurde schon einmal geöffnet. Sie können dieses Fenster schließen."
        ),
        "unknown": Page(
            "Keine Seite von traybackup", "Unter dieser Adresse gibt es nichts. Sie können dieses Fenster schließen."
        ),
    },
    "es": {
        "thanks": Page("Gracias", "Puede cerrar esta ventana y volver a traybackup."),
        "refused": Page("No permitido", "No se ha cambiado nada. Puede cerrar esta ventana."),
        "again": Page("Ya respondido", "Esta página ya se abrió antes. Puede cerrar esta ventana."),
        "unknown": Page("No es una página de traybackup", "No hay nada en esta dirección. Puede cerrar esta ventana."),
    },
}
