"""Private inputs and handed-over outputs among machines that share a chain and a remote, with real cryptography.

Whatever a consumer, a provider or a stranger puts where others look is refused in one line before anybody relies on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from mlm.adapters.ecies import Ecies
from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.adapters.wallet import devnet
from mlm.core import dagcbor, encryption
from mlm.core.cid import DAG_CBOR, DAG_PB, Cid
from mlm.core.commitment import commit_outputs, tensors_root
from mlm.core.encryption import Encrypted
from mlm.core.errors import InvalidData, MlmError, NotFound, StateConflict, UsageError, VerificationFailed
from mlm.core.job import AuctionKind, State, Tier
from mlm.core.manifest import Manifest
from mlm.core.manifest.parts import Signature, Tensor
from mlm.core.terms import JobRecord, Terms, terms_from_event
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.chain import MemoryChain
from mlm.memory.remote import MemoryRemote
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.workflows import announce, inputs, lookup, model, outputs
from mlm.workflows.tiers.unverified import Unverified
from tests.jobs.market import VERSION, terms
from tests.workflows.test_announce import Signer

CONSUMER, PROVIDER, STRANGER = "consumer", "compute-1", "compute-2"
TENSORS = {"x": np.arange(4, dtype=np.float32).reshape(1, 4)}
OTHERS = {"x": np.ones((1, 4), dtype=np.float32)}


def manifest(*shape: int | str) -> Manifest:
    signature = Signature("m", (Tensor("x", "float32", (1, 4)),), (Tensor("y", "float32", shape),), 1, 4)
    return Manifest("model", "net", "1.0.0", Cid.of(DAG_PB, b""), 0, 0, "MIT", signature=signature)


LOADED = model.Model(manifest(1, 2), b"onnx", None)


class Rows:
    """The index, as far as these ask it."""

    def __init__(self) -> None:
        self.input_keys: list[dict[str, Any]] = []
        self.complaints: list[dict[str, Any]] = []
        self.job: list[dict[str, Any]] = [{"result": None}]

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = getattr(self, name)
        return found


@dataclass
class World:
    """A job of the tier none that compute-1 has won."""

    chain: MemoryChain = field(default_factory=MemoryChain)
    remote: MemoryRemote = field(default_factory=MemoryRemote)
    rows: Rows = field(default_factory=Rows)
    keys: dict[str, bytes] = field(default_factory=dict)
    job: lookup.Job = field(init=False)
    seed: int = 0

    def __post_init__(self) -> None:
        self.chain.answers[announce.CONTRACT, "keyOf"] = lambda account: self.keys.get(account.lower(), b"")
        for name in (CONSUMER, PROVIDER):
            self.keys[devnet.address(name).lower()] = announce.own(self.machine(name)).public
        self.job = _job(terms_from_event(terms(AuctionKind.FIXED, "0x" + "00" * 32)))

    def machine(self, name: str) -> Ports:
        self.seed += 1
        objects, system = MemoryBlocks(), MemorySystem(seed=self.seed)
        return Ports(
            chain=lambda: self.chain,
            signer=lambda: Signer(name),
            sender=lambda: Signer(name),
            state=lambda: self.rows,
            objects=lambda: objects,
            remote=lambda: self.remote,
            system=lambda: system,
            encryption=Ecies,
            tensors=NumpyTensorCodec,
        )

    def post(self, tensors: Any = TENSORS, private: bool = True) -> inputs.Committed:
        """The consumer commits and pushes."""
        made = inputs.commit(self.machine(CONSUMER), LOADED, VERSION.version_id, Tier.NONE, tensors, private)
        self.name(made.block, made.commitment)
        return made

    def name(self, block: bytes, commitment: bytes) -> None:
        """The job is for this input."""
        cid = Cid.of(DAG_CBOR, block)
        self.remote.put([(cid, block)])
        digests = {"input": "0x" + cid.digest.hex(), "input_commitment": "0x" + commitment.hex()}
        asked = replace(self.job.terms.request, **digests)
        self.job = replace(self.job, terms=replace(self.job.terms, request=asked))

    def deliver(self, wrapped: bytes | None = None) -> None:
        """The consumer's delivery, or what somebody else has put in its place."""
        if wrapped is None:
            ports = self.machine(CONSUMER)
            message = inputs.message(ports, self.job)
            assert message is not None
            key = encryption.key_for(self.job.raw, inputs.content_key(ports, self.job, message))
            wrapped = Ecies().wrap(self.keys[devnet.address(PROVIDER).lower()], key)
        row = {"provider": devnet.address(PROVIDER).lower(), "wrapped": "0x" + wrapped.hex()}
        self.rows.input_keys = [*self.rows.input_keys, row]

    def hand_over(self, tensors: Any = TENSORS, private: bool = True) -> outputs.HandedOver:
        """The provider commits to outputs and pushes them."""
        made = outputs.hand_over(self.machine(PROVIDER), self.job, tensors, private)
        self.submit(made.block, made.root)
        return made

    def submit(self, block: bytes, root: bytes) -> None:
        """The market has the commitment, the remote this block."""
        cid = Cid.of(DAG_CBOR, block)
        self.remote.put([(cid, block)])
        self.rows.job = [{"result": "0x" + cid.digest.hex()}]
        self.job = replace(self.job, record=replace(self.job.record, output_commitment=commit_outputs(root)))

    def read(self, name: str) -> Any:
        """The input as somebody reads it."""
        return inputs.fetch(self.machine(name), self.job, LOADED)

    def receive(self, name: str) -> outputs.Opened:
        """The outputs as somebody receives them."""
        return Unverified().receive(self.machine(name), self.job)


def _job(found: Terms) -> lookup.Job:
    fields = dict.fromkeys(JobRecord.__dataclass_fields__, 0)
    record = JobRecord(
        **{**fields, "consumer": devnet.address(CONSUMER), "provider": devnet.address(PROVIDER)}  # type: ignore[arg-type]
    )
    request = replace(found.request, version_id=VERSION.version_id, tier=int(Tier.NONE))
    return lookup.Job("0x" + "7a" * 32, replace(found, request=request), record, State.LEASED, "included", 1, None)


@pytest.fixture
def world() -> World:
    return World()


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_consumer_and_lease_holder_read_a_private_input(world: World) -> None:
    made = world.post()
    assert TENSORS["x"].tobytes() not in made.block
    with pytest.raises(StateConflict, match="it is the consumer's turn") as caught:
        world.read(PROVIDER)
    assert f"mlm job deliver {world.job.short}" in caught.value.hint
    world.deliver()
    for name in (CONSUMER, PROVIDER):  # each on a machine that has never seen it
        found = world.read(name)
        assert found.private and found.tensors["x"].tobytes() == TENSORS["x"].tobytes()
    with pytest.raises(NotFound, match="is private"):
        world.read(STRANGER)


def test_a_winner_without_a_key_is_told_to_announce_one(world: World) -> None:
    world.post()
    del world.keys[devnet.address(PROVIDER).lower()]
    with pytest.raises(StateConflict) as caught:
        world.read(PROVIDER)
    assert "mlm wallet announce" in caught.value.hint


def test_a_later_delivery_mends_a_wrong_one(world: World) -> None:
    world.post()
    world.deliver(b"rubbish")
    with pytest.raises(VerificationFailed):
        world.read(PROVIDER)
    world.deliver()
    assert world.read(PROVIDER).private


def test_equal_private_inputs_look_different_and_equal_public_ones_the_same(world: World) -> None:
    private, again = world.post(), world.post()
    assert private.commitment != again.commitment and private.cid != again.cid
    public, same = world.post(private=False), world.post(private=False)
    assert public == same
    assert not world.read(STRANGER).private


def _key_of(world: World) -> tuple[Encrypted, bytes]:
    """The consumer's message and its content key."""
    ports = world.machine(CONSUMER)
    message = inputs.message(ports, world.job)
    assert message is not None
    return message, inputs.content_key(ports, world.job, message)


WRAPS = {
    "rubbish": lambda world, key, reader: b"\x02" * 142,
    "nothing": lambda world, key, reader: b"",
    "of another account": lambda world, key, reader: Ecies().wrap(
        announce.own(world.machine(STRANGER)).public, encryption.key_for(world.job.raw, key)
    ),
    "of another job": lambda world, key, reader: Ecies().wrap(reader, encryption.key_for(bytes(32), key)),
    "of no key": lambda world, key, reader: Ecies().wrap(reader, b"short"),
    "of another key": lambda world, key, reader: Ecies().wrap(reader, encryption.key_for(world.job.raw, bytes(32))),
}


@pytest.mark.parametrize("wrap", list(WRAPS))
def test_a_wrong_delivery_is_refused_in_one_line(world: World, wrap: str) -> None:
    world.post()
    _, key = _key_of(world)
    world.deliver(WRAPS[wrap](world, key, world.keys[devnet.address(PROVIDER).lower()]))
    with pytest.raises(VerificationFailed) as caught:
        world.read(PROVIDER)
    assert str(caught.value).startswith(f"the input of {world.job.short}: ") and "\n" not in str(caught.value)
    assert "Do not accept" in caught.value.hint and key.hex() not in f"{caught.value}{caught.value.hint}"


def _sealed(world: World, plain: bytes, commitment: bytes | None = None) -> bytes:
    """Another plaintext under the very key that was delivered."""
    message, key = _key_of(world)
    about = commitment or bytes.fromhex(world.job.terms.request.input_commitment[2:])
    return Encrypted(message.salt, Ecies().encrypt(key, plain, encryption.bound_to(about))).to_block()


def _hostile(world: World, made: inputs.Committed) -> dict[str, bytes]:
    message, _ = _key_of(world)
    plain = NumpyTensorCodec().to_block(OTHERS)
    return {
        "changed": Encrypted(message.salt, message.data[:-1] + b"\0").to_block(),
        "cut": Encrypted(message.salt, b"").to_block(),
        "of another commitment": _sealed(world, plain, bytes(32)),
        "of other tensors": _sealed(world, plain),
        "no tensors": _sealed(world, dagcbor.encode({"format": "mlm/other/1"})),
        "no block": _sealed(world, b"\xff"),
        "of another shape": _sealed(world, NumpyTensorCodec().to_block({"x": np.ones(3, dtype=np.float32)})),
        "with more fields": dagcbor.encode(
            {"format": encryption.FORMAT, "salt": message.salt, "data": message.data, "wrapped": b"", "more": 1}
        ),
    }


NAMES = [*("changed", "cut", "of another commitment", "of other tensors", "no tensors"), "no block"]


@pytest.mark.parametrize("name", [*NAMES, "of another shape", "with more fields"])
def test_a_hostile_ciphertext_is_refused_in_one_line(world: World, name: str) -> None:
    made = world.post()
    world.deliver()
    world.name(_hostile(world, made)[name], made.commitment)
    with pytest.raises((VerificationFailed, InvalidData)) as caught:
        world.read(PROVIDER)
    assert str(caught.value) and "\n" not in str(caught.value)


def test_a_salt_is_its_authors(world: World) -> None:
    """Whoever was given the key needs none; the consumer, whose key follows from it, is told."""
    made = world.post()
    world.deliver()
    message, _ = _key_of(world)
    world.name(Encrypted(bytes(32), message.data).to_block(), made.commitment)
    assert world.read(PROVIDER).private
    with pytest.raises(VerificationFailed, match="does not open"):
        world.read(CONSUMER)


def test_an_input_near_the_limit_cannot_be_private(world: World) -> None:
    """Its block has 2 MiB at most, encrypted or not."""
    large = {"x": np.zeros((1, (2 * 1024 * 1024 - 150) // 4), dtype=np.float32)}
    world.post(large, private=False)
    with pytest.raises(InvalidData, match="at most 2097152 bytes"):
        world.post(large)


# --- outputs ---------------------------------------------------------------------------------------------------------


def test_consumer_and_provider_receive_private_outputs(world: World) -> None:
    with pytest.raises(StateConflict, match="no result yet"):
        world.receive(CONSUMER)
    made = world.hand_over()
    block = NumpyTensorCodec().to_block(TENSORS)
    assert block not in made.block and made.root != tensors_root(bytes(32), block)
    assert world.receive(CONSUMER) == world.receive(PROVIDER)
    assert world.receive(CONSUMER).block == block
    with pytest.raises(NotFound, match="is private"):
        world.receive(STRANGER)
    world.hand_over(private=False)
    assert world.receive(STRANGER) == outputs.Opened(block, bytes(32))


def test_an_answer_is_read_by_everybody(world: World) -> None:
    world.hand_over()
    shown = world.receive(PROVIDER)
    hexed = {"outputs": "0x" + shown.block.hex(), "salt": "0x" + shown.salt.hex()}
    world.rows.complaints = [{"change": "filed"}, {"change": "answered", **hexed}]
    world.remote = MemoryRemote()
    assert world.receive(STRANGER) == shown


def test_outputs_that_are_not_those_of_the_commitment(world: World) -> None:
    made, other = world.hand_over(private=False), NumpyTensorCodec().to_block(OTHERS)
    world.submit(other, made.root)
    with pytest.raises(VerificationFailed, match="the provider committed to"):
        world.receive(CONSUMER)
    private = world.hand_over()
    message = encryption.read(private.block)
    assert message is not None
    for changed in (
        replace(message, wrapped=b""),
        replace(message, wrapped=message.wrapped[:-1] + b"\0"),
        replace(message, data=message.data[:-1] + b"\0"),
        replace(message, data=b""),
    ):
        world.submit(changed.to_block(), private.root)
        with pytest.raises(VerificationFailed):
            world.receive(CONSUMER)


def test_what_was_never_pushed_is_not_found(world: World) -> None:
    world.hand_over()
    world.remote = MemoryRemote()
    with pytest.raises(NotFound, match="neither here nor on the remote"):
        world.receive(CONSUMER)


def test_outputs_that_could_not_be_shown_are_not_handed_in(world: World) -> None:
    ports = world.machine(PROVIDER)
    with pytest.raises(InvalidData, match="at most 8192 bytes") as caught:
        outputs.hand_over(ports, world.job, {"y": np.zeros(2048, dtype=np.float32)}, False)
    assert "Do not accept" in caught.value.hint
    outputs.hand_over(ports, world.job, {"y": np.zeros(2000, dtype=np.float32)}, False)


@pytest.mark.parametrize(
    ("shape", "size"), [((1, 2), 8), ((), 4), (("batch", 2), None), ((0,), 0), ((1, 50_000), 200_000)]
)
def test_what_a_signature_says_of_the_size(shape: tuple[int | str, ...], size: int | None) -> None:
    found = manifest(*shape)
    assert outputs.known_size(found) == size
    if (size or 0) <= outputs.MAX_BYTES:
        outputs.check_fits(found)
    else:
        with pytest.raises(UsageError, match=r"net@1\.0\.0 has 200000"):
            outputs.check_fits(found)


def test_a_consumer_without_a_key_cannot_be_sent_a_private_result(world: World) -> None:
    del world.keys[devnet.address(CONSUMER).lower()]
    with pytest.raises(StateConflict, match="has announced no key") as caught:
        world.hand_over()
    assert "wallet announce" in caught.value.hint
    world.keys[devnet.address(CONSUMER).lower()] = b"\x02" + bytes(31) + b"\x05"  # no contract would have taken it
    with pytest.raises(MlmError, match="compressed point"):
        world.hand_over()
