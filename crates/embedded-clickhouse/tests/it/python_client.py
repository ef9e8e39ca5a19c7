"""What a stranger with clickhouse-connect does. Arguments: port, token."""

import datetime
import sys
import urllib.error
import urllib.request

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

port, token = int(sys.argv[1]), sys.argv[2]

for compress in (True, False):
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=port, username="cbsift", password=token, compress=compress
    )
    assert client.server_version.startswith("26.7"), client.server_version
    client.command("DROP TABLE IF EXISTS python_client")
    client.command(
        "CREATE TABLE python_client (id UInt32, at DateTime64(3, 'UTC'), name LowCardinality(String),"
        " maybe Nullable(Int32), list Array(String)) ENGINE = MergeTree ORDER BY id"
    )
    at = datetime.datetime(2020, 2, 3, 4, 5, 6, 789000, tzinfo=datetime.timezone.utc)
    rows = [
        [number, at, f"made-up {number % 3}", None if number % 2 else number, ["a'b", "c\nd"]]
        for number in range(20_000)
    ]
    names = ["id", "at", "name", "maybe", "list"]
    summary = client.insert("python_client", rows, column_names=names)
    assert summary.written_rows == 20_000, summary.summary
    tables = [row[0] for row in client.query("SHOW TABLES").result_rows]
    assert "python_client" in tables, tables
    assert client.command("SELECT count() FROM python_client") == 20_000
    result = client.query(
        "SELECT id, at, name, maybe, list FROM python_client WHERE name = {name:String}"
        " AND id < {limit:UInt32} ORDER BY id",
        parameters={"name": "made-up 1", "limit": 10},
    )
    expected = [
        (row[0], at, row[2], row[3], row[4]) for row in rows[:10] if row[2] == "made-up 1"
    ]
    got = [
        (row[0], row[1].replace(tzinfo=datetime.timezone.utc), *row[2:])
        for row in result.result_rows
    ]
    assert got == expected, (got, expected)
    # A session: temporary tables live from request to request.
    client.command("CREATE TEMPORARY TABLE seen (id UInt32)")
    client.insert("seen", [[1], [2]], column_names=["id"])
    assert client.command("SELECT sum(id) FROM seen") == 3
    with client.query_row_block_stream("SELECT number FROM numbers(500000)") as stream:
        assert sum(len(block) for block in stream) == 500_000
    try:
        client.query("SELECT 1 FROM no_such_table")
        raise AssertionError("no_such_table answered")
    except DatabaseError as error:
        assert "UNKNOWN_TABLE" in str(error) or "code 60" in str(error).lower(), error
    client.close()

for password in ("", "wrong"):
    try:
        clickhouse_connect.get_client(
            host="127.0.0.1", port=port, username="cbsift", password=password
        )
        raise AssertionError("got in without the token")
    except DatabaseError as error:
        assert "401" in str(error) or "516" in str(error), error
try:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/?query=SELECT+1")
    raise AssertionError("got in without a credential")
except urllib.error.HTTPError as error:
    assert error.code == 401, error
print("all fine")
