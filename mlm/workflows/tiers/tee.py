"""The tier tee: an enclave's quote binds the result, and m of n attesters have checked it (docs/tee.md)."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mlm.core import attesting, encryption, tee
from mlm.core.attest_request import AttestRequest
from mlm.core.attestation import KINDS, UP_TO_DATE, Attested, statuses_of
from mlm.core.attesting import Attestation, TeeResult
from mlm.core.commitment import SCHEME_KECCAK, commit_outputs, tensors_root
from mlm.core.errors import InvalidData, StateConflict, UsageError, VerificationFailed
from mlm.core.job import Tier
from mlm.core.kept_work import KeptWork
from mlm.core.tee import NOBODYS, Policy, Task
from mlm.core.tee_files import MAX_EVIDENCE, Evidence, Handed, KeySigned
from mlm.workflows import attest_gather, lookup, model, outputs, proof_log, sessions, zeros
from mlm.workflows.attest_gather import VERIFIER
from mlm.workflows.run import describe
from mlm.workflows.submissions import submissions
from mlm.workflows.tiers.rules import Deal, Delivering, HandIn, Work, submission

if TYPE_CHECKING:
    from mlm.core.manifest import Manifest, TeeKey
    from mlm.ports.bundle import Ports
    from mlm.ports.enclave import Enclosed, HeldKey
    from mlm.ports.runner import Run
    from mlm.ports.tensors import Tensors
    from mlm.workflows.job_post import JobPost

MAX_QUOTE = 16_384  # bytes of one that an answer to a complaint can show: TeeLimits.sol's
_SEEN, _SEEN_S = "enclave", 86_400
FRESH_S = 3000  # an attester signs about an instant of the last hour: evidence that is kept longer is made anew


class Tee(Delivering):
    """A quote over model, input, output and provider; outputs are handed over as in the tier none."""

    tier = Tier.TEE
    own_terms = True
    scheme = SCHEME_KECCAK
    contract = "TeeVerifier"

    def check_manifest(self, found: Manifest) -> None:
        """Its publisher says which code may run it, and its outputs are small enough to be shown on chain."""
        key_of(found)
        outputs.check_fits(found)

    def check(self, ports: Ports, loaded: model.Model, version: lookup.Version) -> None:
        """The model's file and the measurements of its manifest give the key on chain."""
        self.check_manifest(loaded.manifest)
        check_key(ports, loaded, version)

    def policy(self, asked: JobPost) -> bytes:
        """Which platforms and kinds of enclave the consumer accepts, and how old an attestation may be."""
        kinds = frozenset(asked.enclaves.split(",")) if asked.enclaves else frozenset(KINDS)
        statuses = statuses_of(asked.tcb_status or UP_TO_DATE)
        return Policy(statuses, kinds, asked.simulated, asked.attestation_max_age or 0).encode()

    def spell_policy(self, policy: bytes) -> str:
        return Policy.decode(policy).words()

    def check_offer(self, ports: Ports, job: lookup.Job, loaded: model.Model) -> None:
        """A session key, or else this machine's evidence as it was seen within a day, is what the consumer accepts."""
        if _session(ports, job, loaded) is not None:
            return
        found = _seen(ports)
        if found is None:
            _trial(ports, loaded, ports.tensors.to_block(zeros.of(ports, loaded.manifest)))
            found = _seen(ports)
        if found is not None:
            attesting.check_platform(policy_of(job), *found)

    def commitment(
        self, ports: Ports, loaded: model.Model, version_id: str, tensors: Tensors, block: bytes, salt: bytes
    ) -> bytes:
        return tee.tee_input_commitment(bytes.fromhex(version_id[2:]), tensors_root(salt, block))

    def rehearse(self, ports: Ports, loaded: model.Model, tensors: Tensors) -> None:
        """Run in the enclave, whose code must be one that the publisher allows."""
        _trial(ports, loaded, ports.tensors.to_block(tensors))

    def check_acceptable(self, ports: Ports, work: Work) -> None:
        """The outputs fit, and a session key, or else enough attesters, can sign what consumer and publisher accept."""
        session = _session(ports, work.job, work.model)
        if session is None:
            attest_gather.able(ports)
        done, said = _trial(ports, work.model, ports.tensors.to_block(work.input.tensors))
        outputs.to_block(ports, ports.tensors.from_block(done.outputs))
        if session is None:
            attesting.check_platform(policy_of(work.job), said.kind, said.status, said.simulated)

    def execute(self, ports: Ports, work: Work, ran: Run | None) -> KeptWork:
        """Run in the enclave, whatever was run elsewhere; by a session key that fits, else with a quote of the run.

        Raises VerificationFailed for evidence nobody would take.
        """
        private, block = work.input.private, ports.tensors.to_block(work.input.tensors)
        salt = ports.system.random(encryption.SALT_BYTES) if private else b""
        task = replace(task_of(ports, work.job), input_salt=work.input.salt, output_salt=outputs.root_salt(ports, salt))
        if (session := _session(ports, work.job, work.model)) is not None:
            held, registered = session
            signed = ports.enclave.run_signed(work.model.onnx, block, task, held.key)
            given = outputs.to_block(ports, ports.tensors.from_block(signed.outputs))
            by = KeySigned(registered.digest(ports), held.key.x, held.key.y, signed.signature)
            evidence = Evidence(held.quote, held.collateral, held.simulated, held.at, salt, by)
            return KeptWork(work.job.job_id, private, signed.provider, proof=evidence.to_bytes(), outputs=given)
        at = ports.chain.block().timestamp
        done = ports.enclave.run(work.model.onnx, block, task, at)
        check_sizes(done.quote, done.collateral)
        said = _checked(ports, work.model, done, at)
        tee.check_bound(said, done.statement)
        given = outputs.to_block(ports, ports.tensors.from_block(done.outputs))
        evidence = Evidence(done.quote, done.collateral, done.simulated, at, salt)
        return KeptWork(work.job.job_id, private, done.provider, proof=evidence.to_bytes(), outputs=given)

    def is_stale(self, ports: Ports, kept: KeptWork) -> bool:
        """Attesters sign about recent instants only; what a session key signed is taken as long as the key is."""
        evidence = Evidence.from_bytes(kept.proof)
        if evidence.signed is None:
            return ports.chain.block().timestamp - evidence.at > FRESH_S
        job = lookup.job(ports, f"job/{kept.job_id}")
        found = sessions.find(ports, evidence.signed.registration)
        return found is None or bool(sessions.problem(ports, found, policy_of(job)))

    def hand_in(self, ports: Ports, deal: Deal, kept: KeptWork) -> HandIn:
        """Hand in what a session key has signed; else have the attesters sign, and hand in what m of them did."""
        job, evidence = deal.job, Evidence.from_bytes(kept.proof)
        handed = outputs.covered(ports, job, kept.outputs, evidence.salt)
        by = _by_attesters if evidence.signed is None else _by_key
        result = by(ports, job, key_of(deal.model.manifest), handed.root, evidence)
        block = Handed(evidence.quote, evidence.collateral, handed.block).to_block()
        title = f"hand the attested outputs of {job.short} in"
        store, submit = submission(job, "push the outputs, the quote and its collateral", block, result.encode(), title)
        return HandIn((store,), submit, describe(ports.tensors.from_block(kept.outputs)))

    def answer(self, ports: Ports, job: lookup.Job, found: outputs.Opened) -> tuple[Any, ...]:
        """Outputs and quote, with the attestation whose quote it is."""
        attestation = submitted(ports, job).attestation
        return found.salt, found.block, attestation.as_args(), handed(ports, job).quote

    def shown(self, ports: Ports, job: lookup.Job) -> outputs.Opened | None:
        for row in outputs.answers(ports, job):
            return outputs.Opened(*(bytes.fromhex(row[name][2:]) for name in ("outputs", "salt")))
        return None

    def handed_over(self, ports: Ports, job: lookup.Job) -> outputs.Opened:
        """The outputs in the block that holds quote and collateral too: one without them has not arrived."""
        found = handed(ports, job)
        check_quote(found.quote, submitted(ports, job).attestation)
        return outputs.opened(ports, job, found.outputs)

    def output_commitment(self, ports: Ports, job: lookup.Job, found: outputs.Opened) -> bytes:
        return commit_outputs(tensors_root(found.salt, found.block))


def _by_attesters(ports: Ports, job: lookup.Job, key: TeeKey, root: bytes, evidence: Evidence) -> TeeResult:
    said = ports.attestation.verify(evidence.quote, evidence.collateral, evidence.at, simulated=evidence.simulated)
    statement = _own_statement(ports, job, key, root)
    tee.check_bound(said, statement)
    attestation = attestation_of(job.job_id, said, evidence.quote, statement.report_data, evidence.at)
    attesting.check_accepted(policy_of(job), attestation, ports.chain.block().timestamp)
    asked = AttestRequest(
        job.job_id,
        key.model,
        key.digests,
        root,
        0,
        0,
        evidence.at,
        evidence.simulated,
        evidence.quote,
        evidence.collateral,
    )
    signatures = attest_gather.gather(ports, asked, attestation)
    return TeeResult(attestation, key.model, key.digests, 0, 0, root, signatures)


def _by_key(ports: Ports, job: lookup.Job, key: TeeKey, root: bytes, evidence: Evidence) -> TeeResult:
    """No attester is asked: they have signed when the key was registered."""
    assert evidence.signed is not None
    signed = evidence.signed
    found = sessions.need(ports, signed.registration)
    if why := sessions.problem(ports, found, policy_of(job)):
        raise StateConflict(f"the session key that signed the result of {job.short} serves no more: {why}")
    statement = replace(_own_statement(ports, job, key, root), x=signed.x, y=signed.y)
    sessions.check_signed(ports, statement, signed.signature)
    return TeeResult(found.attestation, key.model, key.digests, signed.x, signed.y, root, (signed.signature,))


def _own_statement(ports: Ports, job: lookup.Job, key: TeeKey, root: bytes) -> tee.Statement:
    return replace(statement_of(ports, job, key.model, root), provider=ports.sender.address)


def _session(ports: Ports, job: lookup.Job, loaded: model.Model) -> tuple[HeldKey, sessions.Registration] | None:
    return sessions.fitting(ports, policy_of(job), key_of(loaded.manifest))


def key_of(found: Manifest) -> TeeKey:
    """What a version registered for the tier; raises UsageError where its manifest has nothing."""
    if found.tee is None:
        raise UsageError(
            f"{found.name}@{found.version} offers no tee tier: its publisher names no enclave that may run it",
            hint="`mlm run MODEL INPUT --tee` prints a measurement; its publisher adds it to `[verification] "
            "measurements` in mlm.toml, and publishes.",
        )
    return found.tee


def check_key(ports: Ports, loaded: model.Model, version: lookup.Version) -> bytes:
    """Recompute the key from the file and the manifest, and hold it against the chain. Raises VerificationFailed."""
    key = key_of(loaded.manifest)
    if (found := sha256(loaded.onnx).digest()) != key.model:
        raise VerificationFailed(
            f"{version.asset}: its manifest says sha256 {key.model.hex()} of the model, the file has {found.hex()}",
            hint="Do not deal with this version: no enclave that loads its file could give a result.",
        )
    registered = ports.chain.call("AssetRegistry", "keyOf", bytes.fromhex(version.version_id[2:]), int(Tier.TEE))
    if registered != key.key:
        raise VerificationFailed(
            f"{version.asset}: the chain holds the tee key 0x{registered.hex()}, its files give 0x{key.key.hex()}",
            hint="Do not deal with this version: other enclaves could run it than it says.",
        )
    return key.key


def policy_of(job: lookup.Job) -> Policy:
    """What a job's consumer accepts. Raises InvalidData."""
    return Policy.decode(bytes.fromhex(job.terms.request.policy[2:]))


def task_of(ports: Ports, job: lookup.Job) -> Task:
    """What the enclave is told of a job."""
    chain = ports.chain
    return Task(chain.chain_id(), chain.address_of("JobMarket"), job.job_id, job.version_id, ports.sender.address)


def statement_of(
    ports: Ports, job: lookup.Job, model_digest: bytes, root: bytes, x: int = 0, y: int = 0
) -> tee.Statement:
    """What the quote of a job's result must have signed; all but the model's digest and the root is the chain's."""
    if job.provider is None:
        raise StateConflict(f"job {job.short} is {job.state}: nobody holds its lease")
    given = bytes.fromhex(job.terms.request.input_commitment[2:])
    market, chain_id = ports.chain.address_of("JobMarket"), ports.chain.chain_id()
    return tee.Statement(chain_id, market, job.job_id, model_digest, given, commit_outputs(root), job.provider, x, y)


def attestation_of(job_id: str, said: Attested, quote: bytes, report_data: bytes, at: int) -> Attestation:
    """What an attester signs of a verified quote, of a job or, with NO_JOB, of a session key."""
    code = tee.measurement_of(said.kind, said.measurements)
    digest = sha256(quote).digest()
    return Attestation(job_id, report_data, digest, code, said.kind, said.status, said.simulated, at)


def check_sizes(quote: bytes, collateral: bytes) -> None:
    """That evidence can be handed over, and its quote be shown on chain. Raises InvalidData."""
    for what, found, most in (("quote", quote, MAX_QUOTE), ("collateral", collateral, MAX_EVIDENCE)):
        if len(found) > most:
            raise InvalidData(
                f"expected a {what} of at most {most} bytes, found {len(found)}: it could not be handed over",
                hint="Do not accept: nobody is slashed for a job that was not accepted.",
            )


def check_quote(quote: bytes, attestation: Attestation) -> str:
    """That these are the bytes that attesters signed about. Raises VerificationFailed."""
    if (digest := sha256(quote).digest()) != attestation.quote:
        raise VerificationFailed(f"the quote: expected sha256 {attestation.quote.hex()}, found {digest.hex()}")
    return f"sha256 {digest.hex()}"


def handed(ports: Ports, job: lookup.Job) -> Handed:
    """The block that was handed over. Raises NotFound, InvalidData, StateConflict before there is one."""
    return Handed.from_block(outputs.result_block(ports, job))


def submitted(ports: Ports, job: lookup.Job) -> TeeResult:
    """The evidence that the contract took, from its submission's calldata; raises StateConflict before there is one.

    A provider may put other evidence of the same outputs beside it: it is the one whose attestation the chain holds,
    with the signatures of the log.
    """
    if job.submit_tx is None:
        raise proof_log.no_result(job)
    chain = ports.chain
    taken, place = chain.call(VERIFIER, "attestationOf", job.raw), (chain.chain_id(), chain.address_of(VERIFIER))
    logged = {row["signatures"] for row in ports.state.query("attested_results", job_id=job.job_id)}
    problem = InvalidData("the submission's calldata does not hold the evidence that submit() takes")
    for raw in submissions(chain.transaction_input(job.submit_tx), job.raw):
        try:
            found = TeeResult.decode(raw)
        except InvalidData as error:
            problem = error
            continue
        signed = ",".join("0x" + each.hex() for each in found.signatures)
        same = found.attestation.digest(*place) == taken and signed in logged
        if same and commit_outputs(found.root) == job.record.output_commitment:
            return found
    raise problem


def check_code(key: TeeKey, said: Attested) -> str:
    """Hold the code of an enclave against what a version allows; its measurement. Raises VerificationFailed."""
    digest = tee.measurement_of(said.kind, said.measurements)
    if digest not in key.digests:
        raise VerificationFailed(
            f"the code of the enclave: its measurement is {tee.spell_measurement(said.kind, said.measurements)}, "
            f"expected {' or '.join(key.measurements)}",
            hint="The model's publisher says which code may run it.",
        )
    return "0x" + digest.hex()


def _trial(ports: Ports, loaded: model.Model, block: bytes) -> tuple[Enclosed, Attested]:
    """A run for nobody, and its evidence, checked; what it says of this machine is kept for a while."""
    at = ports.chain.block().timestamp
    done = ports.enclave.run(loaded.onnx, block, NOBODYS, at)
    said = _checked(ports, loaded, done, at)
    seen = {"kind": said.kind, "status": said.status, "simulated": said.simulated, "at": at}
    ports.works.keep(_SEEN, json.dumps(seen).encode())
    return done, said


def _seen(ports: Ports) -> tuple[str, str, bool] | None:
    """Kind, platform and vendor of this machine's evidence; None where it was not looked at within a day."""
    try:
        seen = json.loads(ports.works.find(_SEEN) or b"{}")
        found = str(seen["kind"]), str(seen["status"]), bool(seen["simulated"])
        return found if 0 <= ports.chain.block().timestamp - int(seen["at"]) <= _SEEN_S else None
    except (ValueError, KeyError, TypeError):
        return None


def _checked(ports: Ports, loaded: model.Model, done: Enclosed, at: int) -> Attested:
    """The evidence of this machine, as an attester would look at it: what it would refuse is not handed in."""
    said = ports.attestation.verify(done.quote, done.collateral, at, simulated=done.simulated)
    check_code(key_of(loaded.manifest), said)
    return said
