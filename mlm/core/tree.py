"""Trees drawn in text, as `tree` draws folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence


def draw(root: str, below: Callable[[str], Sequence[str]], text: Callable[[str, str], str]) -> Iterator[str]:
    """The lines below `root`. `below` gives a node's children, `text` the line of a child under its parent.

    What lies below a node is drawn where the node stands first; where it stands again its line ends with an ellipsis.
    So a graph with many ways to one node stays as long as its edges are many, and a circle ends.
    """
    seen = {root}

    def lines(node: str, indent: str) -> Iterator[str]:
        children = below(node)
        for place, child in enumerate(children):
            last = place == len(children) - 1
            again = child in seen and bool(below(child))
            yield f"{indent}{'└─ ' if last else '├─ '}{text(node, child)}{' …' if again else ''}"
            if child not in seen:
                seen.add(child)
                yield from lines(child, indent + ("   " if last else "│  "))

    yield from lines(root, "")
