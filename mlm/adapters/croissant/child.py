"""`python -m mlm.adapters.croissant.child`: validates the document of the working folder, under limits set before."""

from __future__ import annotations

import json
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Request
from mlm.core.errors import InvalidData

CONTENT = "content"  # the file beside task.json
FILE_BYTES = 1 << 20  # the answer is all that is written


def answer(step: str, request: Request) -> Answer:
    """Nothing where there is no error; raises InvalidData with the first."""
    import mlcroissant

    try:
        mlcroissant.Dataset(jsonld=json.loads(Path(CONTENT).read_bytes()))
    except (mlcroissant.ValidationError, ValueError) as error:
        lines = [line.strip(" -") for line in str(error).splitlines()]
        first = next((line for line in lines if line and not line.startswith("Found the following")), str(error))
        raise InvalidData(f"mlcroissant refuses the Croissant document: {first[:300]}") from error
    return {}


if __name__ == "__main__":
    confine.serve(answer, modules=lambda step: ("mlcroissant",))
