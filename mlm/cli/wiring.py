"""The composition root: which adapter stands behind which port. The only one in cli that names adapters."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mlm.config import DEVNET
from mlm.core.errors import ChainError, UsageError, WalletError
from mlm.ports.bundle import Ports

if TYPE_CHECKING:
    from mlm.adapters.chain.deploy import ChainContracts
    from mlm.adapters.chain.read import EthChain
    from mlm.adapters.chain.rpc import Rpc
    from mlm.adapters.chain.send import EthSender
    from mlm.adapters.devnet.supervisor import LocalDevnet
    from mlm.adapters.lines import Lines
    from mlm.cli.context import Session
    from mlm.config import Network
    from mlm.core.money import Unit
    from mlm.ports.repo import Repo, Worktree
    from mlm.ports.settings import Settings
    from mlm.ports.wallet import Faucet, Wallet

GWEI = 10**9
MAX_SETTINGS = 1 << 20  # bytes of a settings file


def ports(session: Session, bare: bool = False, stay: int = 0) -> Ports:
    """Every port, made when first used. `bare`: the chain as it is without the network's deployment.

    `stay`: how many children that run models stay for the next run.
    """
    from mlm.adapters.age import Age
    from mlm.adapters.bids import FileBids
    from mlm.adapters.blocks.archive import CarFiles
    from mlm.adapters.blocks.packs import PackStore
    from mlm.adapters.disk import refuse_links
    from mlm.adapters.ecies import Ecies
    from mlm.adapters.files import DiskFiles
    from mlm.adapters.journal import FileJournal
    from mlm.adapters.repo.origin import FileOrigin
    from mlm.adapters.system import OsSystem
    from mlm.adapters.works import FileWorks
    from mlm.cli import wiring_compute, wiring_paying, wiring_serve, wiring_tee
    from mlm.cli.wiring_remotes import remotes

    config, data = session.config, session.data
    if session.project:
        refuse_links(data)

    def state() -> object:
        from mlm.adapters.state.duckdb import DuckState

        name = config.get("network.default")
        return DuckState(data / ("state.duckdb" if name == DEVNET else f"state-{name}.duckdb"))

    def tensors() -> object:
        from mlm.adapters.onnx.tensors import NumpyTensorCodec

        return NumpyTensorCodec()

    def meter() -> object:
        from mlm.adapters.meter import NumpyMeter
        from mlm.cli.numbers import load_numpy

        load_numpy()
        return NumpyMeter()

    def datasets() -> object:
        from mlm.adapters.datasets.confined import ConfinedDatasets

        folder, limits = session.home / "cache" / "datasets", wiring_compute.bounds(session, "runner")
        return ConfinedDatasets(folder=folder, **limits)

    def algorithms() -> object:
        from mlm.adapters.wasm.confined import ConfinedAlgorithms

        folder, fuel = session.home / "cache" / "algorithms", config.get("runner.fuel") * 10**6
        return ConfinedAlgorithms(folder=folder, fuel=fuel, **wiring_compute.bounds(session, "runner"))

    def croissant() -> object:
        from mlm.adapters.croissant.validator import MlCroissant

        folder, limits = session.home / "cache" / "croissant", wiring_compute.bounds(session, "runner")
        return MlCroissant(folder=folder, **limits)

    def signatures() -> object:
        from mlm.adapters.signatures import OpenSsfSignatures

        return OpenSsfSignatures(session.cwd)

    made = Ports(
        chain=lambda: chain(session, bare),
        contracts=lambda: contracts(session, made),
        sender=lambda: sender(session),
        signer=lambda: made.sender,
        objects=lambda: PackStore(data / "objects"),
        repo=lambda: repo(session),
        origin=lambda: FileOrigin(session.require_project / ".mlm"),
        files=lambda: DiskFiles(session.cwd),
        bids=lambda: FileBids(session.home / "bids"),
        works=lambda: FileWorks(session.home / "worker" / made.sender.address.lower()),
        encryption=Ecies,
        received=lambda: wiring_serve.received(session, made),
        sealing=Age,
        **wiring_paying.factories(session),
        archives=lambda: CarFiles(session.cwd),
        remote=lambda: remotes(session).reader(),
        remotes=lambda: remotes(session),
        prover=lambda: wiring_compute.prover(session),
        runner=lambda: wiring_compute.runner(session, stay),
        exact=lambda: wiring_compute.exact(session),
        lowerer=lambda: wiring_compute.lowerer(session),
        algorithms=algorithms,
        state=state,
        journal=lambda: FileJournal(journal_folder(session)),
        system=OsSystem,
        tensors=tensors,
        datasets=datasets,
        signatures=signatures,
        attestation=lambda: wiring_tee.attestation(session),
        enclave=lambda: wiring_tee.enclave(session),
        attesters=lambda: wiring_tee.attesters(session),
        meter=meter,
        croissant=croissant,
    )
    return made


def release() -> None:
    """A command has ended: `mlm gc` need no longer spare what it relied on."""
    from mlm.adapters.blocks.using import release

    release()


def journal_folder(session: Session) -> Path:
    """Where the operations begun in this project, or outside any, are recorded.

    A journal says what `mlm op resume` signs, so it never lies in the project, which may come from somebody else.
    """
    folder = session.home / "journal"
    if session.project is None:
        return folder
    return folder / sha256(os.fsencode(session.project.resolve())).hexdigest()[:16]


def network(session: Session) -> Network:
    """The chosen network; the devnet's comes from its own folder. Raises UsageError, NotFound."""
    from mlm.config import Network

    name = session.config.get("network.default")
    if name in session.config.networks:
        return session.config.networks[name]
    if name != DEVNET:
        raise UsageError(f"no network is called {name!r}", hint="See `mlm network list` and `mlm network add`.")
    running = devnet(session)
    status = running.status()
    if not status.url:
        raise ChainError("the devnet is down", hint="Run `mlm devnet up`.")
    from mlm.adapters.chain.deployment import load

    recorded = load(running.home.deployment, hint="Run `mlm devnet up`.")
    return Network(DEVNET, (status.url,), recorded.chain_id, str(running.home.deployment))


def unit(session: Session) -> Unit:
    """The unit of the chosen network's token, by its deployment file alone: no node is asked."""
    from mlm.adapters.chain.deployment import unit_of

    chosen = session.config.networks.get(session.config.get("network.default"))
    return unit_of(chosen.deployment if chosen else "")


def chain(session: Session, bare: bool = False) -> EthChain:
    """The chosen network's chain; identity is checked at the first call. `bare`: without its deployment."""
    from mlm.adapters.chain.deployment import Deployment, load
    from mlm.adapters.chain.read import EthChain

    chosen = network(session)
    if bare or not chosen.deployment:  # `mlm network deploy` makes one; until then only what needs no contract works
        return EthChain(node(session, chosen), Deployment(chosen.chain_id, "", 0, {}))
    deployment = load(Path(chosen.deployment), hint=f"`mlm network deploy {chosen.name}` writes one.")
    if deployment.chain_id != chosen.chain_id:
        raise UsageError(f"{chosen.deployment} is of chain {deployment.chain_id}, mlm.toml says {chosen.chain_id}")
    return EthChain(node(session, chosen, deployment.genesis_hash), deployment, session.config.get("chain.finality"))


def each_endpoint(session: Session, chain: EthChain) -> list[EthChain]:
    """The chosen network's chain by each of its endpoints alone; none when there is but one."""
    from dataclasses import replace

    from mlm.adapters.chain.read import EthChain

    chosen, recorded = network(session), chain.deployment
    urls = chosen.rpc if len(chosen.rpc) > 1 else ()
    return [EthChain(node(session, replace(chosen, rpc=(url,)), recorded.genesis_hash), recorded) for url in urls]


def contracts(session: Session, made: Ports) -> ChainContracts:
    """The market's contracts on the chosen network; what is deployed is written where the network is named."""
    from mlm.adapters.chain import deployment, listing
    from mlm.adapters.chain.deploy import ChainContracts
    from mlm.adapters.settings import TomlSettings

    chosen = network(session)

    def keep(found: deployment.Deployment, file: str) -> None:
        origin = Path(chosen.origin)
        deployment.save(Path(file), found)
        TomlSettings(origin).set(f"network.{chosen.name}", {"deployment": relative(Path(file), origin.parent)})
        session.forget()
        trust(session, chosen.name)

    return ChainContracts(cast("EthChain", made.chain), listing.shipped(), keep)


def node(session: Session, chosen: Network, genesis: str = "") -> Rpc:
    """A network's endpoints. None is used before its chain id and genesis hash have been found right."""
    from mlm.adapters.chain.rpc import Identity, Rpc

    return Rpc(
        chosen.rpc,
        timeout=session.config.get("chain.timeout"),
        expected=Identity(chosen.chain_id, genesis),
        advice="Start the bundled chain with `mlm devnet up`."
        if chosen.name == DEVNET
        else f"Check them with `mlm network show --network {chosen.name}`, or add another with `mlm network add`.",
    )


def identify(session: Session, url: str) -> tuple[int, str]:
    """Chain id and genesis hash of whatever answers at a URL; raises ChainError, UsageError."""
    from mlm.adapters.chain.rpc import Rpc

    asked = Rpc(url, timeout=session.config.get("chain.timeout"))
    try:
        found = asked.identity()
    finally:
        asked.close()
    return found.chain_id, found.genesis_hash


def relative(file: Path, folder: Path) -> str:
    """A file's path as a settings file in `folder` names it."""
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file)


def recorded(path: Path) -> tuple[int, str]:
    """Chain id and genesis hash of a deployment file; raises NotFound, InvalidData."""
    from mlm.adapters.chain.deployment import load

    found = load(path)
    return found.chain_id, found.genesis_hash


def sender(session: Session) -> EthSender:
    """The chosen account's sender; asks for its password unless it is one of the devnet's public test accounts."""
    from mlm.adapters.chain.send import EthSender

    name = session.config.get("account")
    if not name:
        raise WalletError("no account is chosen", hint="Give --account NAME; `mlm wallet list` shows the names.")
    accounts = wallet(session)
    account = accounts.find(name)
    if account.source != DEVNET:
        check_trust(session)
    key = accounts.unlock(name, session.password)
    read = cast("EthChain", session.ports.chain)
    config = session.config
    max_fee, max_tip = (int(config.get(f"chain.max_{kind}_gwei") * GWEI) for kind in ("fee", "tip"))
    return EthSender(
        read,
        key,
        max_fee,
        max_tip,
        patience=config.get("chain.wait"),
        depth=config.get("chain.finality"),
        turn=session.home / "turns" / f"{read.deployment.chain_id}-{account.address.lower()}.lock",
    )


def check_trust(session: Session) -> None:
    """Refuse to sign with a real key on a network that only a project's file names, until the user has said yes.

    A cloned project could name a node that claims to be another chain, and have the key sign for it: WalletError.
    """
    chosen = network(session)
    if chosen.name == DEVNET or chosen.origin == str(session.home / "config.toml"):
        return
    if fingerprint(chosen) not in trusted(session).read():
        raise WalletError(
            f"this project's mlm.toml names the network {chosen.name}; you have not said that you trust it",
            hint=f"Look at `mlm network show --network {chosen.name}`, then run `mlm network use {chosen.name}`.",
        )


def trust(session: Session, name: str) -> None:
    """Remember that the user chose a network, as it is described now."""
    chosen = session.config.networks.get(name)
    if chosen is not None and fingerprint(chosen) not in trusted(session).read():
        trusted(session).add(fingerprint(chosen))


def trusted(session: Session, what: str = "networks") -> Lines:
    """The fingerprints of the networks, or remotes, that the user has chosen."""
    from mlm.adapters.lines import Lines

    return Lines(session.home / f"trusted-{what}")


def fingerprint(chosen: Network) -> str:
    """What a network is: its node, its chain, and its contracts."""
    from mlm.adapters.chain.deployment import MAX_BYTES
    from mlm.adapters.disk import read_regular

    try:
        contracts = sha256(read_regular(Path(chosen.deployment), MAX_BYTES)).hexdigest()
    except OSError:
        contracts = "none"
    return sha256("\n".join([*chosen.rpc, str(chosen.chain_id), contracts]).encode()).hexdigest()


def devnet(session: Session) -> LocalDevnet:
    """The bundled chain."""
    from mlm.adapters.devnet.supervisor import LocalDevnet

    return LocalDevnet(session.home / "devnet", session.home / "cache")


def wallet(session: Session) -> Wallet:
    """Keystore accounts, and the devnet's public test accounts on the recorded devnet only."""
    from mlm.adapters.wallet.local import LocalWallet

    return LocalWallet(session.home / "keystore", chain=lambda: session.ports.chain)


def settings_bytes(path: Path) -> bytes:
    """A settings file, which may have come from anybody: small, and no pipe or device. Raises UsageError."""
    from mlm.adapters.disk import read_regular

    try:
        return read_regular(path, MAX_SETTINGS)
    except OSError as error:
        raise UsageError(f"cannot read the settings {path}: {error.strerror}") from error


def settings(session: Session, private: bool = False) -> Settings:
    """The file that commands write settings into: the project's mlm.toml, or MLM_HOME/config.toml outside a project.

    `private`: what must not be published goes into MLM_HOME/config.toml always.
    """
    from mlm.adapters.settings import TomlSettings

    return TomlSettings(
        session.project / "mlm.toml" if session.project and not private else session.home / "config.toml"
    )


def faucet(session: Session) -> Faucet:
    """The devnet's faucet; raises UsageError elsewhere."""
    from mlm.adapters.devnet.market import DevnetFaucet

    if session.config.get("network.default") != DEVNET:
        raise UsageError("only the devnet has a faucet", hint="Ask for tokens on this network by other means.")
    return DevnetFaucet(chain(session))


def repo(session: Session, root: Path | None = None) -> Repo:
    """The project's repository, or the one that is to stand in `root`."""
    from mlm.adapters.repo import open_repo

    return open_repo(session.require_project if root is None else root)


def folder(path: Path) -> Worktree:
    """A folder read as a working tree, such as a template's."""
    from mlm.adapters.repo.worktree import DiskTree

    return DiskTree(path)
