"""What dbt made of the project, kept beside it; ``python -m`` of this module writes it anew.

Who shows the models need not parse the project for that, nor reach a warehouse. Only what tells models, tests and
sources apart is kept: neither paths of a machine nor the macros of dbt itself.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipeline_checks.pipelines.sales.flow.transforming.commands import PROJECT, Dbt

FILE: Final = PROJECT / "manifest.json"
_METADATA: Final = ("dbt_schema_version", "dbt_version", "project_name", "adapter_type")
_NODE: Final = (
    *("unique_id", "resource_type", "name", "alias", "schema", "database", "package_name", "path", "fqn", "tags"),
    *("original_file_path", "description", "columns", "meta", "depends_on", "raw_code", "language", "group", "access"),
    *("attached_node", "column_name", "file_key_name", "test_metadata", "refs", "sources", "checksum", "config"),
    *("source_name", "source_description", "identifier", "loader", "relation_name", "docs", "contract", "version"),
)
_CONFIG: Final = ("materialized", "schema", "severity", "enabled", "meta", "tags", "where", "group")
_EMPTY: Final = ("macros", "docs", "exposures", "metrics", "groups", "selectors", "disabled", "saved_queries")


def lean(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a manifest what is kept."""
    metadata = {name: manifest["metadata"].get(name) for name in _METADATA}
    return {
        "metadata": metadata,
        "nodes": {key: _node(node) for key, node in sorted(manifest["nodes"].items())},
        "sources": {key: _node(node) for key, node in sorted(manifest["sources"].items())},
        **{name: {} for name in (*_EMPTY, "semantic_models", "unit_tests")},
        "parent_map": {key: sorted(manifest["parent_map"][key]) for key in sorted(manifest["parent_map"])},
        "child_map": {key: sorted(manifest["child_map"][key]) for key in sorted(manifest["child_map"])},
    }


def parsed(folder: Path) -> dict[str, Any]:
    """Parse the project, whose warehouse is not asked, and return what is kept of it."""
    Dbt("postgresql://localhost/sales", folder).parse()
    return lean(json.loads((folder / "target" / "manifest.json").read_bytes()))


def main() -> int:
    """Write the file anew."""
    with tempfile.TemporaryDirectory() as folder:
        FILE.write_text(json.dumps(parsed(Path(folder)), indent=1, sort_keys=True) + "\n")
    return 0


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: node[name] for name in _NODE if name in node}
    config = {name: node["config"][name] for name in _CONFIG if name in node["config"]}
    # The database is whichever the profile names.
    return {**kept, "config": config, "database": "sales", "relation_name": None}


if __name__ == "__main__":
    sys.exit(main())
