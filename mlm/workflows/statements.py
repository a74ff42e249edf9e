"""From a file of evidence to what its payee has stated exactly, and whether that is true."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlm.core import accusation
from mlm.core.accusation import Statement
from mlm.core.errors import InvalidData, StateConflict, UsageError
from mlm.core.evidence import MAX_BYTES, Evidence
from mlm.core.exact.commitments import exact_input_commitment, exact_output_commitment
from mlm.core.exact.trace import Tensor
from mlm.ports.bundle import Ports
from mlm.workflows import serve_profile, verify_served
from mlm.workflows.bond import CONTRACT


@dataclass(frozen=True)
class Stated:
    """A signed result whose profile opens, and what it opens with. `onnx` is the model's file."""

    evidence: Evidence
    statement: Statement
    inputs: tuple[Tensor, ...]  # as the graph takes them
    onnx: bytes

    @property
    def payee(self) -> str:
        """Who has signed it."""
        return self.evidence.terms.payee

    @property
    def version_id(self) -> str:
        """The version that it is about."""
        return self.evidence.terms.version_id

    def accusation(self, ports: Ports) -> str:
        """The id of an accusation of it."""
        return accusation.accusation_id(ports.chain.chain_id(), ports.chain.address_of(CONTRACT), self.statement)


def read(ports: Ports, file: Path, model_name: str | None, *, paid: bool = True) -> Stated:
    """A file `mlm run --keep` has written, checked as `mlm verify` checks it, without a run of the model.

    `paid`: with its voucher and its channel too. Raises InvalidData, VerificationFailed, NotFound; UsageError for a
    model that is not exact.
    """
    evidence = Evidence.from_bytes(ports.files.read(file, MAX_BYTES))
    here = ports.chain.chain_id()
    if evidence.terms.chain_id != here:
        raise UsageError(
            f"{file} is of chain {evidence.terms.chain_id}, this network is {here}", hint="Choose with --network."
        )
    (verify_served.check_signed if paid else verify_served.check_statement)(ports, evidence)
    onnx = verify_served.onnx_of(ports, evidence, model_name)
    if not serve_profile.is_exact(ports, onnx):
        raise UsageError(
            f"the model of {file} is of no exact profile: two machines' last bits may differ, and nobody is convicted",
            hint=f"`mlm verify {file}` says how near the outputs are.",
        )
    given, claimed = ports.tensors.from_block(evidence.inputs), ports.tensors.from_block(evidence.outputs)
    inputs = tuple(ports.exact.inputs(onnx, given))
    try:
        outputs = ports.exact.outputs(onnx, claimed)
    except InvalidData as error:
        raise InvalidData(
            f"the model cannot give the outputs in {file}, so the result's profile cannot be opened: {error}",
            hint="An accusation takes a call that asked for all outputs, each a whole number times its scale.",
        ) from error
    committed = exact_input_commitment(bytes.fromhex(evidence.terms.version_id[2:]), [each.root for each in inputs])
    claim = exact_output_commitment([each.root for each in outputs])
    return Stated(evidence, accusation.opened(evidence.result, committed, claim), inputs, onnx)


def need_false(ports: Ports, stated: Stated) -> bytes:
    """The output commitment that this machine computes; raises StateConflict where the payee has told the truth."""
    given = ports.tensors.from_block(stated.evidence.inputs)
    trace = ports.exact.run(stated.onnx, given).trace
    own = exact_output_commitment(trace.roots[len(trace.roots) - trace.graph.outputs :])
    if own == stated.statement.exact_output:
        raise StateConflict(
            "the result is true: the model gives these very outputs here, so a job would too",
            hint="Nothing was sent: who accuses of the truth loses the deposit.",
        )
    return own
