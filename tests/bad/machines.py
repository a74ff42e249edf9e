"""The machine under the command: full disks, read-only folders, locks that others hold, streams that are closed."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mlm.adapters import disk
from tests.bad.harness import Scene, bad, nothing
from tests.bad.settings import ASSET
from tests.bad.shared import PASSWORD

KEY = "11" * 32


@contextlib.contextmanager
def _mounted(*arguments: str) -> Iterator[bool]:
    """A file system for the case, where we may mount one."""
    done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", arguments[-1]], check=True)


@contextlib.contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond this: what a quota does. Python ignores the signal, so that the write fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _full(scene: Scene, folder: Path) -> None:
    """No room is left below `folder`: a small file system that is full, or a quota where nobody lets us mount."""
    if scene.enter(_mounted("-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder))):
        scene.words["full"] = "No space left on device"
    else:
        scene.words["full"] = "File too large"


def _fill(scene: Scene, folder: Path) -> None:
    """Take what is left."""
    if scene.words["full"].startswith("No space"):
        with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        with contextlib.suppress(OSError), (folder / "filler").open("ab", buffering=0) as file:
            while file.write(b"x"):
                pass
    else:
        scene.enter(_largest_file(64))


@bad("mlm wallet import carol --key-file k.txt", 5, "cannot write", "carol.json", "{full}")
def full_disk_under_the_keystore(scene: Scene) -> None:
    scene.account = ""
    scene.write("k.txt", KEY)
    scene.write("password", PASSWORD)
    scene.env["MLM_PASSWORD_FILE"] = str(scene.folder / "password")
    (scene.home / "keystore").mkdir(mode=0o700)
    _full(scene, scene.home / "keystore")
    _fill(scene, scene.home / "keystore")


@bad("mlm add data.bin", 5, "cannot write", "{full}", hint="Free some disk space")
def full_disk_under_the_objects(scene: Scene) -> None:
    _full(scene, scene.folder)
    scene.project()
    scene.write("data.bin", os.urandom(60_000))
    _fill(scene, scene.folder)


@bad("mlm handle claim disk", 5, "cannot write the journal", "{full}", hint="Free some disk space")
def full_disk_under_the_journal(scene: Scene) -> None:
    (scene.home / "journal").mkdir()
    _full(scene, scene.home / "journal")
    _fill(scene, scene.home / "journal")


@bad("mlm network use devnet", 5, "cannot write the settings", "{full}", hint="Free some disk space")
def full_disk_under_the_settings(scene: Scene) -> None:
    _full(scene, scene.folder)
    scene.project(ASSET)
    _fill(scene, scene.folder)


def _read_only(scene: Scene, folder: Path) -> None:
    """Nothing below may be written, not even by root: a read-only mount; for others, the folder's mode."""
    if not scene.enter(_mounted("--bind", "-o", "ro", str(folder), str(folder))):
        assert os.geteuid() != 0, "root that may not mount: no way to make a folder read-only"
        folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o500)
            scene.later(lambda path=path: path.chmod(0o700))
        scene.words["denied"] = "Permission denied"
    else:
        scene.words["denied"] = "Read-only file system"


@bad("mlm init", 5, "cannot make the repository", "{denied}")
def read_only_folder(scene: Scene) -> None:
    _read_only(scene, scene.folder)


@bad("mlm add data.txt", 5, "cannot", "{denied}")
def read_only_repository(scene: Scene) -> None:
    scene.project()
    scene.write("data.txt", "data")
    _read_only(scene, scene.folder)


@bad("mlm wallet import carol --key-file k.txt", 5, "cannot write", "carol.json", "{denied}")
def read_only_keystore(scene: Scene) -> None:
    scene.account = ""
    scene.write("k.txt", KEY)
    scene.write("password", PASSWORD)
    scene.env["MLM_PASSWORD_FILE"] = str(scene.folder / "password")
    (scene.home / "keystore").mkdir(mode=0o700)
    _read_only(scene, scene.home / "keystore")


@bad("mlm handle claim disk", 5, "cannot write the journal", "{denied}")
def read_only_journal(scene: Scene) -> None:
    (scene.home / "journal").mkdir()
    _read_only(scene, scene.home / "journal")


@bad("mlm search", 5, "state.duckdb", "{denied}")
def read_only_index(scene: Scene) -> None:
    (scene.home / "state.duckdb").unlink()
    _read_only(scene, scene.home)


HOLDER = """
import sys, time
import {module}
{hold}
print("held", flush=True)
sys.stdin.read()
"""


def _held(scene: Scene, module: str, hold: str) -> None:
    """Another process that holds something until the case is over."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(module=module, hold=hold)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    scene.enter(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"


@bad("mlm search", 5, "state.duckdb", "still locked by another process", hint="Wait for the other")
def locked_database(scene: Scene) -> None:
    from mlm.adapters.state.duckdb import DuckState

    file = scene.home / "state.duckdb"
    _held(scene, "duckdb", f"con = duckdb.connect({str(file)!r})")
    create = DuckState.__init__

    def hasty(self: DuckState, path: Path) -> None:
        create(self, path, lock_timeout=0.2)

    scene.change(DuckState, "__init__", hasty)


@bad("mlm add data.txt", 12, "another mlm has held", ".mlm/lock", hint="Wait until it ends")
def two_processes_at_once(scene: Scene) -> None:
    scene.project()
    scene.write("data.txt", "data")
    lock = scene.folder / ".mlm" / "lock"
    _held(scene, "fcntl", f"file = open({str(lock)!r}, 'w'); fcntl.flock(file, fcntl.LOCK_EX)")
    from mlm.adapters.repo import index

    scene.change(index, "locked", lambda path, timeout: disk.locked(path, 0.2))


@bad("mkdir -p ../gone; cd ../gone; rmdir ../gone; PYTHONSAFEPATH=1 mlm status", 12,
     "no project here", "no .mlm", hint="mlm init")  # fmt: skip
def working_folder_that_is_gone(scene: Scene) -> None:
    nothing(scene)
