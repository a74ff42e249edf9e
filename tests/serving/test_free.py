"""A free server: the Open Inference Protocol as it is published, and clients that mean ill. It goes on serving."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlm.resources import path as resource
from tests.serving.clients import Reply, connect, raw, read_reply, request, tensor
from tests.serving.conftest import Running, start, stop

SAMPLE = np.load(resource("templates") / "digits-mlp" / "samples" / "digit.npy")
JSON = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def goes_on(free: Running) -> Iterator[None]:
    """Whatever a test did, the next honest call is answered."""
    yield
    answer = call(free)
    assert answer.status == 200, answer
    assert free.process.poll() is None


def body(**changes: Any) -> bytes:
    """A good call's body, changed."""
    return json.dumps({"inputs": [tensor("image", SAMPLE)], **changes}).encode()


def call(free: Running, data: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
    return request(free.url, "POST", free.infer, body() if data is None else data, {**JSON, **(headers or {})})


def test_documents_are_those_of_the_protocol(free: Running) -> None:
    """Field names as in the published specification, inference_rest.md."""
    server = request(free.url, "GET", "/v2").json
    assert set(server) == {"name", "version", "extensions", "models"} and server["models"] == ["digits"]
    model = request(free.url, "GET", "/v2/models/digits").json
    assert set(model) == {"name", "versions", "platform", "inputs", "outputs", "parameters"}
    assert model["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [1, 64]}]
    assert model["outputs"] == [{"name": "logits", "datatype": "FP32", "shape": [1, 10]}]
    assert request(free.url, "GET", f"/v2/models/digits/versions/{model['versions'][0]}").json == model
    assert request(free.url, "GET", "/v2/health/live").json["live"] is True
    assert request(free.url, "GET", "/v2/health/ready").json["live"] is True
    assert request(free.url, "GET", "/v2/models/digits/ready").json == {"name": "digits", "ready": True}


def test_an_answer_in_json_and_in_raw_bytes_is_the_same(free: Running) -> None:
    shown = call(free, body(id="42", outputs=[{"name": "logits"}]))
    assert shown.status == 200 and shown.headers["content-type"] == "application/json"
    answer = shown.json
    assert set(answer) == {"model_name", "model_version", "id", "outputs"}
    assert (answer["model_name"], answer["id"]) == ("digits", "42")
    (output,) = answer["outputs"]
    assert {name: output[name] for name in ("name", "shape", "datatype")} == {
        "name": "logits", "shape": [1, 10], "datatype": "FP32",
    }  # fmt: skip
    head = json.dumps(
        {
            "inputs": [
                {"name": "image", "shape": [1, 64], "datatype": "FP32", "parameters": {"binary_data_size": 256}}
            ],
            "outputs": [{"name": "logits", "parameters": {"binary_data": True}}],
        }
    ).encode()
    sent = {"inference-header-content-length": str(len(head)), "content-type": "application/octet-stream"}
    found = call(free, head + SAMPLE.tobytes(), sent)
    assert found.status == 200 and found.headers["content-type"] == "application/octet-stream"
    length = int(found.headers["inference-header-content-length"])
    (described,) = json.loads(found.body[:length])["outputs"]
    assert described["parameters"] == {"binary_data_size": 40} and "data" not in described
    assert np.array_equal(np.frombuffer(found.body[length:], "<f4"), np.array(output["data"], np.float32))


IMAGE = tensor("image", SAMPLE)
BAD_BODIES: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{", "not JSON"),
    "no UTF-8": (b'{"id": "\xff"}', "not JSON"),
    "NaN": (body().replace(b"[0.0", b"[NaN", 1), "not JSON"),
    "deep": (b"[" * 5000 + b"]" * 5000, "not JSON"),
    "a list": (b"[]", "object"),
    "no inputs": (b"{}", "inputs"),
    "inputs that are none": (b'{"inputs": [1]}', "objects"),
    "another input": (json.dumps({"inputs": [{**IMAGE, "name": "other"}]}).encode(), "'image'"),
    "an input twice": (json.dumps({"inputs": [IMAGE, IMAGE]}).encode(), "each once"),
    "another type": (json.dumps({"inputs": [{**IMAGE, "datatype": "FP64"}]}).encode(), "FP32"),
    "another shape": (json.dumps({"inputs": [{**IMAGE, "shape": [64]}]}).encode(), "shape [1, 64]"),
    "a negative axis": (json.dumps({"inputs": [{**IMAGE, "shape": [-1, 64]}]}).encode(), "axes from 1"),
    "a huge axis": (json.dumps({"inputs": [{**IMAGE, "shape": [1 << 62, 64]}]}).encode(), "axes from 1"),
    "an axis that is none": (json.dumps({"inputs": [{**IMAGE, "shape": [True, 64]}]}).encode(), "axes from 1"),
    "too few numbers": (json.dumps({"inputs": [{**IMAGE, "data": [1.0]}]}).encode(), "data of shape [1, 64]"),
    "text": (json.dumps({"inputs": [{**IMAGE, "data": ["x"] * 64}]}).encode(), "FP32"),
    "nothing": (json.dumps({"inputs": [{**IMAGE, "data": [None] * 64}]}).encode(), "FP32"),
    "ragged lists": (json.dumps({"inputs": [{**IMAGE, "data": [[1.0], [1.0, 2.0]]}]}).encode(), "image"),
    "a number that float32 cannot": (json.dumps({"inputs": [{**IMAGE, "data": [1e39] * 64}]}).encode(), "finite"),
    "another output": (body(outputs=[{"name": "secrets"}]), "'logits'"),
    "an output twice": (body(outputs=[{"name": "logits"}, {"name": "logits"}]), "each once"),
    "an id that is none": (body(id=5), "id"),
    "a long id": (body(id="x" * 300), "256"),
    "raw bytes that do not come": (
        json.dumps({"inputs": [{**IMAGE, "data": None, "parameters": {"binary_data_size": 256}}]}).encode(),
        "raw bytes",
    ),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_refused_in_words(free: Running, name: str) -> None:
    data, words = BAD_BODIES[name]
    answer = call(free, data)
    assert answer.status == 400, answer
    assert answer.json["code"] == "malformed" and words in answer.json["error"], answer


@pytest.mark.parametrize("header", ["-1", "99999999", "x", "1_0", "٣"])
def test_a_bad_length_of_the_json_is_refused(free: Running, header: str) -> None:
    answer = call(free, headers={"inference-header-content-length": header.encode().decode("latin-1")})
    assert answer.status == 400 and "Inference-Header-Content-Length" in answer.json["error"]


def test_what_is_not_json_is_refused(free: Running) -> None:
    for headers in ({"content-type": "text/html"}, {"content-encoding": "gzip"}):
        answer = call(free, headers=headers)
        assert answer.status == 415 and answer.json["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404), ("/v2/", 404), ("/v2/models/digits/", 404), ("/v2/models/other", 404),
        ("/v2/models/digits/versions/9", 404),
        ("/v2/models/..%2f..%2f..%2fetc%2fpasswd", 404), ("/v2/models/%00", 404), ("//evil.example/v2", 404),
        ("/v2/models/digits/infer", 405), ("/v2/channels/0x00", 404), ("/v2/models/" + "x" * 4000, 404),
    ],
)  # fmt: skip
def test_paths(free: Running, path: str, status: int) -> None:
    answer = request(free.url, "GET", path)
    assert answer.status == status and set(answer.json) == {"error", "code"}
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /v2 HTTP/9.9\r\nhost: x\r\n\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nhost x\r\n\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nx\x00y: 1\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc", 400),
        (b"GET /v2 HTTP/1.1\r\nhost: x\r\nlong: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /v2 HTTP/1.1\r\nhost: x\r\nlong: " + b"x" * 300_000, 431),
        (b"GET /v2 HTTP/1.1\r\n" + b"".join(b"h%d: 1\r\n" % n for n in range(4000)) + b"\r\n", 431),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431),
    ],
)
def test_malformed_headers(free: Running, data: bytes, status: int) -> None:
    assert raw(free.url, data).status == status


def test_a_huge_body_is_refused_before_it_is_read(free: Running) -> None:
    head = f"POST {free.infer} HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n"
    answer = raw(free.url, head.encode())
    assert answer.status == 413 and answer.headers["connection"] == "close"
    assert call(free, b"x" * (3 << 20)).status == 413  # sent whole by a client that reads nothing before
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with connect(free.url) as connection:
        connection.sendall(f"POST {free.infer} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        connection.sendall(chunk * 20 + b"0\r\n\r\n")
        assert read_reply(connection).status == 413


def test_slow_clients_are_let_go(free: Running) -> None:
    """One that sends no body, one that sends no end of its headers, one that says nothing, one that only ends lines."""
    head = f"POST {free.infer} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
    slow, stuck, silent, blank = (connect(free.url) for _ in range(4))
    with slow, stuck, silent, blank:
        slow.sendall(head.encode() + b"{")
        stuck.sendall(b"GET /v2 HTTP/1.1\r\nhost: ")
        blank.sendall(b"\r\n")
        answer = read_reply(slow)
        assert answer.status == 408 and answer.json["code"] == "too_slow" and answer.headers["connection"] == "close"
        assert read_reply(stuck).status == 408
        assert read_reply(silent).status == 0
        assert read_reply(blank).status in (0, 408)


def test_a_thousand_connections(free: Running) -> None:
    """More than it holds: each is answered or refused at once, and the honest ones are served when they go."""
    import resource as limits

    soft, hard = limits.getrlimit(limits.RLIMIT_NOFILE)
    limits.setrlimit(limits.RLIMIT_NOFILE, (min(max(soft, 2048), hard), hard))
    held: list[socket.socket] = []
    data = body()
    honest = f"POST {free.infer} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data
    kept = connect(free.url)
    try:
        for _ in range(1000):
            kept.sendall(honest)  # who has a place is served all the time
            assert read_reply(kept).status == 200
            held.append(connect(free.url))
        answers = [read_reply(connection) for connection in held[200:]]
        # On a busy machine the first were let go meanwhile, since they said nothing: then later ones had their places.
        assert {answer.status for answer in answers} <= {0, 503}
        busy = [answer for answer in answers if answer.status == 503]
        assert busy and all(answer.json["code"] == "busy" and answer.headers["retry-after"] == "1" for answer in busy)
    finally:
        for connection in (kept, *held):
            connection.close()
    for _ in range(100):  # until the server has seen them go
        if call(free).status == 200:
            return
        time.sleep(0.05)
    pytest.fail("the server still refuses")


def test_requests_on_one_connection_are_answered_in_order(free: Running) -> None:
    data = body(id="a")
    head = f"POST {free.infer} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(data)}\r\n\r\n"
    with connect(free.url) as connection:
        connection.sendall(head.encode() + data + b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert read_reply(connection).json["id"] == "a"
        assert read_reply(connection).json["name"] == "mlm"


def children(of: int) -> set[int]:
    """The processes that a process has started, and theirs."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == of:
            found |= {int(path.parent.name), *children(int(path.parent.name))}
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the child in /proc")
def test_a_child_that_dies_is_replaced(free: Running) -> None:
    """Between two calls nobody notices."""
    held = children(free.process.pid)
    assert held
    for child in held:
        os.kill(child, signal.SIGKILL)
    time.sleep(0.1)
    assert call(free).status == 200
    assert children(free.process.pid) - held


def test_metrics_and_log(free: Running) -> None:
    """Refused and served calls are counted; the log holds no header of anybody."""
    call(free, headers={"authorization": "Bearer secret-of-mine"})
    call(free, b"{")
    page = request(free.url, "GET", "/metrics")
    text = page.body.decode()
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'mlm_serve_answers_total{status="200",code=""}' in text and 'status="400",code="malformed"' in text
    assert 'mlm_serve_seconds_bucket{le="+Inf"}' in text
    log = free.home / "serve" / "digits" / "access.jsonl"
    for _ in range(100):
        if log.exists() and "malformed" in log.read_text():
            break
        time.sleep(0.05)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(line.get("code") == "malformed" and line["status"] == 400 for line in lines)
    assert "secret-of-mine" not in log.read_text()
    assert request(free.url, "GET", "/health").json["status"] == "ok"


def test_stopped_it_finishes_what_it_has_admitted(free: Running, tmp_path_factory: pytest.TempPathFactory) -> None:
    """SIGTERM while a body is still coming: that call is answered, a new connection is not, and the end is 0."""
    folder = resource("templates") / "digits-mlp"
    other = start(folder, free.home, "model.onnx", "--free", "--name", "stopping", env={"MLM_SERVE_SECONDS": "10"})
    try:
        data = body()
        with connect(other.url) as connection:
            head = f"POST {other.infer} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(data)}\r\n\r\n"
            connection.sendall(head.encode() + data[:10])
            for _ in range(200):
                if request(other.url, "GET", "/health").json["calls"] == 1:
                    break
                time.sleep(0.02)
            other.process.send_signal(signal.SIGTERM)
            for _ in range(200):
                try:
                    connect(other.url).close()
                except ConnectionRefusedError:
                    break
                time.sleep(0.02)
            else:
                pytest.fail("it still takes connections")
            connection.sendall(data[10:])
            assert read_reply(connection).status == 200
        assert other.process.wait(30) == 0
    finally:
        stop(other)
