"""Folders that others write into: remotes with pipes, devices, lying indexes and other people's unfinished files."""

from __future__ import annotations

import os
import time
from hashlib import sha256
from pathlib import Path

import pytest

from mlm.adapters.blocks import pack_index
from mlm.adapters.blocks.packs import PackStore
from mlm.adapters.disk import sweep
from mlm.adapters.remotes.folder import FolderRemote
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData, MlmError, StorageError

BLOCK = b"a block"
CID = Cid.of(RAW, BLOCK)


def _remote(folder: Path) -> Path:
    FolderRemote(folder).put([(CID, BLOCK)])
    return folder / "packs"


@pytest.mark.parametrize("suffix", ["car", "idx"])
def test_a_pipe_in_place_of_a_pack_does_not_hang(tmp_path: Path, suffix: str) -> None:
    packs = _remote(tmp_path / "remote")
    (found,) = packs.glob(f"*.{suffix}")
    found.unlink()
    os.mkfifo(found)
    with pytest.raises(StorageError, match="regular file"):
        FolderRemote(tmp_path / "remote").get(CID)


@pytest.mark.parametrize("target", ["/dev/zero", None])
def test_a_device_or_pipe_in_place_of_the_mark(tmp_path: Path, target: str | None) -> None:
    _remote(tmp_path / "remote")
    mark = tmp_path / "remote" / "mlm-remote"
    mark.unlink()
    if target:
        mark.symlink_to(target)
    else:
        os.mkfifo(mark)
    with pytest.raises(StorageError, match="regular file"):
        FolderRemote(tmp_path / "remote").get(CID)


def test_an_index_that_gives_a_block_four_gigabytes(tmp_path: Path) -> None:
    packs = _remote(tmp_path / "remote")
    (pack,) = packs.glob("*.car")
    os.truncate(pack, 1 << 33)  # sparse: the bytes cost the attacker nothing
    content = b"mlm/pack-index/1\n" + bytes(CID) + (0).to_bytes(8, "big") + (0xFFFFFFFF).to_bytes(4, "big")
    pack.with_suffix(".idx").write_bytes(content + sha256(content).digest())
    assert pack_index.from_bytes(pack.with_suffix(".idx").read_bytes()) is not None
    with pytest.raises(InvalidData, match="expected at most"):
        FolderRemote(tmp_path / "remote").get(CID)


def test_unfinished_files_of_others_do_not_stop_a_writer(tmp_path: Path) -> None:
    folder = tmp_path / "packs"
    (folder / "tmp-folder").mkdir(parents=True)
    os.mkfifo(folder / "tmp-pipe")
    kept = tmp_path / "kept"
    kept.write_text("not yours")
    (folder / "tmp-link").symlink_to(kept)
    old = time.time() - 3600
    os.utime(kept, (old, old))
    sweep(folder)
    assert kept.read_text() == "not yours"
    assert PackStore(folder).put([(CID, BLOCK)]) == 1


def test_a_damaged_block_is_never_given_out(tmp_path: Path) -> None:
    packs = _remote(tmp_path / "remote")
    (pack,) = packs.glob("*.car")
    data = bytearray(pack.read_bytes())
    data[-1] ^= 1
    pack.write_bytes(data)
    with pytest.raises(MlmError):
        FolderRemote(tmp_path / "remote").get(CID)
