"""Where a replay goes on: the snapshot, the question, the last trade, and how many came before."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

import orjson

from pipeline_checks.pipelines.market_data.flow.serving.errors import ApiError
from pipeline_checks.pipelines.market_data.flow.serving.trades import Key

_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Cursor:
    """A place in a replay. ``question`` names what is replayed, so that a cursor fits no other question."""

    snapshot_id: int
    question: str
    after: Key
    batch: int
    done: int
    total: int

    def text(self) -> str:
        """Return the cursor as it is handed out."""
        document = [self.snapshot_id, self.question, *self.after, self.batch, self.done, self.total]
        return base64.urlsafe_b64encode(orjson.dumps(document)).decode().rstrip("=")

    @staticmethod
    def of(text: str, question: str) -> Cursor:
        """Return the cursor of a text; raises ApiError when it is none, or belongs to another question."""
        refused = ApiError(400, "INVALID_CURSOR", "the cursor is not valid for this question")
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            snapshot_id, asked, at, number, symbol, batch, done, total = orjson.loads(raw)
        except (binascii.Error, ValueError, TypeError):
            raise refused from None
        numbers = (snapshot_id, at, number, batch, done, total)
        if not all(type(n) is int and 0 <= n <= _LARGEST for n in numbers) or not isinstance(symbol, str):
            raise refused
        if asked != question or done > total:
            raise refused
        return Cursor(snapshot_id, question, (at, number, symbol), batch, done, total)


def question_of(*parts: object) -> str:
    """Return a short name for a question."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
