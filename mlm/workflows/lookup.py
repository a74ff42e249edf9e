"""From the name a user gave to the thing on chain: versions and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.core.job import FINALITY, AuctionKind, State, Tier
from mlm.core.refs import AssetRef, JobRef, Link, SaleRef, TokenRef, parse_job, parse_target
from mlm.core.terms import JobRecord, Terms, terms_from_event, terms_hash
from mlm.ports.bundle import Ports
from mlm.workflows.sync import sync


@dataclass(frozen=True)
class Version:
    """A published version. `manifest` is the CID the chain names; everything else follows from it."""

    asset: AssetRef
    token_id: int
    version_id: str
    manifest: Cid


_WHOLE = 66  # letters of a job's whole id


@dataclass(frozen=True)
class Job:
    """A job as the chain has it now: frozen terms, stored facts, and the state computed from them and the clock."""

    job_id: str
    terms: Terms
    record: JobRecord
    state: State
    finality: str  # of its newest event: included, safe or finalized
    posted_block: int
    submit_tx: str | None

    @property
    def raw(self) -> bytes:
        """The id as the contract takes it."""
        return bytes.fromhex(self.job_id[2:])

    @property
    def short(self) -> str:
        """The id as messages have it; it serves in commands."""
        return self.job_id[:10]

    @property
    def version_id(self) -> str:
        """The version that runs."""
        return self.terms.request.version_id

    @property
    def provider(self) -> str | None:
        """The best bidder so far, then the lease holder."""
        return None if int(self.record.provider, 16) == 0 else self.record.provider

    @property
    def tier(self) -> Tier:
        """How its result is verified."""
        return Tier(self.terms.request.tier)

    @property
    def auction(self) -> AuctionKind:
        """How its provider is found."""
        return AuctionKind(self.terms.request.auction)


def version(ports: Ports, text: str) -> Version:
    """Resolve handle/name[@version], asset/ID, an mlm:// link or a manifest's CID; without a version the newest.

    Raises UsageError for another kind of target, NotFound when it is not on this chain.
    """
    target = parse_target(text)
    if isinstance(target, Link):
        chain_id = ports.chain.chain_id()
        if target.chain_id != chain_id:
            raise UsageError(
                f"{text} is on chain {target.chain_id}, this network is {chain_id}", hint="Choose with --network."
            )
        target = target.asset
    if isinstance(target, JobRef | SaleRef):
        what = "job" if isinstance(target, JobRef) else "sale"
        raise UsageError(f"expected an asset, found the {what} {text}")
    sync(ports)
    rows = ports.state.query("versions", **_filter(ports, target))
    if not rows:
        raise NotFound(f"no published version matches {text}", hint="`mlm search` lists what is published.")
    found = _version(rows[0])
    named = ports.chain.call("AssetRegistry", "versionNamed", found.token_id, found.asset.version)
    if "0x" + named.hex() != found.version_id:
        raise _unlike(str(found.asset))
    return _confirmed(ports, found)


def _filter(ports: Ports, target: AssetRef | TokenRef | Cid) -> dict[str, Any]:
    if isinstance(target, Cid):
        return {"manifest": "0x" + target.digest.hex()}
    if isinstance(target, AssetRef):
        token = ports.chain.call("AssetRegistry", "tokenIdOf", target.handle, target.name)
        return {"token_id": token, "version": target.version}
    found = [row["token_id"] for row in ports.state.query("asset_prefix", prefix=target.token)]
    if len(found) != 1:
        raise NotFound(f"{len(found)} assets start with {target.token}", hint="`mlm asset list` shows their ids.")
    return {"token_id": found[0]}


def _version(row: Mapping[str, Any]) -> Version:
    asset = AssetRef(row["handle"], row["name"], row["version"])
    manifest = Cid(DAG_CBOR, bytes.fromhex(row["manifest"][2:]))
    return Version(asset, int(row["token_id"], 16), row["version_id"], manifest)


def version_by_id(ports: Ports, version_id: str) -> Version:
    """The version with this id; raises NotFound."""
    rows = ports.state.query("versions", version_id=version_id)
    if not rows:
        raise NotFound(f"no version {version_id} on this chain", hint="Run `mlm sync`.")
    return _confirmed(ports, _version(rows[0]))


def _confirmed(ports: Ports, found: Version) -> Version:
    """The index finds, the contract decides: money follows what it says. Raises StateConflict when they differ."""
    on_chain = ports.chain.call("AssetRegistry", "versionOf", bytes.fromhex(found.version_id[2:]))
    if tuple(on_chain) != (found.token_id, found.manifest.digest):
        raise _unlike(str(found.asset))
    return found


def _unlike(what: str) -> StateConflict:
    return StateConflict(f"the local index says otherwise of {what} than the chain", hint="Run `mlm sync --rebuild`.")


def job(ports: Ports, text: str) -> Job:
    """Resolve job/ID or a unique prefix, synced to the chain's head. Raises UsageError, NotFound."""
    ref = parse_job(text)
    sync(ports)
    if len(ref.prefix) == _WHOLE:
        with suppress(NotFound):
            return read_job(ports, ref.prefix)
    found = [row["job_id"] for row in ports.state.query("job_prefix", prefix=ref.prefix)]
    if not found:
        raise NotFound(f"no job starts with {ref.prefix}", hint="`mlm job list` shows the jobs.")
    if len(found) > 1:
        raise UsageError(f"{ref.prefix} matches {len(found)} jobs: {', '.join(found[:4])}", hint="Give more digits.")
    return read_job(ports, found[0])


def posted(ports: Ports, nonce: int) -> str | None:
    """The job that this account has posted with a nonce, in the index; the first, where terms differ."""
    rows = ports.state.query("jobs", consumer=ports.sender.address, nonce=str(nonce))
    return rows[-1]["job_id"] if rows else None


def settled_job(ports: Ports, text: str) -> Job:
    """A job on which money or results may be staked: its newest event stands in a block as settled as asked.

    Raises StateConflict for one that a reorganisation could still change (chain.finality).
    """
    found, wanted = job(ports, text), ports.chain.depth
    if FINALITY.index(found.finality) < FINALITY.index(wanted):
        raise StateConflict(
            f"the newest block of job {found.job_id[:10]} is {found.finality}, expected it {wanted}",
            hint="Wait until the chain has settled it; chain.finality says what mlm waits for.",
        )
    return found


def read_job(ports: Ports, job_id: str) -> Job:
    """A job by its whole id: facts from the contract, terms from the index, which must be those that it froze."""
    rows = ports.state.query("job", job_id=job_id)
    if not rows:
        raise NotFound(f"job {job_id} is not in the index", hint="Run `mlm sync`.")
    row, raw = rows[0], bytes.fromhex(job_id[2:])
    record = JobRecord(*ports.chain.call("JobMarket", "jobOf", raw))
    state = State(ports.chain.call("JobMarket", "stateOf", raw))
    terms = terms_from_event(row["terms"])
    if terms_hash(terms) != record.terms_hash:
        raise _unlike(f"the terms of {job_id}")
    return Job(job_id, terms, record, state, row["finality"], row["block"], row["submitted_tx"])
