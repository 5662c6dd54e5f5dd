"""Stand-ins for PyTorch's larger parts: amp, compile, func, sparse, parallel, pytree, testing."""

from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn
from tinygrad_mnist.compat.pytree import tree_flatten, tree_map, tree_unflatten
from tinygrad_mnist.compat.vision import transforms

torch = pytest.importorskip("torch")


def test_autocast_leaves_float32_and_refuses_what_it_cannot_do() -> None:
    layer, x = nn.Linear(2, 2), tg.ones(1, 2)
    for block in (tg.autocast("cuda"), tg.cuda.amp.autocast(), tg.autocast("cpu", enabled=False)):
        with block:
            assert layer(x).dtype == tg.float32
    for dtype in (None, tg.bfloat16, tg.float16):
        with pytest.raises(RuntimeError, match="float16"):
            tg.autocast("cpu", dtype)


@pytest.mark.filterwarnings("ignore:GradScaler")
def test_a_scaler_without_its_device_is_off() -> None:
    scaler, w = tg.cuda.amp.GradScaler(), tg.tensor([1.0], requires_grad=True)
    optimizer = tg.optim.SGD([w], 0.5)
    scaler.scale((w * 2).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert not scaler.is_enabled() and w.tolist() == [0.0] and scaler.state_dict() == {}


def scaled(t: Any, loss_of: Any) -> list[Any]:
    """Three steps with a scaler on the CPU, the second of which overflows."""
    w = t.tensor([1.0], requires_grad=True)
    optimizer, seen = t.optim.SGD([w], 0.5), []
    scaler = t.amp.GradScaler("cpu", init_scale=8.0, growth_interval=1)
    for factor in (1.0, float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale((w * factor).sum()).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        seen += [w.item(), scaler.get_scale()]
    return seen


def test_a_scaler_on_the_cpu_is_pytorchs() -> None:
    assert scaled(tg, None) == scaled(torch, None) == [0.5, 16.0, 0.5, 8.0, 0.0, 16.0]


def test_a_compiled_module_trains_as_the_module_does() -> None:
    tg.manual_seed(0)
    plain = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    twin = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    twin.load_state_dict(plain.state_dict())
    compiled, x = tg.compile(twin), tg.randn(5, 3)
    for model in (plain, compiled):
        optimizer = tg.optim.SGD(model.parameters(), 0.1)
        for _ in range(4):
            optimizer.zero_grad()
            (model(x) ** 2).mean().backward()
            optimizer.step()
    assert all((a == b).all() for a, b in zip(plain.parameters(), twin.parameters(), strict=True))
    assert "_orig_mod.0.weight" in compiled.state_dict()


@pytest.mark.filterwarnings("ignore:jit")
def test_a_scripted_module_is_the_module_and_can_be_saved(tmp_path) -> None:
    net, x = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), tg.ones(1, 2)
    scripted = tg.jit.script(net)
    scripted.eval()
    assert isinstance(scripted, nn.Sequential) and not net.training
    scripted.save(tmp_path / "net.pt")
    assert (tg.jit.load(tmp_path / "net.pt")(x) == net(x)).all()


def cube(x: Any) -> Any:
    return (x**3).sum()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_functions_of_functions_are_pytorchs() -> None:
    value = np.array([1.0, 2.0, -0.5])
    for name in ("grad", "hessian", "jacrev"):
        ours, theirs = getattr(tg.func, name)(cube), getattr(torch.func, name)(cube)
        np.testing.assert_allclose(
            ours(tg.tensor(value)).detach().numpy(), theirs(torch.tensor(value)).numpy(), rtol=1e-12
        )
    a, b = np.arange(6.0).reshape(2, 3), np.ones((3, 2))
    for dims in ((0, 1), (1, 0)):
        x, y = (a, b) if dims == (0, 1) else (a.T.copy(), b.T.copy())
        ours = tg.vmap(tg.dot, dims)(tg.tensor(x), tg.tensor(y))
        theirs = torch.vmap(torch.dot, dims)(torch.tensor(x), torch.tensor(y))
        assert ours.tolist() == theirs.tolist()
    per_sample = tg.vmap(tg.func.grad(lambda w, x: (w * x).sum()), (None, 0))
    assert per_sample(tg.ones(2), tg.arange(4.0).view(2, 2)).tolist() == [[0, 1], [2, 3]]


def test_a_module_is_called_with_other_parameters_and_keeps_its_own() -> None:
    layer = nn.Linear(2, 1)
    before = layer.weight
    w = tg.ones(1, 2, requires_grad=True)
    tg.func.functional_call(layer, {"weight": w}, (tg.tensor([[2.0, 3.0]]),)).sum().backward()
    assert w.grad.tolist() == [[2, 3]] and layer.weight is before and before.grad is None
    tg.func.functional_call(layer, ({"weight": w}, {"bias": tg.zeros(1)}), tg.ones(1, 2))
    with pytest.raises(RuntimeError, match="unexpected"):
        tg.func.functional_call(layer, {"nope": w}, ())


@pytest.mark.filterwarnings("ignore:Sparse invariant")
def test_sparse_products_and_their_gradients_are_pytorchs() -> None:
    indices, dense = [[0, 1, 1, 0], [2, 0, 2, 2]], np.arange(6.0).reshape(3, 2)
    grads = []
    for t in (tg, torch):
        values = t.tensor([1.0, 2.0, 3.0, 4.0], dtype=t.float64, requires_grad=True)
        x = t.tensor(dense, requires_grad=True)
        a = t.sparse_coo_tensor(t.tensor(indices), values, (2, 3))
        out = t.sparse.mm(a, x)
        (out * out).sum().backward()
        grads.append([out.tolist(), values.grad.tolist(), x.grad.tolist(), a.is_sparse])
        detached = a.detach() if t is torch else a
        assert detached.coalesce().indices().tolist() == [[0, 1, 1], [2, 0, 2]]
        assert a.to_dense().shape == (2, 3) and t.spmm(a, x).shape == (2, 2)
    assert grads[0] == grads[1]
    with pytest.raises(RuntimeError, match="outside"):
        tg.sparse_coo_tensor([[5], [0]], [1.0], (2, 3))


def test_data_parallel_computes_as_the_module() -> None:
    layer = nn.Linear(2, 2)
    spread, x = nn.parallel.DataParallel(layer), tg.ones(1, 2)
    assert (spread(x) == layer(x)).all() and spread.module is layer
    assert tg.distributed.is_available() and not tg.distributed.is_initialized()
    shares = [
        list(tg.utils.data.distributed.DistributedSampler(range(7), 2, rank)) for rank in (0, 1)
    ]
    assert len(shares[0]) == len(shares[1]) == 4 and {*shares[0], *shares[1]} == set(range(7))


def test_trees_are_taken_apart_and_built_again() -> None:
    tree = {"a": [1, (2, 3)], "b": None}
    leaves, spec = tree_flatten(tree)
    assert leaves == [1, 2, 3, None] and tree_unflatten(leaves, spec) == tree
    assert tree_map(lambda x, y: (x or 0) + (y or 0), tree, tree) == {"a": [2, (4, 6)], "b": 0}
    with pytest.raises(ValueError, match="leaves"):
        tree_unflatten([1], spec)


@pytest.mark.parametrize(
    ("a", "b", "options"),
    [
        ([1.0], [1.0 + 1e-7], {}),
        ([1.0], [1.1], {}),
        ([1.0], [1.1], {"rtol": 0.2, "atol": 0.0}),
        ([1.0, 2.0], [1.0], {}),
        ([1], [1.0], {}),
        ([1], [1.0], {"check_dtype": False}),
        ([float("nan")], [float("nan")], {}),
        ([float("nan")], [float("nan")], {"equal_nan": True}),
        ([1], [1.0], {"rtol": 0.1}),
    ],
)
def test_assert_close_is_pytorchs(a: Any, b: Any, options: dict[str, Any]) -> None:
    outcomes = []
    for t in (tg, torch):
        try:
            t.testing.assert_close(t.tensor(a), t.tensor(b), **options)
            outcomes.append(None)
        except (AssertionError, ValueError) as error:
            outcomes.append((type(error), str(error).splitlines()[0].replace("torch.", "")))
    if outcomes[1] is not None and "dtype" in outcomes[1][1]:
        outcomes = [outcome[0] for outcome in outcomes]
    assert outcomes[0] == outcomes[1]


def test_transforms_cut_pad_and_scale() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert transforms.ToTensor()(image).shape == (1, 4, 4)
    assert transforms.CenterCrop(2)(image).tolist() == [[5, 6], [9, 10]]
    assert transforms.Pad(1)(image).shape == (6, 6)
    assert transforms.RandomHorizontalFlip(1.0)(image)[0].tolist() == [3, 2, 1, 0]
    assert transforms.RandomCrop(4, padding=1)(tg.ones(1, 4, 4)).shape == (1, 4, 4)
    assert transforms.Grayscale(3)(np.ones((2, 2, 3), np.uint8)).shape == (2, 2, 3)
    with pytest.raises(ValueError, match="larger"):
        transforms.CenterCrop(5)(image)
    with pytest.raises(AttributeError, match="function of an image"):
        transforms.RandomPerspective  # noqa: B018
