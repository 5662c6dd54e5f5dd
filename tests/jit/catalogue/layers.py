"""Modules: layers in training and evaluation, hooks, structure that changes, recurrent state."""

import types

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import (
    LAYERS,
    TWO_OPTIMIZERS,
    batch_for,
    case,
    labels,
    mlp,
    param,
    rows,
    training,
)
from tests.jit.observe import attempt
from tinygrad_mnist import nn, optim


@case("layers", over=LAYERS)
def trained_evaluated_and_trained_again(jit, make):
    model = make()
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    step = jit(training(model, optimizer))
    predict = jit(lambda x: model(x).detach())
    for k in range(9):
        model.train(k % 4 != 3)
        x, y = batch_for(model, k)
        yield step(x, y).detach(), predict(x), model, optimizer


@case("layers", over=LAYERS)
def accumulated_over_three_batches(jit, make):
    model = make()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def add(x, y):
        (F.cross_entropy(model(x), y) / 3).backward()

    add = jit(add)
    for k in range(9):
        add(*batch_for(model, k))
        if k % 3 == 2:
            optimizer.step()
            optimizer.zero_grad()
        yield model


IMAGES = {
    "conv": lambda: nn.Conv2d(2, 3, 3, padding=1),
    "strided conv": lambda: nn.Conv2d(2, 2, 2, stride=2, bias=False),
    "grouped conv": lambda: nn.Conv2d(2, 4, 3, groups=2),
    "transposed conv": lambda: nn.ConvTranspose2d(2, 2, 2, stride=2),
    "max pool": lambda: nn.MaxPool2d(2),
    "mean pool": lambda: nn.AvgPool2d(2, padding=1),
    "adaptive pool": lambda: nn.AdaptiveAvgPool2d(3),
    "batch norm": lambda: nn.BatchNorm2d(2),
    "group norm": lambda: nn.GroupNorm(2, 2),
    "dropout of channels": lambda: nn.Dropout2d(0.5),
    "padding": lambda: nn.ReflectionPad2d(1),
}


@case("layers", over=IMAGES)
def of_images(jit, make):
    first = nn.Conv2d(1, 2, 3, padding=1)
    model = nn.Sequential(first, nn.ReLU(), make())
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = jit(step)
    for k in range(7):
        n = 1 if k == 4 else 2
        model.train(k != 5)
        yield step(rows(k, (n, 1, 6, 6))), model


ACTIVATIONS = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "Mish",
    "PReLU",
    "ReLU6",
    "RReLU",
    "SiLU",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanhshrink",
    "AlphaDropout",
]


@case("layers", over={name: getattr(nn, name) for name in ACTIVATIONS})
def of_activation(jit, make):
    model = nn.Sequential(nn.Linear(3, 4), make(), nn.LayerNorm(2 if make is nn.GLU else 4))

    def step(x):
        model.zero_grad()
        loss = (model(x) ** 2 * x.sum()).mean()
        loss.backward()
        return loss.detach()

    step = jit(step)
    for k in range(7):
        model.train(k != 4)
        yield step(rows(k)), model


@case("layers")
def embeddings_with_padding(jit):
    table = nn.Embedding(6, 3, padding_idx=0)
    optimizer = optim.Adam(table.parameters(), lr=0.1)

    def step(i):
        optimizer.zero_grad()
        table(i).square().sum().backward()
        optimizer.step()

    step = jit(step)
    for k in range(8):
        i = labels(k, 5 if k % 3 else 2, 6)
        if k == 6:
            i[0] = 6
        yield attempt(step, i), table


CELLS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}


@case("recurrent", over=CELLS)
def over_sequences_of_many_lengths(jit, make):
    model, out = make(3, 4, num_layers=2, dropout=0.3), nn.Linear(4, 2)
    optimizer = optim.Adam([*model.parameters(), *out.parameters()], lr=0.01)

    def step(x):
        optimizer.zero_grad()
        loss = out(model(x)[0]).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    step = jit(step)
    for k, length in enumerate((3, 3, 3, 5, 1, 3, 5)):
        yield step(rows(k, (length, 2, 3))), model, out


ONE_OP = {
    "attention": lambda: nn.TransformerEncoderLayer(4, 2, 8, 0.0, "gelu", batch_first=True),
    "LSTM": lambda: nn.LSTM(4, 3),
    "GRU": lambda: nn.GRU(4, 3, batch_first=True),
    "BatchNorm1d": lambda: nn.BatchNorm1d(3),
    "LayerNorm": lambda: nn.LayerNorm(4),
}


@case("recurrent", over=ONE_OP)
def a_penalty_on_the_gradient_of_a_layer(jit, make):
    model = make()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        x.requires_grad_()
        y = model(x)
        y = y[0] if isinstance(y, tuple) else y
        (slope,) = tg.autograd.grad(y.square().mean(), x, create_graph=True)
        (y.mean() + slope.square().sum()).backward()
        optimizer.step()
        return slope.detach()

    step = jit(step)
    for k in range(6):
        yield attempt(step, rows(k, (2, 3, 4))), model


@case("recurrent", over={"detached": True, "not": False})
def state_carried_from_call_to_call(jit, detached):
    cell, out = nn.GRUCell(3, 4), nn.Linear(4, 2)
    optimizer = optim.SGD([*cell.parameters(), *out.parameters()], lr=0.1)

    def step(x, h):
        optimizer.zero_grad()
        h = cell(x, h)
        out(h).square().mean().backward()
        optimizer.step()
        return h.detach() if detached else h

    step, h = jit(step), tg.zeros(2, 4)
    for k in range(7):
        result = attempt(step, rows(k, (2, 3)), h)
        h = result if isinstance(result, tg.Tensor) else tg.zeros(2, 4)
        yield result, cell, out


@case("recurrent")
def state_kept_in_the_module(jit):
    class Memory(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.h = nn.RNNCell(3, 4), None

        def forward(self, x):
            h = tg.zeros(len(x), 4) if self.h is None else self.h
            self.h = self.cell(x, h)
            return self.h

    model = Memory()

    def step(x):
        model.zero_grad()
        loss = model(x).square().mean()
        loss.backward(retain_graph=True)
        model.h = model.h.detach()
        return loss.detach()

    step = jit(step)
    for k in range(8):
        if k == 5:
            model.h = None
        yield step(rows(k, (2, 3))), model


@case("recurrent")
def truncated_every_third_call(jit):
    cell, holder = nn.RNNCell(3, 4), {"h": tg.zeros(2, 4), "loss": 0.0, "k": 0}
    optimizer = optim.SGD(cell.parameters(), lr=0.1)

    def step(x):
        holder["h"] = cell(x, holder["h"])
        holder["loss"] = holder["loss"] + holder["h"].square().mean()
        holder["k"] += 1
        if holder["k"] % 3 == 0:
            optimizer.zero_grad()
            holder["loss"].backward()
            optimizer.step()
            holder["h"], holder["loss"] = holder["h"].detach(), 0.0

    step = jit(step)
    for k in range(9):
        yield step(rows(k, (2, 3))), holder, cell


HOOKS = {
    "pre": lambda m, results: m.register_forward_pre_hook(lambda m, args: (args[0] * 2,)),
    "post": lambda m, results: m.register_forward_hook(lambda m, args, out: out * 0.5),
    "post that looks": lambda m, results: m.register_forward_hook(
        lambda m, args, out: results.append(out.detach().mean())
    ),
    "backward": lambda m, results: m.register_full_backward_hook(
        lambda m, gi, go: results.append((gi, go))
    ),
    "backward that replaces": lambda m, results: m.register_full_backward_hook(
        lambda m, gi, go: tuple(g if g is None else g * 0.5 for g in gi)
    ),
    "backward pre": lambda m, results: m.register_full_backward_pre_hook(
        lambda m, go: tuple(g * 2 for g in go)
    ),
    "with keywords": lambda m, results: m.register_forward_pre_hook(
        lambda m, args, kw: (args, kw), with_kwargs=True
    ),
    "prepended": lambda m, results: m.register_forward_hook(
        lambda m, args, out: out + 1, prepend=True
    ),
}


@case("hooks on modules", over=HOOKS)
def that_come_and_go(jit, register):
    model, results = mlp(), []
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step, handle = jit(training(model, optimizer)), None
    for k in range(11):
        if k in (3, 8):
            handle = register(model[2], results)
        if k == 6:
            handle.remove()
        yield step(rows(k), labels(k)).detach(), model, results


@case("hooks on modules")
def whose_closure_and_list_change(jit):
    model, factors = mlp(), [1.0]
    model[0].register_forward_hook(lambda m, args, out: out * factors[0] + len(factors))
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))
    for k in range(8):
        factors[0] = 1 + k // 3
        if k == 5:
            factors.append(0)
        yield step(rows(k), labels(k)).detach(), model


@case("hooks on modules")
def that_raise_and_that_count(jit):
    model, counts = mlp(), [0]

    def hook(module, args, out):
        counts[0] += 1
        if counts[0] % 4 == 3:
            raise OSError(counts[0])

    model[1].register_forward_hook(hook)
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))
    for k in range(9):
        yield attempt(step, rows(k), labels(k)), model, counts


@case("hooks on modules")
def added_and_removed_inside(jit):
    model, results = mlp(), []

    def features(x, layer):
        handle = model[layer].register_forward_hook(lambda m, args, out: results.append(out))
        try:
            return model(x)
        finally:
            handle.remove()

    features = jit(features)
    for k in range(8):
        yield features(rows(k), k % 3).detach(), results


@case("structure")
def a_forward_called_directly_and_replaced(jit):
    model = mlp()
    f = jit(lambda x: model.forward(x))
    for k in range(9):
        if k == 3:
            model[1].forward = lambda x: x.tanh()
        if k == 5:
            model.forward = types.MethodType(lambda self, x: self[0](x) * 2, model)
        if k == 7:
            del model.forward
        yield f(rows(k))


@case("structure")
def layers_in_a_plain_list(jit):
    layers, order = [nn.Linear(3, 3) for _ in range(3)], [0, 1, 2]

    def f(x):
        for i in order:
            x = layers[i](x).tanh()
        x.sum().backward()
        return x.detach()

    f = jit(f)
    for k in range(10):
        if k == 3:
            order.reverse()
        if k == 5:
            order.pop()
        if k == 7:
            layers[1] = nn.Linear(3, 3)
        yield f(rows(k)), layers


@case("structure")
def layers_appended_inserted_and_taken_out(jit):
    model = nn.Sequential(nn.Linear(3, 3))
    f = jit(lambda x: model(x).sum())
    for k in range(10):
        if k == 3:
            model.append(nn.Tanh())
        if k == 5:
            model.insert(0, nn.Linear(3, 3))
        if k == 7:
            model.pop(-1)
        if k == 8:
            model[0] = nn.Identity()
        loss = f(rows(k))
        loss.backward()
        yield loss, model


@case("structure")
def settings_of_layers_that_change(jit):
    model = nn.Sequential(nn.Dropout(0.5), nn.LeakyReLU(0.1), nn.BatchNorm1d(3), nn.LayerNorm(3))
    f = jit(lambda x: model(x).square().sum())
    for k in range(10):
        if k == 3:
            model[0].p = 0.1
        if k == 4:
            model[1].negative_slope = 0.3
        if k == 6:
            model[2].momentum, model[2].eps = 0.5, 1e-3
        if k == 8:
            model[3].eps = 0.1
        loss = f(rows(k))
        loss.backward()
        yield loss, model


@case("structure")
def a_class_that_is_changed(jit):
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = param(1, 2, 3)

        def forward(self, x):
            return x * self.w

    class Shift(Scale):
        def forward(self, x):
            return x + self.w

    model = Scale()
    f = jit(lambda x: model(x).square().sum().backward())
    for k in range(9):
        if k == 3:
            Scale.forward = lambda self, x: x * self.w * 2
        if k == 6:
            model.__class__ = Shift
        yield f(rows(k)), model


@case("structure")
def cast_to_another_dtype(jit):
    model = mlp()
    f = jit(lambda x: model(x.to(model[0].weight.dtype)).sum().backward())
    for k in range(9):
        if k == 3:
            model.double()
        if k == 6:
            model.half()
        if k == 7:
            model.float()
        yield f(rows(k)), model


@case("structure")
def training_of_one_layer_alone(jit):
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5), nn.BatchNorm1d(3))
    f = jit(lambda x: model(x).sum().backward())
    for k in range(9):
        model[k % 3].train(k < 5)
        yield f(rows(k)), model


@case("structure")
def statistics_reset_and_set(jit):
    model = nn.BatchNorm1d(3)
    f = jit(lambda x: model(x).square().sum().backward())
    for k in range(10):
        if k == 3:
            model.reset_running_stats()
        if k == 5:
            model.running_mean = tg.ones(3)
        if k == 6:
            model.running_var.fill_(2)
        if k == 7:
            model.running_mean = model.running_var = model.num_batches_tracked = None
        yield f(rows(k)), model


@case("structure")
def weights_initialised_again_inside(jit):
    model = nn.Linear(3, 2)

    def f(x, again):
        if again:
            model.reset_parameters()
        return model(x).detach()

    f = jit(f)
    for k in range(8):
        yield f(rows(k), k % 3 == 2), model


@case("structure")
def stochastic_depth(jit):
    import random

    layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(4))
    optimizer = optim.SGD(layers.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        for layer in layers:
            if random.random() > 0.4:
                x = x + layer(x).tanh()
        x.square().mean().backward() if x.requires_grad else None
        optimizer.step()
        return x.detach()

    step = jit(step)
    for k in range(10):
        yield step(rows(k)), layers


@case("structure")
def a_mixture_that_chooses_experts_by_data(jit):
    experts, gate = nn.ModuleList(nn.Linear(3, 2) for _ in range(3)), nn.Linear(3, 3)
    optimizer = optim.Adam([*experts.parameters(), *gate.parameters()], lr=0.01)

    def step(x):
        optimizer.zero_grad()
        weights = gate(x).softmax(1)
        best = weights.argmax(1)
        loss = tg.zeros(())
        for i, expert in enumerate(experts):
            chosen = (best == i).nonzero()[:, 0]
            if len(chosen):
                loss = loss + (expert(x[chosen]) * weights[chosen, i : i + 1]).square().sum()
        loss.backward()
        optimizer.step()
        return loss.detach(), best

    step = jit(step)
    for k in range(9):
        yield step(rows(k)), experts, gate


@case("structure", over=TWO_OPTIMIZERS)
def two_models_of_one_optimizer(jit, make):
    encoder, decoder = nn.Linear(3, 2), nn.Linear(2, 3)
    optimizer = make([*encoder.parameters(), *decoder.parameters()])

    def step(x, only_decoder):
        optimizer.zero_grad()
        code = encoder(x)
        code = code.detach() if only_decoder else code
        F.mse_loss(decoder(code.sigmoid()), x).backward()
        optimizer.step()

    step = jit(step)
    for k in range(9):
        yield step(rows(k), k % 3 == 2), encoder, decoder, optimizer


@case("structure")
def attention(jit):
    model = nn.MultiheadAttention(4, 2, dropout=0.2, batch_first=True)
    optimizer = optim.AdamW(model.parameters(), lr=0.01)

    def step(x):
        optimizer.zero_grad()
        out, weights = model(x, x, x)
        out.square().mean().backward()
        optimizer.step()
        return weights

    step = jit(step)
    for k in range(7):
        model.train(k != 4)
        yield step(rows(k, (2, 3 + (k == 5), 4))), model
