"""Reports of quickly trained models, and pages of them in a real browser."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tinygrad_mnist.data import Mnist, load_embedded
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.report import Run, render_report
from tinygrad_mnist.train import evaluate, fit, run_record

# Recipes of the table, and two with what none of these has.
ALL = {
    **RECIPES,
    "sigmoid": RECIPES["mlp-10"].replace(activation="sigmoid", hidden=(30, 20)),
    "tanh": RECIPES["cnn"].replace(activation="tanh", channels=(5,), hidden=(), digit=3),
}
# Enough to read digits well; of the others any weights will do.
EPOCHS = {"deep": 6, "cnn": 3}


@pytest.fixture(scope="session")
def embedded() -> Mnist:
    return load_embedded()


@pytest.fixture(scope="session")
def run_of(embedded: Mnist) -> Callable[[str], Run]:
    """The run of a recipe: trained when it is first asked for."""

    @cache
    def made(name: str) -> Run:
        trainer = fit(ALL[name].replace(epochs=EPOCHS.get(name, 1)), embedded)
        images, labels = embedded.test_images, embedded.test_labels
        evaluation = evaluate(trainer.model, trainer.recipe, images, labels)
        record = run_record(trainer, evaluation)
        return Run(trainer.model, trainer.recipe, embedded, evaluation, record, record["epochs"])

    return made


@pytest.fixture(scope="session")
def report_of(
    run_of: Callable[[str], Run], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The file of a recipe's report."""
    pytest.importorskip("jinja2")
    folder = tmp_path_factory.mktemp("reports")

    @cache
    def written(name: str) -> Path:
        path = folder / f"{name}.html"
        path.write_text(render_report(run_of(name)), "utf-8")
        return path

    return written


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a file; at the end, no console message and no request may have come of it."""
    contexts, said, requested = [], [], []

    def opened(path: Path, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda request: requested.append(request.url))
        page.goto(path.as_uri())
        assert requested.pop() == path.as_uri()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in requested if not url.startswith("data:")] == []
