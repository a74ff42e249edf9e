// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Hard bounds shared by the contracts. Parameters move within them, nothing moves them.

// One whole, in basis points.
uint256 constant BPS = 10_000;

// Protocol fee and owner's share of a job together never pass one whole, so every price from the floor up is payable.
uint256 constant MAX_PROTOCOL_FEE_BPS = 1_000;
uint256 constant MAX_OWNER_BPS = 9_000;
uint256 constant MAX_RESALE_BPS = 1_000;
uint256 constant MAX_UNDELIVERED_FEE_BPS = 1_000;

// The owner and the owners of its parents: at most 16 payees of a royalty.
uint256 constant MAX_PARENTS = 15;

// Shortest and longest window of a job, in seconds.
uint256 constant MIN_WINDOW = 1 minutes;
uint256 constant MAX_WINDOW = 7 days;

// A bid in a reverse auction leaves the others the ANSWER_PART-th of the bids' time to answer, or MAX_ANSWER where that is
// less; their close moves by no more than the bids were to last.
uint256 constant ANSWER_PART = 4;
uint256 constant MAX_ANSWER = 10 minutes;

// Stake unbonds for longer than a job can run from the close of its bids: reveals, delivery, execution and verification of
// MAX_WINDOW each, then a disputed job's game of MAX_GAME.
uint256 constant MIN_UNBONDING = 4 * MAX_WINDOW + 2 days;
uint256 constant MAX_UNBONDING = 365 days;

// At how many different times the reservations of one stake end: what a lock reads at most.
uint256 constant MAX_RESERVATION_ENDS = 16;

// Where burned tokens go; no key is known for it.
address constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;

// Where the protocol fee may go. What is not the treasury's or the stakers' burns, and reputation points are what burned:
// the least share keeps their price, and the two others cannot drain it or each other.
uint256 constant MIN_BURN_BPS = 2_000;
uint256 constant MAX_TREASURY_BPS = 5_000;
uint256 constant MAX_STAKERS_BPS = 5_000;

// Seconds over which the stakers' part of the fees streams to them.
uint256 constant REWARD_PERIOD = 7 days;

// Seconds within which a provider answers a complaint: long enough that no few blocks kept from it, nor a restart of what
// watches for it, cost it a job whose result its consumer has; at most the game that MIN_UNBONDING leaves room for.
uint256 constant MIN_ANSWER_WINDOW = 1 hours;
uint256 constant MAX_ANSWER_WINDOW = 1 days;

// How an input root is made (docs/commitments.md): over Poseidon hashes, over the tensors' block as it is, or
// over the roots of exact tensors.
uint8 constant SCHEME_POSEIDON = 1;
uint8 constant SCHEME_KECCAK = 2;
uint8 constant SCHEME_EXACT = 3;

// Of what a provider loses to a challenger, the challenger's share; the rest burns. A provider may be its own challenger: only
// what burns deters it. So that this is never less than the price and what the consumer says is at risk besides, the lock of
// the tiers with challengers is at least LOCK_TIMES both: LOCK_TIMES * (BPS - CHALLENGER_BPS) / BPS = 1.
uint256 constant CHALLENGER_BPS = 5_000;
uint256 constant LOCK_TIMES = 2;

// Of the bond that a challenger loses, the provider's share, for the gas of its answers; the rest burns, so that a provider
// that plays against itself to hold its job up pays for it.
uint256 constant COMPENSATION_BPS = 5_000;

// Nodes of an exact graph: an input and an output at least, and as many as fit in calldata (mlm/core/exact/graph.py).
uint256 constant MIN_NODES = 2;
uint256 constant MAX_NODES = 256;

// Each side's clock in a game for withheld data, and the least that a turn begins with, in seconds. No game lasts longer than
// MAX_GAME: both clocks, and an extension for each of MAX_TURNS turns.
uint256 constant MIN_CLOCK = 1 hours;
uint256 constant MIN_EXTENSION = 5 minutes;
uint256 constant MAX_TURNS = 16;
uint256 constant MAX_GAME = 2 days;
