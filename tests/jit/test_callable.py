"""A compiled function is a function: a method, a copy, a pickle, a name, an error."""

import copy
import gc
import pickle
import weakref

import pytest

import tinygrad_mnist as tg


@tg.jit
def at_the_top(x):
    """Double."""
    return x * 2


def plain(x):
    return x * 3


class Learner:
    def __init__(self):
        self.w = tg.ones(2, requires_grad=True)

    @tg.jit(pure=True)
    def step(self, x):
        self.w.grad = None
        (self.w * x).sum().backward()
        return self.w.grad


class Child(Learner):
    @tg.jit(pure=True)
    def step(self, x):
        return super().step(x) + 1


def test_a_method_belongs_to_its_instance(jit):
    class Scale:
        def __init__(self, by):
            self.by = tg.full((), by)

        @jit
        def times(self, x):
            return x * self.by

    two, three = Scale(2.0), Scale(3.0)
    for _ in range(4):
        assert two.times(tg.ones(1)).tolist() == [2.0]
        assert three.times(tg.ones(1)).tolist() == [3.0]
    assert two.times is two.times and two.times is not three.times
    assert copy.copy(two).times.function.__self__ is not two
    reference = weakref.ref(two)
    del two
    gc.collect()
    assert reference() is None


def test_a_method_may_call_that_of_the_class_above():
    child = Child()
    for i in range(4):
        assert child.step(tg.full((2,), float(i))).tolist() == [i + 1.0] * 2


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))]
)
def test_copies(again):
    for function, factor in ((at_the_top, 2.0), (tg.jit(plain, pure=True), 3.0)):
        for _ in range(3):
            function(tg.ones(1))
        twin = again(function)
        for _ in range(4):
            assert twin(tg.ones(1)).tolist() == [factor]
    learner = Learner()
    for _ in range(3):
        learner.step(tg.ones(2))
    twin = again(learner)
    for i in range(4):
        assert twin.step(tg.full((2,), float(i))).tolist() == [float(i)] * 2
    assert twin.step.function.__self__ is twin


def test_a_name():
    assert at_the_top.__name__ == "at_the_top" and at_the_top.__doc__ == "Double."
    assert repr(tg.jit(plain)) == "<jit plain: nothing captured yet>"


@pytest.mark.parametrize("what", [3, "text", [plain]], ids=["a number", "a text", "a list"])
def test_only_what_can_be_called_is_compiled(what, jit):
    with pytest.raises(TypeError, match=f"jit compiles a function, not .*{type(what).__name__}"):
        jit(what)
