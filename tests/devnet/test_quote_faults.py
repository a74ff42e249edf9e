"""What is said of a fault, and which report shows it, follows the contract's own list."""

from __future__ import annotations

import re

from mlm.core.reporting import BROKEN
from mlm.resources import path as resource
from mlm.workflows.quote_faults import FAULTS, fault_name


def test_every_fault_has_a_name_and_the_first_broken_link_is_the_reports_signature() -> None:
    text = (resource("devnet") / "contracts" / "interfaces" / "IQuoteProofs.sol").read_text()
    (body,) = re.findall(r"enum QuoteFault \{(.*?)\n\}", text, re.DOTALL)
    members = re.findall(r"^\s*(\w+)", body, re.MULTILINE)
    assert len(members) == len(FAULTS) and members.index("ReportSignature") == BROKEN
    assert fault_name(len(FAULTS)) == str(len(FAULTS)), "of a later contract"
