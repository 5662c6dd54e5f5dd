"""Pure calls and what is outside of them: Tensors that no op touches, gradients, frozen layers."""

import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn, optim

FORMS = {"jit": tg.jit, "pure": lambda f: tg.jit(f, pure=True)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["tensor", "parameter", "in a dict"])
def test_a_tensor_that_no_op_touches_is_returned_itself(form, kind):
    outside = nn.Parameter(tg.ones(2)) if kind == "parameter" else tg.ones(2)
    around = {"it": outside}
    result_of = FORMS[form](lambda x: [x * 1, around["it"] if kind == "in a dict" else outside])
    for number in range(6):
        if number > 3:
            outside.data = tg.ones(2) * number
        twice, returned = result_of(tg.ones(2))
        assert returned is outside
        assert twice.tolist() == [1, 1]


def test_a_tensor_that_a_call_has_made_is_new_in_each():
    made = tg.jit(lambda x: [x * 1, tg.zeros(2)], pure=True)
    results = [made(tg.ones(2))[1].add_(1) for _ in range(5)]
    assert [r.tolist() for r in results] == [[1, 1]] * 5


WRITES = {
    "clip_grad_norm_": lambda w: nn.utils.clip_grad_norm_([w], 0.5),
    "clip_grad_value_": lambda w: nn.utils.clip_grad_value_([w], 0.25),
    "an element": lambda w: w.grad.__setitem__(0, w.grad[0] + 1),
    "a view": lambda w: w.grad.view(3, 1)[1:].copy_(w.grad[:2].view(2, 1) + 3),
    "all": lambda w: w.grad.copy_(w.grad * w.grad + 1),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", WRITES)
def test_a_gradient_that_is_the_same_in_each_call_may_be_written(name, form):
    w = tg.ones(3, requires_grad=True)

    def step(x):
        w.grad = None
        (w.sum() * 1).backward()
        WRITES[name](w)
        return x * 1, w.grad * 1

    jitted = FORMS[form](step)
    assert [jitted(tg.ones(2))[1].tolist() for _ in range(5)] == [step(tg.ones(2))[1].tolist()] * 5


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_layers_that_are_frozen_again_and_again(name, form):
    """Of the gradient from before a freeze the optimizer's zero_grad() leaves nothing."""

    def train(compiled):
        tg.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        optimizer = getattr(optim, name)(model.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
            return x * 1

        step, seen = compiled(step), []
        for phase in range(6):
            model[0].requires_grad_(phase % 2 == 0)
            for _ in range(3):
                step(tg.ones(3, 2))
                bias = model[0].bias
                seen.append((bias.tolist(), None if bias.grad is None else bias.grad.tolist()))
        return seen

    assert train(FORMS[form]) == train(lambda step: step)


@pytest.mark.parametrize("form", FORMS)
def test_a_leaf_of_the_call_may_have_been_asked_for_a_gradient_before(form):
    def slope(x):
        leaf = (x * 1).detach()
        assert leaf.grad is None
        (leaf.requires_grad_() * x).sum().backward()
        return leaf.grad * 1

    jitted = FORMS[form](slope)
    for number in range(5):
        assert jitted(tg.ones(2) * number).tolist() == [number] * 2


class Breaking(optim.SGD):
    """Stops in the middle of a step when it is told to."""

    breaks = False

    def update(self, *args):
        if self.breaks:
            raise ZeroDivisionError("broken")
        super().update(*args)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fault", ["a label out of bounds", "an optimizer that breaks"])
def test_an_error_says_and_leaves_what_it_does_in_eager(fault, form):
    def train(compiled):
        tg.manual_seed(0)
        model, seen = nn.Linear(3, 4), []
        optimizer = Breaking(model.parameters(), lr=0.1)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        step = compiled(step)
        for number in range(8):
            optimizer.breaks = number == 5 and fault == "an optimizer that breaks"
            x, y = tg.rand(5, 3), tg.arange(5) % 4
            try:
                seen.append(step(x, y + 3 if number == 5 and "label" in fault else y).item())
            except Exception as error:
                seen.append((type(error), str(error)))
            for p in model.parameters():
                seen.append((p.tolist(), None if p.grad is None else p.grad.tolist()))
        return seen

    assert train(FORMS[form]) == train(lambda step: step)
