"""What one confined child may see: files to read, folders to write, devices, and whether it may make machine code."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE_PARENT = Path(__file__).resolve().parents[3]

# Where the loader and Python's own files are, beside the interpreter's prefix; what is absent is left out.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64", "/etc/ld.so.cache")
_STORES = ("/nix/store", "/gnu/store")  # an interpreter there needs the libraries beside it
_SHARED_PREFIXES = ("/usr", "/usr/local", "/")  # what else lies there is not Python's
# What libraries ask before they start threads, and how Python knows local time. Nothing of /proc names a process.
_MACHINE = ("/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat",
            "/etc/localtime", "/usr/share/zoneinfo")  # fmt: skip
CGROUPS = "/sys/fs/cgroup"
PLAIN_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
_NVIDIA = ("/dev/dxg", "/dev/nvidia-caps")
_NVIDIA_FILES = ("/sys/bus/pci", "/sys/devices", "/sys/module", "/proc/driver/nvidia", "/proc/devices", "/proc/modules",
                 "/usr/lib/wsl", "/usr/local/cuda", "/etc/OpenCL", "/run/nvidia-persistenced")  # fmt: skip


@dataclass(frozen=True)
class Policy:
    """`readable` and `writable` are absolute paths; `devices` are read, written and given any ioctl.

    `code`: memory may become executable while hostile data is read, as a compiler needs it. What drives a GPU may too.
    """

    readable: tuple[str, ...]
    writable: tuple[str, ...]
    devices: tuple[str, ...] = ()
    code: bool = False

    def as_json(self) -> dict[str, Any]:
        """For task.json."""
        return {"readable": self.readable, "writable": self.writable, "devices": self.devices, "code": self.code}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Policy:
        """The inverse; the parent wrote it."""
        return cls(tuple(value["readable"]), tuple(value["writable"]), tuple(value["devices"]), bool(value["code"]))


def policy(
    module: str,
    folder: Path,
    *,
    readable: Iterable[Path] = (),
    gpu_libraries: str | None = None,
    code: bool = False,
) -> Policy:
    """What a child needs that runs `module` in `folder`: Python, the packages, `readable` besides.

    `gpu_libraries`, where a GPU may be used: LD_LIBRARY_PATH, which names CUDA's folders; else None.
    """
    devices: list[str] = []
    given = [str(path.resolve()) for path in readable]
    if gpu_libraries is not None and (devices := nvidia_devices()):
        given += [*_NVIDIA_FILES, *(part for part in gpu_libraries.split(":") if os.path.isabs(part))]
    paths = sorted({*python_paths(module.partition(".")[0]), *_own_cgroup(), *given})
    # The folder under the name that the child gets, and by its real name.
    return Policy(
        tuple(path for path in paths if os.path.exists(path)),
        tuple(dict.fromkeys((str(folder), str(folder.resolve())))),
        tuple(devices),
        code,
    )


def _own_cgroup() -> list[str]:
    """Where this process's limits of memory and CPU stand: DuckDB ends the process where it may not read them."""
    found = []
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory", "cpu", "cpu,cpuacct"):
            found.append(os.path.normpath(f"{CGROUPS}/{controllers}/{path}"))
    return [path for path in found if path != CGROUPS]


def nvidia_devices() -> list[str]:
    """The device files of an NVIDIA driver, on Linux and on Windows' Linux."""
    found = [str(path) for path in Path("/dev").glob("nvidia*")]
    return sorted({*found, *(path for path in _NVIDIA if os.path.exists(path))})


@cache
def python_paths(package: str) -> tuple[str, ...]:
    """What this interpreter, its packages, mlm and `package` beside it are read from."""
    found = [*_LIBRARIES, *_MACHINE, sys.prefix, sys.exec_prefix, *_interpreter(sys.executable)]
    for prefix in (sys.base_prefix, sys.base_exec_prefix):
        if prefix not in _SHARED_PREFIXES:  # uv's, conda's, pyenv's: a folder of its own
            found.append(prefix)
    found += [store for store in _STORES if os.path.realpath(sys.executable).startswith(store)]
    found += [path for name, path in sysconfig.get_paths().items() if name.endswith(("lib", "stdlib"))]
    found += [path for folder in site.getsitepackages() for path in (folder, *_linked(folder))]
    if PACKAGE_PARENT.name in ("site-packages", "dist-packages"):
        found.append(str(PACKAGE_PARENT))
    else:  # a checkout: not what lies beside the packages
        found += [str(PACKAGE_PARENT / name) for name in ("mlm", package)]
    resolved = [os.path.realpath(path) for path in found]
    return tuple(sorted({path for path in [*found, *resolved] if path not in _SHARED_PREFIXES}))


def _linked(site_packages: str) -> list[str]:
    """What an environment's packages are links to, and the folders that its .pth files add.

    Not this checkout, which has more than mlm.
    """
    if not os.path.isdir(site_packages):
        return []
    with os.scandir(site_packages) as entries:
        found = [os.path.realpath(entry.path) for entry in entries if entry.is_symlink()]
    for file in sorted(Path(site_packages).glob("*.pth")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            path = os.path.realpath(os.path.join(site_packages, line.strip()))
            if line.strip() and not line.startswith(("#", "import ", "import\t")) and path != str(PACKAGE_PARENT):
                found.append(path)
    return [path for path in found if os.path.exists(path)]


def _interpreter(path: str) -> list[str]:
    """The executable and each link on the way to it: all must be there for it to start."""
    chain = [path]
    while os.path.islink(path) and len(chain) < 40:
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
        chain.append(path)
    return chain
