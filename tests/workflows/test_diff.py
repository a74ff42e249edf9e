"""`diff` over a repository in memory and one on disk: which sides, which files, and what is found in each kind."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from mlm.adapters.meter import NumpyMeter
from mlm.adapters.repo import open_repo
from mlm.core import unixfs
from mlm.core.cid import DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData, MlmError, NotFound, StateConflict, UsageError
from mlm.core.history import Commit
from mlm.core.manifest import Manifest
from mlm.memory.datasets import MemoryDatasets
from mlm.memory.meter import MemoryMeter
from mlm.memory.repo import memory_repo
from mlm.ports.repo import Repo
from mlm.workflows import diff as workflow
from mlm.workflows.add import add
from mlm.workflows.diff import ColumnChange, DatasetChange, Diff, FileChange, Tools, diff
from mlm.workflows.diff_models import PIECE, PartChange, TensorChange
from mlm.workflows.repository import staged_tree
from tests.core.test_content import node

# Of a manifest a diff reads which files may run: here none may.
MANIFEST = Manifest("dataset", "x", "1.0.0", Cid.of(DAG_PB, b"\n\x02\x08\x01"), 0, 0, "MIT").to_block()
TOOLS = Tools(NumpyMeter, MemoryDatasets)


@pytest.fixture(params=["disk", "memory"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    repo = open_repo(tmp_path / "project") if request.param == "disk" else memory_repo()
    repo.refs.create("main")
    return repo


def save(repo: Repo, **files: bytes | None) -> None:
    """Write files, whose names have __ for a dot; None removes one."""
    for name, data in files.items():
        path = name.replace("__", ".").replace("_of_", "/")
        if data is None:
            repo.tree.remove(path)
        else:
            repo.tree.write(path, [data])


def staged(repo: Repo, message: str = "", **files: bytes | None) -> None:
    """Write files, stage everything, and commit it under a message if there is one."""
    save(repo, **files)
    add(repo, [""])
    if message:
        blocks = [MANIFEST]
        tree = staged_tree(repo.index.load(), lambda cid, block: blocks.append((cid, block)))
        head = repo.refs.head().commit
        made = Commit(tree.cid, MANIFEST[0], (head,) if head else (), "somebody", 0, message).to_block()
        repo.objects.put([*blocks, made])
        repo.refs.set("heads/main", made[0], head)


def look(repo: Repo, *words: str, **options: Any) -> Diff:
    return diff(repo, words, tools=TOOLS, **options)


def listed(found: Diff) -> list[tuple[str, str]]:
    return [(change.what, change.path) for change in found.files]


def safetensors(metadata: dict[str, str] | None = None, **tensors: np.ndarray) -> bytes:
    """A file as its library writes it: header padded to 8 bytes."""
    names = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64", "int64": "I64", "uint8": "U8"}
    names |= {"float8_e4m3fn": "F8_E4M3", "complex64": "C64"}
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, array in tensors.items():
        offsets = [at, at + array.nbytes]
        header[name] = {"dtype": names[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for array in tensors.values())


def model(change: Callable[[onnx.ModelProto], object] = lambda found: None, **tensors: np.ndarray) -> bytes:
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="hidden"), helper.make_node("Relu", ["h"], ["y"])]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", onnx.TensorProto.FLOAT, ["n", 4])],
        [value("y", onnx.TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    change(made)
    return made.SerializeToString()


# Which sides


def test_sides_are_git_s(repo: Repo) -> None:
    staged(repo, "one", a=b"1\n")
    staged(repo, "two", a=b"2\n")
    staged(repo, a=b"3\n")
    save(repo, a=b"4\n")

    def change(*words: str, **options: Any) -> tuple[str, ...]:
        return look(repo, *words, **options).lines[3:]

    assert change() == ("-3", "+4")
    assert change(staged=True) == ("-2", "+3")
    assert change("HEAD~1", staged=True) == ("-1", "+3")
    assert change("HEAD") == ("-2", "+4")
    assert change("HEAD~1") == ("-1", "+4")
    assert change("HEAD~1", "HEAD") == ("-1", "+2")
    assert change("HEAD", "HEAD~1") == ("-2", "+1")
    assert change("HEAD~1..HEAD") == change("HEAD~1..") == ("-1", "+2")
    assert change("HEAD..HEAD~1") == ("-2", "+1")
    found = look(repo, "HEAD~1", "main")
    assert found.old.startswith("commit bafyrei") and found.new.startswith("commit bafyrei")
    assert (look(repo).old, look(repo).new) == ("index", "working tree")


def test_before_the_first_commit(repo: Repo) -> None:
    staged(repo, a=b"1\n")
    assert listed(look(repo, staged=True)) == [("new", "a")]
    assert look(repo, staged=True).old == "nothing yet"
    assert look(repo).files == ()
    with pytest.raises(StateConflict, match="no commit yet"):
        look(repo, "HEAD")


def test_files(repo: Repo) -> None:
    staged(repo, "one", keep=b"k", edit=b"12345", gone=b"g", old_of_name=b"moved content")
    staged(repo, edit=b"123", gone=None, old_of_name=None, new_of_name=b"moved content", fresh=b"")
    found = look(repo, staged=True)
    assert found.files == (
        FileChange("modified", "edit", 5, 3),
        FileChange("new", "fresh", None, 0),
        FileChange("deleted", "gone", 1, None),
        FileChange("renamed", "new/name", 13, 13, "old/name"),
    )
    assert look(repo, "HEAD").files == found.files  # the working tree is as the index here


def test_a_renamed_file_is_paired_once(repo: Repo) -> None:
    staged(repo, "one", a=b"same", b=b"same", c=b"same")
    staged(repo, a=None, b=None, x=b"same", y=b"same", z=b"same")
    assert [(change.source, change.path) for change in look(repo, staged=True).files] == [
        ("a", "x"),
        ("b", "y"),
        ("", "z"),
    ]


def test_untracked_files_are_no_difference(repo: Repo) -> None:
    staged(repo, "one", a=b"1")
    save(repo, untracked=b"u")
    assert look(repo).files == look(repo, "HEAD").files == ()
    save(repo, a=None)
    assert listed(look(repo)) == [("deleted", "a")]
    staged(repo, "two")
    assert listed(look(repo, "HEAD~1")) == [("deleted", "a"), ("new", "untracked")]


def test_paths_choose(repo: Repo) -> None:
    staged(repo, "one", a=b"1", d_of_b=b"1", d_of_c=b"1", dd=b"1")
    save(repo, a=b"2", d_of_b=b"2", d_of_c=b"2", dd=b"2")
    assert listed(look(repo, "d")) == [("modified", "d/b"), ("modified", "d/c")]
    assert listed(look(repo, "d/b", "a")) == [("modified", "a"), ("modified", "d/b")]
    assert listed(look(repo, "HEAD", "dd")) == [("modified", "dd")]
    assert len(look(repo, "").files) == 4
    staged(repo, **{"~x": b"1", "notes~": b"1"})
    save(repo, **{"~x": b"2", "notes~": b"2"})
    assert listed(look(repo, "~x", "notes~")) == [("modified", "notes~"), ("modified", "~x")]
    with pytest.raises(UsageError, match="found '~y'"):
        look(repo, "~y")
    for words in (["nothing"], ["HEAD", "nothing"], ["a", "HEAD"], ["HEAD", "HEAD", "HEAD"]):
        with pytest.raises(NotFound, match="no tracked file (nothing|HEAD) in .*; (no branch|expected at most)"):
            look(repo, *words)


def test_a_word_that_is_a_ref_and_a_file(repo: Repo) -> None:
    staged(repo, "one", main=b"1\n")
    save(repo, main=b"2\n")
    with pytest.raises(UsageError, match="'main' is both a ref and a tracked file") as found:
        look(repo, "main")
    assert "./main" in found.value.hint
    inside = str.removeprefix
    assert listed(look(repo, "./main", inside=lambda word: inside(word, "./"))) == [("modified", "main")]


def test_a_settled_file_is_not_read(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    staged(repo, "one", a=b"1", b=b"2")
    index = repo.index.load()
    read: list[str] = []
    real = repo.tree.leaves
    monkeypatch.setattr(
        type(repo.tree), "leaves", lambda self, files: read.extend(stat.path for stat in files) or real(files)
    )
    look(repo)
    assert set(read) == {path for path, entry in index.items() if not entry.settled}


@pytest.mark.parametrize("error", [NotFound, InvalidData])
def test_a_block_that_is_gone_or_damaged_is_an_error(repo: Repo, error: type[MlmError]) -> None:
    """No note on the file, whose fault it is not."""
    staged(repo, "one", a__safetensors=b"1" * 100)
    save(repo, a__safetensors=b"2" * 100)
    cid, real = repo.index.load()["a.safetensors"].cid, repo.objects.get

    class Broken:
        def get(self, at: Cid) -> bytes:
            if at == cid:
                raise error("no sound block")
            return real(at)

    with pytest.raises(error, match="no sound block"):
        diff(Repo(Broken(), repo.index, repo.refs, repo.tree), tools=TOOLS)  # type: ignore[arg-type]


# Text


def apply(old: list[str], lines: list[str]) -> list[str]:
    """What a unified diff makes of the old lines."""
    out: list[str] = []
    at = 0
    for line in lines[2:]:
        if line.startswith("@@"):
            start, _, count = line.split()[1][1:].partition(",")
            begin = int(start) - (0 if count == "0" else 1)
            out += old[at:begin]
            at = begin
        elif line[0] in " -":
            assert old[at] == line[1:]
            at += 1
            out += [line[1:]] if line[0] == " " else []
        elif line[0] == "+":
            out.append(line[1:])
    return out + old[at:]


@pytest.mark.parametrize("seed", range(40))
def test_unified_diffs_lead_from_old_to_new(seed: int) -> None:
    rng = random.Random(seed)
    old = [f"line {rng.randrange(30)}" for _ in range(rng.randrange(60))]
    new = list(old)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(new) + 1)
        new[at : at + rng.randrange(4)] = [f"new {rng.randrange(9)}" for _ in range(rng.randrange(4))]
    lines = workflow.unified("p", [f"{line}\n" for line in old], [f"{line}\n" for line in new])
    assert lines is not None
    assert apply(old, lines) == new if lines else old == new


def test_text(repo: Repo) -> None:
    staged(repo, "one", a__txt=b"one\ntwo\n", bin=b"\0\1", latin=b"\xe9\n", gone=b"x\n")
    save(repo, a__txt=b"one\n2", bin=b"\0\2", latin=b"\xe8\n", gone=None)
    assert look(repo).lines == (
        *("--- a/a.txt", "+++ b/a.txt", "@@ -1,2 +1,2 @@", " one", "-two", "+2", "\\ No newline at end of file"),
        *("--- a/gone", "+++ b/gone", "@@ -1 +0,0 @@", "-x"),
    )
    assert len(look(repo).files) == 4
    assert diff(repo).lines == ()


def test_too_many_lines_are_a_note(repo: Repo) -> None:
    staged(repo, "one", a=b"".join(b"%d\n" % n for n in range(20_000)))
    save(
        repo, a=b"".join(b"%d\n" % n for n in range(7000)) + b"x\n" + b"".join(b"%d\n" % n for n in range(7001, 20_000))
    )
    assert look(repo).lines[2] == "@@ -6998,7 +6998,7 @@"  # most of it is the same
    save(repo, a=b"".join(b"-%d\n" % n for n in range(20_000)))
    assert look(repo).lines == ()
    assert look(repo).notes[0].why == "more than 5000 lines differ"
    save(repo, a=b"x" * (2 << 20))
    assert (look(repo).lines, look(repo).notes) == ((), ())


# Tensors


@pytest.mark.parametrize("meter", [NumpyMeter, MemoryMeter])
def test_safetensors(repo: Repo, meter: Any) -> None:
    old = {
        "same": np.ones((2, 2), np.float32),
        "moved": np.array([3.0, 4.0], np.float32),
        "reshaped": np.zeros((2, 3), np.float32),
        "cast": np.array([1.0, 0.5], np.float32),
        "half": np.array([1, 2, 3, 4], ml_dtypes.bfloat16),
        "nan": np.array([1.0, np.nan, 2.0], np.float64),
        "broken": np.array([1.0, 2.0], np.float32),
        "complex": np.array([1 + 2j], np.complex64),
        "gone": np.zeros(1, np.int64),
    }
    new = old | {
        "moved": np.array([3.0, 4.5], np.float32),
        "reshaped": np.zeros((3, 2), np.float32),
        "cast": np.array([1.0, 0.5], np.float16),
        "half": np.array([1, 2, 3, 8], ml_dtypes.bfloat16),
        "nan": np.array([np.nan, np.nan, 2.5], np.float64),
        "broken": np.array([1.0, np.nan], np.float32),
        "complex": np.array([1 + 3j], np.complex64),
        "fresh": np.zeros((1, 2), np.uint8),
    }
    del new["gone"]
    staged(repo, "one", m__safetensors=safetensors(**old))
    save(repo, m__safetensors=safetensors({"format": "pt"}, **new))
    found = diff(repo, tools=Tools(meter, MemoryDatasets))
    assert found.models == (workflow.ModelChange("m.safetensors", 1, 7, 1, 1, 4 + 2 + 6 + 2 + 4 + 3 + 2 + 1 + 1, 26),)
    assert found.parts == (PartChange("m.safetensors", "metadata", "format", "added", "", "pt"),)
    rows = {change.tensor: change for change in found.tensors}

    def row(name: str, before: str, after: str, *numbers: Any) -> None:
        assert rows.pop(name) == TensorChange("m.safetensors", name, "changed", before, after, *numbers)

    row("moved", "float32[2]", "float32[2]", 0.5, 0.1, 0.5, 0)
    row("reshaped", "float32[2, 3]", "float32[3, 2]")
    row("cast", "float32[2]", "float16[2]", 0.0, 0.0, 0.0, 0)
    row("half", "bfloat16[4]", "bfloat16[4]", 4.0, pytest.approx(4 / 30**0.5), 0.25, 0)
    row("nan", "float64[3]", "float64[3]", 0.5, 0.25, pytest.approx(2 / 3), 1)
    row("broken", "float32[2]", "float32[2]", None, None, 0.5, 1)  # not 0.0: no number says how far
    row("complex", "complex64[1]", "complex64[1]")
    assert [(change.tensor, change.what, change.before, change.after) for change in rows.values()] == [
        ("gone", "removed", "int64[1]", ""),
        ("fresh", "added", "", "uint8[1, 2]"),
    ]


def test_tensors_of_many_pieces(repo: Repo) -> None:
    """Larger than what is held at once, and not on the borders of chunks."""
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, 3 * PIECE // 4 + 17)).astype(np.float32)
    c, d = a.copy(), b.astype(np.float16)
    c[-1] += 1
    staged(repo, "one", m__safetensors=safetensors(a=a, b=b))
    save(repo, m__safetensors=safetensors(a=c, b=d))
    by_name = {change.tensor: change for change in look(repo).tensors}
    wide = [x.astype(np.float64) for x in (a, b, c, d)]
    assert by_name["a"].largest == pytest.approx(float(wide[2][-1] - wide[0][-1]))
    assert by_name["a"].share == 1 / len(a)
    expected = np.linalg.norm(wide[3] - wide[1]) / np.linalg.norm(wide[1])
    assert by_name["b"].relative == pytest.approx(expected, rel=1e-12)


def test_the_same_chunks_are_not_read(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    tensors = {f"t{at}": rng.normal(size=2 * unixfs.CHUNK // 4).astype(np.float32) for at in range(8)}
    staged(repo, "one", m__safetensors=safetensors(**tensors))
    tensors["t3"] = tensors["t3"] + 1
    staged(repo, "two", m__safetensors=safetensors(**tensors))
    read: list[object] = []
    real = repo.objects.get
    monkeypatch.setattr(type(repo.objects), "get", lambda self, cid: read.append(cid) or real(cid))
    found = look(repo, "HEAD~1", "HEAD")
    assert [change.tensor for change in found.tensors] == ["t3"] and found.models[0].same == 7
    # t3 and its neighbours, which share chunks with it: 4 chunks on each side, some of them twice, out of 17.
    assert len({str(cid) for cid in read}) < 20


def test_a_shifted_file_is_the_same_tensors(repo: Repo) -> None:
    """Another header moves every byte: no chunk is the same, every tensor is."""
    array = np.random.default_rng(7).normal(size=unixfs.CHUNK).astype(np.float32)
    staged(repo, "one", m__safetensors=safetensors(a=array))
    save(repo, m__safetensors=safetensors({"note": "a longer header"}, a=array))
    found = look(repo)
    assert found.tensors == () and found.models[0].same == 1
    assert len(found.parts) == 1


def test_onnx(repo: Repo) -> None:
    w, b = np.ones((4, 2), np.float32), np.zeros(2, np.float32)

    def change(found: onnx.ModelProto) -> None:
        found.graph.node[1].op_type = "Tanh"
        found.graph.node[0].attribute.append(helper.make_attribute("alpha", 2.0))
        found.graph.node.append(helper.make_node("Identity", ["y"], ["z"], name="last"))
        found.opset_import[0].version = 18
        found.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5
        found.producer_name = "somebody"

    staged(repo, "one", m__onnx=model(w=w, b=b))
    save(repo, m__onnx=model(change, w=w * 2, b=b))
    found = look(repo)
    assert [(c.tensor, c.largest, c.relative, c.share) for c in found.tensors] == [("w", 1.0, 1.0, 1.0)]
    assert {(part.kind, part.name, part.what, part.before, part.after) for part in found.parts} == {
        ("node", "hidden", "changed", "Gemm", "Gemm"),
        ("node", "y", "changed", "Relu", "Tanh"),
        ("node", "last", "added", "", "Identity"),
        ("opset", "ai.onnx", "changed", "17", "18"),
        ("input", "x", "changed", "float32[n, 4]", "float32[n, 5]"),
        ("other", "producer", "added", "", ""),
    }


def test_onnx_that_was_only_written_anew(repo: Repo) -> None:
    """The same numbers stored in another way are the same tensors."""
    w = np.arange(8, dtype=np.float32).reshape(4, 2)

    def change(found: onnx.ModelProto) -> None:
        found.graph.initializer[0].CopyFrom(helper.make_tensor("w", onnx.TensorProto.FLOAT, [4, 2], w.ravel().tolist()))
        found.graph.node.reverse()

    staged(repo, "one", m__onnx=model(w=w))
    save(repo, m__onnx=model(change, w=w))
    found = look(repo)
    assert found.tensors == () and found.models[0].same == 1
    assert [part.name for part in found.parts] == ["order of the graph's parts"]


def with_data(tmp_path: Path, location: str, **tensors: np.ndarray) -> tuple[bytes, bytes]:
    (tmp_path / "saved" / location).parent.mkdir(exist_ok=True, parents=True)
    loaded = onnx.load_model_from_string(model(**tensors))
    path = tmp_path / "saved" / "m.onnx"
    (tmp_path / "saved" / location).unlink(missing_ok=True)
    onnx.save(loaded, path, save_as_external_data=True, location=location, size_threshold=0)
    return path.read_bytes(), (tmp_path / "saved" / location).read_bytes()


def test_onnx_with_tensors_in_another_file(repo: Repo, tmp_path: Path) -> None:
    """Only that file differs, and the tensors are found by the model that names it."""
    w, b = np.ones((4, 2), np.float32), np.zeros(2, np.float32)
    graph, data = with_data(tmp_path, "weights/m.bin", w=w, b=b)
    repo.tree.write("sub/m.onnx", [graph])
    repo.tree.write("sub/weights/m.bin", [data])
    staged(repo, "one", other__onnx=model(w=w, b=b))
    again, changed = with_data(tmp_path, "weights/m.bin", w=w, b=b + 1)
    assert again == graph and changed != data
    repo.tree.write("sub/weights/m.bin", [changed])
    found = look(repo)
    assert listed(found) == [("modified", "sub/weights/m.bin")]
    assert [(change.path, change.tensor, change.largest) for change in found.tensors] == [("sub/m.onnx", "b", 1.0)]
    assert found.notes == ()


def test_many_tensors_over_the_same_bytes(repo: Repo, tmp_path: Path) -> None:
    """Tied weights are compared. 150 tensors over 8 MiB in a model of 5 KB are noted, and not one of them is read."""
    count = 8 << 20 >> 2
    graph, data = with_data(tmp_path, "m.bin", w=np.ones(count, np.float32))

    def tied(times: int) -> bytes:
        made = onnx.load_model_from_string(graph)
        for at in range(1, times):
            made.graph.initializer.add().CopyFrom(made.graph.initializer[0])
            made.graph.initializer[at].name = f"w{at}"
        return made.SerializeToString()

    staged(repo, "one", m__onnx=tied(4), n__onnx=tied(150), m__bin=data)
    save(repo, m__bin=(np.frombuffer(data, np.float32) + 1).tobytes())
    found = look(repo)
    assert [change.path for change in found.tensors] == ["m.onnx"] * 4
    (note,) = found.notes
    total = 150 * count * 4
    expected = f"expected at most {64 << 20} bytes of tensors in other files, found tensors of {total} bytes in"
    assert note.path == "n.onnx" and expected in note.why


def test_tensors_outside_the_tree_are_not_read(repo: Repo, tmp_path: Path) -> None:
    graph, _ = with_data(tmp_path, "m.bin", w=np.ones(4, np.float32))
    staged(repo, "one", m__onnx=model(w=np.ones(4, np.float32)))
    save(repo, m__onnx=graph, m__bin=b"untracked")
    note = look(repo).notes[0]
    assert note.path == "m.onnx" and "'m.bin', which is no file of working tree" in note.why
    save(repo, m__onnx=graph.replace(b"m.bin", b"../xx").replace(b"\x05../xx", b"\x05../xx"))
    assert "unsafe path" in look(repo).notes[0].why


def test_progress_is_of_what_is_read(repo: Repo) -> None:
    """The working tree's changed files first, then the tensors of each; both end with all of it."""
    tensors = {f"t{at}": np.full(unixfs.CHUNK // 4, at, np.float32) for at in range(4)}
    staged(repo, "one", m__safetensors=safetensors(**tensors))
    save(repo, m__safetensors=safetensors(**{name: array + 1 for name, array in tensors.items()}))
    told: list[tuple[int, int, str]] = []
    look(repo, progress=lambda *report: told.append(report))
    ends = [at for at, (done, total, _) in enumerate(told) if done == total]
    assert len(ends) == 2 and ends[-1] == len(told) - 1
    for part in (told[: ends[0] + 1], told[ends[0] + 1 :]):
        assert len(part) >= 4 and len({total for _, total, _ in part}) == 1
        assert [done for done, _, _ in part] == sorted(done for done, _, _ in part)
        assert part[0][1] > 4 * unixfs.CHUNK and part[0][2] == "m.safetensors"


# Datasets


def test_datasets(repo: Repo) -> None:
    staged(
        repo,
        "one",
        a__csv=b"id,name,old\n1,x,1\n2,y,2\n",
        b__jsonl=b'{"a": 1}\n',
        gone__csv=b"a\n1\n",
        c__json=b'[{"a": 1}]',
        config__json=b'{"a": 1}\n',
    )
    save(
        repo,
        a__csv=b"id,name,new\n1,x,0.5\nthree,y,2\n4,z,1\n",
        b__jsonl=b'{"a": 1}\n{"a": 2}\n',
        gone__csv=None,
        c__json=b'[{"a": 1}, {"a": 2}]',
        config__json=b'{"a": 2}\n',
    )
    found = look(repo)
    assert found.datasets == (
        DatasetChange("a.csv", "csv", 2, 3),
        DatasetChange("b.jsonl", "jsonl", 1, 2),
        DatasetChange("c.json", "json", 1, 2),
        DatasetChange("gone.csv", "csv", 1, None),
    )
    assert found.columns == (
        ColumnChange("a.csv", "id", "changed", "BIGINT", "VARCHAR"),
        ColumnChange("a.csv", "old", "removed", "BIGINT", ""),
        ColumnChange("a.csv", "new", "added", "", "DOUBLE"),
    )
    assert found.lines[:2] == ("--- a/config.json", "+++ b/config.json")
    assert not any("csv" in line for line in found.lines)


def test_arrays(repo: Repo) -> None:
    def npy(*shape: int, dtype: str = "float32") -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, np.zeros(shape, dtype))
        return buffer.getvalue()

    staged(repo, "one", a__npy=npy(10, 64), b__npy=npy(10, 64))
    save(repo, a__npy=npy(12, 64), b__npy=npy(10, 32, dtype="float64"))
    found = look(repo)
    assert [(change.rows_before, change.rows_after) for change in found.datasets] == [(10, 12), (10, 10)]
    assert found.columns == (ColumnChange("b.npy", "", "changed", "float32[n, 64]", "float64[n, 32]"),)


# Hostile files


def test_files_that_cannot_be_understood_are_listed_and_noted(repo: Repo) -> None:
    good = safetensors(a=np.ones(4, np.float32))
    staged(
        repo,
        "one",
        cut__safetensors=good,
        bomb__safetensors=good,
        no__onnx=model(w=np.ones(4, np.float32)),
        bad__csv=b"a\n1\n",
        fine__safetensors=good,
    )
    save(
        repo,
        cut__safetensors=good[:-1],
        bomb__safetensors=b"\xff" * 8 + good[8:],
        no__onnx=b"<html>not a model</html>",
        bad__csv=bytes(range(256)),
        fine__safetensors=safetensors(a=np.zeros(4, np.float32)),
    )
    found = look(repo)
    assert len(found.files) == 5
    assert {note.path for note in found.notes} == {"cut.safetensors", "bomb.safetensors", "no.onnx", "bad.csv"}
    assert all(len(note.why) < 300 and "\n" not in note.why for note in found.notes)
    assert "expected an ONNX file: " in next(note.why for note in found.notes if note.path == "no.onnx")
    assert [change.path for change in found.tensors] == ["fine.safetensors"]


def test_a_name_that_a_terminal_would_obey_is_spelt_out(repo: Repo) -> None:
    staged(repo, "one", m__safetensors=safetensors(a=np.ones(1, np.float32)))
    name = "x" * 900
    save(repo, m__safetensors=safetensors(**{name: np.ones(1, np.float32)}))
    assert {change.tensor for change in look(repo).tensors} == {"a", "x" * 200}


def test_a_file_too_large_to_look_into_is_noted(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    staged(repo, "one", a=b"12345678901")
    save(repo, a=b"1")
    monkeypatch.setattr(workflow, "MAX_BYTES", 10)
    found = look(repo)
    assert found.notes[0].why == "expected at most 10 bytes to look into, found 11" and len(found.files) == 1


def test_a_file_without_end_is_noted(repo: Repo) -> None:
    """A few blocks that name each other a hundred times each: a terabyte of the same bytes."""
    staged(repo, "one", a=b"1")
    leaf = b"0" * 64
    repo.objects.put([(Cid.of(RAW, leaf), leaf)])
    cid, size = Cid.of(RAW, leaf), len(leaf)
    for _ in range(4):
        cid, size = node(repo.objects, [(cid, size)] * 100), 100 * size
    with repo.index.edit() as entries:
        entries["a"] = entries["a"]._replace(cid=cid, settled=False)
    found = look(repo, staged=True)
    assert found.files == (FileChange("modified", "a", 1, size),)
    assert "expected at most 262144 parts" in found.notes[0].why


def test_a_link_in_a_file_s_place(tmp_path: Path) -> None:
    repo = open_repo(tmp_path)
    repo.refs.create("main")
    staged(repo, "one", a=b"1")
    (tmp_path / "a").unlink()
    (tmp_path / "a").symlink_to("/etc/passwd")
    found = look(repo)
    assert listed(found) == [("deleted", "a")] and "found a symlink" in found.notes[0].why


def test_a_manifest_is_no_commit(repo: Repo) -> None:
    staged(repo, "one", a=b"1")
    with pytest.raises(InvalidData, match="commit"):
        look(repo, str(MANIFEST[0]))
