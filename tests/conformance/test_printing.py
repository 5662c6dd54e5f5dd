"""repr() to the letter as PyTorch's, over random shapes, dtypes and scales."""

import numpy as np
import pytest

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")

KINDS = ["float32", "float64", "int64", "int32", "uint8", "bool", "float16"]


def random_array(rng: np.random.Generator) -> np.ndarray:
    shape = tuple(rng.integers(0, 5, rng.integers(0, 4)))
    if rng.random() < 0.1:
        shape = tuple(rng.integers(1, 40, rng.integers(1, 4)))
    scale = 10.0 ** rng.integers(-6, 10, 2)
    array = np.asarray(rng.standard_normal(shape) * rng.choice(scale, shape))
    style = rng.integers(4)
    if style == 1:
        array = np.rint(array)
    if style == 2:
        array = np.where(
            rng.random(shape) < 0.3, rng.choice([np.nan, np.inf, -np.inf, 0.0], shape), array
        )
    if style == 3:
        array = np.asarray(rng.integers(-9, 9, shape)).astype(float)
    with np.errstate(all="ignore"):
        return array.astype(str(rng.choice(KINDS)))


@pytest.mark.parametrize("seed", range(8))
def test_repr_is_pytorchs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(60):
        array = random_array(rng)
        assert repr(tg.tensor(array)) == repr(torch.tensor(array))
        if array.dtype.kind == "f":
            ours, theirs = (lib.tensor(array, requires_grad=True) for lib in (tg, torch))
            assert repr(ours) == repr(theirs)
            assert repr(-ours) == repr(-theirs)
