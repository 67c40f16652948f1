"""Credentials of sources, encrypted before they are stored."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from pipeline_checks.model.errors import ConfigurationError


class Vault:
    """Encrypts with the first key and reads with any of them, so that keys can be changed.

    Raises ConfigurationError when a key is none of Fernet's, or when there is none.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ConfigurationError(
                "there is no key by which credentials could be kept.",
                next_step="Set INGESTION_ENCRYPTION_KEYS to a key of 32 bytes in URL-safe base64.",
            )
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise ConfigurationError(
                "a key in INGESTION_ENCRYPTION_KEYS is not 32 bytes in URL-safe base64.",
                next_step="Make one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key())'.",
            ) from None

    def close(self, credentials: dict[str, str] | None) -> str | None:
        """Return the encrypted form of credentials, None for none."""
        if not credentials:
            return None
        return self._fernet.encrypt(json.dumps(credentials).encode()).decode()

    def open(self, encrypted: str | None) -> dict[str, str]:
        """Return credentials, empty for none.

        Raises ConfigurationError when they were encrypted by a key that is not known any more.
        """
        if encrypted is None:
            return {}
        try:
            found: dict[str, str] = json.loads(self._fernet.decrypt(encrypted.encode()))
        except InvalidToken:
            raise ConfigurationError(
                "the credentials of the source were encrypted by a key that is not set any more.",
                next_step="Add the old key to INGESTION_ENCRYPTION_KEYS, or make the ingestion anew.",
            ) from None
        return found
