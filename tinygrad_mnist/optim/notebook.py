"""The short form of an optimizer in a notebook: a row per group of parameters."""

from __future__ import annotations

import html
from typing import Any

import numpy as np


def as_table(optimizer: Any) -> str:
    """Return a table of the groups: how many parameters, steps taken, and all settings."""
    groups = optimizer.param_groups
    settings = list(
        dict.fromkeys(k for g in groups for k in g if k not in ("params", "param_names"))
    )
    head = "".join(f"<th>{html.escape(str(k))}</th>" for k in ("parameters", "steps", *settings))
    rows = []
    for group in groups:
        sizes = [p.numel() for p in group["params"]]
        states = [optimizer.state.get(p, {}).get("step") for p in group["params"]]
        steps = max((int(np.asarray(s)) for s in states if s is not None), default="-")
        cells = [f"{sum(sizes):,} in {len(sizes)}", steps, *(group.get(k, "-") for k in settings)]
        rows.append("".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    name = html.escape(type(optimizer).__name__)
    return f"<b>{name}</b><table><tr>{head}</tr>{body}</table>"
