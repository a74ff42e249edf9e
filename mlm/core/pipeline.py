"""A pipeline: jobs whose outputs feed the inputs of others, as a TOML file says it. Pure: read, checked, ordered.

A file may come with somebody else's project: whatever it says is bounded and refused by name before anything is spent.
What leaves a step is known before it runs, from the signatures in the manifests (mlm/core/pipeline_flow.py).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from mlm.core.auctions import asked
from mlm.core.errors import InvalidData, UsageError
from mlm.core.job import MAX_WINDOW, MIN_WINDOW, AuctionKind, Tier
from mlm.core.money import Amount, parse_units
from mlm.core.paths import check_path
from mlm.core.refs import parse_asset
from mlm.core.tensors import MAX_NAME, check_suffix

MAX_FILE = 1 << 18  # bytes of the TOML file
MAX_STEPS = 64
MAX_FILES = 256  # of one input
MAX_RETRIES = 100
COMBINATIONS = ("mean", "argmax", "vote")
STEP = re.compile(r"[a-z][a-z0-9_-]{0,31}")
WINDOWS = ("bidding", "delivery", "execution", "verification", "reveal")
JOB_KEYS = ("model", "input", "each", "max_price", "auction", "tier", "retries", "require", "start_price", "price_step")
COMBINE_KEYS = ("combine", "of")


@dataclass(frozen=True)
class Source:
    """Tensors that a step takes: of files beside the pipeline, joined along their first axis, or of another step."""

    files: tuple[str, ...] = ()
    step: str = ""
    tensor: str = ""  # one of the step's; empty: all

    def __str__(self) -> str:
        return ", ".join(self.files) or f"step.{self.step}" + (f".{self.tensor}" if self.tensor else "")


@dataclass(frozen=True)
class JobStep:
    """A job of a model; with `each` one for every item along the first axis of what it takes.

    `inputs` names the model's tensors; an empty name is all of them. Windows in seconds by name, prices in base units,
    for each job; what the auction does not know is None.
    """

    name: str
    model: str
    inputs: tuple[tuple[str, Source], ...]
    max_price: Amount
    each: bool
    auction: AuctionKind
    tier: Tier
    retries: int
    require: tuple[str, ...]
    start_price: Amount | None
    price_step: Amount | None
    windows: Mapping[str, int | None]

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where its inputs come from."""
        return tuple(source for _, source in self.inputs)


@dataclass(frozen=True)
class CombineStep:
    """An ensemble's answer, computed here: the mean, the argmax of one, or the majority's argmax."""

    name: str
    combine: str
    sources: tuple[Source, ...]


Step = JobStep | CombineStep


@dataclass(frozen=True)
class Pipeline:
    """Steps, each behind those it takes from; the budget is the most that all jobs together may cost."""

    steps: tuple[Step, ...]
    budget: Amount | None


def after(step: Step) -> tuple[str, ...]:
    """The steps that a step takes from."""
    return tuple(dict.fromkeys(source.step for source in step.sources if source.step))


def parse(table: Mapping[str, Any], windows: Mapping[str, int]) -> Pipeline:
    """Read a file's table; `windows` are the settings' for what a step leaves out.

    Raises UsageError naming the key, what it expects, and what was found: unknown keys and steps, cycles, paths that
    leave the folder, prices and windows out of bounds.
    """
    _known(table, ("budget", "step"), "")
    sections = table.get("step")
    if not isinstance(sections, Mapping) or not sections:
        raise UsageError("expected steps, found none", hint='[step.NAME]\nmodel = "handle/name"\ninput = "x.npy"')
    if len(sections) > MAX_STEPS:
        raise UsageError(f"expected at most {MAX_STEPS} steps, found {len(sections)}")
    steps = {name: _step(name, section, windows) for name, section in sections.items()}
    for step in steps.values():
        for source in step.sources:
            if source.step and source.step not in steps:
                near = difflib.get_close_matches(source.step, steps, 1)
                hint = f"Did you mean step.{near[0]}?" if near else f"Known: {', '.join(list(steps)[:8])}."
                raise UsageError(f"step.{step.name}: there is no step {source.step!r}", hint=hint)
    try:
        order = list(TopologicalSorter({name: after(step) for name, step in steps.items()}).static_order())
    except CycleError as error:
        raise UsageError(f"steps wait for each other: {' -> '.join(error.args[1][:8])}") from error
    budget = _price(table, "budget", "") if "budget" in table else None
    return Pipeline(tuple(steps[name] for name in order), budget)


def _step(name: str, section: Any, windows: Mapping[str, int]) -> Step:
    if not STEP.fullmatch(name):
        raise UsageError(f"a step's name is 1 to 32 of a-z 0-9 _ - and begins with a letter, found {name[:40]!r}")
    where = f"step.{name}"
    if not isinstance(section, Mapping):
        raise UsageError(f"{where}: expected a section [{where}], found {section!r:.60}")
    if "combine" in section:
        _known(section, COMBINE_KEYS, where)
        return _combine(name, section, where)
    _known(section, (*JOB_KEYS, *WINDOWS), where)
    kind = AuctionKind.parse(_text(section, "auction", where, "reverse"))
    step = JobStep(
        name=name,
        model=_model(section, where),
        inputs=tuple(_inputs(section, where)),
        max_price=_price(section, "max_price", where),
        each=_bool(section, "each", where),
        auction=kind,
        tier=Tier.parse(_text(section, "tier", where, "zk")),
        retries=_number(section, "retries", where, 0, MAX_RETRIES, 2),
        require=_texts(section.get("require", []), f"{where}.require", 64),
        start_price=_price(section, "start_price", where) if "start_price" in section else None,
        price_step=_price(section, "price_step", where) if "price_step" in section else None,
        windows=dict(_windows(section, where, windows, kind)),
    )
    try:
        asked.check(kind, step.max_price, step.start_price, step.price_step, step.windows["reveal"])
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    return step


def _combine(name: str, section: Mapping[str, Any], where: str) -> CombineStep:
    how = section["combine"]
    if how not in COMBINATIONS:
        raise _wrong(f"{where}.combine", f"one of {', '.join(COMBINATIONS)}", how)
    members = tuple(_source(text, f"{where}.of") for text in _texts(section.get("of"), f"{where}.of", MAX_STEPS))
    if not all(member.step for member in members):
        raise _wrong(f"{where}.of", "outputs of steps such as step.NAME", [str(member) for member in members])
    if not members or (how == "argmax" and len(members) > 1):
        raise _wrong(f"{where}.of", "one output" if how == "argmax" else "outputs of steps", len(members))
    return CombineStep(name, how, members)


def _model(section: Mapping[str, Any], where: str) -> str:
    text = _text(section, "model", where, "")
    try:
        asset = parse_asset(text)
    except UsageError as error:
        raise UsageError(f"{where}.model: {error}", hint=error.hint) from error
    if asset.version is None:  # a version that is published meanwhile would be another job, paid for anew
        raise UsageError(
            f"{where}.model: expected a version too, such as {asset}@1.0.0, found {text!r}",
            hint=f"`mlm asset versions {asset}` lists them.",
        )
    return str(asset)


def _inputs(section: Mapping[str, Any], where: str) -> Iterator[tuple[str, Source]]:
    """`input`: one source for all tensors, or a table of them by name."""
    value = section.get("input")
    named = value if isinstance(value, Mapping) else {"": value}
    if not named or len(named) > MAX_FILES:
        raise _wrong(f"{where}.input", "a file, a list of files, step.NAME, or a table of these by tensor", value)
    for name, item in named.items():
        if isinstance(item, list):
            sources = [_source(text, f"{where}.input") for text in _texts(item, f"{where}.input", MAX_FILES)]
            if not sources or any(source.step for source in sources):
                raise _wrong(f"{where}.input", "files in a list", item)
            yield name, Source(tuple(file for source in sources for file in source.files))
        else:
            yield name, _source(item, f"{where}.input")


def _source(text: Any, where: str) -> Source:
    if not isinstance(text, str) or not text:
        raise _wrong(where, "a file or step.NAME", text)
    if text.startswith("step."):
        name, _, tensor = text.removeprefix("step.").partition(".")
        if not STEP.fullmatch(name) or len(tensor) > MAX_NAME:
            raise _wrong(where, "a file or step.NAME", text)
        return Source(step=name, tensor=tensor)
    text = text.removeprefix("./")
    try:
        check_path(text)
        check_suffix("." + text.rpartition(".")[2])
    except (InvalidData, UsageError) as error:
        raise UsageError(f"{where}: {error}", hint="Files lie beside the pipeline, or below.") from error
    return Source((text,))


def _windows(
    section: Mapping[str, Any], where: str, defaults: Mapping[str, int], kind: AuctionKind
) -> Iterator[tuple[str, int | None]]:
    for name in WINDOWS:
        if name == "reveal" and name not in section and kind not in asked.TAKEN_BY["reveal"]:
            yield name, None
            continue
        least = 0 if name == "verification" else MIN_WINDOW
        yield name, _number(section, name, where, least, MAX_WINDOW, defaults[name])


def _known(section: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in section:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
            raise UsageError(f"unknown key {f'{where}.{key}'.lstrip('.')[:80]!r}", hint=hint)


def _wrong(key: str, expected: str, found: object) -> UsageError:
    return UsageError(f"{key}: expected {expected}, found {found!r:.80}")


def _text(section: Mapping[str, Any], key: str, where: str, default: str) -> str:
    value = section.get(key, default)
    if not isinstance(value, str) or len(value) > 256:
        raise _wrong(f"{where}.{key}", "text", value)
    return value


def _texts(value: Any, key: str, most: int) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > most or not all(isinstance(text, str) for text in value):
        raise _wrong(key, f"a list of at most {most} texts", value)
    return tuple(value)


def _bool(section: Mapping[str, Any], key: str, where: str) -> bool:
    value = section.get(key, False)
    if not isinstance(value, bool):
        raise _wrong(f"{where}.{key}", "true or false", value)
    return value


def _number(section: Mapping[str, Any], key: str, where: str, least: int, most: int, default: int) -> int:
    value = section.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _wrong(f"{where}.{key}", f"a whole number from {least} to {most}", value)
    return value


def _price(section: Mapping[str, Any], key: str, where: str) -> Amount:
    name, value = f"{where}.{key}".lstrip("."), section.get(key)
    if not isinstance(value, str):  # a number of TOML is a binary fraction
        raise _wrong(name, 'an amount in quotes such as "1.25"', value)
    try:
        return parse_units(value)
    except UsageError as error:
        raise UsageError(f"{name}: {error}", hint=error.hint) from error
