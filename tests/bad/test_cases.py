"""Every bad input through the real command."""

from __future__ import annotations

import pytest

from tests.bad import models, nodes, proofs, settings, tensors, wallets  # noqa: F401 - importing them registers their cases
from tests.bad.harness import CASES, Case, Scene


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_case(case: Case, scene: Scene) -> None:
    case.hold(scene)
