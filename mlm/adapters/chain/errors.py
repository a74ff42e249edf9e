"""Reverts in words: the contract's own error with its values, and what to do about it.

Every shipped contract's custom errors are known here by selector, OpenZeppelin's among them (they stand in the ABIs),
and so are Solidity's Error(string) and Panic(uint256).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any

from mlm.adapters.chain import abi
from mlm.adapters.chain.rpc import RpcError, printable
from mlm.core import job
from mlm.core.errors import ChainError, InsufficientFunds, MlmError, Reverted
from mlm.core.money import Amount

# What to do next, by the error's name. An error that is not listed is shown without a hint.
HINTS: Mapping[str, str] = {
    # JobMarket
    "JobInState": "Run `mlm job show` to see the job's state and whose turn it is.",
    "JobNotFinal": "Run `mlm job show` to see the job's state and its deadline.",
    "JobHasBid": "A job with a bid runs its course: see `mlm job bids`.",
    "JobHasNoBid": "Wait for a bid, or cancel with `mlm job cancel`.",
    "JobAlreadyPosted": "This very job is already posted: see `mlm job list`.",
    "JobAlreadySettled": "See `mlm job show` for how it was settled.",
    "NotConsumer": "Only the consumer who posted the job can do this: check `mlm whoami`.",
    "NotLeaseHolder": "Only the lease holder can do this: check `mlm whoami` and `mlm lease list`.",
    "ConsumerCannotBid": "Bid as another account: `--account NAME`.",
    "PriceBelowFloor": "Offer at least the floor: it covers the owner's price and the fee.",
    "PriceAboveMaximum": "Bid at most the job's maximum price: see `mlm job show`.",
    "PriceNotFixed": "The job has a posted price: bid exactly its maximum price.",
    "PriceNotLower": "Bid below the best bid so far: see `mlm job bids`.",
    "TermsMismatch": "Run `mlm sync` so that the job's frozen terms are read again.",
    "NoCredit": "Credits appear when a job is settled or a bid is outbid: see `mlm job list` and `mlm sale list`.",
    "MarketPaused": "New jobs are paused; the pause expires by itself. Running jobs are not touched.",
    "TierUnavailable": "This market has no verifier for the tier: choose another.",
    "TierWithoutKey": "Choose another tier, or ask the publisher to set a key for this one.",
    "KeyMissing": "Choose another tier, or ask the publisher to set a key for this one.",
    "AuctionKindUnsuited": "The job's auction does not know this move: see `mlm job show`.",
    "PriceAboveClock": "Wait until the clock has risen that far, or take what it offers: `mlm bid` without --price.",
    "StartPriceOutOfBounds": "Start at the floor or above it, and at most at the maximum price.",
    "FieldUnused": "Leave the option out: this kind of auction does not take it.",
    "RequirementsMismatch": "Run `mlm sync`, so that the job's requirements are read again.",
    "BidAlreadyCommitted": "Take the sealed bid back first: `mlm job withdraw-bid`.",
    "BidCommitmentMissing": "No sealed bid of this account stands: see `mlm job bids`.",
    "BidCommitmentMismatch": "Give the price that you bid: `mlm job reveal JOB --price PRICE`.",
    "RevealsStillOpen": "Wait until the reveals close: see `mlm job show`.",
    "NotBestBidder": "Only the best bid can be withdrawn; whoever was outbid is free already.",
    "JobHasCommitments": "A job with sealed bids runs its course: see `mlm job bids`.",
    "WindowOutOfBounds": "Choose a window within the bounds shown.",
    "NameTaken": "That contract stands, or is being made: run `mlm network deploy` again.",
    "InexactTransfer": "The token charges for transfers, or its balances move by themselves: it is refused.",
    # StakeVault
    "FreeStakeTooLow": "Run `mlm stake deposit`.",
    "LockTooLow": "Run `mlm sync`, then `mlm stake show`.",
    "StillUnbonding": "Wait until the unbonding period ends: see `mlm stake show`.",
    "NothingUnbonding": "Start with `mlm stake withdraw AMOUNT`.",
    "StakeAmountZero": "Give an amount above zero.",
    "TooManyReservations": "Wait until a round's draws end: their reservations are free then.",
    # BatchAuction
    "PriceOffGrid": "Choose a maximum price of the class: startPrice + priceStep times a tick from 0 to 255.",
    "RoundMismatch": "That round is over: offer again for the one that runs.",
    "BatchStillOpen": "Wait until the round closes.",
    "BatchAlreadyCleared": "The batch is cleared: its awards can be drawn.",
    "JobNotAwarded": "The job did not win; it expires when the draws end, and then its escrow is credited.",
    "NotPaired": "Draw it with `mlm job award`, which finds the offer of its rank.",
    "DrawsOver": "The draws are over: settle the job, which expired.",
    # AssetSale
    "SaleKindUnsuited": "English sales take bids (`mlm sale bid`), the others a buyer (`mlm sale buy`).",
    "PriceAboveLimit": "Run `mlm sale show` for what it costs now, and name a higher price.",
    "LotNotHeld": "Check `mlm whoami`, and that no other sale holds it: `mlm sale list --open`.",
    "LotNotMoved": "The collection did not hand it over: nothing was paid. A bid comes back after a week.",
    "BidTooLow": "Bid at least what `mlm sale show` says the next bid has to be.",
    "SaleInState": "Run `mlm sale show` to see the sale's state and what can be done.",
    "SaleNotClosable": "Run `mlm sale show` to see the sale's state and its end.",
    "SaleHasBid": "A sale with a bid runs to its end: see `mlm sale show`.",
    "SellerCannotBid": "Bid as another account: `--account NAME`.",
    "NotSeller": "Only the seller can do this: check `mlm whoami`.",
    # LicenceShop
    "LicenceNotOffered": "Run `mlm licence list ASSET` to see what is offered.",
    "OfferStale": "The asset has changed hands: its new owner has to offer with `mlm licence offer`.",
    "OfferChanged": "Run the command again: the offer has changed since it was read.",
    "OfferSoldOut": "Buy fewer units: `mlm licence list ASSET` says how many are left.",
    "OfferPriceHigher": "Look at the offer with `mlm licence list ASSET`, or agree to more with --max-price.",
    "OrderAlreadyMade": "Run the command again: it chooses another nonce.",
    "OrderInState": "Run `mlm licence list` to see how your orders stand.",
    "NotBuyer": "Until the time for a complaint is over only the buyer can settle.",
    "KeyIsRight": "The key is the one that was promised: open the files with `mlm download`.",
    "SecretMismatch": "Complain as the account that bought: its secret belongs to the order.",
    # LicenceToken
    "LicenceNotTransferable": "The licence's terms do not let it pass to another: `mlm licence show`.",
    "LicenceNotRevocable": "It was sold for good: `mlm licence show` has its terms.",
    "LicenceNotHeld": "`mlm licence list` says which account holds what.",
    "LicenceNotPerUse": "Only uses are used up: this licence is for a period or without a limit.",
    "LicenceRefundTooHigh": "Run the command again: the holder has more units than before.",
    # ContentKeys
    "ContentKeyUncommitted": 'Publish the asset with access = "licensed": that commits to its key.',
    "ContentKeyAlreadyCommitted": "A version keeps its key: publish a new version.",
    # PaymentChannels
    "ChannelInState": "Run `mlm channel show` to see the channel's state and what can be done.",
    "ChannelAlreadyOpened": "Run the command again: it chooses another nonce.",
    "TermsChanged": "The asset's price, owner or royalties are others now: open a new channel with `mlm channel open`.",
    "ExpiryOutOfBounds": "Choose an expiry within the bounds shown; it never moves earlier.",
    "NothingClaimed": "Nothing is new in those vouchers: see `mlm channel show`.",
    "VoucherRefused": "The signature is not of the channel's signer, or the channel has ended: `mlm channel show`.",
    "NotPayer": "Only the channel's payer can do this: check `mlm whoami`.",
    "NotPayee": "Only the channel's payee can do this: check `mlm whoami`.",
    # ServingBonds
    "BondTooLow": "See what is held: `mlm bond show ASSET`.",
    "BondMissing": "There is nothing behind this version: `mlm bond show ASSET PAYEE`.",
    "BondNotReleased": "It unbonds, or an accusation holds it up: `mlm bond show ASSET` says until when.",
    "StatementSpent": "It has convicted already: `mlm accuse list --mine`.",
    "AccusationStands": "See until when it stands: `mlm accuse show ACCUSATION`.",
    "AccusationNotOpen": "It has ended, or was never made: `mlm accuse list`.",
    "NotAccuser": "Only who accused convicts: check `mlm whoami`.",
    "JobNotAccepted": "See how the job stands: `mlm job show JOB`.",
    "JobTooEarly": "The job was handed in before its input was shown: post another by `mlm accuse open FILE`.",
    "OutputsAgree": "The job came to what the payee has signed: it convicts nobody.",
    "StatementsAgree": "Both results say the same: have a job run the input, by `mlm accuse open FILE`.",
    # AssetRegistry
    "CommitmentMissing": "Run the command again: it commits first, then reveals.",
    "CommitmentTooYoung": "Wait one block and run the command again.",
    "CommitmentExpired": "Run the command again: the commitment is too old.",
    "HandleTaken": "Choose another handle: see `mlm handle show`.",
    "HandleInvalid": "Use a-z, 0-9 and -, at most 39 characters.",
    "NameInvalid": "Use a-z, 0-9, ., _ and -, at most 64 characters.",
    "NotHandleOwner": "Only the handle's owner can do this: check `mlm whoami`.",
    "NotAssetOwner": "Only the asset's owner can do this: check `mlm whoami`.",
    "VersionAlreadyPublished": "These very files are already published: see `mlm asset versions`.",
    "VersionNameTaken": "Raise the version in mlm.toml.",
    "VersionUnknown": "Run `mlm search` to find published assets.",
    "ParentUnknown": "Publish the parent first, or correct it in mlm.toml.",
    "KeyAlreadySet": "A key is immutable: publish a new version.",
    # ZkVerifier
    "ProofRejected": "Prove again with `mlm lease fulfil`: the proof must be of this model and this input.",
    "ProofOutOfGas": "Run the command again: the gas ran out before the proof was decided, and none is lost for it.",
    "KeyMismatch": "The proof is of another circuit: prove the version that the job names.",
    "InputMismatch": "The proof is of another input: prove the input that the job commits to.",
    "SrsMismatch": "The key was made with another SRS: use the deployment's.",
    "VerifyingKeyUnregistered": "The proof is of another circuit: prove the version that the job names.",
    # Unverified, Delivery, EncryptionKeys
    "ComplaintNotOpen": "No complaint waits for an answer: `mlm job show` tells how the job stands.",
    "OutputMismatch": "Answer from the machine or account that handed the result in: the very outputs count.",
    "OutputsTooLarge": "The tier none takes outputs of 8 KiB at most: larger ones cannot be shown on chain.",
    "DepositNotDue": "A deposit is paid when its complaint was answered, or the time for an answer is over.",
    "DepositAlreadyPaid": "The deposit is paid already: see `mlm whoami`.",
    "WrappedKeyLength": "Deliver with `mlm job deliver`, which wraps the key.",
    "EncryptionKeyMalformed": "Announce with `mlm wallet announce`, which derives the key.",
    # DisputeGame, FaultProofs
    "JobNotChallengeable": "`mlm job show` tells how the job stands: nothing can be said against it any more.",
    "WindowClosed": "Games and complaints begin within the verification window; a fault can be proved while one runs.",
    "ComplaintAlreadyFiled": "A result is complained of once: `mlm job show` tells until when it can be answered.",
    "ClockRanOut": "The clock of this turn has ended, and with it the game: its timeout can be called by anybody.",
    "CellConsistent": "The cell follows from its operands: the trace tells the truth there.",
    # AuditRewards
    "DrawLapsed": "A draw that nobody records in time draws nothing: the results of its period are not audited.",
    "WatcherStakeTooLow": "Run `mlm stake deposit AMOUNT --role watcher`.",
    "PayNotFunded": "Somebody has to pay in first: `mlm audit fund AMOUNT`.",
    "CommitmentsClosed": "Auditors commit while the result can be disputed: `mlm audit show` says until when.",
    "KeyedRootMismatch": "The commitment was to another trace, or by another account: nothing opens it.",
    "OpeningsNotClosed": "Wait until openings are over: `mlm audit show` says when.",
    # TeeVerifier, QuoteProofs
    "PolicyUnusable": "Choose statuses and kinds of evidence; simulated evidence can be asked for on a devnet alone.",
    "AttestersMissing": "Too few attesters count now: `mlm attester list` says from when on those admitted later do.",
    "AttestationOfAnother": "The attestation is of another job: ask the attesters again.",
    "MeasurementMissing": "The enclave is none that the version allows: run the one that its manifest names.",
    "ReportDataMismatch": "The quote binds another job, input, output or provider: make a new one for this job.",
    "StatusNotAccepted": "The consumer does not accept a platform of this status: update it, or take other jobs.",
    "KindNotAccepted": "The consumer does not accept this kind of evidence: take jobs that ask for yours.",
    "SimulatedNotAccepted": "The job asks for real hardware: simulated evidence passes where its policy says so.",
    "CheckedInFuture": "Wait a block: the attesters' clock is ahead of the chain's.",
    "AttestationTooOld": "Have the quote attested again: the job's policy limits how old that may be.",
    "AttestationFalse": "Its quote has disproved this attestation: it counts no more.",
    "SignatureCountOutOfBounds": "Ask as many attesters as must sign.",
    "SignerNotActive": "Ask other attesters: this one is no member, or not yet.",
    "SessionKeyMissing": "Register the enclave's key first.",
    "SessionKeyExpired": "Have the enclave make a new key, and register it.",
    "SessionKeyAlreadyRegistered": "The key is registered: it can sign results.",
    "NoContradiction": "The attestation says what its quote says.",
    "NoEquivocation": "Both attestations can be true.",
    "NothingToSlash": "The attester has lost its stake already.",
    "QuoteMismatch": "Show the very bytes that were attested.",
    "KindUnread": "Evidence of this kind is not read on chain: only SGX and TDX quotes are.",
    # AttesterSet
    "NotGovernance": "Only the governance that the deployment names can do this.",
    "AttesterStakeTooLow": "The attester has to deposit more first.",
    "ThresholdOutOfBounds": "Choose between one and the number of members.",
    "AttesterStillUnbonding": "Wait until the unbonding period ends.",
    "UrlMalformed": "Give a URL of printable ASCII, 128 characters at most.",
    # Replication, CommitRevealBeacon
    "ReplicasNotCommitted": "The replicas run it first: `mlm replica show JOB` says until when they are waited for.",
    "NotDrawn": "`mlm replica show JOB`, or `mlm audit show JOB`, tells whether anybody was drawn, and why not.",
    "TooFewSlots": "Fewer slots are free than the job asks for: `mlm replica join` makes one.",
    "FundedTooLate": "Replicas are paid for before anybody can know who is drawn: `mlm job post` does both at once.",
    "RoundTooYoung": "The next block tells the hash: run it again once it is there.",
    "RoundNotRunning": "It came too late for its round, and cost no deposit.",
    "HashLost": "Nobody kept that block's hash in time: `mlm replica step JOB` closes the round again.",
    "SlotBusy": "A slot leaves once the job that it serves has ended: `mlm replica list` shows it.",
    # Providers
    "AttestationNotSigned": "The signature is not this auditor's, or the file was changed: ask for it again.",
    "AttestationNotNewer": "The auditor has said something newer of it, or revoked it: ask for a new attestation.",
    "AttestationInFuture": "Wait a block: it was signed at a later time than the chain's last block.",
    "NotQualified": "`mlm provider match JOB` says what the job asks for and what was found.",
    "RequirementsUnpublished": "Nobody can bid until the job's requirements are published.",
    # OpenZeppelin
    "ERC20InsufficientBalance": "Get tokens: `mlm wallet faucet` on the devnet.",
    "ERC20InsufficientAllowance": "Run the command again: it permits what it needs.",
    "SafeERC20FailedOperation": "The token refused the transfer: it may be paused, or have blocked an account.",
    "ERC2612ExpiredSignature": "Run the command again: it signs a new permit.",
    "ERC2612InvalidSigner": "Run the command again: another transaction may have used the permit's nonce.",
    "ERC721NonexistentToken": "Run `mlm search` to find published assets.",
    # The EVM
    "OutOfGas": "Run the command again; if it persists, the node's gas estimate is wrong.",
}

PRICES = frozenset({"PriceBelowFloor", "InexactTransfer", "BidTooLow"})  # errors whose uint256 are base units

# Solidity documentation, "Panic via assert and Error via require".
PANICS: Mapping[int, str] = {
    0x00: "generic",
    0x01: "assertion failed",
    0x11: "arithmetic overflow or underflow",
    0x12: "division by zero",
    0x21: "no such enum value",
    0x22: "badly encoded storage array",
    0x31: "pop of an empty array",
    0x32: "index out of bounds",
    0x41: "out of memory",
    0x51: "call of an uninitialised function",
}

_ERROR_STRING = bytes.fromhex("08c379a0")  # Error(string)
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)
_STRING = (abi.Param("message", "string"),)
_NUMBER = (abi.Param("code", "uint256"),)


@functools.cache
def known_errors() -> Mapping[bytes, abi.Item]:
    """Custom errors of every shipped contract, by selector."""
    return {selector: item for name in abi.shipped() for selector, item in abi.load(name).errors.items()}


def decode(data: bytes) -> Reverted:
    """The revert behind `data`, the bytes that the EVM returned. Never raises: unknown data is shown as it is."""
    selector, body = data[:4], data[4:]
    try:
        if selector == _ERROR_STRING:
            return Reverted("Error", {"message": printable(abi.decode(_STRING, body, "Error")[0])})
        if selector == _PANIC:
            code = abi.decode(_NUMBER, body, "Panic")[0]
            return Reverted("Panic", {"code": f"0x{code:02x}", "meaning": PANICS.get(code, "unknown")})
        item = known_errors().get(selector)
        if item is not None:
            values = abi.decode(item.inputs, body, item.signature)
            named = {
                param.name or f"arg{i}": _named(item.name, param, value)
                for i, (param, value) in enumerate(zip(item.inputs, values, strict=True))
            }
            return Reverted(item.name, named, hint=HINTS.get(item.name, ""))
    except ChainError:
        pass  # bytes that only look like a known error are shown as they are, below
    if not data:
        return Reverted("NoReason", hint="The contract gave no reason: is it deployed, and is the function its own?")
    return Reverted("UnknownError", {"data": "0x" + data[:68].hex()})


def _named(error: str, param: abi.Param, value: Any) -> Any:
    """A decoded value as JSON has it; a member of a known enum by its name, money as an Amount."""
    # In these contracts a uint128 is always base units of the token, and a price is one whatever its width.
    if param.type == "uint128" or (error in PRICES and param.type == "uint256"):
        return Amount(value)
    kind = getattr(job, param.enum, None) if param.enum else None
    if isinstance(kind, type) and issubclass(kind, IntEnum) and value in set(kind):
        return str(kind(value))
    # A contract's text reaches a terminal: it must not move the cursor there.
    return printable(value) if isinstance(value, str) else abi.plainly(param, value)


def revert_data(data: Any) -> bytes | None:
    """Find the revert bytes in a JSON-RPC error's `data`, wherever this node puts them (geth, anvil, nethermind)."""
    for candidate in _candidates(data, depth=3):
        text = candidate.removeprefix("Reverted ").strip()
        if text.startswith("0x"):
            try:
                return bytes.fromhex(text[2:])
            except ValueError:
                continue
    return None


def _candidates(data: Any, depth: int) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping) and depth > 0:
        for key in ("data", "result", "output", "originalError"):
            yield from _candidates(data.get(key), depth - 1)


def explain(error: RpcError) -> MlmError:
    """What an RPC error of a call, an estimate or a broadcast means: Reverted, InsufficientFunds, or itself."""
    text = error.rpc_message.lower()
    if "insufficient funds" in text or "insufficient balance" in text:
        return InsufficientFunds(
            f"the account cannot pay for gas: {printable(error.rpc_message)}",
            hint="Send it some ETH; on the devnet run `mlm wallet faucet`.",
        )
    data = revert_data(error.data)
    if data is not None and (data or "revert" in text):
        return decode(data)
    if error.rpc_code == 3 or "revert" in text:
        return decode(data or b"")
    return error
