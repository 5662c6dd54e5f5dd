"""Models beyond MNIST's, each written once: `t` is either `torch` or `tinygrad_mnist`.

A builder returns the network, the arrays that a step takes rows of, and the loss of such rows. Its
keywords are what may grow: width, batch, depth, length.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
ROWS = 512  # rows of data: enough, as they do not matter for speed


class Parts(NamedTuple):
    """A network, the data that it learns from, and its loss on some rows of these."""

    net: Any
    data: list[Array]
    loss_of: Callable[..., Any]
    batch: int
    optimizer: str = "Adam"


def pixels(rng: np.random.Generator, *shape: int) -> Array:
    return rng.random((ROWS, *shape), dtype=np.float32)


def labels(rng: np.random.Generator, count: int, *shape: int) -> Array:
    return rng.integers(0, count, (ROWS, *shape))


def classifier(t: Any, net: Any, data: list[Array], batch: int, optimizer: str = "Adam") -> Parts:
    """Return the parts of a network whose outputs are logits."""
    return Parts(net, data, lambda x, y: t.nn.functional.cross_entropy(net(x), y), batch, optimizer)


def dense(t: Any, between: Callable[[int], list[Any]], width: int, depth: int) -> Any:
    """Return 784-width-...-10 with the layers of `between` after each hidden layer."""
    layers, size = [], 784
    for _ in range(depth):
        layers += [t.nn.Linear(size, width), *between(width)]
        size = width
    return t.nn.Sequential(*layers, t.nn.Linear(size, 10))


def mlp(t: Any, rng: Any, width: int = 2048, batch: int = 128, depth: int = 2) -> Parts:
    net = dense(t, lambda n: [t.nn.ReLU()], width, depth)
    return classifier(t, net, [pixels(rng, 784), labels(rng, 10)], batch)


def norm_mlp(t: Any, rng: Any, width: int = 512, batch: int = 128, depth: int = 2) -> Parts:
    net = dense(t, lambda n: [t.nn.LayerNorm(n), t.nn.GELU()], width, depth)
    return classifier(t, net, [pixels(rng, 784), labels(rng, 10)], batch)


def dropout_mlp(t: Any, rng: Any, width: int = 512, batch: int = 128, depth: int = 2) -> Parts:
    net = dense(t, lambda n: [t.nn.ReLU(), t.nn.Dropout(0.2)], width, depth)
    return classifier(t, net, [pixels(rng, 784), labels(rng, 10)], batch)


def lenet(t: Any, rng: Any, width: int = 6, batch: int = 64) -> Parts:
    nn = t.nn
    net = nn.Sequential(
        nn.Conv2d(1, width, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(width, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip
    return classifier(t, net, [pixels(rng, 1, 28, 28), labels(rng, 10)], batch)


def batchnorm_cnn(t: Any, rng: Any, width: int = 32, batch: int = 64) -> Parts:
    nn, layers, channels = t.nn, [], 1
    for size in (width, 2 * width):
        layers += [nn.Conv2d(channels, size, 3, padding=1, bias=False), nn.BatchNorm2d(size)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        channels = size
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * 49, 10))
    return classifier(t, net, [pixels(rng, 1, 28, 28), labels(rng, 10)], batch)


def resnet(t: Any, rng: Any, width: int = 16, batch: int = 32, depth: int = 1) -> Parts:
    nn, F = t.nn, t.nn.functional

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.shortcut = nn.Sequential()
            if stride != 1 or inputs != outputs:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
                )

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            return F.relu(y + self.shortcut(x))

    layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for stage, outputs in enumerate((width, 2 * width, 4 * width)):
        for block in range(depth):
            layers.append(Block(inputs, outputs, 2 if stage and not block else 1))
            inputs = outputs
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10)]
    data = [pixels(rng, 3, 32, 32), labels(rng, 10)]
    return classifier(t, nn.Sequential(*layers, *head), data, batch, "SGD")


def wide_cnn(t: Any, rng: Any, width: int = 64, batch: int = 16) -> Parts:
    nn = t.nn
    net = nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(),
        nn.Conv2d(2 * width, 2 * width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(2 * width * 64, 10),
    )  # fmt: skip
    return classifier(t, net, [pixels(rng, 3, 32, 32), labels(rng, 10)], batch)


VOCABULARY = 96


def recurrent(cell: str) -> Callable[..., Parts]:
    """Return the builder of a language model on LSTM or GRU."""

    def build(
        t: Any, rng: Any, width: int = 128, batch: int = 32, depth: int = 1, length: int = 64
    ) -> Parts:
        nn, F = t.nn, t.nn.functional

        class Model(nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.embed = nn.Embedding(VOCABULARY, width)
                self.rnn = getattr(nn, cell)(width, width, depth, batch_first=True)
                self.head = nn.Linear(width, VOCABULARY)

            def forward(self, x: Any) -> Any:
                return self.head(self.rnn(self.embed(x))[0])

        net, text = Model(), labels(rng, VOCABULARY, length + 1)

        def loss_of(text: Any) -> Any:
            logits = net(text[:, :-1])
            return F.cross_entropy(logits.reshape(-1, VOCABULARY), text[:, 1:].reshape(-1))

        return Parts(net, [text], loss_of, batch)

    return build


def transformer(
    t: Any, rng: Any, width: int = 128, batch: int = 16, depth: int = 2, length: int = 64
) -> Parts:
    """nanoGPT's block: LayerNorm, causal attention, LayerNorm, GELU."""
    nn, F, heads = t.nn, t.nn.functional, 4

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.c_fc, self.c_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            self.gelu = nn.GELU()

        def attention(self, x: Any) -> Any:
            n, length, e = x.size()
            parts = self.c_attn(x).split(e, dim=2)
            q, k, v = (p.view(n, length, heads, e // heads).transpose(1, 2) for p in parts)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.c_proj(y.transpose(1, 2).contiguous().view(n, length, e))

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.ln_1(x))
            return x + self.c_out(self.gelu(self.c_fc(self.ln_2(x))))

    class Model(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.wpe = nn.Embedding(VOCABULARY, width), nn.Embedding(length, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(depth)))
            self.ln_f, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY, bias=False)

        def forward(self, x: Any) -> Any:
            x = self.wte(x) + self.wpe(t.arange(length))
            return self.head(self.ln_f(self.blocks(x)))

    net, text = Model(), labels(rng, VOCABULARY, length + 1)

    def loss_of(text: Any) -> Any:
        logits = net(text[:, :-1])
        return F.cross_entropy(logits.reshape(-1, VOCABULARY), text[:, 1:].reshape(-1))

    return Parts(net, [text], loss_of, batch, "AdamW")


def embedding(t: Any, rng: Any, width: int = 64, batch: int = 64, length: int = 50) -> Parts:
    nn, words = t.nn, 10_000
    net = nn.Sequential(nn.EmbeddingBag(words, width), nn.Linear(width, 4))
    return classifier(t, net, [labels(rng, words, length), labels(rng, 4)], batch, "SGD")


def vae(t: Any, rng: Any, width: int = 400, batch: int = 128) -> Parts:
    nn, F, latent = t.nn, t.nn.functional, 20

    class Model(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc21 = nn.Linear(784, width), nn.Linear(width, latent)
            self.fc22, self.fc3 = nn.Linear(width, latent), nn.Linear(latent, width)
            self.fc4 = nn.Linear(width, 784)

        def forward(self, x: Any, noise: Any) -> Any:
            h = F.relu(self.fc1(x))
            mu, logvar = self.fc21(h), self.fc22(h)
            z = mu + noise * t.exp(0.5 * logvar)
            return t.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar

    net = Model()

    def loss_of(x: Any, noise: Any) -> Any:
        y, mu, logvar = net(x, noise)
        bce = F.binary_cross_entropy(y, x, reduction="sum")
        return bce - 0.5 * t.sum(1 + logvar - mu.pow(2) - logvar.exp())

    noise = rng.standard_normal((ROWS, latent)).astype(np.float32)
    return Parts(net, [pixels(rng, 784), noise], loss_of, batch)


def perceptron(t: Any, sizes: list[int], between: Callable[[], Any]) -> list[Any]:
    """Return linear layers of these sizes, and others between them."""
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [t.nn.Linear(inputs, outputs), between()]
    return layers[:-1]


def pinn(t: Any, rng: Any, width: int = 32, batch: int = 256, depth: int = 3) -> Parts:
    """Burgers' equation: second derivatives of the network in the loss."""
    net = t.nn.Sequential(*perceptron(t, [2, *[width] * depth, 1], t.nn.Tanh))

    def slope(y: Any, x: Any) -> Any:
        return t.autograd.grad(y, x, t.ones_like(y), create_graph=True)[0]

    def loss_of(where: Any, start: Any) -> Any:
        x, time = where[:, :1].detach().requires_grad_(), where[:, 1:].detach().requires_grad_()
        u = net(t.cat([x, time], 1))
        u_x, u_t = slope(u, x), slope(u, time)
        residual = u_t + u * u_x - (0.01 / math.pi) * slope(u_x, x)
        first = net(t.cat([start, t.zeros_like(start)], 1))
        return (residual**2).mean() + ((first + t.sin(math.pi * start)) ** 2).mean()

    return Parts(net, [2 * pixels(rng, 2) - 1, 2 * pixels(rng, 1) - 1], loss_of, batch)


def gradient_penalty(t: Any, rng: Any, width: int = 256, batch: int = 64, depth: int = 2) -> Parts:
    """The critic's step of a WGAN-GP; the generator's pictures are data."""
    leaky = lambda: t.nn.LeakyReLU(0.2)  # noqa: E731
    net = t.nn.Sequential(*perceptron(t, [784, *[width] * depth, 1], leaky))

    def loss_of(real: Any, fake: Any, part: Any) -> Any:
        mixed = (part * real + (1 - part) * fake).requires_grad_()
        y = net(mixed)
        (slope,) = t.autograd.grad(y, mixed, t.ones_like(y), create_graph=True)
        penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
        return net(fake).mean() - net(real).mean() + 10 * penalty

    return Parts(net, [pixels(rng, 784), pixels(rng, 784), pixels(rng, 1)], loss_of, batch)


def gan(t: Any, rng: Any, width: int = 256, batch: int = 64) -> Parts:
    """Both steps of a GAN; `models.py` has the order of updates."""
    nn, F = t.nn, t.nn.functional
    net = nn.ModuleDict(
        {
            "makes": nn.Sequential(*perceptron(t, [64, width, width, 784], nn.ReLU), nn.Tanh()),
            "judges": nn.Sequential(*perceptron(t, [784, width, width, 1], nn.ReLU)),
        }
    )

    def judged(x: Any, is_real: float) -> Any:
        y = net["judges"](x)
        return F.binary_cross_entropy_with_logits(y, t.full_like(y, is_real))

    def loss_of(real: Any, noise: Any) -> Any:
        fake = net["makes"](noise)
        return judged(real, 1.0) + judged(fake.detach(), 0.0), judged(fake, 1.0)

    noise = rng.standard_normal((ROWS, 64)).astype(np.float32)
    return Parts(net, [2 * pixels(rng, 784) - 1, noise], loss_of, batch)


ZOO: dict[str, tuple[str, Callable[..., Parts]]] = {
    "mlp": ("MLP 784-2048-2048-10, batch 128, Adam", mlp),
    "norm": ("LayerNorm-GELU MLP 784-512-512-10, batch 128, Adam", norm_mlp),
    "dropout": ("dropout MLP 784-512-512-10, batch 128, Adam", dropout_mlp),
    "lenet": ("LeNet-5, batch 64, Adam", lenet),
    "batchnorm": ("BatchNorm CNN 32-64 on 28x28, batch 64, Adam", batchnorm_cnn),
    "resnet": ("ResNet-8, 16-32-64 on 32x32, batch 32, SGD", resnet),
    "cnn": ("CNN 64-64-128-128 on 32x32, batch 16, Adam", wide_cnn),
    "lstm": ("LSTM 128, 32 sequences of 64, Adam", recurrent("LSTM")),
    "gru": ("GRU 128, 32 sequences of 64, Adam", recurrent("GRU")),
    "transformer": ("2 blocks of nanoGPT, width 128, 16 x 64, AdamW", transformer),
    "embedding": ("EmbeddingBag 10,000 x 64, 64 x 50 words, SGD", embedding),
    "vae": ("VAE 784-400-20, batch 128, Adam", vae),
    "gan": ("GAN 64-256-256-784, both steps, batch 64, Adam", gan),
    "pinn": ("PINN 2-32-32-32-1, Burgers, 256 points, Adam", pinn),
    "penalty": ("gradient penalty, 784-256-256-1, batch 64, Adam", gradient_penalty),
}
