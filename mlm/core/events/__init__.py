"""Our contracts' events: their declarations, strict decoding, the facts derived from each, and the queries over them.

Pure: it takes the words of a log and gives plain values. Fetching logs and storing facts live in the adapters.
"""

from mlm.core.events.decode import decode, emitters
from mlm.core.events.facts import COLUMNS, facts

__all__ = ["COLUMNS", "decode", "emitters", "facts"]
