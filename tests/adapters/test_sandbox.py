"""Attacks on the sandbox, each mounted by a child that has been taken over (sandbox_worker.py).

Every attack is mounted without a sandbox too, where it must succeed: else its refusal would show nothing.
docs/sandbox.md names these tests.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from mlm.adapters import confine
from mlm.adapters.onnx.confined import ConfinedRunner
from mlm.adapters.sandbox import seccomp, syscalls, tiers
from mlm.core.errors import InvalidData, ModelStopped, ToolMissing, UsageError
from tests.adapters import sandbox_worker
from tests.adapters.test_confine import inside

FILE_BYTES = 1 << 20
WORKER = confine.Worker("tests.adapters.sandbox_worker", "runner", ModelStopped, FILE_BYTES)


def _missing(setting: str) -> str:
    try:
        tiers.choose(setting)
    except ToolMissing as error:
        return str(error)
    return ""


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
TIERS = [
    pytest.param(setting, marks=pytest.mark.skipif(bool(_missing(setting)), reason=_missing(setting)))
    for setting in ("landlock", "bubblewrap")
]
tier = pytest.mark.parametrize("tier", TIERS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The child's own, beside what it must not reach."""
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A file of the user's, as MLM_HOME/keystore holds them."""
    path = tmp_path / "home" / "keystore" / "alice.json"
    path.parent.mkdir(parents=True)
    path.write_text("secret")
    return path


@pytest.fixture
def victim() -> Iterator[int]:
    """Another process of the same user, with a secret in its environment."""
    with subprocess.Popen(["sleep", "60"], env={"PATH": os.defpath, "SECRET": "hunter2"}) as process:
        yield process.pid
        process.kill()


def mount(folder: Path, tier: str, attack: str, *, seconds: float = 20, **request: Any) -> dict[str, Any]:
    """What the attack got, or what refused it."""
    limits = confine.Limits(700, seconds, tier)
    return confine.ask(WORKER, attack, request, what="the attack", folder=folder, limits=limits)


def refused(folder: Path, tier: str, attack: str, **request: Any) -> str:
    """Mount it; it must be refused."""
    found = mount(folder, tier, attack, **request)
    assert "refused" in found, found
    return str(found["refused"])


def succeeds(folder: Path, attack: str, **request: Any) -> Any:
    """Mount it without a sandbox, where it must succeed."""
    found = mount(folder, "none", attack, **request)
    assert "got" in found, found
    return found["got"]


# Files


@tier
def test_the_keystore_cannot_be_read(folder: Path, key: Path, tier: str) -> None:
    assert succeeds(folder, "read", path=str(key)) == "secret"
    assert re.match("EACCES|ENOENT", refused(folder, tier, "read", path=str(key)))


@tier
def test_the_users_folders_cannot_be_listed(folder: Path, key: Path, tier: str) -> None:
    assert succeeds(folder, "listing", path=str(key.parent)) == ["alice.json"]
    for path in (key.parent, key.parents[1], Path("/proc"), Path("/root"), Path("/home"), Path("/")):
        refused(folder, tier, "listing", path=str(path))


def test_only_bubblewrap_hides_that_a_file_exists(folder: Path, key: Path) -> None:
    """Landlock does not restrict stat(2): docs/sandbox.md says so."""
    if not _missing("landlock"):
        assert mount(folder, "landlock", "stat", path=str(key)) == {"got": 6}
    if not _missing("bubblewrap"):
        assert refused(folder, "bubblewrap", "stat", path=str(key)).startswith("ENOENT")


@tier
def test_nothing_outside_is_written(folder: Path, key: Path, tier: str) -> None:
    refused(folder, tier, "write", path=str(key))
    refused(folder, tier, "create", path=str(key))
    assert key.read_text() == "secret" and list(key.parent.iterdir()) == [key]
    succeeds(folder, "create", path=str(key))
    succeeds(folder, "write", path=str(key))
    assert key.read_text() == "overwritten" and (key.parent / "created").exists()


@tier
@pytest.mark.parametrize("name", sandbox_worker.CHANGES)
def test_nothing_outside_is_changed(folder: Path, key: Path, tier: str, name: str) -> None:
    before = key.stat()
    refused(folder, tier, "change", name=name, path=str(key))
    assert key.stat() == before and list(key.parent.iterdir()) == [key]
    if name != "mount point" or os.geteuid() == 0:
        assert succeeds(folder, "change", name=name, path=str(key)) == "changed"


@tier
def test_mlm_itself_and_python_are_not_written(folder: Path, tier: str) -> None:
    for path in (confine.__file__, np.__file__, sys.executable, os.__file__):
        before = Path(path).read_bytes()
        assert re.match("EACCES|EROFS|ETXTBSY", refused(folder, tier, "write", path=path))
        assert Path(path).read_bytes() == before


def _climbing(location: str) -> bytes:
    tensor = TensorProto(name="t", data_type=TensorProto.UINT8, dims=[6], data_location=TensorProto.EXTERNAL)
    for name, value in (("location", location), ("offset", "0"), ("length", "6")):
        tensor.external_data.add(key=name, value=value)
    out = helper.make_tensor_value_info("y", TensorProto.UINT8, [6])
    graph = helper.make_graph([helper.make_node("Identity", ["t"], ["y"])], "g", [], [out], [tensor])
    model: ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@tier
@pytest.mark.parametrize("place", ["../home/keystore/alice.json", "{key}"])
def test_external_data_that_climbs_out(tmp_path: Path, folder: Path, key: Path, tier: str, place: str) -> None:
    """mlm refuses such a model; a child that follows the path nevertheless gets nothing."""
    model = _climbing(place.format(key=key))
    with pytest.raises(InvalidData):
        ConfinedRunner(folder=tmp_path / "runner", provider="cpu", sandbox=tier).run(model, {})
    (folder / "model.onnx").write_bytes(model)
    assert "secret" not in refused(folder, tier, "external_data")


# The network


@tier
def test_no_socket_reaches_anything(folder: Path, tmp_path: Path, tier: str) -> None:
    """TCP, UDP, and UNIX sockets by path and by abstract name, each to a server that listens."""
    path, abstract = str(tmp_path / "socket"), f"\0mlm-{os.getpid()}"
    servers = [
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
        (socket.AF_UNIX, socket.SOCK_STREAM, path),
        (socket.AF_UNIX, socket.SOCK_STREAM, abstract),
    ]
    for family, kind, address in servers:
        with socket.socket(family, kind) as server:
            server.bind(address)
            if kind == socket.SOCK_STREAM:
                server.listen()
            where = server.getsockname()
            given = {"family": family, "kind": kind, "address": abstract if address == abstract else where}
            refused(folder, tier, "connect", **given)
            server.settimeout(0.05)
            with pytest.raises(TimeoutError):
                server.accept() if kind == socket.SOCK_STREAM else server.recv(10)
            assert succeeds(folder, "connect", **given) == len("stolen")
    refused(folder, tier, "listen")
    assert succeeds(folder, "listen")


@tier
def test_a_pair_of_sockets_reaches_nothing_else(folder: Path, tmp_path: Path, tier: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "datagrams"))
        refused(folder, tier, "datagram_pair", address=str(tmp_path / "datagrams"))
        refused(folder, tier, "stream_pair", address=str(tmp_path / "datagrams"))
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.recv(10)
        assert succeeds(folder, "datagram_pair", address=str(tmp_path / "datagrams")) == len("stolen")


# Processes


@tier
def test_a_fork_bomb_makes_no_process(folder: Path, tier: str) -> None:
    """Root too, whom RLIMIT_NPROC does not bind."""
    assert re.match("EPERM|ENOSYS", refused(folder, tier, "fork_bomb", many=True))
    refused(folder, tier, "fork")
    refused(folder, tier, "spawn")
    assert succeeds(folder, "fork") == 0
    assert succeeds(folder, "fork_bomb", many=False) >= 1


@pytest.mark.parametrize("tier", ["none", *TIERS])
def test_a_thread_bomb_is_ended(folder: Path, tier: str) -> None:
    with pytest.raises(ModelStopped, match=r"the attack passed its limit of \d+ threads"):
        mount(folder, tier, "thread_bomb")
    assert not inside(folder)


@tier
def test_no_program_is_executed(folder: Path, tier: str) -> None:
    refused(folder, tier, "execute")
    assert succeeds(folder, "execute") == "a shell"


@tier
@pytest.mark.parametrize("name", sandbox_worker.CALLS)
def test_a_call_that_sees_more_is_refused(folder: Path, tier: str, name: str) -> None:
    assert re.match("EPERM|ENOSYS", refused(folder, tier, "system_call", name=name))


@tier
def test_the_parent_cannot_be_signalled(folder: Path, tier: str) -> None:
    refused(folder, tier, "send_signal", pid=os.getpid())
    refused(folder, tier, "own_signal", pid=os.getpid())
    for attack in ("send_signal", "own_signal"):
        succeeds(folder, attack, pid=os.getpid())


@tier
@pytest.mark.parametrize("attack", ["trace", "read_memory", "limit_other", "pin_other", "environment"])
def test_other_processes_are_out_of_reach(folder: Path, victim: int, tier: str, attack: str) -> None:
    given = {"pid": victim, "address": _readable_address(victim) if os.geteuid() == 0 else 0}
    assert "hunter2" not in refused(folder, tier, attack, **given)
    if os.geteuid() == 0:
        found = succeeds(folder, attack, **given)
        assert attack != "environment" or "hunter2" in found


def _readable_address(pid: int) -> int:
    return int(Path(f"/proc/{pid}/maps").read_text().partition("-")[0], 16)


@tier
def test_nothing_survives_its_time(folder: Path, tier: str) -> None:
    with pytest.raises(ModelStopped, match="time limit of 2 s"):
        mount(folder, tier, "sleep", seconds=2)
    assert (folder / "asleep").exists() and not inside(folder)


# Disk and memory


@pytest.mark.parametrize("tier", ["none", *TIERS])
def test_one_file_cannot_fill_the_disk(folder: Path, tier: str) -> None:
    assert mount(folder, tier, "one_file")["refused"].startswith("EFBIG")
    assert (folder / "filler").stat().st_size <= FILE_BYTES


@pytest.mark.parametrize("tier", ["none", *TIERS])
@pytest.mark.parametrize(
    ("size", "pause", "says"), [(FILE_BYTES // 8, 0.02, "2 MB on disk"), (0, 0.0, "4096 files")], ids=["large", "empty"]
)
def test_nor_can_many(folder: Path, tier: str, size: int, pause: float, says: str) -> None:
    with pytest.raises(ModelStopped, match=f"the attack passed its limit of {says}"):
        mount(folder, tier, "many_files", bytes=size, pause=pause)
    assert not inside(folder)


@tier
@pytest.mark.parametrize("attack", ["hidden_file", "nameless_file", "closed_folder", "large_file_anywhere"])
def test_no_storage_that_the_parent_does_not_see(folder: Path, tier: str, attack: str) -> None:
    refused(folder, tier, attack)
    if attack == "large_file_anywhere":
        Path(succeeds(folder, attack)).unlink()
    elif attack != "closed_folder":
        succeeds(folder, attack)


@pytest.mark.parametrize("tier", ["none", *TIERS])
def test_a_memory_bomb_is_ended(folder: Path, tier: str) -> None:
    with pytest.raises(ModelStopped, match="memory limit of 700 MB"):
        mount(folder, tier, "memory")


# Machine code


@tier
@pytest.mark.parametrize("attack", ["load_library", "machine_code", "make_executable"])
def test_no_machine_code_is_added(folder: Path, tier: str, attack: str) -> None:
    assert re.match("EPERM|EACCES|.*evil.so: failed to map segment", refused(folder, tier, attack))
    assert succeeds(folder, attack)


@tier
def test_a_custom_operator_library_is_not_loaded(folder: Path, tier: str) -> None:
    """mlm never asks ONNX Runtime to; code that took the child over may."""
    assert "evil.so: failed to map segment" in refused(folder, tier, "custom_operators")


# The tiers


def test_the_filter_alone(folder: Path, key: Path, victim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is neither Landlock nor bubblewrap: files are open, the rest holds."""
    monkeypatch.setattr(tiers.bubblewrap, "probe", lambda: ("", "bwrap is not on PATH"))
    monkeypatch.setattr(tiers.landlock, "abi", lambda: 0)
    assert tiers.choose().name == "seccomp"
    assert mount(folder, "auto", "read", path=str(key)) == {"got": "secret"}
    if os.geteuid():  # root's other processes have capabilities that the child has given up
        assert "hunter2" in mount(folder, "auto", "environment", pid=victim)["got"]
    Path(mount(folder, "auto", "large_file_anywhere")["got"]).unlink()
    for attack in ("listen", "fork", "execute", "load_library", "machine_code", "hidden_file", "nameless_file"):
        refused(folder, "auto", attack)
    for attack in ("trace", "read_memory", "limit_other", "pin_other", "send_signal", "own_signal"):
        refused(folder, "auto", attack, pid=victim, address=0)
    for name in set(sandbox_worker.CHANGES) - {"mkdir"}:
        refused(folder, "auto", "change", name=name, path=str(key))


def test_a_tier_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers.bubblewrap, "probe", lambda: ("", "bwrap is not on PATH"))
    with pytest.raises(ToolMissing, match="bubblewrap was asked for, but bwrap is not on PATH") as caught:
        tiers.choose("bubblewrap")
    assert "apt-get install bubblewrap" in caught.value.hint
    monkeypatch.setattr(tiers.landlock, "abi", lambda: 0)
    with pytest.raises(ToolMissing, match="landlock was asked for, but this kernel has no Landlock"):
        tiers.choose("landlock")
    assert tiers.choose("auto").name == "seccomp"
    monkeypatch.setattr(tiers.seccomp, "available", lambda machine: False)
    assert tiers.choose("auto") == tiers.NONE
    with pytest.raises(UsageError, match="runner.sandbox must be one of"):
        tiers.choose("jail")


@pytest.mark.skipif(bool(_missing("landlock")), reason=_missing("landlock"))
@pytest.mark.parametrize("abi", range(1, 7))
def test_older_kernels(folder: Path, key: Path, monkeypatch: pytest.MonkeyPatch, abi: int) -> None:
    """What the Landlock of Linux 5.13 to 6.12 has: the filter stops what an older one does not know."""
    monkeypatch.setattr(tiers.landlock, "abi", lambda: abi)
    assert mount(folder, "landlock", "stat", path=str(key)) == {"got": 6}
    for attack in ("read", "write", "create", "execute", "listen", "hidden_file"):
        refused(folder, "landlock", attack, path=str(key))
    for name in ("truncate", "rename", "link"):
        refused(folder, "landlock", "change", name=name, path=str(key))
    for attack in ("send_signal", "own_signal"):
        refused(folder, "landlock", attack, pid=os.getpid())
    assert key.read_text() == "secret"


def test_the_numbers_of_calls_are_the_kernels(root: Path) -> None:
    """Against the headers, where there are some."""
    machine = platform.machine()
    column, _ = syscalls.ARCHITECTURES[machine]
    for name, numbers in (syscalls.PLAIN | syscalls.CONDITIONAL).items():
        number = numbers[column]
        if number is not None:
            assert _name(number) in (name, None), number


def _name(number: int) -> str | None:
    """What libseccomp, which nearly every Linux has, calls a system call; None without it."""
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_syscall_resolve_num_arch.restype = ctypes.c_char_p
    found = library.seccomp_syscall_resolve_num_arch(ctypes.c_uint32(0), ctypes.c_int(number))
    return found.decode() if found else None


@pytest.mark.parametrize("machine", syscalls.ARCHITECTURES)
def test_a_filter_fits_and_ends_in_a_refusal(machine: str) -> None:
    made = seccomp.program(machine, 1)
    assert len(made) < 4096 and made[-1][0] == 0x06 and made[-1][3] >> 16 == 0x0005
    for at, (_, true, false, _) in enumerate(made[:-1]):
        assert at + 1 + max(true, false) < len(made)
