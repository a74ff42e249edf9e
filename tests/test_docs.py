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
        and (kind is errors.MlmError or "exit_code" in vars(kind))  # a subclass inside a family has the family's
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


def test_the_table_of_states_names_every_state(root: Path) -> None:
    from mlm.core.job import State

    rows = re.findall(r"^\| ([a-z]+) \|", (root / "docs" / "job.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows[0] == "state"
    assert sorted(rows[1:]) == sorted(str(state) for state in State if state is not State.UNKNOWN)


def test_the_table_of_tiers_has_the_contracts_numbers(root: Path) -> None:
    from mlm.core.job import Tier

    rows = re.findall(
        r"^\| `([a-z]+)` \| (\d) \|", (root / "docs" / "tiers.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {name: int(number) for name, number in rows} == {str(tier): int(tier) for tier in Tier}


def test_pages_that_the_code_points_to_exist(root: Path) -> None:
    places = [
        path
        for part in ("mlm", "bench", "devnet/contracts", "devnet/test", "circuits", "templates")
        for path in (root / part).rglob("*")
        if "node_modules" not in path.parts
    ]
    missing = set()
    for path in places:
        if path.suffix in (".py", ".sol", ".sql", ".md", ".toml"):
            pages = re.findall(r"\bdocs/[a-z0-9/-]+\.md", path.read_text(encoding="utf-8"))
            missing |= {f"{path.relative_to(root)}: {page}" for page in pages if not (root / page).is_file()}
    assert not missing
