"""Faults: what goes wrong with which call."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(slots=True)
class Fault:
    """One scripted fault.

    Attributes:
        method: Which calls: ``files/upload``, ``files/*``, ``oauth2/token``, ``*`` …
        do: What happens to them:

            * ``503``, ``500``, … an error of that status in plain words, and the call is not carried out;
            * ``html-502`` (any status) a page instead, ``portal`` a page with status 200, ``redirect`` to one;
            * ``429`` asked to slow down in JSON, ``text-429`` in plain words;
            * ``token/…``: status 401 with that word, such as ``token/expired_access_token``;
            * ``access/…``: status 403 with that word;
            * words with slashes, such as ``path/insufficient_space``: status 409, the method's own refusal;
            * ``scope``: the app was registered without the right; ``bad``: a request that cannot be right;
            * ``reset``: the connection breaks before anything is read;
            * ``lost``: it is carried out, and the connection breaks instead of the answer;
            * ``cut``: the connection breaks in the middle of the answer;
            * ``junk``: something that is no JSON, though it says so;
            * ``say``: *status*, *headers* and *body* are the answer, whatever was asked;
            * ``hang``: no answer for *seconds*;
            * ``flip``: one bit of what is stored differs, though the hash says otherwise; ``short``: less is stored
              than arrived, and told so; ``other``: something else is stored, and its hash told.
        times: How many calls; -1: all.
        skip: How many fitting calls go well before.
        retry_after: For ``429``, ``text-429`` and ``503``: the header, as it is sent.
        wait: For ``429``: the seconds told in the JSON.
    """

    method: str
    do: str
    times: int = 1
    skip: int = 0
    retry_after: str = ""
    wait: int = 1
    seconds: float = 0.0
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    body: bytes = b""

    def takes(self, method: str) -> bool:
        """Say whether this call is hit, and count it."""
        if self.times == 0 or not fnmatchcase(method, self.method):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= self.times > 0
        return True
