"""One table of settings: key, type, default, environment variable, help. mlm.toml.example is generated from it.

Order, later wins: defaults, MLM_HOME/config.toml, the project's mlm.toml, the environment, the command line. A project
may have come from somebody else: what protects its user's money and machine it may only make stricter.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlm.core import project
from mlm.core.errors import UsageError
from mlm.core.remote_settings import Remote, read_remotes, tables
from mlm.setting import Setting
from mlm.setting_rows import SERVE, TEE, WORKER

_NETWORK_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
DEVNET = "devnet"  # the bundled chain's name; reserved

SETTINGS: tuple[Setting, ...] = (
    Setting("account", str, "", "MLM_ACCOUNT", "The account that signs: a keystore name, or a devnet account's name."),
    Setting(
        "password_file",
        str,
        "",
        "MLM_PASSWORD_FILE",
        "File that holds the keystore's password.",
        project="never",
    ),
    Setting("user.name", str, "", "MLM_AUTHOR", "The author written into commits; empty: the account's name."),
    Setting("user.handle", str, "", "MLM_HANDLE", "The handle to publish under, e.g. alice."),
    Setting(
        "remote.default",
        str,
        "",
        "MLM_REMOTE",
        "The remote that is pushed to: a name of [remote.NAME], or a folder; empty: origin, else the network's own.",
    ),
    Setting(
        "remote.timeout",
        float,
        30.0,
        "MLM_REMOTE_TIMEOUT",
        "Seconds in which a remote must have sent a block; then the next is asked.",
    ),
    Setting(
        "remote.max_gb",
        float,
        100.0,
        "MLM_REMOTE_MAX_GB",
        "Never receive more than this at a time, in gigabytes.",
        project="lower",
    ),
    Setting(
        "network.default", str, "devnet", "MLM_NETWORK", "The network to use: devnet, or a name of [network.NAME]."
    ),
    Setting("chain.timeout", float, 20.0, "MLM_CHAIN_TIMEOUT", "Seconds to wait for one answer of the node."),
    Setting("chain.wait", float, 120.0, "MLM_CHAIN_WAIT", "Seconds to wait for a transaction to be included."),
    Setting(
        "chain.max_fee_gwei",
        float,
        200.0,
        "MLM_MAX_FEE_GWEI",
        "Never offer more than this for a unit of gas.",
        project="lower",
    ),
    Setting(
        "chain.max_tip_gwei",
        float,
        5.0,
        "MLM_MAX_TIP_GWEI",
        "Of that, never more for the maker of the block.",
        project="lower",
    ),
    Setting(
        "chain.finality",
        str,
        "included",
        "MLM_FINALITY",
        "How settled a block must be before money or results follow it: included, safe or finalized.",
        ("included", "safe", "finalized"),
        project="later",
    ),
    Setting(
        "runner.provider",
        str,
        "auto",
        "MLM_RUNNER",
        "ONNX Runtime's execution provider: auto, cuda or cpu.",
        ("auto", "cuda", "cpu"),  # the memory limit holds on a CPU alone
        project="later",
    ),
    Setting("runner.threads", int, 0, "MLM_THREADS", "Threads of ONNX Runtime; 0: its own choice.", project="never"),
    Setting(
        "runner.memory_mb",
        int,
        4096,
        "MLM_RUNNER_MEMORY_MB",
        "Memory limit of running a model on a CPU, in MiB.",
        project="lower",
    ),
    Setting(
        "runner.timeout",
        float,
        120.0,
        "MLM_RUNNER_TIMEOUT",
        "Time limit of running a model, in seconds.",
        project="lower",
    ),
    Setting(
        "runner.fuel", int, 10_000, "MLM_FUEL", "Millions of instructions of one WebAssembly run.", project="lower"
    ),
    Setting(
        "runner.sandbox",
        str,
        "auto",
        "MLM_SANDBOX",
        "What confines models, proofs and foreign files: auto (the strictest there is), bubblewrap, landlock or none.",
        ("none", "auto", "landlock", "bubblewrap"),  # from lax to strict
        project="later",
    ),
    Setting(
        "runner.engine",
        str,
        "local",
        "MLM_ENGINE",
        "Where models run and proofs are made: local, or ray, a cluster of your own machines.",
        ("local", "ray"),
        project="never",
    ),
    Setting("runner.ray_address", str, "", "MLM_RAY_ADDRESS", "HOST:PORT of that Ray cluster's head.", project="never"),
    Setting(
        "runner.ray_cpus", float, 1.0, "MLM_RAY_CPUS", "CPUs that one run or proof takes of a node.", project="never"
    ),
    Setting(
        "runner.ray_folder",
        str,
        "~/.mlm/cache/ray",
        "MLM_RAY_FOLDER",
        "Folder on each node for SRS files, circuits and keys.",
        project="never",
    ),
    Setting(
        "prover.memory_mb",
        int,
        8192,
        "MLM_PROVER_MEMORY_MB",
        "Memory limit of one proving step, in MiB.",
        project="lower",
    ),
    Setting(
        "prover.timeout",
        float,
        600.0,
        "MLM_PROVER_TIMEOUT",
        "Time limit of one proving step, in seconds.",
        project="lower",
    ),
    Setting(
        "prover.disk_mb",
        int,
        20_000,
        "MLM_PROVER_DISK_MB",
        "MiB of circuits and keys that are kept; what was used least recently goes first.",
        project="never",
    ),
    Setting("prover.srs", str, "", "MLM_SRS", "Folder of SRS files; empty: the devnet's bundled files."),
    *TEE,
    *WORKER,
    *SERVE,
    Setting("job.bidding", int, 3600, "MLM_BIDDING", "Seconds that bids stay open."),
    Setting(
        "job.reveal", int, 3600, "MLM_REVEAL", "Seconds in which sealed bids are revealed, or a batch's awards drawn."
    ),
    Setting("job.delivery", int, 3600, "MLM_DELIVERY", "Seconds the winner has to accept the input."),
    Setting("job.execution", int, 3600, "MLM_EXECUTION", "Seconds from the acceptance to the submission."),
    Setting(
        "job.verification",
        int,
        3600,
        "MLM_VERIFICATION",
        "Seconds in which a result can be disputed.",
        project="raise",
    ),
)

_PATHS = {"password_file", "remote.default", "prover.srs", "tee.collateral"}
_RENAMED = {"remote": "remote.default"}  # what it was called before there were several
_VARIABLES = {setting.env for setting in SETTINGS} | {"MLM_HOME", "MLM_DEBUG", "MLM_TRUSTED"}
_BY_KEY = {setting.key: setting for setting in SETTINGS}


@dataclass(frozen=True)
class Network:
    """A chain, by Ethereum JSON-RPC endpoints, and where the contracts live on it."""

    name: str
    rpc: tuple[str, ...]  # URLs, at least one: the first that works is used
    chain_id: int
    deployment: str  # path of the deployment file, "" while there is none
    origin: str = ""  # the settings file that names it


@dataclass(frozen=True)
class Config:
    """Resolved settings. `source` says of each key where its value came from."""

    values: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    remotes: Mapping[str, Remote] = field(default_factory=dict)

    def get(self, key: str) -> Any:
        """The value of a setting; raises UsageError for an unknown key."""
        if key not in _BY_KEY:
            raise unknown_key(key, "settings", _BY_KEY)
        return self.values.get(key, _BY_KEY[key].default)


def unknown_key(key: str, source: str, known: Any) -> UsageError:
    """An error that names the nearest valid key."""
    near = difflib.get_close_matches(key, list(known), n=1)
    return UsageError(f"{source}: unknown key {key!r}", hint=f"Did you mean {near[0]!r}?" if near else "")


def load(files: Mapping[str, Mapping[str, Any]], env: Mapping[str, str], project_file: str = "") -> Config:
    """Merge parsed files (label -> table, weakest first) and the environment into a Config.

    `project_file` is the label of the one that may have come from somebody else. Raises UsageError.
    """
    values: dict[str, Any] = {}
    source: dict[str, str] = {}
    networks: dict[str, Network] = {}
    remotes: dict[str, Remote] = {}
    for label, table in files.items():
        for key, value in _flatten(table):
            key = _RENAMED.get(key, key)
            if key not in _BY_KEY:
                raise unknown_key(key, label, _BY_KEY)
            setting = _BY_KEY[key]
            _check_default(key, value, label)
            value = setting.check(value, label)
            if label == project_file and not env.get(setting.env):  # the environment is the user's, and wins
                setting.check_project(value, values.get(key, setting.default), label)
            values[key] = value
            if key in _PATHS and value and not (key == "remote.default" and value in tables(table, "remote")):
                values[key] = str(Path(label).parent / value)  # found from the file that names it
            source[key] = label
        for name, entry in table.get("network", {}).items():
            if isinstance(entry, Mapping):
                found = _network(name, entry, label)
                if replace(networks.setdefault(name, found), origin=label) != found:
                    # A project that came from somebody else must not re-aim the user's own networks.
                    raise UsageError(
                        f"{label}: [network.{name}] is set otherwise already", hint="Give it another name."
                    )
        for name, there in read_remotes(table, label, secrets=label != project_file).items():
            if replace(remotes.setdefault(name, there), origin=label) != there:
                raise UsageError(f"{label}: [remote.{name}] is set otherwise already", hint="Give it another name.")
    for name in env:
        _check_variable(name)
    for setting in SETTINGS:
        if env.get(setting.env):
            _check_default(setting.key, env[setting.env], setting.env)
            values[setting.key] = setting.parse(env[setting.env], setting.env)
            source[setting.key] = setting.env
    return Config(values, source, networks, remotes)


def _check_default(key: str, value: Any, source: str) -> None:
    """Refuse a URL, which may hold a key, before anything shows it or takes it for a path."""
    if key == "remote.default" and "://" in str(value):
        raise UsageError(
            f"{source}: {key}: expected a remote's name, or a folder, found a URL",
            hint="`mlm remote add NAME URL` names it.",
        )


def _check_variable(name: str) -> None:
    """Refuse a slip of the pen, which would be ignored in silence. Other programs have MLM_ variables too."""
    if not name.startswith("MLM_") or name in _VARIABLES:
        return
    if near := difflib.get_close_matches(name, _VARIABLES, n=1, cutoff=0.85):
        raise UsageError(f"unknown environment variable {name}", hint=f"Did you mean {near[0]}?")


def _flatten(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in table.items():
        if not prefix and key in project.KEYS:
            continue
        if isinstance(value, Mapping) and prefix not in ("network.", "remote."):
            pairs += _flatten(value, f"{prefix}{key}.")
        elif not isinstance(value, Mapping):
            pairs.append((f"{prefix}{key}", value))
    return pairs


def _network(name: str, entry: Any, label: str) -> Network:
    if not _NETWORK_NAME.fullmatch(name):
        raise UsageError(f"{label}: expected a network's name of a-z, 0-9 and -, found {name!r}")
    wanted = {"rpc": str, "chain_id": int, "deployment": str}  # rpc: one URL or a list, deployment may be left out
    if name == DEVNET:
        raise UsageError(f"{label}: [network.{DEVNET}] is the bundled chain and cannot be set", hint="Choose a name.")
    if not isinstance(entry, Mapping):
        raise UsageError(f"{label}: [network.{name}] must be a table")
    for key in entry:
        if key not in wanted:
            raise unknown_key(key, f"{label}: [network.{name}]", wanted)
    rpc, file = entry.get("rpc"), entry.get("deployment", "")
    urls: list[Any] = rpc if isinstance(rpc, list) and rpc else [rpc]
    for key, value in [*(("rpc", url) for url in urls), ("chain_id", entry.get("chain_id")), ("deployment", file)]:
        if not isinstance(value, wanted[key]) or isinstance(value, bool):
            raise UsageError(f"{label}: [network.{name}] {key} must be {wanted[key].__name__}, found {value!r}")
    # A deployment file is found from the file that names it, whatever folder the command runs in.
    return Network(name, tuple(urls), entry["chain_id"], str(Path(label).parent / file) if file else "", label)


def example() -> str:
    """The text of mlm.toml.example: every setting with its default and help, and the asset's own sections."""
    lines = [
        "# mlm.toml: one file beside your model. Generated from mlm/config.py by `make docs`; values are the defaults.",
        "# Order, later wins: defaults, MLM_HOME/config.toml, this file, the environment, the command line.",
        "",
    ]
    section = ""
    # TOML wants the keys of no section before the first section.
    for setting in sorted(SETTINGS, key=lambda item: "." in item.key):
        table, _, name = setting.key.rpartition(".")
        if table != section:
            section = table
            lines += ["", f"[{table}]"]
        lines += [f"# {setting.description} ({setting.env})", f"{name} = {_toml(setting.default)}"]
    return "\n".join(lines) + "\n" + _NETWORK_EXAMPLE


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


_NETWORK_EXAMPLE = """
# Any Ethereum JSON-RPC endpoint, or several of one chain: where one is in trouble the next is asked.
[network.sepolia]
rpc = ["https://rpc.example.org", "https://rpc.example.net"]
chain_id = 11155111
deployment = "deployments/sepolia.json" # written by `mlm network deploy sepolia`

# Where blocks are exchanged: a folder, a static web server, a kubo node, a gateway, a pinning service.
[remote.mirror]
url = "https://models.example.org"
kind = "http"
"""
