"""What an auditor commits to and opens, and that its decisions lead from a draw to its pay, whoever does what when."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from random import Random

import pytest

from mlm.core import merkle
from mlm.core.digest import keccak256
from mlm.core.dispute import audit
from mlm.core.dispute.audit import Audit, Claim, Commit, Decide, Draw, KeyedTrace, Open, Release, Rules, Stage
from mlm.core.exact.node import Op
from mlm.core.exact.tensor import TensorType, root_of_word
from mlm.core.exact.trace import Trace, trace_of
from mlm.core.job import State
from mlm.core.merkle import LEAF_BYTES
from tests.exact.sampling import Sample, sample, to_bytes
from tests.exact.test_graph import graph_of

OPERATORS = [op for op in Op if op is not Op.INPUT]
RULES = Rules(draw_bps=300, share_bps=2_000, fee_bps=100, period=300, open_window=3_600, min_stake=10)
JOB = "0x" + "7a" * 32


def run_of(op: Op, random: Random) -> Trace:
    made: Sample = sample(op, random)
    data = zip(made.node.operands, made.data, strict=True)
    given = [to_bytes(operand.kind, values) for operand, values in data if not operand.is_parameter]
    output = to_bytes(made.node.output, [made.output(i) for i in range(made.node.output.elements)])
    return trace_of(graph_of(made), [*given, output])


def climbed(leaf: bytes, index: int, depth: int, path: object) -> bytes:
    assert isinstance(path, list)
    return merkle.root_of({index: leaf}, depth, path)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_what_is_opened_was_committed_to_twice(op: Op) -> None:
    """Each opening leads to the provider's trace root, and, keyed, to the auditor's own; and to no other account's."""
    random = Random(op)
    trace = run_of(op, random)
    graph = trace.graph
    keyed = KeyedTrace(trace, audit.key_of(1, "0x" + "11" * 20, JOB, "0x" + "22" * 20))
    other = KeyedTrace(trace, audit.key_of(1, "0x" + "11" * 20, JOB, "0x" + "23" * 20))
    assert keyed.root not in (other.root, trace.root)
    nodes = merkle.depth_of(len(graph.nodes))
    for number in range(20):
        seed = keccak256(bytes([number]))
        drawn = keyed.positions(seed)
        assert len(drawn) == audit.POSITIONS
        for (node, index), opening in zip(drawn, keyed.openings(seed), strict=True):
            word, leaf, siblings, path, keyed_siblings, keyed_path = opening
            assert graph.inputs <= node < len(graph.nodes)
            assert isinstance(word, int) and isinstance(leaf, bytes) and len(leaf) == LEAF_BYTES
            kind = TensorType.of_word(word)
            assert kind == graph.nodes[node].output and index < merkle.leaves_of(kind.size)
            tensor = root_of_word(word, climbed(sha256(leaf).digest(), index, kind.depth, siblings))
            assert climbed(tensor, node, nodes, path) == trace.root
            own = climbed(sha256(keyed.key + leaf).digest(), index, kind.depth, keyed_siblings)
            assert climbed(own, node, nodes, keyed_path) == keyed.root


def test_every_leaf_is_drawn_as_often_as_another_of_its_node() -> None:
    trace = run_of(Op.CONV, Random(3))
    keyed = KeyedTrace(trace, bytes(32))
    seen = {place for number in range(2_000) for place in keyed.positions(keccak256(number.to_bytes(4)))}
    sizes = [merkle.leaves_of(node.output.size) for node in trace.graph.nodes]
    assert seen == {(node, leaf) for node in range(trace.graph.inputs, len(sizes)) for leaf in range(sizes[node])}


def test_a_draw_chooses_its_part() -> None:
    """300 of 10,000, of 20,000 jobs; the bounds are five standard deviations."""
    jobs = [f"0x{number:064x}" for number in range(20_000)]
    assert 480 <= sum(audit.is_drawn(bytes(32), job, 300) for job in jobs) <= 720
    assert all(audit.is_drawn(bytes(32), job, audit.BPS) for job in jobs[:100])


def test_pay_is_a_share_of_the_fee_on_average() -> None:
    assert RULES.pay(5 * 10**18) == 5 * 10**18 // 15
    for price in (1, 49, 999, 10**30 + 7):
        fee = -(-price * RULES.fee_bps // audit.BPS)
        assert RULES.pay(price) * RULES.draw_bps <= fee * RULES.share_bps


# ------------------------------------------------------------------ decisions

CHOOSING, POSITIONS, CLOSES, OPEN_BY = audit.times(RULES, 1_000, 3_000)
SEED = next(seed for seed in map(keccak256, map(bytes, range(1_000))) if audit.is_drawn(seed, JOB, RULES.draw_bps))
OTHER = next(seed for seed in map(keccak256, map(bytes, range(1_000))) if not audit.is_drawn(seed, JOB, 300))
START = Audit(
    job_id=JOB,
    state=State.SUBMITTED,
    rules=RULES,
    choosing=Draw(CHOOSING, (CHOOSING + 1) * RULES.period),
    positions=Draw(POSITIONS, (POSITIONS + 1) * RULES.period),
    closes_at=CLOSES,
    open_by=OPEN_BY,
    eligible=True,
    pay=7,
    funded=True,
)
CHOSEN = replace(START, choosing=replace(START.choosing, block=5, seed=SEED))
COMMITTED = replace(CHOSEN, stage=Stage.COMMITTED, due=True)
DRAWN = replace(COMMITTED, state=State.ACCEPTED, positions=replace(START.positions, block=90, seed=OTHER))
OPENED = replace(DRAWN, stage=Stage.OPENED, opened=True)


def test_times_follow_one_another() -> None:
    assert (CHOOSING, POSITIONS, CLOSES) == (3, 13, 4_000)
    assert START.choosing.ends_at == 1_200 <= CLOSES < START.positions.ends_at == 4_200 < OPEN_BY == 7_800


@pytest.mark.parametrize(
    ("found", "now", "move"),
    [
        (START, 1_199, None),
        (START, 1_200, Decide(3, begins=True)),
        (replace(START, choosing=replace(START.choosing, block=5)), 1_200, Decide(3, begins=False)),
        (replace(START, choosing=replace(START.choosing, block=5)), 3_999, Decide(3, begins=False)),
        (START, 4_000, None),
        (CHOSEN, 1_201, Commit()),
        (replace(CHOSEN, state=State.DISPUTED), 3_999, Commit()),
        (CHOSEN, 4_000, None),
        (replace(CHOSEN, state=State.REJECTED), 1_201, None),
        (replace(CHOSEN, eligible=False), 1_201, None),
        (replace(CHOSEN, funded=False), 1_201, None),
        (replace(CHOSEN, pay=0), 1_201, None),
        (replace(CHOSEN, choosing=replace(CHOSEN.choosing, seed=OTHER)), 1_201, None),
        (COMMITTED, 4_199, None),
        (COMMITTED, 4_200, Decide(13, begins=True)),
        (DRAWN, 4_201, Open()),
        (replace(DRAWN, state=State.DISPUTED), 4_201, Open()),
        (replace(DRAWN, state=State.REJECTED), 4_201, None),
        (DRAWN, 7_800, Release()),
        (replace(DRAWN, opened=True), 7_800, None),
        (replace(DRAWN, due=False), 7_800, None),
        (OPENED, 7_799, None),
        (OPENED, 7_800, Claim()),
        (replace(OPENED, state=State.DISPUTED), 7_800, None),
        (replace(OPENED, state=State.REJECTED), 7_800, Release()),
        (replace(OPENED, stage=Stage.PAID), 9_000, None),
    ],
)
def test_the_next_move(found: Audit, now: int, move: audit.Move | None) -> None:
    assert audit.next_move(found, now, 50) == move


def test_a_draw_is_recorded_while_its_hash_can_be_read() -> None:
    begun = replace(START, choosing=replace(START.choosing, block=5))
    assert audit.next_move(begun, 1_300, 5 + audit.HASH_BLOCKS - 1) == Decide(3, begins=False)
    assert audit.next_move(begun, 1_300, 5 + audit.HASH_BLOCKS) is None


def test_an_audit_is_over_when_nothing_can_follow() -> None:
    """While it is not, some time or event gives a move; once it is, none does."""
    for found in (START, CHOSEN, COMMITTED, DRAWN, OPENED):
        assert not audit.is_over(found, 3_999)
    for found in (START, CHOSEN):
        assert audit.is_over(found, 4_000)
    assert audit.is_over(replace(CHOSEN, choosing=replace(CHOSEN.choosing, seed=OTHER)), 1_201)
    assert not audit.is_over(OPENED, 9_000) and not audit.is_over(replace(OPENED, state=State.DISPUTED), 9_000)
    assert audit.is_over(replace(OPENED, due=False), 9_000) and audit.is_over(replace(OPENED, stage=Stage.PAID), 0)
