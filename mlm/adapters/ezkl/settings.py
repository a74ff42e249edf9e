"""The canonical zk settings: their bytes, their validation, and the numbers of a proof decoded with them. Pure.

`{"format": "mlm/zk-settings/1", "inputs": [{name, shape}], "outputs": [{name, shape}], "ezkl": {ezkl's settings}}` as
JSON with sorted keys and no spaces. ezkl writes its settings with unordered maps and a timestamp; sorted and with the
timestamp 0, the verifying key and the circuit become byte-identical on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from mlm.core.errors import InvalidData

if TYPE_CHECKING:
    import numpy as np

FORMAT = "mlm/zk-settings/1"
EZKL_VERSION = "23.0.5"
SCALE = 13  # bits after the binary point
ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617  # scalar field of BN254
MAX_BYTES = 1 << 20
MAX_K = 20

# decomp_base 1024 with 3 legs is the speed lever: the default 16384 forces k >= 15.
RECIPE: dict[str, Any] = {
    "rebase_scale": None,
    "scale_rebase_multiplier": 1,
    "num_inner_cols": 2,
    "variables": [["batch_size", 1]],
    # Poseidon of the input is an instance, the parameters are in the verifying key: other weights fail by construction.
    "input_visibility": {"Hashed": {"hash_is_public": True, "outlets": []}},
    "output_visibility": "Public",
    "param_visibility": "Fixed",
    "rebase_frac_zero_constants": False,
    "check_mode": "UNSAFE",
    "decomp_base": 1024,
    "decomp_legs": 3,
    "bounded_log_lookup": False,
    "ignore_range_check_inputs_outputs": False,
    "epsilon": 2.220446049250313e-16,
    "disable_freivalds": False,
}
_CALIBRATED = {"input_scale", "param_scale", "lookup_range", "logrows"}
_EZKL_FIELDS = {
    "run_args", "num_rows", "total_assignments", "total_const_size", "total_dynamic_col_size", "max_dynamic_input_len",
    "num_dynamic_lookups", "num_shuffles", "total_shuffle_col_size", "einsum_params", "model_instance_shapes",
    "model_output_scales", "model_input_scales", "module_sizes", "required_lookups", "required_range_checks",
    "check_mode", "version", "num_blinding_factors", "timestamp", "input_types", "output_types",
    "dynamic_lookup_params", "shuffle_params",
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """`raw` holds the whole document; shapes are in elements; scales are bits after the binary point."""

    raw: dict[str, Any]
    k: int
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    outputs: tuple[tuple[str, tuple[int, ...]], ...]
    input_scales: tuple[int, ...]
    output_scales: tuple[int, ...]

    @property
    def values(self) -> int:
        """Output instances of a proof."""
        return sum(prod(shape) for _, shape in self.outputs)

    @property
    def instances(self) -> int:
        return len(self.inputs) + self.values


def fresh_arguments() -> dict[str, Any]:
    """What PyRunArgs is given before calibration."""
    return {"decomp_base": RECIPE["decomp_base"], "decomp_legs": RECIPE["decomp_legs"]}


def arguments(settings: Settings) -> dict[str, Any]:
    """What PyRunArgs is given to derive the settings again: the recipe and what calibration chose."""
    args = settings.raw["ezkl"]["run_args"]
    return fresh_arguments() | {name: args[name] for name in sorted(_CALIBRATED)}


def canonical(inputs: list[dict[str, Any]], output_names: list[str], ezkl: dict[str, Any]) -> bytes:
    """The canonical document from what ezkl wrote after calibration."""
    ezkl = dict(ezkl)
    ezkl["timestamp"] = 0
    ezkl["required_range_checks"] = sorted(ezkl["required_range_checks"])
    ezkl["required_lookups"] = sorted(ezkl["required_lookups"], key=lambda lookup: json.dumps(lookup, sort_keys=True))
    shapes = ezkl["model_instance_shapes"]
    if len(shapes) != len(output_names):
        raise InvalidData(f"the circuit has {len(shapes)} outputs, the model {len(output_names)}")
    outputs = [{"name": name, "shape": shape} for name, shape in zip(output_names, shapes, strict=True)]
    return _dump({"format": FORMAT, "inputs": inputs, "outputs": outputs, "ezkl": ezkl})


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def parse(data: bytes) -> Settings:
    """Settings from a manifest: hostile. Raises InvalidData unless they are canonical and follow the one recipe."""
    if len(data) > MAX_BYTES:
        raise InvalidData(f"zk settings of {len(data)} bytes, more than the limit of {MAX_BYTES}")
    import orjson  # bounded depth, unlike json

    try:
        raw = orjson.loads(data)
        if raw.get("format") != FORMAT:
            raise InvalidData(f"zk settings: expected format {FORMAT!r}, found {str(raw.get('format'))[:60]!r}")
        if _dump(raw) != data:
            raise InvalidData("zk settings are not canonical: expected sorted keys and no spaces")
        return _checked(raw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidData(f"zk settings are not what mlm writes: {type(error).__name__}: {error}") from error


def _checked(raw: dict[str, Any]) -> Settings:
    _expect("fields", sorted(raw), ["ezkl", "format", "inputs", "outputs"])
    ezkl = raw["ezkl"]
    unknown = set(ezkl) - _EZKL_FIELDS
    if unknown:
        raise InvalidData(f"zk settings have unknown fields: {sorted(unknown)}")
    _expect("version of ezkl", ezkl["version"], EZKL_VERSION)
    _expect("timestamp", ezkl["timestamp"], 0)
    _expect("check_mode", ezkl["check_mode"], RECIPE["check_mode"])
    args = ezkl["run_args"]
    for name, value in RECIPE.items():
        _expect(name, args[name], value)
    _expect("run_args", sorted(args), sorted({*RECIPE, *_CALIBRATED}))
    k = _bounded("logrows", args["logrows"], 4, MAX_K)
    # With a scale of 0 every weight below a half is 0: a true proof of a model that answers always the same.
    _expect("input_scale", args["input_scale"], SCALE)
    _expect("param_scale", args["param_scale"], SCALE)
    _expect("num_blinding_factors", ezkl.get("num_blinding_factors"), None)
    low, high = args["lookup_range"]
    _bounded("lookup_range", low, -(1 << 40), 0)
    _bounded("lookup_range", high, 0, 1 << 40)
    inputs, outputs = (tuple(_tensor(item) for item in raw[side]) for side in ("inputs", "outputs"))
    input_scales = tuple(_bounded("input scale", scale, 0, 60) for scale in ezkl["model_input_scales"])
    output_scales = tuple(_bounded("output scale", scale, 0, 60) for scale in ezkl["model_output_scales"])
    _expect("number of input scales", len(input_scales), len(inputs))
    _expect("number of output scales", len(output_scales), len(outputs))
    _expect("output shapes", [list(shape) for _, shape in outputs], ezkl["model_instance_shapes"])
    if not inputs or not outputs:
        raise InvalidData("zk settings need at least one input and one output")
    return Settings(raw, k, inputs, outputs, input_scales, output_scales)


def _expect(what: str, actual: object, expected: object) -> None:
    if type(actual) is not type(expected) or actual != expected:
        raise InvalidData(f"zk settings: {what} must be {json.dumps(expected)}, found {json.dumps(actual)[:120]}")


def _bounded(what: str, value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise InvalidData(f"zk settings: {what} must be a whole number from {low} to {high}, found {value!r:.60}")
    return value


def _tensor(item: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
    _expect("tensor", sorted(item), ["name", "shape"])
    if type(item["name"]) is not str:
        raise InvalidData(f"zk settings: a tensor's name must be text, found {item['name']!r:.60}")
    shape = tuple(_bounded("axis", axis, 1, 1 << 24) for axis in item["shape"])
    if prod(shape) > 1 << 24:
        raise InvalidData(f"zk settings: a tensor of {prod(shape)} elements is too large")
    return item["name"], shape


def check_instances(settings: Settings, instances: Sequence[int]) -> None:
    """Raises InvalidData unless there are as many as the circuit has and each is a canonical field element."""
    if len(instances) != settings.instances:
        raise InvalidData(f"the circuit has {settings.instances} instances, found {len(instances)}")
    for i, value in enumerate(instances):
        if not 0 <= value < ORDER:
            raise InvalidData(f"instance {i} is not an element of the BN254 scalar field: {value:#x}")


def signed(value: int) -> int:
    """A field element as a whole number; the upper half of the field is negative."""
    return value if value <= ORDER // 2 else value - ORDER


def dequantise(settings: Settings, instances: Sequence[int]) -> dict[str, np.ndarray]:
    """float32 tensors by output name from a proof's instances: value / 2^scale."""
    import numpy as np

    check_instances(settings, instances)
    at, out = len(settings.inputs), {}
    for (name, shape), scale in zip(settings.outputs, settings.output_scales, strict=True):
        values = [signed(value) / (1 << scale) for value in instances[at : at + prod(shape)]]
        at += prod(shape)
        out[name] = np.array(values, dtype=np.float64).astype(np.float32).reshape(shape)
    return out
