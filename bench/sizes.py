"""Installed size of mlm with the extras `cpu` and `zk`: every distribution that requirements/cpu.txt pins.

    python bench/sizes.py [--limit MB]

Counts the files that each distribution brought. Bytecode, which Python writes as modules are used (about a seventh more
in the end), pip, and the tools for testing do not count.
"""

from __future__ import annotations

import argparse
import re
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def installed(name: str) -> int | None:
    """Bytes on disk of one distribution, None when it is not installed here (a package of another platform)."""
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return None
    paths = {Path(str(file.locate())) for file in files if file.suffix != ".pyc"}
    return sum(path.stat().st_size for path in paths if path.is_file())


def distributions() -> dict[str, int]:
    """Bytes of each distribution that requirements/cpu.txt pins and that is installed here."""
    lock = (ROOT / "requirements" / "cpu.txt").read_text(encoding="utf-8")
    names = sorted(set(re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)))
    return {name: size for name in names if (size := installed(name)) is not None}


def main() -> int:
    """Print the ten largest and the sum; exit 1 when the sum passes the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, help="most megabytes (10^6 bytes) that are allowed")
    parser.add_argument("--total", action="store_true", help="print the sum only")
    options = parser.parse_args()
    sizes = distributions()
    total = sum(sizes.values()) / 1e6
    if not options.total:
        for name in sorted(sizes, key=lambda name: -sizes[name])[:10]:
            print(f"{sizes[name] / 1e6:6.0f} MB  {name} {metadata.version(name)}")
    limit = f", at most {options.limit} are allowed" if options.limit else ""
    print(f"{total:6.0f} MB  mlm[cpu,zk], {len(sizes)} distributions{limit}")
    return int(bool(options.limit) and total > options.limit)


if __name__ == "__main__":
    raise SystemExit(main())
