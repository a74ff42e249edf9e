"""What remotes are, and the small text files in a folder remote that a static web server can serve as they are.

    mlm-remote         mlm/remote/1: what the folder is
    packs/list         mlm/packs/1, then a line per pack: its name and its bytes
    packs/pack-*       CARv1 archives and their indexes (mlm/adapters/blocks/packs.py)
    names/REPOSITORY   mlm/names/1, then a line per branch and tag: its commit and its name

A remote holds blocks of any number of assets; branches and tags are kept for each repository, which is called as the
asset in its mlm.toml. Everything here is read from others: each line is checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import InvalidData, UsageError
from mlm.core.history import check_ref
from mlm.core.refs import NAME

FOLDER, HTTP, KUBO, GATEWAY, PINNING = KINDS = ("folder", "http", "kubo", "gateway", "pinning")
WRITABLE = (FOLDER, KUBO)  # hold blocks that are pushed; a pinning service fetches them itself
MARK = "mlm-remote"
FORMAT = b"mlm/remote/1\n"
PACK_LIST = "packs/list"
MAX_NAMES = 10_000
MAX_NAMES_BYTES = 4 << 20
MAX_PACKS = 100_000
MAX_PACKS_BYTES = 16 << 20

_NAMES, _PACKS = "mlm/names/1", "mlm/packs/1"
_PACK = re.compile(r"(pack-[0-9a-f]{40}) (0|[1-9][0-9]{0,15})")


def check_repository(name: str) -> str:
    """A repository's name on a remote, which is an asset's; raises UsageError."""
    if not NAME.fullmatch(name) or name.startswith("."):
        raise UsageError(f"expected a repository's name, as that of an asset, found {name[:80]!r}")
    return name


def encode_names(names: Mapping[str, Cid]) -> bytes:
    """The file of a repository's branches and tags."""
    return "".join([f"{_NAMES}\n", *(f"{names[name]} {name}\n" for name in sorted(names))]).encode()


def decode_names(data: bytes, where: str) -> dict[str, Cid]:
    """`heads/NAME` and `tags/NAME` with their commits; raises InvalidData, naming `where`, for anything else."""
    names: dict[str, Cid] = {}
    for line in _lines(data, _NAMES, where, MAX_NAMES):
        cid, _, name = line.partition(" ")
        try:
            if not name.startswith(("heads/", "tags/")) or check_ref(name) in names:
                raise UsageError(f"expected another branch or tag, found {name[:80]!r}")
            names[name] = Cid.parse(cid)
        except (InvalidData, UsageError) as error:
            raise InvalidData(f"{where} is damaged: {error}") from error
        if names[name].codec != DAG_CBOR:
            raise InvalidData(f"{where} is damaged: expected a commit's CID (dag-cbor) for {name}, found {cid}")
    return names


def is_pack(name: str) -> bool:
    """Whether a file's name, without its suffix, is a pack's: others may have put anything there."""
    return bool(_PACK.fullmatch(f"{name} 0"))


def encode_packs(packs: Mapping[str, int]) -> bytes:
    """The list of packs with their sizes in bytes."""
    return "".join([f"{_PACKS}\n", *(f"{name} {packs[name]}\n" for name in sorted(packs))]).encode()


def decode_packs(data: bytes, where: str) -> dict[str, int]:
    """Bytes of each pack by its name; raises InvalidData, naming `where`, for anything but such a list."""
    packs: dict[str, int] = {}
    for line in _lines(data, _PACKS, where, MAX_PACKS):
        match = _PACK.fullmatch(line)
        if match is None or match[1] in packs:
            raise InvalidData(f"{where} is damaged: expected another pack and its size, found {line[:80]!r}")
        packs[match[1]] = int(match[2])
    return packs


def _lines(data: bytes, form: str, where: str, most: int) -> list[str]:
    try:
        first, *lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise InvalidData(f"{where} is damaged: expected text, found {data[:20]!r}") from None
    if first != form or not lines or lines.pop():
        raise InvalidData(f"expected the format {form} in {where}, found {first[:40]!r}", hint="Update mlm.")
    if len(lines) > most:
        raise InvalidData(f"expected at most {most} lines in {where}, found {len(lines)}")
    return lines
