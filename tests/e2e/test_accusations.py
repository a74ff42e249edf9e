"""Bonds and accusations by the command line, on a real devnet: a server that lies, a payer that shows it, and the money."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.accusing import BOND, DEPOSIT, PAYEE, Accusing, address, lying
from tests.command_line import TOKEN, Market
from tests.disputing import EXACT, exact_market

HELD = int(BOND) * TOKEN


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accusing]:
    with exact_market(tmp_path_factory.mktemp("accusations")) as market, lying(market) as server:
        yield Accusing(market, server, tmp_path_factory.mktemp("calls"))


def test_a_lie_of_a_real_server_costs_its_bond(scene: Accusing) -> None:
    """From a paid call to the reward, by five commands of the payer and two of a provider."""
    payer, payee = scene.payer, scene.payee
    lie = scene.called()
    refused = payer.refused(12, "accuse", "open", str(lie), "--max-price", "5")
    assert "has no bond" in refused["message"], refused
    scene.bonded()
    before, locked = payer.money, payer.do("bond", "show", EXACT, address(PAYEE))
    assert (int(locked["total"]), locked["accusations"]) == (HELD, 0)
    opened = scene.accused(file=lie)
    assert (opened["state"], opened["job_state"], int(opened["bond"])) == ("stands", "open", HELD)
    assert before - payer.money == DEPOSIT + 5 * TOKEN
    job = payer.do("job", "show", opened["job"])
    assert int(job["value_at_risk"]) == HELD // 2 - 5 * TOKEN, "the lock is to cover the bond"
    again = scene.accused(file=lie)
    assert again["job"] == opened["job"] and before - payer.money == DEPOSIT + 5 * TOKEN, "nothing is paid twice"
    assert "open, expected accepted" in payer.refused(12, "accuse", "convict", opened["accusation"])["message"]
    scene.judged(opened["job"])
    assert payer.do("accuse", "show", opened["accusation"])["next"].startswith("the payer: mlm accuse convict")
    refused = payee.refused(12, "accuse", "convict", opened["accusation"])
    assert "who accused convicts" in refused["message"], refused
    convicted = payer.do("accuse", "convict", opened["accusation"])
    assert (int(convicted["slashed"]), int(convicted["reward"])) == (HELD, HELD // 2)
    assert (int(convicted["deposit"]), convicted["job"]) == (DEPOSIT, opened["job"])
    assert scene.credit("consumer") == HELD // 2 + DEPOSIT
    drawn = payer.do("wallet", "withdraw")
    assert int(drawn["accusations"]) == HELD // 2 + DEPOSIT
    left = payer.do("bond", "show", EXACT, address(PAYEE))
    assert (int(left["total"]), left["accusations"]) == (0, 0) and left["convicted_at"] > 0
    assert payer.do("accuse", "convict", opened["accusation"])["slashed"] == convicted["slashed"], "once is enough"
    (row,) = payer.do("accuse", "list", "--mine")["accusations"]
    assert (row["state"], int(row["slashed"])) == ("proven", HELD)
