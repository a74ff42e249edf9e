"""Model cards: what their front matter says, and what it may not do."""

from __future__ import annotations

import time
from typing import Any

import pytest

from mlm.core import card
from mlm.core.errors import InvalidData
from mlm.core.manifest.described import MAX_CARD, MAX_CARD_DEPTH

HUB = """license: apache-2.0
language: [en, no]
tags: [digits, 'yes']
base_model: alice/base
pipeline_tag: image-classification
date: 2024-02-30
version: 1.10
model-index:
  - name: digits
    results:
      - task: {type: image-classification}
        metrics: [{type: accuracy, value: 0.9889, verified: true}]
empty:
nothing: ~
count: -12
large: 1e3
hex: 0x10
"""


def test_values_are_the_cores_schema() -> None:
    assert card.parse(HUB.encode()) == {
        "license": "apache-2.0",
        "language": ["en", "no"],
        "tags": ["digits", "yes"],
        "base_model": "alice/base",
        "pipeline_tag": "image-classification",
        "date": "2024-02-30",
        "version": 1.1,
        "model-index": [
            {
                "name": "digits",
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "metrics": [{"type": "accuracy", "value": 0.9889, "verified": True}],
                    }
                ],
            }
        ],
        "empty": None,
        "nothing": None,
        "count": -12,
        "large": 1000.0,
        "hex": "0x10",
    }


@pytest.mark.parametrize(
    ("text", "front"),
    [
        (b"---\na: 1\n---\n# Title\n", b"a: 1"),
        (b"---\r\na: 1\r\n---\r\n", b"a: 1\r"),
        (b"\xef\xbb\xbf---\na: 1\n---", b"a: 1"),
        (b"---\n---\n", b""),
        (b"# Title\n---\na: 1\n---\n", None),
        (b"---\nno end\n", None),
        (b"", None),
        (b"----\na: 1\n----\n", None),
    ],
)
def test_where_front_matter_stands(text: bytes, front: bytes | None) -> None:
    assert card.front_matter(text) == front


BOMB = "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(9))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a: &x [1]\nb: *x", "anchors and aliases, found one in line 2"),
        (BOMB, "anchors and aliases"),
        ("a: !!python/object/apply:os.system [id]", "tags, found 'tag:yaml.org,2002:python"),
        ("a: !!binary aGVsbG8=", "tags"),
        ("a: !mine 1", "tags"),
        ("a: " + "[" * 5000, f"at most {MAX_CARD_DEPTH} deep, line 2"),
        ("a: " + "{b: " * 5000, f"at most {MAX_CARD_DEPTH} deep"),
        ("- 1\n- 2", "a map of keys, found list"),
        ("", "a map of keys, found NoneType"),
        ("just text", "a map of keys, found str"),
        ("a: 1\nb: 2\na: 3", "each key of a model card once, found 'a' twice"),
        ("? [1]\n: 2", "keys are texts, line 2"),
        ("a: [1", "YAML, found"),
        ("a: 1\n---\nb: 2", "another document in line 3"),
        ("a: 1e999", "finite"),
        ('a: "\\ud800"', "surrogates"),
        ("a: \x07", "not allowed"),
        ("a: " + "x" * MAX_CARD, f"at most {MAX_CARD} bytes"),
    ],
)
def test_hostile_front_matter(text: str, match: str) -> None:
    started = time.process_time()
    with pytest.raises(InvalidData, match=match) as caught:
        card.parse(text.encode("utf-8", "surrogatepass"))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    assert time.process_time() - started < 20  # the parser is linear; a bomb would not end


def test_text_that_is_no_utf8() -> None:
    with pytest.raises(InvalidData, match="YAML"):
        card.parse(b"a: \xff\xfe")


def test_merge_keys_are_keys() -> None:
    assert card.parse(b"<<: {a: 1}") == {"<<": {"a": 1}}


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("mit", "MIT OR Apache-2.0"),
        (["mit", "apache-2.0"], "MIT AND Apache-2.0"),
        ("gpl-3.0", "GPL-3.0-or-later"),
        ("gpl-3.0", "GPL-3.0-only"),
        ("gpl", "GPL-2.0-or-later"),
        ("cc-by-4.0", "CC-BY-4.0"),
        ("cc", "CC-BY-NC-4.0"),
        ("odbl", "ODbL-1.0"),
        ("llama3.1", "LicenseRef-Llama-3.1"),
        ("creativeml-openrail-m", "LicenseRef-CreativeML-OpenRAIL-M"),
        ("my-own", "LicenseRef-My-Own"),
        ("other", "LicenseRef-My-Own"),
        ("unknown", "MIT"),
        (None, "MIT"),
        (7, "MIT"),
    ],
)
def test_licences_that_agree(said: Any, licence: str) -> None:
    card.check_licence_agrees({"license": said}, licence)


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        ("mit", "Apache-2.0"),
        ("mit", "MIT-0"),
        ("cc-by-4.0", "CC-BY-SA-4.0"),
        ("cc-by-4.0", "CC-BY-3.0"),
        ("gpl-3.0", "LGPL-3.0-only"),
        ("llama3.1", "LicenseRef-Llama-3.2"),
        ("llama3", "LicenseRef-Llama-3.1"),
        (["mit", "gpl-3.0"], "MIT"),
        ("my-own", "MIT"),
    ],
)
def test_licences_that_do_not(said: Any, licence: str) -> None:
    with pytest.raises(InvalidData, match="the model card says license: .*, mlm.toml says"):
        card.check_licence_agrees({"license": said}, licence)
