"""Types of Postgres: their logical types, and how their values are written out so that Arrow reads them exactly."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_checks.model.logical_type import LogicalType

_TYPMOD_HEADER = 4
_PLAIN = {
    "int2": "int16",
    "int4": "int32",
    "int8": "int64",
    "oid": "int64",
    "float4": "float32",
    "float8": "float64",
    "bool": "bool",
    "text": "string",
    "varchar": "string",
    "bpchar": "string",
    "char": "string",
    "name": "string",
    "citext": "string",
    "bytea": "bytes",
    "date": "date",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
    "interval": "interval",
}
_TIMED = {"timestamp": "timestamp", "timestamptz": "timestamptz", "time": "time"}
_MAXIMAL_PRECISION = 76
_COMPARED_DIGITS = 38
_WRITTEN_EVERYWHERE_OTHERWISE = frozenset(
    f"_{name}"
    for name in ("numeric", "date", "time", "timetz", "timestamp", "timestamptz", "interval", "bytea", "json", "jsonb")
)
_COMPARED_AS_STORED = frozenset({"text", "varchar", "name"})


@dataclass(frozen=True)
class PostgresColumn:
    """One column as the catalog has it. ``type_name`` is that of ``pg_type``, of a domain that of its base."""

    number: int
    name: str
    type_name: str
    modifier: int
    nullable: bool
    category: str

    @property
    def type(self) -> LogicalType:
        """The logical type; what has none of its own is text."""
        if self.type_name == "numeric":
            return _numeric(self.modifier)
        if self.type_name in _TIMED:
            return LogicalType(_TIMED[self.type_name], 6 if self.modifier < 0 else self.modifier)
        if self.category == "A":
            return LogicalType("array")
        if self.category == "C":
            return LogicalType("struct")
        return LogicalType(_PLAIN.get(self.type_name, "string"))

    @property
    def is_plain_text(self) -> bool:
        """Whether the column is text that is compared as it is stored: no blank padding, no folding of case."""
        return self.type_name in _COMPARED_AS_STORED

    @property
    def refusal(self) -> str:
        """Why values of the column are not handed out; empty when they are."""
        if self.type_name in _WRITTEN_EVERYWHERE_OTHERWISE:
            return f"each system has another form for an array of {self.type_name.removeprefix('_')}"
        if self.type.name == "decimal" and (self.type.precision or 0) > _COMPARED_DIGITS:
            return f"{self.type} has more than {_COMPARED_DIGITS} digits"
        return ""

    def written(self, quoted: str) -> str:
        """Return the SQL expression that writes the column (``quoted`` is its quoted name) for a CSV reader."""
        if self.type_name == "timestamptz":
            return f"({quoted} AT TIME ZONE 'UTC')"
        if self.type_name == "bytea":
            return f"encode({quoted}, 'hex')"
        if self.category == "A":
            return f"array_to_json({quoted})::text"  # as topics and lakes write lists
        if self.type_name == "timetz":  # as connectors write it
            return f"({quoted} AT TIME ZONE 'UTC')::time || 'Z'"
        if self.type.name in ("string", "uuid", "json", "interval", "struct") and not self.is_plain_text:
            return quoted if self.type_name == "bpchar" else f"{quoted}::text"
        return quoted


def _numeric(modifier: int) -> LogicalType:
    """Return decimal with the precision and scale of a type modifier; without limits where Arrow has no such type."""
    if modifier < _TYPMOD_HEADER:
        return LogicalType("decimal")
    packed = modifier - _TYPMOD_HEADER
    precision, scale = (packed >> 16) & 0xFFFF, packed & 0x7FF
    if scale >= 0x400:  # eleven bits, signed
        scale -= 0x800
    if precision > _MAXIMAL_PRECISION or not 0 <= scale <= precision:
        return LogicalType("decimal")
    return LogicalType("decimal", precision, scale)
