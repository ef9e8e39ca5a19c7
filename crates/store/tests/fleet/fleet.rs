//! The random fleet in a store, asked by plain SQL.

use crate::made_up::{Dice, piece, unit};
use crate::{DAYS, ENDPOINTS, FIRST, TENANT};
use embedded_clickhouse::testing::{TOKEN, TestEngine};
use event::{Code, Month};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use store::{
    Batch, ChunkRows, Day, EndpointFacts, Filter, LabelChange, Store, StoreConfig, day_start,
};

pub(crate) struct Fleet {
    pub(crate) store: Store,
    pub(crate) sql: clickhouse::Client,
    engine: TestEngine,
}

impl Fleet {
    pub(crate) async fn new() -> Self {
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
                servicing_stack: Some((
                    day_start(FIRST),
                    format!("10.0.1904{}.{}", dice.roll(2), dice.roll(2)),
                )),
                first: Some(day_start(dice.day())),
                last: Some(day_start(FIRST + DAYS as Day)),
            };
            let ring = ["pilot", "broad"][dice.roll(2) as usize];
            let labels = [LabelChange {
                endpoint: endpoint.clone(),
                label: "ring".to_owned(),
                value: ring.to_owned(),
            }];
            let labelled = self.store.put_labels(TENANT, &labels, "test", 0);
            labelled.await.unwrap();
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
    pub(crate) async fn grow_old(&mut self) {
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

    pub(crate) async fn run(&self, statement: &str) {
        self.sql
            .query(statement)
            .with_setting("mutations_sync", "2")
            .execute()
            .await
            .unwrap_or_else(|error| panic!("{error}: {statement}"));
    }

    pub(crate) async fn numbers(&self, statement: &str) -> Vec<(String, u64, u64)> {
        self.sql
            .query(&statement.replace('?', "??"))
            .fetch_all()
            .await
            .unwrap_or_else(|error| panic!("{error}: {statement}"))
    }

    pub(crate) async fn number(&self, statement: &str) -> u64 {
        let row =
            format!("SELECT '' AS a, toUInt64(ifNull(({statement}), 0)) AS b, toUInt64(0) AS c");
        self.numbers(&row).await[0].1
    }
}

/// A table's rows of current sets, by a plain join.
pub(crate) fn current(table: &str) -> String {
    format!(
        "(SELECT row.* FROM (SELECT * FROM {table} FINAL) AS row INNER JOIN (\
           SELECT tenant, endpoint, month, argMax(`set`, version) AS `set` FROM derivations WHERE generation = 0 \
           GROUP BY tenant, endpoint, month) AS pointer \
         ON row.tenant = pointer.tenant AND row.endpoint = pointer.endpoint AND row.month = pointer.month AND row.`set` = pointer.`set` \
         WHERE row.tenant = '{TENANT}')"
    )
}

/// The filter as plain text.
pub(crate) fn narrowed(filter: &Filter) -> String {
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

pub(crate) fn numbers_of(codes: &[Code]) -> String {
    let codes: Vec<String> = codes.iter().map(|code| code.value().to_string()).collect();
    codes.join(",")
}

/// Every way to narrow, alone and together.
pub(crate) fn filters(dice: &mut Dice) -> Vec<Filter> {
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
