"""Trees in text: indents, last children, nodes with many ways to them, circles."""

from __future__ import annotations

from mlm.core import tree


def drawn(edges: dict[str, str], root: str = "r") -> list[str]:
    return list(tree.draw(root, lambda node: tuple(edges.get(node, "")), lambda parent, child: f"{parent}>{child}"))


def test_a_tree() -> None:
    assert drawn({"r": "ab", "a": "cd", "b": "e"}) == ["├─ r>a", "│  ├─ a>c", "│  └─ a>d", "└─ r>b", "   └─ b>e"]
    assert drawn({}) == []


def test_what_stands_twice_is_drawn_once() -> None:
    assert drawn({"r": "ab", "a": "c", "b": "c", "c": "d"}) == [
        "├─ r>a",
        "│  └─ a>c",
        "│     └─ c>d",
        "└─ r>b",
        "   └─ b>c …",
    ]
    # A leaf has nothing that an ellipsis could stand for.
    assert drawn({"r": "ab", "a": "c", "b": "c"})[-1] == "   └─ b>c"


def test_a_circle_ends() -> None:
    assert drawn({"r": "a", "a": "r"}) == ["└─ r>a", "   └─ a>r …"]
    assert drawn({"r": "r"}) == ["└─ r>r …"]


def test_many_ways_to_one_node_stay_short() -> None:
    """Twenty generations of two parents each, all of whom are shared: a million ways, forty edges."""
    edges = {f"{level}{side}": [f"{level + 1}x", f"{level + 1}y"] for level in range(20) for side in "xy"}
    lines = list(tree.draw("0x", lambda node: edges.get(node, ()), lambda parent, child: child))
    assert len(lines) == 2 + 19 * 4
