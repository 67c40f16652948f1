"""Places that customers live in: each city with its own state, postal code, country, region and market."""

from __future__ import annotations

from typing import Final, NamedTuple


class Place(NamedTuple):
    """A place; ``state`` and ``postal_code`` are None outside of the United States and Canada."""

    city: str
    state: str | None
    country: str
    postal_code: str | None
    market: str
    region: str


_US: Final = "United States"
PLACES: Final = (
    Place("New York City", "New York", _US, "10024", "US", "East"),
    Place("Philadelphia", "Pennsylvania", _US, "19140", "US", "East"),
    Place("Lakewood", "New Jersey", _US, "08701", "US", "East"),
    Place("Los Angeles", "California", _US, "90049", "US", "West"),
    Place("Seattle", "Washington", _US, "98105", "US", "West"),
    Place("Chicago", "Illinois", _US, "60610", "US", "Central"),
    Place("Houston", "Texas", _US, "77041", "US", "Central"),
    Place("Jacksonville", "Florida", _US, "32216", "US", "South"),
    Place("Atlanta", "Georgia", _US, "30318", "US", "South"),
    Place("Toronto", "Ontario", "Canada", "M5H 2N2", "Canada", "Canada"),
    Place("Vancouver", "British Columbia", "Canada", "V6B 1A1", "Canada", "Canada"),
    Place("London", None, "United Kingdom", None, "EU", "North"),
    Place("Stockholm", None, "Sweden", None, "EU", "North"),
    Place("Madrid", None, "Spain", None, "EU", "South"),
    Place("Rome", None, "Italy", None, "EU", "South"),
    Place("Singapore", None, "Singapore", None, "APAC", "Southeast Asia"),
    Place("Jakarta", None, "Indonesia", None, "APAC", "Southeast Asia"),
    Place("Tokyo", None, "Japan", None, "APAC", "East Asia"),
    Place("Seoul", None, "South Korea", None, "APAC", "East Asia"),
    Place("São Paulo", None, "Brazil", None, "LATAM", "South"),
    Place("Lima", None, "Peru", None, "LATAM", "South"),
    Place("Lagos", None, "Nigeria", None, "Africa", "Africa"),
    Place("Nairobi", None, "Kenya", None, "Africa", "Africa"),
)
