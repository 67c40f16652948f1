"""Who calls: a token stands for a user of a tenant."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from pipeline_checks.pipelines.ingestion.flow.serving.errors import ApiError
from pipeline_checks.pipelines.ingestion.flow.settings import Identity

_bearer = HTTPBearer(auto_error=False, description="A token of the service.")
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def identified(tokens: Mapping[str, Identity]) -> Callable[[Given], Identity]:
    """Return the dependency that tells who calls; it refuses with 401 a token that is missing or not known."""
    # By their digests: how long looking a token up takes then tells nothing about it.
    known = {_digest(token): identity for token, identity in tokens.items()}

    def caller(given: Given) -> Identity:
        identity = known.get(_digest(given.credentials)) if given is not None else None
        if identity is None:
            raise ApiError(
                401, "UNAUTHORIZED", "the token is missing or not known", help="Send Authorization: Bearer <token>."
            )
        return identity

    return caller


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
