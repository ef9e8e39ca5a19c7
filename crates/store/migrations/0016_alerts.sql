-- Alerts: rules as published, what each group of each rule is in, what was sent of it, and who evaluates.

-- A set is known by the digest over its texts and the language they are written in, so a published row never changes.
CREATE TABLE IF NOT EXISTS alert_rules {{on_cluster}}
(
    sequence UInt32 COMMENT 'the greatest one counts',
    digest   String,
    language UInt32 COMMENT 'of rules that the publishing build speaks; an older build cannot evaluate it',
    origin   LowCardinality(String) COMMENT 'shipped | site',
    names    Array(String) COMMENT 'of its files, in the order of loading',
    texts    Array(String) COMMENT 'of its files, as names has them' CODEC(ZSTD(1))
)
ENGINE = {{engine:ReplacingMergeTree}}
ORDER BY (sequence, digest)
SETTINGS {{table_settings}};

-- One row for each time that a group of a rule has fired, or is about to: what is now, and what was. All changes of one evaluation are one
-- INSERT, and each row names the messages that tell of it: who is killed behind it leaves nothing unsaid, and a repeat says nothing twice.
CREATE TABLE IF NOT EXISTS alert_states {{on_cluster}}
(
    tenant        LowCardinality(String),
    rule          LowCardinality(String),
    labels        Array(Tuple(String, String)) COMMENT 'of the group, in the order of the rule; empty where it has no groups',
    episode       UInt32 COMMENT 'from 1 on; a new one begins when it is met again after it had fired and was resolved',
    severity      LowCardinality(String),
    phase         LowCardinality(String) COMMENT 'pending | firing | resolved | dropped: it was not met for long enough to fire',
    since         DateTime64(3, 'UTC') COMMENT 'met since then',
    fired         Nullable(DateTime64(3, 'UTC')),
    quiet         Nullable(DateTime64(3, 'UTC')) COMMENT 'fires, and is not met since then',
    ended         Nullable(DateTime64(3, 'UTC')),
    value         Float64,
    peak          Float64,
    `of`          Nullable(Float64) COMMENT 'PCs that tried, where it is known',
    threshold     Float64,
    evidence      Nullable(Int64) COMMENT 'the latest failure that counted, or the end, in seconds as logged: nothing older begins a new episode',
    pcs           Array(String) COMMENT 'the first ten',
    title_en      String,
    title_zh      String,
    body_en       String CODEC(ZSTD(1)),
    body_zh       String CODEC(ZSTD(1)),
    page          String,
    fired_message String COMMENT 'the message that says that it fires',
    ended_message String,
    changes       UInt32 COMMENT 'of this row: the version, never a clock'
)
ENGINE = {{engine:ReplacingMergeTree}}(changes)
ORDER BY (tenant, rule, labels, episode)
SETTINGS {{table_settings}};

-- What is to be sent to whom (before it is) and what became of it (after).
CREATE TABLE IF NOT EXISTS alert_deliveries {{on_cluster}}
(
    tenant     LowCardinality(String),
    receiver   LowCardinality(String),
    message    String COMMENT 'its id',
    repetition UInt32 COMMENT '0: the first time',
    rule       LowCardinality(String),
    body       String COMMENT 'the message as JSON' CODEC(ZSTD(1)),
    state      LowCardinality(String) COMMENT 'intended | delivered | refused | given_up',
    attempts   UInt32,
    intended   DateTime64(3, 'UTC'),
    tried      DateTime64(3, 'UTC') COMMENT 'last',
    error      String,
    version    UInt64 COMMENT 'attempts, then state'
)
ENGINE = {{engine:ReplacingMergeTree}}(version)
ORDER BY (tenant, receiver, message, repetition)
SETTINGS {{table_settings}};

-- What each rule last saw; of one evaluation all rows have the same time. For people: nothing is decided by it.
CREATE TABLE IF NOT EXISTS alert_evaluations {{on_cluster}}
(
    tenant    LowCardinality(String),
    rule      LowCardinality(String),
    severity  LowCardinality(String),
    state     LowCardinality(String) COMMENT 'inactive | pending | firing | error',
    groups    UInt32 COMMENT 'pending or firing',
    value     Nullable(Float64) COMMENT 'the greatest of its groups',
    threshold Nullable(Float64) COMMENT 'of that group',
    error     String,
    at        DateTime64(3, 'UTC'),
    title_en  String,
    title_zh  String,
    about_en  String,
    about_zh  String,
    receivers UInt16 COMMENT 'to whom its messages go'
)
ENGINE = {{engine:ReplacingMergeTree}}(at)
ORDER BY (tenant, rule)
SETTINGS {{table_settings}};

-- Who evaluates: the evaluator of the greatest term, of two in one term the smaller one. Beats are counted and never compared with a clock
-- of another machine.
CREATE TABLE IF NOT EXISTS alert_claims {{on_cluster}}
(
    tenant    LowCardinality(String),
    term      UInt64,
    evaluator UInt64 COMMENT 'a process',
    beat      UInt64
)
ENGINE = {{engine:ReplacingMergeTree}}(beat)
ORDER BY (tenant, term, evaluator)
SETTINGS {{table_settings}};

-- A gap counts by when it was noted: its own times are those of records, which may be old by then. 1970 where it was noted before this.
ALTER TABLE topic_gaps {{on_cluster}}
    ADD COLUMN IF NOT EXISTS noted DateTime64(3, 'UTC');
