"""Query: the search language of ``files.list``, as far as Drive's documentation gives it for these fields.

Source: https://developers.google.com/workspace/drive/api/guides/search-files and …/guides/ref-search-terms.
"""

import re
from collections.abc import Callable

from drive_server.messages import bad_request
from drive_server.world import TOP, Stored

Test = Callable[[Stored, bool], bool]
"""Says whether a file fits; the flag says whether it is in the trash."""

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<op>!=|>=|<=|[()=<>])|(?P<word>[A-Za-z]+))")


class _Parser:
    def __init__(self, text: str, *, kinds_known: bool) -> None:
        self._kinds_known = kinds_known
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise bad_request("Invalid Value", "q")
            kind = found.lastgroup or ""
            self._tokens.append((kind, found[kind]))
            at = found.end()

    def parse(self) -> Test:
        test = self._either()
        if self._tokens:
            raise bad_request("Invalid Value", "q")
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._next_is("or"):
            tests.append(self._both())
        return lambda file, trashed: any(test(file, trashed) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._next_is("and"):
            tests.append(self._one())
        return lambda file, trashed: all(test(file, trashed) for test in tests)

    def _one(self) -> Test:
        if self._next_is("not"):
            test = self._one()
            return lambda file, trashed: not test(file, trashed)
        if self._next_is("("):
            test = self._either()
            self._want(")")
            return test
        kind, token = self._take()
        if kind == "text":
            self._want("in")
            self._want("parents")
            return _in_parent(_unquoted(token))
        return self._comparison(token)

    def _comparison(self, field: str) -> Test:
        operator, (kind, value) = self._take()[1], self._take()
        if field == "trashed" and operator in ("=", "!=") and value in ("true", "false"):
            wanted = (value == "true") == (operator == "=")
            return lambda _, trashed: trashed == wanted
        if kind != "text":
            raise bad_request("Invalid Value", "q")
        text = _unquoted(value)
        if field == "name" and operator == "=":
            return lambda file, _: file.name.casefold() == text.casefold()  # names are not case-sensitive here
        if field == "mimeType" and operator == "=":
            return lambda file, _: file.kind == text
        if field == "mimeType" and operator == "!=" and self._kinds_known:
            return lambda file, _: file.kind != text
        raise bad_request("Invalid Value", "q")

    def _take(self) -> tuple[str, str]:
        if not self._tokens:
            raise bad_request("Invalid Value", "q")
        return self._tokens.pop(0)

    def _next_is(self, token: str) -> bool:
        if self._tokens and self._tokens[0][1] == token:
            self._tokens.pop(0)
            return True
        return False

    def _want(self, token: str) -> None:
        if not self._next_is(token):
            raise bad_request("Invalid Value", "q")


def _in_parent(parent: str) -> Test:
    wanted = TOP if parent == "root" else parent
    return lambda file, _: file.parent == wanted


def _unquoted(text: str) -> str:
    if re.search(r"\\[^\\']", text[1:-1].replace("\\\\", "")):
        raise bad_request("Invalid Value", "q")
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def compiled(text: str, *, kinds_known: bool = True) -> Test:
    """Return what a query asks of a file.

    Raises:
        Refused: It cannot be read.
    """
    return _Parser(text, kinds_known=kinds_known).parse() if text else lambda *_: True
