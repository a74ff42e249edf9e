"""A job's input tensors: committed to as the tier asks, stored plain or encrypted, and fetched by who may read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.core import encryption
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.commitment import NO_SALT
from mlm.core.encryption import Encrypted
from mlm.core.errors import NotFound, StateConflict, VerificationFailed
from mlm.core.job import Tier
from mlm.ports.bundle import Ports
from mlm.workflows import announce, lookup, model, shown_inputs, tiers
from mlm.workflows.objects import fetch as fetch_block
from mlm.workflows.objects import group, here

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

_DO_NOT = "Do not accept: nobody is slashed for an input that could not be executed."


@dataclass(frozen=True)
class Committed:
    """What a posting names: the block that is pushed, and the commitment to what is in it."""

    block: bytes = field(repr=False)
    commitment: bytes

    @property
    def cid(self) -> Cid:
        """Of the block, encrypted where the input is private."""
        return Cid.of(DAG_CBOR, self.block)


@dataclass(frozen=True)
class Received:
    """A job's input, checked. `private`: it travelled encrypted, and so does the result; `salt` is its root's."""

    tensors: Tensors
    private: bool
    salt: bytes = NO_SALT


def commit(ports: Ports, loaded: model.Model, version_id: str, tier: Tier, inputs: Tensors, private: bool) -> Committed:
    """Commit to tensors for a version. A private input is encrypted under a key that this account can make again."""
    rules, block = tiers.of(tier), ports.tensors.to_block(inputs)
    if not private:
        return Committed(block, rules.commitment(ports, loaded, version_id, inputs, block, NO_SALT))
    salt = ports.system.random(encryption.SALT_BYTES)
    key = encryption.content_key(announce.own(ports).secret, salt)
    commitment = rules.commitment(ports, loaded, version_id, inputs, block, encryption.root_salt(key))
    data = ports.encryption.encrypt(key, block, encryption.bound_to(commitment))
    return Committed(Encrypted(salt, data).to_block(), commitment)


def message(ports: Ports, job: lookup.Job) -> Encrypted | None:
    """The encrypted input of a private job, None for a job whose input anybody may read. Raises NotFound."""
    return encryption.read(_block(ports, job))


def _block(ports: Ports, job: lookup.Job) -> bytes:
    with group(ports, job.job_id):
        return fetch_block(ports, Cid(DAG_CBOR, bytes.fromhex(job.terms.request.input[2:])))


def fetch(ports: Ports, job: lookup.Job, loaded: model.Model) -> Received:
    """The input tensors, checked against the model's signature and the input commitment.

    What an accusation shows on chain is taken from there: a consumer cannot hide it. A private input is opened with
    the consumer's own key, or with what was delivered to the lease holder. Raises NotFound for everybody else,
    StateConflict before the delivery, VerificationFailed for what does not open.
    """
    shown = shown_inputs.find(ports, job, loaded)
    block = _block(ports, job) if shown is None else ports.tensors.to_block(shown)
    expected, found, salt = job.terms.request.input_commitment, encryption.read(block), NO_SALT
    if found is not None:
        try:
            key = content_key(ports, job, found)
            block = ports.encryption.decrypt(key, found.data, encryption.bound_to(bytes.fromhex(expected[2:])))
        except VerificationFailed as error:
            raise VerificationFailed(f"the input of {job.short}: {error}", hint=_DO_NOT) from error
        salt = encryption.root_salt(key)
    inputs = ports.tensors.from_block(block)
    model.check_inputs(loaded.manifest, inputs)
    actual = "0x" + tiers.of(job.tier).commitment(ports, loaded, job.version_id, inputs, block, salt).hex()
    if actual != expected:
        raise VerificationFailed(f"the input of {job.short} opens {actual}, the job is for {expected}", hint=_DO_NOT)
    return Received(inputs, found is not None, salt)


def content_key(ports: Ports, job: lookup.Job, found: Encrypted) -> bytes:
    """The key of a private input, for its consumer, who made it, or the lease holder, to whom it was delivered."""
    me = ports.signer.address.lower()
    if me == job.record.consumer.lower():
        return encryption.content_key(announce.own(ports).secret, found.salt)
    if job.provider is None or me != job.provider.lower():
        raise NotFound(
            f"the input of {job.short} is private: its consumer and its lease holder can read it, {me} is neither",
            hint="Choose the account with -a NAME.",
        )
    wrapped = delivered(ports, job)
    if wrapped is None:
        raise StateConflict(
            f"the input of {job.short} is private and its key is not delivered yet: it is the consumer's turn",
            hint=f"Ask {job.record.consumer} to run `mlm job deliver {job.short}`. {_undelivered(ports, job, me)}",
        )
    return encryption.key_from(job.raw, ports.encryption.unwrap(announce.own(ports).secret, wrapped))


def _undelivered(ports: Ports, job: lookup.Job, me: str) -> str:
    if not announce.of(ports, me):
        return "First run `mlm wallet announce`: nobody can encrypt for an account without a key."
    return "Follow it: `mlm job watch`."


def delivered(ports: Ports, job: lookup.Job) -> bytes | None:
    """The key that was delivered to the lease holder last, still wrapped."""
    provider = (job.provider or "").lower()
    rows = [row for row in ports.state.query("input_keys", job_id=job.job_id) if row["provider"] == provider]
    return bytes.fromhex(rows[-1]["wrapped"][2:]) if rows else None


def waits_for_key(ports: Ports, job: lookup.Job) -> bool:
    """Whether the input is private and its key not delivered, as far as this machine knows: it fetches nothing."""
    cid = Cid(DAG_CBOR, bytes.fromhex(job.terms.request.input[2:]))
    with group(ports, job.job_id):
        found = here(ports)
        if not found.has(cid) or encryption.read(found.get(cid)) is None:
            return False
    return delivered(ports, job) is None


def write(ports: Ports, name: str, path: Path) -> None:
    """Write a job's input, fetched and checked against its commitment, to a .npz, .npy or .json file."""
    job = lookup.job(ports, name)
    loaded = model.described(ports, lookup.version_by_id(ports, job.version_id))
    ports.files.write(path, ports.tensors.encode(fetch(ports, job, loaded).tensors, path.suffix))
