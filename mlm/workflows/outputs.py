"""The outputs of a job of the tier none: committed to, handed over by content address, and received.

A job's input says whether they travel encrypted. What an answer to a complaint cannot show is never handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from mlm.core import encryption
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.commitment import NO_SALT, tensors_root
from mlm.core.encryption import Encrypted
from mlm.core.errors import InvalidData, NotFound, StateConflict, UsageError
from mlm.core.tensors import ITEM_BYTES
from mlm.ports.bundle import Ports
from mlm.workflows import announce, lookup, proof_log
from mlm.workflows.objects import fetch

if TYPE_CHECKING:
    from mlm.core.manifest import Manifest
    from mlm.ports.tensors import Tensors

MAX_BYTES = 8192  # Unverified.sol's: of the block of tensors


@dataclass(frozen=True)
class HandedOver:
    """What a submission names: the root in the evidence, and the block that the consumer fetches."""

    root: bytes
    block: bytes = field(repr=False)

    @property
    def cid(self) -> Cid:
        """Of the block, encrypted where the job is private."""
        return Cid.of(DAG_CBOR, self.block)


@dataclass(frozen=True)
class Opened:
    """The block of tensors that the output commitment binds, with its salt: what an answer shows."""

    block: bytes = field(repr=False)
    salt: bytes


def known_size(found: Manifest) -> int | None:
    """Bytes of a model's outputs, without the names and shapes beside them; None where a size is not fixed."""
    assert found.signature is not None
    sizes = [(spec.shape, ITEM_BYTES.get(spec.dtype)) for spec in found.signature.outputs]
    if any(item is None or not all(isinstance(axis, int) for axis in shape) for shape, item in sizes):
        return None
    return sum(prod(int(axis) for axis in shape) * (item or 0) for shape, item in sizes)


def check_fits(found: Manifest) -> None:
    """Raises UsageError for a model whose outputs the tier none cannot take."""
    size = known_size(found)
    if size is not None and size > MAX_BYTES:
        raise UsageError(
            f"the tier none takes outputs of at most {MAX_BYTES} bytes, {found.name}@{found.version} has {size}: "
            "more could not be shown on chain when a consumer complains",
            hint="Export the model with a smaller output (a class, the best few), or use --tier zk.",
        )


def to_block(ports: Ports, outputs: Tensors) -> bytes:
    """The canonical block of a run's outputs; raises InvalidData when an answer could not show it."""
    block = ports.tensors.to_block(outputs)
    if len(block) > MAX_BYTES:
        raise InvalidData(
            f"expected outputs of at most {MAX_BYTES} bytes, found {len(block)}: a complaint could not be answered",
            hint="Do not accept: nobody is slashed for a job that was not accepted.",
        )
    return block


def hand_over(ports: Ports, job: lookup.Job, outputs: Tensors, private: bool) -> HandedOver:
    """Commit to outputs, encrypted for the consumer where the job is private; this account can read them too."""
    salt = ports.system.random(encryption.SALT_BYTES) if private else b""
    return covered(ports, job, to_block(ports, outputs), salt)


def root_salt(ports: Ports, salt: bytes) -> bytes:
    """What the root of outputs is salted with, that `covered` encrypts under the same salt."""
    return encryption.root_salt(encryption.content_key(announce.own(ports).secret, salt)) if salt else NO_SALT


def covered(ports: Ports, job: lookup.Job, block: bytes, salt: bytes) -> HandedOver:
    """Commit to a block of outputs; with a salt it is encrypted for the consumer under the key that the salt gives."""
    if not salt:
        return HandedOver(tensors_root(NO_SALT, block), block)
    key = encryption.content_key(announce.own(ports).secret, salt)
    data = ports.encryption.encrypt(key, block, encryption.bound_to(job.raw))
    wrapped = ports.encryption.wrap(readers_key(ports, job), encryption.key_for(job.raw, key))
    return HandedOver(tensors_root(encryption.root_salt(key), block), Encrypted(salt, data, wrapped).to_block())


def readers_key(ports: Ports, job: lookup.Job) -> bytes:
    """The consumer's announced key; raises StateConflict where there is none: the result could not be delivered."""
    key = announce.of(ports, job.record.consumer)
    if not key:
        raise StateConflict(
            f"job {job.short} is private, and its consumer {job.record.consumer} has announced no key",
            hint="Do not accept. Ask it to run `mlm wallet announce`.",
        )
    return key


def encryption_of(block: bytes) -> Encrypted | None:
    """What encrypts a block of outputs; None where anybody can read it."""
    return encryption.read(block)


def is_private(ports: Ports, job: lookup.Job) -> bool:
    """Whether the result is encrypted. Raises NotFound, and StateConflict before there is one."""
    return encryption.read(result_block(ports, job)) is not None


def answers(ports: Ports, job: lookup.Job) -> list[dict[str, Any]]:
    """The answers to complaints about a job, as the index has them."""
    return [row for row in ports.state.query("complaints", job_id=job.job_id) if row["change"] == "answered"]


def handed_over(ports: Ports, job: lookup.Job) -> Opened:
    """The block that was handed over, decrypted where it is encrypted: what it opens is to be checked.

    Raises StateConflict before there is a result, NotFound where the block is nowhere or not for this account.
    """
    return opened(ports, job, result_block(ports, job))


def opened(ports: Ports, job: lookup.Job, block: bytes) -> Opened:
    """A block of outputs, decrypted where it is encrypted. Raises NotFound where it is not for this account."""
    message, salt = encryption.read(block), NO_SALT
    if message is not None:
        key = _content_key(ports, job, message)
        block = ports.encryption.decrypt(key, message.data, encryption.bound_to(job.raw))
        salt = encryption.root_salt(key)
    return Opened(block, salt)


def result_block(ports: Ports, job: lookup.Job) -> bytes:
    """The block that a submission names. Raises StateConflict before there is one, NotFound."""
    return fetch(ports, _cid(ports, job))


def _content_key(ports: Ports, job: lookup.Job, message: Encrypted) -> bytes:
    """For the consumer, for whom it is wrapped, or the provider, who made it."""
    me, keys = ports.signer.address.lower(), announce.own(ports)
    if me == job.record.consumer.lower():
        return encryption.key_from(job.raw, ports.encryption.unwrap(keys.secret, message.wrapped))
    if job.provider is not None and me == job.provider.lower():
        return encryption.content_key(keys.secret, message.salt)
    raise NotFound(
        f"the result of {job.short} is private: its consumer and its provider can read it, {me} is neither",
        hint="Choose the account with -a NAME.",
    )


def _cid(ports: Ports, job: lookup.Job) -> Cid:
    rows = ports.state.query("job", job_id=job.job_id)
    if not rows or not rows[0]["result"]:
        raise proof_log.no_result(job)
    return Cid(DAG_CBOR, bytes.fromhex(rows[0]["result"][2:]))
