"""Redaction: secrets that this process has seen are taken out of every text that others wrote."""

_SHORTEST = 6
"""Characters: anything shorter would black out words."""

_IN_ITS_PLACE = "…"


class Redactor:
    """Knows secrets, and takes them out of texts."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __repr__(self) -> str:
        return "Redactor(…)"

    def know(self, *secrets: str | None) -> None:
        """Take *secrets* out of every text from now on."""
        self._known.update(secret for secret in secrets if secret and len(secret) >= _SHORTEST)

    def __call__(self, text: str) -> str:
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, _IN_ITS_PLACE)
        return text
