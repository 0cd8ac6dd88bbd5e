"""Names: bytes as file systems have them, and the text that stands for them in a tree.

A name is Go's quoted string inside a JSON string, so that bytes that are no UTF-8 and characters that cannot be printed
survive. A name is never a path: what could leave its directory is refused in both directions.

Source: Go's strconv.Quote and Unquote; Microsoft, "Naming Files, Paths, and Namespaces".
"""

import json
import re
from functools import lru_cache

NOT_NAMES = frozenset({b"", b".", b".."})

_PLAIN = re.compile(rb"[ !#-%'-.0-;=?-\[\]-~]+")  # ASCII that neither Go nor JSON escapes, and no slash
_ESCAPED = re.compile(r'["\\<>&]')
_UNQUOTED = re.compile(r'[^/\0"\\\n]+')
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))|([^\\\"\n]+)"
)
_SHORT = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 0x5C, '"': 0x22}
_GO_SHORT = {chr(code): json.dumps("\\" + letter)[1:-1] for letter, code in _SHORT.items()}
_BMP = 0xFFFF
_BYTE = 0xFF
_DELETE = 0x7F
_SURROGATE = 0xDC00  # what "surrogateescape" adds to a byte that is no UTF-8

_WINDOWS_DEVICE = re.compile(rb"(?i:con|prn|aux|nul|com[1-9]|lpt[1-9]|conin\$|conout\$) *(?:\..*)?", re.DOTALL)
_WINDOWS_FORBIDDEN = re.compile(rb'[\x00-\x1f<>:"/\\|?*]')


def quote(name: bytes) -> str:
    """Return *name* as Go quotes it, then as JSON escapes that, without the outer quotes.

    Raises:
        ValueError: It is not the name of an entry.
    """
    if name in NOT_NAMES:
        raise ValueError(name)
    if _PLAIN.fullmatch(name):
        return name.decode("ascii")
    if b"/" in name or b"\0" in name:
        raise ValueError(name)
    text = name.decode(errors="surrogateescape")
    if text.isprintable() and not _ESCAPED.search(text):
        return text
    return "".join(map(_quote_char, text))


@lru_cache(maxsize=4096)
def _quote_char(char: str) -> str:
    code = ord(char)
    if char in _GO_SHORT:
        return _GO_SHORT[char]
    if char in "<>&":
        return f"\\u{code:04x}"
    if char.isprintable():
        return char
    if _SURROGATE < code <= _SURROGATE + _BYTE:
        return f"\\\\x{code - _SURROGATE:02x}"
    if code < ord(" ") or code == _DELETE:
        return f"\\\\x{code:02x}"
    return f"\\\\u{code:04x}" if code <= _BMP else f"\\\\U{code:08x}"


def unquote(quoted: str) -> bytes:
    """Undo `quote`, JSON's part being undone already.

    Raises:
        ValueError: Go would not accept it, or it is not the name of an entry.
    """
    name = quoted.encode() if _UNQUOTED.fullmatch(quoted) else b"".join(_pieces(quoted))
    if name in NOT_NAMES or b"/" in name or b"\0" in name:
        raise ValueError(quoted)
    return name


def _pieces(quoted: str) -> list[bytes]:
    pieces, position = [], 0
    while position < len(quoted):
        match = _ESCAPE.match(quoted, position)
        if match is None:
            raise ValueError(quoted)
        position = match.end()
        short, byte, small, large, octal, plain = match.groups()
        if plain:
            pieces.append(plain.encode())
        elif short:
            pieces.append(bytes((_SHORT[short],)))
        elif byte:
            pieces.append(bytes.fromhex(byte))
        elif octal:
            pieces.append(bytes((int(octal, 8),)))
        else:
            code = int(small or large, 16)
            if code > 0x10FFFF:  # noqa: PLR2004 - the last code point
                raise ValueError(quoted)
            pieces.append(chr(code).encode())
    return pieces


def fits_windows(name: bytes) -> bool:
    """Say whether a Windows or FAT file system can hold *name* as it is and takes it for a plain name."""
    return not (
        _WINDOWS_FORBIDDEN.search(name) or name.endswith((b".", b" ")) or _WINDOWS_DEVICE.fullmatch(name.rstrip(b" "))
    )


def windows_name(name: bytes) -> bytes:
    """Return a name like *name* that Windows and FAT can hold; two different names can give the same one."""
    if fits_windows(name):
        return name
    if _WINDOWS_DEVICE.fullmatch(name.rstrip(b" ")):
        name = b"_" + name
    kept = _WINDOWS_FORBIDDEN.sub(b"_", name)
    bare = kept.rstrip(b". ")
    return bare + b"_" * (len(kept) - len(bare))
