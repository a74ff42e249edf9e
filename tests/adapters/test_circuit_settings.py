"""Circuit settings of a manifest or a proof file that would make a true proof worthless."""

from __future__ import annotations

from typing import Any

import pytest

from mlm.adapters.ezkl.settings import EZKL_VERSION, RECIPE, SCALE, canonical, parse
from mlm.core.errors import InvalidData


def _document(**changes: Any) -> bytes:
    arguments = {**RECIPE, "input_scale": SCALE, "param_scale": SCALE, "lookup_range": [0, 0], "logrows": 12}
    ezkl: dict[str, Any] = {
        "run_args": {**arguments, **{name: value for name, value in changes.items() if name in arguments}},
        "version": EZKL_VERSION,
        "timestamp": 0,
        "check_mode": RECIPE["check_mode"],
        "num_blinding_factors": None,
        "model_input_scales": [SCALE],
        "model_output_scales": [SCALE],
        "model_instance_shapes": [[1, 2]],
        "required_range_checks": [],
        "required_lookups": [],
    }
    ezkl.update({name: value for name, value in changes.items() if name not in arguments})
    return canonical([{"name": "x", "shape": [1, 2]}], ["y"], ezkl)


def test_the_recipe_is_accepted() -> None:
    assert parse(_document()).k == 12


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_scale", 0),
        ("param_scale", 0),
        ("param_scale", SCALE + 1),
        ("num_blinding_factors", 0),
        ("param_visibility", "Private"),
        ("logrows", 30),
    ],
)
def test_settings_beside_the_recipe(name: str, value: Any) -> None:
    with pytest.raises(InvalidData, match=name):
        parse(_document(**{name: value}))
