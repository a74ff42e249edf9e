"""`mlm spdx`: what to write as an asset's licence, and what the common licences of models and data say."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.errors import NotFound
from mlm.core.licence import spdx
from mlm.core.licences import Licence, find

MAX_OTHERS = 30  # identifiers of SPDX's list that are shown beside the table's


@dataclass(frozen=True)
class Licences:
    """Licences by identifier. A fact that is missing stands in the licence itself, or nowhere."""

    licences: tuple[Licence, ...]


def licences(query: str = "") -> Licences:
    """The table's licences that every word of `query` occurs in, then SPDX's; the table for an empty query.

    Raises NotFound when there is none.
    """
    found = find(query)
    words, shown = query.casefold().split(), {licence.id for licence in found}
    if words:
        ids = sorted(name for name in spdx() if name not in shown and all(word in name.casefold() for word in words))
        found += tuple(Licence(name, name, f"https://spdx.org/licenses/{name}.html") for name in ids[:MAX_OTHERS])
    if not found:
        raise NotFound(
            f"no licence is known by {query!r}",
            hint="Any other licence is LicenseRef-NAME; [access] terms in mlm.toml says where its text is.",
        )
    return Licences(found)
