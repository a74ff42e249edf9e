"""`mlm wallet`: accounts, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.errors import InsufficientFunds, UsageError, WalletError
from mlm.core.money import Amount, Wei
from mlm.core.plan import NO_AMOUNT, Call, Plan, Tx
from mlm.ports.bundle import Ports
from mlm.ports.chain import Chain
from mlm.ports.settings import Settings
from mlm.ports.wallet import Account, Faucet, Password, Wallet
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.events import decode
from mlm.workflows.sale_show import earned as sale_earned
from mlm.workflows.sync import sync

LICENCES = ("LicenceShop", "LicenceToken")  # what pays holders and sellers of licences
MAX_SALES = 100  # an account's newest sales, whose escrows are asked for earnings


@dataclass(frozen=True)
class Accounts:
    """All accounts that can sign on the chosen network."""

    accounts: tuple[Account, ...]


@dataclass(frozen=True)
class Holdings:
    """An account and what it holds: tokens, coins for gas, and credits that it can withdraw: of jobs, sales, channels,
    licences.
    """

    name: str
    address: str
    source: str
    tokens: Amount
    credit: Amount
    sale_credit: Amount
    channel_credit: Amount
    licence_credit: Amount
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
    """What can be withdrawn. `earned` lies with the escrows of sold assets until it is collected."""

    jobs: Amount
    sales: Amount
    earned: Amount
    channels: Amount = Amount(0)
    licences: Amount = Amount(0)

    @property
    def total(self) -> Amount:
        """All of it."""
        return Amount(self.jobs + self.sales + self.earned + self.channels + self.licences)


@dataclass(frozen=True)
class Withdrawn:
    """What was paid out: credits of jobs, of sales, what assets of the account earned while they were for sale, of
    channels, and what licences brought: their price, what came back of an order, what a revocation paid.

    `amount` is their sum; `tokens` is what the account's wallet holds since.
    """

    account: str
    amount: Amount
    jobs: Amount
    sales: Amount
    earned: Amount = field(metadata=NO_AMOUNT)
    channels: Amount = field(metadata=NO_AMOUNT)
    licences: Amount = field(metadata=NO_AMOUNT)
    tokens: Amount


def accounts(wallet: Wallet) -> Accounts:
    """All of them."""
    return Accounts(tuple(wallet.accounts()))


def show(wallet: Wallet, chain: Chain, name: str) -> Holdings:
    """One account by name or address."""
    return holdings(wallet.find(name), chain)


def holdings(account: Account, chain: Chain) -> Holdings:
    """What an account holds now."""
    return Holdings(
        account.name,
        account.address,
        account.source,
        Amount(chain.call("MarketToken", "balanceOf", account.address)),
        Amount(chain.call("JobMarket", "creditOf", account.address)),
        Amount(chain.call("AssetSale", "creditOf", account.address)),
        Amount(chain.call("PaymentChannels", "creditOf", account.address)),
        Amount(sum(chain.call(name, "creditOf", account.address) for name in LICENCES)),
        Wei(chain.balance(account.address)),
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
    jobs = Amount(chain.call("JobMarket", "creditOf", account))
    sales = Amount(chain.call("AssetSale", "creditOf", account))
    channels = Amount(chain.call("PaymentChannels", "creditOf", account))
    licences = {name: Amount(chain.call(name, "creditOf", account)) for name in LICENCES}
    found = Credits(jobs, sales, Amount(sum(earned.values())), channels, Amount(sum(licences.values())))
    if found.total == 0:
        raise InsufficientFunds(
            f"nothing is credited to {account}",
            hint="Credits appear when a job is settled or a bid is outbid: see `mlm job list` and `mlm sale list`.",
        )
    steps: tuple[Tx, ...] = (Tx(f"withdraw {jobs} of jobs", Call("JobMarket", "withdraw")),) if jobs else ()
    calls = [Call("AssetSale", "collect", (bytes.fromhex(sale[2:]),)) for sale, amount in earned.items() if amount]
    if calls or sales:
        calls.append(Call("AssetSale", "withdraw"))
        call = calls[0] if len(calls) == 1 else Call("AssetSale", "multicall", (tuple(calls),))
        steps += (Tx(f"withdraw {Amount(found.sales + found.earned)} of sales", call),)
    if channels:
        steps += (Tx(f"withdraw {channels} of channels", Call("PaymentChannels", "withdraw")),)
    for name, amount in licences.items():
        if amount:
            steps += (Tx(f"withdraw {amount} of licences ({name})", Call(name, "withdraw")),)
    return Plan("wallet withdraw", steps, found)


def _after(ports: Ports, params: Withdraw, plan: Plan[Credits], done: tuple[DoneStep, ...]) -> Withdrawn:
    account, found = ports.sender.address, _paid(ports, done, plan.facts)
    tokens = Amount(ports.chain.call("MarketToken", "balanceOf", account))
    return Withdrawn(
        account, found.total, found.jobs, found.sales, found.earned, found.channels, found.licences, tokens
    )


def _paid(ports: Ports, done: tuple[DoneStep, ...], planned: Credits) -> Credits:
    """What the receipts say was paid out: more may have been credited meanwhile. What was planned where one is lost."""
    if any(step.receipt is None for step in done):
        return planned
    logs = tuple(log for step in done if step.receipt for log in step.receipt.logs)
    mine = [each for each in decode(ports, logs) if each.args.get("account") == ports.sender.address.lower()]

    def total(contract: str, name: str) -> int:
        return sum(each.args["amount"] for each in mine if (each.contract, each.name) == (contract, name))

    earned = total("AssetSale", "SaleCredited")  # by the collecting, just before
    return Credits(
        Amount(total("JobMarket", "Withdrawn")),
        Amount(total("AssetSale", "Withdrawn") - earned),
        Amount(earned),
        Amount(total("PaymentChannels", "Withdrawn")),
        Amount(sum(total(name, "Withdrawn") for name in LICENCES)),
    )


WITHDRAW = Operation(
    "wallet withdraw",
    Withdraw,
    plan_withdraw,
    _after,
    "What was withdrawn is in the account; nothing has to be taken back.",
)
