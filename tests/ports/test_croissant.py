"""One suite over every CroissantValidator: the in-memory one, and mlcroissant in a confined child."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from mlm.adapters.croissant.validator import MlCroissant
from mlm.core.errors import InvalidData
from mlm.memory.croissant import MemoryCroissant
from mlm.ports.croissant import CroissantValidator
from tests.core.test_croissant import WRITTEN

FIELD = {"@type": "cr:Field", "@id": "r/f", "dataType": "sc:Text", "source": {"fileObject": {"@id": "gone"}}}


@pytest.fixture(params=["memory", "mlcroissant"])
def validator(request: pytest.FixtureRequest, tmp_path: Path) -> CroissantValidator:
    if request.param == "memory":
        return MemoryCroissant()
    if find_spec("mlcroissant") is None:
        pytest.skip("the extra croissant is not installed")
    return MlCroissant(folder=tmp_path / "made")


def changed(**values: Any) -> bytes:
    return json.dumps(json.loads(WRITTEN) | values).encode()


def test_what_mlm_writes_is_valid(validator: CroissantValidator) -> None:
    name, _, version = str(validator.validate(WRITTEN)).partition(" ")
    assert name in ("memory", "mlcroissant") and version


@pytest.mark.parametrize(
    "document",
    [
        changed(recordSet=[{"@type": "cr:RecordSet", "@id": "r", "name": "r", "field": [FIELD]}]),
        changed(distribution=[{"@type": "cr:FileObject", "@id": "a", "encodingFormat": "text/csv"}], recordSet=[]),
        b"{",
        b"[]",
    ],
    ids=["source", "file", "cut", "list"],
)
def test_an_error_is_one_line(validator: CroissantValidator, document: bytes) -> None:
    with pytest.raises(InvalidData) as caught:
        validator.validate(document)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_nothing_stays_behind(tmp_path: Path) -> None:
    pytest.importorskip("mlcroissant", reason="the extra croissant is not installed")
    MlCroissant(folder=tmp_path / "made").validate(WRITTEN)
    assert list((tmp_path / "made").iterdir()) == []


def test_without_the_extra_nobody_validates(tmp_path: Path) -> None:
    from importlib.metadata import PackageNotFoundError

    with mock.patch("importlib.metadata.version", side_effect=PackageNotFoundError):
        assert MlCroissant(folder=tmp_path / "made").validate(b"{") is None
    assert MemoryCroissant(None).validate(b"{") is None
