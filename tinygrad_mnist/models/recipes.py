"""The recipes: every system here as a row of data, runnable by name: `tinygrad-mnist train NAME`.

Flags of the command line override a row's fields. recipe.py documents the fields; a
`floor` is the accuracy on MNIST's 10,000 test images that the recipe has to reach.
"""

from __future__ import annotations

from tinygrad_mnist.models.recipe import Recipe

_TABLE = [
    Recipe(
        name="neuron",
        what='one neuron that answers "is it a 5?", by gradient descent',
        digit=5,
        lr=0.03,
        epochs=10,
        floor=0.97,
    ),
    Recipe(
        name="mlp-10",
        what="ten hidden neurons, by gradient descent",
        hidden=(10,),
        lr=0.1,
        schedule="cosine",
        epochs=15,
        floor=0.92,
    ),
    Recipe(
        name="mlp-128",
        what="one hidden layer, by gradient descent on mini-batches",
        hidden=(128,),
        lr=0.1,
        epochs=10,
        floor=0.975,
    ),
    Recipe(
        name="mlp-532",
        what="a wide hidden layer, by gradient descent on all images at once",
        hidden=(532,),
        lr=0.03,
        batch_size=None,
        epochs=250,
        floor=0.89,
    ),
    Recipe(
        name="mlp-532-minibatch",
        what="the same network on mini-batches, with momentum",
        hidden=(532,),
        lr=0.05,
        momentum=0.9,
        schedule="cosine",
        batch_size=128,
        epochs=12,
        floor=0.98,
    ),
    Recipe(
        name="mlp-100-adam",
        what="one hidden layer, by Adam",
        hidden=(100,),
        optimizer="Adam",
        lr=0.003,
        schedule="cosine",
        batch_size=200,
        epochs=12,
        floor=0.975,
    ),
    Recipe(
        name="deep",
        what="three hidden layers with dropout, by Adam",
        hidden=(256, 128, 64),
        dropout=0.1,
        optimizer="Adam",
        lr=0.002,
        schedule="cosine",
        batch_size=128,
        epochs=12,
        floor=0.982,
    ),
    Recipe(
        name="cnn",
        what="two convolutional layers with pooling and dropout, by Adam",
        channels=(16, 32),
        hidden=(128,),
        dropout=0.25,
        optimizer="Adam",
        lr=0.002,
        schedule="cosine",
        batch_size=128,
        epochs=12,
        floor=0.992,
    ),
]

RECIPES = {recipe.name: recipe for recipe in _TABLE}
