"""Attesters who signed what is false lose their stake, by reports that the real contracts judge; nobody else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlm.core.attestation import SNP
from mlm.core.reporting import Kind
from mlm.workflows import attester_report
from mlm.workflows.apply import apply
from tests.command_line import Market, Person, sent
from tests.delivering import NONE, apart, leased, pushed
from tests.enclaves import ATTESTERS, GOVERNANCE, Attesters, attested_market, ports_of
from tests.reporting import about, answered, evidence, forged, handed_in, opened, quoted, registered

SIGNERS = ATTESTERS[:2]


@pytest.fixture(scope="module")
def attesters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attesters]:
    with attested_market(tmp_path_factory.mktemp("reports"), serving=()) as made:
        yield made


@pytest.fixture(scope="module")
def market(attesters: Attesters) -> Market:
    return attesters.market


@pytest.fixture
def signers(attesters: Attesters) -> tuple[Person, ...]:
    """Two members with their stake, whoever has lost it before."""
    governance, people = attesters.person(GOVERNANCE), tuple(attesters.person(each) for each in SIGNERS)
    for person in people:
        found = person.do("attester", "show")
        if found["stake"] == "0":
            person.do("attester", "join", "--url", found["url"])
            governance.do("attester", "admit", found["account"])
    if not all(person.do("attester", "show")["active"] for person in people):
        attesters.market.advance("31d")
    return people


def leased_job(market: Market, *options: str) -> str:
    """A job of the tier that compute-1 has won."""
    job = market.consumer.job("--tier", "tee", *options, auction="fixed")
    market.first.do("bid", job, "--price", "5", "--stake")
    return job


def stake_of(person: Person) -> int:
    return int(person.do("attester", "show")["stake"])


CASES = {
    "contradiction": (opened, "a debugger", 0),
    "falseChain": (forged, "the report's signature", 1),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_job_that_rests_on_a_false_quote_is_rejected_and_its_attesters_pay(
    market: Market, signers: tuple[Person, ...], kind: str
) -> None:
    alter, fault, bonds = CASES[kind]
    job, reporter = leased_job(market), market.consumer
    handed_in(market.first, job, signers, alter)
    at_stake = {person.do("whoami")["address"].lower(): stake_of(person) for person in signers}
    checks = reporter.run("verify", job, "--json").value["checks"]
    assert checks[7]["passed"] is False and f"in what they signed ({fault})" in checks[7]["found"]
    assert f"`mlm attester report {job[:10]}`" in checks[7]["found"]
    reporter.run("wallet", "withdraw")  # what other tests left
    before, bond = reporter.money, ports_of(reporter).chain.call("TeeVerifier", "bond")
    plan = reporter.run("attester", "report", job, "--dry-run", "--json").value
    assert [step["kind"] for step in plan["steps"]] == ["transaction"] * 2 and int(plan["bond"]) == bonds * bond
    assert all(address in plan["steps"][1]["title"].lower() for address in at_stake)
    found = reporter.do("attester", "report", job)
    assert [(each["report"], each["fault"], each["other"]) for each in found["shown"]] == [(kind, fault, "")]
    assert {each["attester"]: int(each["lost"]) for each in found["losses"]} == at_stake
    assert (found["state"], found["next"]) == ("rejected", f"mlm job settle {job[:10]}")
    assert int(found["reward"]) == sum(at_stake.values()) // 2 and int(found["bond"]) == bonds * bond
    assert [stake_of(person) for person in signers] == [0, 0]
    assert int(reporter.do("wallet", "show")["report_credit"]) == int(found["reward"]) + bonds * bond
    assert int(reporter.do("wallet", "withdraw")["reports"]) == int(found["reward"]) + bonds * bond
    reporter.do("job", "settle", job)
    # The job's price comes back, with the provider's loss; what was reported is the reporter's, and nothing twice.
    assert reporter.money >= before + int(found["reward"])
    assert reporter.run("attester", "report", job, "--json").value["result"] == {
        **found, "losses": [], "reward": "0", "bond": "0", "next": "mlm wallet withdraw",
    }  # fmt: skip
    assert "has shown it already" in market.second.refused(12, "attester", "report", job)["message"]


def test_what_is_true_is_reported_by_nobody(market: Market, signers: tuple[Person, ...]) -> None:
    """The contract would burn the bond."""
    job, reporter = leased_job(market), market.consumer
    quote = handed_in(market.first, job, signers)
    (reporter.folder / "true.bin").write_bytes(quote)
    before = sent(market, "consumer")
    for words in ((job,), (job, "--quote", "true.bin")):
        error = reporter.refused(12, "attester", "report", *words)
        assert "finds no fault in what was signed" in error["message"] and "Nothing was sent" in error["hint"]
    assert sent(market, "consumer") == before
    assert reporter.run("verify", job, "--json").value["checks"][7]["passed"]


def test_one_quote_for_two_jobs_convicts_by_the_chain_alone(market: Market, signers: tuple[Person, ...]) -> None:
    """Nobody has the block with the quote; what was signed about it stands in the log, twice, of one report each."""
    first, second, reporter = leased_job(market), leased_job(market), apart(market)
    quote = handed_in(market.first, first, signers)
    before = pushed(market)
    handed_in(market.first, second, signers, lambda own: quote)
    for path in pushed(market) - before:
        path.unlink()
    found = reporter.do("attester", "report", second)
    assert [(each["report"], each["fault"]) for each in found["shown"]] == [
        ("equivocation", "jobId, reportData, checkedAt")
    ] * 2
    assert len({each["attester"] for each in found["losses"]}) == 2 and found["state"] == "submitted"
    assert [stake_of(person) for person in signers] == [0, 0]
    # With the quote, which the provider shows to whoever complains, the job is rejected too.
    (reporter.folder / "quote.bin").write_bytes(quote)
    again = reporter.do("attester", "report", second, "--quote", "quote.bin")
    assert [(each["report"], each["fault"]) for each in again["shown"]] == [("contradiction", "the report data")]
    assert (again["losses"], again["state"]) == ([], "rejected")


def test_a_watcher_reports_by_itself_what_it_may(market: Market, signers: tuple[Person, ...]) -> None:
    """Of the job that is true it says nothing, and of the other one no more than it is allowed to lock."""
    good, bad, watcher = leased_job(market), leased_job(market), market.consumer
    handed_in(market.first, good, signers)
    handed_in(market.first, bad, signers, forged)
    before = sent(market, "consumer")
    for option, told in (("--observe", f"would run: mlm attester report {bad[:10]}"), ("--most-bond=9", "left alone")):
        ran = watcher.run("watcher", "run", option, "--until-idle", "--json")
        assert told in ran.err and good[:10] not in ran.err and ran.value["reports"] == 0, ran
    assert sent(market, "consumer") == before
    ran = watcher.run("watcher", "run", "--until-idle", "--json")
    assert (ran.value["reports"], ran.value["moves"], ran.value["failures"]) == (1, 1, 0), ran
    assert sent(market, "consumer") == before + 2
    states = [watcher.do("job", "show", job)["state"] for job in (good, bad)]
    assert states == ["submitted", "rejected"] and [stake_of(person) for person in signers] == [0, 0]


@pytest.mark.parametrize(("at", "when"), [(3, "after"), (7, "before"), (9, "after")])
def test_a_watcher_that_is_killed_while_it_reports_goes_on(
    market: Market, signers: tuple[Person, ...], at: int, when: str
) -> None:
    job, watcher = leased_job(market), market.consumer
    handed_in(market.first, job, signers, opened)
    before = sent(market, "consumer")
    watcher.killed(at, when, "watcher", "run", "--until-idle", "--json")
    watcher.run("watcher", "run", "--until-idle", "--json")
    assert watcher.do("job", "show", job)["state"] == "rejected" and sent(market, "consumer") == before + 2
    assert [stake_of(person) for person in signers] == [0, 0]


def test_a_watcher_looks_again_until_the_quote_is_there(market: Market, signers: tuple[Person, ...]) -> None:
    """A provider that hands nothing over shows it to whoever complains."""
    job, consumer = leased_job(market), apart(market)
    before = pushed(market)
    handed_in(market.first, job, signers, opened)
    for path in pushed(market) - before:
        path.unlink()
    ran = consumer.run("watcher", "run", "--until-idle", "--json")
    assert "cannot be checked yet" in ran.err and (ran.value["reports"], ran.value["failures"]) == (0, 0), ran
    consumer.do("job", "complain", job)
    market.first.do("lease", "answer", job)
    assert consumer.run("watcher", "run", "--until-idle", "--json").value["reports"] == 1
    assert consumer.do("job", "show", job)["state"] == "rejected"


def test_a_key_by_a_quote_that_nobody_signed_ends_with_its_attesters(
    market: Market, signers: tuple[Person, ...], tmp_path: Path
) -> None:
    """Whoever has one attester's answer finds the others' in the log of the key's registration."""
    reporter = Person("consumer", tmp_path, market.home)
    quote, said = registered(market.first, signers)
    (tmp_path / "quote.bin").write_bytes(quote)
    answered(reporter, signers[0], said, "answer.json")
    found = reporter.do("attester", "report", "--attestation", "answer.json", "--quote", "quote.bin")
    assert [(each["report"], each["fault"]) for each in found["shown"]] == [("falseChain", "the report's signature")]
    assert len(found["losses"]) == 2 and [stake_of(person) for person in signers] == [0, 0]


@pytest.fixture
def folder(market: Market, tmp_path: Path) -> Person:
    """A reporter in a folder of its own."""
    return Person("consumer", tmp_path, market.home)


@pytest.mark.parametrize("kind", Kind)
def test_what_was_never_handed_in_convicts_from_files(
    folder: Person, signers: tuple[Person, ...], kind: Kind, market: Market
) -> None:
    (liar, _), words = signers, evidence(folder, signers[0], kind)
    lost = stake_of(liar)
    found = folder.do("attester", "report", *words)
    assert [each["report"] for each in found["shown"]] == [kind.value]
    assert (int(found["losses"][0]["lost"]), int(found["reward"])) == (lost, lost // 2) and lost > 0
    assert (found["job"], found["state"], found["next"]) == ("", None, "mlm wallet withdraw")
    again = folder.run("attester", "report", *words, "--json").value
    assert again["steps"] == [] and again["result"]["shown"] == found["shown"]
    other = Person("compute-1", folder.folder, market.home)
    assert "nobody who signed it has anything at stake" in other.refused(12, "attester", "report", *words)["message"]


def test_a_commitment_that_stands_is_not_made_again(
    folder: Person, signers: tuple[Person, ...], market: Market
) -> None:
    """A reporter that died in between, and asks anew, also on another machine: the salt is its key's."""
    evidence(folder, signers[0], Kind.CONTRADICTION)
    asked = attester_report.Accusation(None, (Path("answer.json"),), Path("quote.bin"))
    ports = ports_of(folder)
    plan = attester_report.plan_report(ports, asked)
    apply(ports, type(plan)(plan.operation, plan.steps[:1], None))
    assert attester_report.plan_report(ports, asked).steps == plan.steps[1:]
    market.advance("84600s")
    assert len(attester_report.plan_report(ports, asked).steps) == 2, "it would end too soon"


def _of_snp(folder: Person, liar: Person, **lie: bytes) -> tuple[str, ...]:
    """About a report of SEV-SNP, as it is or with a lie."""
    quote = quoted(SNP)
    (folder.folder / "quote.bin").write_bytes(quote)
    answered(folder, liar, replace(about(quote, SNP), **lie), "answer.json")
    return ("--attestation", "answer.json", "--quote", "quote.bin")


def test_what_a_report_of_another_kind_says_convicts_too(folder: Person, signers: tuple[Person, ...]) -> None:
    found = folder.do("attester", "report", *_of_snp(folder, signers[0], report_data=b"\7" * 32))
    assert [(each["report"], each["fault"]) for each in found["shown"]] == [("contradiction", "the report data")]


def _two(folder: Person, liar: Person) -> tuple[str, ...]:
    for name in ("answer.json", "other.json"):
        answered(folder, liar, about(quoted()), name)
    return ("--attestation", "answer.json", "--attestation", "other.json")


def _unquoted(folder: Person, liar: Person) -> tuple[str, ...]:
    answered(folder, liar, about(quoted()), "answer.json")
    return ("--attestation", "answer.json")


def _other_quote(folder: Person, liar: Person) -> tuple[str, ...]:
    (folder.folder / "other.bin").write_bytes(quoted())
    return (*_unquoted(folder, liar), "--quote", "other.bin")


def _no_answer(folder: Person, liar: Person) -> tuple[str, ...]:
    (folder.folder / "answer.json").write_text("{}")
    return ("--attestation", "answer.json")


REFUSED: dict[str, tuple[Callable[[Person, Person], tuple[str, ...]], int, str]] = {
    "nothing": (lambda folder, liar: (), 2, "expected a job, or attestations in files"),
    "two quotes": (_two, 2, "expected attestations of one quote, found of 2"),
    "no quote": (_unquoted, 3, "no --quote FILE has its bytes"),
    "another quote": (_other_quote, 4, "other.bin: expected the quote that was signed about"),
    "true evidence of another kind": (_of_snp, 12, "its signatures no contract verifies"),
    "no answer of an attester": (_no_answer, 4, "answer.json: expected an attester's answer with the fields"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_evidence_that_is_none_is_refused(folder: Person, signers: tuple[Person, ...], case: str) -> None:
    make, code, words = REFUSED[case]
    assert words in folder.refused(code, "attester", "report", *make(folder, signers[0]))["message"]


def test_jobs_that_no_attester_answers_for_are_refused(folder: Person, market: Market) -> None:
    error = folder.refused(12, "attester", "report", leased_job(market))
    assert "it has no result that attesters signed" in error["message"]
    error = folder.refused(2, "attester", "report", leased(market, market.consumer, "samples/digit.npy", *NONE))
    assert "has the tier none: attesters sign results of the tier tee" in error["message"]
