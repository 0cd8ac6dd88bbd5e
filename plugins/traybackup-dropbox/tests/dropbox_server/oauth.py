"""OAuth: the page that asks the owner, tokens, and giving them back, for an installed program with PKCE.

Source: https://developers.dropbox.com/oauth-guide and
https://www.dropbox.com/developers/documentation/http/documentation#authorization.
"""

import base64
import hashlib
import html
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from dropbox_server.messages import Reply, Request
from dropbox_server.world import Grant, World

_ASKED = {
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "token_access_type",
    "force_reapprove",
    "force_reauthentication",
    "disable_signup",
    "locale",
    "include_granted_scopes",
}
_OURS = {"traybackup_policy", "traybackup_account"}
_FORM = "application/x-www-form-urlencoded"


def authorize(world: World, request: Request) -> Reply:
    """Ask the owner, who answers as the world's policy says, and send the browser back or show the code."""
    asked = request.params
    wrong = _wrong_question(world, asked)
    if wrong:
        return Reply.html(f"Something went wrong: {wrong}", 400)
    policy = asked.pop("traybackup_policy", world.policy)
    if policy == "ask":
        return _consent_page(world, asked)
    if policy == "cancel":
        return _back(
            asked, {"error": "access_denied", "error_description": "The user chose not to give your app access"}
        )
    email = asked.pop("traybackup_account", "")
    account = next((one for one in world.accounts if one.email == email), world.chosen or world.accounts[0])
    app = world.apps[asked["client_id"]]
    scopes = set(asked["scope"].split()) if asked.get("scope") else set(app.scopes)
    if policy == "less":
        scopes -= {"files.content.write"}
    code = world.word(43)
    world.codes[code] = (Grant(account, app, frozenset(scopes)), dict(asked))
    return _back(asked, {"code": code})


def _wrong_question(world: World, asked: Mapping[str, str]) -> str:
    app = world.apps.get(asked.get("client_id", ""))
    if app is None:
        return "Invalid client_id"
    checks = {
        "Invalid redirect_uri": "redirect_uri" not in asked or asked["redirect_uri"] in app.redirects,
        "Invalid response_type": asked.get("response_type") == "code",
        "Invalid scope": set(asked.get("scope", "").split()) <= app.scopes,
        "Invalid code_challenge_method": asked.get("code_challenge_method") == "S256",
        "Invalid code_challenge": len(asked.get("code_challenge", "")) == 43,
        "Invalid token_access_type": asked.get("token_access_type") in ("offline", "online"),
        "Unknown parameter": not set(asked) - _ASKED - _OURS,
    }
    return next((word for word, right in checks.items() if not right), "")


def _back(asked: Mapping[str, str], answer: dict[str, str]) -> Reply:
    if "redirect_uri" not in asked:
        said = html.escape(answer.get("code", answer.get("error", "")))
        return Reply.html(f"Enter this code to finish: <input readonly value='{said}'>")
    if "state" in asked:
        answer = {"state": asked["state"]} | answer
    return Reply(302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(answer)}"})


def _consent_page(world: World, asked: Mapping[str, str]) -> Reply:
    """Show what can be clicked on, each a link to this page with the answer in it."""
    links = []
    for account in world.accounts:
        for policy, label in (("accept", "Allow"), ("less", "Allow less"), ("cancel", "Cancel")):
            answer = dict(asked) | {"traybackup_policy": policy, "traybackup_account": account.email}
            address = html.escape(f"/oauth2/authorize?{urlencode(answer)}")
            links.append(f'<p><a href="{address}">{label} as {html.escape(account.email)}</a>')
    page = f"<!DOCTYPE html><html lang=en><title>Sign in</title><h1>Choose</h1>{''.join(links)}</html>"
    return Reply(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


def token(world: World, request: Request, body: bytes) -> Reply:
    """Trade a code or a refresh token for an access token."""
    form = _form(request, body)
    if form is None:
        return error("invalid_request", "bad form")
    if form.get("client_id") not in world.apps:
        return error("invalid_client: Invalid client_id or client_secret", "Invalid client_id or client_secret")
    if form.get("grant_type") == "authorization_code":
        return _code(world, form)
    if form.get("grant_type") == "refresh_token":
        return _refresh(world, form)
    return error("unsupported_grant_type", "grant_type must be one of authorization_code, refresh_token")


def _code(world: World, form: Mapping[str, str]) -> Reply:
    allowed = {"client_id", "code", "code_verifier", "grant_type", "redirect_uri", "locale"}
    if set(form) - allowed:
        return error("invalid_request", f"unknown field {min(set(form) - allowed)}")
    grant, asked = world.codes.pop(form.get("code", ""), (None, {}))
    if grant is None or form["client_id"] != grant.app.key:
        return error("invalid_grant", "code doesn't exist or has expired")
    if form.get("redirect_uri") != asked.get("redirect_uri"):
        return error("invalid_grant", "redirect_uri mismatch")
    verifier = form.get("code_verifier", "")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not 43 <= len(verifier) <= 128 or challenge != asked["code_challenge"]:
        return error("invalid_grant", "invalid code verifier")
    more: dict[str, object] = {"uid": "12345", "account_id": grant.account.id}
    if asked["token_access_type"] == "offline":  # noqa: S105 - a kind of sign-in
        refresh = world.word(64)
        world.refresh_tokens[refresh] = grant
        more["refresh_token"] = refresh
    return tokens(world, grant, more | {"scope": " ".join(sorted(grant.scopes))})


def _refresh(world: World, form: Mapping[str, str]) -> Reply:
    grant = world.refresh_tokens.get(form.get("refresh_token", ""))
    if grant is None or grant.revoked or form["client_id"] != grant.app.key:
        return error("invalid_grant", "refresh token is invalid or revoked")
    return tokens(world, grant, {})


def tokens(world: World, grant: Grant, more: dict[str, object]) -> Reply:
    """Return a new access token."""
    access = f"sl.{world.word(137)}"
    world.access_tokens[access] = (grant, world.now() + world.lifetime)
    return Reply.json({"access_token": access, "expires_in": world.lifetime, "token_type": "bearer"} | more)


def _form(request: Request, body: bytes) -> dict[str, str] | None:
    if request.content_type != _FORM or request.params:
        return None
    pairs = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True)
    return dict(pairs) if len(dict(pairs)) == len(pairs) else None


def error(word: str, description: str, status: int = 400) -> Reply:
    """Return the refusal of a token."""
    return Reply.json({"error": word, "error_description": description}, status)
