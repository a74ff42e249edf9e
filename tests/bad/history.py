"""Moving about in a local history where something of the user's would be lost, or where names clash or lie."""

from __future__ import annotations

import shutil

from mlm.adapters.blocks import pack_index
from mlm.adapters.blocks.packs import PackStore
from mlm.core.cid import DAG_CBOR, RAW, Cid
from tests.bad.harness import Scene, bad
from tests.bad.settings import ASSET


def _branches(scene: Scene) -> None:
    """main with data.txt; exp, checked out, where it is changed and more.txt is new."""
    scene.project(ASSET, commit=True)
    scene.person.do("checkout", "-b", "exp")
    scene.write("data.txt", "changed")
    scene.write("more.txt", "more")
    scene.person.do("add", ".")
    scene.person.do("commit", "-m", "second")


@bad("mlm checkout main", 12, "overwrite changes of data.txt", hint="mlm restore")
def checkout_over_a_change(scene: Scene) -> None:
    _branches(scene)
    scene.write("data.txt", "mine")


@bad("mlm checkout exp", 12, "overwrite changes of more.txt", hint="untracked")
def checkout_over_an_untracked_file(scene: Scene) -> None:
    _branches(scene)
    scene.person.do("checkout", "main")
    scene.write("more.txt", "mine")


@bad("mlm checkout exp", 12, "overwrite changes of more.txt")
def checkout_over_a_link(scene: Scene) -> None:
    _branches(scene)
    scene.person.do("checkout", "main")
    (scene.folder / "more.txt").symlink_to("/etc/passwd")


@bad("mlm tag {cid} main", 2, "expected a name, found the CID {cid}")
def a_tag_that_is_named_like_a_commit(scene: Scene) -> None:
    _branches(scene)
    scene.words["cid"] = str(Cid.of(DAG_CBOR, b"commit"))


@bad("mlm checkout nowhere", 3, "no branch, tag or commit 'nowhere'", hint="mlm log")
def checkout_of_nothing(scene: Scene) -> None:
    _branches(scene)


@bad("mlm checkout main", 3, "no block {cid}", "here", hint="mlm fsck")
def checkout_of_a_commit_whose_blocks_are_not_here(scene: Scene) -> None:
    _branches(scene)
    cid = Cid.of(RAW, b"data")
    scene.words["cid"] = str(cid)
    objects = scene.folder / ".mlm" / "objects"
    store = PackStore(objects)
    left = [(other, store.get(other)) for other in store.cids() if other != cid]
    for path in [*objects.glob("*.car"), *objects.glob("*.idx")]:
        path.unlink()
    PackStore(objects).put(left)


@bad("mlm checkout -b exp main", 12, "there is a branch exp already", hint="mlm checkout exp")
def checkout_that_makes_a_branch_twice(scene: Scene) -> None:
    _branches(scene)


@bad("mlm branch main", 12, "there is a branch main already")
def branch_made_twice(scene: Scene) -> None:
    _branches(scene)


@bad("mlm branch exp/x", 12, "the branch exp/x cannot stand beside the branch exp", hint="another name")
def branch_below_a_branch(scene: Scene) -> None:
    _branches(scene)


@bad("mlm branch ../../x", 2, "expected a branch name", "found '../../x'")
def branch_that_climbs_out(scene: Scene) -> None:
    _branches(scene)


@bad("mlm branch --delete exp", 12, "the branch exp is not merged", hint="--force")
def branch_whose_commits_would_be_lost(scene: Scene) -> None:
    _branches(scene)
    scene.person.do("checkout", "main")


@bad("mlm branch --delete exp", 12, "exp is checked out")
def branch_that_is_checked_out(scene: Scene) -> None:
    _branches(scene)


@bad("mlm branch --delete", 2, "expected --delete NAME")
def branch_without_a_name_to_delete(scene: Scene) -> None:
    _branches(scene)


@bad("mlm tag v1 exp", 12, "there is a tag v1 already", hint="--force")
def tag_made_twice(scene: Scene) -> None:
    _branches(scene)
    scene.person.do("tag", "v1", "main")


@bad("mlm rm data.txt", 12, "not removing data.txt", "not staged", hint="--cached")
def removal_of_changes(scene: Scene) -> None:
    _branches(scene)
    scene.write("data.txt", "mine")


@bad("mlm rm missing.txt", 3, "nothing staged has the path missing.txt")
def removal_of_nothing(scene: Scene) -> None:
    _branches(scene)


@bad("mlm restore data.txt", 12, "cannot restore data.txt: a folder is there")
def restoring_over_a_folder(scene: Scene) -> None:
    _branches(scene)
    (scene.folder / "data.txt").unlink()
    scene.write("data.txt/mine", "mine")


@bad("mlm show {cid}", 4, "gives {cid} 4294967295 bytes at 18446744073709551615", "expected at most")
def index_that_leads_far_out_of_its_pack(scene: Scene) -> None:
    scene.project()
    cid = Cid.of(DAG_CBOR, b"\xa0")
    objects = scene.folder / ".mlm" / "objects"
    PackStore(objects).put([(cid, b"\xa0")])
    (index,) = objects.glob("*.idx")
    index.write_bytes(pack_index.to_bytes([(cid, (1 << 64) - 1, (1 << 32) - 1)]))
    (pack,) = objects.glob("*.car")
    pack.write_bytes(pack.read_bytes() + b"\0")  # else the index is made anew from it
    scene.words["cid"] = str(cid)


def _linked(scene: Scene, part: str) -> None:
    """A project of others whose .mlm, or a part of it, is a link to a repository that is somebody's own."""
    scene.person.do("init", "own")
    own, private = scene.folder / "own" / ".mlm", scene.folder / ".mlm"
    if part:
        scene.project(ASSET, commit=True)
        shutil.rmtree(private / part)
    (private / part).symlink_to(own / part)


@bad("mlm gc --prune now", 4, ".mlm/objects is a symbolic link", hint="remove the link")
def collecting_the_packs_of_another_project(scene: Scene) -> None:
    _linked(scene, "objects")


@bad("mlm branch new", 4, ".mlm/refs is a symbolic link")
def branching_in_another_project(scene: Scene) -> None:
    _linked(scene, "refs")


@bad("mlm gc --prune now", 4, ".mlm/refs/heads is a symbolic link")
def collecting_by_the_branches_of_another_project(scene: Scene) -> None:
    _linked(scene, "refs/heads")


@bad("mlm add .", 4, ".mlm is a symbolic link")
def a_repository_that_is_another_projects(scene: Scene) -> None:
    _linked(scene, "")


@bad("mlm gc --prune never", 2, "expected seconds or now", "found 'never'")
def collection_of_no_age(scene: Scene) -> None:
    _branches(scene)


@bad("mlm gc --prune now", 3, "no block", hint="Nothing was removed")
def collection_where_a_block_is_missing(scene: Scene) -> None:
    scene.project(ASSET, commit=True)
    for path in (scene.folder / ".mlm" / "objects").iterdir():
        path.unlink()


@bad("mlm log --graph --path data.txt", 2, "a graph shows every commit")
def graph_of_a_path(scene: Scene) -> None:
    _branches(scene)
