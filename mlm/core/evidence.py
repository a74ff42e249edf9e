"""Evidence of a paid call, format `mlm/call/1`: terms, voucher, tensors and the signed result, as one DAG-CBOR block.

It is what a dispute needs: whoever holds it can show what was paid for, what the payee signed, and recompute it. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core import dagcbor
from mlm.core.channel import SignedVoucher, decode_header, encode_header
from mlm.core.errors import InvalidData
from mlm.core.served import ServedResult, Terms

FORMAT = "mlm/call/1"
SUFFIX = ".call"
MAX_BYTES = 1 << 30
_FIELDS = ("format", "terms", "voucher", "result", "inputs", "outputs")


@dataclass(frozen=True)
class Evidence:
    """`inputs` and `outputs` are blocks `mlm/tensors/1`."""

    terms: Terms
    voucher: SignedVoucher
    result: ServedResult
    inputs: bytes = field(repr=False)
    outputs: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        """The file's content."""
        return dagcbor.encode(
            {
                "format": FORMAT,
                "terms": self.terms.to_json(),
                "voucher": encode_header(self.voucher),
                "result": self.result.to_json(),
                "inputs": self.inputs,
                "outputs": self.outputs,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Evidence:
        """A file of anybody; raises InvalidData unless it is exactly what `to_bytes` writes."""
        document = dagcbor.decode(data)
        if not isinstance(document, dict) or document.get("format") != FORMAT or set(document) != set(_FIELDS):
            raise InvalidData(f"expected a block of {FORMAT} with the fields {', '.join(_FIELDS)}")
        voucher, inputs, outputs = document["voucher"], document["inputs"], document["outputs"]
        if not isinstance(inputs, bytes) or not isinstance(outputs, bytes) or not isinstance(voucher, str):
            raise InvalidData(f"expected bytes for the tensors, and text for the voucher, in a block of {FORMAT}")
        terms, result = Terms.from_json(document["terms"]), ServedResult.from_json(document["result"])
        found = cls(terms, decode_header(voucher), result, inputs, outputs)
        if found.to_bytes() != data:
            raise InvalidData(f"a block of {FORMAT} that is written otherwise than mlm writes it")
        return found
