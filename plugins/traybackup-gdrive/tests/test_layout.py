"""Folders and paths, worked out of what is listed in any order."""

import itertools

import pytest
from traybackup_gdrive.drive import File
from traybackup_gdrive.layout import Layout, way


def folder(file_id: str, name: str, parent: str = "", created: str = "2026") -> File:
    return File(file_id, name, parent, created=created, is_folder=True)


def test_order_of_a_listing_does_not_matter() -> None:
    """Whatever comes first, every folder has its path, and new files go to the oldest of a name."""
    root = folder("r", "TrayBackup")
    listed = [folder("d", "data", "r"), folder("x", "3f", "d", "2026-2"), folder("y", "3f", "d", "2026-1")]
    for order in itertools.permutations(listed):
        layout = Layout.below(root, order)
        assert [one.id for one in layout.folders("data/3f")] == ["y", "x"]
        assert {path: [one.id for one in found] for path, found in layout.doubles().items()} == {"data/3f": ["y", "x"]}
        assert [layout.path(one) for one in ("r", "d", "x", "y", "other")] == ["", "data", "data/3f", "data/3f", None]


def test_equal_ages_are_told_apart_by_id() -> None:
    """Every client chooses the same folder, even of two that were made in the same moment."""
    for order in itertools.permutations([folder("b", "data", "r"), folder("a", "data", "r")]):
        assert Layout.below(folder("r", "TrayBackup"), order).folders("data")[0].id == "a"


def test_folders_that_contain_each_other_do_no_harm() -> None:
    """A circle, which Drive does not allow, is not walked for ever."""
    layout = Layout.below(folder("r", "R", "b"), [folder("a", "a", "r"), folder("b", "b", "a"), folder("r", "R", "b")])
    assert layout.path("b") == "a/b"
    assert layout.path("r") == ""


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (File("1", "3f01", "x", size=1), "data/3f/3f01"),
        (File("1", "config", "r", size=0), "config"),
        (File("1", "3f01", "x"), ""),
        (File("1", "3F01", "x", size=1), ""),
        (File("1", "..", "x", size=1), ""),
        (File("1", "a/b", "x", size=1), ""),
        (File("1", "3f01", "z", size=1), ""),
        (File("1", "3f01", "elsewhere", size=1), ""),
    ],
)
def test_file_is_the_object_of_its_path(file: File, name: str) -> None:
    """A file below the place with a legal name is an object; a document, a strange name or a stranger is none."""
    folders = [folder("d", "data", "r"), folder("x", "3f", "d"), folder("z", "data/3f", "r")]
    assert Layout.below(folder("r", "TrayBackup"), folders).name(file) == name


def test_way_leads_step_by_step() -> None:
    """The place is found from the top, by the oldest folder of each name, as far as there is one."""
    folders = {
        one.id: one
        for one in (
            folder("s", "Shop", "top", "2"),
            folder("t", "Shop", "top", "1"),
            folder("u", "Till", "s", "1"),
            folder("v", "Till", "t", "2"),
        )
    }
    assert [one.id for one in way(("Shop", "Till"), folders)] == ["t", "v"]
    assert [one.id for one in way(("Shop", "Till", "Deeper"), folders)] == ["t", "v"]
    assert way(("Till",), folders) == []
