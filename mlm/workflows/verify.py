"""`mlm verify`: every check that anybody can make of a job, an asset or a proof file. Never sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from mlm.core.cid import Cid
from mlm.core.commitment import Evidence, encode_evidence, output_commitment, vka_digest, zk_key
from mlm.core.digest import keccak256, word
from mlm.core.errors import (
    ChainError,
    MlmError,
    NotFound,
    StorageError,
    ToolMissing,
    UsageError,
    VerificationFailed,
)
from mlm.core.evidence import SUFFIX
from mlm.core.job import State, Tier
from mlm.core.proof import MAX_BYTES, ProofFile
from mlm.core.refs import JobRef, parse_target
from mlm.core.terms import terms_from_event
from mlm.ports.bundle import Ports
from mlm.ports.prover import Proof
from mlm.ports.signatures import SignedFiles
from mlm.workflows import dispute_look, inputs, lookup, model, outputs, proof_log, source, tiers
from mlm.workflows.describe import check_said
from mlm.workflows.events import decode
from mlm.workflows.job_result import submitted_evidence
from mlm.workflows.repository import NAMESPACES, resolve_commit, shown_path
from mlm.workflows.sign import ALL_PATHS, digests, is_git_path
from mlm.workflows.tiers.rules import claim
from mlm.workflows.tiers.unverified import Unverified
from mlm.workflows.verify_files import bring_files, sealed_file, with_key


@dataclass(frozen=True)
class Check:
    """One numbered check. `passed` is None when it could not be made, and `found` says why."""

    number: int
    check: str
    passed: bool | None
    found: str


@dataclass(frozen=True)
class Verification:
    """What was checked. `verified`: no check failed. `complete`: every check could be made, the optional ones too."""

    target: str
    kind: str
    tier: str = field(metadata={"quiet": "none"})
    verified: bool
    complete: bool
    who_can_check: str
    trust: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class _Step:
    """A check to make: `run` returns what it found, or raises; `optional` ones may be impossible."""

    check: str
    run: Callable[[], str]
    optional: bool = False


MAX_SIGNATURE = 1 << 24  # bytes of a signature's file
_SHOWN = 8  # paths that a line names
_TRUE_SIGNATURE = "the signature is true and by this key"
ANYBODY = "anybody with the chain and the model's files"
ZK_TRUST = "mathematics, and that the SRS's secret was destroyed"
NOBODY = "nobody: the tier none promises that a result is delivered, not that it is true"
OPTIMISTIC_CHECKERS = "anybody who can read the input and the model's files, within the verification window"
OPTIMISTIC_TRUST = "one honest watcher who re-executes, and a chain that takes its challenge in time"
NONE_TRUST = "the provider's reputation"


def verify(ports: Ports, target: str, *, model_name: str | None = None) -> Verification:
    """Check a proof file, a job, a published asset, or evidence of a paid call. Raises UsageError, NotFound."""
    path = Path(target)
    if path.suffix == SUFFIX:
        from mlm.workflows import verify_served

        return verify_served.verify(ports, path, model_name)
    if path.suffix == ".json" or (ports.files.exists(path) and not ports.files.is_folder(path)):
        return _proof(ports, path, model_name)
    if model_name is not None:
        raise UsageError("--model goes with a proof file; a job names its model itself")
    if isinstance(parse_target(target), JobRef):
        return _job(ports, target)
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
        steps = (_Step(_TRUE_SIGNATURE, partial(_refuse, error)),)
    checks = tuple(_make(steps))
    who, trust = "anybody with the signer's public key", "whose key it is"
    return Verification(what, "signature", "none", *_all(checks), who, trust, checks)


def _refuse(error: VerificationFailed) -> str:
    raise error


def _signature_steps(ports: Ports, tree: Cid, signed: SignedFiles) -> tuple[_Step, ...]:
    files = digests(ports.objects.get, tree)

    def covered() -> str:
        if unsigned := sorted(files.keys() - signed.files.keys()):
            raise VerificationFailed(_unsigned(unsigned))
        for path in sorted(files):
            _equal(shown_path(path), signed.files[path], files[path])
        return f"{len(files)} files"

    def complete() -> str:
        if missing := sorted(signed.files.keys() - files.keys()):
            raise VerificationFailed(f"{shown_path(missing[0][:200])} is signed and not there")
        return f"{len(signed.files)} files"

    return (
        _Step(_TRUE_SIGNATURE, lambda: "yes"),
        _Step("every file is signed as it is", covered),
        _Step("every signed file is there", complete),
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


def _job(ports: Ports, target: str) -> Verification:
    """Re-check a job from the chain's data and the model's files alone.

    1. The frozen terms hash to what the market stores.
    2. The model's files give the circuit key that the terms froze.
    3. The deployed verifier accepts the submitted evidence for these terms.
    4. This machine's own verifier accepts the proof.
    5. The outputs give the output commitment on chain.
    6. The input block opens the input commitment.
    7. The market has accepted the result.
    """
    job = lookup.job(ports, target)
    if job.tier is Tier.NONE:
        return _unverified(ports, job)
    if job.tier is Tier.OPTIMISTIC:
        return _traced(ports, job)
    evidence = submitted_evidence(ports, job)
    version = lookup.version_by_id(ports, job.version_id)
    loaded = model.load(ports, version)

    def terms() -> str:
        return _equal("termsHash", job.record.terms_hash, posted_terms_hash(ports, job))

    def key() -> str:
        model.check_key(ports, loaded, version)
        expected = bytes.fromhex(job.terms.snapshot.key[2:])
        return _equal("key", expected, zk_key(vka_digest(evidence.vka), evidence.inputs))

    def result() -> str:
        return _equal(
            "commitment", job.record.output_commitment, output_commitment(evidence.instances[evidence.inputs :])
        )

    steps = (
        _Step("the terms are the ones that were posted", terms),
        _Step("the model's files give the circuit on chain", key),
        _Step("the deployed verifier accepts the evidence", lambda: _on_chain(ports, job, evidence)),
        _Step("the proof is true by this machine's verifier", lambda: _native(ports, loaded, evidence)),
        _Step("the outputs are the committed ones", result),
        _Step("the input is the committed one", lambda: _input(ports, job, loaded), optional=True),
        _Step("the market accepted the result", lambda: _state(job)),
    )
    checks = tuple(_make(steps))
    return Verification(f"job/{job.job_id}", "job", str(job.tier), *_all(checks), ANYBODY, ZK_TRUST, checks)


def _input(ports: Ports, job: lookup.Job, loaded: model.Model) -> str:
    """A private input is its readers' to check: no key is asked for here."""
    if inputs.message(ports, job) is not None:
        raise NotFound("the input is private: `mlm lease show JOB --input FILE` checks it, for its readers")
    inputs.fetch(ports, job, loaded)
    return job.terms.request.input_commitment


def _unverified(ports: Ports, job: lookup.Job) -> Verification:
    """What can be checked of a job that nobody verifies: what was agreed, and what was delivered.

    1. The frozen terms hash to what the market stores.
    2. The input block opens the input commitment.
    3. The outputs that were handed over open the output commitment. Whether they are true, nothing says.
    4. The market has accepted the result.
    """
    if job.submit_tx is None:
        raise proof_log.no_result(job)
    loaded = model.described(ports, lookup.version_by_id(ports, job.version_id))

    def delivered() -> str:
        if not outputs.answers(ports, job) and outputs.is_private(ports, job):
            raise NotFound("the outputs are private: `mlm job result JOB` checks them, for their readers")
        return f"{len(Unverified().receive(ports, job).block)} bytes"

    steps = (
        _Step(
            "the terms are the ones that were posted",
            lambda: _equal("termsHash", job.record.terms_hash, posted_terms_hash(ports, job)),
        ),
        _Step("the input is the committed one", lambda: _input(ports, job, loaded), optional=True),
        _Step("the outputs are the committed ones", delivered, optional=True),
        _Step("the market accepted the result", lambda: _state(job)),
    )
    checks = tuple(_make(steps))
    return Verification(f"job/{job.job_id}", "job", str(job.tier), *_all(checks), NOBODY, NONE_TRUST, checks)


def _traced(ports: Ports, job: lookup.Job) -> Verification:
    """Re-check a job whose provider has committed to every number of its run.

    1. The frozen terms hash to what the market stores.
    2. The model's file executes the graph whose key the terms froze, and passes the graph's checks.
    3. What the provider committed to gives the output commitment on chain.
    4. The input block opens the input commitment.
    5. Every number of the run is the one that this machine computes.
    6. The outputs that were handed over are the committed ones.
    7. The market has accepted the result.
    """
    case = dispute_look.case(ports, job.job_id)
    version = lookup.version_by_id(ports, job.version_id)
    loaded = model.load(ports, version)

    def graph() -> str:
        tiers.of(job.tier).check(ports, loaded, version)
        return _equal("key", bytes.fromhex(job.terms.snapshot.key[2:]), case.claimed.key)

    def same() -> str:
        node = case.difference
        if node is not None:
            operator = case.own.graph.nodes[node].op.name
            raise VerificationFailed(f"node {node} ({operator}) is the first that differs")
        return f"{len(case.claimed.roots)} tensors"

    steps = (
        _Step(
            "the terms are the ones that were posted",
            lambda: _equal("termsHash", job.record.terms_hash, posted_terms_hash(ports, job)),
        ),
        _Step("the model's file gives the graph on chain", graph),
        _Step(
            "the trace gives the output on chain",
            lambda: _equal("commitment", job.record.output_commitment, case.claimed.output_commitment),
        ),
        _Step("the input is the committed one", lambda: _input(ports, job, loaded)),
        _Step("every number of the run follows", same),
        _Step(
            "the outputs are the committed ones",
            lambda: f"{len(tiers.delivering(job.tier).receive(ports, job).block)} bytes",
            optional=True,
        ),
        _Step("the market accepted the result", lambda: _state(job)),
    )
    checks = tuple(_make(steps))
    return Verification(
        f"job/{job.job_id}", "job", str(job.tier), *_all(checks), OPTIMISTIC_CHECKERS, OPTIMISTIC_TRUST, checks
    )


def posted_terms_hash(ports: Ports, job: lookup.Job) -> bytes:
    """keccak256(abi.encode(terms)) of the terms in the JobPosted log, which must also be the ones the index holds."""
    for found in decode(ports, tuple(ports.chain.logs(job.posted_block, job.posted_block))):
        if found.name == "JobPosted" and found.args["jobId"] == job.job_id:
            if terms_from_event(found.args["terms"]) != job.terms:
                raise VerificationFailed("the local index holds other terms than the chain; run `mlm sync --rebuild`")
            # The log's data is abi.encode(nonce, terms): two words, then what abi.encode(terms) has after its offset.
            return keccak256(word(32) + found.log.data[64:])
    raise VerificationFailed(f"block {job.posted_block} holds no JobPosted of {job.job_id}")


def _on_chain(ports: Ports, job: lookup.Job, evidence: Evidence) -> str:
    verdict, commitment = ports.chain.call("ZkVerifier", "check", claim(job), encode_evidence(evidence))
    _equal("commitment", job.record.output_commitment, commitment)
    return f"verdict {verdict}"


def _native(ports: Ports, loaded: model.Model, evidence: Evidence) -> str:
    ports.prover.verify(loaded.onnx, model.zk_settings(loaded), Proof(evidence.proof, evidence.instances))
    return f"{len(evidence.proof)} bytes"


def _state(job: lookup.Job) -> str:
    if job.state is not State.ACCEPTED:
        raise VerificationFailed(f"expected accepted, found {job.state}")
    return "accepted" + (", settled" if job.record.settled_at else "")


def _asset(ports: Ports, target: str) -> Verification:
    """Re-check a published version.

    1. The manifest's block is the one that the chain names, and well formed.
    2. Every file's blocks are there and are what their CIDs say; where the files are sealed, the sealed file is there,
       and only who has its key can make the checks that follow.
    3. List, count and sizes are those of the tree.
    4. The model's files give the circuit key on chain.
    5. What the manifest says of its files, they say themselves: signature, weights, tables.
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

    def said() -> str:
        try:
            return check_said(ports, manifest)
        except ToolMissing as error:
            raise NotFound(str(error)) from error

    sealed = manifest.sealed is not None
    steps = [_Step("the manifest is the one on chain", lambda: str(version.manifest))]
    if sealed:
        steps.append(_Step("the sealed file is there and intact", lambda: sealed_file(ports, manifest)))
    steps += [
        _Step("every block of the files is there and intact", files, optional=sealed),
        _Step("the list of files is the tree's", tree, optional=sealed),
    ]
    if manifest.zk:
        steps.append(_Step("the model's files give the circuit on chain", key, optional=sealed))
    steps.append(_Step("the files are as the manifest describes them", said, optional=True))
    checks = tuple(_make(tuple(steps)))
    tier = "zk" if manifest.zk else "none"
    who = "its owner, and who was given its key" if sealed else ANYBODY
    return Verification(str(version.asset), manifest.kind, tier, *_all(checks), who, "sha2-256", checks)


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
        return _equal("settings", sha256(found.settings).digest(), sha256(file.settings).digest())

    def proof() -> str:
        ports.prover.verify(found.onnx, file.settings, Proof(file.proof, file.instances))
        return f"{len(file.proof)} bytes, {len(file.instances)} instances"

    steps = (
        _Step(
            "the proof is of this model",
            lambda: _equal("sha256", sha256(found.onnx).digest(), bytes.fromhex(file.model)),
        ),
        _Step("the circuit is the published one", settings, optional=True),
        _Step("the proof is true", proof),
    )
    checks = tuple(_make(steps))
    return Verification(str(path), "proof", "zk", *_all(checks), "anybody with the model's file", ZK_TRUST, checks)


def _make(steps: tuple[_Step, ...]) -> Iterator[Check]:
    """Make the checks in order. A failed check fails; one that cannot be made fails too, unless it is optional."""
    for number, step in enumerate(steps, 1):
        check = Check(number, step.check, True, "")
        try:
            yield replace(check, found=step.run())
        except (ChainError, StorageError, ToolMissing):
            raise  # a dead node or a missing tool says nothing about what is checked
        except NotFound as error:
            yield replace(check, passed=None if step.optional else False, found=str(error))
        except MlmError as error:
            yield replace(check, passed=False, found=str(error))


def _all(checks: tuple[Check, ...]) -> tuple[bool, bool]:
    """Whether none failed, and whether every one was made and passed."""
    return all(check.passed is not False for check in checks), all(check.passed is True for check in checks)


def _equal(what: str, expected: bytes, actual: bytes) -> str:
    if expected != actual:
        raise VerificationFailed(f"{what}: expected 0x{expected.hex()}, found 0x{actual.hex()}")
    return "0x" + actual.hex()
