"""The tier tee from publication to verification, with attesters in processes of their own; and who lies in it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from mlm.adapters.attestation.vendor import SIGNING, Vendor
from mlm.adapters.enclave.simulated import REGISTERS, SimulatedEnclave
from mlm.core import tee
from mlm.core.attest_asking import HEADER, Asking
from mlm.core.attest_request import MAX_BODY, PATH, AttestRequest, Signed
from mlm.core.attesting import Attestation
from mlm.core.commitment import NO_SALT, tensors_root
from mlm.core.errors import StateConflict, VerificationFailed
from mlm.core.job import State, Tier
from mlm.core.manifest import TeeKey
from mlm.core.plan import Call
from mlm.core.tee_files import Evidence, Handed
from mlm.memory.book import MemoryBook
from mlm.ports.bundle import Ports
from mlm.workflows import attest, attest_gather, lease, tiers
from mlm.workflows.apply import execute
from mlm.workflows.attest_gather import signer
from mlm.workflows.job_close import JobName
from tests.command_line import INPUT, MODEL, ROOT, TOKEN, Market
from tests.delivering import apart, pushed
from tests.e2e.working import shown, until, working
from tests.enclaves import ATTESTERS, Attesters, Honest, ask, attested_market, honest, ports_of, publish
from tests.serving.clients import request
from tests.vectors.make_quotes import MR_SIGNER_AT, requoted

UP = ATTESTERS[:2]  # the third is down all the time
HELD = (State.LEASED, State.READY)
NOBODY = "0x" + "99" * 20


@pytest.fixture(scope="module")
def attesters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attesters]:
    with attested_market(tmp_path_factory.mktemp("tee"), serving=UP) as made:
        yield made


@pytest.fixture(scope="module")
def market(attesters: Attesters) -> Market:
    return attesters.market


def leased(market: Market, *options: str) -> str:
    """A job of the tier that compute-1 has won."""
    job = market.consumer.job("--tier", "tee", *options, auction="fixed")
    market.first.do("bid", job, "--price", "5", "--stake")
    return job


def enclave(folder: Path, **options: Any) -> SimulatedEnclave:
    return SimulatedEnclave(folder=folder / "enclave", keys=folder / "keys", **options)


@dataclass(frozen=True)
class Scene:
    """A leased job, its holder's ports, and what an honest provider would do."""

    ports: Ports
    honest: Honest
    url: str
    folder: Path

    def asked(self, made: SimulatedEnclave | None = None, **given: Any) -> AttestRequest:
        return self.honest.asked(self.ports, made or enclave(self.folder), **given)


@pytest.fixture(scope="module")
def scene(market: Market, attesters: Attesters, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    ports = ports_of(market.first)
    return Scene(ports, honest(ports, leased(market)), attesters.urls[UP[0]], tmp_path_factory.mktemp("scene"))


def test_a_worker_is_paid_for_what_two_of_three_attesters_signed(market: Market, attesters: Attesters) -> None:
    """The third attester is down all the time."""
    job = market.consumer.job("--tier", "tee", "--verification", "3600", "--private")
    market.first.do("stake", "deposit", "100")
    with working(market.first):
        until(lambda: shown(market, job)["state"] != "open", market, step="60s")
        until(lambda: shown(market, job)["turn"] != "consumer", market)
        market.consumer.do("job", "deliver", job)
        until(lambda: shown(market, job)["state"] == "submitted", market)
    found = market.consumer.run("verify", job, "--json").value
    assert [check["number"] for check in found["checks"] if check["passed"] is False] == [11], found
    market.advance("3601s")
    market.consumer.do("job", "settle", job)
    found = market.consumer.do("verify", job)
    assert found["verified"] and found["tier"] == "tee" and found["trust"].startswith("nobody: the simulated vendor")
    assert [check["passed"] for check in found["checks"]] == [True] * 8 + [None, None, True], found
    assert "of them attest today, of 3" in found["checks"][7]["found"]
    assert found["checks"][8]["found"].startswith("the outputs are private")
    assert market.consumer.do("job", "result", job, "-o", "out.json")["outputs"][0]["shape"] == [1, 10]


def test_a_public_result_is_verified_whole_and_its_evidence_too(market: Market) -> None:
    job = leased(market)
    handed = market.first.do("lease", "fulfil", job)
    assert handed["state"] == "submitted"
    market.advance("3601s")
    market.consumer.do("job", "settle", job)
    found = market.second.do("verify", job)
    assert found["verified"] and found["complete"] and len(found["checks"]) == 11
    assert all(check["against"] and check["guaranteed_by"] for check in found["checks"])
    # The evidence is simulated: two of three have signed, with all their stake, and it is worth nobody's word.
    assert (found["guaranteed_by"], found["cost_to_cheat"]["kind"]) == (["nobody"], "nothing")
    inputs = {each["name"]: each["value"] for each in found["cost_to_cheat"]["inputs"]}
    assert (inputs["simulated"], inputs["threshold"]) == (1, 2) and int(inputs["stakes"]) > 0
    evidence = found["evidence"]
    assert (evidence["attesters"], evidence["committee"], evidence["simulated"]) == (2, 3, True)
    file = market.second.folder / "policy.toml"
    demanded = "minimum_attesters = 2\nminimum_committee = 3\nminimum_window = '1h'\ntcb_status = ['UpToDate']"
    for text, missing in ((demanded, []), ("minimum_attesters = 3", ["policy: how many attesters have signed"]),
                          ("simulated = false", ["policy: the evidence is a vendor's"])):  # fmt: skip
        file.write_text(text)
        checks = market.second.run("verify", job, "--policy", "policy.toml", "--json").value["checks"]
        assert [check["check"] for check in checks if check["passed"] is False] == missing
    assert market.second.do("verify", "alice/digits-mlp")["verified"]


def test_with_too_few_attesters_it_says_who_failed_and_goes_on_later(market: Market, attesters: Attesters) -> None:
    job = leased(market)
    attesters.stop(UP[1])
    try:
        error = market.first.refused(12, "lease", "fulfil", job)
        assert "1 of 2 attesters signed" in error["message"] and error["message"].count("cannot be reached") == 2
    finally:
        attesters.serve(UP[1], int(attesters.urls[UP[1]].rpartition(":")[2]))
    assert market.first.do("lease", "fulfil", job)["state"] == "submitted"


def test_an_attester_that_never_answers_does_not_hold_the_command(market: Market, attesters: Attesters) -> None:
    """Two have signed, and the process ends: the time that the third has is longer than this test waits."""
    job, person = leased(market), attesters.person(ATTESTERS[2])
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        person.do("attester", "join", "--url", f"http://127.0.0.1:{hanging.getsockname()[1]}")
        patient = replace(market.first, env={**market.first.env, "MLM_TEE_TIMEOUT": "3600"})
        assert patient.spawn_afresh("lease", "fulfil", job).code == 0
        hanging.settimeout(30)
        hanging.accept()[0].close()  # it was asked
    person.do("attester", "join", "--url", "http://127.0.0.1:9")


def other_code(folder: Path) -> SimulatedEnclave:
    return enclave(folder, registers=REGISTERS | {"mr_enclave": b"\7" * 32})


def test_an_attester_that_refuses_is_named_with_its_reason(market: Market, attesters: Attesters) -> None:
    """It has signed another word on this quote already. What it has signed about another instant, whoever asked first,
    keeps nobody from being answered."""
    job, ports = leased(market), ports_of(market.first)
    kept = lease.compute(ports, lease.prepare(ports, job, *HELD))
    evidence, held = Evidence.from_bytes(kept.proof), honest(ports, job)
    asked = AttestRequest(
        held.job.job_id,
        held.model_digest,
        held.measurements,
        tensors_root(NO_SALT, kept.outputs),
        0,
        0,
        evidence.at - 10,
        True,
        evidence.quote,
        evidence.collateral,
    )
    person = attesters.person(UP[0])
    signed = ask(ports, attesters.urls[UP[0]], asked).attestation
    (folder,) = (market.home / "attester").glob(f"*/{person.do('whoami')['address'].lower()}")
    other = replace(signed, checked_at=evidence.at, status="OutOfDate")
    entry = folder / f"{job[2:]}-{signed.quote.hex()}-{evidence.at:x}.json"
    entry.write_text(json.dumps(other.to_json()))
    error = market.first.refused(12, "lease", "fulfil", job)
    assert "1 of 2 attesters signed" in error["message"]
    assert "it refuses: this quote was signed about already, with another status" in error["message"]
    entry.unlink()
    assert market.first.do("lease", "fulfil", job)["state"] == "submitted"


FALSE: dict[str, tuple[Callable[[Scene], AttestRequest], str]] = {
    "another model": (lambda it: it.asked(onnx=retyped()), "report data"),
    "another model that it names": (lambda it: replace(it.asked(), model=b"\1" * 32), "the version's key"),
    "another input": (lambda it: it.asked(block=other_input(it.ports)), "report data"),
    "a quote of another job": (
        lambda it: it.asked(task=replace(it.honest.task, job_id="0x" + "77" * 32)),
        "report data",
    ),
    "a quote of another provider": (
        lambda it: it.asked(task=replace(it.honest.task, provider="0x" + "77" * 20)),
        "report data",
    ),
    "a quote of another market": (
        lambda it: it.asked(task=replace(it.honest.task, market="0x" + "77" * 20)),
        "report data",
    ),
    "outputs that were swapped after the quote": (lambda it: replace(it.asked(), root=b"\1" * 32), "report data"),
    "a session key that was not quoted": (lambda it: replace(it.asked(), x=1, y=2), "report data"),
    "other code": (lambda it: it.asked(other_code(it.folder)), "the code of the enclave is sgx:0707"),
    "other code that it names": (
        lambda it: replace(it.asked(other_code(it.folder)), measurements=(b"\1" * 32,)),
        "the version's key",
    ),
    "an enclave that a debugger can open": (lambda it: it.asked(enclave(it.folder, debug=True)), "Debug"),
    "a platform that is out of date": (
        lambda it: it.asked(enclave(it.folder, status="OutOfDate")),
        "word on the platform.*found OutOfDate",
    ),
    "a revoked platform": (lambda it: it.asked(enclave(it.folder, status="Revoked")), "found Revoked|does not verify"),
    "simulated evidence as Intel's": (lambda it: replace(it.asked(), simulated=False), "does not verify"),
    "an instant to come": (
        lambda it: replace(made := it.asked(), checked_at=made.checked_at + 60),
        "checkedAt: expected",
    ),
    "an instant long ago": (
        lambda it: replace(made := it.asked(), checked_at=made.checked_at - 7200),
        "checkedAt: expected",
    ),
    "no quote": (lambda it: replace(it.asked(), quote=b"no quote"), "SGX or TDX"),
    "collateral of nobody": (lambda it: replace(it.asked(), collateral=b"{}"), "collateral"),
    "a quote whose certificates have other ends of lines": (
        lambda it: replace(made := it.asked(), quote=other_lines(made.quote)),
        "finds one in its form",
    ),
    "a quote that is too long to be shown": (
        lambda it: replace(made := it.asked(), quote=made.quote + bytes(16_384)),
        "finds one in its form",
    ),
    "a quoting enclave of the provider's own": (
        lambda it: own_quoting_enclave(it.asked()),
        "finds one in the quoting enclave",
    ),
    "a job that there is not": (lambda it: replace(it.asked(), job_id="0x" + "77" * 32), "there is no job"),
}


def own_quoting_enclave(made: AttestRequest) -> AttestRequest:
    """As with a platform that certifies any enclave, and collateral that says so: the library believes both."""
    vendor, signer = Vendor(), b"\7" * 32
    said = json.loads(made.collateral)
    identity = json.dumps(json.loads(said["qe_identity"]) | {"mrsigner": signer.hex().upper()})
    said |= {"qe_identity": identity, "qe_identity_signature": vendor._sign(SIGNING, identity.encode()).hex()}
    quote = requoted(vendor, made.quote, MR_SIGNER_AT, signer)
    return replace(made, quote=quote, collateral=json.dumps(said).encode())


def other_lines(quote: bytes) -> bytes:
    """The same SGX quote to a library that reads PEM leniently, and none to the contract that convicts."""
    at = quote.index(b"-----BEGIN")
    chain = quote[at:].replace(b"\n", b"\r\n")
    size = int.from_bytes(quote[432:436], "little") + len(chain) - len(quote[at:])
    head = quote[:432] + size.to_bytes(4, "little") + quote[436 : at - 4]
    return head + len(chain).to_bytes(4, "little") + chain


def retyped() -> bytes:
    """A model with the same input, of other weights."""
    found = onnx.load(ROOT / "templates" / "digits-mlp" / "model.onnx")
    first = found.graph.initializer[0]
    array = onnx.numpy_helper.to_array(first).copy()
    array.flat[0] += 1
    first.CopyFrom(onnx.numpy_helper.from_array(array, first.name))
    return bytes(found.SerializeToString())


def other_input(ports: Ports) -> bytes:
    """Of the same shape, all zeros."""
    given = np.load(ROOT / "templates" / "digits-mlp" / INPUT)
    name = onnx.load(ROOT / "templates" / "digits-mlp" / "model.onnx").graph.input[0].name
    return ports.tensors.to_block({name: np.zeros_like(given)})


@pytest.mark.parametrize("case", FALSE)
def test_an_attester_refuses(scene: Scene, case: str) -> None:
    make, words = FALSE[case]
    with pytest.raises(VerificationFailed, match=f"it refuses: .*({words})"):
        ask(scene.ports, scene.url, make(scene))


def test_an_attester_signs_what_is_true_once_and_a_restart_keeps_that(
    market: Market, attesters: Attesters, scene: Scene
) -> None:
    asked = scene.asked()
    signed = ask(scene.ports, scene.url, asked)
    address = attesters.person(UP[0]).do("whoami")["address"]
    assert signer(scene.ports, signed.attestation, signed.signature) == address.lower()
    market.advance("60s")
    later = replace(asked, checked_at=scene.ports.chain.block().timestamp)
    for _ in range(2):
        assert ask(scene.ports, scene.url, asked) == signed
        again = ask(scene.ports, scene.url, later).attestation
        assert again == replace(signed.attestation, checked_at=later.checked_at)
        attesters.restart(UP[0])


def test_simulated_evidence_is_signed_about_on_a_devnet_alone(scene: Scene) -> None:
    book, asked = MemoryBook(), scene.asked()
    asking = attest_gather.ask(scene.ports, NOBODY, asked.job_id, asked.to_json())
    with pytest.raises(VerificationFailed, match="simulated"):
        attest.attest(scene.ports, book, asking, asked, devnet=False)
    assert attest.attest(scene.ports, book, asking, asked, devnet=True).attestation.quote
    assert book.find(f"{asked.job_id[2:]}-{'0' * 64}") is None


def test_a_consumer_who_wants_hardware_gets_no_simulated_evidence(market: Market) -> None:
    """Whoever has none does not even bid, and nothing is handed in by whoever did."""
    job = market.consumer.job("--tier", "tee", "--hardware-only", auction="fixed")
    assert shown(market, job)["policy"] == "UpToDate; sgx, tdx, snp, nitro"
    error = market.first.refused(1, "bid", job, "--price", "5", "--stake")
    assert "simulated, which the job's policy does not accept" in error["message"], error
    raw = bytes.fromhex(job[2:])
    ports = ports_of(market.first)
    signed = ports.sender.sign(Call("JobMarket", "bid", (raw, 5 * TOKEN, b"")))
    ports.sender.broadcast(signed)
    ports.sender.wait(signed)
    for command in ("accept", "fulfil"):
        error = market.first.refused(1, "lease", command, job)
        assert "simulated, which the job's policy does not accept" in error["message"], error


def test_an_old_platform_serves_whom_it_suits_and_nobody_else(market: Market, tmp_path: Path) -> None:
    ports = ports_of(market.first, enclave(tmp_path, status="OutOfDate", advisories=("INTEL-SA-1",)))
    strict, lax = leased(market), leased(market, "--tcb-status", "UpToDate,OutOfDate")
    with pytest.raises(VerificationFailed, match="found OutOfDate"):
        execute(ports, lease.FULFIL, JobName(strict))
    execute(ports, lease.FULFIL, JobName(lax))
    found = market.consumer.run("verify", lax, "--json").value
    assert found["checks"][4]["found"] == "OutOfDate, sgx, simulated"
    assert [check["passed"] for check in found["checks"][:10]] == [True] * 10


def test_evidence_that_is_too_old_is_made_anew_and_too_old_for_the_policy_is_not_handed_in(market: Market) -> None:
    job = leased(market, "--execution", "86400", "--delivery", "86400")
    ports = ports_of(market.first)
    work = lease.prepare(ports, job, *HELD)
    kept = lease.compute(ports, work)
    rules = tiers.of(Tier.TEE)
    assert not rules.is_stale(ports, kept)
    market.advance("3001s")
    assert rules.is_stale(ports, kept)
    assert market.first.do("lease", "fulfil", job)["state"] == "submitted"
    strict = leased(market, "--attestation-max-age", "60")
    lease.compute(ports, lease.prepare(ports, strict, *HELD))
    market.advance("61s")
    error = market.first.refused(1, "lease", "fulfil", strict)
    assert "s old, the job's policy is at most 60 s" in error["message"]


def test_outputs_that_are_swapped_after_the_quote_are_found_by_whoever_verifies(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The submission is true, the block that it names holds other outputs."""
    job, ports = leased(market), ports_of(market.first)
    written = Handed.to_block

    def swapped(handed: Handed) -> bytes:
        tensors = ports.tensors.from_block(handed.outputs)
        return written(
            replace(handed, outputs=ports.tensors.to_block({name: -value for name, value in tensors.items()}))
        )

    monkeypatch.setattr(Handed, "to_block", swapped)
    execute(ports, lease.FULFIL, JobName(job))
    found = market.consumer.run("verify", job, "--json").value
    failed = {check["number"]: check["found"] for check in found["checks"] if check["passed"] is False}
    assert set(failed) == {9, 11} and "the provider committed to" in failed[9]
    error = market.consumer.refused(1, "job", "result", job)
    assert "mlm job complain" in error["hint"]
    assert market.consumer.do("job", "complain", job)["state"] == "disputed"


def test_who_complains_is_shown_outputs_and_quote_on_chain(market: Market) -> None:
    """What the provider pushed is gone before its consumer, with blocks of its own, has seen it."""
    job, consumer = leased(market), apart(market)
    before = pushed(market)
    market.first.do("lease", "fulfil", job)
    for path in pushed(market) - before:
        path.unlink()
    assert "mlm job complain" in consumer.refused(3, "job", "result", job)["hint"]
    assert consumer.do("job", "complain", job)["state"] == "disputed"
    market.first.do("lease", "answer", job)
    assert consumer.do("job", "result", job)["outputs"][0]["shape"] == [1, 10]
    checks = market.first.run("verify", job, "--json").value["checks"]
    assert [check["number"] for check in checks if check["passed"] is not True] == [11]


def test_what_is_signed_is_what_was_asked_for(market: Market, scene: Scene) -> None:
    """An attester that signs something else, and one whose key is another's, do not count."""
    asked = scene.asked()
    signed = ask(scene.ports, scene.url, asked)

    class Lying:
        def __init__(self, answer: Signed) -> None:
            self.answer = answer

        def attest(self, url: str, asking: Asking, body: bytes) -> Signed:
            return self.answer

    ports = ports_of(market.first)
    later: Attestation = replace(signed.attestation, checked_at=signed.attestation.checked_at + 1)
    for answer, words in (
        (replace(signed, attestation=later), "it signed something else: checkedAt"),
        (signed, "the signature is by 0x"),
    ):
        ports.attesters = Lying(answer)  # type: ignore[misc]
        with pytest.raises(StateConflict, match=words):
            attest_gather.gather(ports, asked, signed.attestation)


def test_a_model_without_a_tee_key_is_not_dealt_with(market: Market) -> None:
    consumer = market.consumer
    error = consumer.refused(
        2, "job", "post", "alice/digits-mlp@1.0.0", "-i", "samples/digit.npy", "--max-price", "5", "--tier", "tee"
    )
    assert "offers no tee tier" in error["message"] and "measurements" in error["hint"]
    for options in (["--tcb-status", "UpToDate"], ["--enclaves", "sgx"], ["--attestation-max-age", "60"]):
        error = consumer.refused(
            2, "job", "post", "alice/digits-mlp", "-i", "samples/digit.npy", "--max-price", "5", *options
        )
        assert "--tier tee" in error["message"]
    for option, value in (("--tcb-status", "Revoked"), ("--enclaves", "sgx,sev")):
        error = consumer.refused(
            2,
            "job",
            "post",
            "alice/digits-mlp",
            "-i",
            "samples/digit.npy",
            "--max-price",
            "5",
            "--tier",
            "tee",
            option,
            value,
        )
        assert "expected some of" in error["message"]


def test_where_a_job_has_no_terms_of_its_own_there_is_no_tee(market: Market) -> None:
    words = ("job", "post", MODEL, "-i", INPUT, "--max-price", "5", "--tier", "tee", "--auction", "batch")
    error = market.consumer.refused(2, *words, "--start-price", "1", "--price-step", "0.01")
    assert "the jobs of a batch have none" in error["message"]
    text = f'budget = "9"\n[step.one]\nmodel = "{MODEL}@1.1.0"\ninput = "{INPUT}"\nmax_price = "5"\ntier = "tee"\n'
    (market.consumer.folder / "tee.toml").write_text(text)
    assert "step.one: the tier tee has terms" in market.consumer.refused(2, "pipeline", "show", "tee.toml")["message"]


def test_only_the_governance_admits(market: Market) -> None:
    error = market.consumer.refused(12, "attester", "threshold", "1")
    assert "the governance of the attesters is" in error["message"]


@pytest.fixture(scope="module")
def door(attesters: Attesters) -> Iterator[str]:
    """An attester that answers one address once a second on average, and gives a body two seconds; no member."""
    attesters.serve("consumer", env={"MLM_TEE_RATE": "1", "MLM_SERVE_SECONDS": "2"})
    yield attesters.urls["consumer"]
    attesters.stop("consumer")


JSON = {"content-type": "application/json"}


def signed(scene: Scene, url: str, body: bytes, **changed: Any) -> dict[str, str]:
    """Headers of a request with this body, signed by the lease holder; `changed` says who signs, or what else is."""
    attester = changed.get("attester") or request(url, "GET", "/health").json["attester"]
    asking = attest_gather.ask(
        changed.get("by", scene.ports), attester, changed.get("job", scene.honest.job.job_id), body
    )
    return {**JSON, HEADER: replace(asking, **changed.get("then", {})).to_header()}


def test_an_attester_answers_nobody_but_the_lease_holder(scene: Scene, market: Market) -> None:
    """Whoever was handed the quote, such as another attester, asks nobody; and no body is read of whom may not ask."""
    body, other = scene.asked().to_json(), ports_of(market.second)
    mine, others = scene.ports.signer.address.lower(), other.signer.address.lower()
    cases: list[tuple[dict[str, str], int, str]] = [
        (JSON, 401, "expected the header Mlm-Attest-Request"),
        ({**JSON, HEADER: "e30"}, 401, "'job' of the header"),
        (signed(scene, scene.url, body, attester=NOBODY), 401, "asks the attester"),
        (signed(scene, scene.url, body, by=other, then={"provider": mine}), 401, "is signed by"),
        (signed(scene, scene.url, body, then={"job_id": "0x" + "77" * 32}), 401, "is signed by"),
        (
            signed(scene, scene.url, body, by=other),
            403,
            f"holds the lease of job {scene.honest.job.short}, not {others}",
        ),
        (signed(scene, scene.url, body, job="0x" + "77" * 32), 404, "there is no job"),
        (signed(scene, scene.url, body, job="0x" + "00" * 32, by=ports_of(market.consumer)), 403, "no stake"),
    ]
    for headers, status, words in cases:
        unsent = {**headers, "content-length": str(len(body))}
        reply = request(scene.url, "POST", PATH, b"", unsent)
        assert reply.status == status and words in reply.json["error"], (reply, words)
        time.sleep(0.2)  # five requests a second are answered
    reply = request(scene.url, "POST", PATH, body, signed(scene, scene.url, body + b" "))
    assert reply.status == 400 and "the body: expected sha256" in reply.json["error"]
    elsewhere = replace(scene.asked(), job_id="0x" + "77" * 32).to_json()
    reply = request(scene.url, "POST", PATH, elsewhere, signed(scene, scene.url, elsewhere))
    assert reply.status == 409 and "its header about" in reply.json["error"]


def test_an_attesters_server_is_bounded(door: str, scene: Scene) -> None:
    asked = scene.asked().to_json()
    about = request(door, "GET", "/health").json
    assert set(about) == {"attester", "chain", "verifier"} and about["chain"] == 31337
    found = [
        request(door, "GET", PATH),
        request(door, "POST", "/elsewhere", asked, JSON),
        request(door, "POST", PATH, asked),
    ]
    assert [reply.status for reply in found] == [405, 404, 415]
    wait_for_the_rate()
    large = b"x" * (MAX_BODY + 1)
    assert request(door, "POST", PATH, large, signed(scene, door, large)).status == 413
    wait_for_the_rate()
    late = {**signed(scene, door, asked), "content-length": str(len(asked) + 1)}
    assert request(door, "POST", PATH, asked, late).status == 408
    wait_for_the_rate()
    for body in (b"", b"[]", b"[" * 50_000, asked[:-1]):
        wait_for_the_rate()
        reply = request(door, "POST", PATH, body, signed(scene, door, body))
        assert (reply.status, reply.json["code"]) == (400, "malformed"), reply
    wait_for_the_rate()
    assert request(door, "POST", PATH, asked, signed(scene, door, asked)).status == 200, "and it still does its work"


def wait_for_the_rate() -> None:
    time.sleep(1.1)


def test_an_attesters_server_answers_an_address_so_often(door: str) -> None:
    wait_for_the_rate()
    statuses = [request(door, "POST", PATH, b"[]", JSON).status for _ in range(8)]
    assert statuses[0] == 401 and 429 in statuses
    time.sleep(3)
    assert request(door, "POST", PATH, b"[]", JSON).status == 401


def test_an_attester_that_leaves_has_its_stake_back_once_it_has_unbonded(attesters: Attesters) -> None:
    person = attesters.person(ATTESTERS[2])
    left = person.do("attester", "leave")
    assert (left["active"], left["stake"]) == (False, "0") and int(left["unbonding"]) > 0
    error = person.refused(12, "attester", "withdraw")
    assert "unbonds in 30 d" in error["message"]
    attesters.market.advance("30d")
    assert person.do("attester", "withdraw")["unbonding"] == "0"
    assert person.refused(12, "attester", "withdraw")["message"] == "nothing is unbonding"


def test_a_version_whose_key_is_of_other_code_is_not_dealt_with(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest says one thing, and the chain another."""
    with monkeypatch.context() as lying:
        lying.setattr(TeeKey, "key", property(lambda key: tee.tee_key(key.model, [b"\7" * 32])))
        publish(market, "1.2.0", before="1.1.0")
    asset = "alice/digits-mlp@1.2.0"
    words = ("job", "post", asset, "-i", INPUT, "--max-price", "5", "--tier", "tee")
    assert "the chain holds the tee key" in market.consumer.refused(1, *words)["message"]
    found = market.consumer.run("verify", asset, "--json").value
    assert [check["check"] for check in found["checks"] if check["passed"] is False] == [
        "the model's file gives the tee key on chain"
    ]
