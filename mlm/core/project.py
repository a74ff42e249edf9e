"""What `mlm.toml` says of the asset. The settings in the same file, of the user and the network, are config.py's."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlm.core.errors import InvalidData, UsageError
from mlm.core.licence import check_known, check_licence
from mlm.core.manifest import (
    ACCESS,
    KINDS,
    MAX_PARENTS,
    MAX_STATEMENT,
    MAX_TABLES,
    RELATIONS,
    Parent,
    Price,
    Privacy,
    check_price,
    check_terms,
)
from mlm.core.money import BASIS_POINTS
from mlm.core.paths import check_path
from mlm.core.refs import NAME, SEMVER, parse_asset
from mlm.core.remote_settings import check_public as check_remotes
from mlm.core.tee import MAX_MEASUREMENTS, parse_measurement
from mlm.core.urls import is_private

FILE = "mlm.toml"
MAX_DEPTH = 32  # of tables and lists; nothing of ours needs more than 3
KEYS: dict[str, tuple[str, ...]] = {
    "asset": ("name", "version", "kind", "licence", "description", "card"),
    "model": ("file",),
    "dataset": ("files", "croissant"),
    "access": ("mode", "terms"),
    "privacy": ("personal_data", "statement"),
    "verification": ("zk", "calibration", "measurements"),
    "price": ("use", "royalty_bps"),
    "metrics": (),  # any name
    "parents": ("asset", "relation", "bps"),
}


@dataclass(frozen=True)
class Project:
    """The asset's half of mlm.toml, checked. Paths are relative to the file."""

    name: str
    version: str
    kind: str = "model"
    licence: str = "Apache-2.0"
    description: str = ""
    model: str | None = None
    zk: bool = False
    calibration: str | None = None  # a file of real inputs, from which the circuit's scales are derived
    measurements: tuple[str, ...] = ()  # of the enclaves that may run the model, KIND:HEX…: offers the tier tee
    price: Price = Price()
    metrics: Mapping[str, float | int] = field(default_factory=dict)
    parents: tuple[Parent, ...] = ()
    card: str | None = None  # a file with front matter; None: README.md if it has one; "": none
    tables: tuple[str, ...] | None = None  # a dataset's files that are described; None: all that can be
    croissant: str | None = None  # the author's own description of a dataset
    access: str = "open"
    terms: str = ""  # a file of the asset, or a URL
    privacy: Privacy = Privacy()


def read_toml(data: bytes, where: str) -> dict[str, Any]:
    """A TOML file's table; raises UsageError naming `where`, also for numbers beyond the parser's and deep nesting."""
    import tomli

    try:
        table = tomli.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: not valid TOML: {str(error)[:300]}") from error
    # Level by level: the parser's own bound is whatever the recursion limit was when it was imported.
    level: list[Any] = [table]
    for _ in range(MAX_DEPTH):
        level = [part for item in level for part in (item.values() if isinstance(item, dict) else item)
                 if isinstance(part, dict | list)]  # fmt: skip
        if not level:
            return table
    raise UsageError(f"{where}: not valid TOML: tables and lists nest deeper than {MAX_DEPTH}")


def check_public(table: Mapping[str, Any]) -> None:
    """Refuse to publish a network or remote whose URL may hold a key; raises UsageError, which does not show it."""
    check_remotes(table, FILE)
    networks = table.get("network")
    for name, entry in networks.items() if isinstance(networks, Mapping) else ():
        rpc = entry.get("rpc") if isinstance(entry, Mapping) else None
        if any(isinstance(url, str) and is_private(url) for url in (rpc if isinstance(rpc, list) else [rpc])):
            raise UsageError(
                f"rpc of [network.{name}] in {FILE}: expected scheme, host and port alone in what is published, "
                "found more, which may be a key",
                hint=f"Remove [network.{name}] and run `mlm network add {name} --rpc URL`: "
                "that keeps it in MLM_HOME/config.toml.",
            )


def parse(table: Mapping[str, Any]) -> Project:
    """Read the asset's sections, those of KEYS; others are not ours.

    Raises UsageError naming the key, what it expects and, for an unknown one, the nearest that exists.
    """
    asset = _section(table, "asset")
    if not asset:
        raise UsageError(f"expected [asset] in {FILE}, found none", hint=f"Add [asset] with a name to {FILE}.")
    model, verification, price = (_section(table, name) for name in ("model", "verification", "price"))
    dataset, access, privacy = (_section(table, name) for name in ("dataset", "access", "privacy"))
    kind = _choice(asset, "asset", "kind", KINDS)
    project = Project(
        name=_matching(asset, "name", NAME.fullmatch, "1 to 64 of a-z 0-9 . _ -"),
        version=_matching(asset, "version", SEMVER.fullmatch, "a SemVer version such as 1.0.0"),
        kind=kind,
        licence=_checked("asset.licence", _check_licence, _text(asset, "asset", "licence", "Apache-2.0")),
        description=_text(asset, "asset", "description", ""),
        model=_path(model, "model", "file"),
        zk=_bool(verification, "verification", "zk"),
        calibration=_path(verification, "verification", "calibration"),
        measurements=_measurements(verification),
        price=Price(
            _checked("price.use", check_price, _text(price, "price", "use", "0")),
            _bps(price, "price", "royalty_bps"),
        ),
        metrics={name: _metric(name, value) for name, value in _section(table, "metrics").items()},
        parents=_parents(table.get("parents", [])),
        card="" if asset.get("card") == "" else _path(asset, "asset", "card"),
        tables=_tables(dataset),
        croissant=_path(dataset, "dataset", "croissant"),
        access=_choice(access, "access", "mode", ACCESS),
        terms=_checked("access.terms", check_terms, _text(access, "access", "terms", "")),
        privacy=_privacy(privacy),
    )
    if dataset and project.kind != "dataset":
        raise _wrong("asset.kind", "dataset, for a section [dataset]", project.kind)
    if project.kind == "model" and project.model is None:
        raise UsageError(
            f"expected model.file in {FILE} for an asset of kind model",
            hint='Write file = "model.onnx" under [model], or set kind = "dataset" (or algorithm, pipeline).',
        )
    return project


def _section(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = table.get(name, {})
    if not isinstance(section, Mapping):
        raise _wrong(name, f"a section [{name}]", section)
    _known(section, name)
    return section


def _known(section: Mapping[str, Any], name: str) -> None:
    for key in section:
        if KEYS[name] and key not in KEYS[name]:
            near = difflib.get_close_matches(str(key), KEYS[name], 1)
            hint = f"Did you mean {name}.{near[0]}?" if near else f"Known: {', '.join(KEYS[name])}."
            raise UsageError(f"unknown key {name}.{key} in {FILE}", hint=hint)


def _wrong(key: str, expected: str, found: object) -> UsageError:
    return UsageError(f"{key} in {FILE}: expected {expected}, found {found!r}")


def _text(section: Mapping[str, Any], name: str, key: str, default: str) -> str:
    value = section.get(key, default)
    if not isinstance(value, str):
        raise _wrong(f"{name}.{key}", "text", value)
    return value


def _choice(section: Mapping[str, Any], name: str, key: str, allowed: tuple[str, ...]) -> str:
    """One of `allowed`, of which the first is the default."""
    value = _text(section, name, key, allowed[0])
    if value not in allowed:
        raise _wrong(f"{name}.{key}", f"one of {', '.join(allowed)}", value)
    return value


def _matching(section: Mapping[str, Any], key: str, accepts: Any, expected: str) -> str:
    value = _text(section, "asset", key, "")
    if not accepts(value) or len(value) > 64:
        raise _wrong(f"asset.{key}", expected, value)
    return value


def _checked(key: str, check: Any, value: str) -> str:
    try:
        check(value)
    except InvalidData as error:
        raise UsageError(f"{key} in {FILE}: {error}", hint=error.hint) from error
    return value


def _check_licence(text: str) -> None:
    try:
        check_licence(text)
    except InvalidData:
        check_known(text)  # says what was probably meant
        raise


def _path(section: Mapping[str, Any], name: str, key: str) -> str | None:
    if key not in section:
        return None
    return _checked(f"{name}.{key}", check_path, _text(section, name, key, ""))


def _bool(section: Mapping[str, Any], name: str, key: str) -> bool:
    value = section.get(key, False)
    if not isinstance(value, bool):
        raise _wrong(f"{name}.{key}", "true or false", value)
    return value


def _bps(section: Mapping[str, Any], name: str, key: str) -> int:
    value = section.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= BASIS_POINTS:
        raise _wrong(f"{name}.{key}", f"basis points, 0 to {BASIS_POINTS}", value)
    return value


def _tables(section: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "files" not in section:
        return None
    files = section["files"]
    if not isinstance(files, list) or not all(isinstance(path, str) for path in files) or len(files) > MAX_TABLES:
        raise _wrong("dataset.files", f"a list of at most {MAX_TABLES} paths", files)
    return tuple(sorted({_checked("dataset.files", check_path, path) for path in files}))


def _measurements(section: Mapping[str, Any]) -> tuple[str, ...]:
    """In lower case, sorted: as a manifest has them."""
    items = section.get("measurements", [])
    if not isinstance(items, list) or not all(isinstance(text, str) for text in items) or len(items) > MAX_MEASUREMENTS:
        raise _wrong("verification.measurements", f"a list of at most {MAX_MEASUREMENTS} texts KIND:HEX…", items)
    for text in items:
        _checked("verification.measurements", parse_measurement, text)
    return tuple(sorted({text.strip().lower() for text in items}))


def _privacy(section: Mapping[str, Any]) -> Privacy:
    statement = _text(section, "privacy", "statement", "")
    if len(statement) > MAX_STATEMENT:
        raise _wrong("privacy.statement", f"at most {MAX_STATEMENT} characters", f"{len(statement)} of them")
    return Privacy(_bool(section, "privacy", "personal_data") if "personal_data" in section else None, statement)


def _metric(name: str, value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(f"metrics.{name}", "a number", value)
    return value


def _parents(items: Any) -> tuple[Parent, ...]:
    if not isinstance(items, list) or len(items) > MAX_PARENTS:
        raise _wrong("parents", f"at most {MAX_PARENTS} sections [[parents]]", items)
    parents = []
    for item in items:
        if not isinstance(item, Mapping):
            raise _wrong("parents", "sections [[parents]]", item)
        _known(item, "parents")
        asset, relation = _text(item, "parents", "asset", ""), _text(item, "parents", "relation", "derived")
        if relation not in RELATIONS:
            raise _wrong("parents.relation", f"one of {', '.join(RELATIONS)}", relation)
        if parse_asset(asset).version is None:
            raise _wrong("parents.asset", "handle/name@version", asset)
        parents.append(Parent(asset, relation, _bps(item, "parents", "bps")))
    return tuple(parents)
