"""Windows for signals, by NumPy's."""

import numpy as np

import tinygrad_mnist as tg
from tests.ops.cases import Plain, Refusal, family_tests
from tinygrad_mnist.ops import signal

LIKE = {
    "bartlett_window": np.bartlett, "blackman_window": np.blackman, "hamming_window": np.hamming,
    "hann_window": np.hanning, "kaiser_window": lambda n: np.kaiser(n, 12.0),
}  # fmt: skip
PLAIN = [
    *(Plain(name, getattr(tg, name), [5], like(6)[:5].astype(np.float32))
      for name, like in LIKE.items()),
    *(Plain(name, lambda name=name: getattr(tg, name)(5, periodic=False, dtype=tg.float64), [],
            like(5))
      for name, like in LIKE.items()),
    Plain("hann_window", tg.hann_window, [1], np.ones(1, np.float32)),
    Plain("hamming_window", lambda: tg.hamming_window(3, False, 0.5, 0.5), [], [0, 1, 0]),
]  # fmt: skip
REFUSALS = [Refusal("length", lambda: tg.hann_window(-1), RuntimeError, "must be non-negative")]
test_value, _, test_refusal, test_every_name_has_a_case = family_tests(signal, [], PLAIN, REFUSALS)
