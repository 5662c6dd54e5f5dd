"""Data sets, samplers and the DataLoader, with PyTorch's names.

Read `dataset.py`, `sampler.py`, then `loader.py`. Batches of array-backed sets are gathered whole.
A data set of one's own subclasses `Dataset`; nothing in here has to change for it.
"""

from tinygrad_mnist.utils.data.dataset import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from tinygrad_mnist.utils.data.loader import DataLoader, default_collate, get_worker_info
from tinygrad_mnist.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler", "ConcatDataset", "DataLoader", "Dataset", "IterableDataset", "RandomSampler",
    "Sampler", "SequentialSampler", "Subset", "SubsetRandomSampler", "TensorDataset",
    "WeightedRandomSampler", "default_collate", "get_worker_info", "random_split",
]  # fmt: skip
