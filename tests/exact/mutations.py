"""What a hostile prover may do to a proof: one random change of its parts, whatever comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from mlm.core.exact.opening import CellFault, Opening
from mlm.core.merkle import LEAF_BYTES


def mutated(fault: CellFault, random: Random) -> CellFault:
    """The proof with one change; changes that find nothing to change leave it as it is."""
    return random.choice(_FAULTS)(fault, random)


def _flipped(data: bytes, random: Random) -> bytes:
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _one(hashes: tuple[bytes, ...], random: Random) -> tuple[bytes, ...]:
    """A bit of one of them flipped."""
    if not hashes:
        return hashes
    at = random.randrange(len(hashes))
    return (*hashes[:at], _flipped(hashes[at], random), *hashes[at + 1 :])


def _length(hashes: tuple[bytes, ...], random: Random) -> tuple[bytes, ...]:
    """One more, or one less."""
    return hashes[:-1] if hashes and random.random() < 0.5 else (*hashes, random.randbytes(32))


def _node(fault: CellFault, random: Random) -> CellFault:
    node = max(0, fault.place.node + random.choice((-2, -1, 1, 2, 255)))
    return replace(fault, place=replace(fault.place, node=node))


def _word(fault: CellFault, random: Random) -> CellFault:
    words = list(fault.place.descriptor)
    at = random.randrange(len(words))
    words[at] = (words[at] + random.choice((-1, 1, 1 << 32, 1 << 128, 1 << 255))) % (1 << 256)
    return replace(fault, place=replace(fault.place, descriptor=tuple(words)))


def _words(fault: CellFault, random: Random) -> CellFault:
    words = fault.place.descriptor
    changed = words[:-1] if random.random() < 0.5 else (*words, 0)
    return replace(fault, place=replace(fault.place, descriptor=changed))


def _graph_path(fault: CellFault, random: Random) -> CellFault:
    change = random.choice((_one, _length))
    return replace(fault, place=replace(fault.place, graph_path=change(fault.place.graph_path, random)))


def _index(fault: CellFault, random: Random) -> CellFault:
    return replace(fault, index=max(0, fault.index + random.choice((-256, -1, 1, 2, 17, 256, 1 << 32, 1 << 200))))


def _output(fault: CellFault, random: Random) -> CellFault:
    return replace(fault, output=random.choice(_OPENINGS)(fault.output, random))


def _operand(fault: CellFault, random: Random) -> CellFault:
    operands = list(fault.operands)
    at = random.randrange(len(operands))
    operands[at] = random.choice(_OPENINGS)(operands[at], random)
    return replace(fault, operands=tuple(operands))


def _operands(fault: CellFault, random: Random) -> CellFault:
    """In another order, one less, or one more."""
    operands = list(fault.operands)
    change = random.randrange(3)
    if change == 0:
        random.shuffle(operands)
    elif change == 1:
        operands.pop(random.randrange(len(operands)))
    else:
        operands.append(random.choice(operands))
    return replace(fault, operands=tuple(operands))


def _exchanged(fault: CellFault, random: Random) -> CellFault:
    """An operand's opening in the place of the output's."""
    return replace(fault, output=random.choice(fault.operands))


def _data(opening: Opening, random: Random) -> Opening:
    return replace(opening, data=_flipped(opening.data, random))


def _cut(opening: Opening, random: Random) -> Opening:
    data = opening.data + bytes(1) if random.random() < 0.5 else opening.data[:-1]
    return replace(opening, data=data)


def _siblings(opening: Opening, random: Random) -> Opening:
    return replace(opening, siblings=random.choice((_one, _length))(opening.siblings, random))


def _path(opening: Opening, random: Random) -> Opening:
    return replace(opening, path=random.choice((_one, _length))(opening.path, random))


def _swapped(opening: Opening, random: Random) -> Opening:
    """Two leaves in the other order, with their data or without."""
    leaves = list(opening.leaves)
    if len(leaves) < 2:
        return opening
    at = random.randrange(len(leaves) - 1)
    leaves[at], leaves[at + 1] = leaves[at + 1], leaves[at]
    return replace(
        opening, leaves=tuple(leaves), data=_reordered(opening, leaves) if random.random() < 0.5 else opening.data
    )


def _twice(opening: Opening, random: Random) -> Opening:
    if not opening.leaves:
        return opening
    at = random.randrange(len(opening.leaves))
    leaves = [*opening.leaves[: at + 1], *opening.leaves[at:]]
    return replace(opening, leaves=tuple(leaves), data=_reordered(opening, leaves))


def _fewer(opening: Opening, random: Random) -> Opening:
    """A leaf less, with its data."""
    if not opening.leaves:
        return opening
    at = random.randrange(len(opening.leaves))
    leaves = [*opening.leaves[:at], *opening.leaves[at + 1 :]]
    return replace(opening, leaves=tuple(leaves), data=_reordered(opening, leaves))


def _moved(opening: Opening, random: Random) -> Opening:
    """A leaf under another index."""
    if not opening.leaves:
        return opening
    leaves = list(opening.leaves)
    at = random.randrange(len(leaves))
    leaves[at] = max(0, leaves[at] + random.choice((-1, 1, 2, 1 << 20)))
    return replace(opening, leaves=tuple(leaves))


def _nothing(opening: Opening, random: Random) -> Opening:
    return Opening()


def _reordered(opening: Opening, leaves: list[int]) -> bytes:
    at = {leaf: i * LEAF_BYTES for i, leaf in enumerate(opening.leaves)}
    return b"".join(opening.data[at[leaf] : at[leaf] + LEAF_BYTES] for leaf in leaves)


_OPENINGS: tuple[Callable[[Opening, Random], Opening], ...] = (
    _data,
    _cut,
    _siblings,
    _path,
    _swapped,
    _twice,
    _fewer,
    _moved,
    _nothing,
)
_FAULTS: tuple[Callable[[CellFault, Random], CellFault], ...] = (
    _node,
    _word,
    _words,
    _graph_path,
    _index,
    _index,
    _index,
    _output,
    _output,
    _operand,
    _operand,
    _operand,
    _operands,
    _exchanged,
)
