"""Model cards: the YAML front matter of a README.md, as plain values under the keys that Hugging Face's hub gives them.

Source: https://huggingface.co/docs/hub/model-cards . YAML is read as a subset in which nothing can grow: no anchors,
no aliases, no tags; `yes`, `no` and dates are text, so that the language `no` is Norwegian.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlm.core import dagcbor
from mlm.core.errors import InvalidData
from mlm.core.licence import identifiers
from mlm.core.manifest.described import MAX_CARD, MAX_CARD_DEPTH, check_card

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "README.md"
_FENCE = b"---"
_SILENT = ("other", "unknown")  # says that it is not said here


def front_matter(text: bytes) -> bytes | None:
    """The YAML between the first two lines `---` of a file that begins with one; None without."""
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[0].rstrip() != _FENCE:
        return None
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == _FENCE:
            return b"\n".join(lines[1:number])
    return None


def parse(front: bytes) -> dict[str, Any]:
    """The card's values; raises InvalidData for what is no YAML map, is too large or deep, or is spelt to harm."""
    import yaml

    if len(front) > MAX_CARD:
        raise InvalidData(f"a model card's front matter has at most {MAX_CARD} bytes, this one has {len(front)}")
    try:
        text = front.decode("utf-8")
        _check_events(yaml.parse(text, Loader=yaml.SafeLoader))
        card = yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 2}" if where is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        raise InvalidData(
            f"a model card's front matter is YAML, found {' '.join(problem.split())[:160]}{line}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidData(f"a model card's front matter is YAML, found {str(error)[:160]}") from error
    if not isinstance(card, dict):
        raise InvalidData(f"a model card's front matter is a map of keys, found {type(card).__name__}")
    check_card(card)
    return card


def _check_events(events: Iterator[Any]) -> None:
    """Refuse, before anything is built, what could grow (aliases), make objects (tags) or nest without end."""
    depth = 0
    for event in events:
        name = type(event).__name__
        depth += name.endswith(("SequenceStartEvent", "MappingStartEvent"))
        depth -= name.endswith(("SequenceEndEvent", "MappingEndEvent"))
        line = event.start_mark.line + 2
        if name == "AliasEvent" or getattr(event, "anchor", None):
            raise InvalidData(f"a model card has no YAML anchors and aliases, found one in line {line}")
        if getattr(event, "tag", None):
            raise InvalidData(f"a model card has no YAML tags, found {event.tag[:40]!r} in line {line}")
        if depth > MAX_CARD_DEPTH:
            raise InvalidData(f"a model card's values nest at most {MAX_CARD_DEPTH} deep, line {line} is deeper")


def _loader() -> Any:
    """A SafeLoader of YAML's core schema alone, whose keys are texts, each once."""
    import re

    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
        yaml_implicit_resolvers: dict[str, Any] = {}

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for key_node, value_node in node.value:
                if not isinstance(key_node, yaml.ScalarNode):
                    raise InvalidData(f"a model card's keys are texts, line {key_node.start_mark.line + 2} has another")
                key = str(key_node.value)
                if key in found:
                    raise InvalidData(f"expected each key of a model card once, found {key[:60]!r} twice")
                found[key] = self.construct_object(value_node, deep=True)
            return found

    def mapping(loader: Any, node: Any) -> dict[str, Any]:
        return loader.construct_mapping(node)  # type: ignore[no-any-return]

    # Patterns of https://yaml.org/spec/1.2.2/#103-core-schema, without octal, hexadecimal, NaN and infinity.
    for tag, pattern, first in (
        ("bool", "true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", "[-+]?[0-9]{1,19}", list("-+0123456789")),
        ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?", list("-+.0123456789")),
        ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)
    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    return Loader


def check_licence_agrees(card: Mapping[str, dagcbor.Value], licence: str) -> None:
    """Raise InvalidData when the card names another licence than the expression `licence`.

    The card's `license` is a name of the hub's list, such as `apache-2.0`, `gpl-3.0` or `llama3.1`, or a list of them.
    """
    said = card.get("license")
    names = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    for name in names:
        if isinstance(name, str) and name.casefold() not in _SILENT and not _agrees(name, identifiers(licence)):
            raise InvalidData(
                f"the model card says license: {name[:80]}, mlm.toml says {licence}: expected the same",
                hint="Mend the one that is wrong.",
            )


def _agrees(name: str, found: tuple[str, ...]) -> bool:
    from mlm.core.licence import spdx
    from mlm.core.licences import named

    wanted = name.casefold()
    if (known := named(name)) is not None and known.id in found:
        return True
    exact = wanted in {identifier.casefold() for identifier in spdx()}
    for identifier in found:
        plain = identifier.casefold().removeprefix("licenseref-")
        if plain in (wanted, f"{wanted}-only", f"{wanted}-or-later") or (not exact and plain.startswith(f"{wanted}-")):
            return True
    return False
