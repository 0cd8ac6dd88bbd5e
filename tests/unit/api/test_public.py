"""The public names: complete, sorted, and what they say they are."""

import inspect

from traybackup import api


def test_the_list_of_names_is_sorted_and_true() -> None:
    """Every name is there once, and everything that is there is named."""
    assert sorted(api.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)) == api.__all__
    assert len(set(api.__all__)) == len(api.__all__)
    public = {name for name, value in vars(api).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert public == set(api.__all__)


def test_every_public_name_is_documented() -> None:
    """A plugin's author reads it in the editor."""
    for name in api.__all__:
        value = getattr(api, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name


def test_the_version_has_two_numbers() -> None:
    """Major and minor."""
    assert api.API_VERSION[0] == 1
    assert all(isinstance(number, int) and number >= 0 for number in api.API_VERSION)
