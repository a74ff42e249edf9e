"""The model behind a job is checked elsewhere (tests/workflows/test_model.py)."""

from __future__ import annotations

import pytest

from mlm.core.cid import DAG_PB, Cid
from mlm.core.manifest import Manifest
from mlm.workflows import lookup, model
from tests.jobs.market import VERSION

OPEN = model.Model(Manifest("model", "digits", "1.0.0", Cid.of(DAG_PB, b""), 0, 0, "MIT"), b"onnx", None)


@pytest.fixture(autouse=True)
def _sound_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "version_by_id", lambda ports, version_id: VERSION)
    monkeypatch.setattr(model, "load", lambda ports, version: OPEN)
    monkeypatch.setattr(model, "check_key", lambda ports, loaded, version: None)
