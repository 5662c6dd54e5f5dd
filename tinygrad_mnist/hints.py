"""did_you_mean: the end of an error about an unknown name."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def did_you_mean(
    name: str,
    known: Iterable[str],
    *,
    spelled: Callable[[str], str] = repr,
    otherwise: str = "",
) -> str:
    """Return '; did you mean ...?' with the nearest known name, or `otherwise` if none is near.

    Case does not matter, and names that begin with an underscore are not suggested.

    >>> did_you_mean("lienar", ["Linear", "Conv2d", "_linear"])
    "; did you mean 'Linear'?"
    >>> did_you_mean("x", ["mlp-10", "mlp-128"], otherwise="; there are mlp-10 and mlp-128")
    '; there are mlp-10 and mlp-128'
    """
    import difflib

    by_lower = {word.lower(): word for word in known if not word.startswith("_")}
    alike = [word for word in by_lower if word[:1] == name[:1].lower()]  # typos seldom come first
    near = difflib.get_close_matches
    found = near(name.lower(), alike, 1, 0.5) or near(name.lower(), by_lower, 1, 0.5)
    return f"; did you mean {spelled(by_lower[found[0]])}?" if found else otherwise
