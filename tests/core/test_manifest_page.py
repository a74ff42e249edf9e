"""docs/manifest.md is enough to implement the format: it names every field, every limit and every word there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlm.core import project
from mlm.core.manifest import ACCESS, FORMAT, FORMAT_1, KINDS, MAX_FILES, MAX_PARENTS, RELATIONS
from mlm.core.manifest import described as limits
from mlm.ports.datasets import FORMATS

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "manifest.md").read_text("utf-8")
VECTORS = json.loads((ROOT / "tests" / "vectors" / "manifest.json").read_text())
CODE = {word for part in PAGE.split("`")[1::2] for word in part.replace("[", " ").replace("]", " ").split()}
FREE = {"list", "parameters", "metadata", "metrics", "card"}  # maps whose keys are the author's


def fields(value: Any, inside: str = "") -> set[str]:
    """The names of a manifest's fields, those inside of others too."""
    if isinstance(value, list):
        return {name for item in value for name in fields(item, inside)}
    if not isinstance(value, dict) or set(value) == {"/"} or inside in FREE:
        return set()
    return set(value) | {name for key, item in value.items() for name in fields(item, key)}


@pytest.mark.parametrize("form", [FORMAT_1, FORMAT])
def test_every_field_is_named(form: str) -> None:
    """The golden blocks hold every field of their format: see test_formats_are_frozen."""
    words = CODE | {word.rpartition(".")[2] for word in CODE}
    assert form in CODE
    assert not fields(VECTORS[form]["value"]) - words


def test_the_fields_of_format_2_are_those_that_the_page_says_1_lacks() -> None:
    new = fields(VECTORS[FORMAT]["value"]) - fields(VECTORS[FORMAT_1]["value"])
    last = PAGE.rpartition("## Earlier formats")[2]
    top = {"executable", "safetensors", "dataset", "terms", "privacy", "card"}
    assert top <= new and all(f"{name}`" in last for name in top)


def test_every_word_and_limit_is_named() -> None:
    assert {*KINDS, *ACCESS, *RELATIONS} <= CODE
    assert all(kind in PAGE for kind in FORMATS.values())
    for number in (
        MAX_FILES, MAX_PARENTS, limits.MAX_WEIGHTS, limits.MAX_METADATA, limits.MAX_METADATA_TEXT, limits.MAX_TABLES,
        limits.MAX_STATEMENT, limits.MAX_URL, limits.MAX_CARD_DEPTH,
    ):  # fmt: skip
        assert str(number) in PAGE, number
    assert f"{limits.MAX_COLUMNS:,}" in PAGE and f"{limits.MAX_CARD // 1024} KiB" in PAGE


def test_every_key_of_mlm_toml_is_named() -> None:
    part = PAGE.partition("## `mlm.toml`")[2].partition("## Licences")[0]
    for section, keys in project.KEYS.items():
        assert f"[{section}]" in part, section
        if section not in ("price", "parents"):
            assert all(key in part for key in keys), section
