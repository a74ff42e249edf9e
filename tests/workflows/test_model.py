"""A manifest without circuit settings offers no zk tier, whatever key stands on chain: said in words, never a bug."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlm.core.cid import DAG_PB, Cid
from mlm.core.errors import StateConflict
from mlm.core.manifest import Manifest
from mlm.core.refs import AssetRef
from mlm.memory.prover import MemoryProver
from mlm.ports.bundle import Ports
from mlm.workflows import model
from mlm.workflows.lookup import Version

TREE = Cid.of(DAG_PB, b"")
PLAIN = model.Model(Manifest("model", "net", "1.0.0", TREE, 0, 0, "MIT"), b"onnx", None)
VERSION = Version(AssetRef("a", "net", "1.0.0"), 1, "0x" + "11" * 32, TREE)


@pytest.mark.parametrize(
    "deal",
    [
        lambda ports: model.check_key(ports, PLAIN, VERSION),
        lambda ports: model.commit_to_input(ports, PLAIN, VERSION.version_id, {}),
        lambda ports: model.zk_settings(PLAIN),
    ],
)
def test_it_is_refused_wherever_settings_are_needed(deal: Callable[[Ports], Any]) -> None:
    with pytest.raises(StateConflict, match=r"net@1\.0\.0 offers no zk tier") as caught:
        deal(Ports(prover=MemoryProver))
    assert "zk = true" in caught.value.hint
