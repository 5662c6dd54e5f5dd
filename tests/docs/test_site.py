"""The built site: every page in its place, no dead link, and nothing asked of another machine."""

from __future__ import annotations

import importlib.util
import os
import re
import threading
import tomllib
from collections.abc import Iterator
from functools import cache, partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlparse

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SETTINGS = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
BUILT = "TINYGRAD_MNIST_SITE"  # a folder with the site: .ci/run builds it once, for all workers


def pages_of(entry: Any) -> Iterator[str]:
    """Yield the pages of an entry of the navigation."""
    if isinstance(entry, str):
        yield entry
    for part in entry.values() if isinstance(entry, dict) else entry if type(entry) is list else ():
        yield from pages_of(part)


def test_the_navigation_has_every_page_once_and_no_other() -> None:
    listed = list(pages_of(SETTINGS["nav"]))
    written = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
    assert sorted(listed) == written, "list the page under `nav` in zensical.toml"
    sections = [title for entry in SETTINGS["nav"] for title in entry]
    assert sections == ["Start here", "Tutorials", "How-to", "Reference", "Explanation"]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    if folder := os.environ.get(BUILT):
        assert (Path(folder) / "index.html").is_file(), f"{BUILT}={folder} holds no site"
        return Path(folder)
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("Zensical is not installed: pip install -e '.[docs]'")
    target = tmp_path_factory.mktemp("site") / "site"
    build_site().build(target)
    return target


def build_site() -> Any:
    """Return the script that builds the site, as a module."""
    path = ROOT / "scripts" / "build_site.py"
    spec = importlib.util.spec_from_file_location("build_site", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Links(HTMLParser):
    """The addresses that a page names, and its anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []  # without a click
        self.anchors: set[str] = set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        self.links += [values[name] for name in ("href", "src") if name in values]
        if tag != "a":
            self.loaded += [values[name] for name in ("href", "src") if name in values]


links = cache(Links)


def dead_links(site: Path) -> list[str]:
    """The links between the site's pages that lead nowhere, as "page: link"."""
    dead = []
    for page in sorted(site.rglob("*.html")):
        for link in {*links(page).links}:
            address = urlparse(urljoin(page.as_uri(), link))
            if address.scheme != "file" or page.name == "404.html":  # that one's base is the root
                continue
            target = Path(unquote(address.path))
            target = target / "index.html" if target.is_dir() else target
            gone = not target.is_file()
            if target.suffix == ".html" and address.fragment and not gone:
                gone = unquote(address.fragment) not in links(target).anchors
            if gone:
                dead.append(f"{page.relative_to(site)}: {link}")
    return dead


def test_no_link_is_dead(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40 and sum(len(links(page).links) for page in pages) > 3000
    assert dead_links(site) == []


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loaded = {
        f"{page.name}: {link}"
        for page in site.rglob("*.html")
        for link in links(page).loaded
        if re.match(r"(https?:)?//", link)
    }
    assert loaded == set()


def test_a_planted_dead_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h1 id="x"></h1><a href="b.html"></a><a href="#x"></a>')
    (tmp_path / "c.html").write_text('<a href="a.html#y"></a><a href="a.html#x"></a>')
    assert dead_links(tmp_path) == ["a.html: b.html", "c.html: a.html#y"]


def test_the_reference_describes_every_name_of_the_index(site: Path) -> None:
    """With its signature, its docstring and the file that it is defined in."""
    index = {link for link in links(site / "api.html").links if "#tinygrad_mnist." in link}
    assert len(index) > 1300
    text = (site / "reference" / "nn.html").read_text("utf-8")
    linear = text.partition('id="tinygrad_mnist.nn.Linear"')[2].partition("<h2")[0]
    plain = re.sub(r"<[^>]+>", "", linear)
    for part in ("in_features", "out_features", "&gt;&gt;&gt; ", "nn/layers/linear.py"):
        assert part in plain, part


def test_a_warning_fails_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("Zensical is not installed: pip install -e '.[docs]'")
    script = build_site()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Here\n\n[there](there.md)\n")
    (tmp_path / "zensical.toml").write_text(
        '[project]\nsite_name = "x"\ndocs_dir = "docs"\nsite_dir = "site"\n'
    )
    monkeypatch.setattr(script, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="there.md"):
        script.build(tmp_path / "out")
    assert not (tmp_path / "out").exists()


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that prints nothing."""

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


class Server(ThreadingHTTPServer):
    """A server that does not mind a page that was left before it was whole."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing."""


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    """The address of the site on a server of this machine."""
    server = Server(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
def test_every_page_opens_in_a_browser(browser: Any, address: str, site: Path) -> None:
    """Without an error or a warning on the console, and without a request to another machine."""
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on(
        "console", lambda m: m.type in ("error", "warning") and said.append(f"{page.url}: {m.text}")
    )
    page.on("pageerror", lambda error: said.append(f"{page.url}: error: {error}"))
    here = (f"{address}/", "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(here) or said.append(f"{page.url} asks: {r.url}"))
    page.on(
        "response", lambda r: r.status < 400 or said.append(f"{page.url}: {r.status} for {r.url}")
    )
    try:
        for path in sorted(site.rglob("*.html")):
            if path.name != "404.html":
                page.goto(f"{address}/{path.relative_to(site)}", wait_until="load")
                assert page.locator("h1").first.is_visible()
        assert said == []
        search(page, "gradcheck")
        assert said == []
    finally:
        context.close()


def search(page: Any, word: str) -> None:
    """Look a word up, as a reader would, and follow the first result."""
    page.locator(".md-search__button").first.click()
    page.get_by_role("combobox").fill(word)
    page.get_by_role("option").first.click()
    page.wait_for_url(f"**#*{word}*")
    assert page.locator(f"[id='{urlparse(page.url).fragment}']").is_visible()
