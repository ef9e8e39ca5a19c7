// What a stranger with @clickhouse/client reads. Arguments: port, token.
"use strict";
const assert = require("node:assert");
const { createClient } = require("@clickhouse/client");

const [port, password] = process.argv.slice(2);

async function main() {
  for (const response of [false, true]) {
    const client = createClient({
      url: `http://127.0.0.1:${port}`,
      username: "cbsift",
      password,
      database: "cbsift",
      compression: { response },
    });
    assert.equal((await client.ping()).success, true);
    assert.equal((await client.ping({ select: true })).success, true);
    const rows = await client.query({
      query: "SELECT n, name FROM readable WHERE n < {limit: UInt32} AND name != {not: String} ORDER BY n",
      format: "JSONEachRow",
      query_params: { limit: 3, not: "made-up 1" },
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    });
    assert.deepEqual(await rows.json(), [
      { n: 0, name: "made-up 0" },
      { n: 2, name: "made-up 2" },
    ]);
    const form = await client.query({
      query: "SELECT sum(n) AS total FROM readable_view WHERE n IN {list: Array(UInt64)}",
      format: "JSON",
      query_params: { list: [1, 2, 3] },
      use_multipart_params: true,
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
    });
    assert.deepEqual((await form.json()).data, [{ total: "6" }]);
    const stream = await client.query({ query: "SELECT number FROM numbers(100000)", format: "CSV" });
    let count = 0;
    for await (const chunk of stream.stream()) {
      count += chunk.length;
    }
    assert.equal(count, 100000);
    await assert.rejects(client.command({ query: "DROP TABLE readable" }), { code: "164" });
    await assert.rejects(
      client.insert({ table: "readable", values: [{ n: 1 }], format: "JSONEachRow" }),
      { code: "164" },
    );
    await assert.rejects(client.query({ query: "SELECT file('/etc/hostname')" }), { code: "497" });
    await client.close();
  }
  console.log("all fine");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
