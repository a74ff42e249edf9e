"""Payment channels that do not exist, payees that are none, deposits that pay for no call."""

from __future__ import annotations

from tests.bad.harness import Scene, bad

TO = "--to 0x00000000000000000000000000000000000000aA"


def _consumer(scene: Scene) -> None:
    scene.account = "consumer"


@bad("mlm channel open alice/digits-mlp --to alice --amount 5", 2, "an address of 40 hex digits", "found 'alice'")
def payee_that_is_a_name(scene: Scene) -> None:
    _consumer(scene)


@bad(f"mlm channel open alice/digits-mlp {TO} --amount 0", 2, "a deposit above zero", "found 0")
def channel_without_a_deposit(scene: Scene) -> None:
    _consumer(scene)


@bad(f"mlm channel open alice/digits-mlp {TO} --amount 0.000000000000000001", 2, "the least price of one call", "found")
def deposit_below_the_price_of_a_call(scene: Scene) -> None:
    _consumer(scene)


@bad("mlm channel show channel/xyz", 2, "expected a channel such as channel/0x12ab", "found 'channel/xyz'")
def channel_that_is_no_id(scene: Scene) -> None:
    _consumer(scene)


@bad("mlm channel claim 0xffffffffffff", 3, "no channel starts with 0xffffffffffff", hint="mlm channel list")
def claim_of_a_channel_that_is_not_there(scene: Scene) -> None:
    _consumer(scene)


@bad("mlm channel topup 0xffffffffffff", 2, "expected --amount, --hours or both", hint="mlm channel show")
def top_up_of_nothing(scene: Scene) -> None:
    _consumer(scene)
