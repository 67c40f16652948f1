"""What a load would see of a source: its columns, some rows, how much there is."""

from __future__ import annotations

from dataclasses import replace

from pipeline_checks.pipelines.ingestion.flow.engine.copies import Copies
from pipeline_checks.pipelines.ingestion.flow.engine.errors import EngineError
from pipeline_checks.pipelines.ingestion.flow.engine.evolution import judge
from pipeline_checks.pipelines.ingestion.flow.engine.examining import Examiner
from pipeline_checks.pipelines.ingestion.flow.engine.listing import list_files
from pipeline_checks.pipelines.ingestion.flow.engine.model import FileVersion, Format, Preview, Source
from pipeline_checks.pipelines.ingestion.flow.engine.reading import is_lines, rows_of_file, rows_of_lines
from pipeline_checks.pipelines.ingestion.flow.engine.sessions import Sessions, SparkRefusal
from pipeline_checks.pipelines.ingestion.flow.engine.sessions import rows as rows_of
from pipeline_checks.pipelines.ingestion.flow.engine.type_names import columns_of, schema_of


def previewed(sessions: Sessions, source: Source, format: Format, copies: Copies, *, files: int, rows: int) -> Preview:
    """Look into the first ``files`` files and ``rows`` rows.

    Raises EngineError: what stops a run, or what the first of these files would be refused for.
    """
    listed = list_files(source)
    # Lines that cannot be read are no reason to show none of the others.
    lenient = replace(format, bad_records="quarantine") if is_lines(format) else format
    looked_at = listed[:files]
    found = Examiner(sessions, source.store, lenient, copies).examine(looked_at)
    judgement = judge(
        schema_of(format.columns) if format.columns is not None else None,
        [(file, found.schemas[file.path]) for file in looked_at if file.path in found.schemas],
        evolution_enabled=format.evolution_enabled,
        by_name=format.type == "json",
    )
    refused = {**found.refused, **judgement.refused}
    if refused:
        raise next(refused[file.path] for file in looked_at if file.path in refused)
    schema = judgement.schema
    sample: list[str] = []
    records = 0
    try:
        for file in (f for f in looked_at if f.size and schema.fields):
            facts = found.facts[file.path]
            with copies.readable([file], format) as places, sessions.asking(f"reading {file.path}") as session:
                (place,) = places
                own = schema_of(facts.columns)
                if is_lines(format):
                    frame = rows_of_lines(session, place, schema)
                else:
                    frame = rows_of_file(session, format, place, own, schema)
                records += frame.count() if facts.records is None else facts.records
                if len(sample) < rows:
                    text = frame.limit(rows - len(sample)).selectExpr("to_json(struct(*)) AS row")
                    sample += [row["row"] for row in rows_of(text)]
    except SparkRefusal as refusal:
        raise EngineError("FILE_UNREADABLE", str(refusal), next_step="See what the first files hold.") from None
    return Preview(
        columns=columns_of(schema),
        sample=tuple(sample),
        file_count=len(listed),
        total_bytes=_size(listed),
        estimated_records=round(records * _size(listed) / _size(looked_at)) if _size(looked_at) else 0,
    )


def _size(files: list[FileVersion]) -> int:
    return sum(file.size for file in files)
