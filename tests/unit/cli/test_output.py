"""Output: harmless to terminals, right for programs."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.cli.output import Output, clean, dump, json_text, list_items, path_text


@given(st.text(st.characters()))
def test_cleaned_text_obeys_nobody(text: str) -> None:
    """No control character, no text direction mark, no broken letter reaches a terminal; plain text stays."""
    shown = clean(text)
    assert shown.isprintable() or not text.isprintable()
    assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in shown)
    assert not any(letter in shown for letter in "\u202e\u2066\u200f")
    shown.encode("utf-8")
    if text.isascii() and text.isprintable():
        assert shown == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"/plain", "/plain"),
        ("/Zoë".encode(), "/Zoë"),
        (b"/a\nb", "/a\\x0ab"),
        (b"/\x1b[2J", "/\\x1b[2J"),
        (b"/\xff\xfe", "/\\xff\\xfe"),
        ("/a\u202etxt.exe".encode(), "/a\\u202etxt.exe"),
    ],
)
def test_paths_are_shown_on_one_line(path: bytes, text: str) -> None:
    """A hostile name is spelled out."""
    assert path_text(path) == text


def test_json_is_one_line_of_utf_8() -> None:
    """Times are ISO, bytes and broken letters become U+FFFD, and nothing else is guessed."""
    message = {"path": b"/a\xff", "text": "x\udcffy", "time": datetime(2026, 3, 1, tzinfo=UTC), "name": "ñ\n"}
    line = dump(message)
    assert "\n" not in line
    line.encode("utf-8")
    assert json.loads(line) == {
        "path": "/a\ufffd",
        "text": "x\ufffdy",
        "time": "2026-03-01T00:00:00+00:00",
        "name": "ñ\n",
    }
    assert json_text(b"\xff") == "\ufffd"
    with pytest.raises(TypeError):
        dump({"x": object()})


@pytest.mark.parametrize(
    ("output", "out", "err"),
    [
        (Output(), "said\nresult\n", "warned\n"),
        (Output(quiet=True), "result\n", "warned\n"),
        (Output(json=True), '{"a":1}\n', '{"b":2}\n'),
    ],
)
def test_people_and_programs_each_get_theirs(
    output: Output, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines for people never mix with JSON; silence still lets results and warnings through."""
    output.say("said")
    output.result("result")
    output.warn("warned")
    output.record({"a": 1})
    output.record_error({"b": 2})
    assert capsys.readouterr() == (out, err)


def test_a_table_lines_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns have the width of their widest cell, figures are set to the right, lines end without blanks."""
    Output().table(("ID", "Size", "Path"), [("a", "5", "/x"), ("bcd", "1000", "")], right=(1,))
    assert capsys.readouterr().out == "ID   Size  Path\na       5  /x\nbcd  1000\n"


def test_long_lists_are_cut_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty lines are enough to see what is wrong; -v lists all; an empty list says nothing."""
    items = [(f"/{number}".encode(), "gone\x07") for number in range(25)]
    list_items(Output(), "missing:", items)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 22
    assert told[1] == "  /0: gone\\x07"
    assert "5 more" in told[-1]
    list_items(Output(verbose=1), "missing:", items)
    assert len(capsys.readouterr().err.splitlines()) == 26
    list_items(Output(), "missing:", [])
    assert capsys.readouterr().err == ""
