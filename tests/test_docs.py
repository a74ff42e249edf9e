"""Generated files are what the code says, and what the documentation promises parses."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import pytest

from docs import generate
from mlm import config
from mlm.core import errors


@pytest.mark.parametrize("name", list(generate.GENERATED))
def test_generated_file_is_current(name: str, root: Path) -> None:
    assert (root / name).read_text(encoding="utf-8") == generate.GENERATED[name](), f"{name} is stale: run `make docs`"


def test_example_settings_are_the_defaults() -> None:
    loaded = config.load({"mlm.toml.example": tomllib.loads(config.example())}, {})
    assert {key: loaded.get(key) for key in loaded.values} == {item.key: item.default for item in config.SETTINGS}


def test_error_tree_in_the_docstring_is_the_code() -> None:
    families = {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.MlmError)
        and (kind is errors.MlmError or kind.exit_code != errors.MlmError.exit_code)
    }
    assert {name: code for name, (code, _) in generate.error_table().items()} == {
        name: kind.exit_code for name, kind in families.items()
    }


def test_every_family_has_its_own_exit_code_and_every_error_its_own_name() -> None:
    codes = [code for code, _ in generate.error_table().values()]
    assert len(codes) == len(set(codes))
    names = [kind.code for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.MlmError)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs"])
def test_links_inside_the_repository_lead_somewhere(name: str, root: Path) -> None:
    pages = sorted((root / name).rglob("*.md")) if (root / name).is_dir() else [root / name]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (page.parent / target).exists(), (
                    f"{page.relative_to(root)} links to {target}, which does not exist"
                )
