"""A model as something to compare: its tensors by name and where their bytes lie, and what computes with them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

from mlm.core import safetensors
from mlm.core.content import Content

Beside = Callable[[str], Content]  # the content of a file named relative to the model's folder


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor of a file: `dtype` is numpy's name, its bytes [begin, end) of `content`.

    `plain`: they are its elements, little-endian in C order; otherwise they can only be equal or not.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: Content
    begin: int
    end: int
    plain: bool = True

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def type(self) -> str:
        """As people read it."""
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a model that is no tensor: an operator, an input, the opset of a domain.

    `text` says what it is, `digest` tells it from any other.
    """

    kind: str
    name: str
    text: str
    digest: bytes = b""


@dataclass(frozen=True)
class Model:
    """Tensors by name in the order of the file, and parts by kind and name."""

    weights: dict[str, Weight]
    parts: dict[tuple[str, str], Part] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()  # files beside the model that hold tensors, as it names them


def of_safetensors(content: Content) -> Model:
    """The tensors of a safetensors file; its metadata are parts. Raises InvalidData."""
    header = safetensors.read_header(content.read, content.size)
    weights = {
        found.name: Weight(found.name, found.dtype, found.shape, content, found.begin, found.end)
        for found in header.tensors
    }
    parts = [Part("metadata", name, text) for name, text in header.metadata.items()]
    return Model(weights, {(part.kind, part.name): part for part in parts})
