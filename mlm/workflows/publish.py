"""`mlm publish`: from a commit to a version on chain. Commit–reveal, so that a copier in the mempool gains nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import PurePosixPath

from mlm.core import key_exchange
from mlm.core import project as project_file
from mlm.core.cid import RAW, Cid
from mlm.core.commitment import vka_digest, zk_key
from mlm.core.digest import domain, keccak256, word, words
from mlm.core.errors import StateConflict, UsageError
from mlm.core.history import Commit, log
from mlm.core.job import Tier
from mlm.core.manifest import KINDS, Manifest, TeeKey, ZkKey
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Step, Store, Tx
from mlm.core.refs import HANDLE, AssetRef
from mlm.ports.bundle import Ports
from mlm.ports.prover import Circuit
from mlm.workflows import content_keys, lookup, sealing
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.model import model_bytes, register_vka
from mlm.workflows.objects import read_file

OPEN, LICENSED = PUBLISHED = ("open", "licensed")  # whoever may read the second may read the first
ZERO = "0x" + "00" * 20
MAX_CALIBRATION_BYTES = 2**28
MAX_EXACT_BYTES = 2**29  # a larger model is not of an exact profile


@dataclass(frozen=True)
class Publish:
    """Parameters of `publish`. `commit` is the commit to publish, `project` the asset's half of its mlm.toml."""

    commit: Cid
    handle: str
    resale_bps: int = 0


@dataclass(frozen=True)
class Published:
    """A published version. `already` says that the chain had it before and nothing was sent."""

    asset: AssetRef
    link: str
    token: str
    version_id: str
    manifest: Cid
    commit: Cid
    use_price: Amount
    royalty_bps: int
    zk_key: bytes | None
    exact_key: bytes | None
    tee_key: bytes | None
    circuit_rows: str | None
    sealed: bool  # its files are encrypted: `mlm licence offer` sells licences
    already: bool


@dataclass(frozen=True)
class _Facts:
    asset: AssetRef
    manifest: Cid
    token_id: int
    use_price: Amount
    royalty_bps: int
    circuit: Circuit | None
    exact: bytes | None
    tee: bytes | None
    sealed: bool


def plan(ports: Ports, params: Publish) -> Plan[_Facts]:
    """Derive the published manifest and its circuit, then: push, register the artefact, commit, reveal.

    Raises UsageError for a bad handle, StateConflict when the handle is somebody else's or the version is taken.
    """
    if not params.handle:
        raise UsageError(
            "no handle is given to publish under",
            hint="Give --handle NAME, or set MLM_HANDLE, or [user] handle in mlm.toml.",
        )
    if not HANDLE.fullmatch(params.handle):
        raise UsageError(f"expected a handle of a-z, 0-9 and -, found {params.handle!r}", hint="Give --handle NAME.")
    owner = _handle_owner(ports, params.handle)
    commit = Commit.from_block(params.commit, ports.objects.get(params.commit))
    draft = Manifest.from_block(commit.manifest, ports.objects.get(commit.manifest))
    _check_access(ports, params.commit, draft)
    extra: list[tuple[Cid, bytes]] = []
    circuit = None
    project = _project(ports, draft)
    if (calibration := _calibration(project)) is not None:
        settings = _settings(ports, draft, calibration)
        circuit = ports.prover.circuit(model_bytes(ports, draft), settings)
        extra.append((Cid.of(RAW, settings), settings))
        draft = replace(draft, zk=_zk(circuit, extra[0][0]))
    tee = _tee_key(ports, draft, project)
    final = replace(draft, commit=params.commit, exact=_exact_key(ports, draft), tee=tee)
    asset = AssetRef(params.handle, final.name, final.version)
    token_id = ports.chain.call("AssetRegistry", "tokenIdOf", params.handle, final.name)
    price = final.price.amount()
    key = content_keys.own(ports, token_id, final.version) if final.access == LICENSED else None
    if key is not None:
        # Planned again after a kill, what stands on the chain already is not sealed anew.
        final = _as_sealed(ports, token_id, final) or sealing.seal(ports, final, key)
    cid, block = final.to_block()
    facts = _Facts(
        asset,
        cid,
        token_id,
        price,
        final.price.royalty_bps,
        circuit,
        final.exact,
        None if tee is None else tee.key,
        key is not None,
    )
    committing = _commit_key(ports, facts, key) if key is not None else ()
    if _published(ports, asset, token_id, cid):
        return Plan("publish", committing, facts)
    what = f"{final.size:,} bytes" + (f", sealed: {final.sealed.size:,}" if final.sealed else "")
    push = Store(f"push {asset} ({what})", cid, (*extra, (cid, block)), pin=True)
    registering = [register_vka(circuit.vka)] if circuit else []
    steps = [push, *registering, *_reveal(ports, params, final, cid, owner), *committing]
    return Plan("publish", tuple(steps), facts)


def _as_sealed(ports: Ports, token_id: int, final: Manifest) -> Manifest | None:
    """The manifest that stands on the chain under this name, where it says what `final` does."""
    taken = ports.chain.call("AssetRegistry", "versionNamed", token_id, final.version)
    if not any(taken):
        return None
    published = sealing.as_published(ports, taken)
    return published if sealing.same_but_sealed(published, final) else None


def _commit_key(ports: Ports, facts: _Facts, key: bytes) -> tuple[Tx, ...]:
    """Binds the publisher to the key under which the version is sealed; nothing to do where that is done."""
    version_id = ports.chain.call("AssetRegistry", "versionIdOf", facts.token_id, facts.manifest.digest)
    if any(ports.chain.call(content_keys.CONTRACT, "digestOf", version_id)):
        return ()
    digest = key_exchange.digest_of(key)
    return (Tx("commit to the content key", Call(content_keys.CONTRACT, "commit", (version_id, digest))),)


def result(ports: Ports, params: Publish, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> Published:
    """The version as the chain has it."""
    facts = plan.facts
    version_id = ports.chain.call("AssetRegistry", "versionIdOf", facts.token_id, facts.manifest.digest)
    return Published(
        asset=facts.asset,
        link=f"mlm://{ports.chain.chain_id()}/{facts.asset}",
        token=f"0x{facts.token_id:064x}",
        version_id="0x" + version_id.hex(),
        manifest=facts.manifest,
        commit=params.commit,
        use_price=facts.use_price,
        royalty_bps=facts.royalty_bps,
        zk_key=zk_key(vka_digest(facts.circuit.vka), facts.circuit.inputs) if facts.circuit else None,
        exact_key=facts.exact,
        tee_key=facts.tee,
        circuit_rows=f"2^{facts.circuit.k}" if facts.circuit else None,
        sealed=facts.sealed,
        already=not done,
    )


def _check_access(ports: Ports, head: Cid, draft: Manifest) -> None:
    """What is published is pushed with its history, readable by everybody or by licence holders: only what is meant
    to be."""
    if draft.access not in PUBLISHED:
        raise UsageError(
            f"expected an asset of access {' or '.join(PUBLISHED)} to publish, found {draft.access}: nothing is kept "
            "back yet",
            hint=f'Set mode = "open" or "licensed" under [access] in {project_file.FILE} and commit, or keep it.',
        )
    fits = PUBLISHED[: PUBLISHED.index(draft.access) + 1]
    for cid, commit in log(ports.objects.get, (head,)):
        before = Manifest.from_block(commit.manifest, ports.objects.get(commit.manifest))
        if before.access not in fits:
            raise UsageError(
                f"expected a history of access {' or '.join(fits)}, which is pushed too, the commit {cid} is "
                f"{before.access}",
                hint="Commit the files in a new project, whose history never held it.",
            )


def _project(ports: Ports, draft: Manifest) -> project_file.Project | None:
    """What the committed mlm.toml of a model says; None for what is no model."""
    if draft.signature is None:
        return None
    text = _committed(ports, draft, project_file.FILE, 2**20)
    return project_file.parse(project_file.read_toml(text, project_file.FILE))


def _tee_key(ports: Ports, draft: Manifest, project: project_file.Project | None) -> TeeKey | None:
    """What is registered for the tier tee, where mlm.toml names the enclaves that may run the model."""
    if project is None or not project.measurements:
        return None
    return TeeKey(sha256(model_bytes(ports, draft)).digest(), project.measurements)


def _calibration(project: project_file.Project | None) -> str | None:
    """The path of the calibration file when the committed mlm.toml asks for the zk tier."""
    if project is None:
        return None
    if project.zk and project.calibration is None:
        raise UsageError(
            "verification.zk needs verification.calibration, a committed file of real inputs; found none",
            hint="Name the file in mlm.toml, `mlm add` it, commit, and publish again.",
        )
    return project.calibration if project.zk else None


def _committed(ports: Ports, draft: Manifest, path: str, max_bytes: int) -> bytes:
    return read_file(ports, draft.file(ports.objects.get, path).cid, max_bytes=max_bytes)


def _settings(ports: Ports, draft: Manifest, calibration: str) -> bytes:
    assert draft.signature is not None
    data = _committed(ports, draft, calibration, MAX_CALIBRATION_BYTES)
    names = tuple(spec.name for spec in draft.signature.inputs)
    sample = ports.tensors.decode(data, PurePosixPath(calibration).suffix, names)
    return ports.prover.settings(model_bytes(ports, draft), sample)


def _zk(circuit: Circuit, settings: Cid) -> ZkKey:
    points = b"".join(word.to_bytes(32, "big") for word in circuit.vka[16:24])
    key = zk_key(vka_digest(circuit.vka), circuit.inputs)
    return ZkKey(settings, key, vka_digest(circuit.vka), circuit.inputs, sha256(points).hexdigest())


def _published(ports: Ports, asset: AssetRef, token_id: int, manifest: Cid) -> bool:
    """Whether this very version stands on chain; raises StateConflict when its name does, for something else."""
    taken = ports.chain.call("AssetRegistry", "versionNamed", token_id, asset.version)
    if not any(taken):
        return False
    if taken != ports.chain.call("AssetRegistry", "versionIdOf", token_id, manifest.digest):
        raise StateConflict(
            f"{asset} is published already, with other content", hint="Raise asset.version in mlm.toml and commit."
        )
    return True


def _handle_owner(ports: Ports, handle: str) -> str:
    """This account's address, or ZERO when nobody has the handle; raises StateConflict when somebody else has it."""
    owner: str = ports.chain.call("AssetRegistry", "handleOwner", handle)
    if owner != ZERO and owner.lower() != ports.sender.address.lower():
        raise StateConflict(f"the handle {handle} belongs to {owner}", hint="Choose another with --handle.")
    return owner


def _reveal(ports: Ports, params: Publish, final: Manifest, manifest: Cid, owner: str) -> list[Step]:
    publication = (
        params.handle,
        final.name,
        final.version,
        KINDS.index(final.kind),
        manifest.digest,
        final.licence,
        int(final.price.amount()),
        final.price.royalty_bps,
        params.resale_bps,
        _parents(ports, final),
        _keys(final),
    )
    salt = ports.system.random(32)
    reveal = Call("AssetRegistry", "publish", (publication, salt))
    # Calldata is selector, offset, salt, publication; abi.encode(publication) is offset 32, publication.
    payload = word(32) + ports.sender.encode(reveal)[4 + 64 :]
    commitment = reveal_commitment(ports, "mlm/publish/1", payload, salt)
    claim = " (claims the handle)" if owner == ZERO else ""
    return [
        Tx("commit to the publication", Call("AssetRegistry", "commit", (commitment,))),
        Tx(f"publish version {final.version}{claim}", reveal),
    ]


def reveal_commitment(ports: Ports, name: str, payload: bytes, salt: bytes) -> bytes:
    """keccak256(abi.encode(domain, chainid, registry, sender, keccak256(payload), salt)), 32 bytes."""
    return keccak256(
        words(
            (
                domain(name),
                ports.chain.chain_id(),
                int(ports.chain.address_of("AssetRegistry"), 16),
                int(ports.sender.address, 16),
                keccak256(payload),
                salt,
            )
        )
    )


def _exact_key(ports: Ports, draft: Manifest) -> bytes | None:
    """What is registered for the tier optimistic: the key of the graph that the model executes, if it is exact."""
    if draft.signature is None or draft.file(ports.objects.get, draft.signature.file).size > MAX_EXACT_BYTES:
        return None
    onnx = model_bytes(ports, draft)
    return ports.exact.graph(onnx).key if ports.exact.is_exact(onnx) else None


def _keys(final: Manifest) -> tuple[tuple[int, bytes], ...]:
    keys = {
        Tier.ZK: final.zk and final.zk.key,
        Tier.OPTIMISTIC: final.exact,
        Tier.TEE: final.tee and final.tee.key,
    }
    return tuple((int(tier), key) for tier, key in keys.items() if key)


def _parents(ports: Ports, final: Manifest) -> tuple[tuple[int, int], ...]:
    return tuple((lookup.version(ports, parent.asset).token_id, parent.bps) for parent in final.parents)


OPERATION = Operation(
    "publish",
    Publish,
    plan,
    result,
    "A published version stays as it is: raise the version in mlm.toml and publish again.",
)
