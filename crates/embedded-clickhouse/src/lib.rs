//! libchdb behind ClickHouse's own HTTP interface on loopback.
