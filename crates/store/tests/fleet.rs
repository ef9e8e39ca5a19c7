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
    Batch, ChunkRows, Day, DerivationVersion, EndpointFacts, EndpointSummary, EndpointsAsked,
    Filter, Overview, Sort, State, Store, StoreConfig, UnitDerivation, Wanted, day_start, testing,
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
        Outcome::Failed,
        Outcome::RolledBack,
        Outcome::Succeeded,
        Outcome::Succeeded,
        Outcome::PendingReboot,
        Outcome::Cancelled,
        Outcome::Unknown,
    ];
    let packages = [
        "made up".to_owned(),
        String::new(),
        format!(
            "Package_for_RollupFix~31bf~amd64~~19041.{}.1.2",
            dice.roll(9)
        ),
        format!("Package_for_DotNetRollup~31bf~amd64~~10.0.{}", dice.roll(9)),
    ];
    Attempt {
        id: EventId(dice.roll(1 << 30)),
        package: packages[dice.roll(4) as usize].clone(),
        kb: dice.kb(),
        client: String::new(),
        session: String::new(),
        start: Some(start),
        end: (dice.roll(3) > 0).then_some(LoggedAt(start.0 + 60)),
        start_utc: None,
        outcome: outcomes[dice.roll(8) as usize],
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
                named_at: None,
                contact_ms: 0,
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
            ..Filter::default()
        });
    }
    filters
}

const FAILED: &str = "outcome IN ('failed', 'rolled_back')";

async fn compare(fleet: &Fleet, filter: &Filter) {
    let page = fleet.store.overview(filter).await.unwrap();
    let (attempts, narrow) = (current("attempts"), narrowed(filter));
    let of_attempts = format!("FROM {attempts} WHERE {narrow}");
    let totals = page.totals;
    let charted = page.over_time.iter();
    let charted: u64 = charted.map(|at| at.failed + at.succeeded + at.other).sum();
    for (what, told, condition) in [
        ("attempts", totals.attempts, "1"),
        ("failed", totals.failed, FAILED),
        ("succeeded", totals.succeeded, "outcome = 'succeeded'"),
        ("charted", charted, "1"),
    ] {
        let plain = format!("SELECT count() {of_attempts} AND {condition}");
        assert_eq!(told, fleet.number(&plain).await, "{what} of {filter:?}");
    }
    let plain = format!(
        "SELECT toString(kb), countIf({FAILED}), countIf(outcome = 'succeeded') {of_attempts} AND kb != '' GROUP BY kb"
    );
    let plain: BTreeMap<String, (u64, u64)> = fleet
        .numbers(&plain)
        .await
        .into_iter()
        .map(|(kb, failed, succeeded)| (kb, (failed, succeeded)))
        .collect();
    for kb in &page.kbs {
        let plain = plain.get(&kb.kb).copied().unwrap_or_default();
        assert_eq!((kb.failed, kb.succeeded), plain, "{} of {filter:?}", kb.kb);
    }
    let expected = plainly::Fleet::read(fleet, filter).await;
    compare_states(filter, &page, &expected);
    compare_records(fleet, filter, &page).await;
}

/// What is broken now is what a person finds who goes through each machine's tries one by one.
fn compare_states(filter: &Filter, page: &Overview, plain: &plainly::Fleet) {
    let now = (i64::from(filter.to.unwrap()) + 1) * 86_400;
    let start = i64::from(filter.from.unwrap()) * 86_400;
    let states = plain.machines(filter, i64::MAX);
    for kb in &page.kbs {
        let of_kb = plain.of_kb(filter, &kb.kb);
        for state in State::ALL {
            let expected = of_kb.values().filter(|&&found| found == state).count();
            let told = kb.machines.of(state);
            assert_eq!(told, expected as u64, "{} {state:?} of {filter:?}", kb.kb);
        }
    }
    for state in State::ALL {
        let expected = states.values().filter(|&&found| found == state).count();
        assert_eq!(
            page.machines.of(state),
            expected as u64,
            "{state:?} of {filter:?}"
        );
    }
    for (what, told, until) in [
        ("now", Some(page.failing.now), i64::MAX),
        ("a day ago", page.failing.day_ago, now - 86_400),
        ("a week ago", page.failing.week_ago, now - 7 * 86_400),
    ] {
        let failing: BTreeSet<&str> = plain
            .failing(filter, until)
            .map(|(endpoint, _)| endpoint)
            .collect();
        let failing = (until > start).then_some(failing.len() as u64);
        assert_eq!(told, failing, "failing {what}, {filter:?}");
    }
    let causes = plain.causes(filter);
    assert_eq!(page.causes_total, causes.len() as u64, "{filter:?}");
    let count: u64 = page.top_causes.iter().map(|cause| cause.count).sum();
    if page.causes_total <= page.top_causes.len() as u64 {
        let charted = page
            .categories_over_time
            .iter()
            .map(|at| at.count)
            .sum::<u64>();
        assert_eq!(charted, count, "charted causes of {filter:?}");
    }
    for cause in &page.top_causes {
        let key = (
            cause.category.clone(),
            cause.rule.clone(),
            cause.root_code.map_or(0, Code::value),
        );
        let expected = &causes[&key];
        assert_eq!(
            cause.endpoints,
            expected.endpoints.len() as u64,
            "{key:?} of {filter:?}"
        );
        assert_eq!(cause.count, expected.count, "{key:?} of {filter:?}");
        for (told, until) in [
            (Some(cause.failing.now), i64::MAX),
            (cause.failing.day_ago, now - 86_400),
            (cause.failing.week_ago, now - 7 * 86_400),
        ] {
            let by_it = plain.failing(filter, until).filter(|(_, by)| *by == key);
            let by_it: BTreeSet<&str> = by_it.map(|(endpoint, _)| endpoint).collect();
            let by_it = (until > start).then_some(by_it.len() as u64);
            assert_eq!(told, by_it, "{key:?} until {until} of {filter:?}");
        }
    }
}

/// The same list behind each tile, whatever its order and its pages.
async fn compare_tiles(fleet: &Fleet, filter: &Filter) {
    let page = fleet.store.overview(filter).await.unwrap();
    let plain = plainly::Fleet::read(fleet, filter).await;
    let states = plain.machines(filter, i64::MAX);
    let tiles = State::ALL.map(|state| match state {
        State::Installed => (state, page.machines.have()),
        _ => (state, page.machines.of(state)),
    });
    for ((wanted, told), sort) in tiles
        .into_iter()
        .zip([Sort::Name, Sort::Failed].into_iter().cycle())
    {
        let listed = all_of(fleet, filter, Some(Wanted::In(wanted)), sort).await;
        assert_eq!(listed.len() as u64, told, "{wanted:?} of {filter:?}");
        for row in &listed {
            let expected = states.get(&row.endpoint).copied();
            assert_eq!(row.state, expected, "{row:?} of {filter:?}");
        }
    }
}

async fn all_of(
    fleet: &Fleet,
    filter: &Filter,
    wanted: Option<Wanted>,
    sort: Sort,
) -> Vec<EndpointSummary> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let asked = EndpointsAsked {
            filter,
            search: "",
            wanted,
            sort,
            limit: 9,
            after: after.as_deref(),
        };
        let page = fleet.store.endpoints(asked).await.unwrap();
        assert!(page.endpoints.is_empty() || page.total.is_some());
        all.extend(page.endpoints);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// The states of machines as they are defined, from all their rows, without any of the code that pages use.
mod plainly {
    use super::{BTreeMap, BTreeSet, Code, Filter, State, current};

    pub(crate) type Cause = (String, String, u32);

    /// As the questions below name their columns.
    type TryRow = (
        String,
        String,
        String,
        i64,
        String,
        String,
        String,
        u32,
        u32,
    );
    type FindingRow = (String, String, i64, String, String, u32, u32, String, u64);

    #[derive(Clone, Debug)]
    struct Try {
        endpoint: String,
        kb: String,
        package: String,
        at: i64,
        outcome: String,
        cause: Cause,
        terminal: u32,
    }

    #[derive(Default)]
    pub(crate) struct Counted {
        pub(crate) endpoints: BTreeSet<String>,
        pub(crate) count: u64,
    }

    pub(crate) struct Fleet {
        tries: Vec<Try>,
        /// With how often each repeats and how grave it is.
        findings: Vec<(Try, u64, String)>,
    }

    impl Try {
        fn has_failed(&self) -> bool {
            matches!(self.outcome.as_str(), "failed" | "rolled_back")
        }

        fn went_well(&self) -> bool {
            matches!(self.outcome.as_str(), "succeeded" | "pending_reboot")
        }

        /// Of two in one second the better one is the later.
        fn order(&self) -> (i64, usize) {
            let order = [
                "failed",
                "rolled_back",
                "cancelled",
                "pending_reboot",
                "succeeded",
            ];
            (
                self.at,
                order.iter().position(|&name| name == self.outcome).unwrap(),
            )
        }

        fn update(&self) -> &str {
            if self.kb.is_empty() {
                &self.package
            } else {
                &self.kb
            }
        }

        fn version(&self) -> Vec<u64> {
            let (_, version) = self.package.rsplit_once('~').unwrap_or_default();
            let mut version: Vec<u64> = version
                .split('.')
                .map(|part| part.parse().unwrap_or(0))
                .collect();
            version.resize(4, 0);
            version
        }

        fn line(&self) -> &str {
            match self.package.split_once('~') {
                Some((name, _)) if name.ends_with("Rollup") || name.ends_with("RollupFix") => name,
                _ => "",
            }
        }

        fn is_asked(&self, filter: &Filter) -> bool {
            let codes: Vec<u32> = filter.codes.iter().copied().map(Code::value).collect();
            filter
                .category
                .as_ref()
                .is_none_or(|category| *category == self.cause.0)
                && (codes.is_empty()
                    || codes.contains(&self.cause.2)
                    || codes.contains(&self.terminal))
        }
    }

    impl Fleet {
        pub(crate) async fn read(fleet: &super::Fleet, filter: &Filter) -> Self {
            let days = format!(
                "day BETWEEN toDate({}) AND toDate({}) AND ('{endpoint}' = '' OR endpoint = '{endpoint}')",
                filter.from.unwrap(),
                filter.to.unwrap(),
                endpoint = filter.endpoint.as_deref().unwrap_or(""),
            );
            let rows: Vec<TryRow> = fleet
                .sql
                .query(&format!(
                    "SELECT endpoint, toString(kb), package, toInt64(assumeNotNull(ifNull(`end`, start))), toString(outcome), toString(category), \
                       toString(rule), ifNull(root_code, 0), ifNull(terminal_code, 0) FROM {} WHERE {days}",
                    current("attempts")
                ))
                .fetch_all()
                .await
                .unwrap();
            let tries = rows.into_iter().map(
                |(endpoint, kb, package, at, outcome, category, rule, root, terminal)| {
                    let is_failure = matches!(outcome.as_str(), "failed" | "rolled_back");
                    let category = match category.is_empty() && is_failure {
                        true => "unclassified".to_owned(),
                        false => category,
                    };
                    Try {
                        endpoint,
                        kb,
                        package,
                        at,
                        outcome,
                        cause: (category, rule, root),
                        terminal,
                    }
                },
            );
            let rows: Vec<FindingRow> = fleet
                .sql
                .query(&format!(
                    "SELECT endpoint, toString(kb), toInt64(assumeNotNull(logged)), toString(category), toString(rule), ifNull(root_code, 0), \
                       ifNull(terminal_code, 0), toString(severity), toUInt64(count) FROM {} WHERE {days} AND severity != 'info'",
                    current("findings")
                ))
                .fetch_all()
                .await
                .unwrap();
            let findings = rows.into_iter().map(
                |(endpoint, kb, at, category, rule, root, terminal, severity, count)| {
                    let cause = (category, rule, root);
                    let outcome = "failed".to_owned();
                    let package = String::new();
                    (
                        Try {
                            endpoint,
                            kb,
                            package,
                            at,
                            outcome,
                            cause,
                            terminal,
                        },
                        count,
                        severity,
                    )
                },
            );
            Self {
                tries: tries.collect(),
                findings: findings.collect(),
            }
        }

        /// Whether a later success ends a failure.
        fn is_ended(&self, failure: &Try, line: &str, is_finding: bool, until: i64) -> bool {
            self.tries.iter().any(|good| {
                let line_of_good = self.line_of(good);
                good.endpoint == failure.endpoint
                    && good.went_well()
                    && good.at > failure.at
                    && good.at <= until
                    && if is_finding {
                        !line_of_good.is_empty()
                            || (!failure.kb.is_empty() && good.kb == failure.kb)
                    } else {
                        !line.is_empty()
                            && line_of_good == line
                            && good.version() >= failure.version()
                    }
            })
        }

        /// The line of an update is that of any of its packages.
        fn line_of(&self, one: &Try) -> String {
            let same = self
                .tries
                .iter()
                .filter(|other| other.endpoint == one.endpoint && other.update() == one.update());
            same.map(Try::line).max().unwrap_or("").to_owned()
        }

        /// Each update of each machine: its tries, without those whose end nobody knows.
        fn updates(&self) -> BTreeMap<(&str, &str), Vec<&Try>> {
            let mut updates: BTreeMap<(&str, &str), Vec<&Try>> = BTreeMap::new();
            for one in &self.tries {
                updates
                    .entry((&one.endpoint, one.update()))
                    .or_default()
                    .push(one);
            }
            updates
        }

        /// Findings that stand for themselves.
        fn alone(&self) -> impl Iterator<Item = &Try> {
            let grave = self
                .findings
                .iter()
                .filter(|(_, _, severity)| severity != "warning");
            let mut last: BTreeMap<(&str, &Cause), &Try> = BTreeMap::new();
            for (finding, _, _) in grave {
                let is_of_try = self.tries.iter().any(|one| {
                    one.endpoint == finding.endpoint
                        && one.has_failed()
                        && one.cause == finding.cause
                });
                let held = last.get(&(finding.endpoint.as_str(), &finding.cause));
                if !is_of_try && held.is_none_or(|held| held.at < finding.at) {
                    last.insert((&finding.endpoint, &finding.cause), finding);
                }
            }
            last.into_values()
        }

        fn last<'a>(tries: &[&'a Try], until: i64) -> Option<&'a Try> {
            let known = tries
                .iter()
                .filter(|one| one.outcome != "unknown" && one.at <= until);
            known.copied().max_by_key(|one| one.order())
        }

        /// Machines that fail, each with the causes that they fail by, as the filter asks.
        pub(crate) fn failing<'a>(
            &'a self,
            filter: &'a Filter,
            until: i64,
        ) -> impl Iterator<Item = (&'a str, Cause)> {
            let of_kb = |kb: &str| filter.kb.as_ref().is_none_or(|asked| asked == kb);
            let mut failing = self.failing_updates(filter, until);
            for finding in self.alone() {
                let stands = finding.at <= until && !self.is_ended(finding, "", true, until);
                if stands && of_kb(&finding.kb) && finding.is_asked(filter) {
                    failing.push((finding.endpoint.as_str(), finding.cause.clone()));
                }
            }
            failing.into_iter()
        }

        /// Those of them whose last try failed.
        fn failing_updates(&self, filter: &Filter, until: i64) -> Vec<(&str, Cause)> {
            let of_kb = |kb: &str| filter.kb.as_ref().is_none_or(|asked| asked == kb);
            let mut failing = Vec::new();
            for tries in self.updates().into_values() {
                let Some(last) = Self::last(&tries, until).filter(|last| last.has_failed()) else {
                    continue;
                };
                let is_ended = self.is_ended(last, &self.line_of(last), false, until);
                if !is_ended && of_kb(&last.kb) && last.is_asked(filter) {
                    failing.push((last.endpoint.as_str(), last.cause.clone()));
                }
            }
            failing
        }

        /// Machines by their gravest state.
        pub(crate) fn machines(&self, filter: &Filter, until: i64) -> BTreeMap<String, State> {
            let failing = self.failing(filter, until);
            self.states(
                filter,
                until,
                failing.map(|(endpoint, _)| endpoint).collect(),
            )
        }

        /// Machines that tried a KB, by their state for it: findings decide nothing.
        pub(crate) fn of_kb(&self, filter: &Filter, kb: &str) -> BTreeMap<String, State> {
            let narrow = Filter {
                kb: Some(kb.to_owned()),
                ..filter.clone()
            };
            if filter.kb.as_ref().is_some_and(|asked| asked != kb) {
                return BTreeMap::new();
            }
            let failing = self.failing_updates(&narrow, i64::MAX);
            let failing = failing.iter().map(|(endpoint, _)| *endpoint).collect();
            self.states(&narrow, i64::MAX, failing)
        }

        fn states(
            &self,
            filter: &Filter,
            until: i64,
            failing: Vec<&str>,
        ) -> BTreeMap<String, State> {
            let is_narrow = filter.category.is_some() || !filter.codes.is_empty();
            let mut machines: BTreeMap<String, State> = BTreeMap::new();
            let mut put = |endpoint: &str, state: State| {
                let held = machines.entry(endpoint.to_owned()).or_insert(state);
                *held = state.min(*held);
            };
            for endpoint in failing {
                put(endpoint, State::Failing);
            }
            for ((endpoint, _), tries) in self.updates() {
                let kb = &tries[0].kb;
                let has_failed = tries.iter().any(|one| one.has_failed());
                let has_match = tries
                    .iter()
                    .any(|one| one.has_failed() && one.is_asked(filter));
                if filter.kb.as_ref().is_some_and(|asked| asked != kb) || (is_narrow && !has_match)
                {
                    continue;
                }
                let last = Self::last(&tries, until);
                let state = match last.map(|last| last.outcome.as_str()) {
                    Some("failed" | "rolled_back") => {
                        let last = last.unwrap();
                        if !self.is_ended(last, &self.line_of(last), false, until) {
                            continue;
                        }
                        State::Superseded
                    }
                    Some("pending_reboot") => State::Restart,
                    Some("cancelled") => State::Cancelled,
                    Some("succeeded") if has_failed => State::Recovered,
                    Some("succeeded") => State::Installed,
                    _ => State::Unknown,
                };
                put(endpoint, state);
            }
            machines
        }

        /// Causes of failed tries, and of findings that no failed try of their machine has.
        pub(crate) fn causes(&self, filter: &Filter) -> BTreeMap<Cause, Counted> {
            let of_kb = |kb: &str| filter.kb.as_ref().is_none_or(|asked| asked == kb);
            let is_asked = |one: &&Try| of_kb(&one.kb) && one.is_asked(filter);
            let mut causes: BTreeMap<Cause, Counted> = BTreeMap::new();
            let failed: Vec<&Try> = self
                .tries
                .iter()
                .filter(|one| one.has_failed())
                .filter(is_asked)
                .collect();
            let found = self
                .findings
                .iter()
                .filter(|(finding, _, _)| is_asked(&finding));
            let alone = found.filter(|(finding, _, _)| {
                !failed
                    .iter()
                    .any(|one| one.endpoint == finding.endpoint && one.cause == finding.cause)
            });
            let failed = failed.iter().map(|one| (*one, 1));
            for (one, count) in failed.chain(alone.map(|(finding, count, _)| (finding, *count))) {
                let counted = causes.entry(one.cause.clone()).or_default();
                counted.endpoints.insert(one.endpoint.clone());
                counted.count += count;
            }
            causes
        }
    }
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
        Some(fleet.number(&plain).await),
        "events of {filter:?}"
    );
    let plain = format!("SELECT uniqExact(id) {noise}");
    assert_eq!(
        page.totals.noise,
        Some(fleet.number(&plain).await),
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
    for filter in filters.iter().step_by(5) {
        compare_tiles(&fleet, filter).await;
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
    let filters: Vec<&Filter> = filters.iter().step_by(4).collect();
    let mut before = Vec::new();
    for filter in &filters {
        before.push(fleet.store.overview(filter).await.unwrap());
    }
    for emptied in [true, false] {
        if emptied {
            for table in ["events_seen", "noise_seen", "backfills"] {
                fleet.run(&format!("TRUNCATE TABLE {table}")).await;
            }
            let empty = fleet.store.overview(filters[0]).await.unwrap();
            assert_eq!(empty.totals.events, Some(0));
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
