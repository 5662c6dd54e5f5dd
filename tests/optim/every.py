"""Every elementwise optimizer with the options that change what it computes, and its textbook."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist import optim

CASES: list[tuple[type[optim.Optimizer], dict[str, Any]]] = [
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "weight_decay": 0.2, "maximize": True}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (optim.ASGD, {"lr": 0.1, "lambd": 0.1, "t0": 10, "weight_decay": 0.1}),
    (optim.Adam, {"lr": 0.1}),
    (optim.Adam, {"lr": 0.1, "betas": (0.5, 0.9), "amsgrad": True, "weight_decay": 0.1}),
    (optim.AdamW, {"lr": 0.1, "weight_decay": 0.2}),
    (optim.Adamax, {"lr": 0.1, "weight_decay": 0.1}),
    (optim.NAdam, {"lr": 0.1, "weight_decay": 0.1}),
    (optim.NAdam, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    (optim.RAdam, {"lr": 0.1, "betas": (0.9, 0.99)}),
    (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    (optim.Adadelta, {"rho": 0.8, "weight_decay": 0.1}),
    (optim.RMSprop, {"lr": 0.01, "momentum": 0.5, "centered": True, "eps": 0.1}),
    (optim.RMSprop, {"lr": 0.01, "alpha": 0.5}),
    (optim.Rprop, {"lr": 0.1}),
    (optim.Rprop, {"lr": 0.1, "step_sizes": (0.08, 0.11)}),
]
NAMES = [
    "-".join([cls.__name__, *(key for key in options if key != "lr")]) for cls, options in CASES
]


def textbook(optimizer: optim.Optimizer, p: float) -> Iterator[float]:
    """One number under the optimizer's rule in plain Python: send gradients, get its values."""
    name = type(optimizer).__name__
    o = optimizer.param_groups[0]
    lr, eps = o["lr"], o.get("eps", 0.0)
    b1, b2 = o.get("betas", (0.0, 0.0))
    m = v = u = b = previous = 0.0
    product, size = 1.0, lr
    if name == "Adagrad":
        v = o["initial_accumulator_value"]
    t = 0
    while True:
        g = yield p
        t += 1
        g = -g if o["maximize"] else g
        if o.get("decoupled_weight_decay"):
            p -= lr * o["weight_decay"] * p
        else:
            g += o.get("weight_decay", 0.0) * p
        m, v_adam = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        if name == "SGD":
            b = g if t == 1 else o["momentum"] * b + (1 - o["dampening"]) * g
            p -= lr * (g + o["momentum"] * b if o["nesterov"] else b if o["momentum"] else g)
        elif name == "ASGD":
            eta = float(np.float32(lr if t == 1 else lr / (1 + o["lambd"] * lr * (t - 1)) ** 0.75))
            p = (1 - o["lambd"] * eta) * p - eta * g
        elif name in ("Adam", "AdamW"):
            v = v_adam
            u = max(u, v) if o["amsgrad"] else v
            p -= lr * (m / (1 - b1**t)) / (math.sqrt(u / (1 - b2**t)) + eps)
        elif name == "Adamax":
            u = max(b2 * u, abs(g) + eps)
            p -= lr * m / (1 - b1**t) / u
        elif name == "NAdam":
            v = v_adam
            mu, ahead = (b1 * (1 - 0.5 * 0.96 ** (k * o["momentum_decay"])) for k in (t, t + 1))
            product = float(np.float32(product) * np.float32(mu))  # PyTorch keeps it so
            step = (1 - mu) * g / (1 - product) + ahead * m / (1 - ahead * product)
            p -= lr * step / (math.sqrt(v / (1 - b2**t)) + eps)
        elif name == "RAdam":
            v = v_adam
            longest = 2 / (1 - b2) - 1
            rho = longest - 2 * t * b2**t / (1 - b2**t)
            step = lr * m / (1 - b1**t)
            if rho > 5:
                r = (rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho)
                step *= math.sqrt(r) * math.sqrt(1 - b2**t) / (math.sqrt(v) + eps)
            p -= step
        elif name == "Adagrad":
            v += g * g
            p -= lr / (1 + (t - 1) * o["lr_decay"]) * g / (math.sqrt(v) + eps)
        elif name == "Adadelta":
            v = o["rho"] * v + (1 - o["rho"]) * g * g
            d = math.sqrt(u + eps) / math.sqrt(v + eps) * g
            u = o["rho"] * u + (1 - o["rho"]) * d * d
            p -= lr * d
        elif name == "RMSprop":
            a = o["alpha"]
            v, u = a * v + (1 - a) * g * g, a * u + (1 - a) * g
            b = o["momentum"] * b + g / (math.sqrt(v - u * u if o["centered"] else v) + eps)
            p -= lr * b
        elif name == "Rprop":
            turn = g * previous
            size *= o["etas"][1] if turn > 0 else o["etas"][0] if turn < 0 else 1
            size = min(max(size, o["step_sizes"][0]), o["step_sizes"][1])
            previous = 0.0 if turn < 0 else g
            p -= size * ((previous > 0) - (previous < 0))
