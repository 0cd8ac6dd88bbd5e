"""The program's own registration with Google: a *client*. Every built copy carries the maker's, an owner may use his.

The maker's is in ``client.json`` beside this module, empty in the sources; `README.md` says how to get one. A
desktop client's secret is none: Google says so itself, and PKCE does what it cannot.
Source: https://developers.google.com/identity/protocols/oauth2/native-app.
"""

import json
from dataclasses import dataclass, field
from importlib import resources

from traybackup.api import SettingInvalid


@dataclass(frozen=True, slots=True)
class Client:
    """Under which name this program asks Google. What one client has stored, another cannot see."""

    id: str
    secret: str = field(default="", repr=False)


def choose(own_id: str, own_secret: str) -> Client:
    """Return the owner's own client if he has one, else the maker's.

    Raises:
        SettingInvalid: There is neither.
    """
    if own_id:
        return Client(own_id, own_secret)
    text = resources.files("traybackup_gdrive").joinpath("client.json").read_text("utf-8")
    built_in = json.loads(text)
    if not built_in["client_id"]:
        raise SettingInvalid(field="client_id", allowed="….apps.googleusercontent.com")
    return Client(built_in["client_id"], built_in["client_secret"])
