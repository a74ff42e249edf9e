"""What a diff refuses: names of nothing, paths outside, and repositories that were damaged or made to do harm."""

from __future__ import annotations

from pathlib import Path

from mlm.adapters.blocks.packs import PackStore
from mlm.core import dagcbor, dagpb
from mlm.core.cid import DAG_CBOR, DAG_PB, RAW, Cid
from mlm.core.history import Commit
from tests.bad.harness import Scene, bad
from tests.bad.settings import ASSET


def _commit(scene: Scene, *tree: tuple[bytes, Cid, bytes]) -> None:
    """A commit in the objects of a project that came from somebody else, over one directory of these blocks."""
    scene.project(ASSET, commit=True)
    links = b"".join(dagpb.encode_link(name, cid, len(block)) for name, cid, block in tree)
    root = links + dagpb.field(1, b"\x08\x01")
    manifest = dagcbor.encode({"format": "mlm/manifest/1"})
    made = Commit(Cid.of(DAG_PB, root), Cid.of(DAG_CBOR, manifest), (), "mallory", 0, "x").to_block()
    blocks = [(cid, block) for _, cid, block in tree if block]
    PackStore(scene.folder / ".mlm" / "objects").put([*blocks, (Cid.of(DAG_PB, root), root), made])
    scene.words["cid"] = str(made[0])


@bad(
    "mlm diff nothing",
    3,
    "no tracked file nothing in index or working tree",
    "no branch, tag or commit 'nothing'",
    hint="mlm log",
)
def diff_of_nothing(scene: Scene) -> None:
    scene.project(ASSET, commit=True)


@bad("mlm diff HEAD HEAD HEAD", 3, "no tracked file HEAD in commit", "expected at most 2 refs")
def diff_of_three_commits(scene: Scene) -> None:
    scene.project(ASSET, commit=True)


@bad("mlm diff HEAD", 12, "there is no commit yet", hint="mlm commit")
def diff_before_the_first_commit(scene: Scene) -> None:
    scene.project()


@bad("mlm diff ../elsewhere", 2, "elsewhere lies outside the project")
def diff_of_a_path_outside(scene: Scene) -> None:
    scene.project(ASSET, commit=True)


@bad("mlm diff", 12, "no project here", hint="mlm init")
def diff_outside_a_project(scene: Scene) -> None:
    scene.write("a.txt", "a")


@bad("mlm diff main", 2, "'main' is both a ref and a tracked file", hint="./main")
def diff_of_a_word_that_means_two_things(scene: Scene) -> None:
    scene.project(ASSET)
    scene.write("main", "x")
    scene.person.do("add", ".")
    scene.person.do("commit", "-m", "first")


@bad("mlm diff HEAD~1", 3, "has 0 parents, not 1")
def diff_with_the_parent_of_the_first_commit(scene: Scene) -> None:
    scene.project(ASSET, commit=True)


@bad("mlm diff {cid} HEAD", 4, "the file name '../x' holds '/'")
def diff_of_a_tree_whose_path_climbs_out(scene: Scene) -> None:
    _commit(scene, (b"../x", Cid.of(RAW, b"evil"), b"evil"))


@bad("mlm diff {cid} HEAD", 3, "no block")
def diff_of_a_tree_without_its_blocks(scene: Scene) -> None:
    _commit(scene, (b"data.txt", Cid.of(RAW, b"gone"), b""))


@bad("mlm diff", 4, "the staging index .mlm/index is damaged", hint="mlm add .")
def diff_with_a_corrupt_staging_index(scene: Scene) -> None:
    scene.project(ASSET, commit=True)
    (scene.folder / ".mlm" / "index").write_bytes(b"garbage")


@bad("mlm diff --staged", 4, "is damaged: its bytes have the CID")
def diff_with_a_damaged_block(scene: Scene) -> None:
    scene.project(ASSET, commit=True)
    scene.write("data.txt", "other")
    scene.person.do("add", ".")
    for pack in Path(scene.folder / ".mlm" / "objects").glob("*.car"):
        pack.write_bytes(pack.read_bytes().replace(b"data", b"dusk"))
