-- Who may speak, for all intakes and pages alike. Of secrets there are only hashes.
CREATE TABLE IF NOT EXISTS tokens {{on_cluster}}
(
    tenant        LowCardinality(String),
    id            String COMMENT 'the part of the token before its last dot; of an endpoint its id',
    secret_sha256 String COMMENT 'hex, of the part after it',
    kind          LowCardinality(String) COMMENT 'endpoint | fleet | relay | reader | admin',
    state         LowCardinality(String) COMMENT 'waiting | active | revoked',
    created       DateTime64(3, 'UTC'),
    expires       DateTime64(3, 'UTC') COMMENT '1970: never',
    revoked       DateTime64(3, 'UTC') COMMENT '1970: not',
    made_by       String COMMENT 'fleet:NAME, or the user of the command',
    via           LowCardinality(String) COMMENT 'enrolment | command',
    revoked_by    String COMMENT 'enrolment, or the user of the command',
    reason        LowCardinality(String) COMMENT 'why it waits: known | other_host | at_once | revoked',
    note          String,
    version       UInt8 COMMENT 'the state: it only goes forward, so no clock decides which row is the last'
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
ORDER BY (tenant, id, secret_sha256)
SETTINGS {{table_settings}};

-- What machines said of themselves when they enrolled: one row a host name that showed the secret.
CREATE TABLE IF NOT EXISTS enrolments {{on_cluster}}
(
    tenant        LowCardinality(String),
    id            String,
    secret_sha256 String,
    host          String,
    machine_guid  String COMMENT 'as it was sent',
    made_by       String COMMENT 'fleet:NAME',
    at            DateTime64(3, 'UTC')
)
ENGINE = {{engine:ReplacingMergeTree}}
ORDER BY (tenant, id, secret_sha256, host)
SETTINGS {{table_settings}};

-- Enrolments under way: the store has no locks, and two intakes may be asked for one endpoint at once. Nobody needs them when they are
-- some minutes old, but a row or two a machine cost nothing, and a TTL would believe the clock of whoever merges: a claim that is gone too
-- early is a second token.
CREATE TABLE IF NOT EXISTS enrolment_claims {{on_cluster}}
(
    tenant        LowCardinality(String),
    id            String,
    secret_sha256 String,
    claimant      UInt64 COMMENT 'one try of one intake',
    created       DateTime64(3, 'UTC'),
    replaces      Array(String) COMMENT 'hashes of secrets that go when this one becomes good',
    closed        UInt8 COMMENT '1: it has become a token, or has given way'
)
ENGINE = {{engine:ReplacingMergeTree}}(closed)
ORDER BY (tenant, id, secret_sha256, claimant)
SETTINGS {{table_settings}};
