"""Pixels to inputs, labels to targets."""

import numpy as np
import pytest

from tinygrad_mnist.data import DataError, as_inputs, load_embedded, normalize, one_hot
from tinygrad_mnist.data.transforms import MNIST_MEAN, MNIST_STD


def test_each_pixel_value_becomes_its_share_of_255():
    pixels = np.arange(256, dtype=np.uint8)
    scaled = normalize(pixels)
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, (pixels / 255.0).astype(np.float32))
    assert pixels.max() == 255  # the images are left as they are


def test_mean_and_std_standardize_the_digits():
    images = load_embedded().train_images
    standard = normalize(images, MNIST_MEAN, MNIST_STD)
    assert standard.dtype == np.float32 and standard.shape == images.shape
    np.testing.assert_allclose([standard.mean(), standard.std()], [0, 1], atol=0.02)


def test_the_constants_are_those_of_the_training_images(full_mnist_dir):
    from tinygrad_mnist.data import load_mnist

    images = load_mnist(full_mnist_dir).train_images
    assert [round(images.mean() / 255, 4), round(images.std() / 255, 4)] == [MNIST_MEAN, MNIST_STD]


def test_scaling_twice_is_refused():
    with pytest.raises(DataError, match="takes uint8 pixels of 0 to 255, not float32"):
        normalize(normalize(np.zeros((1, 28, 28), np.uint8)))


def test_inputs_are_the_images_row_by_row():
    images = load_embedded().test_images[:3]
    inputs = as_inputs(images)
    assert inputs.shape == (3, 784) and inputs.dtype == np.float32
    np.testing.assert_array_equal(inputs[2], normalize(images[2]).ravel())
    assert as_inputs(images[:0]).shape == (0, 784)


def test_one_hot_marks_the_label_alone():
    labels = np.array([3, 0, 9, 3])
    hot = one_hot(labels)
    assert hot.shape == (4, 10) and hot.dtype == np.float32
    assert hot.argmax(1).tolist() == labels.tolist()
    assert hot.sum() == 4 and one_hot(labels[:0]).shape == (0, 10)


@pytest.mark.parametrize("bad", [-1, 10])
def test_a_label_outside_the_classes_is_refused(bad):
    with pytest.raises(DataError, match="labels must be 0 to 9; they span"):
        one_hot(np.array([1, bad]))
