"""Several calls at a time: how many, in what order, and what becomes of an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from mlm.core.parallel import in_parallel


def naming(*keys: int) -> Callable[[], int | None]:
    left = list(keys)
    return lambda: left.pop(0) if left else None


def test_every_key_once_and_no_more_than_allowed_at_a_time() -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def act(key: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.002)
        with lock:
            now[0] -= 1
        return key * key

    found = list(in_parallel(act, 4)(naming(*range(50))))
    assert sorted(found) == [(key, key * key) for key in range(50)]
    assert 1 < most[0] <= 4


def test_results_may_give_more_to_do() -> None:
    """A tree of 2^6 - 1 nodes, each named by its parent's result."""
    todo = [1]
    seen = []
    many = in_parallel(lambda key: [2 * key, 2 * key + 1], 3)
    for key, children in many(lambda: todo.pop() if todo else None):
        seen.append(key)
        todo.extend(child for child in children if child < 64)
    assert sorted(seen) == list(range(1, 64))


def test_an_error_comes_after_the_results_that_were_under_way() -> None:
    go = threading.Event()

    def act(key: int) -> int:
        if key == 0:
            raise ValueError("the first fails")
        go.wait(5)
        return key

    results = in_parallel(act, 4)(naming(*range(100)))
    threading.Timer(0.05, go.set).start()
    found = []
    with pytest.raises(ValueError, match="the first fails"):
        for key, _ in results:
            found.append(key)
    assert sorted(found) == [1, 2, 3], "calls under way are not lost, and no other is begun"


def test_none_is_a_result_and_nothing_needs_no_thread() -> None:
    before = threading.active_count()
    assert list(in_parallel(lambda key: None, 4)(naming())) == []
    assert threading.active_count() <= before
    assert list(in_parallel(lambda key: None, 4)(naming(1))) == [(1, None)]


def test_whoever_stops_early_leaves_no_thread() -> None:
    before = threading.active_count()
    for _ in in_parallel(lambda key: key, 4)(naming(*range(100))):
        break
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
