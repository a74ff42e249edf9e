"""One suite over every Sealing: the in-memory one and age by pyrage."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from mlm.adapters.age import Age
from mlm.core import age
from mlm.core.errors import InvalidData, NotFound, VerificationFailed
from mlm.memory.sealing import MemorySealing
from mlm.ports.sealing import Sealing

KEY, OTHER = b"k" * 32, b"o" * 32


@pytest.fixture(params=[MemorySealing, Age], ids=["memory", "age"])
def sealing(request: pytest.FixtureRequest) -> Sealing:
    made: Sealing = request.param()
    return made


def pieces(data: bytes, size: int = 50_000) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 400_001])
def test_what_was_sealed_is_opened(sealing: Sealing, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    sealed = b"".join(sealing.seal(KEY, pieces(data)))
    assert b"".join(sealing.open(KEY, pieces(sealed, 70_001))) == data
    assert b"".join(sealing.open(KEY, pieces(sealed, 1000))) == data
    age.check_size(size, len(sealed))


def test_each_file_is_another(sealing: Sealing) -> None:
    first, second = (b"".join(sealing.seal(KEY, [b"weights" * 99])) for _ in range(2))
    assert first != second and b"weights" not in first


@pytest.mark.parametrize("at", [40, -20_000, -1])
def test_a_changed_byte_is_found(sealing: Sealing, at: int) -> None:
    sealed = bytearray(b"".join(sealing.seal(KEY, [b"x" * 100_000])))
    sealed[at] ^= 1
    with pytest.raises(VerificationFailed, match="changed or cut off"):
        b"".join(sealing.open(KEY, [bytes(sealed)]))


@pytest.mark.parametrize("left", [60, 10_000, 65_536, 99_999])
def test_a_file_that_is_cut_off_is_found(sealing: Sealing, left: int) -> None:
    sealed = b"".join(sealing.seal(KEY, [b"x" * 100_000]))
    with pytest.raises(VerificationFailed, match="changed or cut off"):
        b"".join(sealing.open(KEY, pieces(sealed[:left])))


def test_another_key_opens_nothing(sealing: Sealing) -> None:
    sealed = b"".join(sealing.seal(OTHER, [b"x"]))
    with pytest.raises(VerificationFailed, match="does not open"):
        b"".join(sealing.open(KEY, [sealed]))


@pytest.mark.parametrize("noise", [b"", b"PK\3\4", b"-----BEGIN AGE ENCRYPTED FILE-----\n"])
def test_what_is_no_age_file_is_refused(sealing: Sealing, noise: bytes) -> None:
    with pytest.raises(InvalidData, match="expected an age file"):
        b"".join(sealing.open(KEY, [noise]))


def test_what_the_source_raises_passes_through(sealing: Sealing) -> None:
    def cut() -> Iterator[bytes]:
        yield b"".join(sealing.seal(KEY, [b"x" * 200_000]))[:100_000]
        raise NotFound("block 7 is nowhere")

    for work in (sealing.open, sealing.seal):
        with pytest.raises(NotFound, match="block 7"):
            b"".join(work(KEY, cut()))


def test_memory_is_bounded_and_nothing_runs_on() -> None:
    """The source is read only a little ahead of whoever takes the pieces, and not at all once nobody does."""
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 65_536

    found = Age().seal(KEY, endless())
    for _ in range(40):
        next(found)
    found.close()  # type: ignore[attr-defined]  # it is a generator
    assert read < 40 + 16 + 16
    assert not [thread for thread in threading.enumerate() if thread.name == "age"]
