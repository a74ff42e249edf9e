"""What somebody who comes from Git types first, and what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm.cli.app import COMMANDS, _after_interrupt
from mlm.cli.git_words import WORDS
from tests.command_line import ROOT, Person


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Somebody in an empty folder."""
    (tmp_path / "work").mkdir()
    return Person("", tmp_path / "work", tmp_path / "home")


def committed(person: Person, files: dict[str, bytes], message: str = "first") -> str:
    for path, content in files.items():
        (person.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (person.folder / path).write_bytes(content)
    person.do("add", ".")
    return str(person.do("commit", "-m", message)["commit"])


@pytest.mark.parametrize("kind", ["dataset", "algorithm", "pipeline"])
def test_a_project_of_every_kind_can_be_committed(person: Person, kind: str) -> None:
    person.do("init", "--kind", kind)
    committed(person, {"a.txt": b"a"})
    assert person.do("show")["kind"] == kind


def test_a_model_of_another_name(person: Person) -> None:
    """The only ONNX file is the model; the hint of a commit without one says what to change."""
    (person.folder / "net.onnx").write_bytes(b"")
    person.do("init")
    text = (person.folder / "mlm.toml").read_text()
    assert 'file = "net.onnx"' in text and "mlm spdx" in text
    (person.folder / "net.onnx").rename(person.folder / "weights.bin")
    person.do("add", ".")
    hint = person.refused(12, "commit", "-m", "x")["hint"]
    assert "set model.file" in hint and 'kind = "dataset"' in hint and "remove [model]" in hint


def test_a_kind_that_is_none(person: Person) -> None:
    assert "found 'modle'" in person.refused(2, "init", "--kind", "modle")["message"]
    assert not (person.folder / ".mlm").exists()


def test_after_ctrl_c_only_who_has_a_journal_speaks_of_it() -> None:
    for words in (
        ["add", "."],
        ["-C", "x", "push", "bid"],
        ["clone", "alice/a"],
        ["remote", "list"],
        ["job", "wait", "0x1234"],
        ["job", "post", "a/b", "--wait"],
        ["pipeline", "run", "p.toml"],
    ):
        assert "op resume" not in _after_interrupt(words) and "same command" in _after_interrupt(words)
    for words in (["commit", "-m", "x"], ["-C", "x", "job", "post", "a/b"], ["op", "resume", "000001"], ["bid"]):
        assert "mlm op resume" in _after_interrupt(words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("switch main", "mlm checkout BRANCH"),
        ("reset --hard", "mlm restore --staged"),
        ("stash", "mlm checkout -b"),
        ("cat-file -p HEAD", "mlm show"),
        ("mv a b", "mlm add ."),
        ("commit -am x", "mlm add ."),
    ],
)
def test_words_of_git(person: Person, words: str, said: str) -> None:
    person.do("init")
    assert said in person.refused(2, *words.split())["hint"]


def test_no_word_of_git_is_a_command() -> None:
    assert not WORDS.keys() & COMMANDS.keys()


def test_version_and_help(person: Person) -> None:
    assert person.run("--version").out == person.run("version").out != ""
    assert person.run("help").out == person.run("--help").out
    assert person.run("help", "remote", "add").out == person.run("remote", "add", "--help").out


def test_archives_that_are_none(person: Person) -> None:
    (person.folder / "model.onnx").write_bytes((ROOT / "templates/digits-mlp/model.onnx").read_bytes())
    assert "not a CAR archive" in person.refused(4, "car", "unpack", "model.onnx", "-o", "x")["message"]
    assert "found -" in person.refused(2, "car", "pack", "model.onnx", "-o", "-")["message"]
    assert not (person.folder / "-").exists()
    (person.folder / "d").mkdir()
    (person.folder / "d" / "a.txt").write_bytes(b"a")
    person.do("car", "pack", "d", "-o", "d.car")
    cid = person.do("hash", "d/a.txt")["hashes"][0]["cid"]
    assert f"{cid[:14]}…" in person.run("car", "ls", "d.car").out


def test_a_cut_cid_can_be_pasted(person: Person) -> None:
    person.do("init", "--kind", "dataset")
    cid = committed(person, {"a.txt": b"a"})
    assert person.do("show", f"{cid[:14]}…")["commit"] == cid
    assert f"{cid[:14]}…" in person.run("log").out


def test_files_that_are_gone_or_are_no_branch(person: Person) -> None:
    person.do("init", "--kind", "dataset")
    committed(person, {"a.txt": b"a", "b.txt": b"b"})
    assert "mlm restore a.txt" in person.refused(3, "checkout", "a.txt")["hint"]
    assert person.do("rm", "--cached", "b.txt") == {"removed": [], "unstaged": ["b.txt"]}
    person.do("rm", "a.txt")
    assert "mlm restore --source HEAD a.txt" in person.refused(3, "restore", "a.txt")["hint"]
    assert "--source" not in person.refused(3, "restore", "never.txt")["hint"]
    person.do("restore", "--source", "HEAD", "a.txt")
    assert (person.folder / "a.txt").read_bytes() == b"a"


def test_a_remote_of_another_protocol(person: Person) -> None:
    assert "folder" in person.refused(2, "remote", "add", "s3", "s3://bucket")["hint"]


def test_links_are_counted_and_empty_folders_left_out(person: Person) -> None:
    person.do("init")
    (person.folder / "empty").mkdir()
    assert person.do("add", ".")["left_out"] == ["empty/"]
    for name in ("l1", "l2", "l3"):
        (person.folder / name).symlink_to("mlm.toml")
    assert "3 symbolic links, l1 the first" in person.refused(4, "add", ".")["message"]


def test_whoever_has_no_name_is_told(person: Person) -> None:
    person.do("init", "--kind", "dataset")
    person.do("add", ".")
    made = person.do("commit", "-m", "x")
    assert made["author"] == "anonymous" and "MLM_AUTHOR" in made["hint"]
    (person.folder / "a").write_bytes(b"")
    person.do("add", ".")
    named = Person("", person.folder, person.home, {"MLM_AUTHOR": "Ann"})
    assert named.do("commit", "-m", "y")["hint"] == ""


def test_fsck_says_what_it_has_repaired(person: Person) -> None:
    person.do("init", "--kind", "dataset")
    committed(person, {"a.bin": b"a" * 4096})
    (person.folder / "a.bin").write_bytes(b"b" * 4096)
    pack = next(path for path in (person.folder / ".mlm" / "objects").glob("*.car") if b"a" * 4096 in path.read_bytes())
    data = pack.read_bytes()
    pack.chmod(0o644)
    pack.write_bytes(data.replace(b"a" * 4096, b"c" * 4096))
    found = person.run("fsck", "--repair", "--json").value
    assert found["dropped"] == 1 and "run `mlm fsck` again" in found["advice"][0]


def test_help_names_values_in_capitals(person: Person) -> None:
    for words in (["log"], ["job", "post"], ["rm"], ["network", "add"], ["branch"], ["car", "pack"]):
        text = person.run(*words, "--help").out
        assert "<" not in text and "--network NETWORK" in text
    assert "mlm job post [OPTIONS] {ASSET}" in person.run("job", "post", "--help").out
