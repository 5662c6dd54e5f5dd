"""Data sets, samplers and the DataLoader, with PyTorch's names.

Read `dataset.py`, `sampler.py`, then `loader.py`. Batches of array-backed sets are gathered whole;
`stored.py` is for sets that do not fit into memory.
Your own data set subclasses `Dataset`; nothing in this folder has to change for that.
"""

from tinygrad_mnist.utils.data.collate import default_collate, default_convert
from tinygrad_mnist.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from tinygrad_mnist.utils.data.distributed import DistributedSampler
from tinygrad_mnist.utils.data.loader import DataLoader, get_worker_info
from tinygrad_mnist.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from tinygrad_mnist.utils.data.stored import ArrayDataset, WindowSampler

__all__ = [
    "ArrayDataset", "BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset",
    "DistributedSampler", "IterableDataset", "RandomSampler", "Sampler", "SequentialSampler",
    "StackDataset", "Subset", "SubsetRandomSampler", "TensorDataset", "WeightedRandomSampler",
    "WindowSampler", "default_collate", "default_convert", "get_worker_info", "random_split",
]  # fmt: skip
