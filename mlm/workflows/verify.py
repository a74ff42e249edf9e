"""`mlm verify`: every check that anybody can make of a job, an asset or a proof file. Never sends."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

from mlm.core import enclosed
from mlm.core.attestation import UP_TO_DATE
from mlm.core.cid import Cid
from mlm.core.errors import NotFound, ToolMissing, UsageError, VerificationFailed
from mlm.core.evidence import SUFFIX
from mlm.core.job import Tier
from mlm.core.proof import MAX_BYTES, ProofFile
from mlm.core.refs import JobRef, parse_target
from mlm.core.trust import DIGEST_BITS, SIGNATURE_BITS, TRUSTED, Guarantor, computation
from mlm.ports.bundle import Ports
from mlm.ports.prover import Proof
from mlm.ports.signatures import SignedFiles
from mlm.workflows import lookup, model, source, verify_cost
from mlm.workflows.describe import check_said
from mlm.workflows.repository import NAMESPACES, resolve_commit, shown_path
from mlm.workflows.sign import ALL_PATHS, digests, is_git_path
from mlm.workflows.tiers import tee
from mlm.workflows.verify_checks import (
    ANYBODY,
    DIGESTS,
    HELD,
    PROVEN,
    RECOMPUTED,
    ZK_TRUST,
    Step,
    Subject,
    Verification,
    equal,
    refused,
    verified,
)
from mlm.workflows.verify_files import bring_files, sealed_file, with_key
from mlm.workflows.verify_job import verify_job

MAX_SIGNATURE = 1 << 24  # bytes of a signature's file
_SHOWN = 8  # paths that a line names
_TRUE_SIGNATURE = "the signature is true and by this key"
_KEY = "the public key"
_SIGNED = (Guarantor.SIGNER, Guarantor.MATHEMATICS)


def verify(
    ports: Ports,
    target: str,
    *,
    model_name: str | None = None,
    status: str = UP_TO_DATE,
    devnet: bool = False,
    tolerance: float | None = None,
    at: int | None = None,
) -> Verification:
    """Check a proof file, a job, a published asset, or evidence of a paid call or of an enclave.

    `status` is the setting tee.status, `devnet`: simulated evidence is accepted. `tolerance` is of a job's outputs,
    `at` the time in seconds at which evidence of an enclave must be valid. Raises UsageError, NotFound.
    """
    path = Path(target)
    if tolerance is not None and not (path.suffix == "" and isinstance(parse_target(target), JobRef)):
        raise UsageError(f"--tolerance goes with a job, found {target}")
    if at is not None and path.suffix != enclosed.SUFFIX:
        raise UsageError(f"--at goes with --quote or a {enclosed.SUFFIX} file, found {target}")
    if path.suffix == enclosed.SUFFIX:
        from mlm.workflows import verify_enclosed

        return verify_enclosed.verify(ports, path, model_name, status, devnet, at)
    if path.suffix == SUFFIX:
        from mlm.workflows import verify_served

        return verify_served.verify(ports, path, model_name)
    if path.suffix == ".json" or (ports.files.exists(path) and not ports.files.is_folder(path)):
        return _proof(ports, path, model_name)
    if model_name is not None:
        raise UsageError("--model goes with a proof file; a job names its model itself")
    if isinstance(parse_target(target), JobRef):
        return verify_job(ports, target, tolerance)
    return _asset(ports, target)


def verify_signature(ports: Ports, target: str, signature: Path | None, public_key: Path | None) -> Verification:
    """Hold a detached model signature against the files of a commit here, or of a published version.

    1. The signature is true, and by this key.
    2. Every file of the tree is signed, with its sha256. What the signature says that its signer left out does not
       matter: whoever adds a file chooses its name.
    3. Every signed file is there.
    Raises InvalidData for what is no signature, UsageError for what is no key, NotFound, ToolMissing.
    """
    if signature is None or public_key is None:
        raise UsageError("--signature FILE and --public-key FILE go together")
    what, tree = _signed_tree(ports, target)
    data = ports.files.read(signature, MAX_SIGNATURE)
    try:
        steps = _signature_steps(ports, tree, ports.signatures.verify(data, public_key))
    except VerificationFailed as error:
        steps = refused(_TRUE_SIGNATURE, error, _KEY, _SIGNED)
    return verified(
        Subject(
            target=what,
            kind="signature",
            tier="none",
            steps=steps,
            who_can_check="anybody with the signer's public key",
            trust="whose key it is",
            guaranteed_by=_SIGNED,
            cost=partial(
                computation,
                SIGNATURE_BITS,
                "a signature without its key",
                "its signer keeps the key to itself",
                "a key of P-256 or more",
            ),
        )
    )


def _signature_steps(ports: Ports, tree: Cid, signed: SignedFiles) -> tuple[Step, ...]:
    files = digests(ports.objects.get, tree)

    def covered() -> str:
        if unsigned := sorted(files.keys() - signed.files.keys()):
            raise VerificationFailed(_unsigned(unsigned))
        for path in sorted(files):
            equal(shown_path(path), signed.files[path], files[path])
        return f"{len(files)} files"

    def complete() -> str:
        if missing := sorted(signed.files.keys() - files.keys()):
            raise VerificationFailed(f"{shown_path(missing[0][:200])} is signed and not there")
        return f"{len(signed.files)} files"

    return (
        Step(_TRUE_SIGNATURE, lambda: "yes", _KEY, _SIGNED),
        Step("every file is signed as it is", covered, "sha256 in the signature", _SIGNED),
        Step("every signed file is there", complete, "the paths in the signature", _SIGNED),
    )


def _unsigned(paths: Sequence[str]) -> str:
    shown = ", ".join(shown_path(path[:200]) for path in paths[:_SHOWN])
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    flag = f" (model_signing signs such files with {ALL_PATHS})" if any(map(is_git_path, paths)) else ""
    return f"{shown}{more}: not signed{flag}"


def _signed_tree(ports: Ports, target: str) -> tuple[str, Cid]:
    """What `target` names, and its tree. A ref of this repository with a slash in it begins with its namespace: any

    other is an asset's name, whatever refs are here, for others name those that were fetched. Its blocks are brought.
    """
    if "/" not in target or target.startswith(NAMESPACES):
        cid, commit = resolve_commit(ports.repo, target)
        return f"commit {cid}", commit.tree
    try:
        version = lookup.version(ports, target)
    except NotFound as error:
        raise NotFound(str(error), hint=f"{error.hint} A branch or tag here is heads/… or tags/….") from error
    manifest = model.manifest(ports, version.manifest)
    bring_files(ports, version, manifest)
    return f"{version.asset}, manifest {version.manifest}", manifest.tree


def _asset(ports: Ports, target: str) -> Verification:
    """Re-check a published version.

    1. The manifest's block is the one that the chain names, and well formed.
    2. Every file's blocks are there and are what their CIDs say; where the files are sealed, the sealed file is there,
       and only who has its key can make the checks that follow.
    3. List, count and sizes are those of the tree.
    4. The model's files give the circuit key on chain.
    5. The model's file and the enclaves that may run it give the tee key on chain.
    6. What the manifest says of its files, they say themselves: signature, weights, tables.
    """
    version = lookup.version(ports, target)
    manifest = model.manifest(ports, version.manifest)

    def files() -> str:
        bring_files(ports, version, manifest)
        return f"{manifest.count} files, {manifest.size:,} bytes"

    def tree() -> str:
        manifest.check_tree(ports.objects.get, ports.objects.size)
        return str(manifest.tree)

    def key() -> str:
        circuit = model.check_key(ports, with_key(lambda: model.load(ports, version)), version)
        return f"2^{circuit.k} rows"

    def enclaves() -> str:
        found = tee.check_key(ports, with_key(lambda: model.load(ports, version)), version)
        return "0x" + found.hex()

    def said() -> str:
        try:
            return check_said(ports, manifest)
        except ToolMissing as error:
            raise NotFound(str(error)) from error

    sealed = manifest.sealed is not None
    steps = [Step("the manifest is the one on chain", lambda: str(version.manifest), "the version's CID", HELD)]
    if sealed:
        whole = partial(sealed_file, ports, manifest)
        steps.append(Step("the sealed file is there and intact", whole, "its CID in the manifest", DIGESTS))
    steps += [
        Step("every block of the files is there and intact", files, "their CIDs", DIGESTS, optional=sealed),
        Step("the list of files is the tree's", tree, "the manifest", DIGESTS, optional=sealed),
    ]
    if manifest.zk:
        circuit = "the version's key"
        steps.append(Step("the model's files give the circuit on chain", key, circuit, HELD, optional=sealed))
    if manifest.tee:
        code = "the version's key"
        steps.append(Step("the model's file gives the tee key on chain", enclaves, code, HELD, optional=sealed))
    described = "the manifest's description"
    steps.append(Step("the files are as the manifest describes them", said, described, RECOMPUTED, optional=True))
    return verified(
        Subject(
            target=str(version.asset),
            kind=manifest.kind,
            tier="zk" if manifest.zk else "none",
            steps=tuple(steps),
            who_can_check="its owner, and who was given its key" if sealed else ANYBODY,
            trust="sha2-256",
            guaranteed_by=HELD,
            cost=partial(
                computation,
                DIGEST_BITS,
                "other files under the same CID",
                "the node that was asked tells the chain's truth",
                "sha2-256",
            ),
        )
    )


def _proof(ports: Ports, path: Path, model_name: str | None) -> Verification:
    """Check a proof file against a model.

    1. It is of these ONNX bytes.
    2. Its circuit settings are the ones that the model's publisher registered, when it is a published one.
    3. The proof is true.
    """
    file = ProofFile.from_bytes(ports.files.read(path, MAX_BYTES))
    if model_name is None:
        raise UsageError("a proof file is checked against a model", hint="Add --model MODEL.")
    found = source.load(ports, model_name)

    def settings() -> str:
        if found.settings is None:
            raise NotFound("the model is a local file: the settings are the prover's choice")
        source.check_key(ports, found)
        return equal("settings", sha256(found.settings).digest(), sha256(file.settings).digest())

    def proof() -> str:
        ports.prover.verify(found.onnx, file.settings, Proof(file.proof, file.instances))
        return f"{len(file.proof)} bytes, {len(file.instances)} instances"

    steps = (
        Step(
            "the proof is of this model",
            lambda: equal("sha256", sha256(found.onnx).digest(), bytes.fromhex(file.model)),
            "sha256 of the model's file",
            DIGESTS,
        ),
        Step("the circuit is the published one", settings, "the settings in the manifest", HELD, optional=True),
        Step("the proof is true", proof, "the circuit of the model's file", PROVEN),
    )
    return verified(
        Subject(
            target=str(path),
            kind="proof",
            tier="zk",
            steps=steps,
            who_can_check="anybody with the model's file",
            trust=ZK_TRUST,
            guaranteed_by=TRUSTED[Tier.ZK],
            cost=lambda: verify_cost.of_proof(ports, found.onnx, file.settings),
        )
    )
