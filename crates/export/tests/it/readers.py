"""Reads the exports of a folder with DuckDB and with polars, and holds them against their columns and against NDJSON."""

import datetime
import json
import pathlib
import sys

import duckdb
import polars

folder = pathlib.Path(sys.argv[1])

TYPES = {
    "text": ("VARCHAR", polars.String),
    "number": ("BIGINT", polars.Int64),
    "flag": ("BOOLEAN", polars.Boolean),
    "day": ("DATE", polars.Date),
    "time as logged": ("TIMESTAMP", polars.Datetime("ms")),
    "time in UTC": ("TIMESTAMP WITH TIME ZONE", polars.Datetime("ms", "UTC")),
    "texts": ("VARCHAR[]", polars.List(polars.String)),
}


def spelt(value, kind):
    """A value as NDJSON has it."""
    if value is None:
        return None
    if kind == "day":
        return value.isoformat()
    if kind == "time as logged":
        return value.isoformat(timespec="seconds")
    if kind == "time in UTC":
        utc = value.astimezone(datetime.timezone.utc)
        return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03}Z"
    return value


for export in json.loads((folder / "columns.json").read_text()):
    kind, columns = export["kind"], export["columns"]
    names = [name for name, _, _ in columns]
    expected = [json.loads(line) for line in (folder / f"{kind}.ndjson").read_bytes().decode().split("\n") if line]
    assert expected, f"{kind}: nothing to compare"
    for row in expected:
        assert list(row) == names, (kind, list(row))
        for name, _, is_nullable in columns:
            assert is_nullable or row[name] is not None, (kind, name)

    for path in (folder / f"{kind}.parquet", folder / f"{kind}.empty.parquet"):
        relation = duckdb.read_parquet(str(path))
        assert relation.columns == names, (kind, relation.columns)
        for (name, of, _), found in zip(columns, relation.types):
            assert str(found) == TYPES[of][0], (kind, name, str(found))
        frame = polars.read_parquet(path)
        for name, of, _ in columns:
            assert frame.schema[name] == TYPES[of][1], (kind, name, frame.schema[name])
        rows = expected if "empty" not in path.name else []
        by_duckdb = [dict(zip(names, row)) for row in relation.fetchall()]
        for reader, found in (("duckdb", by_duckdb), ("polars", frame.to_dicts())):
            spelled = [{name: spelt(row[name], of) for name, of, _ in columns} for row in found]
            assert spelled == rows, (reader, kind, spelled, rows)
        # What may be null and what may not is said in the file too.
        schema = duckdb.sql(f"SELECT name, repetition_type FROM parquet_schema('{path}')").fetchall()
        said = {name: repetition for name, repetition in schema}
        for name, of, is_nullable in columns:
            assert said[name] == ("OPTIONAL" if is_nullable else "REQUIRED"), (kind, name, said[name])
        metadata = duckdb.sql(f"SELECT decode(value) FROM parquet_kv_metadata('{path}') WHERE decode(key) = 'cbsift.schema'")
        assert metadata.fetchall() == [(export["schema"],)], (kind, metadata.fetchall())

# What a batch job asks.
outcomes = duckdb.sql(f"SELECT outcome, count(*) FROM '{folder}/attempts.parquet' GROUP BY ALL ORDER BY ALL").fetchall()
assert outcomes == [("failed", 1), ("succeeded", 1)], outcomes
joined = duckdb.sql(
    f"SELECT f.rule FROM '{folder}/attempts.parquet' a JOIN '{folder}/findings.parquet' f ON a.set = f.set AND a.finding = f.ordinal"
).fetchall()
assert joined == [("made_up_rule",)], joined
