"""Data sets, samplers and the DataLoader, with PyTorch's names.

Read `dataset.py`, `sampler.py`, then `loader.py`. Batches of array-backed sets are gathered whole;
`stored.py` is for sets that do not fit into memory.
Your own data set subclasses `Dataset`; nothing in this folder has to change for that.
"""

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.utils.data.collate import default_collate as default_collate
    from tinygrad_mnist.utils.data.collate import default_convert as default_convert
    from tinygrad_mnist.utils.data.dataset import ChainDataset as ChainDataset
    from tinygrad_mnist.utils.data.dataset import ConcatDataset as ConcatDataset
    from tinygrad_mnist.utils.data.dataset import Dataset as Dataset
    from tinygrad_mnist.utils.data.dataset import IterableDataset as IterableDataset
    from tinygrad_mnist.utils.data.dataset import StackDataset as StackDataset
    from tinygrad_mnist.utils.data.dataset import Subset as Subset
    from tinygrad_mnist.utils.data.dataset import TensorDataset as TensorDataset
    from tinygrad_mnist.utils.data.dataset import random_split as random_split
    from tinygrad_mnist.utils.data.distributed import DistributedSampler as DistributedSampler
    from tinygrad_mnist.utils.data.loader import DataLoader as DataLoader
    from tinygrad_mnist.utils.data.loader import get_worker_info as get_worker_info
    from tinygrad_mnist.utils.data.sampler import BatchSampler as BatchSampler
    from tinygrad_mnist.utils.data.sampler import RandomSampler as RandomSampler
    from tinygrad_mnist.utils.data.sampler import Sampler as Sampler
    from tinygrad_mnist.utils.data.sampler import SequentialSampler as SequentialSampler
    from tinygrad_mnist.utils.data.sampler import SubsetRandomSampler as SubsetRandomSampler
    from tinygrad_mnist.utils.data.sampler import WeightedRandomSampler as WeightedRandomSampler
    from tinygrad_mnist.utils.data.stored import ArrayDataset as ArrayDataset
    from tinygrad_mnist.utils.data.stored import WindowSampler as WindowSampler
else:
    __getattr__, __dir__, __all__ = page(
        __name__,
        {
            "collate": "default_collate default_convert",
            "dataset": "ChainDataset ConcatDataset Dataset IterableDataset "
            "StackDataset Subset TensorDataset random_split",
            "distributed": "DistributedSampler",
            "loader": "DataLoader get_worker_info",
            "sampler": "BatchSampler RandomSampler Sampler "
            "SequentialSampler SubsetRandomSampler WeightedRandomSampler",
            "stored": "ArrayDataset WindowSampler",
        },
    )
