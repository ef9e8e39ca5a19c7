//! One engine for the whole test process, made-up PCs, and receivers that note what they hear.

use alert::{Desk, Message, Now, Outcome, Receivers, Rules, Setting};
use embedded_clickhouse::testing::TestEngine;
pub(crate) use event::Outcome as Ended;
use event::{Attempt, Code, Derivation, EventId, Finding, LoggedAt, Severity, Unit, UtcMillis};
use futures_util::future::BoxFuture;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use store::{DerivationVersion, EndpointFacts, Store, StoreConfig, UnitDerivation};
use tokio::sync::OnceCell;

pub(crate) async fn store() -> Store {
    static ENGINE: OnceCell<TestEngine> = OnceCell::const_new();
    let start = || async {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(concat!(
            env!("CARGO_PKG_NAME"),
            "-",
            env!("CARGO_CRATE_NAME")
        ));
        let engine = TestEngine::fresh(folder);
        let store = connect(&engine).await;
        store.migrate().await.expect("migrate");
        engine
    };
    connect(ENGINE.get_or_init(start).await).await
}

pub(crate) async fn connect(engine: &TestEngine) -> Store {
    Store::connect(StoreConfig::local(engine.socket()))
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What a PC did with an update, at some seconds as logged.
#[derive(Clone, Copy)]
pub(crate) struct Tried {
    pub(crate) kb: &'static str,
    pub(crate) at: i64,
    pub(crate) ended: Ended,
    pub(crate) cause: Cause,
    /// Minutes ahead of UTC, where its logs show it.
    pub(crate) zone: Option<i32>,
    /// Its version among cumulative updates; 0 where it is none.
    pub(crate) rollup: u16,
}

/// Rule, category and code.
pub(crate) type Cause = (&'static str, &'static str, u32);

pub(crate) const MADE_UP: Cause = ("made_up", "edition", 0xC000_0102);

impl Tried {
    pub(crate) fn new(kb: &'static str, at: i64, ended: Ended) -> Self {
        Self {
            kb,
            at,
            ended,
            cause: MADE_UP,
            zone: Some(0),
            rollup: 0,
        }
    }

    pub(crate) fn of_rollup(self, rollup: u16) -> Self {
        Self { rollup, ..self }
    }

    pub(crate) fn by(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }

    pub(crate) fn is_failed(&self) -> bool {
        self.ended == Ended::Failed
    }
}

pub(crate) fn failed(kb: &'static str, at: i64) -> Tried {
    Tried::new(kb, at, Ended::Failed)
}

pub(crate) fn succeeded(kb: &'static str, at: i64) -> Tried {
    Tried::new(kb, at, Ended::Succeeded)
}

/// The derivation of a PC's month. The later `version` wins, as more of its logs are known.
pub(crate) fn derived(
    tenant: &str,
    endpoint: &str,
    tried: &[Tried],
    version: u64,
) -> UnitDerivation {
    // One finding for each cause, of its last failure.
    let mut last: Vec<&Tried> = Vec::new();
    for tried in tried.iter().filter(|tried| tried.is_failed()) {
        last.retain(|known| known.cause != tried.cause);
        last.push(tried);
    }
    let attempts: Vec<Attempt> = tried
        .iter()
        .enumerate()
        .map(|(number, tried)| Attempt {
            id: EventId(number as u64 + 1),
            package: match tried.rollup {
                0 => format!("Package_for_{}~made~up", tried.kb),
                rollup => format!("Package_for_RollupFix~made~up~~19041.{rollup}.1.1"),
            },
            kb: tried.kb.to_owned(),
            client: "WindowsUpdateAgent".to_owned(),
            session: String::new(),
            start: Some(LoggedAt(tried.at)),
            end: Some(LoggedAt(tried.at)),
            start_utc: utc(tried),
            outcome: tried.ended,
            terminal_code: tried.is_failed().then_some(Code::new(0x8007_0570)),
            finding: last
                .iter()
                .position(|known| tried.is_failed() && known.cause == tried.cause)
                .map(|at| at as u32),
        })
        .collect();
    let findings = last.iter().enumerate().map(|(number, tried)| Finding {
        id: EventId(number as u64 + 1),
        rule: tried.cause.0.to_owned(),
        category: tried.cause.1.to_owned(),
        severity: Severity::Error,
        root_code: Some(Code::new(tried.cause.2)),
        terminal_code: None,
        object: String::new(),
        kb: tried.kb.to_owned(),
        package: String::new(),
        component: String::new(),
        logged: Some(LoggedAt(tried.at)),
        utc: utc(tried),
        confidence: 90,
        reasons: Vec::new(),
        count: 1,
        evidence: Vec::new(),
    });
    UnitDerivation {
        unit: Unit {
            tenant: tenant.to_owned(),
            endpoint: endpoint.to_owned(),
            month: LoggedAt(tried.first().map_or(0, |tried| tried.at)).month(),
        },
        version: DerivationVersion {
            rule_set: 1,
            inputs: version,
            places: version,
        },
        content: version,
        current: None,
        derivation: Derivation {
            attempts,
            findings: findings.collect(),
        },
    }
}

fn utc(tried: &Tried) -> Option<UtcMillis> {
    let zone = i64::from(tried.zone?);
    Some(UtcMillis((tried.at - zone * 60) * 1_000))
}

/// PCs of a test: a thousand in every run, and as many as are wanted in a longer one.
pub(crate) fn pcs() -> u32 {
    let wanted = std::env::var("CBSIFT_ALERT_PCS").ok();
    wanted.map_or(1_000, |wanted| {
        wanted.parse().expect("CBSIFT_ALERT_PCS is a number")
    })
}

/// Puts PCs `pc-FROM` to `pc-TO` into the store, all of which did the same.
pub(crate) async fn put(
    store: &Store,
    tenant: &str,
    pcs: std::ops::Range<u32>,
    tried: &[Tried],
    version: u64,
) {
    let names: Vec<String> = pcs.map(|number| format!("pc-{number:04}")).collect();
    let units: Vec<UnitDerivation> = names
        .iter()
        .map(|name| derived(tenant, name, tried, version))
        .collect();
    store.insert_derivations(&units).await.expect("insert");
    let at = tried.last().map(|tried| LoggedAt(tried.at));
    let facts: Vec<EndpointFacts> = names
        .iter()
        .map(|name| EndpointFacts {
            tenant: tenant.to_owned(),
            endpoint: name.clone(),
            host: name.clone(),
            named_at: None,
            contact_ms: 0,
            servicing_stack: None,
            first: at,
            last: at,
        })
        .collect();
    store.insert_facts(&facts).await.expect("insert");
}

/// Receivers that answer as they are told, and note what they hear.
#[derive(Clone, Default)]
pub(crate) struct Heard(
    Arc<Mutex<BTreeMap<String, Vec<Message>>>>,
    Arc<Vec<Receiver>>,
);

/// How a receiver answers.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Takes,
    /// Busy for so many tries.
    Busy(usize),
    Refuses,
    /// Takes a message and never says so.
    Hangs,
}

pub(crate) type Receiver = (&'static str, Manner);

impl Heard {
    pub(crate) fn by(receivers: &[Receiver]) -> Self {
        Self(Arc::default(), Arc::new(receivers.to_vec()))
    }

    pub(crate) fn of(&self, receiver: &str) -> Vec<Message> {
        let heard = self.0.lock().unwrap();
        heard.get(receiver).cloned().unwrap_or_default()
    }
}

impl Receivers for Heard {
    fn names(&self) -> Vec<String> {
        self.1.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn resend(&self, _: &str) -> Option<Duration> {
        None
    }

    fn deliver<'a>(&'a self, receiver: &'a str, message: &'a Message) -> BoxFuture<'a, Outcome> {
        let tries = {
            let mut heard = self.0.lock().unwrap();
            let heard = heard.entry(receiver.to_owned()).or_default();
            heard.push(message.clone());
            heard.len()
        };
        let manner = self.1.iter().find(|(name, _)| *name == receiver).unwrap().1;
        Box::pin(async move {
            match manner {
                Manner::Takes => Outcome::Delivered,
                Manner::Busy(times) if tries <= times => Outcome::Retry {
                    error: "made up: busy".to_owned(),
                    after: Some(Duration::from_millis(20)),
                },
                Manner::Busy(_) => Outcome::Delivered,
                Manner::Refuses => Outcome::Refused {
                    error: "made up: no such robot".to_owned(),
                },
                Manner::Hangs => std::future::pending().await,
            }
        })
    }
}

pub(crate) fn setting(tenant: &str) -> Setting {
    Setting {
        tenant: tenant.to_owned(),
        base: "https://cbsift.example".to_owned(),
        repeat: Duration::ZERO,
    }
}

/// The shipped rules of these names.
pub(crate) fn shipped(names: &[&str]) -> Rules {
    let mut files = Rules::shipped_files();
    for (_, text) in &mut files {
        let rules = text.split("\n- name: ").skip(1);
        let wanted = rules.filter(|rule| {
            names
                .iter()
                .any(|name| rule.starts_with(&format!("{name}\n")))
        });
        *text = match wanted
            .map(|rule| format!("- name: {rule}\n"))
            .collect::<String>()
        {
            none if none.is_empty() => "[]\n".to_owned(),
            some => some,
        };
    }
    Rules::load(&files).unwrap_or_else(|faults| panic!("{faults:?}"))
}

pub(crate) async fn desk(
    store: &Store,
    tenant: &str,
    heard: &Heard,
    rules: Rules,
    now: Now,
) -> Desk {
    let receivers: Arc<dyn Receivers> = Arc::new(heard.clone());
    Desk::open(
        store.clone(),
        receivers,
        setting(tenant),
        rules,
        classify::Rules::shipped(),
        now,
    )
    .await
    .expect("open")
}
