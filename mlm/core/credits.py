"""The contracts that owe accounts something, and of what: each has `creditOf(account)` and `withdraw()`. Pure.

One table for whoever shows, withdraws or counts credits; tests/devnet/test_credits.py holds it to the contracts.
"""

from __future__ import annotations

from collections.abc import Mapping

JOBS, SALES, CHANNELS, LICENCES = "jobs", "sales", "channels", "licences"
DISPUTES, REPLICAS, REPORTS, ACCUSATIONS = "disputes", "replicas", "reports", "accusations"

CREDITING: Mapping[str, str] = {
    "JobMarket": JOBS,
    "AssetSale": SALES,
    "PaymentChannels": CHANNELS,
    "LicenceShop": LICENCES,  # prices, and what came back of an order
    "LicenceToken": LICENCES,  # what a revocation paid
    "DisputeGame": DISPUTES,  # bonds of games
    "Replication": REPLICAS,  # fees and stakes
    "CommitRevealBeacon": REPLICAS,  # deposits of those who commit to secrets
    "AttesterSet": REPORTS,  # of what convicted attesters have lost
    "TeeVerifier": REPORTS,  # bonds of reports of a false chain
    "ServingBonds": ACCUSATIONS,  # of what convicted payees have lost, and deposits of accusations
}
