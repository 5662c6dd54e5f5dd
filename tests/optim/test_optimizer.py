"""Groups, skipping, closures, saving and loading, and what is refused: the same for all."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.optim.every import CASES, NAMES
from tinygrad_mnist import nn, optim

every = pytest.mark.parametrize("cls, options", CASES, ids=NAMES)
UNIFORM = [optim.SGD, optim.Adam, optim.AdamW, optim.Adamax, optim.NAdam, optim.RAdam,
           optim.Adagrad, optim.Adadelta, optim.RMSprop, optim.Rprop, optim.LBFGS]  # fmt: skip


def leaf(*values):
    return tg.tensor(values or (1.0, 2.0), requires_grad=True)


def with_gradient(*values):
    p = leaf(*values)
    p.grad = tg.ones(p.shape)
    return p


# Groups


def test_a_group_keeps_what_it_says_and_takes_the_rest_from_the_defaults():
    fast, slow = with_gradient(1.0), with_gradient(1.0)
    optimizer = optim.SGD([{"params": fast, "lr": 0.5}, {"params": [slow]}], lr=0.25)
    optimizer.step()
    assert (fast.item(), slow.item()) == (0.5, 0.75)


def test_a_group_added_later_is_stepped_too():
    first, later = with_gradient(1.0), with_gradient(1.0)
    optimizer = optim.SGD([first], lr=0.25)
    settings = {"params": later, "lr": 0.5}
    optimizer.add_param_group(settings)
    optimizer.step()
    assert later.item() == 0.5
    assert settings == {"params": later, "lr": 0.5}  # what the caller holds is not written to


def test_a_changed_rate_holds_from_the_next_step():
    p = with_gradient(1.0)
    optimizer = optim.SGD([p], lr=0.25)
    optimizer.param_groups[0]["lr"] = 0.5
    optimizer.step()
    assert p.item() == 0.5


def test_a_module_gives_its_parameters_with_or_without_names():
    net = nn.Linear(3, 2)
    plain, named = optim.SGD(net.parameters()), optim.SGD(net.named_parameters())
    assert [id(p) for p in plain.param_groups[0]["params"]] == [id(net.weight), id(net.bias)]
    assert named.param_groups[0]["param_names"] == ["weight", "bias"]


def test_repr_shows_the_settings_of_each_group():
    text = repr(optim.SGD([{"params": leaf()}, {"params": leaf(), "lr": 0.5}], lr=0.25))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0\n    lr: 0.25\n")
    assert "Parameter Group 1\n    dampening: 0\n    lr: 0.5\n" in text
    assert "params" not in text


# Steps


def test_a_parameter_without_gradient_is_skipped_even_with_weight_decay():
    p, q = leaf(1.0), with_gradient(1.0)
    optimizer = optim.AdamW([p, q], lr=0.5, weight_decay=0.5)
    optimizer.step()
    assert p.item() == 1.0
    assert q.item() != 1.0
    assert list(optimizer.state_dict()["state"]) == [1]


def test_missing_gradients_are_named():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    named, plain = optim.SGD(net.named_parameters()), optim.SGD(net.parameters())
    net[1].bias.requires_grad_(False)
    net[0](tg.ones(1, 2)).sum().backward()
    assert named.missing_gradients() == ["1.weight"]
    assert plain.missing_gradients() == ["param_groups[0]['params'][2] (2, 2)"]


def test_zero_grad_forgets_or_fills_with_zeros():
    p = with_gradient()
    optimizer = optim.SGD([p])
    before = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is before and p.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert p.grad is None


def test_zero_grad_cuts_a_gradient_off_from_its_graph():
    p = leaf(2.0)
    (p**3).backward(create_graph=True) if p.ndim == 0 else (p**3).sum().backward(create_graph=True)
    optim.SGD([p]).zero_grad(set_to_none=False)
    assert not p.grad.requires_grad and p.grad.tolist() == [0.0]


@pytest.mark.parametrize("cls", UNIFORM)
def test_step_returns_what_the_closure_returns_and_records_gradients_for_it(cls):
    p = leaf(1.0)
    optimizer = cls([p])

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with tg.no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert p.item() < 1.0


@every
def test_a_graph_from_before_the_step_is_refused_by_backward(cls, options):
    p = with_gradient()
    loss = (p * p).sum()
    optimizer = cls([p], **options)
    optimizer.step()
    with pytest.raises(RuntimeError, match="written|modified"):
        loss.backward()


@every
def test_the_step_is_not_recorded(cls, options):
    p = with_gradient()
    cls([p], **options).step()
    assert p.is_leaf and p.requires_grad


def test_a_rate_may_be_a_tensor():
    p = with_gradient(1.0)
    optim.SGD([p], lr=tg.tensor(0.25)).step()
    assert p.item() == 0.75
    assert p.dtype == np.float32


# An optimizer of the user's own, as one writes it for PyTorch


class SignMomentum(optim.Optimizer):
    def __init__(self, params, lr=0.1, beta=0.9):
        super().__init__(params, {"lr": lr, "beta": beta})

    @tg.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["step"], state["m"] = 0, tg.zeros_like(p)
                state["step"] += 1
                state["m"].mul_(group["beta"]).add_(p.grad, alpha=1 - group["beta"])
                p.add_(tg.sign(state["m"]), alpha=-group["lr"])


def test_an_optimizer_written_for_pytorch_runs_and_resumes():
    p = with_gradient(1.0)
    optimizer = SignMomentum([p])
    optimizer.step()
    assert p.item() == pytest.approx(0.9)
    q = with_gradient(0.9)
    resumed = SignMomentum([q], lr=5.0)
    resumed.load_state_dict(optimizer.state_dict())
    assert resumed.state[q]["step"] == 1
    optimizer.step(), resumed.step()
    assert q.item() == pytest.approx(p.item())
    assert isinstance(resumed.state[q]["m"], tg.Tensor)


def test_an_optimizer_without_update_or_step_says_so():
    with pytest.raises(NotImplementedError, match="must define update\\(\\) or step\\(\\)"):
        optim.Optimizer([with_gradient()], {}).step()


# Saving and loading


@every
def test_state_dicts_have_pytorchs_layout_and_own_their_memory(cls, options):
    p, q = with_gradient(), leaf()
    optimizer = cls([{"params": [p]}, {"params": [q], "lr": 0.5}], **options)
    optimizer.step()
    saved = optimizer.state_dict()
    assert [group["params"] for group in saved["param_groups"]] == [[0], [1]]
    assert [group["lr"] for group in saved["param_groups"]][1] == 0.5
    assert all(
        isinstance(v, tg.Tensor) for state in saved["state"].values() for v in state.values()
    )
    assert not any(key.startswith("_") for state in saved["state"].values() for key in state)
    before = copy.deepcopy(saved)
    optimizer.step()
    for number, state in before["state"].items():
        for key, value in state.items():
            assert np.array_equal(saved["state"][number][key].numpy(), value.numpy())


def test_loading_keeps_its_own_copy_and_the_group_dicts():
    p, q = with_gradient(), with_gradient()
    one, other = optim.SGD([p], lr=0.5, momentum=0.9), optim.SGD([q], lr=0.1)
    one.step()
    saved, group = one.state_dict(), other.param_groups[0]
    other.load_state_dict(saved)
    other.step()
    assert other.param_groups[0] is group and group["lr"] == 0.5
    assert saved["state"][0]["momentum_buffer"].tolist() == [1.0, 1.0]


def test_settings_of_others_in_a_group_survive_a_load():
    one, other = optim.SGD([leaf()]), optim.SGD([leaf()])
    one.param_groups[0]["initial_lr"] = 0.5
    other.load_state_dict(one.state_dict())
    assert other.param_groups[0]["initial_lr"] == 0.5


def test_switches_that_older_files_lack_are_added():
    optimizer = optim.SGD([leaf()], lr=0.1)
    saved = optimizer.state_dict()
    del saved["param_groups"][0]["maximize"]
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["maximize"] is False


def test_a_momentum_saved_as_none_starts_anew():
    p = with_gradient(1.0)
    optimizer = optim.SGD([p], lr=0.25, momentum=0.9)
    saved = optimizer.state_dict()
    saved["state"][0] = {"momentum_buffer": None}  # as PyTorch once did
    optimizer.load_state_dict(saved)
    optimizer.step()
    assert p.item() == 0.75


def broken(change):
    p = with_gradient()
    optimizer = optim.Adam([p])
    optimizer.step()
    saved = optimizer.state_dict()
    change(saved)
    return optimizer, saved


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda s: s.pop("state"), r"not the state of an optimizer: its keys are"),
        (lambda s: s["param_groups"].append(s["param_groups"][0]), "different number of parameter"),
        (lambda s: s["param_groups"][0]["params"].append(1), "doesn't match the size"),
        (lambda s: s["param_groups"][0].pop("betas"), "no 'betas', which Adam needs"),
        (lambda s: s["param_groups"][0].update(lr=-1.0), "Invalid learning rate: -1.0"),
        (lambda s: s["state"][0].update(exp_avg=tg.zeros(3)), "parameter 0: exp_avg has shape"),
        (lambda s: s["state"][0].pop("exp_avg_sq"), "parameter 0: no 'exp_avg_sq'"),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused_and_changes_nothing(change, message):
    optimizer, saved = broken(change)
    before = pickle.dumps([optimizer.state_dict()["param_groups"], values(optimizer)])
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(saved)
    assert pickle.dumps([optimizer.state_dict()["param_groups"], values(optimizer)]) == before


def values(optimizer):
    state = optimizer.state_dict()["state"]
    return [[value.tolist() for value in of_one.values()] for of_one in state.values()]


# What is refused


@pytest.mark.parametrize(
    "params, error, message",
    [
        (list, ValueError, "empty parameter list"),
        (lambda: leaf(), TypeError, "should be an iterable of Tensors or dicts, but got Tensor"),
        (lambda: [1.0], TypeError, "can only optimize Tensors, but one of the params is float"),
        (lambda: [leaf() * 2], ValueError, "can't optimize a non-leaf Tensor.*MulBackward0"),
        (lambda: [{"lr": 1}], ValueError, "must have the key 'params'"),
        (lambda: [{"params": {leaf()}}], TypeError, "ordered collections"),
        (lambda: [("w", leaf()), leaf()], ValueError, "Some param names are missing"),
        (
            lambda: [{"params": [leaf()]}, {"params": [("w", leaf())]}],
            ValueError,
            "cannot add param group with names",
        ),
    ],
)
def test_parameters_that_cannot_be_optimized(params, error, message):
    with pytest.raises(error, match=message):
        optim.SGD(params())


def test_a_parameter_in_two_groups_is_refused_and_the_group_is_not_added():
    p = leaf()
    optimizer = optim.SGD([p])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": p})
    with pytest.raises(TypeError, match="must be a dict, but got list"):
        optimizer.add_param_group([p])
    assert len(optimizer.param_groups) == 1


def test_a_parameter_twice_in_a_group_is_updated_once_with_a_warning():
    p = with_gradient(1.0)
    with pytest.warns(UserWarning, match="duplicate parameters; each is updated once"):
        optimizer = optim.SGD([("a", p), ("again", p)], lr=0.25)
    optimizer.step()
    assert p.item() == 0.75
    assert optimizer.param_groups[0]["param_names"] == ["a"]


@pytest.mark.parametrize(
    "cls, options, message",
    [
        (optim.SGD, {"lr": -1.0}, "Invalid learning rate: -1.0"),
        (optim.SGD, {"lr": float("nan")}, "Invalid learning rate: nan"),
        (optim.SGD, {"lr": tg.ones(2)}, "Tensor lr must be 1-element"),
        (optim.SGD, {"momentum": -0.5}, "Invalid momentum value: -0.5"),
        (optim.SGD, {"nesterov": True}, "Nesterov momentum requires a momentum"),
        (optim.Adam, {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
        (optim.Adam, {"eps": -1}, "Invalid epsilon value: -1"),
        (optim.Adam, {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        (optim.Adamax, {"betas": (0.0, 1.0)}, "Invalid beta parameter at index 1: 1.0"),
        (optim.NAdam, {"momentum_decay": -0.2}, "Invalid momentum_decay value: -0.2"),
        (optim.Adagrad, {"lr_decay": -0.5}, "Invalid lr_decay value: -0.5"),
        (optim.Adadelta, {"rho": 1.1}, "Invalid rho value: 1.1"),
        (optim.Rprop, {"etas": (1.0, 0.5)}, "Invalid eta values: 1.0, 0.5"),
        (optim.LBFGS, {"line_search_fn": "wolfe"}, "'strong_wolfe', not 'wolfe'"),
    ],
)
def test_settings_out_of_range(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls([leaf()], **options)
    good = cls([leaf()])
    if cls is not optim.LBFGS:
        with pytest.raises(ValueError, match=message):
            good.add_param_group({"params": leaf(), **options})
        assert len(good.param_groups) == 1


def test_choices_of_implementation_are_taken_and_others_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optim.Adam([leaf()], foreach=True, fused=False, capturable=True, differentiable=False)
    with pytest.raises(NotImplementedError, match="differentiable=True"):
        optim.SGD([leaf()], differentiable=True)
    with pytest.raises(TypeError, match="SGD.*unexpected keyword argument 'learning_rate'"):
        optim.SGD([leaf()], learning_rate=0.1)


def test_an_adam_that_an_older_version_has_pickled_goes_on():
    """Its means were divided by 1 - beta, each by its own."""
    new, old = (
        tg.tensor([1.0, -2.0], requires_grad=True),
        tg.tensor([1.0, -2.0], requires_grad=True),
    )
    ours, older = tg.optim.Adam([new], amsgrad=True), tg.optim.Adam([old], amsgrad=True)
    for p, optimizer in (new, ours), (old, older):
        p.grad = tg.tensor([0.5, 3.0])
        optimizer.step()
    state = older.state[old]
    state |= {"_scale": np.array(0.1), "_scale_sq": np.array(0.001)}
    state["exp_avg"] /= np.float32(0.1)
    for name in ("exp_avg_sq", "max_exp_avg_sq"):
        state[name] /= np.float32(0.001)
    loaded = pickle.loads(pickle.dumps(older))
    copy = loaded.param_groups[0]["params"][0]
    for p, optimizer in (new, ours), (copy, loaded):
        p.grad = tg.tensor([1.0, 1.0])
        optimizer.step()
    np.testing.assert_allclose(copy.detach().numpy(), new.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("form", [lambda f: f, tg.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("size", [3, 200_000])
@pytest.mark.parametrize("kind", ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"])
def test_a_step_that_fails_leaves_state_and_parameters(kind, size, form):
    usual, wrong = (0.9, 0.999), (1.0, 0.999) if kind == "Adamax" else (0.9, 1.0)
    results = []
    for fails in (False, True):
        w = tg.linspace(-1, 1, size).requires_grad_()
        optimizer = getattr(optim, kind)([w], lr=0.1, weight_decay=0.1)

        @form
        def step(w=w, optimizer=optimizer):
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()

        for _ in range(4):
            step()
        if fails:
            optimizer.param_groups[0]["betas"] = wrong
            before, state = w.detach().clone(), optimizer.state_dict()["state"][0]
            for _ in range(2):
                with pytest.raises(ZeroDivisionError):
                    step()
            assert w.equal(before)
            after = optimizer.state_dict()["state"][0]
            assert all(np.array_equal(after[key], value) for key, value in state.items())
            optimizer.param_groups[0]["betas"] = usual
        step()
        results.append(w.detach())
    assert results[0].equal(results[1])
