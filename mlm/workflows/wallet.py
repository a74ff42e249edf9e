"""`mlm wallet`: accounts, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.credits import ACCUSATIONS, CHANNELS, CREDITING, DISPUTES, JOBS, LICENCES, REPLICAS, REPORTS, SALES
from mlm.core.errors import InsufficientFunds, UsageError, WalletError
from mlm.core.money import Amount, Wei
from mlm.core.plan import NO_AMOUNT, Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.ports.chain import Chain
from mlm.ports.settings import Settings
from mlm.ports.wallet import Account, Faucet, Password, Wallet
from mlm.workflows import credits
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.events import decode
from mlm.workflows.sale_show import earned as sale_earned
from mlm.workflows.sync import sync

MAX_SALES = 100  # an account's newest sales, whose escrows are asked for earnings


@dataclass(frozen=True)
class Accounts:
    """All accounts that can sign on the chosen network."""

    accounts: tuple[Account, ...]


@dataclass(frozen=True)
class Holdings:
    """An account and what it holds: tokens, coins for gas, and credits that it can withdraw: of jobs, sales, channels,
    licences, disputes, replicas, of reports against attesters, and of accusations of payees.
    """

    name: str
    address: str
    source: str
    tokens: Amount
    credit: Amount
    sale_credit: Amount
    channel_credit: Amount
    licence_credit: Amount
    dispute_credit: Amount = field(metadata=NO_AMOUNT)
    replica_credit: Amount = field(metadata=NO_AMOUNT)
    report_credit: Amount = field(metadata=NO_AMOUNT)
    accusation_credit: Amount = field(metadata=NO_AMOUNT)
    coins: Wei


@dataclass(frozen=True)
class Used:
    """The account that signs from now on, and the file that says so."""

    name: str
    address: str
    file: str


@dataclass(frozen=True)
class Given:
    """What the faucet sent."""

    to: str
    tokens: Amount
    coins: Wei
    transactions: tuple[str, ...]


@dataclass(frozen=True)
class Withdraw:
    """Parameters of `wallet withdraw`: everything credited is paid out."""


@dataclass(frozen=True)
class Credits:
    """What can be withdrawn, by what it is owed for (core/credits.py). `earned` lies with the escrows of sold assets
    until it is collected.
    """

    jobs: Amount
    sales: Amount
    earned: Amount
    channels: Amount
    licences: Amount
    disputes: Amount
    replicas: Amount
    reports: Amount
    accusations: Amount

    @property
    def total(self) -> Amount:
        """All of it."""
        return Amount(sum(vars(self).values()))


@dataclass(frozen=True)
class Withdrawn:
    """What was paid out: credits of jobs, of sales, what assets of the account earned while they were for sale, of
    channels, what licences brought (their price, what came back of an order, what a revocation paid), of disputes, of
    replicas, of reports against attesters, and of accusations of payees.

    `amount` is their sum; `tokens` is what the account's wallet holds since.
    """

    account: str
    amount: Amount
    jobs: Amount
    sales: Amount
    earned: Amount = field(metadata=NO_AMOUNT)
    channels: Amount = field(metadata=NO_AMOUNT)
    licences: Amount = field(metadata=NO_AMOUNT)
    disputes: Amount = field(metadata=NO_AMOUNT)
    replicas: Amount = field(metadata=NO_AMOUNT)
    reports: Amount = field(metadata=NO_AMOUNT)
    accusations: Amount = field(metadata=NO_AMOUNT)
    tokens: Amount


def accounts(wallet: Wallet) -> Accounts:
    """All of them."""
    return Accounts(tuple(wallet.accounts()))


def show(wallet: Wallet, chain: Chain, name: str) -> Holdings:
    """One account by name or address."""
    return holdings(wallet.find(name), chain)


def holdings(account: Account, chain: Chain) -> Holdings:
    """What an account holds now."""
    owed = credits.by_kind(credits.credits(chain, account.address).items())
    return Holdings(
        name=account.name,
        address=account.address,
        source=account.source,
        tokens=Amount(chain.call("MarketToken", "balanceOf", account.address)),
        credit=owed[JOBS],
        sale_credit=owed[SALES],
        channel_credit=owed[CHANNELS],
        licence_credit=owed[LICENCES],
        dispute_credit=owed[DISPUTES],
        replica_credit=owed[REPLICAS],
        report_credit=owed[REPORTS],
        accusation_credit=owed[ACCUSATIONS],
        coins=Wei(chain.balance(account.address)),
    )


def new(wallet: Wallet, name: str, password: Password) -> Account:
    """A new random key in the keystore."""
    return wallet.create(name, password)


def add(wallet: Wallet, name: str, text: str, password: Password) -> Account:
    """Keep a key given as 64 hex digits; raises WalletError, which never repeats what was given."""
    digits = text.strip().removeprefix("0x")
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise WalletError(f"expected a key of 64 hex digits, found {len(digits)} characters")
    return wallet.add(name, key, password)


def use(wallet: Wallet, settings: Settings, name: str) -> Used:
    """Sign as this account from now on; raises WalletError for an unknown one."""
    account = wallet.find(name)
    settings.set("", {"account": account.name})
    return Used(account.name, account.address, settings.path)


def address(wallet: Wallet, text: str) -> str:
    """An address as it is given, or a known account's; raises WalletError."""
    if text.startswith("0x"):
        if len(text) == 42 and all(character in "0123456789abcdefABCDEF" for character in text[2:]):
            return text
        raise WalletError(f"expected an address of 20 bytes, found {text!r}")
    return wallet.find(text).address


def faucet(source: Faucet, to: str, tokens: Amount, coins: Wei) -> Given:
    """Tokens and coins from the devnet's faucet."""
    if tokens < 0 or coins < 0 or tokens + coins == 0:
        raise UsageError("expected an amount of tokens or coins above zero")
    return Given(to, tokens, coins, source.give(to, int(tokens), int(coins)))


def plan_withdraw(ports: Ports, params: Withdraw) -> Plan[Credits]:
    """One transaction for each contract that owes something. Raises InsufficientFunds when none does."""
    account, chain = ports.sender.address, ports.chain
    sync(ports)
    rows = ports.state.query("sales", seller=account, limit=MAX_SALES)
    earned = {row["sale_id"]: sale_earned(ports, row["escrow"]) for row in rows}
    owed = credits.credits(chain, account)
    found = Credits(**credits.by_kind(owed.items()), earned=Amount(sum(earned.values())))
    if found.total == 0:
        raise InsufficientFunds(
            f"nothing is credited to {account}",
            hint="Credits appear when a job is settled or a bid is outbid: see `mlm job list` and `mlm sale list`.",
        )
    collecting = [Call("AssetSale", "collect", (bytes.fromhex(sale[2:]),)) for sale, got in earned.items() if got]
    steps = credits.withdrawals(owed)
    if collecting:  # what is collected is credited, and withdrawn by the same transaction
        steps = credits.withdrawals({**owed, "AssetSale": Amount(0)})
        both = Call("AssetSale", "multicall", ((*collecting, Call("AssetSale", "withdraw")),))
        steps += (Tx(f"withdraw {Amount(found.sales + found.earned)} of sales (AssetSale)", both),)
    return Plan("wallet withdraw", steps, found)


def _after(ports: Ports, params: Withdraw, plan: Plan[Credits], done: tuple[DoneStep, ...]) -> Withdrawn:
    account, found = ports.sender.address, _paid(ports, done, plan.facts)
    tokens = Amount(ports.chain.call("MarketToken", "balanceOf", account))
    return Withdrawn(account=account, amount=found.total, **vars(found), tokens=tokens)


def _paid(ports: Ports, done: tuple[DoneStep, ...], planned: Credits) -> Credits:
    """What the receipts say was paid out: more may have been credited meanwhile. What was planned where one is lost."""
    if any(step.receipt is None for step in done):
        return planned
    logs = tuple(log for step in done if step.receipt for log in step.receipt.logs)
    mine = [each for each in decode(ports, logs) if each.args.get("account") == ports.sender.address.lower()]
    paid = ((each.contract, each.args["amount"]) for each in mine if each.name == "Withdrawn")
    found = credits.by_kind((name, amount) for name, amount in paid if name in CREDITING)
    # By the collecting, just before.
    earned = sum(e.args["amount"] for e in mine if (e.contract, e.name) == ("AssetSale", "SaleCredited"))
    return Credits(**{**found, SALES: Amount(found[SALES] - earned)}, earned=Amount(earned))


WITHDRAW = Operation(
    "wallet withdraw",
    Withdraw,
    plan_withdraw,
    _after,
    "What was withdrawn is in the account; nothing has to be taken back.",
)
