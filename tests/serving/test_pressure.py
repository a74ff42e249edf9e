"""A model that is slower than its callers: what waits is bounded, runs together, and nobody's bad input spoils it."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.serving.clients import Reply, connect, raw, read_reply, request, tensor
from tests.serving.conftest import Running, start, stop
from tests.serving.test_free import children

QUEUE = 4
TABLE = np.array([5, 6, 7, 8], np.float32)
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the model's child in /proc")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of a model whose first axis is free: it looks numbers up, and fails beyond the table's end."""
    folder = tmp_path_factory.mktemp("table")
    nodes = [helper.make_node("Gather", ["table", "index"], ["found"])]
    graph = helper.make_graph(
        nodes,
        "table",
        [helper.make_tensor_value_info("index", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor("table", TensorProto.FLOAT, TABLE.shape, TABLE)],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "table.onnx"
    )
    env = {"MLM_SERVE_QUEUE": str(QUEUE), "MLM_SERVE_CHILDREN": "1"}
    running = start(folder, tmp_path_factory.mktemp("home"), "table.onnx", "--free", "--name", "table", env=env)
    try:
        yield running
    finally:
        assert stop(running) == 0


def asked(running: Running, *index: int) -> bytes:
    """A call's bytes."""
    given = tensor("index", np.array(index, np.int64), "INT64")
    body = json.dumps({"inputs": [given]}).encode()
    head = f"POST {running.infer} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def numbers(reply: Reply) -> list[float]:
    """What an answer says."""
    assert reply.status == 200, reply
    found: list[float] = reply.json["outputs"][0]["data"]
    return found


@contextmanager
def held(running: Running) -> Iterator[None]:
    """The model's child stands still, in the midst of whatever it is asked."""
    stopped = children(running.process.pid)
    assert stopped
    for child in stopped:
        os.kill(child, signal.SIGSTOP)
    try:
        yield
    finally:
        for child in stopped:
            os.kill(child, signal.SIGCONT)


def gathered(running: Running, stack: ExitStack, calls: list[tuple[int, ...]]) -> list[socket.socket]:
    """Calls that are under way: the first runs, the others wait."""
    sent = []
    for count, index in enumerate(calls):
        connection = stack.enter_context(connect(running.url))
        connection.sendall(asked(running, *index))
        sent.append(connection)
        for _ in range(200):
            if request(running.url, "GET", "/health").json["waiting"] == count:
                break
            time.sleep(0.02)
        else:
            pytest.fail(f"expected {count} calls that wait")
    return sent


def counted(running: Running, name: str) -> float:
    """A number of the metrics."""
    text = request(running.url, "GET", "/metrics").body.decode()
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"mlm_serve_{name} "))


def test_beyond_what_may_wait_calls_are_refused_at_once_and_those_that_wait_are_answered(table: Running) -> None:
    before = counted(table, "batches_total")
    with ExitStack() as stack:
        with held(table):
            waiting = gathered(table, stack, [(0,), *[(at, 3 - at) for at in range(QUEUE)]])
            for _ in range(3):
                refused = raw(table.url, asked(table, 0))
                assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (503, "busy", "1")
        found = [numbers(read_reply(each)) for each in waiting]
    assert found == [[5], *[[5 + at, 8 - at] for at in range(QUEUE)]]
    assert counted(table, "batches_total") - before == 2  # the first alone, and all that came meanwhile
    assert numbers(raw(table.url, asked(table, 2))) == [7]


def test_one_bad_call_of_a_batch_fails_alone(table: Running) -> None:
    with ExitStack() as stack:
        with held(table):
            waiting = gathered(table, stack, [(0,), (1,), (99,), (2, 2, 3)])
        first, good, bad, last = map(read_reply, waiting)
    assert [numbers(first), numbers(good), numbers(last)] == [[5], [6], [7, 7, 8]]
    assert (bad.status, bad.json["code"]) == (400, "malformed") and "idx=99" in bad.json["error"]


def test_callers_that_went_away_keep_nobody_waiting_for_good(table: Running) -> None:
    with held(table), ExitStack() as stack:
        gathered(table, stack, [(0,)] * (QUEUE + 1))
    for _ in range(100):  # until those calls have run
        if (answer := raw(table.url, asked(table, 3))).status != 503:
            break
        time.sleep(0.05)
    assert numbers(answer) == [8]
