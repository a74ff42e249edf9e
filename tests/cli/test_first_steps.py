"""What somebody who comes from Git types first, and what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm.cli.app import _after_interrupt
from tests.command_line import Person


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
    for words in (["add", "."], ["-C", "x", "push", "bid"], ["clone", "alice/a"], ["remote", "list"]):
        assert "op resume" not in _after_interrupt(words) and "same command" in _after_interrupt(words)
    for words in (["commit", "-m", "x"], ["-C", "x", "job", "post", "a/b"], ["op", "resume", "000001"], ["bid"]):
        assert "mlm op resume" in _after_interrupt(words)
