"""Stand-ins for PyTorch's larger parts: amp, compile, func, sparse, parallel, pytree, testing."""

import importlib
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


def values(tree: Any) -> Any:
    """Numbers of nested results, each with whether it requires grad."""
    if isinstance(tree, dict):
        return {name: values(part) for name, part in tree.items()}
    if isinstance(tree, (tuple, list)):
        return [values(part) for part in tree]
    return np.round(tree.detach().numpy(), 12).tolist(), tree.requires_grad


# Calls of torch.func (F): x and A are a vector and a matrix, P a parameter outside.
FUNCTIONS: dict[str, Any] = {
    "grad": lambda F, x, A, P: F.grad(cube)(x),
    "grad twice": lambda F, x, A, P: F.grad(lambda z: F.grad(cube)(z).sum())(x),
    "grad with a parameter": lambda F, x, A, P: F.grad(lambda z: (z**2 * P).sum())(x),
    "grad of a dict": lambda F, x, A, P: F.grad(lambda z, y: (z * y["a"]).sum(), (0, 1))(
        x, {"a": x + 1}
    ),
    "grad and value": lambda F, x, A, P: F.grad_and_value(
        lambda z: (cube(z), z * 2), has_aux=True
    )(x),
    "vjp": lambda F, x, A, P: F.vjp(lambda z, y: {"p": z * y, "q": y}, x, x)[1]({"p": x, "q": x}),
    "vjp's output": lambda F, x, A, P: F.vjp(lambda z: z.sin(), x)[0],
    "jvp": lambda F, x, A, P: F.jvp(lambda z: z.sin() * A, (x,), (x,)),
    "jvp with a parameter": lambda F, x, A, P: F.jvp(lambda z: z**2 * P, (x,), (x,)),
    "jvp with more": lambda F, x, A, P: F.jvp(lambda z: (z.sin(), z), (x,), (x,), has_aux=True),
    "jvp's Jacobian": lambda F, x, A, P: F.jacrev(
        lambda y: F.jvp(lambda z: z**3, (y,), (y * 0 + 1,))[1]
    )(x),
    "linearize": lambda F, x, A, P: F.linearize(lambda z: z.sin(), x)[1](x),
    "jacrev": lambda F, x, A, P: F.jacrev(lambda z, y: (z * y, {"k": y.sum()}), (0, 1))(x, x + 1),
    "jacfwd": lambda F, x, A, P: F.jacfwd(lambda z: (A @ z, z), has_aux=True)(x),
    "hessian": lambda F, x, A, P: F.hessian(lambda z: (z**3).prod())(x),
    "vmap of grad": lambda F, x, A, P: F.vmap(F.grad(lambda w, z: (w * z).sum()), (None, 0))(x, A),
    "vmap of jvp": lambda F, x, A, P: F.vmap(lambda a: F.jvp(lambda z: z**3, (a,), (a,)))(A),
    "vmap of a dict": lambda F, x, A, P: F.vmap(
        lambda d, c: d["a"] * c + d["b"], in_dims=({"a": 0, "b": None}, 1)
    )({"a": A, "b": x}, A.t()),
    "vmap to a dict": lambda F, x, A, P: F.vmap(
        lambda a: {"u": a * 2, "v": (a.sum(), a)}, out_dims={"u": 1, "v": (0, 1)}
    )(A),
    "vmap to the same": lambda F, x, A, P: F.vmap(
        lambda d, c: (d["a"] * c, c), in_dims=(0, None), out_dims=(1, None)
    )({"a": A}, x),
    "vmap in vmap": lambda F, x, A, P: F.vmap(F.vmap(lambda a: a * a), -1, -1)(A),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_functions_of_functions_return_what_pytorchs_return(name: str) -> None:
    def results(t: Any) -> Any:
        x = t.tensor([1.0, 2.0, -0.5], dtype=t.float64)
        outside = t.tensor(2.0, dtype=t.float64, requires_grad=True)
        matrix = t.arange(6.0, dtype=t.float64).reshape(2, 3)
        return values(FUNCTIONS[name](t.func, x, matrix, outside))

    assert results(tg) == results(torch)


def test_a_transform_records_where_nothing_else_does() -> None:
    with tg.no_grad():
        assert tg.func.grad(cube)(tg.ones(2)).tolist() == [3, 3]


@pytest.mark.parametrize("wrong", [
    lambda F, x: F.jvp(cube, x, x),
    lambda F, x: F.jvp(cube, (x,), (x, x)),
    lambda F, x: F.jvp(cube, (x,), (x[:1],)),
    lambda F, x: F.grad(lambda z: z)(x),
    lambda F, x: F.grad(cube, has_aux=True)(x),
    lambda F, x: F.grad(cube)(2.0),
    lambda F, x: F.grad(cube, argnums=3)(x),
    lambda F, x: F.vjp(lambda z: z.argmax(), x),
    lambda F, x: F.vjp(cube, x)[1]((x, x)),
    lambda F, x: F.vmap(cube)(x.sum()),
    lambda F, x: F.vmap(cube)(2.0),
    lambda F, x: F.vmap(lambda: x)(),
    lambda F, x: F.vmap(lambda z: 1.0)(x),
    lambda F, x: F.vmap(lambda z, y: z)(x, x[:1]),
    lambda F, x: F.vmap(lambda z, y: z, (0, 0, 0))(x, x),
    lambda F, x: F.stack_module_state([]),
])  # fmt: skip
def test_functions_of_functions_refuse_what_pytorchs_refuse(wrong: Any) -> None:
    with pytest.raises((RuntimeError, ValueError)) as theirs:
        wrong(torch.func, torch.ones(2))
    with pytest.raises(theirs.type):
        wrong(tg.func, tg.ones(2))


def test_an_ensemble_is_a_vmap_over_stacked_parameters() -> None:
    models = [nn.Linear(2, 1) for _ in range(3)]
    state = tg.func.stack_module_state(models)
    x = tg.randn(4, 2)

    def call(parameters: Any, buffers: Any, x: tg.Tensor) -> Any:
        return tg.func.functional_call(models[0], (parameters, buffers), (x,))

    out = tg.vmap(call, in_dims=(0, 0, None))(*state, x)
    assert tg.equal(out, tg.stack([model(x) for model in models]))
    assert state[0]["weight"].is_leaf and state[0]["weight"].requires_grad
    with pytest.raises(RuntimeError, match="same class"):
        tg.func.stack_module_state([models[0], nn.ReLU()])
    with pytest.raises(RuntimeError, match="same training/eval mode"):
        tg.func.stack_module_state([models[0], nn.Linear(2, 1).eval()])


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


def test_attention_and_checkpoints_take_what_pytorchs_take() -> None:
    attention = importlib.import_module("tinygrad_mnist.nn.attention")
    names = torch.nn.attention.SDPBackend.__members__
    assert {x.name: x.value for x in attention.SDPBackend} == {n: names[n].value for n in names}
    x = tg.ones(1, 2, 4)
    with attention.sdpa_kernel([attention.SDPBackend.MATH]):
        assert nn.functional.scaled_dot_product_attention(x, x, x).shape == x.shape
    checkpoint = importlib.import_module("tinygrad_mnist.utils.checkpoint")
    states = checkpoint.get_device_states(x)
    assert states == torch.utils.checkpoint.get_device_states(torch.ones(1)) == ([], [])
    checkpoint.set_device_states(*states)


def test_copies_of_pytorchs_functions_ask_for_overrides() -> None:
    F = nn.functional
    weight = nn.Linear(2, 1).weight
    assert not F.has_torch_function((weight,)) and not F.has_torch_function_unary(weight)
    assert not F.has_torch_function_variadic(weight, weight)
    with pytest.raises(TypeError, match="not supported"):
        F.handle_torch_function(F.relu, (weight,), weight)


@pytest.mark.parametrize("name", ["TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE"])
def test_the_environment_disables_compile(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert tg.compile(cube) is cube and tg.compiler.compile()(cube) is cube
    monkeypatch.setenv(name, "0")
    assert tg.compile(cube) is not cube


def test_cuda_is_not_initialized() -> None:
    assert tg.cuda._initialized is tg.cuda.is_initialized() is False
