"""utils.graph: what is drawn of what was recorded; well-formed, whatever the names."""

import gc
import subprocess
import sys
import weakref
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.utils.dot import Dot, read
from tinygrad_mnist import nn
from tinygrad_mnist.autograd.graph import Node, ancestors
from tinygrad_mnist.utils import Graph, LayerCalls, graph
from tinygrad_mnist.utils.graphs.frames import Frame, folded

EVIL = "</svg><script>alert(1)</script>\"'&\\N\n\x00\x1b[31m\ud800 ]]> {x} é\\"


class Picture:
    """An SVG, read: the texts of boxes by kind, of frames, of edges."""

    def __init__(self, drawn: Graph) -> None:
        self.root = ElementTree.fromstring(drawn.svg)
        self.tags = {element.tag.rpartition("}")[2] for element in self.root.iter()}

    def texts(self, kind: str) -> list[str]:
        groups = [g for g in self.root.iter() if (g.get("class") or "").split()[-1:] == [kind]]
        return [g.text or g.findtext("{*}text") or "" for g in groups]


def both(drawn: Graph) -> tuple[Picture, Dot]:
    """Read both forms, and check that they agree, and that the text form prints."""
    picture, dot = Picture(drawn), read(drawn.dot)
    assert picture.tags <= {
        "svg", "style", "defs", "marker", "path", "rect", "text", "g", "title"
    }  # fmt: skip
    drawn_ops = [name for name in dot.nodes if name.startswith("op")]
    assert len(picture.texts("op")) == len(drawn_ops)
    folds = [text for text in picture.texts("fold") if "ops are not drawn" in text]
    assert len(folds) == ("fold" in dot.nodes)
    text = str(drawn)
    assert text.isascii() and all(line.isprintable() for line in text.split("\n"))
    assert sum(line.lstrip().startswith("#") for line in text.split("\n")) == len(drawn_ops)
    return picture, dot


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.norm = nn.BatchNorm1d(8)
        self.tail = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        x = F.relu(self.norm(self.hidden(x)))
        return self.tail(self.tail(x)) + x


def test_layers_are_frames_with_all_their_ops() -> None:
    model, x = Net(), tg.rand(5, 4)
    with LayerCalls(model) as layers:
        y = model(x)
        with layers.section("loss"):
            loss = (y * y).mean()
    drawn = graph(loss, layers)
    picture, dot = both(drawn)
    clusters = dict(dot.clusters)
    assert list(clusters) == [
        "Net", "hidden Linear", "norm BatchNorm1d", "tail Sequential", "tail.0 Linear",
        "tail.1 Dropout", "tail Sequential (call 2)", "tail.0 Linear (call 2)",
        "tail.1 Dropout (call 2)", "loss",
    ]  # fmt: skip
    assert picture.texts("frame") == list(clusters)
    assert [frame.depth for frame in drawn.recorded.frames] == [0, 1, 1, 1, 2, 2, 1, 2, 2, 0]
    names = {title: [drawn.ops[int(op[2:])] for op in ops] for title, ops in clusters.items()}
    assert names["hidden Linear"] == names["tail.0 Linear (call 2)"] == ["linear"]
    assert "batch_norm" in names["norm BatchNorm1d"] and "relu" not in names["norm BatchNorm1d"]
    assert names["loss"] == ["mul", "mean"]
    assert len(names["Net"]) == len(drawn.ops) - 2 and names["Net"][-1] == "add"
    labels = set(dot.nodes.values())
    assert {"hidden.weight\n8 × 4 float32", "norm.bias\n8 float32"} <= labels
    assert model._hooks is model.tail[0]._hooks is None


def test_frames_lie_within_each_other_or_apart() -> None:
    model = Net()
    drawn = graph(model, tg.rand(5, 4))
    rects = [
        tuple(float(g.find("{*}rect").get(name)) for name in ("x", "y", "width", "height"))
        for g in Picture(drawn).root.iter() if g.get("class") == "frame"
    ]  # fmt: skip
    assert len(rects) > 5
    spans = [(y, y + height) for _, y, _, height in rects]
    for i, (top, bottom) in enumerate(spans):
        for other_top, other_bottom in spans[:i]:
            apart = bottom < other_top or other_bottom < top
            within = other_top < top and bottom < other_bottom
            assert apart or within


def test_a_call_leaves_the_model_as_it_was() -> None:
    model, x = Net(), tg.rand(5, 4)
    state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    tg.manual_seed(3)
    expected = tg.rand(3).tolist()
    tg.manual_seed(3)
    drawn = graph(model, x)
    assert tg.rand(3).tolist() == expected
    assert all(np.array_equal(model.state_dict()[name].numpy(), v) for name, v in state.items())
    assert "input: 5 × 4" in str(
        Picture(drawn).root.find(".//{*}g[@class='box constant']/{*}title").text
    )
    with tg.no_grad():
        assert graph(model, x).ops == drawn.ops
    lazy = nn.Sequential(nn.LazyLinear(2))
    assert graph(lazy, np.ones((1, 3), np.float32)).ops == ["linear"]
    assert lazy[0].has_uninitialized_params()


def test_after_the_fact_the_ops_that_take_parameters_are_framed() -> None:
    model = Net()
    y = model(tg.rand(5, 4))
    _, dot = both(graph(y, model))
    clusters = [label for label, _ in dot.clusters]
    assert clusters[:2] == ["hidden Linear", "norm BatchNorm1d"]
    assert clusters.count("tail.0 Linear") == 2


def test_what_is_kept_is_what_nodes_have_saved() -> None:
    model, x = Net(), tg.rand(5, 4)
    loss = (model(x) ** 2).mean()
    saved = {}  # by address: of views, the arrays begin where the memory does here
    for node in ancestors([loss.grad_fn]):
        for value in (isinstance(node, Node) and node.saved) or ():
            if isinstance(value, np.ndarray):
                address = value.__array_interface__["data"][0]
                saved[address] = max(value.nbytes, saved.get(address, 0))
    drawn = graph(loss, model)
    assert drawn.saved_bytes == sum(saved.values()) > 1000
    leaves = model.tail[0].weight, model.norm.weight, model.norm.bias  # the first for two calls
    assert drawn.recorded.leaf_bytes == sum(leaf.nbytes for leaf in leaves)


def test_shared_memory_counts_once_and_a_slice_its_own_bytes() -> None:
    x = tg.rand(10, 10, requires_grad=True)
    y = x * x + x.reshape(100).square().sum()
    assert graph(y).saved_bytes == 400
    assert graph(x.detach()[2] * tg.ones(10, requires_grad=True)).saved_bytes == 40


def test_after_backward_the_picture_says_that_values_were_freed() -> None:
    w = tg.rand(3, requires_grad=True)
    loss = (w * w).sum()
    assert "freed" not in graph(loss).svg
    loss.backward()
    drawn = graph(loss)
    assert drawn.saved_bytes == 0 and drawn.ops == ["mul", "sum"]
    assert "freed" in str(drawn) and "freed" in drawn.dot and "freed" in repr(drawn)
    both(drawn)


def test_a_tensor_without_a_graph_is_a_picture_that_says_why() -> None:
    picture, dot = both(graph(tg.ones(2, 3)))
    assert picture.texts("output") == ["output"] and picture.texts("constant") == ["constant"]
    assert "does not require grad" in graph(tg.ones(2)).svg
    w = tg.ones(2, requires_grad=True)
    assert "is a leaf" in str(graph(w)) and Picture(graph(w)).texts("leaf") == ["leaf"]
    assert [edge[:2] for edge in dot.edges] == [("source0", "output0")]


def test_several_outputs_in_any_nest() -> None:
    w = tg.ones(2, requires_grad=True)
    drawn = graph(({"loss": (w * 2).sum(), "w": w}, [w + 1, None, 3], "text"))
    picture, dot = both(drawn)
    assert picture.texts("output") == ["output 0.loss", "output 0.w", "output 1.0"]
    assert len(drawn.ops) == 3 and len(dot.edges) == 2 + 1 + 3


def test_ten_thousand_ops_are_folded_in_the_middle() -> None:
    w = tg.ones(2, requires_grad=True)
    y = early = w * 3
    for _ in range(10_000):
        y = y * 1.5
    drawn = graph(y + early)
    picture, dot = both(drawn)
    assert len(drawn.ops) == 10_002
    assert picture.texts("fold") == ["9,802 of 10,002 ops are not drawn"]
    assert "9,802 of 10,002" in dot.nodes["fold"] and "9,802 of 10,002" in str(drawn)
    assert len(picture.texts("op")) == 200 and len(drawn.svg) < 200_000
    assert ("op0", "op10001", "2 float32") in dot.edges
    few = graph(y, most=3)
    assert [name for name in both(few)[1].nodes if name.startswith("op")] == [
        "op0",
        "op1",
        "op10000",
    ]
    every = graph(w * 2 + 1, most=None)
    assert len(both(every)[0].texts("op")) == 2
    assert len(both(graph((w * 2 + 1) * 3, most=1))[0].texts("op")) == 1


@pytest.mark.parametrize("most", [1, 2, 3, 5, 6, 7])
def test_frames_and_edges_of_a_folded_graph_are_whole(most: int) -> None:
    drawn = graph(Net(), tg.rand(5, 4), most=most)
    picture, dot = both(drawn)
    assert [label for label, _ in dot.clusters] == picture.texts("frame")
    assert all(members for _, members in dot.clusters)
    reached = {end for _, end, _ in dot.edges}
    assert {"fold", "output0"} <= reached
    assert {name for name in dot.nodes if name.startswith("source")} <= {e[0] for e in dot.edges}


def test_an_op_of_many_leaves_is_not_a_picture_of_many_boxes() -> None:
    drawn = graph(tg.cat([tg.ones(1, requires_grad=True) for _ in range(1000)]))
    picture, dot = both(drawn)
    assert len(picture.texts("leaf")) == 11
    assert picture.texts("fold") == ["and 989 more"] and "and 988 more" in str(drawn)
    assert len(dot.edges) == 1001


def test_the_fold_stands_in_no_layer_that_it_only_touches() -> None:
    frames = [Frame("all", 0, 9, 0), Frame("a", 1, 4, 1), Frame("b", 5, 8, 1), Frame("c", 4, 5, 1)]
    rows = folded(frames, (3, 7), lambda op: op)
    assert [frame[:3] for frame in rows] == [("all", 0, 9), ("a", 1, 2), ("b", 7, 8)]


def test_names_are_escaped_everywhere() -> None:
    inner = nn.Linear(2, 2)
    model = nn.ModuleDict({EVIL.replace(".", ""): inner})
    kind = type(EVIL.replace("\x00", "").replace("\ud800", ""), (tg.autograd.Function,), {
        "forward": staticmethod(lambda ctx, x: x * 2), "backward": staticmethod(lambda ctx, g: g),
    })  # fmt: skip
    with LayerCalls(model) as layers, layers.section(EVIL):
        y = kind.apply(inner(tg.ones(1, 2)))
    drawn = graph({EVIL: y}, layers, names={EVIL: y})
    picture, dot = both(drawn)
    assert "script" not in picture.tags
    expected = EVIL.replace("\x00", "\ufffd").replace("\x1b", "\ufffd").replace("\ud800", "\ufffd")
    assert any(label.startswith(expected) for label, _ in dot.clusters)
    assert dot.nodes["output0"] == f"output {expected}"
    titles = [title.text for title in picture.root.iter("{http://www.w3.org/2000/svg}title")]
    assert expected in titles
    drawn.svg.encode("utf-8")


def test_in_place_writes_and_views() -> None:
    w = tg.ones(4, requires_grad=True)
    y = w * 2
    view = y[:2]
    view.mul_(3)
    drawn = graph((y, view))
    both(drawn)
    assert "assign_view" in drawn.ops
    before = str(drawn)
    y.add_(1)
    assert str(drawn) == before  # nothing of the graph itself is in the picture


def test_a_function_of_ones_own_with_two_outputs_and_values_of_its_own() -> None:
    class Split(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.mask, ctx.more = x > 0, {"a": [x * 2]}
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            return a * 2 + b * 3

    w = tg.ones(8, requires_grad=True)
    drawn = graph(Split.apply(w))
    both(drawn)
    assert drawn.ops == ["Split", "Split (one output)", "Split (one output)"]
    assert drawn.saved_bytes == 32 + 8 + 32
    assert "all outputs" in drawn.svg


def test_second_derivatives() -> None:
    x = tg.ones(3, requires_grad=True)
    (g,) = tg.autograd.grad((x**3).sum(), x, create_graph=True)
    drawn = graph(g, names={"x": x})
    both(drawn)
    assert "power_back" in drawn.ops and "x" in Picture(drawn).texts("leaf")


def test_shared_and_unnamed_leaves() -> None:
    w, v = tg.ones(2, requires_grad=True), tg.ones(2, requires_grad=True)
    picture, dot = both(graph(((w + v) * w).sum()))
    assert picture.texts("leaf") == ["leaf", "leaf 2", "leaf (again)"]
    assert len([name for name in dot.nodes if name.startswith("source")]) == 2


def test_hooks_are_told_and_hooks_of_modules_do_not_hide_layers() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    handles = [
        model[0].register_forward_hook(lambda module, args, y: y * 2),
        model[0].register_full_backward_hook(lambda module, a, b: None),
    ]
    with LayerCalls(model) as layers:
        y = model(tg.ones(1, 2, requires_grad=True))
    hook = y.register_hook(lambda g: None)
    _, dot = both(graph(y, layers))
    members = dict(dot.clusters)["0 Linear"]
    assert [dot.nodes[m].split("\n")[0] for m in members][-2:] == ["linear", "mul"]
    assert any("hooks: 1" in label for label in dot.nodes.values())
    for handle in (*handles, hook):
        handle.remove()


def test_functional_code_is_framed_by_sections() -> None:
    w = tg.ones(2, requires_grad=True)
    with LayerCalls() as layers, layers.section("encoder"):
        with layers.section("first"):
            y = w * 2
        y = y + 1
    _, dot = both(graph(y.sum(), layers))
    assert dot.clusters == [("encoder", ["op0", "op1"]), ("first", ["op0"])]


def test_a_layer_that_raises_closes_its_call() -> None:
    class Fallback(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 1), nn.Linear(2, 1)

        def forward(self, x: tg.Tensor) -> tg.Tensor:
            try:
                return self.first(x)
            except RuntimeError:
                return self.second(x)

    drawn = graph(Fallback(), tg.ones(1, 2))
    assert [label for label, _ in read(drawn.dot).clusters] == ["Fallback", "second Linear"]


def test_a_picture_keeps_no_graph_alive() -> None:
    w = tg.ones(2, requires_grad=True)
    y = (w * 2).sum()
    node = weakref.ref(y.grad_fn)
    drawn = graph(y, names={"w": w})
    del y
    gc.collect()
    assert node() is None and drawn.ops == ["mul", "sum"]


def test_save_writes_what_the_suffix_says(tmp_path: Path) -> None:
    drawn = graph(tg.ones(1, requires_grad=True) * 2)
    drawn.save(tmp_path / "a.svg")
    drawn.save(str(tmp_path / "b.DOT"))
    assert (tmp_path / "a.svg").read_text("utf-8") == drawn.svg == drawn._repr_svg_()
    assert (tmp_path / "b.DOT").read_text("utf-8") == drawn.dot
    for path in ("a.png", "a", ".svg"):
        with pytest.raises(ValueError, match=r"saved as \.svg or \.dot, not as"):
            drawn.save(path)
    with pytest.raises(OSError, match="cannot write"):
        drawn.save(tmp_path / "no" / "a.svg")


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: graph(3), "needs a Tensor.*not int"),
        (lambda: graph([]), "needs a Tensor.*not list"),
        (lambda: graph(np.ones(2)), "needs a Tensor.*not ndarray"),
        (lambda: graph(tg.ones(1), 3), "names are those of.*not int"),
        (lambda: graph(tg.ones(1), names={"a": 3}), "must be a Tensor, not int"),
        (lambda: graph(tg.ones(1), tg.ones(1)), "names are those of.*not Tensor"),
        (lambda: graph(tg.ones(1), None, None), "takes one model or LayerCalls"),
        (lambda: graph(tg.ones(1), params={}), "takes one model or LayerCalls"),
        (lambda: LayerCalls(3), "must be an nn.Module, not int"),
        (lambda: LayerCalls(nn.Linear), "must be an nn.Module, not Linear"),
        (lambda: graph(nn.Linear), "needs a Tensor.*not type"),
    ],
)
def test_one_clear_error_for_anything_else(call, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("most", [0, -1, True, 2.0, "3"])
def test_most_is_a_count(most: object) -> None:
    with pytest.raises(ValueError, match="most is the number of ops"):
        graph(tg.ones(1), most=most)


def test_a_block_is_not_entered_twice_at_once() -> None:
    layers = LayerCalls(nn.ReLU())
    with layers, pytest.raises(RuntimeError, match="entered already"):
        layers.__enter__()
    assert layers.model._hooks is None


def test_nothing_of_it_is_loaded_before_it_is_asked_for() -> None:
    code = (
        "import sys, tinygrad_mnist as tg\n"
        "w = tg.ones(1, requires_grad=True)\n"
        "model = tg.nn.Linear(1, 1); model(tg.ones(1, 1)).sum().backward()\n"
        "loaded = [m for m in sys.modules if '.graphs' in m or '.calls' in m or 'summary' in m]\n"
        "assert not loaded, loaded\n"
        "assert tg.utils.graph(w * 2).ops == ['mul'] and callable(tg.utils.graph)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
