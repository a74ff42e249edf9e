"""Where a password comes from: a file, or a person at a terminal."""

from __future__ import annotations

import sys
from pathlib import Path

from mlm.core.errors import WalletError

MAX_PASSWORD = 4096  # bytes


def read_password(path: Path) -> str:
    """The first line of a password file, which may be a pipe; raises WalletError."""
    try:
        with path.open("rb") as file:
            line = file.readline(MAX_PASSWORD + 1)
        if not line or len(line) > MAX_PASSWORD:
            found = "a longer one" if line else "an empty file"
            raise WalletError(
                f"cannot read a password from {path}: expected a line of at most {MAX_PASSWORD} bytes, found {found}"
            )
        return line.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise WalletError(f"cannot read a password from {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WalletError(f"cannot read a password from {path}: expected UTF-8, found {error.reason}") from error


def ask_password(name: str) -> str:
    """Ask at the terminal; raises WalletError without one."""
    import getpass

    if not sys.stdin.isatty():
        raise WalletError(
            f"the password of {name} is needed and nobody can be asked",
            hint="Give --password-file FILE, or set MLM_PASSWORD_FILE.",
        )
    return getpass.getpass(f"Password of {name}: ")
