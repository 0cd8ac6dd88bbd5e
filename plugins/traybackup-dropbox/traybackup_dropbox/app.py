"""The program's own registration with Dropbox: an *app*. Every built copy carries the maker's, an owner may use his.

The maker's is in ``app.json`` beside this module, empty in the sources; `README.md` says how to get one. The key is no
secret, and there is none: PKCE does what it would do.
Source: https://developers.dropbox.com/oauth-guide.
"""

import json
from importlib import resources

from traybackup.api import SettingInvalid


def choose(own_key: str) -> str:
    """Return the key of the owner's own app if he has one, else of the maker's.

    Raises:
        SettingInvalid: There is neither.
    """
    text = resources.files("traybackup_dropbox").joinpath("app.json").read_text("utf-8")
    key = own_key or str(json.loads(text)["app_key"])
    if not key:
        raise SettingInvalid(field="app_key", allowed="[0-9a-z]…")
    return key
