"""A program as a user types it, for mypy: each reveal_type says in a comment what it must be."""

from typing import Any, reveal_type

import tinygrad_mnist as tg
from tinygrad_mnist import Tensor, nn
from tinygrad_mnist.jit import jit
from tinygrad_mnist.utils.data import DataLoader, Dataset, TensorDataset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 2)

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        return self.hidden(x) * scale


class Pair(nn.Module):
    def forward(self, x: Tensor, *, both: bool) -> tuple[Tensor, Tensor]:
        return x, x


class Texts(Dataset[str]):
    def __getitem__(self, index: int) -> str:
        return str(index)

    def __len__(self) -> int:
        return 3


def lengths(batch: list[str]) -> list[int]:
    return [len(text) for text in batch]


def anything(module: nn.Module) -> None:
    reveal_type(module(1, two=2))  # Any


x = tg.zeros(3, 4)
reveal_type(Net()(x))  # Tensor
reveal_type(Net()(x, scale=2.0))  # Tensor
reveal_type(Pair()(x, both=True))  # tuple[Tensor, Tensor]
reveal_type(nn.Linear(4, 2)(x))  # Tensor
reveal_type(nn.Sequential(nn.ReLU())(x))  # Any

for batch in DataLoader(TensorDataset(x, x), batch_size=2, shuffle=True):
    reveal_type(batch)  # list[Tensor]
for rows in DataLoader(x, batch_size=2):
    reveal_type(rows)  # Tensor
for counts in DataLoader(Texts(), collate_fn=lengths):
    reveal_type(counts)  # list[int]
for other in DataLoader(Texts()):
    reveal_type(other)  # Any
loader: DataLoader[tuple[Tensor, ...]] = DataLoader(TensorDataset(x))
anyone: DataLoader[Any] = DataLoader(Texts(), batch_size=None)


@jit
def scaled(x: Tensor, k: int) -> Tensor:
    return x * k


@jit(pure=True)
def doubled(x: Tensor) -> Tensor:
    return x * 2


reveal_type(scaled(x, 2))  # Tensor
reveal_type(tg.exp(x))  # Tensor
reveal_type(x.exp_())  # Tensor
tg.exp()  # error: call-arg
tg.expp(x)  # error: attr-defined
reveal_type(doubled(x))  # Tensor
scaled(x)  # error: call-arg
Net()("no Tensor")  # error: arg-type
Net()()  # error: call-arg
