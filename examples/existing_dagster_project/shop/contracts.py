"""What the project promised of its customers before: a schema of pandera."""

import pandera.polars as pa
import polars as pl

Customers = pa.DataFrameSchema(
    {
        "customer_id": pa.Column(pl.Int64, pa.Check.ge(1), unique=True),
        "email": pa.Column(pl.String, pa.Check.str_matches(r"[^@ ]+@[^@ ]+")),
    }
)
