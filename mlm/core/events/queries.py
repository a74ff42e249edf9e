"""The named queries over the index: their parameters, and what every implementation of the State port answers.

Rows are dicts. Amounts, times (seconds), enums and nonces are ints, ids and addresses lower-case 0x-hex, what has not
happened is None, `args`, `terms`, `purchase` are dicts as decoded. Rows that stem from one event tell its `block`,
`timestamp` and `tx_hash`. `finality` is `included`, `safe` or `finalized`. Lists of things come newest first, histories
oldest first; `limit` and `offset` page through them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlm.core.auctions.sale import SaleReason
from mlm.core.errors import UsageError
from mlm.core.events.facts import token_hex
from mlm.core.job import Reason

REQUIRED = object()

_PAGE: dict[str, Any] = {"limit": 100, "offset": 0}

# name -> parameters and their defaults; None means no filter
QUERIES: Mapping[str, Mapping[str, Any]] = {
    # token_id handle name kind owner creator
    "assets": {"handle": None, "name": None, "token_id": None, "owner": None, **_PAGE},
    # who gave an asset to whom, the newest first: token_id sender recipient
    "asset_transfers": {"token_id": None, "sender": None, **_PAGE},
    # token_id, of those whose id starts with `prefix`, with or without 0x
    "asset_prefix": {"prefix": REQUIRED, "limit": 20},
    # token_id handle name kind owner version_id version manifest licence publisher use_price owner_bps
    "versions": {"token_id": None, "version_id": None, "version": None, "manifest": None, **_PAGE},
    # as versions: the newest version of each asset whose handle/name or licence contains `text`, in any case
    "search": {"text": "", "kind": None, **_PAGE},
    # handle owner
    "handle": {"handle": REQUIRED},
    # tier key
    "keys": {"version_id": REQUIRED},
    # the direct parents of a version: position token_id bps handle name owner
    "parents": {"version_id": REQUIRED},
    # ancestors, each through its newest version: depth child token_id bps handle name owner
    "lineage": {"version_id": REQUIRED, "depth": 8},
    # the facts of jobs, docs/events.md; `open_at` keeps those that take bids at that time. Of a posting by an earlier
    # contract start_price, price_step, reveal_window and requirements are None
    "jobs": {
        "job_id": None,
        "consumer": None,
        "provider": None,
        "version_id": None,
        "open_at": None,
        "settled": None,
        "nonce": None,  # in decimals
        **_PAGE,
    },
    # of one job what reads it beside the chain, a fifth of the work of `jobs`: job_id terms result submitted_tx
    "job": {"job_id": REQUIRED},
    # job_id, of those whose id starts with `prefix`, with or without 0x
    "job_prefix": {"prefix": REQUIRED, "limit": 20},
    # in order: position provider price
    "bids": {"job_id": REQUIRED},
    # in order: position bidder change (committed, revealed, withdrawn, forfeited) commitment amount
    "bid_changes": {"job_id": REQUIRED},
    # in order of offering: offer_id provider tick position quantity
    "offers": {"batch_id": REQUIRED},
    # in order of entering: job_id consumer tick position, drawn (whether its award is)
    "entries": {"batch_id": REQUIRED},
    # a job's place in its batch: batch_id class_id closes_at ends_at start_price price_step tick position, and once it
    # happened clearing_tick volume (cleared), offer_id provider price (drawn)
    "batch": {"job_id": REQUIRED},
    # in order: position provider wrapped
    "input_keys": {"job_id": REQUIRED},
    # in order: position account change (filed, answered, paid) answer_by (filed) salt outputs (answered)
    "complaints": {"job_id": REQUIRED},
    # provider graph_root inputs outputs tensor_roots (one after the other); numbers as decimal text
    "traces": {"job_id": REQUIRED},
    # challenger prover fault node place expected claimed: numbers as decimal text; fault by number
    "convictions": {"job_id": REQUIRED},
    # in order: job_id game_id challenger node output_type tensor_root deadline
    "games": {"job_id": None, "challenger": None},
    # position_in_job game_id account change (posted picked leaf ended) position shown deadline
    "game_moves": {"job_id": REQUIRED},
    # in order: job_id account change (committed opened paid released) root (committed) amount (its stake, or tokens)
    "audits": {"job_id": None, "account": None, **_PAGE},
    # the newest first: period account change (begun ended) drawn_block (begun) seed (ended)
    "audit_draws": {"period": None, **_PAGE},
    # in order: account amount
    "audit_fundings": {"account": None, **_PAGE},
    # in order: account change (url admitted removed) active_from (admitted) url (url)
    "attester_changes": {"account": None, **_PAGE},
    # in order: account change (deposited unbonding withdrawn slashed) amount release_at (unbonding) reporter reward
    # (slashed)
    "attester_stakes": {"account": None, **_PAGE},
    # in order: threshold active_from
    "attester_thresholds": {**_PAGE},
    # job_id provider digest attestation (JSON) signatures (by commas); `quote` is the digest of the attested one
    "attested_results": {"job_id": None, "digest": None, "quote": None, **_PAGE},
    # the newest first: digest provider key attestation (JSON) signatures (by commas); `quote` as above
    "session_keys": {"digest": None, "provider": None, "quote": None, **_PAGE},
    # in order: job_id provider quote
    "shown_quotes": {"job_id": REQUIRED},
    # in order: digest reporter fault (by number)
    "falsehoods": {"digest": None, **_PAGE},
    # in order: account reporter first_digest second_digest
    "equivocations": {"account": None, **_PAGE},
    # in order: digest reporter change (returned burned) bond
    "chain_reports": {"digest": None, **_PAGE},
    # in order: round account change (committed closed revealed finished) drawn_block (closed) word (commitment, secret,
    # seed) amount (burned)
    "beacon_rounds": {"round": None, "account": None, **_PAGE},
    # in order: job_id (None: of a slot) account change (joined left exited funded drawn committed equal different, an
    # end, settled) position (in a draw) number (place, exit time, how many, round) word (seed, commitment, root) amount
    # (stake, fee, pay, refund) slashed (of a replica; what burned of a job)
    "replicas": {"job_id": None, "account": None, **_PAGE},
    # in order: contract account amount
    "replica_withdrawals": {"account": None, **_PAGE},
    # in order: job_id account reason amount
    "credits": {"job_id": None, "account": None, **_PAGE},
    # the facts of sales, docs/events.md; `open_at` keeps those that take bids at that time
    "sales": {"sale_id": None, "seller": None, "collection": None, "token_id": None, "open_at": None, **_PAGE},
    # sale_id, of those whose id starts with `prefix`, with or without 0x
    "sale_prefix": {"prefix": REQUIRED, "limit": 20},
    # in order: position bidder amount ends_at
    "sale_bids": {"sale_id": REQUIRED},
    # in order: sale_id account reason amount
    "sale_credits": {"sale_id": None, "account": None, **_PAGE},
    # the facts of channels, docs/events.md; `ended` is whether their rest was given back
    "channels": {"channel_id": None, "payer": None, "payee": None, "version_id": None, "ended": None, **_PAGE},
    # channel_id, of those whose id starts with `prefix`, with or without 0x
    "channel_prefix": {"prefix": REQUIRED, "limit": 20},
    # in order: channel_id account reason amount
    "channel_credits": {"channel_id": None, "account": None, **_PAGE},
    # in order: account version_id change (deposited unbonding withdrawn) amount release_at (unbonding)
    "bond_changes": {"account": None, "version_id": None, **_PAGE},
    # the newest first: accusations of payees and what ended each (docs/events.md); `ended` is whether anything has. Of
    # statements that contradict each other and were not accused, channel_id and what follows it are None
    "accusations": {
        "accusation_id": None,
        "payer": None,
        "payee": None,
        "version_id": None,
        "exact_input": None,
        "ended": None,
        **_PAGE,
    },
    # accusation_id, of those whose id starts with `prefix`, with or without 0x
    "accusation_prefix": {"prefix": REQUIRED, "limit": 20},
    # the newest first: accusation_id version_id exact_input, and as JSON what was shown: typeWords inputs
    "accused_inputs": {"exact_input": None, "version_id": None, **_PAGE},
    # the newest first: accusation_id version_id payee change (proven lapsed), of those that are proven payer job_id
    # (0 where two statements contradict each other) output_commitment slashed
    "accusation_endings": {"accusation_id": None, "payer": None, "payee": None, **_PAGE},
    # in order: accusation_id account reason amount
    "bond_credits": {"accusation_id": None, "account": None, **_PAGE},
    # the newest first: version_id owner key_digest
    "content_keys": {"version_id": None, **_PAGE},
    # in order: version_id account x y
    "key_requests": {"version_id": None, "account": None, **_PAGE},
    # the newest first: version_id account granter x y wrapped
    "key_grants": {"version_id": None, "account": None, "granter": None, **_PAGE},
    # the newest first: class_id token_id terms
    "licence_classes": {"class_id": None, "token_id": None, **_PAGE},
    # the last of each class, the newest first: class_id token_id seller version_id price stock delivery
    "licence_offers": {"class_id": None, "token_id": None, **_PAGE},
    # the newest first: what is bought, delivered (x y wrapped) and closed, docs/events.md
    "licence_orders": {
        "order_id": None,
        "class_id": None,
        "version_id": None,
        "buyer": None,
        "seller": None,
        "tx_hash": None,
        **_PAGE,
    },  # fmt: skip
    # order_id, of those whose id starts with `prefix`, with or without 0x
    "order_prefix": {"prefix": REQUIRED, "limit": 20},
    # licence_id class_id account units, also of those who hold none any more
    "licence_holdings": {"licence_id": None, "class_id": None, "account": None, **_PAGE},
    # in order: order_id account reason amount
    "licence_credits": {"order_id": None, "account": None, **_PAGE},
    # in order: licence_id account units refund until
    "licence_uses": {"account": None, "purpose": None, **_PAGE},
    "licence_revocations": {"licence_id": None, "account": None, **_PAGE},
    # in order: ledger (wallet, credit, sale, channel, licence, stake, attester, report, bond, accusation) change reason
    # job_id; the changes of a ledger sum to its balance
    "account_history": {"account": REQUIRED, "limit": 1000, "offset": 0},
    # account role total locked unbonding release_at
    "stakes": {"account": None},
    # the most points first: provider accepted rejected undelivered defaulted value points rated_points star_points
    # ratings
    "reputation": {"provider": None, **_PAGE},
    # job_id provider consumer stars points
    "ratings": {"provider": None, "job_id": None, **_PAGE},
    # by provider and name, what is said last, expired or not: provider name value auditor issued_at expires_at; auditor
    # and times are None where the provider declares it. A name has one number of a provider and of an auditor
    "attributes": {"provider": None, "auditor": None, "name": None},
    # who has ever declared anything, was attested or has a settled job, the most points first, then who did so last:
    # provider declared attested (their counts) points
    "providers": {"provider": None, **_PAGE},
    # hash requirements
    "requirements": {"hash": None, **_PAGE},
    # contract name address args
    "events": {"tx_hash": None, "contract": None, "name": None, **_PAGE},
    # number hash parent_hash timestamp
    "blocks": {"before": None, "limit": 1000},
    # name value: what `mark` recorded
    "marks": {},
}

# Why an account was credited, by number, as account_history spells it.
REASONS = tuple(str(reason) for reason in Reason)
SALE_REASONS = tuple(str(reason) for reason in SaleReason)

_ACCOUNTS = (
    "granter",
    "consumer",
    "provider",
    "owner",
    "account",
    "auditor",
    "seller",
    "collection",
    "payer",
    "payee",
    "buyer",
    "sender",
)
_IDS = (
    "version_id",
    "job_id",
    "batch_id",
    "sale_id",
    "channel_id",
    "accusation_id",
    "exact_input",
    "order_id",
    "manifest",
    "tx_hash",
    "hash",
    "digest",
)
_HEX = frozenset(_ACCOUNTS + _IDS)


def arguments(query: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a query, with defaults; hex in lower case and token ids as hex.

    Raises UsageError for an unknown query or parameter, a missing one, or a page that is none.
    """
    known = QUERIES.get(query)
    if known is None:
        raise UsageError(f"no query named {query!r}; there are {', '.join(sorted(QUERIES))}")
    unknown = sorted(set(given) - set(known))
    missing = sorted(name for name, default in known.items() if default is REQUIRED and given.get(name) is None)
    if unknown or missing:
        what = f"unknown parameter {unknown[0]!r}" if unknown else f"missing parameter {missing[0]!r}"
        raise UsageError(f"query {query}: {what}; it takes {', '.join(known) or 'none'}")
    values = {name: given.get(name, default) for name, default in known.items()}
    for name, value in values.items():
        if name in _HEX and isinstance(value, bytes):
            values[name] = "0x" + value.hex()
        elif name in _HEX and isinstance(value, str):
            values[name] = value.lower()
        elif name in ("token_id", "class_id", "licence_id") and value is not None:
            values[name] = token_hex(value) if isinstance(value, int) else value.lower()
        elif name == "nonce" and value is not None:
            values[name] = str(value)
        elif name in ("limit", "offset") and (not isinstance(value, int) or not 0 <= value < 2**63):
            raise UsageError(f"query {query}: {name} must be a number from 0, found {value!r}")
        elif name == "prefix":
            values[name] = "0x" + value.lower().removeprefix("0x")
    return values
