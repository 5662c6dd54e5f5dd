"""Windows as columns and back; channels as pixels and back."""

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.ops import fold

IMAGE = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]
CHANNELS = [[[1.0]], [[2.0]], [[3.0]], [[4.0]]]
PIXELS = [[[1.0, 2.0], [3.0, 4.0]]]
CASES = [
    Case("unfold", lambda x: F.unfold(x, 2), [IMAGE], [[1, 2], [2, 3], [4, 5], [5, 6]]),
    Case("unfold", lambda x: F.unfold(x, 1, padding=(0, 1), stride=(2, 2)), [[IMAGE]],
         [[[0, 2, 0]]]),
    Case("unfold", lambda x: F.unfold(x, (1, 2), dilation=2), [IMAGE], [[1, 4], [3, 6]]),
    Case("fold", lambda x: F.fold(x, (2, 3), 2), [[[1.0, 1.0]] * 4], [[[1, 2, 1], [1, 2, 1]]]),
    Case("fold", lambda x: F.fold(x, 1, 1, padding=1, stride=2), [[[[1.0, 2.0, 3.0, 4.0]]]],
         [[[[0]]]]),
    Case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), [CHANNELS], PIXELS),
    Case("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2), [PIXELS], CHANNELS),
    *(Case(name, lambda x, name=name: getattr(F, name)(x, 2), [[[[1.0], [2.0], [3.0], [4.0]]]],
           [[[1], [3], [2], [4]]])
      for name in ("channel_shuffle", "native_channel_shuffle")),
]  # fmt: skip
PLAIN = [Plain("unfold", lambda: F.unfold(tg.zeros(0, 1, 2, 2), 2), [], np.zeros((0, 4, 1), "f"))]
X = tg.ones(1, 4, 2, 2)
REFUSALS = [
    Refusal("ndim", lambda: F.unfold(X[0, 0], 1), ShapeError, "3 or 4 dimensions, not [2, 2]"),
    Refusal("large", lambda: F.unfold(X, 3), ShapeError, "windows of [3, 3] (dilation [1, 1])"),
    Refusal("stride", lambda: F.unfold(X, 1, stride=0), RuntimeError, "greater than zero"),
    Refusal("padding", lambda: F.unfold(X, 1, padding=-1), RuntimeError, "non-negative"),
    Refusal("integers", lambda: F.unfold(tg.ones(1, 1, 2, 2).long(), 1), DTypeError, "cast the"),
    Refusal("fold", lambda: F.fold(X[0], 3, 2), ShapeError, "images of [3, 3] have 4 windows"),
    Refusal("fold's ndim", lambda: F.fold(X, 3, 2), ShapeError, "2 or 3 dimensions, not [1, 4"),
    Refusal("shuffle", lambda: F.pixel_shuffle(X, 3), ShapeError, "4 channels are not divisible"),
    Refusal("factor", lambda: F.pixel_shuffle(X, 0), RuntimeError, "positive upscale_factor"),
    Refusal("unshuffle", lambda: F.pixel_unshuffle(X, 3), ShapeError, "height 2 and width 2"),
    Refusal("groups", lambda: F.channel_shuffle(X, 3), ShapeError, "do not divide into 3 groups"),
]
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    fold, CASES, PLAIN, REFUSALS
)
