"""The ports that a workflow is given: typed, and made only when first used."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from mlm.ports.algorithms import Algorithms
from mlm.ports.archives import Archives
from mlm.ports.attestation import Attestation
from mlm.ports.attesters import Attesters
from mlm.ports.bids import Bids
from mlm.ports.blocks import Blocks
from mlm.ports.chain import Chain
from mlm.ports.contracts import Contracts
from mlm.ports.croissant import CroissantValidator
from mlm.ports.datasets import Datasets
from mlm.ports.enclave import Enclave
from mlm.ports.encryption import Encryption
from mlm.ports.exact import Exact
from mlm.ports.files import Files
from mlm.ports.journal import Journal
from mlm.ports.lowering import Lowerer
from mlm.ports.meter import Meter
from mlm.ports.model_server import ModelServers
from mlm.ports.origin import Origin
from mlm.ports.prover import Prover
from mlm.ports.remote import Remote, Remotes
from mlm.ports.repo import Repo
from mlm.ports.runner import Runner
from mlm.ports.sealing import Sealing
from mlm.ports.shelf import Shelf
from mlm.ports.signatures import Signatures
from mlm.ports.signer import Recover, Sender, Signer
from mlm.ports.spent import Spent
from mlm.ports.state import State
from mlm.ports.system import System
from mlm.ports.tensors import TensorCodec
from mlm.ports.vouchers import Received
from mlm.ports.works import Works


class Ports:
    """A lazily filled set of ports. Factories are given by name; a missing one raises KeyError, a programming error."""

    def __init__(self, **factories: Callable[[], Any]) -> None:
        self._factories = factories

    def _make(self, name: str) -> Any:
        return self._factories[name]()

    @cached_property
    def chain(self) -> Chain:
        """Reads the chain."""
        return self._make("chain")

    @cached_property
    def contracts(self) -> Contracts:
        """Deploys the market's contracts."""
        return self._make("contracts")

    @cached_property
    def sender(self) -> Sender:
        """Signs and sends for the chosen account."""
        return self._make("sender")

    @cached_property
    def signer(self) -> Signer:
        """Signs messages for the chosen account."""
        return self._make("signer")

    @cached_property
    def state(self) -> State:
        """The local index of the chain."""
        return self._make("state")

    @cached_property
    def objects(self) -> Blocks:
        """Blocks under .mlm/objects."""
        return self._make("objects")

    @cached_property
    def shelf(self) -> Shelf | None:
        """Where what is brought for a while goes; None: among the objects, until `mlm gc`."""
        return self._make("shelf") if "shelf" in self._factories else None

    @cached_property
    def remote(self) -> Remote:
        """Blocks that others can read: of all remotes, the default first, which is the one that is written to."""
        return self._make("remote")

    @cached_property
    def remotes(self) -> Remotes:
        """Remotes by name."""
        return self._make("remotes")

    @cached_property
    def repo(self) -> Repo:
        """The project's history: refs, staging index, working tree."""
        return self._make("repo")

    @cached_property
    def origin(self) -> Origin:
        """Where the project was cloned from."""
        return self._make("origin")

    @cached_property
    def prover(self) -> Prover:
        """Zero-knowledge circuits."""
        return self._make("prover")

    @cached_property
    def algorithms(self) -> Algorithms:
        """Runs WebAssembly modules."""
        return self._make("algorithms")

    @cached_property
    def runner(self) -> Runner:
        """Runs models."""
        return self._make("runner")

    @cached_property
    def exact(self) -> Exact:
        """Runs models of exact profiles."""
        return self._make("exact")

    @cached_property
    def lowerer(self) -> Lowerer:
        """Turns float models into exact ones."""
        return self._make("lowerer")

    @cached_property
    def journal(self) -> Journal:
        """What was planned and done."""
        return self._make("journal")

    @cached_property
    def bids(self) -> Bids:
        """What opens the sealed bids of this machine."""
        return self._make("bids")

    @cached_property
    def works(self) -> Works:
        """What the account's worker keeps: results in hand, measures, causes."""
        return self._make("works")

    @cached_property
    def spent(self) -> Spent:
        """What the payer's accounts have signed for calls of models."""
        return self._make("spent")

    @cached_property
    def received(self) -> Received:
        """The vouchers that this account was given."""
        return self._make("received")

    @cached_property
    def model_servers(self) -> ModelServers:
        """Servers of models, by URL."""
        return self._make("model_servers")

    @cached_property
    def recover(self) -> Recover:
        """Who signed typed data."""
        return self._make("recover")

    @cached_property
    def encryption(self) -> Encryption:
        """Encrypts for one reader."""
        return self._make("encryption")

    @cached_property
    def sealing(self) -> Sealing:
        """Encrypts files."""
        return self._make("sealing")

    @cached_property
    def files(self) -> Files:
        """Files that the user names."""
        return self._make("files")

    @cached_property
    def archives(self) -> Archives:
        """CAR files."""
        return self._make("archives")

    @cached_property
    def system(self) -> System:
        """Clock, randomness, progress."""
        return self._make("system")

    @cached_property
    def tensors(self) -> TensorCodec:
        """Named tensors as file contents and as blocks."""
        return self._make("tensors")

    @cached_property
    def datasets(self) -> Datasets:
        """Describes datasets."""
        return self._make("datasets")

    @cached_property
    def signatures(self) -> Signatures:
        """Signs and verifies the files of models."""
        return self._make("signatures")

    @cached_property
    def attestation(self) -> Attestation:
        """Verifies evidence of trusted hardware."""
        return self._make("attestation")

    @cached_property
    def enclave(self) -> Enclave:
        """Runs models in a trusted execution environment."""
        return self._make("enclave")

    @cached_property
    def attesters(self) -> Attesters:
        """Attesters of the tier tee, by URL."""
        return self._make("attesters")

    @cached_property
    def meter(self) -> Meter:
        """Measures how far two tensors are apart."""
        return self._make("meter")

    @cached_property
    def croissant(self) -> CroissantValidator:
        """Validates descriptions of datasets."""
        return self._make("croissant")
