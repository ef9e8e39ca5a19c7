//! What pages say of a random fleet equals what plain SQL over the tables says, slowly: whatever is narrowed, whoever stored it, and
//! however often. A binary of its own, because it runs a migration again.

use embedded_clickhouse::testing::{TOKEN, TestEngine};
use event::{
    Attempt, Code, Derivation, EventId, Finding, LoggedAt, Month, Outcome, Severity, Unit,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use store::{
    Batch, ChunkRows, Day, DerivationVersion, EndpointFacts, Filter, Store, StoreConfig,
    UnitDerivation, day_start, testing,
};

const TENANT: &str = "random";
const ENDPOINTS: u64 = 16;
/// 2026-01-01, and so many days from there on: three months.
const FIRST: Day = 20_454;
const DAYS: u64 = 88;

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn day(&mut self) -> Day {
        FIRST + self.roll(DAYS) as Day
    }

    fn time(&mut self, day: Day) -> LoggedAt {
        LoggedAt(day_start(day).0 + self.roll(86_400) as i64)
    }

    fn code(&mut self) -> Code {
        Code::new(0x8007_0001 + self.roll(6) as u32)
    }

    fn kb(&mut self) -> String {
        match self.roll(4) {
            0 => String::new(),
            kb => format!("KB{kb}"),
        }
    }
}

fn attempt(dice: &mut Dice, day: Day, findings: u32) -> Attempt {
    let start = dice.time(day);
    let outcomes = [
        Outcome::Failed,
        Outcome::RolledBack,
        Outcome::Succeeded,
        Outcome::Unknown,
    ];
    Attempt {
        id: EventId(dice.roll(1 << 30)),
        package: "made up".to_owned(),
        kb: dice.kb(),
        client: String::new(),
        session: String::new(),
        start: Some(start),
        end: (dice.roll(3) > 0).then_some(LoggedAt(start.0 + 60)),
        start_utc: None,
        outcome: outcomes[dice.roll(4) as usize],
        terminal_code: (dice.roll(2) > 0).then(|| dice.code()),
        finding: (findings > 0 && dice.roll(2) > 0).then(|| dice.roll(u64::from(findings)) as u32),
    }
}

fn finding(dice: &mut Dice, day: Day) -> Finding {
    let severities = [
        Severity::Critical,
        Severity::Error,
        Severity::Warning,
        Severity::Info,
    ];
    Finding {
        id: EventId(dice.roll(1 << 30)),
        rule: format!("rule_{}", dice.roll(3)),
        category: ["disk_full", "network"][dice.roll(2) as usize].to_owned(),
        severity: severities[dice.roll(4) as usize],
        root_code: (dice.roll(2) > 0).then(|| dice.code()),
        terminal_code: None,
        object: ["", "a", "b"][dice.roll(3) as usize].to_owned(),
        kb: dice.kb(),
        package: String::new(),
        component: String::new(),
        logged: Some(dice.time(day)),
        utc: None,
        confidence: 90,
        reasons: Vec::new(),
        count: 1 + dice.roll(4) as u32,
        evidence: Vec::new(),
    }
}

fn unit(dice: &mut Dice, endpoint: &str, month: Month, inputs: u64) -> UnitDerivation {
    let days: Vec<Day> = (FIRST..FIRST + DAYS as Day)
        .filter(|&day| day_start(day).month() == month)
        .collect();
    let mut day = || days[dice.roll(days.len() as u64) as usize];
    let drawn: Vec<Day> = (0..12).map(|_| day()).collect();
    let (found, tried) = (dice.roll(5) as usize, dice.roll(7) as usize);
    let findings = drawn[..found]
        .iter()
        .map(|&day| finding(dice, day))
        .collect();
    let tries = drawn[5..5 + tried].iter();
    UnitDerivation {
        unit: Unit {
            tenant: TENANT.to_owned(),
            endpoint: endpoint.to_owned(),
            month,
        },
        version: DerivationVersion {
            rule_set: 1,
            inputs,
            places: dice.roll(1 << 30),
        },
        content: 1 + dice.roll(1 << 30),
        current: None,
        derivation: Derivation {
            findings,
            attempts: tries.map(|&day| attempt(dice, day, found as u32)).collect(),
        },
    }
}

/// A piece of a log that starts somewhere in its lines and ends in the middle of one, or whole.
fn piece(dice: &mut Dice, endpoint: &str) -> Vec<ChunkRows> {
    let (day, mut text) = (dice.day(), String::new());
    for line in 0..2 + dice.roll(6) {
        let at = LoggedAt(day_start(day).0 + 60 * line as i64);
        let word = ["noise", "plain", "bad", "worse"][dice.roll(4) as usize];
        let code = match dice.roll(3) {
            0 => String::new(),
            _ => format!(" {}", dice.code()),
        };
        let _ = writeln!(text, "{at} {word} {}{code}", dice.roll(9));
    }
    let stream = event::StreamId((1 + dice.roll(1 << 20)) << 20);
    let cut = text.len() - 1 - dice.roll(12) as usize;
    let mut pieces = vec![testing::rows(endpoint, 0, &text[..cut], true)];
    if dice.roll(3) > 0 {
        pieces.push(testing::rows(endpoint, 0, &text, dice.roll(2) == 0));
    }
    for rows in &mut pieces {
        let chunk = Arc::make_mut(&mut rows.chunk);
        (chunk.tenant, chunk.stream) = (TENANT.to_owned(), stream);
        for event in &mut rows.events {
            event.stream = stream;
            event.kb = ["", "KB1"][event.offset as usize % 2].to_owned();
        }
        for noise in &mut rows.noise {
            noise.stream = stream;
        }
    }
    pieces
}

struct Fleet {
    store: Store,
    sql: clickhouse::Client,
    engine: TestEngine,
}

impl Fleet {
    async fn new() -> Self {
        let engine = TestEngine::fresh(Path::new(env!("CARGO_TARGET_TMPDIR")).join("store-fleet"));
        let store = Store::connect(StoreConfig::local(engine.socket()))
            .await
            .unwrap();
        store.migrate().await.unwrap();
        let sql = clickhouse::Client::default()
            .with_url(engine.url())
            .with_user("cbsift")
            .with_password(TOKEN)
            .with_database("cbsift");
        let fleet = Self { store, sql, engine };
        fleet.fill().await;
        fleet
    }

    async fn fill(&self) {
        let mut dice = Dice(11);
        let months: BTreeSet<Month> = (FIRST..FIRST + DAYS as Day)
            .map(|day| day_start(day).month())
            .collect();
        let mut news = 0;
        for endpoint in (0..ENDPOINTS).map(|at| format!("pc-{at:02}")) {
            let mut units = Vec::new();
            for &month in &months {
                if dice.roll(5) > 0 {
                    units.push(unit(&mut dice, &endpoint, month, 5));
                }
                // Somebody who knew less or more, before or after.
                if dice.roll(2) > 0 {
                    let inputs = 1 + dice.roll(9);
                    units.insert(0, unit(&mut dice, &endpoint, month, inputs));
                }
            }
            let facts = EndpointFacts {
                tenant: TENANT.to_owned(),
                endpoint: endpoint.clone(),
                host: format!("host-{endpoint}"),
                servicing_stack: None,
                first: Some(day_start(dice.day())),
                last: Some(day_start(FIRST + DAYS as Day)),
            };
            let facts = std::slice::from_ref(&facts);
            self.store.insert_facts(facts).await.unwrap();
            for unit in &units {
                let derived = std::slice::from_ref(unit);
                self.store.insert_derivations(derived).await.unwrap();
                if dice.roll(4) == 0 {
                    self.store.insert_derivations(derived).await.unwrap();
                }
            }
            let mut pieces: Vec<ChunkRows> =
                (0..4).flat_map(|_| piece(&mut dice, &endpoint)).collect();
            for _ in 0..=dice.roll(2) {
                news += 1;
                self.store
                    .insert_batch(&Batch::new(1, news, pieces.clone()))
                    .await
                    .unwrap();
                pieces.reverse();
            }
        }
    }

    /// What a build before these columns would have stored, of rows of one version the later one stays; and a process that comes to it
    /// anew, because who looked before remembers for a while that there was nothing of the kind.
    async fn grow_old(&mut self) {
        let columns =
            "tenant, endpoint, month, generation, version, `set`, attempts, findings, content";
        self.run(&format!(
            "INSERT INTO derivations ({columns}) SELECT {columns} FROM derivations FINAL WHERE cityHash64(endpoint, month) % 3 = 0"
        ))
        .await;
        self.store = Store::connect(StoreConfig::local(self.engine.socket()))
            .await
            .unwrap();
    }

    async fn run(&self, statement: &str) {
        self.sql
            .query(statement)
            .with_setting("mutations_sync", "2")
            .execute()
            .await
            .unwrap_or_else(|error| panic!("{error}: {statement}"));
    }

    async fn numbers(&self, statement: &str) -> Vec<(String, u64, u64)> {
        self.sql
            .query(&statement.replace('?', "??"))
            .fetch_all()
            .await
            .unwrap_or_else(|error| panic!("{error}: {statement}"))
    }

    async fn number(&self, statement: &str) -> u64 {
        let row =
            format!("SELECT '' AS a, toUInt64(ifNull(({statement}), 0)) AS b, toUInt64(0) AS c");
        self.numbers(&row).await[0].1
    }
}

/// A table's rows of current sets, by a plain join.
fn current(table: &str) -> String {
    format!(
        "(SELECT row.* FROM (SELECT * FROM {table} FINAL) AS row INNER JOIN (\
           SELECT tenant, endpoint, month, argMax(`set`, version) AS `set` FROM derivations WHERE generation = 0 \
           GROUP BY tenant, endpoint, month) AS pointer \
         ON row.tenant = pointer.tenant AND row.endpoint = pointer.endpoint AND row.month = pointer.month AND row.`set` = pointer.`set` \
         WHERE row.tenant = '{TENANT}')"
    )
}

/// The filter as plain text.
fn narrowed(filter: &Filter) -> String {
    let mut text = format!(
        "day BETWEEN toDate({}) AND toDate({})",
        filter.from.unwrap(),
        filter.to.unwrap()
    );
    if let Some(kb) = &filter.kb {
        let _ = write!(text, " AND kb = '{kb}'");
    }
    if let Some(category) = &filter.category {
        let _ = write!(text, " AND category = '{category}'");
    }
    if !filter.codes.is_empty() {
        let codes = numbers_of(&filter.codes);
        let _ = write!(
            text,
            " AND (ifNull(root_code, 0) IN ({codes}) OR ifNull(terminal_code, 0) IN ({codes}))"
        );
    }
    if let Some(endpoint) = &filter.endpoint {
        let _ = write!(text, " AND endpoint = '{endpoint}'");
    }
    text
}

fn numbers_of(codes: &[Code]) -> String {
    let codes: Vec<String> = codes.iter().map(|code| code.value().to_string()).collect();
    codes.join(",")
}

/// Every way to narrow, alone and together.
fn filters(dice: &mut Dice) -> Vec<Filter> {
    let mut filters = Vec::new();
    for ways in 0..16 {
        let (a, b) = (dice.day(), dice.day());
        let codes = [dice.code(), dice.code()];
        filters.push(Filter {
            tenant: TENANT.to_owned(),
            from: Some(if ways % 3 == 0 { FIRST } else { a.min(b) }),
            to: Some(if ways % 3 == 0 {
                FIRST + DAYS as Day
            } else {
                a.max(b)
            }),
            kb: (ways & 1 > 0).then(|| "KB1".to_owned()),
            category: (ways & 2 > 0).then(|| "network".to_owned()),
            codes: if ways & 4 > 0 {
                codes.to_vec()
            } else {
                Vec::new()
            },
            endpoint: (ways & 8 > 0).then(|| format!("pc-{:02}", dice.roll(ENDPOINTS))),
        });
    }
    filters
}

const FAILED: &str = "outcome IN ('failed', 'rolled_back')";

async fn compare(fleet: &Fleet, filter: &Filter) {
    let page = fleet.store.overview(filter).await.unwrap();
    let (attempts, findings, narrow) = (current("attempts"), current("findings"), narrowed(filter));
    let of_attempts = format!("FROM {attempts} WHERE {narrow}");
    let of_findings = format!("FROM {findings} WHERE {narrow} AND severity != 'info'");
    let failing = format!(
        "(SELECT endpoint, toUInt64(1) AS failed {of_attempts} AND {FAILED} UNION ALL \
          SELECT endpoint, toUInt64(0) AS failed {of_findings} AND severity IN ('error', 'critical'))"
    );
    let totals = page.totals;
    for (what, told, plain) in [
        (
            "attempts",
            totals.attempts,
            format!("SELECT count() {of_attempts}"),
        ),
        (
            "failed",
            totals.failed,
            format!("SELECT count() {of_attempts} AND {FAILED}"),
        ),
        (
            "succeeded",
            totals.succeeded,
            format!("SELECT count() {of_attempts} AND outcome = 'succeeded'"),
        ),
        (
            "findings",
            totals.findings,
            format!("SELECT count() {of_findings}"),
        ),
        (
            "failing",
            totals.endpoints_failing,
            format!("SELECT uniqExact(endpoint) FROM {failing}"),
        ),
        (
            "charted attempts",
            page.over_time
                .iter()
                .map(|at| at.failed + at.succeeded + at.other)
                .sum(),
            format!("SELECT count() {of_attempts}"),
        ),
        (
            "charted findings",
            page.categories_over_time.iter().map(|at| at.count).sum(),
            format!("SELECT sum(count) {of_findings}"),
        ),
        (
            "causes",
            page.top_causes.iter().map(|cause| cause.count).sum(),
            format!(
                "SELECT sum(n) FROM (SELECT sum(count) AS n, uniqExact(endpoint) AS pcs {of_findings} \
                 GROUP BY category, rule, root_code ORDER BY pcs DESC, n DESC, category, rule, ifNull(root_code, 0) LIMIT 20)"
            ),
        ),
    ] {
        assert_eq!(told, fleet.number(&plain).await, "{what} of {filter:?}");
    }
    let told: Vec<(String, u64, u64)> = page
        .kbs
        .iter()
        .map(|kb| (kb.kb.clone(), kb.failed, kb.endpoints_failing))
        .collect();
    let plain = format!(
        "SELECT toString(kb), countIf({FAILED}) AS a, uniqExactIf(endpoint, {FAILED}) AS b {of_attempts} AND kb != '' \
         GROUP BY kb ORDER BY a DESC, countIf(outcome = 'succeeded') DESC, kb LIMIT 20"
    );
    assert_eq!(told, fleet.numbers(&plain).await, "KBs of {filter:?}");
    let told: BTreeMap<&str, u64> = page
        .endpoints
        .iter()
        .map(|row| (row.endpoint.as_str(), row.failed))
        .collect();
    let plain =
        format!("SELECT endpoint, sum(failed), toUInt64(0) FROM {failing} GROUP BY endpoint");
    let plain = fleet.numbers(&plain).await;
    assert_eq!(told.len(), plain.len().min(20), "endpoints of {filter:?}");
    for (endpoint, failed, _) in plain {
        if let Some(told) = told.get(endpoint.as_str()) {
            assert_eq!(*told, failed, "{endpoint} of {filter:?}");
        }
    }
    compare_records(fleet, filter, &page).await;
}

/// Distinct records: of a fleet all that are whole, of one endpoint also those that may go on and have not.
async fn compare_records(fleet: &Fleet, filter: &Filter, page: &store::Overview) {
    let days = format!(
        "tenant = '{TENANT}' AND day BETWEEN toDate({}) AND toDate({})",
        filter.from.unwrap(),
        filter.to.unwrap()
    );
    let mut events = match &filter.endpoint {
        None => format!("FROM events WHERE open = 0 AND {days}"),
        Some(endpoint) => format!("FROM current_events WHERE endpoint = '{endpoint}' AND {days}"),
    };
    let mut noise = match &filter.endpoint {
        None => format!("FROM (SELECT *, arrayJoin(ids) AS id FROM noise) WHERE {days}"),
        Some(endpoint) => format!("FROM current_noise WHERE endpoint = '{endpoint}' AND {days}"),
    };
    if filter.kb.is_some() {
        events.push_str(" AND kb = 'KB1'");
        noise.push_str(" AND 0");
    }
    if !filter.codes.is_empty() {
        let codes = numbers_of(&filter.codes);
        let _ = write!(events, " AND hasAny(codes, [{codes}])");
        let _ = write!(noise, " AND code IN ({codes})");
    }
    let plain = format!("SELECT uniqExact(id) {events}");
    assert_eq!(
        page.totals.events,
        fleet.number(&plain).await,
        "events of {filter:?}"
    );
    let plain = format!("SELECT uniqExact(id) {noise}");
    assert_eq!(
        page.totals.noise,
        fleet.number(&plain).await,
        "noise of {filter:?}"
    );
    for code in &page.top_codes {
        let value = code.code.value();
        let plain = format!(
            "SELECT uniqExact(id) FROM (SELECT id {events} AND has(codes, {value}) UNION ALL SELECT id {noise} AND code = {value})"
        );
        assert_eq!(
            code.events,
            fleet.number(&plain).await,
            "{code:?} of {filter:?}"
        );
        let plain = format!("SELECT uniqExact(id) {noise} AND code = {value}");
        assert_eq!(
            code.noise,
            fleet.number(&plain).await,
            "{code:?} of {filter:?}"
        );
    }
}

async fn compare_lists(fleet: &Fleet) {
    let store = &fleet.store;
    let mut listed = BTreeSet::new();
    let mut after = None;
    loop {
        let page = store
            .endpoints(TENANT, "", true, 4, after.as_deref())
            .await
            .unwrap();
        let (from, to) = page.days.expect("there is data");
        let days = format!("day BETWEEN toDate({from}) AND toDate({to})");
        for row in &page.endpoints {
            let plain = format!(
                "SELECT count() FROM {} WHERE endpoint = '{}' AND {days} AND {FAILED}",
                current("attempts"),
                row.endpoint
            );
            assert_eq!(row.failed, fleet.number(&plain).await, "{}", row.endpoint);
            assert!(
                listed.insert(row.endpoint.clone()),
                "{} twice",
                row.endpoint
            );
        }
        let plain = format!(
            "SELECT uniqExact(endpoint) FROM (SELECT endpoint FROM {} WHERE {days} AND {FAILED} UNION ALL \
             SELECT endpoint FROM {} WHERE {days} AND severity IN ('error', 'critical'))",
            current("attempts"),
            current("findings")
        );
        assert_eq!(page.total, Some(fleet.number(&plain).await));
        after = page.next;
        if after.is_none() {
            assert_eq!(Some(listed.len() as u64), page.total);
            break;
        }
    }
    for endpoint in (0..ENDPOINTS).map(|at| format!("pc-{at:02}")) {
        let found = store
            .endpoint(TENANT, &endpoint)
            .await
            .unwrap()
            .expect("it is known");
        for (told, table) in [
            (found.ends.attempts.total, "attempts"),
            (found.ends.findings.total, "findings"),
        ] {
            let plain = format!(
                "SELECT count() FROM {} WHERE endpoint = '{endpoint}'",
                current(table)
            );
            assert_eq!(told, fleet.number(&plain).await, "{table} of {endpoint}");
        }
        let (attempts, findings) = store.derived(TENANT, &endpoint).await.unwrap();
        assert_eq!(attempts.len() as u64, found.ends.attempts.total);
        assert_eq!(findings.len() as u64, found.ends.findings.total);
    }
}

#[tokio::test]
async fn pages_say_what_plain_sql_says_slowly() {
    let mut fleet = Fleet::new().await;
    let mut dice = Dice(3);
    let filters = filters(&mut dice);
    for filter in filters.iter().step_by(3) {
        compare(&fleet, filter).await;
    }
    compare_lists(&fleet).await;
    fleet.grow_old().await;
    let fleet = fleet;
    for filter in &filters {
        compare(&fleet, filter).await;
    }
    compare_lists(&fleet).await;
    // Codes that say the same: a record that carries several counts once.
    let codes = [Code::new(0x8007_0001), Code::new(0x8007_0003)];
    let seen = fleet
        .store
        .code_seen(TENANT, &codes)
        .await
        .unwrap()
        .expect("seen");
    let numbers = numbers_of(&codes);
    let plain = format!(
        "SELECT uniqExact(id) FROM (SELECT id FROM events WHERE open = 0 AND hasAny(codes, [{numbers}]) AND tenant = '{TENANT}' \
         UNION ALL SELECT arrayJoin(ids) AS id FROM noise WHERE code IN ({numbers}) AND tenant = '{TENANT}')"
    );
    assert_eq!(seen.events, fleet.number(&plain).await);
    assert!(seen.events > 20 && seen.endpoints <= ENDPOINTS);

    // A store from before these tables is counted by the migration, and counting it twice changes nothing.
    let mut before = Vec::new();
    for filter in &filters {
        before.push(fleet.store.overview(filter).await.unwrap());
    }
    for emptied in [true, false] {
        if emptied {
            for table in ["events_seen", "noise_seen", "backfills"] {
                fleet.run(&format!("TRUNCATE TABLE {table}")).await;
            }
            let empty = fleet.store.overview(&filters[0]).await.unwrap();
            assert_eq!(empty.totals.events, 0);
        }
        fleet
            .run("ALTER TABLE migrations DELETE WHERE number = 11")
            .await;
        assert_eq!(fleet.store.migrate().await.unwrap(), ["0011_read"]);
        for (filter, before) in filters.iter().zip(&before) {
            assert_eq!(
                &fleet.store.overview(filter).await.unwrap(),
                before,
                "{filter:?}"
            );
        }
    }

    // Whoever was cut short goes on: a month that is noted is not counted again.
    fleet.run("TRUNCATE TABLE events_seen").await;
    fleet
        .run("ALTER TABLE migrations DELETE WHERE number = 11")
        .await;
    fleet
        .run("ALTER TABLE backfills DELETE WHERE name = 'events_seen 202602'")
        .await;
    assert_eq!(fleet.store.migrate().await.unwrap(), ["0011_read"]);
    assert_eq!(
        fleet
            .number("SELECT groupBitOr(toYYYYMM(day)) FROM events_seen")
            .await,
        202_602
    );
}
