"""A coverage-guided search (atheris) for a file on which a reader does anything but read or refuse.

    python -m tests.attacks.fuzz_reader TARGET CORPUS_DIR -runs=N

TARGET is `file` (bytes as they come), `tree` (a file whose header and checksum are right around
the bytes) or `numpy` (the bytes as a pickle of NumPy arrays). What a reader accepts and the
standard unpickler with every name refused accepts as well must be the same to both.
"""

import io
import pickle
import sys
from pathlib import Path


def seeds(target: str) -> list[bytes]:
    import numpy as np

    from tests.attacks.corpus import ATTACKS, FILES, GOOD, bare

    small = [attack for attack in ATTACKS if len(attack.body) < 2000]
    if target == "tree":
        return [attack.body for attack in small] + [GOOD[64:-2]]
    if target == "numpy":
        tree = {"a": np.arange(3.0), "b": np.ones((2, 2), bool, "F"), "c": np.float32(1)}
        return [bare(attack.body) for attack in small] + [
            pickle.dumps(tree, n) for n in range(2, 6)
        ]
    return [GOOD] + [file for file, _, _ in FILES.values() if len(file) < 2000]


def main() -> None:
    import atheris

    with atheris.instrument_imports(include=["tinygrad_mnist.serialize"]):
        from tinygrad_mnist.serialize import FormatError
        from tinygrad_mnist.serialize.format import read
        from tinygrad_mnist.serialize.numpy_pickle import read_numpy_pickle
    from tests.attacks.corpus import sealed

    target, folder = sys.argv.pop(1), Path(sys.argv[1])
    for number, seed in enumerate(seeds(target)):
        (folder / f"seed-{number:04}").write_bytes(seed)
    reader = read_numpy_pickle if target == "numpy" else read

    def one(content: bytes) -> None:
        file = sealed(content) if target == "tree" else content
        try:
            value = reader(io.BytesIO(file), len(file), "file")
        except FormatError:
            return
        if target != "numpy":
            assert_agrees(file, value)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


class NoNames(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        raise AssertionError(f"a name was asked for: {module}.{name}")


def assert_agrees(file: bytes, value: object) -> None:
    """The standard unpickler finds the same tree, if it accepts the file at all."""
    try:
        *_, tree = NoNames(io.BytesIO(file)).load()
    except (pickle.UnpicklingError, EOFError, ValueError):
        return  # it is stricter with frames
    assert repr(decoded(tree)) == repr(value)


def decoded(tree: object) -> object:
    """The format as docs/format.md has it, in a few lines."""
    import numpy as np

    if isinstance(tree, dict):
        return {key: decoded(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [decoded(value) for value in tree]
    if isinstance(tree, tuple) and tree[0] == "tuple":
        return tuple(decoded(value) for value in tree[1:])
    if isinstance(tree, tuple):
        return np.frombuffer(tree[3], tree[1]).reshape(tree[2])
    return tree


if __name__ == "__main__":
    main()
