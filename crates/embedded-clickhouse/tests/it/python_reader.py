"""What a stranger with clickhouse-connect reads. Arguments: port, token."""

import sys

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

port, token = int(sys.argv[1]), sys.argv[2]

for compress in (True, False):
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=port, username="cbsift", password=token, compress=compress
    )
    assert client.server_version.startswith("26.7"), client.server_version
    assert client.command("SELECT count() FROM readable") == 1000
    result = client.query(
        "SELECT n, name FROM readable WHERE n < {limit:UInt32} AND name != {not:String} ORDER BY n",
        parameters={"limit": 3, "not": "made-up 1"},
        settings={"max_threads": 1},
    )
    assert result.result_rows == [(0, "made-up 0"), (2, "made-up 2")], result.result_rows
    assert client.query("DESCRIBE TABLE readable_view").result_rows[0][:2] == ("n", "UInt64")
    assert ("readable",) in client.query("SHOW TABLES").result_rows
    with client.query_row_block_stream("SELECT number FROM numbers(500000)") as stream:
        assert sum(len(block) for block in stream) == 500_000
    for statement in (
        "CREATE TEMPORARY TABLE seen (id UInt32)",
        "DROP TABLE readable",
        "INSERT INTO readable (n) VALUES (1)",
        "SELECT file('/etc/hostname')",
        "SELECT * FROM unreadable",
    ):
        try:
            client.command(statement)
            raise AssertionError(f"ran: {statement}")
        except DatabaseError as error:
            assert "READONLY" in str(error) or "ACCESS_DENIED" in str(error), error
    try:
        client.query("SELECT 1", settings={"format_template_row": "/etc/hostname"})
        raise AssertionError("took a setting")
    except DatabaseError as error:
        assert "format_template_row" in str(error), error
    client.close()
print("all fine")
