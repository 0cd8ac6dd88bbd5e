"""OAuth: the page that asks the owner, tokens, and giving them back, for an installed program with PKCE.

Source: https://developers.google.com/identity/protocols/oauth2/native-app.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from drive_server.messages import Reply, Request
from drive_server.world import SCOPE, Grant, World

_ASKED = {
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "access_type",
    "prompt",
    "login_hint",
    "include_granted_scopes",
}
_SCOPES = {"openid", "email", SCOPE, "https://www.googleapis.com/auth/drive"}
_HERE = {"127.0.0.1", "localhost", "::1"}
_FORM = "application/x-www-form-urlencoded"


def authorize(world: World, request: Request) -> Reply:
    """Ask the owner, who answers as the world's policy says, and send the browser back."""
    asked = request.params
    wrong = _wrong_question(world, asked)
    if wrong:
        return Reply.html(f"Access blocked: Error 400: {wrong}", 400)
    policy = asked.pop("traybackup_policy", world.policy)
    if policy == "ask":
        return _consent_page(world, asked)
    if policy == "cancel":
        return _back(asked, {"error": "access_denied"})
    account = world.chosen or world.accounts[0]
    email = asked.pop("traybackup_account", "") or ("" if world.chosen else asked.get("login_hint", ""))
    account = next((one for one in world.accounts if one.email == email), account)
    scopes = set(asked["scope"].split())
    if policy == "untick":
        scopes -= {SCOPE}
    code = f"4/0{world.word(60)}"
    grant = Grant(account, world.clients[asked["client_id"]], frozenset(scopes), world.now())
    world.codes[code] = (grant, dict(asked))
    return _back(asked, {"code": code, "scope": " ".join(sorted(scopes))})


def _wrong_question(world: World, asked: Mapping[str, str]) -> str:
    uri = urlsplit(asked.get("redirect_uri", ""))
    scopes = set(asked.get("scope", "").split())
    checks = {
        "invalid_client": asked.get("client_id") in world.clients,
        "redirect_uri_mismatch": uri.scheme == "http" and uri.hostname in _HERE and not uri.query and not uri.fragment,
        "unsupported_response_type": asked.get("response_type") == "code",
        "invalid_scope": bool(scopes) and scopes <= _SCOPES,
        "code_challenge_method": asked.get("code_challenge_method") == "S256",
        "code_challenge": len(asked.get("code_challenge", "")) == 43,
        "invalid_request": not set(asked) - _ASKED - {"traybackup_policy", "traybackup_account"},
    }
    return next((word for word, right in checks.items() if not right), "")


def _back(asked: Mapping[str, str], answer: dict[str, str]) -> Reply:
    if "state" in asked:
        answer = {"state": asked["state"]} | answer
    return Reply(302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(answer)}"})


def _consent_page(world: World, asked: Mapping[str, str]) -> Reply:
    """Show what can be clicked on, each a link to this page with the answer in it."""
    links = []
    for account in world.accounts:
        for policy, label in (("accept", "Continue"), ("untick", "Continue without files"), ("cancel", "Cancel")):
            answer = dict(asked) | {"traybackup_policy": policy, "traybackup_account": account.email}
            address = html.escape(f"/o/oauth2/v2/auth?{urlencode(answer)}")
            links.append(f'<p><a href="{address}">{label} as {html.escape(account.email)}</a>')
    page = f"<!DOCTYPE html><html lang=en><title>Sign in</title><h1>Choose</h1>{''.join(links)}</html>"
    return Reply(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


def token(world: World, request: Request, body: bytes) -> Reply:
    """Trade a code or a refresh token for an access token."""
    form = _form(request, body)
    if form is None:
        return _error("invalid_request", "Bad Request")
    client = world.clients.get(form.get("client_id", ""))
    if client is None:
        return _error("invalid_client", "The OAuth client was not found.", 401)
    if form.get("client_secret") != client.secret:
        return _error("invalid_client", "Unauthorized", 401)
    if form.get("grant_type") == "authorization_code":
        return _code(world, form)
    if form.get("grant_type") == "refresh_token":
        return _refresh(world, form)
    return _error("unsupported_grant_type", "Invalid grant_type")


def _code(world: World, form: Mapping[str, str]) -> Reply:
    allowed = {"client_id", "client_secret", "code", "code_verifier", "grant_type", "redirect_uri", "scope"}
    if set(form) - allowed:
        return _error("invalid_request", f"Invalid parameter: {min(set(form) - allowed)}")
    grant, asked = world.codes.pop(form.get("code", ""), (None, {}))
    if grant is None:
        return _error("invalid_grant", "Malformed auth code.")
    if form.get("client_id") != grant.client.id:
        return _error("unauthorized_client", "Unauthorized", 401)
    if form.get("redirect_uri") != asked["redirect_uri"]:
        return _error("redirect_uri_mismatch", "Bad Request")
    verifier = form.get("code_verifier", "")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not 43 <= len(verifier) <= 128:
        return _error("invalid_grant", "Missing code verifier.")
    if challenge != asked["code_challenge"]:
        return _error("invalid_grant", "Invalid code verifier.")
    refresh = f"1//0{world.word(99)}"
    world.refresh_tokens[refresh] = grant
    return _tokens(world, grant, {"refresh_token": refresh})


def _refresh(world: World, form: Mapping[str, str]) -> Reply:
    grant = world.refresh_tokens.get(form.get("refresh_token", ""))
    if grant is None or world.is_over(grant):
        return _error("invalid_grant", "Token has been expired or revoked.")
    if form["client_id"] != grant.client.id:
        return _error("unauthorized_client", "Unauthorized", 401)
    return _tokens(world, grant, {})


def _tokens(world: World, grant: Grant, more: dict[str, object]) -> Reply:
    access = f"ya29.{world.word(213)}"
    world.access_tokens[access] = (grant, world.now() + world.lifetime)
    answer: dict[str, object] = {
        "access_token": access,
        "expires_in": world.lifetime,
        "scope": " ".join(sorted(grant.scopes)),
        "token_type": "Bearer",
    }
    if "openid" in grant.scopes:
        claims = {"iss": "https://accounts.google.com", "aud": grant.client.id, "sub": grant.account.sub}
        if "email" in grant.scopes:
            claims["email"] = grant.account.email
        answer["id_token"] = ".".join(_part(one) for one in ({"alg": "RS256"}, claims, {"not": "a signature"}))
    return Reply.json(answer | more)


def _part(value: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def revoke(world: World, request: Request, body: bytes) -> Reply:
    """End a sign-in, and with it every other of the same account and client."""
    form = _form(request, body) or {}
    word = form.get("token", "")
    grant = world.refresh_tokens.get(word) or world.access_tokens.get(word, (None, 0))[0]
    if grant is None or grant.revoked:
        return _error("invalid_token", "Token expired or revoked")
    for other in world.refresh_tokens.values():
        if other.account is grant.account and other.client is grant.client:
            other.revoked = True
    return Reply.json({})


def _form(request: Request, body: bytes) -> dict[str, str] | None:
    if request.content_type != _FORM or request.params:
        return None
    pairs = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True)
    return dict(pairs) if len(dict(pairs)) == len(pairs) else None


def _error(error: str, description: str, status: int = 400) -> Reply:
    return Reply.json({"error": error, "error_description": description}, status=status)
