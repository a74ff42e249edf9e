"""Where the data shipped with mlm lies: the devnet, the templates, the circuits. Nothing here reads what is in them."""

from pathlib import Path

from mlm.core.errors import NotFound

NAMES = ("devnet", "templates", "circuits")


def path(name: str) -> Path:
    """The folder of shipped data called `name`, one of NAMES.

    A wheel holds it as mlm/_data/NAME; a checkout (an editable install) has it beside the package.
    Raises ValueError for a name not in NAMES, NotFound when neither place has it.
    """
    if name not in NAMES:
        raise ValueError(f"expected one of {', '.join(NAMES)}, found {name!r}")
    package = Path(__file__).resolve().parent
    shipped, checkout = package / "_data" / name, package.parent / name
    for place in (shipped, checkout):
        if place.is_dir():
            return place
    raise NotFound(
        f"mlm's own data folder {name!r} is missing: expected it at {shipped} (a wheel) or {checkout} (a checkout)",
        hint="Install mlm again: `pip install --force-reinstall mlm`, or `pip install -e .` in a checkout.",
    )
