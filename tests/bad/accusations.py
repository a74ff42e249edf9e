"""Bonds of what nobody can judge, accusations that are not there, and files that accuse nobody."""

from __future__ import annotations

from tests.bad.harness import Scene, bad

PAYEE = "0x00000000000000000000000000000000000000aA"


@bad("mlm bond deposit alice/digits-mlp 5", 2, "is of no exact profile", "alice/digits-mlp@1.0.0", hint="mlm lower")
def bond_for_a_model_that_is_not_exact(scene: Scene) -> None:
    pass


@bad("mlm bond deposit alice/digits-mlp 0", 2, "an amount of tokens above zero", "found 0")
def bond_of_nothing(scene: Scene) -> None:
    pass


@bad("mlm bond withdraw alice/digits-mlp 5", 8, "asked to unbond 5 MLM", "is 0 MLM")
def bond_withdrawn_that_was_never_put_up(scene: Scene) -> None:
    pass


@bad("mlm bond withdraw alice/digits-mlp", 12, "nothing is unbonding", hint="mlm bond withdraw alice/digits-mlp@1.0.0")
def bond_taken_before_it_was_asked_for(scene: Scene) -> None:
    pass


@bad("mlm bond show alice/digits-mlp alice", 2, "an address of 40 hex digits", "found 'alice'")
def payee_of_a_bond_that_is_a_name(scene: Scene) -> None:
    pass


@bad("mlm accuse show accusation/xyz", 2, "expected an accusation such as accusation/0x12ab", "found 'accusation/xyz'")
def accusation_that_is_no_id(scene: Scene) -> None:
    pass


@bad("mlm accuse convict 0xffffffffffff", 3, "no accusation starts with 0xffffffffffff", hint="mlm accuse list")
def conviction_by_an_accusation_that_is_not_there(scene: Scene) -> None:
    pass


@bad("mlm accuse open image.call --max-price 5", 4, "mlm/call/1")
def accusation_by_a_file_that_is_no_call(scene: Scene) -> None:
    (scene.folder / "image.call").write_bytes(b"\xa1\x61x\x01")


@bad("mlm accuse open missing.call --max-price 5", 3, "missing.call")
def accusation_by_a_file_that_is_not_there(scene: Scene) -> None:
    pass
