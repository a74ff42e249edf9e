"""`mlm sign` and OpenSSF's own tool: each verifies what the other has signed, and nothing that was changed."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.files import DiskFiles
from mlm.adapters.repo import open_repo
from mlm.adapters.signatures import OpenSsfSignatures
from mlm.core import unixfs
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, MlmError, NotFound, UsageError
from mlm.ports.bundle import Ports
from mlm.ports.signatures import SignedFiles
from mlm.workflows import lookup
from mlm.workflows.add import add
from mlm.workflows.repository import file_entry, resolve_commit
from mlm.workflows.sign import digests, sign
from mlm.workflows.verify import verify_signature
from mlm.workflows.verify_checks import Verification
from tests.committing import commit, ports_of
from tests.ports.test_signatures import no_password, pem

PROJECT = b'[asset]\nname = "flowers"\nversion = "1.0.0"\nkind = "dataset"\n'
FILES = {"a.txt": b"a", "sub/b.bin": bytes(range(256)) * 9000, "sub/numbers 数.txt": b"", ".hidden": b"x"}


@dataclass
class World:
    """A committed project, and a key."""

    root: Path
    project: Path
    ports: Ports

    def commit(self, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            (self.project / path).parent.mkdir(parents=True, exist_ok=True)
            (self.project / path).write_bytes(content)
        add(self.ports.repo, [""])
        commit(self.ports.repo, None, "message", "alice", 1)

    def sign(self, ref: str = "HEAD", key: str = "alice.key") -> Any:
        return sign(self.ports, ref, Path(key), Path("model.sig"), no_password)

    def verify(self, target: str = "HEAD", key: str = "alice.pub") -> Verification:
        return verify_signature(self.ports, target, Path("model.sig"), Path(key))

    def failed(self, target: str = "HEAD") -> str:
        found = self.verify(target)
        assert not found.verified
        return next(check.found for check in found.checks if check.passed is False)

    def republish(self, files: dict[str, Cid]) -> str:
        """Why the signature does not hold for a commit of these files, made without `mlm add`'s checks."""
        repo = self.ports.repo
        entries = {path: file_entry(repo.objects.get, cid) for path, cid in files.items()}
        blocks: list[tuple[Cid, bytes]] = []
        tree = unixfs.tree(entries, lambda cid, block: blocks.append((cid, block)))
        made = replace(resolve_commit(repo, "HEAD")[1], tree=tree.cid).to_block()
        repo.objects.put([*blocks, made])
        return self.failed(str(made[0]))

    def theirs(self, *words: str) -> subprocess.CompletedProcess[str]:
        """OpenSSF's command line."""
        command = [sys.executable, "-m", "model_signing", *words]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=120, check=False)

    def change(self, act: Callable[[dict[str, Any]], object]) -> None:
        """The signature with its statement changed."""
        bundle = json.loads((self.root / "model.sig").read_bytes())
        statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
        act(statement)
        bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
        (self.root / "model.sig").write_text(json.dumps(bundle))


@pytest.fixture
def world(tmp_path: Path) -> World:
    repo = open_repo(tmp_path / "project")
    repo.refs.create("main")
    ports = ports_of(repo)
    ports.signatures = OpenSsfSignatures(tmp_path)
    ports.files = DiskFiles(tmp_path)
    made = World(tmp_path, tmp_path / "project", ports)
    made.commit({"mlm.toml": PROJECT, **FILES})
    for name in ("alice", "mallory"):
        pem(tmp_path, name)
    return made


def test_their_tool_verifies_what_mlm_signs(world: World) -> None:
    """In the very folder of the project, beside .mlm; and no longer when a byte is another."""
    signed = world.sign()
    assert signed.files == len(FILES) + 1
    assert signed.check == "model_signing verify key FOLDER --signature model.sig --public_key KEY.pub"
    words = ("verify", "key", "project", "--signature", "model.sig", "--public_key", "alice.pub")
    done = world.theirs(*words)
    assert done.returncode == 0, done.stderr
    (world.project / "sub" / "b.bin").write_bytes(FILES["sub/b.bin"][:-1] + b"\0")
    done = world.theirs(*words)
    assert done.returncode != 0 and "sub/b.bin" in done.stderr + done.stdout


def test_mlm_verifies_what_their_tool_signs(world: World) -> None:
    words = ("sign", "key", "project", "--signature", "model.sig", "--private_key", "alice.key")
    done = world.theirs(*words, "--ignore-paths", "project/.mlm")
    assert done.returncode == 0, done.stderr
    found = world.verify()
    assert found.verified and found.complete and found.checks[1].found == f"{len(FILES) + 1} files"


GIT_FILES = {".gitattributes": b"*.bin binary\n", ".gitignore": b"x\n", ".github/workflows/run.yml": b"on: push\n"}


def test_git_s_files_are_signed_too(world: World) -> None:
    """Their tool leaves them out unless it is told not to, and what it needs to be told is said."""
    world.commit(GIT_FILES)
    signed = world.sign()
    every = f"{len(FILES) + 1 + len(GIT_FILES)} files"
    assert f"{signed.files} files" == every and signed.check.endswith("KEY.pub --no-ignore-git-paths")
    (world.project / ".git").mkdir()
    (world.project / ".git" / "config").write_bytes(b"beside the tree, not in it")
    assert world.verify().checks[1].found == every
    words = signed.check.replace("FOLDER", "project").replace("KEY", "alice").split()[1:]
    done = world.theirs(*words)
    assert done.returncode == 0, done.stderr
    (world.project / ".github" / "workflows" / "run.yml").write_bytes(b"on: evil\n")
    assert world.theirs(*words).returncode != 0


def test_git_s_files_that_their_tool_signed(world: World) -> None:
    world.commit(GIT_FILES)
    words = ("sign", "key", "project", "--signature", "model.sig", "--private_key", "alice.key")
    words += ("--ignore-paths", "project/.mlm")
    assert world.theirs(*words, "--no-ignore-git-paths").returncode == 0
    found = world.verify()
    assert found.verified and found.checks[1].found == f"{len(FILES) + 1 + len(GIT_FILES)} files"
    assert world.theirs(*words).returncode == 0
    assert world.failed() == (
        ".gitattributes, .github/workflows/run.yml, .gitignore: not signed "
        "(model_signing signs such files with --no-ignore-git-paths)"
    )


@pytest.mark.parametrize("path", [".gitignore", ".github/workflows/evil.yml", "sub/evil.bin"])
def test_a_file_that_was_added_to_a_signed_tree(world: World, path: str) -> None:
    """Whatever the signature says that its signer left out: whoever adds a file chooses its name."""
    get, tree = world.ports.objects.get, resolve_commit(world.ports.repo, "HEAD")[1].tree
    files = dict(unixfs.walk(get, tree))
    ignored = (".git", ".gitattributes", ".github", ".gitignore", ".mlm", "sub")
    signed = SignedFiles(digests(get, tree), ignored)
    data = world.ports.signatures.sign("flowers", signed, Path("alice.key"), no_password)
    (world.root / "model.sig").write_bytes(data)
    assert world.verify().verified
    assert world.republish({**files, path: files["a.txt"]}).startswith(f"{path}: not signed")


def test_a_fetched_ref_is_not_the_asset_that_it_is_named_like(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`alice/model` is the chain's, whatever tags and branches a remote has sent."""

    def nothing(ports: Ports, text: str) -> lookup.Version:
        raise NotFound(f"nothing published as {text}")

    monkeypatch.setattr(lookup, "version", nothing)
    world.sign()
    head, _ = resolve_commit(world.ports.repo, "HEAD")
    for ref in ("tags/alice/flowers", "heads/alice/flowers", "tags/v1", "tags/heads/main"):
        world.ports.repo.refs.set(ref, head, None)
    for target in ("alice/flowers", "alice/flowers@1.0.0"):
        with pytest.raises(NotFound, match=f"nothing published as {target}"):
            world.verify(target)
    for target in ("HEAD", "v1", "tags/v1", "tags/alice/flowers", "heads/alice/flowers"):
        assert world.verify(target).target == f"commit {head}", "what was verified is shown"
    world.commit({"a.txt": b"A"})
    assert resolve_commit(world.ports.repo, "heads/main")[0] == resolve_commit(world.ports.repo, "HEAD")[0] != head


def test_another_commit(world: World) -> None:
    world.sign()
    world.commit({"a.txt": b"A"})
    assert world.failed().startswith("a.txt: expected 0xca97")
    assert world.verify("HEAD~1").verified
    world.commit({"a.txt": b"a", "new.txt": b""})
    assert world.failed() == "new.txt: not signed"


def test_a_file_that_is_gone(world: World) -> None:
    world.sign()
    (world.project / "a.txt").unlink()
    add(world.ports.repo, [""])
    commit(world.ports.repo, None, "without", "alice", 2)
    assert world.failed() == "a.txt is signed and not there"


def test_another_key(world: World) -> None:
    world.sign(key="mallory.key")
    assert "does not verify: Key mismatch" in world.failed()
    assert len(world.verify().checks) == 1, "of what is not true, nothing more is said"


def refused(world: World, kind: type[MlmError] | None) -> str:
    """One short line: of the error, or where `kind` is None of the check that failed."""
    if kind is None:
        line = world.failed()
    else:
        with pytest.raises(kind) as caught:
            world.verify()
        line = str(caught.value)
    assert "\n" not in line and len(line) < 300
    return line


DIGEST = "00" * 32


@pytest.mark.parametrize(
    ("act", "kind", "match"),
    [
        (lambda found: found["predicate"]["resources"][0].update(digest=DIGEST), None, "not true"),
        (lambda found: found["subject"][0].update(name="other"), None, "not true"),
        (lambda found: found["predicate"]["serialization"].update(method="shards"), InvalidData, "'?shards"),
        (lambda found: found["predicate"]["serialization"].update(hash_type="blake3"), InvalidData, "blake3"),
        (lambda found: found.update(predicateType="https://example.org"), InvalidData, "example.org"),
        (lambda found: found.pop("predicate"), InvalidData, "predicate"),
        (lambda found: found.update(predicate=[]), InvalidData, "bundle"),
    ],
    ids=["digest", "name", "shards", "blake3", "statement", "nothing", "list"],
)
def test_a_changed_statement(world: World, act: Any, kind: type[MlmError] | None, match: str) -> None:
    world.sign()
    world.change(act)
    assert re.search(match, refused(world, kind))


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda bundle: bundle["dsseEnvelope"].update(signatures=[]), InvalidData),
        (lambda bundle: bundle["dsseEnvelope"].update(payload="!"), InvalidData),
        (lambda bundle: bundle.update(verificationMaterial=None), InvalidData),
        (lambda bundle: bundle.pop("dsseEnvelope"), InvalidData),
        (lambda bundle: bundle["verificationMaterial"].pop("publicKey"), None),
        (lambda bundle: bundle["dsseEnvelope"]["signatures"][0].pop("sig"), None),
        (lambda bundle: bundle.update(mediaType=7), None),
    ],
    ids=["unsigned", "payload", "material", "envelope", "key", "sig", "media"],
)
def test_a_changed_bundle(world: World, act: Any, kind: type[MlmError] | None) -> None:
    world.sign()
    bundle = json.loads((world.root / "model.sig").read_bytes())
    act(bundle)
    (world.root / "model.sig").write_text(json.dumps(bundle))
    refused(world, kind)


def test_encrypted_keys_ask_for_their_password(tmp_path: Path) -> None:
    private, public = pem(tmp_path, "safe", "SECP384R1", b"correct horse")
    port, files = OpenSsfSignatures(tmp_path), SignedFiles({"a": b"\0" * 32})
    signature = port.sign("x", files, private, lambda: "correct horse")
    assert port.verify(signature, public).files == files.files
    with pytest.raises(UsageError, match="another password"):
        port.sign("x", files, private, lambda: "battery staple")


@pytest.mark.parametrize("curve", ["SECP256K1", "BrainpoolP256R1"])
def test_curves_that_the_format_does_not_know(tmp_path: Path, curve: str) -> None:
    """An Ethereum key signs transactions, and nothing else."""
    private, public = pem(tmp_path, "eth", curve)
    port = OpenSsfSignatures(tmp_path)
    with pytest.raises(UsageError, match=f"expected .* P-256, P-384 or P-521 in PEM, found (?i:{curve})"):
        port.sign("x", SignedFiles({"a": b"\0" * 32}), private, no_password)
    good, _ = pem(tmp_path, "good")
    signature = port.sign("x", SignedFiles({"a": b"\0" * 32}), good, no_password)
    with pytest.raises(UsageError, match=f"(?i:{curve})"):
        port.verify(signature, public)


def test_keys_of_another_kind(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "ed.key").write_bytes(key)
    with pytest.raises(UsageError, match="found Ed25519PublicKey"):
        OpenSsfSignatures(tmp_path).sign("x", SignedFiles({"a": b"\0" * 32}), Path("ed.key"), no_password)


def test_half_of_the_question(world: World) -> None:
    with pytest.raises(UsageError, match="go together"):
        verify_signature(world.ports, "HEAD", Path("model.sig"), None)
