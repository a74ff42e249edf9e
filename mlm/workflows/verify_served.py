"""`mlm verify FILE.call`: whether a signed result is what was paid for, and whether it is true. Never sends."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.core import channel as channels
from mlm.core import served, trust
from mlm.core.clock import Instant
from mlm.core.commitment import NO_SALT, commit_outputs, tensors_root, unverified_input_commitment
from mlm.core.errors import ChainError, InvalidData, MlmError, NotFound, VerificationFailed
from mlm.core.evidence import MAX_BYTES, Evidence
from mlm.core.money import Amount
from mlm.core.trust import At, Cost, Facts, Guarantor, nothing, unknown
from mlm.ports.bundle import Ports
from mlm.workflows import bond, channel_show, lookup, model, serve_profile, source
from mlm.workflows.standing import standing
from mlm.workflows.verify_checks import DIGESTS, RECOMPUTED, SAID_ON_CHAIN, Step, Subject, Verification, verified

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

# Of a model that is not exact: two machines' last bits may differ. A larger relative distance (L2) is another answer.
TOLERANCE = 1e-3
_SIGNED = (Guarantor.SIGNER, Guarantor.MATHEMATICS)
_FREE = "its payee promised no exact arithmetic, so no stake stands behind it: all that it can lose is its name"
_NO_BONDS = "this network has no bonds of payees: all that its payee can lose is its name"
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
            partial(_accusable, ports, evidence, path, model_name),
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
            cost=partial(_cost, ports, evidence),
            facts=Facts(made_at=Instant(evidence.result.served_at), now=Instant(ports.system.now())),
        )
    )


def _cost(ports: Ports, evidence: Evidence) -> Cost:
    """What stands behind the result: a bond, where the payee promised exact arithmetic."""
    if evidence.result.profile == served.ANY:
        return nothing(_FREE)
    try:
        block = ports.chain.block()
        at = At(block.number, block.hash)
        if not _has_bonds(ports):
            return nothing(_NO_BONDS, at=at)
        return trust.served(bond.at_stake(ports, *_whose(evidence), block), at)
    except MlmError as error:  # no node, or no network at all
        return unknown(f"not known: bond ({error})")


def _has_bonds(ports: Ports) -> bool:
    """Whether this network's deployment has bonds of payees: an older one lacks them."""
    return bond.CONTRACT in standing(ports.chain, (bond.CONTRACT, channel_show.CONTRACT))


def _whose(evidence: Evidence) -> tuple[str, str]:
    return evidence.terms.payee, evidence.terms.version_id


def _accusable(ports: Ports, evidence: Evidence, path: Path, model_name: str | None) -> str:
    """As `_again`; a lie that a bond stands behind names what takes it."""
    try:
        return _again(ports, evidence, model_name)
    except VerificationFailed as error:
        if evidence.result.profile == served.ANY:
            raise
        held = Amount(0)
        with suppress(NotFound, ChainError):  # no node answers, or there are no bonds: the lie is one all the same
            held = bond.bonded(ports, *_whose(evidence))
        if not held:
            raise
        if _opens(ports, evidence, model_name):
            words = f"{held} stand behind it: `mlm accuse open {path} --max-price PRICE`"
        else:
            words = "its profile does not open with these outputs: no bond answers for it"
        raise VerificationFailed(f"{error}; {words}") from error


def _opens(ports: Ports, evidence: Evidence, model_name: str | None) -> bool:
    """Whether the result's profile binds these inputs and outputs: only then a contract takes it."""
    given, claimed = ports.tensors.from_block(evidence.inputs), ports.tensors.from_block(evidence.outputs)
    named = serve_profile.profile(ports, onnx_of(ports, evidence, model_name), evidence.terms.version_id)(given)
    try:
        return named(claimed) == evidence.result.profile
    except InvalidData:
        return False


def check_signed(ports: Ports, evidence: Evidence) -> None:
    """All checks of `verify` but the last: what was paid for, and who has signed what. Raises as they do."""
    _voucher(evidence)
    _signer(ports, evidence)
    check_statement(ports, evidence)
    _channel(ports, evidence)


def check_statement(ports: Ports, evidence: Evidence) -> None:
    """The result is of these tensors and of the version in the terms, and its payee has signed it."""
    _result(evidence)
    _payee(ports, evidence)


def onnx_of(ports: Ports, evidence: Evidence, model_name: str | None) -> bytes:
    """The model's file: published, or as it is named. Raises NotFound."""
    if model_name is None:
        return model.load(ports, lookup.version_by_id(ports, evidence.terms.version_id)).onnx
    return source.load(ports, model_name).onnx


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
    onnx = onnx_of(ports, evidence, model_name)
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
