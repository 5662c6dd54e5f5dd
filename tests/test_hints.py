"""The hint of an AttributeError: there when it is read, and not looked for before."""

import copy
import difflib
import pickle
from pathlib import Path

import pytest

import tinygrad_mnist as tg
from tests.ahead import ahead, pythons


@pytest.mark.parametrize(
    ("owner", "name", "hint"),
    [
        (tg.ones(2), "relus", "; did you mean 'relu'?"),
        (tg.ones(2), "storage", "; a Tensor lies in an ndarray"),
        (tg, "relus", "; did you mean 'relu'?"),
        (tg.nn, "Lienar", "; did you mean 'Linear'?"),
    ],
)
def test_a_missing_name_costs_no_search_until_the_message_is_read(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, hint: str
) -> None:
    searches: list[str] = []
    search = difflib.get_close_matches

    def counted(word, *args):
        searches.append(word)
        return search(word, *args)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    assert not hasattr(owner, name) and getattr(owner, name, 3) == 3
    with pytest.raises(AttributeError) as caught:
        getattr(owner, name)
    assert not searches
    error = caught.value
    for text in (str(error), f"{error}", repr(error), str(copy.copy(error))):
        assert hint in text
    assert hint in str(pickle.loads(pickle.dumps(error)))
    assert error.name == name and type(error) is AttributeError


@ahead
def traceback_of_a_missing_name(folder: Path) -> str:
    (ran,) = pythons("import tinygrad_mnist as tg; tg.ones(2).relus")
    return ran.stderr


def test_a_traceback_has_one_hint(traceback_of_a_missing_name: str) -> None:
    """Python itself adds "Did you mean" where it knows the object."""
    last = traceback_of_a_missing_name.splitlines()[-1]
    assert last == "AttributeError: 'Tensor' object has no attribute 'relus'; did you mean 'relu'?"
