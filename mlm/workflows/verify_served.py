"""`mlm verify FILE.call`: whether a signed result is what was paid for, and whether it is true. Never sends."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.core import channel as channels
from mlm.core import served
from mlm.core.clock import Instant
from mlm.core.commitment import NO_SALT, commit_outputs, tensors_root, unverified_input_commitment
from mlm.core.errors import NotFound, VerificationFailed
from mlm.core.evidence import MAX_BYTES, Evidence
from mlm.core.trust import Facts, Guarantor, nothing
from mlm.ports.bundle import Ports
from mlm.workflows import channel_show, lookup, model, serve_profile, source
from mlm.workflows.verify_checks import DIGESTS, RECOMPUTED, SAID_ON_CHAIN, Step, Subject, Verification, verified

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

# Of a model that is not exact: two machines' last bits may differ. A larger relative distance (L2) is another answer.
TOLERANCE = 1e-3
_SIGNED = (Guarantor.SIGNER, Guarantor.MATHEMATICS)
_FREE = "no stake stands behind a call that was served: all that its payee can lose is its name"
TRUST = "the payee's signature; that it is true, whoever recomputes it"


def verify(ports: Ports, path: Path, model_name: str | None) -> Verification:
    """Every check that a file of evidence allows. Raises InvalidData for what is none.

    1. The voucher binds this call of this channel, on these tensors, of this version.
    2. Its signature is the channel's signer's (by the chain; optional where no node answers).
    3. The signed result is of the same call, with these inputs and these outputs.
    4. The result is signed by the payee.
    5. The channel pays that payee for that version, on the chain (optional as 2).
    6. The model, run here on the inputs, gives the outputs (optional where its files cannot be read).
    """
    evidence = Evidence.from_bytes(ports.files.read(path, MAX_BYTES))
    on_chain = "the channel on chain"
    steps = (
        Step(
            "the voucher is of this call, on these inputs", partial(_voucher, evidence), "the file's tensors", DIGESTS
        ),
        Step(
            "the voucher is signed by the channel's signer",
            partial(_signer, ports, evidence),
            on_chain,
            (*_SIGNED, Guarantor.CHAIN),
            offline=True,
        ),
        Step(
            "the result is of this call, with these outputs",
            partial(_result, evidence),
            "the file's tensors",
            DIGESTS,
        ),
        Step("the result is signed by the payee", partial(_payee, ports, evidence), "the payee in the terms", _SIGNED),
        Step(
            "the channel pays this payee for this version",
            partial(_channel, ports, evidence),
            on_chain,
            SAID_ON_CHAIN,
            offline=True,
        ),
        Step(
            "the model gives these outputs",
            partial(_again, ports, evidence, model_name),
            "a run on this machine",
            RECOMPUTED,
            offline=True,
        ),
    )
    return verified(
        Subject(
            target=str(path),
            kind="served",
            tier="none",
            steps=steps,
            who_can_check="anybody with this file and the model's files",
            trust=TRUST,
            guaranteed_by=(Guarantor.SIGNER,),
            cost=lambda: nothing(_FREE),
            facts=Facts(made_at=Instant(evidence.result.served_at), now=Instant(ports.system.now())),
        )
    )


def _input(evidence: Evidence) -> str:
    version = bytes.fromhex(evidence.terms.version_id[2:])
    return "0x" + unverified_input_commitment(version, tensors_root(NO_SALT, evidence.inputs)).hex()


def _voucher(evidence: Evidence) -> str:
    voucher = evidence.voucher.voucher
    expected = channels.request_digest(voucher.channel, voucher.calls, evidence.terms.version_id, _input(evidence))
    if voucher.request != expected:
        raise VerificationFailed(f"the voucher's request: expected {expected}, found {voucher.request}")
    return f"call {voucher.calls} of the channel {voucher.channel[:10]}…, {voucher.amount} base units in all"


def _signed_by(ports: Ports, evidence: Evidence) -> str:
    voucher, terms = evidence.voucher, evidence.terms
    domain = channels.domain(terms.chain_id, terms.channels)
    return ports.recover(domain, channels.TYPES, channels.message(voucher.voucher), voucher.signature)


def _signer(ports: Ports, evidence: Evidence) -> str:
    expected = channel_show.find(ports, evidence.voucher.voucher.channel).terms.signer
    found = _signed_by(ports, evidence)
    if found.lower() != expected.lower():
        raise VerificationFailed(f"the voucher's signature: expected of {expected}, found of {found}")
    return found


def _result(evidence: Evidence) -> str:
    voucher, result = evidence.voucher.voucher, evidence.result
    expected = served.ServedResult(
        channel=voucher.channel,
        call=voucher.calls,
        request=voucher.request,
        version_id=evidence.terms.version_id,
        input_commitment=_input(evidence),
        output_commitment="0x" + commit_outputs(tensors_root(NO_SALT, evidence.outputs)).hex(),
        profile=result.profile,
        served_at=result.served_at,
    )
    served.check_result(result, expected, evidence.terms.payee, evidence.terms.payee)
    return result.output_commitment


def _payee(ports: Ports, evidence: Evidence) -> str:
    terms, result = evidence.terms, evidence.result
    domain = served.domain(terms.chain_id, terms.channels)
    found = ports.recover(domain, served.TYPES, result.message, result.signature)
    if found.lower() != terms.payee.lower():
        raise VerificationFailed(f"the result's signature: expected of {terms.payee}, found of {found}")
    return found


def _channel(ports: Ports, evidence: Evidence) -> str:
    terms = evidence.terms
    if (chain_id := ports.chain.chain_id()) != terms.chain_id:
        raise NotFound(f"the file is of chain {terms.chain_id}, this network is {chain_id}")
    found = channel_show.find(ports, evidence.voucher.voucher.channel).terms
    for what, expected, actual in (
        ("payee", found.payee, terms.payee),
        ("version", found.version_id, terms.version_id),
        ("contract", ports.chain.address_of("PaymentChannels"), terms.channels),
    ):
        if expected.lower() != actual.lower():
            raise VerificationFailed(f"the {what}: expected {expected}, found {actual}")
    return f"{found.payee}, {found.version_id[:10]}…"


def _again(ports: Ports, evidence: Evidence, model_name: str | None) -> str:
    """Run the model here. Bit for bit the same, or, where the model is not exact, as near as floats are."""
    if model_name is None:
        onnx = model.load(ports, lookup.version_by_id(ports, evidence.terms.version_id)).onnx
    else:
        onnx = source.load(ports, model_name).onnx
    given, claimed = ports.tensors.from_block(evidence.inputs), ports.tensors.from_block(evidence.outputs)
    ran = ports.runner.run(onnx, given)
    found = {name: array for name, array in ran.outputs.items() if name in claimed}
    exact = serve_profile.is_exact(ports, onnx)
    if ports.tensors.to_block(found) == evidence.outputs:
        same = "bit for bit the same"
    else:
        same = _near(ports, claimed, found, 0 if exact else TOLERANCE)
    expected = serve_profile.profile(ports, onnx, evidence.terms.version_id)(given)(ran.outputs)
    if evidence.result.profile not in (expected, served.ANY):
        raise VerificationFailed(f"the result's profile: expected {expected}, found {evidence.result.profile}")
    return f"{same}{', in exact arithmetic' if exact else ''}"


def _near(ports: Ports, claimed: Tensors, found: Tensors, tolerance: float) -> str:
    worst = 0.0
    for name in sorted(claimed):
        if name not in found:
            raise VerificationFailed(f"the model has no output {name[:60]!r}")
        ours, theirs = found[name], claimed[name]
        if (ours.dtype.name, ours.shape) != (theirs.dtype.name, theirs.shape):
            raise VerificationFailed(
                f"output {name[:60]!r}: expected {ours.dtype.name} of shape {list(ours.shape)}, found "
                f"{theirs.dtype.name} of {list(theirs.shape)}"
            )
        distance = ports.meter.measure(ours.dtype.name, ours.dtype.name, [(ours.tobytes(), theirs.tobytes())])
        far = distance.relative
        if far is None or distance.apart or far > tolerance:
            raise VerificationFailed(
                f"output {name[:60]!r}: the model gives another one; {distance.changed} of {distance.elements} numbers "
                f"differ, by {'more than any number' if far is None else format(far, '.3g')} relative, expected at "
                f"most {tolerance:g}"
            )
        worst = max(worst, far)
    return f"the same but for the last bits, {worst:.3g} relative: the profile allows it"
