-- One user per role and what each may do on a server; `docker/clickhouse/users.xml` says the same in ClickHouse's XML.
-- The embedded engine parses it in tests; it was never run on a server, as the embedded engine has no users by SQL.
-- The hashes stand for those of passwords.

-- `cbsift migrate` and nothing else.
CREATE USER IF NOT EXISTS cbsift_admin ON CLUSTER `cbsift` IDENTIFIED WITH sha256_hash BY '0000000000000000000000000000000000000000000000000000000000000000';
GRANT ON CLUSTER `cbsift` CREATE DATABASE, CREATE TABLE, CREATE VIEW, ALTER TABLE, ALTER VIEW, DROP TABLE, DROP VIEW, SELECT, INSERT ON cbsift.* TO cbsift_admin;
GRANT ON CLUSTER `cbsift` CLUSTER ON *.* TO cbsift_admin;
GRANT ON CLUSTER `cbsift` TABLE ENGINE ON * TO cbsift_admin;
GRANT ON CLUSTER `cbsift` SELECT ON system.* TO cbsift_admin;

-- `cbsift ingest`, `cbsift pipeline` and `cbsift alert`: rows in, and retention.
CREATE USER IF NOT EXISTS cbsift_writer ON CLUSTER `cbsift` IDENTIFIED WITH sha256_hash BY '0000000000000000000000000000000000000000000000000000000000000000';
GRANT ON CLUSTER `cbsift` SELECT, INSERT, ALTER DELETE ON cbsift.* TO cbsift_writer;
GRANT ON CLUSTER `cbsift` SELECT ON system.parts TO cbsift_writer;
GRANT ON CLUSTER `cbsift` SELECT ON system.settings TO cbsift_writer;
GRANT ON CLUSTER `cbsift` SELECT ON system.clusters TO cbsift_writer;
GRANT ON CLUSTER `cbsift` SELECT ON system.detached_parts TO cbsift_writer;
GRANT ON CLUSTER `cbsift` SELECT ON system.mutations TO cbsift_writer;
GRANT ON CLUSTER `cbsift` SELECT ON system.columns TO cbsift_writer;
GRANT ON CLUSTER `cbsift` SELECT ON system.tables TO cbsift_writer;
GRANT ON CLUSTER `cbsift` SELECT ON system.disks TO cbsift_writer;

-- `cbsift web`: it reads, and notes in the audit what text of logs and files it gives out. Sums over a fleet must not take the server from its writers.
CREATE SETTINGS PROFILE IF NOT EXISTS cbsift_web ON CLUSTER `cbsift` SETTINGS max_execution_time = 60, max_memory_usage = 4000000000, max_result_rows = 1000000;
CREATE USER IF NOT EXISTS cbsift_web ON CLUSTER `cbsift` IDENTIFIED WITH sha256_hash BY '0000000000000000000000000000000000000000000000000000000000000000' SETTINGS PROFILE 'cbsift_web';
GRANT ON CLUSTER `cbsift` SELECT ON cbsift.* TO cbsift_web;
GRANT ON CLUSTER `cbsift` INSERT ON cbsift.audit TO cbsift_web;
GRANT ON CLUSTER `cbsift` SELECT ON system.parts TO cbsift_web;
GRANT ON CLUSTER `cbsift` SELECT ON system.settings TO cbsift_web;
GRANT ON CLUSTER `cbsift` SELECT ON system.clusters TO cbsift_web;

-- Grafana, and whoever else only reads.
CREATE SETTINGS PROFILE IF NOT EXISTS cbsift_reader ON CLUSTER `cbsift` SETTINGS readonly = 2, max_execution_time = 60, max_memory_usage = 4000000000, max_result_rows = 1000000;
CREATE USER IF NOT EXISTS cbsift_reader ON CLUSTER `cbsift` IDENTIFIED WITH sha256_hash BY '0000000000000000000000000000000000000000000000000000000000000000' SETTINGS PROFILE 'cbsift_reader';
GRANT ON CLUSTER `cbsift` SELECT ON cbsift.* TO cbsift_reader;
GRANT ON CLUSTER `cbsift` SELECT ON system.parts TO cbsift_reader;
GRANT ON CLUSTER `cbsift` SELECT ON system.settings TO cbsift_reader;
GRANT ON CLUSTER `cbsift` SELECT ON system.clusters TO cbsift_reader;
