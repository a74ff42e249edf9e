"""mlm.resources: shipped data in a wheel and in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm import resources
from mlm.core.errors import NotFound


@pytest.mark.parametrize("name", resources.NAMES)
def test_checkout_data_is_found(name: str, root: Path) -> None:
    assert resources.path(name) == root / name


def test_wheel_data_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "mlm" / "_data" / "devnet"
    shipped.mkdir(parents=True)
    (tmp_path / "devnet").mkdir()
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "mlm" / "resources.py"))
    assert resources.path("devnet") == shipped


def test_unknown_name_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="devnet, templates, circuits, found 'secrets'"):
        resources.path("secrets")


def test_missing_data_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "mlm" / "resources.py"))
    with pytest.raises(NotFound) as caught:
        resources.path("circuits")
    assert str(tmp_path / "mlm" / "_data" / "circuits") in str(caught.value)
    assert "pip install" in caught.value.hint
