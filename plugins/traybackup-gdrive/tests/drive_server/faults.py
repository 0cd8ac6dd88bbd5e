"""Faults: what goes wrong with which call."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(slots=True)
class Fault:
    """One scripted fault.

    Attributes:
        method: Which calls: ``files.create``, ``files.*``, ``token``, ``revoke``, ``*`` …
        do: What happens to them:

            * ``503``, ``500``, … an error of that status in JSON, and the call is not carried out;
            * ``html-502`` (any status) a page instead, ``portal`` a page with status 200, ``redirect`` to one;
            * ``429``, ``rate``: asked to slow down, by status and by reason; ``storage``: no room;
            * a reason of Drive's, such as ``domainPolicy``, with status 403;
            * ``reset``: the connection breaks before anything is read;
            * ``lost``: it is carried out, and the connection breaks instead of the answer;
            * ``cut``: the connection breaks in the middle of the answer;
            * ``junk``: something that is no JSON, though it says so;
            * ``say``: *status*, *headers* and *body* are the answer, whatever was asked;
            * ``hang``: no answer for *seconds*;
            * ``duplicate``: what is created is there twice; ``flip``: one bit of what is stored differs, though the
              checksums say otherwise; ``short``: less is stored than arrived, and told so.
        times: How many calls; -1: all.
        skip: How many fitting calls go well before.
        retry_after: For ``429`` and ``503``: the header, as it is sent.
    """

    method: str
    do: str
    times: int = 1
    skip: int = 0
    retry_after: str = ""
    seconds: float = 0.0
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json; charset=UTF-8"})
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
