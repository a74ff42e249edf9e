"""Licences: what an author's slip is taken for, and the table of the common ones."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from mlm.core.errors import InvalidData, NotFound
from mlm.core.licence import check_known, check_licence, identifiers, spdx
from mlm.core.licences import KNOWN, LIMITS, NO, YES, Licence, find, named
from mlm.workflows.spdx import licences


@pytest.mark.parametrize(
    "text",
    [
        "MIT", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", "(MIT OR Apache-2.0) AND BSD-3-Clause",
        "GPL-2.0+", "LicenseRef-anything", "DocumentRef-x:LicenseRef-y", "MIT OR LicenseRef-Llama-3.1", "CC-BY-4.0",
    ],
)  # fmt: skip
def test_known_licences(text: str) -> None:
    assert check_known(text) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Apache 2.0", "Apache-2.0"),
        ("apache-2.0", "Apache-2.0"),
        ("Apache", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apche-2.0", "Apache-2.0"),
        ("mit", "MIT"),
        ("MIT License", "MIT"),
        ("GPL", "GPL-3.0-only or GPL-3.0-or-later"),
        ("GPL v3", "GPL-3.0-only or GPL-3.0-or-later"),
        ("GPLv3", "GPL-3.0-only or GPL-3.0-or-later"),
        ("gpl-2.0", "GPL-2.0-only or GPL-2.0-or-later"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("cc-by-nc 4.0", "CC-BY-NC-4.0"),
        ("MIT OR apache-2.0", "Apache-2.0"),
        ("llama3.1", "LicenseRef-Llama-3.1"),
        ("Llama 3.1 Community License", "LicenseRef-Llama-3.1"),
        ("creativeml-openrail-m", "LicenseRef-CreativeML-OpenRAIL-M"),
        ("GPL-2.0-only WITH Classpath-exception", "Classpath-exception-2.0"),
    ],
)
def test_a_slip_is_refused_with_what_was_meant(text: str, meant: str) -> None:
    with pytest.raises(InvalidData) as caught:
        check_known(text)
    assert caught.value.hint == f"Did you mean {meant}?"


@pytest.mark.parametrize("text", ["proprietary", "all rights reserved", "Foo-1.0", "MIT WITH Apache-2.0", "MIT WITH x"])
def test_what_nobody_lists_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(InvalidData) as caught:
        check_known(text)
    assert "LicenseRef-NAME" in caught.value.hint and "mlm spdx" in caught.value.hint


def test_others_may_use_licences_that_are_newer_than_our_list() -> None:
    assert check_licence("Future-License-9.0") == "Future-License-9.0"


def test_identifiers() -> None:
    found = identifiers("(GPL-2.0+ WITH Classpath-exception-2.0 OR LicenseRef-x) AND MIT")
    assert found == ("GPL-2.0", "LicenseRef-x", "MIT")


def test_spdx_lists_both() -> None:
    assert {"Apache-2.0", "GPL-2.0", "CC-BY-4.0"} < spdx() and "Classpath-exception-2.0" not in spdx()
    assert "Classpath-exception-2.0" in spdx(exceptions=True) and len(spdx()) > 600


@pytest.mark.parametrize("licence", KNOWN, ids=lambda licence: licence.id)
def test_row_of_the_table(licence: Licence) -> None:
    assert check_known(licence.id) == licence.id
    parts = urlsplit(licence.url)
    assert parts.scheme == "https" and parts.netloc and not re.search(r"\s", licence.url)
    assert {licence.commercial, licence.derivatives} <= {YES, NO, LIMITS, None}
    assert LIMITS not in (licence.commercial, licence.derivatives) or licence.note, "limits without saying which"
    for name in (licence.id, licence.name, *licence.also):
        assert named(name) is licence, f"{name!r} also names {named(name)}"


def test_nothing_stands_in_the_table_twice() -> None:
    assert len({licence.id for licence in KNOWN}) == len(KNOWN) >= 50


def test_search() -> None:
    assert find("") == KNOWN
    assert [licence.id for licence in find("Llama 3.1")] == ["LicenseRef-Llama-3.1"]
    found = licences("bsd").licences
    assert found[0].id == "BSD-3-Clause" and {"0BSD", "BSD-2-Clause"} < {licence.id for licence in found}
    with pytest.raises(NotFound, match="xyzzy"):
        licences("xyzzy")
