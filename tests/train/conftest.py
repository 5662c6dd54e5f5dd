import numpy as np
import pytest

from tinygrad_mnist.data import Mnist, load_embedded


def part_of(data: Mnist, train: int, test: int) -> Mnist:
    """Every so many-th image, so that all digits are there."""
    step, test_step = len(data.train_labels) // train, len(data.test_labels) // test
    return Mnist(
        np.ascontiguousarray(data.train_images[::step]),
        data.train_labels[::step],
        np.ascontiguousarray(data.test_images[::test_step]),
        data.test_labels[::test_step],
        name="custom",
        source="a part of the embedded subset",
    )


@pytest.fixture(scope="session")
def embedded() -> Mnist:
    return load_embedded()


@pytest.fixture(scope="session")
def few(embedded: Mnist) -> Mnist:
    """400 digits to train on and 100 to test: for what does not depend on accuracy."""
    return part_of(embedded, 400, 100)
