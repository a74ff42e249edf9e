"""One suite over every Algorithms: the in-memory one, and wasmtime in a confined child, in each tier that is here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from mlm.adapters.sandbox import tiers
from mlm.adapters.wasm.confined import ConfinedAlgorithms
from mlm.core.errors import InvalidData, ModelStopped, ToolMissing
from mlm.memory.algorithms import MemoryAlgorithms
from mlm.ports.algorithms import Algorithms
from tests import wasm

FUEL = 5_000_000


@dataclass(frozen=True)
class Case:
    algorithms: Algorithms
    module: bytes


@pytest.fixture(params=["memory", "none", "landlock", "bubblewrap"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    if request.param == "memory":
        known = {b"plus one": lambda data: bytes((byte + 1) % 256 for byte in data)}
        return Case(MemoryAlgorithms(known), b"plus one")
    return Case(confined(tmp_path, request.param), wasm.binary(wasm.text()))


def confined(folder: Path, sandbox: str = "auto", fuel: int = FUEL, memory_mb: int = 64) -> ConfinedAlgorithms:
    try:
        tiers.choose(sandbox)
    except ToolMissing as error:
        pytest.skip(str(error))
    pytest.importorskip("wasmtime", reason="the extra wasm is not installed")
    return ConfinedAlgorithms(folder=folder / "made", fuel=fuel, memory_mb=memory_mb, sandbox=sandbox)


@pytest.mark.parametrize("data", [b"", b"HAL", bytes(range(256)) * 100], ids=len)
def test_bytes_in_bytes_out(case: Case, data: bytes) -> None:
    first, second = (case.algorithms.run(case.module, data) for _ in range(2))
    assert first.output == bytes((byte + 1) % 256 for byte in data)
    assert (first.output, first.fuel) == (second.output, second.fuel) and first.seconds >= 0
    assert first.fuel >= len(data)


def test_what_is_no_module_is_refused(case: Case, tmp_path: Path) -> None:
    for noise in (b"", b"\0asm", b"(module)", b"\0asm\1\0\0\0\xff"):
        with pytest.raises(InvalidData, match="WebAssembly module"):
            case.algorithms.run(noise, b"")
    assert list(tmp_path.glob("made/*")) == []


@pytest.mark.parametrize("name", wasm.REFUSED)
def test_a_hostile_module_is_refused(tmp_path: Path, name: str) -> None:
    source, says = wasm.REFUSED[name]
    algorithms = confined(tmp_path)
    with pytest.raises(InvalidData, match=says) as caught:
        algorithms.run(wasm.binary(source), b"HAL")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", wasm.ENDLESS)
def test_an_endless_module_runs_out_of_fuel(tmp_path: Path, name: str) -> None:
    algorithms = confined(tmp_path)
    with pytest.raises(ModelStopped, match="used up its fuel of 5,000,000 instructions") as caught:
        algorithms.run(wasm.binary(wasm.ENDLESS[name]), b"")
    assert "runner.fuel" in caught.value.hint


def test_results_are_the_same_on_every_machine(tmp_path: Path) -> None:
    """NaNs are canonical, and memory grows to its declared maximum whatever the limit is."""
    nan = confined(tmp_path).run(wasm.binary(wasm.NAN), b"").output
    assert nan == bytes.fromhex("0000c07f" + "000000000000f87f")
    for memory_mb in (1, 64, 1024):
        grown = confined(tmp_path, memory_mb=memory_mb).run(wasm.binary(wasm.GROWTH), b"").output
        assert int.from_bytes(grown, "little") == 16
