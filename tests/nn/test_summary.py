"""Module.summary: its numbers, what it leaves alone, and the two tables."""

import random
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.a = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.b = nn.Conv2d(8, 8, 1, groups=2)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = F.relu(self.stem(x))
        return self.head(F.relu(self.b(self.a(x)) + x).mean((2, 3)))


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.b(self.a(self.a(x)))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.emb, self.rnn = nn.Embedding(20, 5), nn.GRU(5, 7, batch_first=True)
        self.out = nn.Linear(7, 3)

    def forward(self, i):
        return self.out(self.rnn(self.emb(i))[0][:, -1])


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.att, self.out = nn.MultiheadAttention(12, 3, batch_first=True), nn.Linear(12, 4)

    def forward(self, x):
        return self.out(self.att(x, x, x)[0])


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 10),
    )  # fmt: skip


# What torchinfo 1.8.0 counts for these models in PyTorch: parameters and multiply-adds. Where it
# multiplies all weights by the batch, whatever is done with them, that term is taken away: 2 * 100
# of the embedding, 2 * 8 of the batch norm. Attention it leaves out, and of sequences it counts one
# step: there stands half of what PyTorch's FlopCounterMode counts, and the biases.
MODELS = {
    "mlp": (
        lambda: nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)),
        (64, 784), 101_770, 6_513_280,
    ),
    "lenet": (lenet, (4, 1, 28, 28), 51_902, 1_652_936),
    "residual": (Residual, (2, 3, 16, 16), 930, 430_260),
    "conv1d": (
        lambda: nn.Sequential(nn.Conv1d(4, 8, 3, stride=2, dilation=2), nn.Conv1d(8, 2, 3)),
        (3, 4, 30), 154, 5706,
    ),
    "twice": (Twice, (5, 6), 56, 490),
    "lstm": (lambda: nn.LSTM(4, 5, 2, bidirectional=True), (7, 2, 4), 1120, 15_680),
    "gru": (Recurrent, (2, 6), 418, 3776 - 200),
    "batchnorm": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 10)
        ),
        (2, 1, 8, 8), 1498, 5796 - 16,
    ),
    "attention": (Attending, (2, 5, 12), 676, 7440 + 10 * 36 + 10 * 12 + 10 * 4),
    "encoder": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        (2, 5, 8), 600, 5920 + 10 * (24 + 8 + 16 + 8),
    ),
    "transposed": (lambda: nn.ConvTranspose2d(4, 2, 3, stride=2), (1, 4, 5, 5), 74, 1800),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_parameters_and_multiply_adds_are_those_of_torchinfo(name: str) -> None:
    make, size, params, mult_adds = MODELS[name]
    about = make().summary(input_size=size, dtypes="int64" if name == "gru" else None)
    assert (about.total_params, about.trainable_params) == (params, params)
    assert about.total_mult_adds == mult_adds


def test_custom_modules_and_functional_code_count() -> None:
    class Custom(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(tg.ones(4, 3), requires_grad=False)

        def forward(self, x):
            with tg.no_grad():
                return tg.einsum("bi,ij->bj", x, self.w) + tg.bmm(x[None], self.w[None])[0]

    about = Custom().summary(tg.ones(5, 4))
    assert about.total_mult_adds == 2 * 5 * 4 * 3
    assert (about.total_params, about.trainable_params) == (12, 0)


def test_rows_have_paths_shapes_and_calls() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(4, 5)
            self.att = nn.MultiheadAttention(5, 1)
            self.blocks = nn.ModuleList([nn.Linear(5, 5), nn.Sequential(nn.ReLU())])
            self.again = self.blocks[0]
            self.tied = nn.Linear(5, 5, bias=False)
            self.tied.weight = self.again.weight
            self.spare = nn.BatchNorm1d(3)
            self.spare.weight.requires_grad_(False)

        def forward(self, x):
            y, _ = self.rnn(x)
            y, w = self.att(y, y, y)
            for _ in range(3):
                y = self.blocks[1](self.again(y))
            return {"y": self.tied(y), "w": [w, None]}

    about = Net().summary(tg.ones(7, 2, 4))
    rows = {row.path: row for row in about.rows}
    assert list(rows) == [
        "", "rnn", "att", "att.out_proj", "blocks", "blocks.0", "blocks.1", "blocks.1.0", "again",
        "tied", "spare",
    ]  # fmt: skip
    assert rows[""].output_shape == {"y": (7, 2, 5), "w": ((2, 7, 7), None)}
    assert rows["rnn"].output_shape == ((7, 2, 5), ((1, 2, 5), (1, 2, 5)))
    assert rows["att"].output_shape == ((7, 2, 5), (2, 7, 7))
    assert rows["blocks.0"].calls == rows["blocks.1.0"].calls == 3
    assert rows["blocks.0"].mult_adds == 3 * 14 * 30
    assert rows["again"].same_as == "blocks.0" and rows["again"].params == 0
    assert rows["tied"].params == 0 and rows["tied"].notes == ("weight is blocks.0.weight",)
    assert rows["tied"].mult_adds == 14 * 25
    assert rows["spare"].calls == 0 and rows["spare"].output_shape is None
    assert (rows["spare"].params, rows["spare"].trainable_params) == (6, 3)
    assert rows["spare"].bytes == 4 * 12 + 8  # two moments and a count besides
    assert about.total_params == sum(p.numel() for p in Net().parameters())
    text = str(about)
    assert "same as blocks.0" in text and "tied: weight is blocks.0.weight" in text
    assert "not called" in text and "x3" in text and "6 (3 frozen)" in text


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.summary(tg.ones(3, 4), tg.ones(3, 4)),
        lambda m: m.summary((tg.ones(3, 4), np.ones((3, 4), np.float32))),
        lambda m: m.summary([tg.ones(3, 4)], b=tg.ones(3, 4)),
        lambda m: m.summary(np.ones((3, 4), np.float32), b=np.ones((3, 4), np.float32)),
        lambda m: m.summary(input_size=[(3, 4), [3, 4]]),
        lambda m: m.summary(input_size=((3, 4), (np.int64(3), 4)), dtypes=["float32", np.float32]),
        lambda m: m.summary(input_size=(3, 4), b=tg.ones(3, 4)),
    ],
)
def test_inputs_in_every_form(call) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, a, b):
            return self.layer(a + b)

    about = call(Two())
    assert about.rows[0].output_shape == (3, 2) and about.total_mult_adds == 3 * 10
    assert about.output_bytes == 3 * 2 * 4 and about.input_bytes == 2 * 3 * 4 * 4


def test_without_an_input_the_parameters_are_listed() -> None:
    about = Twice().summary()
    assert about.total_params == 56 and about.total_mult_adds is None
    assert about.rows[1].calls is None and "No input was given" in str(about)


@pytest.mark.parametrize(
    "size", [3, "ab", (3, -1), (2.0, 3), [(1, 2), 3], (True, 2), {1: 2}, [("a",)]]
)
def test_a_size_that_is_none(size: object) -> None:
    with pytest.raises(ValueError, match="input_size is a tuple of lengths"):
        Twice().summary(input_size=size)


def test_arguments_that_exclude_each_other() -> None:
    with pytest.raises(TypeError, match="inputs or input_size=, not both"):
        Twice().summary(tg.ones(1, 6), input_size=(1, 6))
    with pytest.raises(TypeError, match="goes with input_size"):
        Twice().summary(tg.ones(1, 6), dtypes="float32")
    with pytest.raises(ValueError, match="1 sizes and 2 dtypes"):
        Twice().summary(input_size=(1, 6), dtypes=["float32"] * 2)


class Restless(nn.Module):
    """A module whose forward changes all that a forward can."""

    def __init__(self, fail: bool) -> None:
        super().__init__()
        self.fail, self.calls, self.norm = fail, 0, nn.BatchNorm1d(4)
        self.table, self.layer = nn.Embedding(9, 4, max_norm=0.1), nn.Linear(4, 4)
        self.register_buffer("seen", tg.zeros(2))

    def forward(self, x):
        self.calls += 1
        self.last = x
        self.seen += 1
        self.train()
        y = F.dropout(self.norm(self.layer(x)) + self.table(tg.arange(len(x))), 0.5)
        random.random(), np.random.rand(), tg.rand(1)
        y.sum().backward()
        with tg.no_grad():
            self.layer.weight.mul_(2)
            x.zero_()
        self.layer = nn.ReLU()
        self.register_buffer("seen", tg.ones(5))
        if self.fail:
            raise ValueError("from within")
        return y


@pytest.mark.parametrize("fail", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_everything_is_left_as_it_was(fail: bool, training: bool) -> None:
    model, x = Restless(fail), tg.rand(5, 4)
    model.norm.eval()
    model.train(training).table.training = not training
    model.layer.bias.grad = grad = tg.ones(4)
    hook = model.norm.register_forward_hook(lambda module, args, y: None)
    pending = (model.layer(x) * model.seen.sum() * model.table.weight.sum()).sum()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    registered = dict(model.state_dict(keep_vars=True))
    modes = [module.training for module in model.modules()]
    attributes, layer, values = set(vars(model)), model.layer, x.numpy().copy()

    def draws() -> list[object]:
        return [random.getstate(), repr(np.random.get_state()), repr(tg.get_rng_state())]

    drawn = draws()
    if fail:
        with pytest.raises(ValueError, match="from within") as error:
            model.summary(x)
        assert error.value.__notes__ == ["summary() has called Restless with float32[5, 4]"]
    else:
        assert model.summary(x).rows[0].output_shape == (5, 4)
    assert draws() == drawn
    after = model.state_dict(keep_vars=True)
    assert list(after) == list(registered) and all(
        after[name] is registered[name] for name in registered
    )
    assert all(np.array_equal(after[name].detach().numpy(), before[name]) for name in before)
    assert [module.training for module in model.modules()] == modes
    assert set(vars(model)) == attributes and model.calls == 0 and model.layer is layer
    assert model.layer.bias.grad is grad and grad.tolist() == [1.0] * 4
    assert model.table.weight.grad is None and model.layer._hooks is None
    assert list(model.norm._forward_hooks) and np.array_equal(x.numpy(), values)
    pending.backward()  # which finds no value written since
    hook.remove()


def test_lazy_modules_are_summarized_and_stay_lazy() -> None:
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))
    tg.manual_seed(0)
    state = repr(tg.get_rng_state())
    about = model.summary(tg.ones(1, 1, 4, 4))
    assert about.total_params == 40 + 34 and about.rows[1].kind == "Conv2d"
    assert repr(tg.get_rng_state()) == state
    assert isinstance(model[0], nn.LazyConv2d) and model[0].has_uninitialized_params()
    assert "has no shape yet" in str(model.summary())
    assert model(tg.ones(1, 1, 4, 4)).shape == (1, 2)


def test_a_model_may_have_a_layer_of_the_name() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.summary = nn.Linear(2, 3)

        def forward(self, x):
            return self.summary(x)

    model = Net()
    assert model(tg.ones(1, 2)).shape == (1, 3) and isinstance(model.summary, nn.Linear)
    assert "summary.weight" in model.state_dict()
    assert nn.Module.summary(model, tg.ones(1, 2)).total_params == 9
    with pytest.raises(KeyError, match="already exists"):
        model.add_module("train", nn.ReLU())


def test_a_capture_refuses_and_a_jitted_step_goes_on() -> None:
    model, x = Twice(), tg.ones(2, 6)

    @tg.jit
    def step(x):
        assert model.summary(x).total_params == 56
        return model(x).sum()

    assert len({step(x).item() for _ in range(5)}) == 1
    captured = tg.jit(lambda x: model.summary(x) and model(x), pure=True)
    with pytest.raises(RuntimeError, match="a trial call of a module while a program is being"):
        captured(x), captured(x)  # the first call is not captured yet


EVIL = "<b>&\"'\n\x1b[2J é…"


class Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def test_names_are_escaped_in_both_tables() -> None:
    model = nn.ModuleDict({EVIL: nn.Linear(2, 2)})
    text = str(model.summary())
    assert text.isascii() and all(line.isprintable() for line in text.split("\n"))
    html = Reader(model.summary()._repr_html_())
    assert html.tags == {"table", "thead", "tbody", "tr", "th", "td", "p", "br"}
    assert f"{EVIL} (Linear)" in html.cells


@pytest.mark.parametrize("columns", [20, 60, 80, 200])
def test_the_table_is_as_wide_as_the_terminal_allows(monkeypatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    deep = nn.Sequential(*(nn.Sequential(nn.Sequential(nn.Linear(9, 9))) for _ in range(2)))
    text = str(deep.summary(input_size=(1, 9)))
    head = text.split("\n\n")[0].split("\n")
    table = [line for line in head if re.search(r"Linear|=|Layer", line)]
    assert max(map(len, table)) <= max(columns, 72)
    assert text.count("90") >= 4  # numbers are never cut
