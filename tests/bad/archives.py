"""Archives that are cut, damaged, foreign or made to do harm, and places that hold what no tree does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from mlm.core import car, dagcbor, dagpb, unixfs
from mlm.core.cid import DAG_PB, RAW, Cid
from tests.bad.harness import Scene, bad

UNPACK = "mlm car unpack x.car -o out"
LS = "mlm car ls x.car"
PACK = "mlm car pack tree -o x.car"
BIG = bytes(range(251)) * 8192  # two leaves, which differ

Blocks = list[tuple[Cid, bytes]]


def _tree(files: Mapping[str, bytes]) -> tuple[Cid, Blocks]:
    """The blocks of a tree, its root last."""
    blocks: Blocks = []

    def emit(cid: Cid, data: bytes) -> None:
        blocks.append((cid, bytes(data)))

    chunks = {
        path: [data[at : at + unixfs.CHUNK] for at in range(0, len(data), unixfs.CHUNK)] for path, data in files.items()
    }
    root = unixfs.tree({path: unixfs.file(pieces, emit) for path, pieces in chunks.items()}, emit)
    return root.cid, blocks


def _archive(scene: Scene, root: Cid, blocks: Sequence[tuple[Cid, bytes]], head: bytes | None = None) -> bytes:
    """An archive of these blocks, whatever they are called."""
    parts = [car.header(root) if head is None else head]
    for cid, data in blocks:
        parts += [car.record(cid, data), data]
    content = b"".join(parts)
    scene.write("x.car", content)
    return content


def _directory(scene: Scene, *links: tuple[bytes, Cid]) -> None:
    """A directory whose names no writer of ours would write."""
    target = Cid.of(RAW, b"evil"), b"evil"
    block = b"".join(dagpb.encode_link(name, cid, 4) for name, cid in links) + dagpb.field(1, b"\x08\x01")
    root = Cid.of(DAG_PB, block)
    _archive(scene, root, [target, (root, block)])


EVIL = Cid.of(RAW, b"evil")


@bad(UNPACK, 3, "no such file", "x.car")
def no_archive(scene: Scene) -> None:
    pass


@bad(UNPACK, 4, "the CAR is cut off", "expected", "found")
def archive_cut_in_a_block(scene: Scene) -> None:
    content = _archive(scene, *_tree({"a": BIG}))
    scene.write("x.car", content[: len(content) // 2])


@bad(LS, 4, "does not hold its own root")
def archive_without_its_root(scene: Scene) -> None:
    root, blocks = _tree({"a": BIG})
    _archive(scene, root, blocks[:-1])


@bad(UNPACK, 3, "holds no block")
def archive_of_a_part(scene: Scene) -> None:
    root, blocks = _tree({"a": BIG})
    _archive(scene, root, blocks[1:])


@bad(UNPACK, 4, "is damaged", "its bytes have the CID")
def archive_with_a_flipped_bit(scene: Scene) -> None:
    content = bytearray(_archive(scene, *_tree({"a": BIG})))
    content[len(content) // 3] ^= 1
    scene.write("x.car", bytes(content))


@bad(UNPACK, 4, "expected a CARv1, found a CARv2")
def archive_of_the_second_version(scene: Scene) -> None:
    scene.write("x.car", bytes.fromhex("0aa16776657273696f6e02") + bytes(40))


@bad(UNPACK, 4, "exactly one root", "found 0 roots")
def archive_without_roots_as_ipfs_car_streams_it(scene: Scene) -> None:
    raw = dagcbor.encode({"roots": [], "version": 1})
    _archive(scene, *_tree({"a": b"x"}), head=dagpb.varint(len(raw)) + raw)


@bad(UNPACK, 4, "expected at most 4096 bytes of header", "10249 are announced")
def an_image_for_an_archive(scene: Scene) -> None:
    scene.write("x.car", b"\x89PNG\r\n\x1a\n" + bytes(100))


@bad(UNPACK, 4, "expected a CAR, found no header")
def an_empty_archive(scene: Scene) -> None:
    scene.write("x.car", b"")


@bad(UNPACK, 5, "x.car", "expected a regular file")
def a_pipe_for_an_archive(scene: Scene) -> None:
    os.mkfifo(scene.folder / "x.car")


@bad(UNPACK, 5, "the archive holds files of 1125899906842624 bytes", "are free at", hint="mlm car ls")
def archive_of_a_few_blocks_that_claim_a_petabyte(scene: Scene) -> None:
    held: list[tuple[Cid, bytes]] = []
    entry = unixfs.file([bytes(unixfs.CHUNK)], lambda cid, data: held.append((cid, data)))
    for _ in range(3):
        entry = unixfs.balance([entry] * 1024, lambda cid, data: held.append((cid, data)))
    root = unixfs.directory({"big": entry}, lambda cid, data: held.append((cid, data)))
    _archive(scene, root.cid, held)


@bad(UNPACK, 4, "'..'", "expected a file name")
def archive_that_climbs_out(scene: Scene) -> None:
    _directory(scene, (b"..", EVIL))


@bad(UNPACK, 4, "'/etc/passwd'", "separator")
def archive_with_an_absolute_path(scene: Scene) -> None:
    _directory(scene, (b"/etc/passwd", EVIL))


@bad(UNPACK, 4, "holds 'a' twice")
def archive_with_a_name_twice(scene: Scene) -> None:
    _directory(scene, (b"a", EVIL), (b"a", EVIL))


@bad(UNPACK, 4, ".git belongs to a repository")
def a_name_that_git_would_take_for_its_own(scene: Scene) -> None:
    _directory(scene, (b"GIT~1", EVIL))


@bad(PACK, 4, "unsafe path '.GIT/config'", ".git belongs to a repository", hint=".mlmignore")
def packing_what_a_file_system_takes_for_a_repository(scene: Scene) -> None:
    scene.write("tree/.GIT/config", "x")


@bad(UNPACK, 4, ".mlm belongs to a repository")
def archive_that_brings_a_repository(scene: Scene) -> None:
    _directory(scene, (b".mlm", EVIL))


@bad(UNPACK, 4, "expected a UnixFS file", "found a symbolic link")
def archive_with_a_symbolic_link(scene: Scene) -> None:
    block = dagpb.field(1, b"\x08\x04" + dagpb.field(2, b"/etc/passwd"))
    link = Cid.of(DAG_PB, block)
    root_block = dagpb.encode_link(b"link", link, len(block)) + dagpb.field(1, b"\x08\x01")
    root = Cid.of(DAG_PB, root_block)
    _archive(scene, root, [(link, block), (root, root_block)])


@bad(UNPACK, 4, "expected", "found")
def archive_of_a_commit(scene: Scene) -> None:
    block = dagcbor.encode({"format": "mlm/commit/1"})
    cid = Cid.of(0x71, block)
    _archive(scene, cid, [(cid, block)])


@bad(UNPACK, 4, "expected 1048576 bytes under", "found 4")
def archive_of_a_file_that_claims_a_mebibyte(scene: Scene) -> None:
    data = b"\x08\x02\x18" + dagpb.varint(1 << 20) + b"\x20" + dagpb.varint(1 << 20)
    block = dagpb.encode_link(b"", EVIL, 4) + dagpb.field(1, data)
    root = Cid.of(DAG_PB, block)
    _archive(scene, root, [(EVIL, b"evil"), (root, block)])


@bad(UNPACK, 12, "out is there already", "expected nothing, or an empty folder")
def unpacking_over_a_folder(scene: Scene) -> None:
    _archive(scene, *_tree({"a": b"x"}))
    scene.write("out/mine", "mine")


@bad(UNPACK, 2, "the archive holds a file, and out is a folder")
def unpacking_a_file_over_a_folder(scene: Scene) -> None:
    _archive(scene, EVIL, [(EVIL, b"evil")])
    scene.write("out/mine", "mine")


@bad(UNPACK.replace("out", "nowhere/out"), 5, "cannot make the folder nowhere/out")
def unpacking_below_a_file(scene: Scene) -> None:
    _archive(scene, *_tree({"a": b"x"}))
    scene.write("nowhere", "a file")


@bad("mlm hash nothing", 3, "no such file: nothing")
def hashing_what_is_not_there(scene: Scene) -> None:
    pass


@bad("mlm hash a missing b", 3, "no such file: missing")
def hashing_several_of_which_one_is_missing(scene: Scene) -> None:
    scene.write("a", "x")
    scene.write("b", "x")


@bad(PACK, 4, "link is a symbolic link: expected a file")
def packing_a_symbolic_link(scene: Scene) -> None:
    scene.write("tree/a", "x")
    (scene.folder / "tree" / "link").symlink_to("/etc/passwd")
    scene.write("x.car", "an older archive stays")


@bad("mlm car pack tree -o nowhere/x.car", 5, "cannot write nowhere/x.car")
def packing_into_a_folder_that_is_not_there(scene: Scene) -> None:
    scene.write("tree/a", "x")


@bad("mlm hash /dev/zero", 4, "zero is no regular file")
def hashing_a_device(scene: Scene) -> None:
    pass
