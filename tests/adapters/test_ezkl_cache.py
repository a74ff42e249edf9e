"""The prover's cache is bounded: what was used least recently goes first, and never what is being used."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.ezkl.cache import _PRODUCTS, Cache
from mlm.core.errors import ProverError

SIZE = 10_000  # of a circuit
WAIT = 10.0


def setup(out: Path) -> None:
    """What ezkl leaves of a circuit, in size."""
    for name in _PRODUCTS:
        (out / name).write_bytes(bytes(SIZE // len(_PRODUCTS)))


def use(cache: Cache, *names: str) -> None:
    """Each in turn."""
    for name in names:
        with cache.circuit(name, WAIT, setup) as folder:
            assert sorted(path.name for path in folder.iterdir()) == sorted(_PRODUCTS)


def here(root: Path) -> list[str]:
    """The circuits that are kept; each has its lock, and nothing lies about."""
    kept = sorted(path.name for path in (root / "circuits").iterdir())
    assert sorted(path.name for path in (root / "locks").iterdir()) == kept
    assert not list((root / "tmp").iterdir())
    return kept


def test_what_was_used_least_recently_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 3 * SIZE)
    use(cache, "a", "b", "c")
    assert here(tmp_path) == ["a", "b", "c"], "what fits stays"
    use(cache, "a", "d")
    assert here(tmp_path) == ["a", "c", "d"]
    use(cache, "b")
    assert here(tmp_path) == ["a", "b", "d"], "what went is made again"
    use(Cache(tmp_path, SIZE // 2), "e")
    assert here(tmp_path) == ["e"], "a lower bound holds from the next circuit on, which stays itself"


def test_settings_count_and_go_too(tmp_path: Path) -> None:
    cache = Cache(tmp_path, SIZE)
    made: list[str] = []

    def settings(name: str) -> bytes:
        def make() -> bytes:
            made.append(name)
            return json.dumps({"of": name}).encode().ljust(SIZE // 2 - 1)

        return cache.settings(name, make, json.loads)

    for name in ("a", "b", "a", "c", "a", "b"):
        assert json.loads(settings(name)) == {"of": name}
    assert made == ["a", "b", "c", "b"]
    use(cache, "circuit")
    assert here(tmp_path) == ["circuit"] and not list((tmp_path / "settings").iterdir())


def _hold(root: Path, name: str, inside: Any, leave: Any) -> None:
    with Cache(root, 10 * SIZE).circuit(name, WAIT, setup) as folder:
        inside.set()
        leave.wait(60)
        assert sorted(path.name for path in folder.iterdir()) == sorted(_PRODUCTS)


def test_what_another_process_uses_stays(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    inside, leave = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, "a", inside, leave))
    other.start()
    try:
        assert inside.wait(60)
        cache = Cache(tmp_path, SIZE)
        use(cache, "b", "a", "c")  # two use it at once
        assert here(tmp_path) == ["a", "c"]
    finally:
        leave.set()
        other.join(60)
    assert other.exitcode == 0
    use(cache, "d")
    assert here(tmp_path) == ["d"]


def test_a_circuit_that_goes_while_its_lock_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has opened the lock of one that is being removed holds a file that has no name."""
    cache, flock, locks = Cache(tmp_path, SIZE), fcntl.flock, []
    use(cache, "a")

    def later(handle: Any, how: int) -> None:
        monkeypatch.undo()
        use(cache, "b", "a")  # each makes room, so that the lock is another file
        assert os.fstat(handle.fileno()).st_nlink == 0
        locks.append(handle)
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", later)
    with cache.circuit("a", WAIT, setup) as folder:
        assert len(locks) == 1 and folder.is_dir() and here(tmp_path) == ["a"]
        use(Cache(tmp_path, 0), "c")
        assert here(tmp_path) == ["a", "c"], "its lock is one that others see"


def test_a_failed_setup_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path, SIZE)
    with pytest.raises(ProverError, match="without writing circuit, vk"):
        use_half(cache)
    assert not list((tmp_path / "circuits").iterdir()) and not list((tmp_path / "tmp").iterdir())
    use(cache, "a")
    assert here(tmp_path) == ["a"]


def use_half(cache: Cache) -> None:
    with cache.circuit("a", WAIT, lambda out: (out / _PRODUCTS[0]).touch()):
        pass
