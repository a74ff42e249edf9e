"""Money, jobs, leases and names on the chain: what a contract, or we before it, must refuse."""

from __future__ import annotations

import json
from typing import Any

from tests.bad.harness import Scene, bad, nothing
from tests.bad.settings import ASSET
from tests.bad.shared import FIXTURES, TINY_INPUT
from tests.bad.wallets import bob
from tests.foreign_tokens import put

POST = "mlm job post alice/digits-mlp -i digit.npy"


def _digit(scene: Scene) -> None:
    scene.write("digit.npy", scene.shared.digit)


def _job(scene: Scene) -> None:
    scene.words["job"] = scene.shared.posted


@bad("mlm handle claim bobby", 8, "cannot pay for gas", "expected", "wei", "found 0", hint="Send it")
def no_coins_for_gas(scene: Scene) -> None:
    bob(scene)


@bad(f"{POST} --max-price 1000000000", 8, "needs 1000000000 MLM", "holds", hint="faucet")
def insufficient_funds(scene: Scene) -> None:
    _digit(scene)


@bad("mlm stake deposit 1000000000", 8, "needs 1000000000 MLM", "holds", hint="faucet")
def stake_beyond_what_one_has(scene: Scene) -> None:
    nothing(scene)


@bad("mlm stake withdraw 5", 8, "asked to unbond 5 MLM", "free stake is 0 MLM")
def withdrawal_beyond_the_stake(scene: Scene) -> None:
    nothing(scene)


@bad("mlm stake deposit 0", 7, "StakeAmountZero", error="reverted", hint="above zero")
def stake_of_nothing(scene: Scene) -> None:
    nothing(scene)


@bad(f"{POST} --max-price -5", 2, "expected an amount such as 1.25", "found '-5'")
def negative_price(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 0", 7, "PriceBelowFloor", "floor=0.10", "actual=0 MLM", error="reverted")
def price_of_nothing(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 1.0000000000000000001", 2, "expected at most 18 digits", "found '1.0000000000000000001'")
def more_decimals_than_there_are(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 999999999999999999999999999999", 8, "needs 999999999999999999999999999999 MLM", "holds")
def price_beyond_the_contracts_numbers(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price ٥", 2, "expected an amount such as 1.25", "found '٥'")
def digits_of_another_script(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 1e3", 2, "expected an amount such as 1.25", "found '1e3'")
def scientific_notation(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 5 --bidding 99999999", 7, "WindowOutOfBounds", "99999999", error="reverted")
def window_of_three_years(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 5 --tier consensus", 2, "the tier consensus is not available", hint="--tier zk")
def tier_that_is_not_there(scene: Scene) -> None:
    _digit(scene)


@bad("mlm job post alice/digits-mlp -i tiny.npy --max-price 5", 4, "expected float32 [1, 64]", "found float32 [1, 16]")
def input_of_another_model(scene: Scene) -> None:
    scene.write("tiny.npy", TINY_INPUT)


@bad("mlm job post alice/nothing -i digit.npy --max-price 5", 3, "no published version matches alice/nothing")
def asset_that_is_not_there(scene: Scene) -> None:
    _digit(scene)


@bad("mlm asset show alice/digits-mlp@9.9.9", 3, "no published version matches alice/digits-mlp@9.9.9")
def version_that_is_not_there(scene: Scene) -> None:
    nothing(scene)


@bad("mlm asset show аlice/digits-mlp", 2, "expected an asset such as alice/digits", "found '\u0430lice/digits-mlp'")
def handle_of_look_alike_letters(scene: Scene) -> None:
    """The first letter is Cyrillic."""


@bad("mlm handle claim ALICE", 2, "expected a handle of 1 to 39 of a-z, 0-9 and -", "found 'ALICE'")
def handle_of_capitals(scene: Scene) -> None:
    nothing(scene)


@bad("mlm handle claim alice", 12, "'alice' belongs to 0x7099", hint="Choose another")
def handle_of_another(scene: Scene) -> None:
    nothing(scene)


@bad("mlm job show job/0x0000000000", 3, "no job starts with 0x0000000000", hint="mlm job list")
def job_that_is_not_there(scene: Scene) -> None:
    nothing(scene)


@bad("mlm job show job/xyz", 2, "expected a job such as job/0x12ab", "found 'job/xyz'")
def job_id_that_is_none(scene: Scene) -> None:
    nothing(scene)


@bad("mlm job show 0xabcd", 2, "0xabcd matches 2 jobs", hint="Give more digits")
def job_prefix_of_two_jobs(scene: Scene) -> None:
    from mlm.adapters.state.duckdb import DuckState

    found, query = ["0xabcd" + "01" * 30, "0xabcd" + "02" * 30], DuckState.query
    rows = [{"job_id": job} for job in found]
    answer = lambda self, name, **given: rows if name == "job_prefix" else query(self, name, **given)  # noqa: E731
    scene.change(DuckState, "query", answer)


@bad("mlm bid {job} --price 6 --stake", 2, "pays at most 5 MLM", "found 6 MLM", hint="Bid less")
def bid_above_the_maximum(scene: Scene) -> None:
    _job(scene)
    scene.account = "compute-1"


@bad("mlm bid {job} --price 3 --stake", 7, "ConsumerCannotBid", error="reverted", hint="--account")
def bid_on_ones_own_job(scene: Scene) -> None:
    _job(scene)


@bad("mlm bid {job} --price 3", 8, "a bid locks 10 MLM", "free stake is 0 MLM", hint="--stake")
def bid_without_a_stake(scene: Scene) -> None:
    _job(scene)
    scene.account = "deployer"  # in no test of the session's market does it stake


@bad("mlm job award {job}", 12, "is open with no bid", "needs it open with a bid", hint="mlm job show")
def award_without_a_bid(scene: Scene) -> None:
    _job(scene)


@bad("mlm job cancel {job}", 7, "NotConsumer", error="reverted", hint="mlm whoami")
def cancellation_by_another(scene: Scene) -> None:
    _job(scene)
    scene.account = "compute-1"


@bad("mlm job settle {job}", 12, "is open", "settles when its state is final", hint="mlm job show")
def settlement_of_an_open_job(scene: Scene) -> None:
    _job(scene)


@bad("mlm job result {job}", 12, "is open", "no result yet", hint="mlm job watch")
def result_of_an_open_job(scene: Scene) -> None:
    _job(scene)


@bad("mlm job watch {job} --timeout nan", 2, "--timeout", "expected", "found nan")
def watch_without_end(scene: Scene) -> None:
    _job(scene)


@bad("mlm wallet withdraw", 8, "nothing is credited to 0x9965", hint="mlm job list")
def withdrawal_of_no_credit(scene: Scene) -> None:
    scene.account = "watcher"


@bad("mlm lease accept {job}", 12, "is expired", "needs it leased", hint="mlm job show")
def lease_of_an_expired_job(scene: Scene) -> None:
    scene.words["job"] = scene.shared.expired
    scene.account = "compute-1"


@bad("mlm lease accept {job}", 12, "is undelivered", "needs it leased", hint="mlm job show")
def expired_lease(scene: Scene) -> None:
    scene.words["job"] = scene.shared.undelivered
    scene.account = "compute-1"


def _delivery(scene: Scene, **changes: Any) -> None:
    """The leased job, and its true proof with some fields changed."""
    scene.words["job"] = scene.shared.leased
    scene.account = "compute-1"
    scene.write("p.json", json.dumps({**scene.shared.delivery, **changes}))


SUBMIT = "mlm lease submit {job} --proof p.json"


@bad(SUBMIT, 12, "is held by 0x90f7", "not by 0x15d3", hint="mlm lease list")
def lease_of_another(scene: Scene) -> None:
    _delivery(scene)
    scene.account = "compute-2"


@bad(SUBMIT, 7, "ProofRejected", error="reverted", hint="Prove again")
def submission_with_a_flipped_byte(scene: Scene) -> None:
    proof = bytearray.fromhex(scene.shared.delivery["proof"][2:])
    proof[-1] ^= 1
    _delivery(scene, proof="0x" + proof.hex())


@bad(SUBMIT, 7, "ProofRejected", error="reverted", hint="Prove again")
def submission_with_another_output(scene: Scene) -> None:
    words = scene.shared.delivery["instances"]
    _delivery(scene, instances=[*words[:-1], f"0x{int(words[-1], 16) ^ 1:064x}"])


@bad(SUBMIT, 7, "InputMismatch", error="reverted", hint="prove the input")
def submission_of_another_input(scene: Scene) -> None:
    words = scene.shared.delivery["instances"]
    _delivery(scene, instances=[f"0x{int(words[0], 16) ^ 1:064x}", *words[1:]])


@bad(SUBMIT, 4, "is of the model", "the job runs")
def submission_of_another_model(scene: Scene) -> None:
    _delivery(scene, model="ab" * 32, proof=FIXTURES["good"]["proof"], instances=FIXTURES["good"]["instances"])


@bad("mlm job post mallory/tiny -i x.npy --max-price 5", 1, "the chain holds the zk key 0x", "its files give 0x",
     error="verification_failed", hint="Do not deal with this version")  # fmt: skip
def foreign_key(scene: Scene) -> None:
    """Published with the key of another model of the same size: whoever knows that model could prove any output."""
    scene.shared.mallory  # noqa: B018 - it publishes
    scene.write("x.npy", TINY_INPUT)


@bad("mlm publish --handle alice", 12, "the handle alice belongs to 0x7099", hint="--handle")
def publication_under_the_handle_of_another(scene: Scene) -> None:
    scene.project(ASSET, commit=True)


@bad("mlm publish --handle c-p", 3, "no published version matches c-p/x@1.0.0")
def lineage_that_leads_to_itself(scene: Scene) -> None:
    toml = ASSET + '[[parents]]\nasset = "c-p/x@1.0.0"\nbps = 1\n'
    scene.project(toml, commit=True)


@bad("mlm publish", 2, "no handle is given", hint="--handle")
def publication_without_a_handle(scene: Scene) -> None:
    scene.project(ASSET, commit=True)


@bad("mlm price set alice/digits-mlp --use 1", 7, "NotAssetOwner", error="reverted", hint="mlm whoami")
def price_of_another(scene: Scene) -> None:
    nothing(scene)


@bad("mlm price set alice/digits-mlp --use 1 --royalty-bps 10001", 2, "--royalty-bps", "9000")
def royalty_of_more_than_all(scene: Scene) -> None:
    scene.account = "model-provider"


def _priced(scene: Scene, **token: Any) -> None:
    """A network whose deployment file says this of its token."""
    _digit(scene)
    scene.network(scene.url)
    file = scene.home / "theirs.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "token": token}))


@bad(f"{POST} --max-price 2.1234567", 2, "at most 6 digits", "as USDT has", "found '2.1234567'", hint="2.123456 or")
def more_decimals_than_the_networks_token_has(scene: Scene) -> None:
    _priced(scene, symbol="USDT", decimals=6)


@bad(f"{POST} --max-price '2.5 MLM'", 2, "expected an amount such as 1.25, in USDT", "found '2.5 MLM'")
def price_in_another_token(scene: Scene) -> None:
    _priced(scene, symbol="USDT", decimals=6)


@bad("mlm stake deposit 1", 4, "expected a token of 6 decimals", "found 18 at 0x", hint="the right file")
def file_that_says_other_decimals_than_the_token(scene: Scene) -> None:
    _priced(scene, symbol="USDT", decimals=6)


@bad(f"{POST} --max-price 5", 4, "theirs.json", "expected token.symbol", "found '\\x1b[2J0 paid'")
def symbol_that_moves_the_cursor(scene: Scene) -> None:
    _priced(scene, symbol="\x1b[2J0 paid", decimals=18)


@bad(f"{POST} --max-price 5", 4, "expected token.symbol", "found '000'")
def symbol_that_reads_as_digits(scene: Scene) -> None:
    _priced(scene, symbol="000", decimals=18)


@bad(f"{POST} --max-price 5", 4, "expected token.decimals, 0 to 36", "found '1000000000'")
def decimals_without_end(scene: Scene) -> None:
    _priced(scene, symbol="MLM", decimals=10**9)


DEPLOY = "mlm network deploy theirs --insecure-srs --label bad --deployment new.json --token {token}"


def _token(scene: Scene, name: str, *arguments: object) -> None:
    """Another token on the devnet's chain, some of it the consumer's."""
    from mlm.adapters.wallet import devnet

    scene.network(scene.url)
    scene.words["token"] = put(scene.url, name, devnet.address("consumer"), *arguments)


@bad(DEPLOY, 2, "to arrive, found", "in a simulated transfer of 0x", hint="charges for transfers")
def token_that_charges_for_transfers(scene: Scene) -> None:
    _token(scene, "FeeToken", 10**24, 100)


@bad(DEPLOY, 2, "30 days later", "in a simulated transfer of 0x", hint="balances move by themselves")
def token_whose_balances_grow(scene: Scene) -> None:
    _token(scene, "RebasingToken", 10**24, 10**20)


@bad(DEPLOY, 2, "says by its return value that transferFrom failed", hint="no such token")
def token_that_returns_false(scene: Scene) -> None:
    _token(scene, "FalseToken", 10**24)


@bad("mlm attester join --url http://10.0.0.7:8080", 2, "--url", "providers ask", "10.0.0.7", hint="tee.private_urls")
def attester_at_an_address_of_its_own_network(scene: Scene) -> None:
    scene.network(scene.url)
