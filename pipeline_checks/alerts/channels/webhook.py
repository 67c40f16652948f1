"""A webhook: the JSON of the message, signed where a secret is set."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline_checks.alerts.channels.channel import post
from pipeline_checks.clients.settings import resolve
from pipeline_checks.model.alerting import WebhookChannel

SIGNATURE: Final = "X-Pipeline-Checks-Signature"
IDEMPOTENCY: Final = "Idempotency-Key"


@dataclass(frozen=True)
class Webhook:
    """Posts each message; a message that is sent again carries the same idempotency key."""

    declared: WebhookChannel

    @property
    def name(self) -> str:
        """What the channel is called."""
        return self.declared.name

    def send(self, notice: Mapping[str, Any]) -> None:
        """Post the message."""
        body = json.dumps(notice, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        headers = {name: resolve(value) for name, value in self.declared.headers.items()}
        headers |= {"Content-Type": "application/json", IDEMPOTENCY: str(notice["notice_id"])}
        if self.declared.secret is not None:
            headers[SIGNATURE] = signature(body, resolve(self.declared.secret))
        post(resolve(self.declared.url), body, headers, f"the webhook {self.name!r}")


def signature(body: bytes, secret: str) -> str:
    """Return how a body is signed: ``sha256=`` and its HMAC in hexadecimal digits.

    >>> signature(b"{}", "s3cret")[:20]
    'sha256=adbde1ce40c89'
    """
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
