"""Running and proving on a real Ray cluster whose nodes and processes die."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from circuits.make_fixtures import tiny_input, tiny_model
from mlm.adapters.ezkl.prover import EzklProver
from mlm.adapters.onnx.run import OnnxRunner
from mlm.adapters.ray import driver
from mlm.adapters.ray.cluster import Cluster, cluster
from mlm.adapters.ray.nodes import Nodes
from mlm.adapters.ray.prover import RayProver
from mlm.adapters.ray.runner import RayRunner
from mlm.adapters.ray.task import Srs, Task, perform
from mlm.core.errors import ClusterLost, InvalidData, ModelStopped, ToolMissing, UsageError
from tests.ray_cluster import RayNodes, command, descendants, raylet, started

PROVING = "mlm.adapters.ezkl.child"


def until(true: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for it; a bounded time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def proving(node: Any) -> list[int]:
    """The confined processes that prove on a node now."""
    return [pid for pid in descendants(raylet(node)) if PROVING in command(pid)]


def test_a_killed_node_loses_nothing(ray_nodes: RayNodes, root: Path, tmp_path: Path) -> None:
    """Six proofs and six runs from six threads on two nodes, one of which is killed while both prove."""
    nodes, model = ray_nodes.nodes("killed"), tiny_model(1)
    prover, runner = RayProver(nodes, srs=root / "circuits"), RayRunner(nodes, provider="cpu")
    settings = prover.settings(model, tiny_input(0))
    arrived: list[int] = []

    def work(seed: int) -> tuple[Any, Any]:
        proof = prover.prove(model, settings, tiny_input(seed))
        arrived.append(seed)
        return proof, runner.run(model, tiny_input(seed))

    with ThreadPoolExecutor(6) as threads:
        futures = [threads.submit(work, seed) for seed in range(6)]
        until(lambda: all(map(proving, ray_nodes.workers)), "two nodes never proved at the same time")
        children = proving(ray_nodes.workers[0])
        ray_nodes.kill(ray_nodes.workers[0])
        assert len(arrived) < 6, "nothing was under way"
        ray_nodes.workers.append(ray_nodes.add())
        results = [future.result() for future in futures]
    assert sorted(arrived) == list(range(6))
    until(lambda: not any(PROVING in command(pid) for pid in children), "a killed node's proof goes on")
    check, peer = EzklProver(cache_dir=tmp_path, srs=root / "circuits"), OnnxRunner(provider="cpu")
    for seed, (proof, run) in enumerate(results):
        check.verify(model, settings, proof)
        assert proof.instances[:1] == check.hash_inputs(settings, tiny_input(seed))
        assert (run.outputs["y"] == peer.run(model, tiny_input(seed)).outputs["y"]).all()


def test_an_error_keeps_its_class_its_words_and_its_hint(ray_nodes: RayNodes) -> None:
    short = RayRunner(ray_nodes.nodes("errors"), provider="cpu", timeout_s=0.001)
    with pytest.raises(ModelStopped, match=r"inspecting the model passed its time limit of 0\.001 s") as caught:
        short.inspect(tiny_model(1))
    assert "runner.timeout" in caught.value.hint and caught.value.exit_code == InvalidData.exit_code


def test_a_task_that_no_node_can_take_ends(ray_nodes: RayNodes) -> None:
    """Every wait is bounded, and the message says what was asked for."""
    order = driver.Order(Task("runner", "inspect", (), "unused"), tiny_model(1), 64.0, 1.0)
    with pytest.raises(ClusterLost, match=r"gave no answer in 1 s") as caught:
        cluster(ray_nodes.address).perform(order)
    assert "64 CPUs" in caught.value.hint


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_who_asked_ends_and_so_does_what_was_asked_for(ray_nodes: RayNodes, number: int, root: Path) -> None:
    script = """
import sys
from pathlib import Path
from circuits.make_fixtures import tiny_input, tiny_model
from mlm.adapters.ray.cluster import cluster
from mlm.adapters.ray.nodes import Nodes
from mlm.adapters.ray.prover import RayProver
prover = RayProver(Nodes(cluster(sys.argv[1]), sys.argv[2], 1.0), srs=Path("circuits"))
settings = prover.settings(tiny_model(1), tiny_input(0))
while True:
    prover.prove(tiny_model(1), settings, tiny_input(1))
"""
    argv = [sys.executable, "-c", script, ray_nodes.address, str(ray_nodes.folder / "ended")]
    asking = subprocess.Popen(argv, cwd=root, stderr=subprocess.DEVNULL)
    try:
        until(lambda: any(map(proving, ray_nodes.workers)), "nothing was proved")
        mine = [pid for pid in descendants(asking.pid) if "mlm.adapters.ray.driver" in command(pid)]
        assert len(mine) == 1
        asking.send_signal(number)
        asking.wait(30)
    finally:
        asking.kill()
        asking.wait()
    until(lambda: not any(map(proving, ray_nodes.workers)), "a proof goes on for nobody")
    until(lambda: "mlm.adapters.ray.driver" not in command(mine[0]), "the driver goes on for nobody")


def test_a_lost_driver_is_one_error_and_the_next_call_has_another(ray_nodes: RayNodes, root: Path) -> None:
    """Ray ends the process that has lost its cluster: ours is another, and goes on."""
    one = Cluster(ray_nodes.address)
    nodes = Nodes(one, str(ray_nodes.folder / "driver"), 1.0)
    prover = RayProver(nodes, srs=root / "circuits")
    settings = prover.settings(tiny_model(1), tiny_input(0))
    known = cluster(ray_nodes.address)  # the other tests' end
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(prover.prove, tiny_model(1), settings, tiny_input(seed)) for seed in (1, 2)]
        until(lambda: any(map(proving, ray_nodes.workers)), "nothing was proved")
        others = {known._driver._process.pid} if known._driver else set()
        drivers = [pid for pid in descendants(os.getpid()) if "mlm.adapters.ray.driver" in command(pid)]
        (pid,) = set(drivers) - others
        os.kill(pid, signal.SIGKILL)
        for future in waiting:
            with pytest.raises(ClusterLost, match="the Ray cluster was lost"):
                future.result()
    assert prover.circuit(tiny_model(1), settings).inputs == 1
    one.close()


def test_a_lost_head_is_one_error(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray has no wheel for this platform")
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "3")  # a minute
    with started(tmp_path, workers=0) as alone:
        prover = RayProver(alone.nodes(), srs=root / "circuits")
        settings = prover.settings(tiny_model(1), tiny_input(0))
        alone.kill_head()
        with pytest.raises(ClusterLost, match="the Ray cluster was lost: Failed to connect to GCS"):
            for seed in range(600):  # what is running ends well: Ray notices seconds later
                prover.prove(tiny_model(1), settings, tiny_input(seed))
        with pytest.raises(ClusterLost, match="no Ray cluster answers at"):
            prover.prove(tiny_model(1), settings, tiny_input(0))


def test_a_cluster_that_is_not_there() -> None:
    with socket.socket() as free:  # bound, and nobody listens
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ClusterLost, match="no Ray cluster answers at 127.0.0.1:.*refused") as caught:
            RayRunner(Nodes(Cluster(f"127.0.0.1:{free.getsockname()[1]}"), "unused", 1.0)).inspect(b"")
    assert "ray start" in caught.value.hint and caught.value.exit_code == 11


@pytest.mark.parametrize("address", ["", "auto", "127.0.0.1", "127.0.0.1:", ":6379", "here:port", "here:0", "a:70000"])
def test_an_address_names_host_and_port(address: str) -> None:
    """Ray's own "auto" would believe a file that anybody on the machine can write."""
    with pytest.raises(UsageError, match="runner.ray_address: expected the HOST:PORT"):
        Cluster(address)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ToolMissing, match="need the package ray") as caught:
        driver._connect("127.0.0.1:1")
    assert "mlm[ray]" in caught.value.hint


def test_a_node_with_another_mlm_says_so(tmp_path: Path) -> None:
    found = perform(Task("runner", "inspect", (), str(tmp_path), version="0"), b"", [])
    assert isinstance(found, ToolMissing) and "expected 0" in str(found)


def test_a_node_gets_an_srs_file_by_content(ray_nodes: RayNodes, root: Path) -> None:
    """Another content under that name is replaced; what was asked for under a wrong hash is refused."""
    prover = RayProver(ray_nodes.nodes("srs"), srs=root / "circuits")
    settings = prover.settings(tiny_model(1), tiny_input(0))
    circuit = prover.circuit(tiny_model(1), settings)
    (kept,) = (ray_nodes.folder / "srs" / "srs").glob("*/*.srs")
    whole = (root / "circuits" / kept.name).read_bytes()
    assert kept.read_bytes() == whole
    kept.write_bytes(bytes(len(whole)))
    assert prover.circuit(tiny_model(1), settings) == circuit and kept.read_bytes() == whole
    task = Task("prover", "circuit", (settings,), str(ray_nodes.folder / "wrong"), {}, Srs(10, "0" * 64, kept))
    with pytest.raises(InvalidData, match="arrived with another content"):
        cluster(ray_nodes.address).perform(driver.Order(task, tiny_model(1), 1.0, 60.0))
