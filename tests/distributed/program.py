"""What the ranks of tests/distributed/test_ranks.py run: checks that need more than one rank.

Each check prints its name when it has passed on all ranks; an assertion that fails on one ends all.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import distributed as dist
from tinygrad_mnist import nn, optim
from tinygrad_mnist.nn.parallel import DistributedDataParallel

FORMS: dict[str, Callable[[Any], Any]] = {
    "eager": lambda step: step,
    "jit": tg.jit,
    "pure": tg.jit(pure=True),
    "tiles": tg.jit(tile_rows=1),  # of rank 0's two rows; rank 1 has a single one
}
WHOLE = [form for form in FORMS if form != "tiles"]  # what tiles refuse, as clipping


def rank() -> int:
    return dist.get_rank()


def layer(inputs: int = 3, outputs: int = 2) -> nn.Linear:
    tg.manual_seed(rank())  # other weights on each rank, until they are broadcast
    return nn.Linear(inputs, outputs).double()


def same_on_all(tensor: tg.Tensor) -> bool:
    """Whether the bits of a Tensor are the same on both ranks."""
    parts = [tg.zeros_like(tensor) for _ in range(2)]
    dist.all_gather(parts, tensor.detach())
    return parts[0].numpy().tobytes() == parts[1].numpy().tobytes()


def refusal(kind: type[Exception], action: Callable[[], object]) -> str:
    """The message of the error that an action raises."""
    try:
        action()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__}")


def reduces_every_dtype() -> None:
    for dtype in ("uint8", "int16", "int64", "float16", "float32", "float64"):
        x = tg.tensor(np.array([[0, 1, 2], [3, 4, 5]], dtype))[:, ::2].t()  # not contiguous
        assert dist.all_reduce(x) is None
        assert x.dtype == np.dtype(dtype) and x.tolist() == [[0, 6], [4, 10]]
    flags = tg.tensor([rank() == 0, False])
    dist.all_reduce(flags)
    assert flags.tolist() == [True, False]
    mean = tg.tensor([float(rank()), 4.0], requires_grad=True)
    dist.all_reduce(mean, dist.ReduceOp.AVG)
    assert mean.tolist() == [0.5, 4.0]
    largest = tg.tensor(rank())  # 0-d
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    assert largest.item() == 1
    empty = tg.zeros(0, 3)
    dist.all_reduce(empty)
    assert empty.shape == (0, 3)


def moves_tensors() -> None:
    mine = tg.full((2,), float(rank()))
    parts = [tg.zeros(2) for _ in range(2)]
    dist.all_gather(parts, mine)
    assert [p.tolist() for p in parts] == [[0, 0], [1, 1]]
    for shape in ((4,), (2, 2)):
        whole = tg.zeros(*shape)
        dist.all_gather_into_tensor(whole, mine)
        assert whole.flatten().tolist() == [0, 0, 1, 1]
    work = dist.broadcast(mine, 1, async_op=True)
    assert work.wait() and work.is_completed() and mine.tolist() == [1, 1]
    parts = [tg.zeros(()) for _ in range(2)]
    dist.gather(tg.tensor(float(rank())), parts if rank() == 1 else None, dst=1)
    assert [p.item() for p in parts] == ([0, 1] if rank() == 1 else [0, 0])
    part = tg.zeros(1)
    dist.scatter(part, [tg.full((1,), 5.0), tg.full((1,), 6.0)] if rank() == 0 else None)
    assert part.item() == 5 + rank()
    total = tg.full((1,), 2.0)
    dist.reduce(total, 1)
    assert total.item() == 2 * (1 + rank())
    if rank() == 0:
        dist.send(tg.arange(3), 1)
    else:
        received = tg.zeros(3, dtype=tg.int64)
        assert dist.recv(received) == 0 and received.tolist() == [0, 1, 2]
    second = dist.new_group([1])
    assert dist.get_rank(second) == (0 if rank() == 1 else -1)
    dist.barrier()


def notes_writes() -> None:
    x = tg.ones(2, requires_grad=True)
    y = (x * 2).exp()
    dist.all_reduce(y)
    assert "modified" in refusal(RuntimeError, y.sum().backward)


def refuses_bad_input() -> None:
    ones = tg.ones(2)
    assert "Tensor is needed" in refusal(TypeError, lambda: dist.all_reduce([1]))  # type: ignore[arg-type]
    assert "AVG" in refusal(TypeError, lambda: dist.all_reduce(tg.tensor([1]), dist.ReduceOp.AVG))
    assert "BAND" in refusal(TypeError, lambda: dist.all_reduce(ones, dist.ReduceOp.BAND))
    assert "clone()" in refusal(RuntimeError, lambda: dist.all_reduce(tg.ones(1).expand(3)))
    assert "no rank 7" in refusal(ValueError, lambda: dist.broadcast(ones, 7))
    assert "2 Tensors" in refusal(ValueError, lambda: dist.all_gather([ones], ones))
    assert "twice" in refusal(RuntimeError, dist.init_process_group)
    other = refusal(dist.DistError, lambda: DistributedDataParallel(nn.Linear(2 + rank(), 2)))
    assert "rank 1 has parameter weight: float32 [2, 3]" in other


def starts_from_rank_0() -> None:
    model = layer()
    assert not same_on_all(model.weight)
    DistributedDataParallel(model)
    assert same_on_all(model.weight)


def averages_by_weight(form: str) -> None:
    """Two rows on rank 0 and one on rank 1: the gradient of the mean over the three."""
    model = layer()
    network = DistributedDataParallel(model)
    x, y = tg.arange(9.0, dtype=tg.float64).reshape(3, 3), tg.tensor([0, 1, 1])
    F.cross_entropy(model(x), y).backward()
    expected = model.weight.grad.numpy().copy()
    mine = slice(0, 2) if rank() == 0 else slice(2, 3)
    x, y = x[mine].clone(), y[mine].clone()
    network.set_weight(len(x))

    def step(x: tg.Tensor, y: tg.Tensor) -> tg.Tensor:
        model.zero_grad()
        loss = F.cross_entropy(network(x), y)
        loss.backward()
        return loss.detach()

    jitted = FORMS[form](step)
    for _ in range(4):
        jitted(x, y)
        np.testing.assert_allclose(model.weight.grad.numpy(), expected, rtol=1e-13)


def averages_by_hand(form: str) -> None:
    """The loop that tutorials show: all_reduce(p.grad) between backward and step, and the loss."""
    model = layer()
    DistributedDataParallel(model)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    x = tg.arange(12.0, dtype=tg.float64).reshape(4, 3) / 12
    twin = nn.Linear(3, 2).double()
    twin.load_state_dict(model.state_dict())
    other = optim.SGD(twin.parameters(), lr=0.5)

    def step(x: tg.Tensor) -> tg.Tensor:
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        for p in model.parameters():
            dist.all_reduce(p.grad)
            p.grad /= 2
        optimizer.step()
        mean = loss.detach()
        dist.all_reduce(mean, dist.ReduceOp.AVG)
        dist.barrier()
        return mean

    jitted = FORMS[form](step)
    for _ in range(5):
        other.zero_grad()
        loss = twin(x).square().mean()
        loss.backward()
        other.step()
        assert abs(jitted(x[rank() :: 2].clone()).item() - loss.item()) < 1e-14
    np.testing.assert_allclose(model.weight.detach().numpy(), twin.weight.detach().numpy(), 1e-13)
    assert same_on_all(model.weight)
    if form == "pure":
        (program,) = jitted.programs()
        assert sum("collective" in line for line in program.lines()) == 3


def leaves_no_rank_waiting() -> None:
    """A parameter that is unused on one rank, or on both; a rank without a batch."""
    model = nn.ModuleList([layer(), layer(), layer()])
    model.forward = lambda x, number: model[number](x)
    network = DistributedDataParallel(model, find_unused_parameters=True)
    network(tg.ones(1, 3, dtype=tg.float64), rank()).sum().backward()
    assert model[0].bias.grad.tolist() == model[1].bias.grad.tolist() == [0.5, 0.5]
    assert model[2].bias.grad is None
    model.zero_grad()
    if rank() == 0:
        network(tg.ones(4, 3, dtype=tg.float64), 0).mean().backward()
    else:
        network.skip_batch()
    assert model[0].bias.grad.tolist() == [0.5, 0.5] and model[1].bias.grad is None


def waits_for_its_own_backward() -> None:
    """A GAN: the discriminator's backward must not count as the generator's."""
    generator, critic = layer(2, 3), layer(3, 1)
    g, c = DistributedDataParallel(generator), DistributedDataParallel(critic)
    fake = g(tg.full((1, 2), 1.0 + rank(), dtype=tg.float64))
    c(fake.detach()).sum().backward()
    assert generator.weight.grad is None and same_on_all(critic.weight.grad)
    c(fake).sum().backward()
    assert same_on_all(generator.weight.grad)


def accumulates_without_messages() -> None:
    model = layer()
    network = DistributedDataParallel(model)
    x = tg.full((1, 3), 1.0 + rank(), dtype=tg.float64)
    with network.no_sync():
        network(x).sum().backward()
    assert model.weight.grad[0].tolist() == [1.0 + rank()] * 3
    network(x).sum().backward()
    assert model.weight.grad[0].tolist() == [3.0] * 3


def keeps_statistics_of_rank_0(form: str) -> None:
    norm = nn.BatchNorm1d(2)
    network = DistributedDataParallel(norm)
    optimizer = optim.SGD(norm.parameters(), lr=0.1)
    x = tg.tensor([[1.0, 2.0], [3.0, 5.0]]) * (1 + rank())

    def step(x: tg.Tensor) -> None:
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()

    jitted, alone = FORMS[form](step), nn.BatchNorm1d(2)
    for _ in range(4):
        jitted(x)
        alone(x / (1 + rank()))
    network.eval()(x)  # as PyTorch's: before each forward
    np.testing.assert_allclose(norm.running_mean.numpy(), alone.running_mean.numpy(), 1e-6)
    assert norm.num_batches_tracked.item() == 4 and same_on_all(norm.running_var)


def deals_out_a_data_set() -> None:
    sampler = tg.utils.data.DistributedSampler(range(5), shuffle=True, seed=3)
    assert len(sampler) == 3
    mine = tg.tensor(list(sampler))
    parts = [tg.zeros_like(mine) for _ in range(2)]
    dist.all_gather(parts, mine)
    assert {i for part in parts for i in part.tolist()} == set(range(5))
    dist.seed_rank(0)
    assert not same_on_all(tg.rand(4))
    tg.manual_seed(0)
    assert same_on_all(tg.rand(4))


def begins_again() -> None:
    dist.destroy_process_group()
    assert not dist.is_initialized()
    dist.init_process_group("gloo", timeout=60)
    assert dist.get_backend() == "mpi"


def main() -> None:
    dist.init_process_group("mpi")
    assert dist.get_world_size() == 2
    for check in (
        reduces_every_dtype, moves_tensors, notes_writes, refuses_bad_input, starts_from_rank_0,
        averages_by_weight, averages_by_hand, leaves_no_rank_waiting, waits_for_its_own_backward,
        accumulates_without_messages, keeps_statistics_of_rank_0, deals_out_a_data_set,
        begins_again,
    ):  # fmt: skip
        forms: Any = FORMS if check is averages_by_weight else WHOLE
        for arguments in [(form,) for form in forms] if check.__code__.co_argcount else [()]:
            check(*arguments)  # type: ignore[operator]
        dist.barrier()
        if rank() == 0:
            print(check.__name__, file=sys.stdout, flush=True)


if __name__ == "__main__":
    main()
