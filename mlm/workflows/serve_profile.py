"""In which arithmetic a served model's results are signed: of an exact model, so that a false one can be shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mlm.core.errors import InvalidData
from mlm.core.exact.commitments import exact_input_commitment, exact_output_commitment
from mlm.core.served import ANY, exact_profile
from mlm.ports.bundle import Ports

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

Named = Callable[["Tensors"], str]  # with a run's outputs: the word in the signed result


def is_exact(ports: Ports, onnx: bytes) -> bool:
    """Whether a file is of an exact profile, and executes what it says."""
    if not ports.exact.is_exact(onnx):
        return False
    try:
        ports.exact.graph(onnx)
    except InvalidData:
        return False
    return True


def profile(ports: Ports, onnx: bytes, version_id: str) -> Callable[[Tensors], Named]:
    """With a run's inputs, then with all its outputs: what a signed result says of its arithmetic.

    The inputs of an exact model raise InvalidData where it does not take them, such as NaN.
    """
    exact, version = ports.exact, bytes.fromhex(version_id[2:])

    def given(inputs: Tensors) -> Named:
        roots = [each.root for each in exact.inputs(onnx, inputs)]
        committed = exact_input_commitment(version, roots)

        def named(outputs: Tensors) -> str:
            found = [each.root for each in exact.outputs(onnx, outputs)]
            return exact_profile(committed, exact_output_commitment(found))

        return named

    return given if is_exact(ports, onnx) else lambda inputs: lambda outputs: ANY
