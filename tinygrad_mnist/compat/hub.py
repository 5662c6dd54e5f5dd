"""`torch.hub` and `utils.model_zoo`: nothing is downloaded, and no one else's code is run."""

from __future__ import annotations

from typing import Any


def _refused(*args: Any, **kw: Any) -> Any:
    """Raise RuntimeError, which says how to load weights instead."""
    raise RuntimeError(
        "nothing is downloaded: fetch the weights yourself and read them by "
        "serialize.exchange.load_torch(path) or load_safetensors(path)"
    )


load = load_state_dict_from_url = load_url = download_url_to_file = list = help = _refused


def get_dir() -> str:
    """Return a folder for the user's files; nothing is written there."""
    import os

    return os.path.join(os.path.expanduser("~"), ".cache", "tinygrad_mnist")


def set_dir(d: Any) -> None:
    """Do nothing: nothing is downloaded."""
