"""The models: a neuron, shallow and deep networks, a convolutional one, and the recipes.

Read mlp.py first, then cnn.py, then recipes.py, the table of what `train RECIPE` trains.
To add a recipe, add a row to that table; its name is needed nowhere else.
"""

from tinygrad_mnist.models.cnn import cnn
from tinygrad_mnist.models.mlp import deep, mlp, neuron, shallow
from tinygrad_mnist.models.recipe import Recipe, RecipeError, build
from tinygrad_mnist.models.recipes import RECIPES

__all__ = ["RECIPES", "Recipe", "RecipeError", "build", "cnn", "deep", "mlp", "neuron", "shallow"]
