"""did_you_mean: the suggestion at the end of an error about an unknown name; no_attribute."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def did_you_mean(
    name: str,
    names: Iterable[str],
    *,
    spelled: Callable[[str], str] = repr,
    otherwise: str = "",
) -> str:
    """Return '; did you mean ...?' with the nearest name, or `otherwise` if none is near.

    Case does not matter, and names that begin with an underscore are not suggested.

    >>> did_you_mean("lienar", ["Linear", "Conv2d", "_linear"])
    "; did you mean 'Linear'?"
    >>> did_you_mean("x", ["mlp-10", "mlp-128"], otherwise="; there are mlp-10 and mlp-128")
    '; there are mlp-10 and mlp-128'
    """
    import difflib

    by_lower = {word.lower(): word for word in names if not word.startswith("_")}
    same_initial = [
        word for word in by_lower if word[:1] == name[:1].lower()
    ]  # typos seldom come first
    close_matches = difflib.get_close_matches
    nearest = close_matches(name.lower(), same_initial, 1, 0.5) or close_matches(
        name.lower(), by_lower, 1, 0.5
    )
    return f"; did you mean {spelled(by_lower[nearest[0]])}?" if nearest else otherwise


class _WithHint(str):
    """A message that looks for its hint when somebody reads it: `str(message)` has both."""

    _hint: Callable[[], str]

    def __str__(self) -> str:
        return f"{self[:]}{self._hint()}"

    def __repr__(self) -> str:
        return repr(str(self))

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def no_attribute(message: str, name: str, hint: Callable[[], str]) -> AttributeError:
    """Return an AttributeError whose message ends with `hint()`, called when it is shown.

    Programs ask `hasattr(x, name)` often, and to look for the nearest name takes a millisecond.
    With a name and no object, Python adds no suggestion of its own behind this one.

    >>> error = no_attribute("no 'lienar'", "lienar", lambda: did_you_mean("lienar", ["Linear"]))
    >>> print(error)
    no 'lienar'; did you mean 'Linear'?
    """
    text = _WithHint(message)
    text._hint = hint
    return AttributeError(text, name=name)
