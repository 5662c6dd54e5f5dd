"""`torch.utils._pytree`: nested dicts, lists and tuples as a list of leaves and a shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class TreeSpec(NamedTuple):
    """The nesting of leaves: a kind of container, its keys, and a TreeSpec per key."""

    kind: Any
    keys: Any
    children: list[TreeSpec]

    @property
    def num_leaves(self) -> int:
        """Return the number of leaves."""
        return 1 if self.kind is None else sum(child.num_leaves for child in self.children)


LEAF = TreeSpec(None, None, [])


def _parts(tree: Any) -> tuple[Any, Any, list[Any]] | None:
    """Return the kind, keys and values of a container; None for a leaf."""
    if isinstance(tree, dict):
        return type(tree), list(tree), list(tree.values())
    if isinstance(tree, (list, tuple)):
        return type(tree), getattr(tree, "_fields", None), list(tree)
    return None


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """Return (leaves, spec) of nested dicts, lists, tuples and named tuples.

    >>> leaves, spec = tree_flatten({"a": [1, 2], "b": (3,)})
    >>> leaves, tree_unflatten([10, 20, 30], spec)
    ([1, 2, 3], {'a': [10, 20], 'b': (30,)})
    """
    parts = None if is_leaf is not None and is_leaf(tree) else _parts(tree)
    if parts is None:
        return [tree], LEAF
    kind, keys, values = parts
    below = [tree_flatten(value, is_leaf) for value in values]
    return [x for leaves, _ in below for x in leaves], TreeSpec(kind, keys, [s for _, s in below])


def tree_unflatten(leaves: Any, treespec: TreeSpec) -> Any:
    """Nest leaves by `treespec`; ValueError for too many or too few."""
    if not isinstance(treespec, TreeSpec):
        leaves, treespec = treespec, leaves
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(f"{len(leaves)} leaves for a tree of {treespec.num_leaves}")
    return _build(iter(leaves), treespec)


def _build(leaves: Any, spec: TreeSpec) -> Any:
    if spec.kind is None:
        return next(leaves)
    values = [_build(leaves, child) for child in spec.children]
    if issubclass(spec.kind, dict):
        return spec.kind(zip(spec.keys, values, strict=True))
    return spec.kind(*values) if spec.keys is not None else spec.kind(values)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """Return the leaves of a tree."""
    leaves: list[Any] = tree_flatten(tree, is_leaf)[0]
    return leaves


def tree_map(func: Callable[..., Any], tree: Any, *trees: Any, is_leaf: Any = None) -> Any:
    """Return the tree with `func(leaf)` for each leaf; further trees supply further arguments."""
    leaves, spec = tree_flatten(tree, is_leaf)
    further_leaves = [tree_leaves(other_tree, is_leaf) for other_tree in trees]
    return tree_unflatten([func(*xs) for xs in zip(leaves, *further_leaves, strict=True)], spec)


def tree_map_only(kind: Any, func: Callable[[Any], Any], tree: Any, is_leaf: Any = None) -> Any:
    """Return the tree with `func(leaf)` for each leaf of a type."""
    return tree_map(lambda x: func(x) if isinstance(x, kind) else x, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Any = None) -> bool:
    """Tell whether the predicate holds for all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Any = None) -> bool:
    """Tell whether the predicate holds for any leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))
