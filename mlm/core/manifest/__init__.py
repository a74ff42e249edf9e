"""Manifests: what an asset is, as one canonical DAG-CBOR block. docs/manifest.md describes the formats field by field.

`manifest.py` holds the whole; `parts.py` and `described.py` what it is made of, each with its spelling both ways.
"""

from mlm.core.manifest.described import (
    MAX_METADATA,
    MAX_METADATA_TEXT,
    MAX_STATEMENT,
    MAX_TABLES,
    MAX_WEIGHTS,
    Column,
    Dataset,
    Privacy,
    Table,
    Weights,
    check_terms,
)
from mlm.core.manifest.manifest import ACCESS, FORMAT, FORMAT_1, FORMAT_3, KINDS, MAX_FILES, Manifest
from mlm.core.manifest.parts import (
    MAX_PARENTS,
    RELATIONS,
    FileRef,
    Parent,
    Price,
    Signature,
    TeeKey,
    Tensor,
    ZkKey,
    check_price,
)
from mlm.core.manifest.sealed import Sealed

__all__ = [
    "ACCESS",
    "FORMAT",
    "FORMAT_1",
    "FORMAT_3",
    "KINDS",
    "MAX_FILES",
    "MAX_METADATA",
    "MAX_METADATA_TEXT",
    "MAX_PARENTS",
    "MAX_STATEMENT",
    "MAX_TABLES",
    "MAX_WEIGHTS",
    "RELATIONS",
    "Column",
    "Dataset",
    "FileRef",
    "Manifest",
    "Parent",
    "Price",
    "Privacy",
    "Sealed",
    "Signature",
    "Table",
    "TeeKey",
    "Tensor",
    "Weights",
    "ZkKey",
    "check_price",
    "check_terms",
]
