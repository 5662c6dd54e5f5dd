"""did_you_mean: the suggestion at the end of an error about an unknown name."""

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
