"""What a commit reads from files: safetensors headers, tables, the model card, Croissant; and mlm.toml's new words."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.croissant.validator import MlCroissant
from mlm.adapters.datasets.confined import ConfinedDatasets
from mlm.core.errors import InvalidData, MlmError, NotFound, StateConflict, UsageError, VerificationFailed
from mlm.core.manifest import FORMAT, FORMAT_1, Manifest
from mlm.memory.datasets import MemoryDatasets
from mlm.memory.repo import memory_repo
from mlm.ports.repo import Repo
from mlm.workflows.add import add
from mlm.workflows.apply import execute
from mlm.workflows.commit import OPERATION, CommitParams, Committed
from mlm.workflows.describe import check_said
from mlm.workflows.publish import Publish
from mlm.workflows.publish import plan as plan_publish
from mlm.workflows.repository import read_manifest
from mlm.workflows.show import croissant, show
from tests.committing import ports_of

DATASET = '[asset]\nname = "flowers"\nversion = "1.0.0"\nkind = "dataset"\nlicence = "CC-BY-4.0"\n'
MODEL = '[asset]\nname = "net"\nversion = "1.0.0"\n[model]\nfile = "net.safetensors"\n'
ROWS = b"id,name\n1,x\n2,y\n"


class Counting(MemoryDatasets):
    """Describes, and remembers what."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def describe(self, pieces: Iterable[bytes], name: str) -> Any:
        self.read.append(name)
        return super().describe(pieces, name)


class Project:
    """A repository, and what is typed in it."""

    def __init__(self, toml: str) -> None:
        self.repo: Repo = memory_repo()
        self.repo.refs.create("main")
        self.datasets = Counting()
        self.write("mlm.toml", toml)

    def write(self, path: str, content: str | bytes) -> None:
        self.repo.tree.write(path, [content.encode() if isinstance(content, str) else content])

    def commit(self) -> Committed:
        add(self.repo, [""])
        ports = ports_of(self.repo)
        ports.datasets = self.datasets
        self.made = execute(ports, OPERATION, CommitParams("message", "alice")).result
        return self.made

    def manifest(self) -> Manifest:
        return read_manifest(self.repo, self.commit().manifest)

    def refused(self, kind: type[MlmError], match: str) -> MlmError:
        """The commit's error, which leaves the branch where it was."""
        before = self.repo.refs.head()
        with pytest.raises(kind, match=match) as caught:
            self.commit()
        assert self.repo.refs.head() == before
        return caught.value


def weights(metadata: dict[str, str], **shapes: tuple[str, list[int]]) -> bytes:
    """A safetensors file of zeros."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, (dtype, shape) in shapes.items():
        size = {"F32": 4, "BF16": 2}[dtype]
        for axis in shape:
            size *= axis
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)


def test_safetensors() -> None:
    project = Project(MODEL)
    project.write("net.safetensors", weights({"format": "pt"}, a=("F32", [3, 4]), b=("BF16", [5]), c=("BF16", [])))
    project.write("empty/part.safetensors", weights({}))
    part, net = project.manifest().safetensors
    assert (part.file, part.tensors, part.parameters, part.bytes) == ("empty/part.safetensors", 0, {}, 0)
    assert (net.file, net.tensors, net.bytes) == ("net.safetensors", 3, 60)
    assert net.parameters == {"float32": 12, "bfloat16": 6} and net.metadata == {"format": "pt"}
    assert [row.file for row in show(project.repo).weights] == [part.file, net.file]


def test_a_header_behind_the_first_chunk_is_read() -> None:
    """Names that are long enough, and the header passes the first MiB."""
    project = Project(MODEL)
    project.write("net.safetensors", weights({}, **{f"{n:0900d}": ("F32", [1]) for n in range(1500)}))
    assert project.manifest().safetensors[0].tensors == 1500


def test_metadata_beyond_the_limits_is_counted() -> None:
    project = Project(MODEL)
    project.write("net.safetensors", weights({"long": "x" * 2000, "short": "y", **{f"k{n:03}": "" for n in range(99)}}))
    found = project.manifest().safetensors[0]
    assert len(found.metadata) == 64 and found.omitted == 101 - 64 and "long" not in found.metadata


def test_a_damaged_header_is_named() -> None:
    project = Project(MODEL)
    project.write("net.safetensors", weights({}, a=("F32", [4]))[:-1])
    project.refused(InvalidData, "net.safetensors: expected 16 bytes of tensors")


def test_tables() -> None:
    project = Project(DATASET)
    project.write("b.csv", ROWS)
    project.write("a.jsonl", '{"x": 1.5}\n')
    project.write("settings.json", "{}")
    project.write("README.md", "# Flowers\n")
    found = project.manifest()
    assert found.dataset is not None and found.card is None
    assert [(table.file, table.format, table.rows) for table in found.dataset.tables] == [
        ("a.jsonl", "jsonl", 1),
        ("b.csv", "csv", 2),
    ]
    assert show(project.repo).tables[1].columns == {"id": "BIGINT", "name": "VARCHAR"}


def test_tables_that_are_named() -> None:
    project = Project(DATASET + '[dataset]\nfiles = ["rows.json", "b.csv"]\n')
    project.write("b.csv", ROWS)
    project.write("c.csv", b"not,a\ntable")
    project.write("rows.json", '[{"x": 1}]')
    found = project.manifest()
    assert found.dataset is not None
    assert [table.file for table in found.dataset.tables] == ["b.csv", "rows.json"]


def test_only_what_has_changed_is_read_again() -> None:
    project = Project(DATASET)
    project.write("a.csv", ROWS)
    project.write("b.csv", ROWS)
    first = project.commit()
    project.write("b.csv", ROWS + b"3,z\n")
    second = project.manifest()
    assert project.datasets.read == ["a.csv", "b.csv", "b.csv"]
    assert second.dataset is not None and [table.rows for table in second.dataset.tables] == [2, 3]
    assert read_manifest(project.repo, first.manifest).dataset != second.dataset


def test_a_bad_table_says_which_and_what_to_do() -> None:
    project = Project(DATASET)
    project.write("data/bad.csv", b"a,b\n1\n")
    error = project.refused(InvalidData, "data/bad.csv: ")
    assert "files = […] under [dataset]" in error.hint


def test_croissant_is_made_of_the_tables() -> None:
    project = Project(DATASET)
    large = b"id\n" + b"".join(b"%07d\n" % n for n in range(200_000))  # more than one chunk
    project.write("large.csv", large)
    project.write("small.csv", ROWS)
    found = project.manifest()
    assert found.dataset is not None and found.dataset.croissant is not None
    assert project.made.validator == "memory 1"
    document = croissant(project.repo).document
    files = {item["@id"]: item for item in document["distribution"]}
    for path, data in (("large.csv", large), ("small.csv", ROWS)):
        assert files[path]["sha256"] == sha256(data).hexdigest()
        assert files[path]["contentUrl"] == f"ipfs://{found.files[path].cid}"
    assert document["license"] == "CC-BY-4.0" and document["name"] == "flowers"
    project.write("note.txt", "the sums of what is the same are taken from the document before")
    again = project.manifest()
    assert again.dataset == found.dataset


def test_the_authors_own_croissant_is_kept_as_it_is() -> None:
    project = Project(DATASET + '[dataset]\ncroissant = "about.json"\n')
    project.write("a.csv", ROWS)
    own = {
        "@context": {"cr": "http://mlcommons.org/croissant/"},
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": "mine",
        "distribution": [{"@type": "cr:FileObject", "@id": "a", "contentUrl": "a.csv"}],
    }
    text = json.dumps(own)
    project.write("about.json", text)
    found = project.manifest()
    assert found.dataset is not None and found.dataset.croissant == found.files["about.json"].cid
    assert croissant(project.repo).text == text
    project.write("about.json", text.replace("a.csv", "b.csv"))
    project.refused(InvalidData, "about.json: .*'b.csv' is not among the asset's files")


def test_what_is_no_dataset_has_no_croissant() -> None:
    project = Project(MODEL)
    project.write("net.safetensors", weights({}))
    project.write("a.csv", ROWS)
    assert project.manifest().dataset is None and not project.datasets.read
    with pytest.raises(NotFound, match="net@1.0.0 has no Croissant"):
        croissant(project.repo)


CARD = "---\nlicense: cc-by-4.0\ntags: [flowers]\n---\n# Flowers\n"


def test_card_of_the_readme() -> None:
    project = Project(DATASET)
    project.write("README.md", CARD)
    assert project.manifest().card == {"license": "cc-by-4.0", "tags": ["flowers"]}
    assert show(project.repo).card == {"license": "cc-by-4.0", "tags": ["flowers"]}


@pytest.mark.parametrize(
    ("line", "card"), [('card = "docs/card.md"', {"license": "other"}), ('card = ""', None)], ids=["another", "none"]
)
def test_card_that_mlm_toml_names(line: str, card: Any) -> None:
    project = Project(DATASET + line)
    project.write("README.md", "---\nlicense: mit\n---\n")
    project.write("docs/card.md", "---\nlicense: other\n---\n")
    assert project.manifest().card == card


def test_card_that_contradicts_or_is_not_there() -> None:
    project = Project(DATASET)
    project.write("README.md", CARD.replace("cc-by-4.0", "mit"))
    project.refused(InvalidData, "README.md: the model card says license: mit, mlm.toml says CC-BY-4.0")
    project.write("README.md", "---\na: [\n---\n")
    assert 'card = ""' in project.refused(InvalidData, "README.md: .*YAML").hint
    project.write("mlm.toml", DATASET + 'card = "plain.md"')
    project.write("plain.md", "# No card\n")
    project.refused(InvalidData, "plain.md: expected front matter")
    project.write("mlm.toml", DATASET + 'card = "gone.md"')
    project.refused(StateConflict, "asset.card in mlm.toml is 'gone.md', which is not staged")


def test_terms_and_privacy() -> None:
    project = Project(
        DATASET + '[access]\nmode = "compute-only"\nterms = "TERMS.md"\n'
        '[privacy]\npersonal_data = true\nstatement = "Names."\n'
    )
    project.write("TERMS.md", "Be kind.\n")
    found = project.manifest()
    assert (found.access, found.terms) == ("compute-only", "TERMS.md")
    assert (found.privacy.personal_data, found.privacy.statement) == (True, "Names.")
    shown = show(project.repo)
    assert (shown.access, shown.terms, shown.personal_data, shown.privacy) == (
        "compute-only", "TERMS.md", True, "Names.",
    )  # fmt: skip


def test_what_must_not_leave_is_not_published() -> None:
    """What `publish` pushes everybody can read, or who has a licence."""
    project = Project(DATASET + '[access]\nmode = "compute-only"\n')
    made = project.commit()
    ports = ports_of(project.repo)
    ports.__dict__["chain"] = type("Chain", (), {"call": lambda *words: "0x" + "00" * 20})()
    with pytest.raises(UsageError, match="expected an asset of access open or licensed to publish, found"):
        plan_publish(ports, Publish(made.commit, "alice"))


@pytest.mark.parametrize(
    ("toml", "match"),
    [
        ('[access]\nmode = "secret"', "access.mode in mlm.toml: expected one of open, licensed, compute-only"),
        ('[access]\nterms = "../x"', "access.terms in mlm.toml: unsafe path"),
        ('[access]\nterms = "ftp://example.org"', "access.terms in mlm.toml: expected a URL of https"),
        ('[access]\nprice = 1', "unknown key access.price"),
        ('[privacy]\npersonal_data = "no"', "privacy.personal_data in mlm.toml: expected true or false"),
        (f'[privacy]\nstatement = "{"x" * 2049}"', "privacy.statement in mlm.toml: expected at most 2048"),
        ('[dataset]\nfiles = "a.csv"', "dataset.files in mlm.toml: expected a list"),
        ('[dataset]\nfiles = ["../a.csv"]', "dataset.files in mlm.toml: unsafe path"),
        ('[dataset]\nfiles = ["mlm.toml"]', "dataset.files in mlm.toml: expected .csv"),
        ('[dataset]\ncroissant = 1', "dataset.croissant in mlm.toml: expected text"),
    ],
)  # fmt: skip
def test_mlm_toml_that_is_wrong(toml: str, match: str) -> None:
    Project(DATASET + toml).refused(UsageError, match)


def test_dataset_section_is_for_datasets() -> None:
    Project(MODEL + "[dataset]\nfiles = []").refused(UsageError, "expected dataset, for a section \\[dataset\\]")


@pytest.mark.parametrize(
    ("licence", "meant"), [("Apache 2.0", "Apache-2.0"), ("apache-2.0", "Apache-2.0"), ("Lama 3.1", "")]
)
def test_licence_that_is_a_slip(licence: str, meant: str) -> None:
    project = Project(DATASET.replace("CC-BY-4.0", licence))
    assert meant in project.refused(UsageError, "asset.licence in mlm.toml").hint


def test_a_commit_of_format_1_that_says_the_same_is_no_change() -> None:
    project = Project(DATASET)
    made = project.commit()
    _rewrite(project, made, replace(read_manifest(project.repo, made.manifest), format=FORMAT_1))
    project.refused(StateConflict, "nothing to commit")
    project.write("README.md", CARD)
    assert project.manifest().format == FORMAT


def _rewrite(project: Project, made: Committed, manifest: Manifest) -> None:
    """The last commit as an earlier version of mlm would have made it."""
    from mlm.core.history import Commit

    cid, block = manifest.to_block()
    commit = Commit.from_block(made.commit, project.repo.objects.get(made.commit))
    changed = replace(commit, manifest=cid).to_block()
    project.repo.objects.put([(cid, block), changed])
    project.repo.refs.set("heads/main", changed[0], made.commit)


def test_the_template_of_a_dataset(root: Path, tmp_path: Path) -> None:
    """By the readers that a person has: DuckDB, and MLCommons' validator where it is installed."""
    project = Project("")
    for file in sorted((root / "templates" / "iris").iterdir()):
        project.write(file.name, file.read_bytes())
    add(project.repo, [""])
    ports = ports_of(project.repo)
    ports.datasets = ConfinedDatasets(folder=tmp_path / "datasets")
    ports.croissant = MlCroissant(folder=tmp_path / "croissant")
    made = execute(ports, OPERATION, CommitParams("message", "alice")).result
    found = read_manifest(project.repo, made.manifest)
    assert found.dataset is not None and found.card is not None and found.card["license"] == "cc-by-4.0"
    (table,) = found.dataset.tables
    assert (table.rows, [column.type for column in table.columns]) == (150, ["DOUBLE"] * 4 + ["VARCHAR"])
    assert (made.validator is None) == (find_spec("mlcroissant") is None)


def test_tables_that_are_too_wide_for_a_document_are_refused_before_anything_is_stored() -> None:
    """And can be left out: a schema of 10,000 columns is a manifest, but no Croissant document of one block."""
    project = Project(DATASET)
    project.write("wide.csv", ",".join(f"column_{n:04}" for n in range(4000)) + "\n")
    assert "files = []" in project.refused(InvalidData, "the tables make a Croissant document of").hint
    project.write("mlm.toml", DATASET + "[dataset]\nfiles = []\n")
    assert project.manifest().dataset is None


def lying(project: Project, **said: Any) -> Any:
    """The last commit's manifest, with other words."""
    return replace(read_manifest(project.repo, project.made.manifest), **said)


def test_what_a_manifest_says_can_be_checked() -> None:
    """By anybody who has the files: `mlm verify handle/name`."""
    project = Project(DATASET)
    project.write("a.csv", ROWS)
    project.write("w.safetensors", weights({"a": "b", "c": "x" * 2000}, x=("F32", [3])))
    found = project.manifest()
    assert found.dataset is not None
    ports = ports_of(project.repo)
    ports.datasets = project.datasets
    assert check_said(ports, found) == "2 files"
    (table,), (net,) = found.dataset.tables, found.safetensors
    for lie, match in (
        (lying(project, dataset=replace(found.dataset, tables=(replace(table, rows=9),))), "a.csv rows 9, it has 2"),
        (lying(project, dataset=replace(found.dataset, tables=(replace(table, columns=()),))), "a.csv columns"),
        (lying(project, safetensors=(replace(net, parameters={"float32": 9}),)), "w.safetensors parameters"),
        (lying(project, safetensors=(replace(net, metadata={"a": "z"}),)), "w.safetensors metadata"),
        (lying(project, safetensors=(replace(net, metadata={"d": "b"}),)), "w.safetensors metadata"),
        (lying(project, safetensors=(replace(net, omitted=0),)), "w.safetensors omitted 0, it has 1"),
    ):
        with pytest.raises(VerificationFailed, match=f"the manifest says of {match}"):
            check_said(ports, lie)
