//! ClickHouse: migrations, row types, batched inserts, named queries.
