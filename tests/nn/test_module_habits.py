"""The uses of modules besides calls: states, hooks, buffers, casts, paths."""

import copy

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn


class Counted(nn.Linear):
    """A layer with a state of its own beside its Tensors."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.calls = 0

    def get_extra_state(self) -> dict[str, int]:
        return {"calls": self.calls}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.calls = state["calls"]


def test_an_extra_state_is_saved_and_loaded() -> None:
    net, other = nn.Sequential(Counted()), nn.Sequential(Counted())
    net[0].calls = 3
    state = net.state_dict()
    assert state["0._extra_state"] == {"calls": 3}
    other.load_state_dict(state)
    assert other[0].calls == 3
    del state["0._extra_state"]
    with pytest.raises(RuntimeError, match="Missing.*_extra_state"):
        other.load_state_dict(state)
    assert other.load_state_dict(state, strict=False).missing_keys == ["0._extra_state"]


def test_hooks_around_state_dicts_see_and_change_them() -> None:
    net, seen = nn.Sequential(nn.Linear(1, 1), nn.ReLU()), []
    net[0].register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(prefix))
    net.register_state_dict_post_hook(lambda m, state, prefix, about: state.update(more=1))
    state = net.state_dict()
    assert seen == ["0."] and state["more"] == 1

    def rename(module, state, prefix, about, strict, missing, unexpected, errors) -> None:
        state.pop("more", None)
        state[prefix + "weight"] = state.pop(prefix + "w")

    def forgive(module, keys) -> None:
        keys.missing_keys.clear()

    state["0.w"] = state.pop("0.weight")
    net[0].register_load_state_dict_pre_hook(rename)
    assert net.load_state_dict(state) == ([], [])
    assert "0.w" in state  # the hook's dict is a copy
    del state["0.bias"]
    with pytest.raises(RuntimeError, match="bias"):
        net.load_state_dict(state)
    handle = net.register_load_state_dict_post_hook(forgive)
    net.load_state_dict(state)
    handle.remove()
    with pytest.raises(RuntimeError, match="bias"):
        net.load_state_dict(state)


def test_a_module_may_save_and_load_in_its_own_way() -> None:
    class Renamed(nn.Linear):
        def _save_to_state_dict(self, destination, prefix, keep_vars) -> None:
            super()._save_to_state_dict(destination, prefix, keep_vars)
            destination[prefix + "kernel"] = destination.pop(prefix + "weight")

        def _load_from_state_dict(self, state, prefix, *rest) -> None:
            state[prefix + "weight"] = state.pop(prefix + "kernel")
            super()._load_from_state_dict(state, prefix, *rest)

    net, other = nn.Sequential(Renamed(2, 3)), nn.Sequential(Renamed(2, 3))
    assert list(net.state_dict()) == ["0.bias", "0.kernel"]
    other.load_state_dict(net.state_dict())
    assert (other[0].weight == net[0].weight).all()
    bad = {"0.kernel": tg.ones(1, 1), "0.bias": tg.ones(3)}
    with pytest.raises(RuntimeError, match="size mismatch"):
        other.load_state_dict(bad)
    assert (other[0].bias == net[0].bias).all()  # nothing was written


def test_a_hook_may_be_called_even_if_the_module_raises() -> None:
    class Broken(nn.Module):
        def forward(self, x: tg.Tensor) -> tg.Tensor:
            raise ZeroDivisionError

    net, seen = Broken(), []
    net.register_forward_hook(lambda m, a, out: seen.append("after"))
    net.register_forward_hook(lambda m, a, out: seen.append(out), always_call=True)
    with pytest.raises(ZeroDivisionError):
        net(tg.ones(1))
    assert seen == [None]
    assert len(net._forward_hooks) == 2 and net._forward_pre_hooks == {}
    assert nn.ReLU()._forward_hooks == {}


def test_buffers_are_registered_by_assignment() -> None:
    net = nn.Module()
    net.a, net.b = nn.Buffer(tg.ones(2)), nn.Buffer(tg.zeros(1), persistent=False)
    assert list(net.state_dict()) == ["a"] and [k for k, _ in net.named_buffers()] == ["a", "b"]
    assert list(net.double().state_dict()["a"]) == [1.0, 1.0] and net.a.dtype == tg.float64
    assert net._non_persistent_buffers_set == {"b"}


def test_a_submodule_is_put_where_a_path_says() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 2)))
    net.set_submodule("0.0", nn.ReLU())
    net.set_submodule("0.new", nn.Tanh())
    assert repr(net[0][0]) == "ReLU()" and isinstance(net[0].new, nn.Tanh)
    with pytest.raises(AttributeError, match="'other'"):
        net.set_submodule("0.other", nn.ReLU(), strict=True)
    for target, module in (("", nn.ReLU()), ("0.0", 1)):
        with pytest.raises(ValueError):
            net.set_submodule(target, module)


def test_casts_reach_gradients_and_integers_if_asked() -> None:
    net = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    net(tg.ones(3, 2)).sum().backward()
    net.double()
    assert net[0].weight.grad.dtype == tg.float64 and net[1].num_batches_tracked.dtype == tg.int64
    net.type(tg.float32)
    assert net[1].num_batches_tracked.dtype == tg.float32
    with pytest.raises(RuntimeError, match="bfloat16"):
        net.bfloat16()


def test_a_users_own_cast_reaches_all_tensors() -> None:
    class Extra(nn.Linear):
        def _apply(self, fn, recurse=True):
            super()._apply(fn, recurse)
            self.extra = fn(self.extra)
            return self

    layer = Extra(2, 2)
    layer.extra = tg.ones(1)
    assert nn.Sequential(layer).double()[0].extra.dtype == tg.float64
    assert layer.weight.dtype == tg.float64


def test_new_memory_keeps_only_the_shapes() -> None:
    layer = nn.Linear(2, 3)
    params = list(layer.parameters())
    old = [p.data for p in params]
    assert layer.to_empty(device="cpu") is layer
    assert all(a is b for a, b in zip(params, layer.parameters(), strict=True))
    pairs = zip(old, params, strict=True)
    assert not any(np.shares_memory(a.numpy(), b.detach().numpy()) for a, b in pairs)
    assert layer.share_memory() is layer and layer.compile() is None


def test_a_module_of_an_older_version_gets_the_attributes_it_lacks() -> None:
    layer = nn.Linear(2, 2)
    state = {k: v for k, v in layer.__dict__.items() if k not in ("_hooks", "training")}
    twin = nn.Linear.__new__(nn.Linear)
    twin.__setstate__(copy.copy(state))
    assert twin.training and (twin(tg.ones(1, 2)) == layer(tg.ones(1, 2))).all()


def test_parameter_dicts_behave_as_dicts() -> None:
    parameters = nn.ParameterDict({"a": tg.ones(1)})
    assert parameters.get("b") is None and parameters.setdefault("b", tg.zeros(2)).shape == (2,)
    more = parameters | {"c": nn.Parameter(tg.ones(3))}
    assert list(more) == ["a", "b", "c"] and list(parameters) == ["a", "b"]
    assert list(reversed(more)) == ["c", "b", "a"]
    assert more["a"] is parameters["a"] and more.popitem()[0] == "c"
    assert list(parameters.fromkeys(["x", "y"], nn.Parameter(tg.ones(1)))) == ["x", "y"]


def test_sequentials_are_repeated() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    assert len(net * 3) == 6 and (2 * net)[2] is net[0]
    net *= 2
    assert len(net) == 4
    with pytest.raises(ValueError, match="one time or more"):
        net * 0


def test_losses_take_pytorchs_order_of_arguments() -> None:
    x, t = tg.tensor([1.0, 3.0]), tg.zeros(2)
    assert nn.HuberLoss("sum", 1.0)(x, t).item() == 3.0
    assert nn.SmoothL1Loss(None, None, "none", 2.0)(x, t).tolist() == [0.25, 2.0]
    weighted = nn.BCEWithLogitsLoss(None, None, None, "none", tg.tensor([1.0, 2.0]))
    assert weighted(t, tg.ones(2)).tolist() == pytest.approx([np.log(2), 2 * np.log(2)])
    with pytest.raises(TypeError, match="it takes"):
        nn.MSELoss(weight=t)


def test_old_names_of_initial_values_warn() -> None:
    with pytest.warns(FutureWarning, match=r"nn\.init\.constant_"):
        assert (nn.init.constant(tg.empty(2), 3.0) == 3).all()
    assert nn.init._calculate_fan_in_and_fan_out(tg.empty(4, 3, 2)) == (6, 8)


@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("batch_first", [False, True])
def test_a_hook_of_a_recurrent_layers_outputs_sees_no_gradient_of_its_states(
    layer: type, batch_first: bool
) -> None:
    outputs, states = layer(2, 3, batch_first=batch_first)(tg.ones(4, 4, 2))
    outputs.retain_grad()
    states = states[0] if isinstance(states, tuple) else states
    ((outputs * 2).sum() + states.sum()).backward()
    assert (outputs.grad == 2).all()
