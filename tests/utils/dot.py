"""A reader of the part of DOT that graphs are written in; anything else is an error."""

import re
from typing import NamedTuple

TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|(\w+)|(->|[\[\]{}=;,]))', re.DOTALL)


class Dot(NamedTuple):
    nodes: dict[str, str]
    """The label of each node, with escapes resolved."""
    edges: list[tuple[str, str, str]]
    """(start, end, label)."""
    clusters: list[tuple[str, list[str]]]
    """(label, nodes) of each cluster, also the nodes of clusters within."""


def read(text: str) -> Dot:
    tokens = tokenized(text)
    assert [next(tokens), next(tokens), next(tokens)] == ["digraph", "recorded", "{"]
    dot = Dot({}, [], [])
    statements(tokens, dot, [])
    assert next(tokens, None) is None, "something follows the last brace"
    assert all(end in dot.nodes for edge in dot.edges for end in edge[:2]), "an edge to nowhere"
    return dot


def tokenized(text: str):
    at = 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        assert match, f"no DOT: {text[at : at + 40]!r}"
        yield next(filter(None, match.groups()))
        at = match.end()


def statements(tokens, dot: Dot, inside: list[list[str]]) -> None:
    while (token := next(tokens)) != "}":
        if token == "subgraph":
            name, brace = next(tokens), next(tokens)
            assert name.startswith("cluster") and brace == "{"
            assert [next(tokens), next(tokens)] == ["label", "="]
            members: list[str] = []
            dot.clusters.append((resolved(next(tokens)), members))
            assert next(tokens) == ";"
            statements(tokens, dot, [*inside, members])
            continue
        assert re.fullmatch(r"[a-z]+\d*", token), f"no name: {token}"
        following = next(tokens)
        if following == "->":
            end = next(tokens)
            dot.edges.append((token, end, attributes(next(tokens), tokens)["label"]))
            continue
        pairs = attributes(following, tokens)
        if token not in ("graph", "node", "edge"):
            assert token not in dot.nodes, f"{token} comes twice"
            dot.nodes[token] = pairs["label"]
            for members in inside:
                members.append(token)


def attributes(token: str, tokens) -> dict[str, str]:
    assert token == "["
    values = {}
    while True:
        name, equals, value, following = (next(tokens) for _ in range(4))
        assert equals == "=" and re.fullmatch(r"\w+", name)
        values[name] = resolved(value)
        if following == "]":
            assert next(tokens) == ";"
            return values
        assert following == ","


def resolved(value: str) -> str:
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value[1:-1], flags=re.DOTALL)
