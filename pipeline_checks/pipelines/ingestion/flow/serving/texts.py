"""Texts of requests: what Postgres, S3 and SQL can take."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

LONGEST: Final = 2_000


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not hold the character NUL")
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST), AfterValidator(_storable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"\S"), AfterValidator(_storable)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,127}$")]
"""Of a catalogue, a database or a table; it is quoted in SQL."""
SourcePath = Annotated[
    str,
    StringConstraints(pattern=r"^s3a?://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$", max_length=1_100),
    AfterValidator(_storable),
]
"""``s3://bucket/prefix``: a bucket's name is 3 to 63 characters of lower case."""
OneCharacter = Annotated[str, StringConstraints(min_length=1, max_length=1), AfterValidator(_storable)]
