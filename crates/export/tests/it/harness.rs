//! One engine for the whole test process, with a made-up fleet in it.

use embedded_clickhouse::testing::TestEngine;
use event::{
    Attempt, Code, Derivation, EventId, Evidence, Finding, LoggedAt, Month, Outcome, Severity,
    Source, StreamId, Unit,
};
use std::path::Path;
use std::process::Command;
use store::{
    Batch, ChunkRows, DerivationVersion, LabelChange, Store, StoreConfig, UnitDerivation, testing,
};
use tokio::sync::OnceCell;

pub(crate) const TENANT: &str = "default";

async fn engine() -> &'static TestEngine {
    static ENGINE: OnceCell<TestEngine> = OnceCell::const_new();
    let start = || async {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("export");
        let engine = TestEngine::fresh(folder);
        connect(&engine).await.migrate().await.unwrap();
        engine
    };
    ENGINE.get_or_init(start).await
}

async fn connect(engine: &TestEngine) -> Store {
    Store::connect(StoreConfig::local(engine.socket()))
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn store() -> Store {
    connect(engine().await).await
}

async fn put(store: &Store, name: u64, rows: Vec<ChunkRows>) {
    let batch = Batch::new(1, name, rows);
    store
        .insert_batch(&batch)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
}

fn logged(text: &str) -> Option<LoggedAt> {
    LoggedAt::parse(text.as_bytes())
}

/// Two machines, one of which fails: with a record that goes on in a later chunk, a repeat, and a record without a time.
pub(crate) async fn fleet(store: &Store) {
    static FLEET: OnceCell<()> = OnceCell::const_new();
    FLEET.get_or_init(|| make_fleet(store)).await;
}

async fn make_fleet(store: &Store) {
    let start = "2022-08-18 10:00:00 one 0x80070005\n2022-08-18 10:00:01 two\n";
    let open = format!("{start}2022-08-18 10:00:02 three 0x800f0831");
    let whole = format!("{open} and its end\n");
    let first = testing::rows("pc-1", 0, &open, true);
    put(store, 1, vec![first.clone()]).await;
    put(store, 2, vec![first]).await;
    let mut undated = testing::rows("pc-1", 5_000, "2022-08-18 10:00:00 undated\n", false);
    for event in &mut undated.events {
        event.logged = None;
        event.id = EventId(7);
    }
    (undated.first, undated.last) = (None, None);
    put(
        store,
        3,
        vec![testing::rows("pc-1", 0, &whole, false), undated],
    )
    .await;
    let other = testing::rows("pc-2", 0, "2022-09-01 11:00:00 later\n", false);
    put(store, 4, vec![other]).await;

    let finding = Finding {
        id: EventId(1),
        rule: "made_up_rule".to_owned(),
        category: "corruption".to_owned(),
        severity: Severity::Error,
        root_code: Some(Code::new(0x800F_0831)),
        terminal_code: Some(Code::new(0x8007_0005)),
        object: "made up \"object\"\n\u{202e}".to_owned(),
        kb: "KB5000001".to_owned(),
        package: String::new(),
        component: "CBS".to_owned(),
        logged: logged("2022-08-18 10:00:02"),
        utc: None,
        confidence: 80,
        reasons: vec!["same_session".to_owned()],
        count: 1,
        evidence: vec![Evidence {
            id: EventId(1),
            source: Source::Cbs,
            stream: StreamId(7 << 32),
            offset: 60,
            length: 20,
            text: "three 0x800f0831 and its end, 更新".to_owned(),
        }],
    };
    let attempt = Attempt {
        id: EventId(u64::MAX),
        package: "Package_for_RollupFix~31bf~amd64~~19041.1.1.1".to_owned(),
        kb: "KB5000001".to_owned(),
        client: "WindowsUpdateAgent".to_owned(),
        session: "1_2".to_owned(),
        start: logged("2022-08-18 10:00:00"),
        end: logged("2022-08-18 10:00:02"),
        start_utc: None,
        outcome: Outcome::Failed,
        terminal_code: Some(Code::new(0x8007_0005)),
        finding: Some(0),
    };
    let good = Attempt {
        kb: "KB5000002".to_owned(),
        start: logged("2022-09-01 11:00:00"),
        end: None,
        start_utc: Some(event::UtcMillis(1_662_030_000_123)),
        outcome: Outcome::Succeeded,
        terminal_code: None,
        finding: None,
        ..attempt.clone()
    };
    derive(store, "pc-1", 202_208, vec![attempt], vec![finding]).await;
    derive(store, "pc-2", 202_209, vec![good], Vec::new()).await;
    let label = LabelChange {
        endpoint: "pc-2".to_owned(),
        label: "ring".to_owned(),
        value: "pilot".to_owned(),
    };
    store
        .put_labels(TENANT, &[label], "made up", 0)
        .await
        .unwrap();
}

async fn derive(
    store: &Store,
    endpoint: &str,
    month: u32,
    attempts: Vec<Attempt>,
    findings: Vec<Finding>,
) {
    let derivation = UnitDerivation {
        unit: Unit {
            tenant: TENANT.to_owned(),
            endpoint: endpoint.to_owned(),
            month: Month::from_yyyymm(month),
        },
        version: DerivationVersion {
            rule_set: 1,
            inputs: 1,
            places: 1,
        },
        content: 1,
        current: None,
        derivation: Derivation { attempts, findings },
    };
    store.insert_derivations(&[derivation]).await.unwrap();
}

/// Records of many machines in one day; their identities, sorted.
pub(crate) async fn many(store: &Store, tenant: &str, count: u64) -> Vec<String> {
    let line = "2023-01-02 03:04:05 made up\n";
    let mut ids = Vec::new();
    let mut all = Vec::new();
    for endpoint in 0..10 {
        let mut rows = testing::rows(&format!("pc-{endpoint}"), 0, line, false);
        tenant.clone_into(&mut std::sync::Arc::make_mut(&mut rows.chunk).tenant);
        let one = rows.events.remove(0);
        for at in (0..count).filter(|at| at % 10 == endpoint) {
            let mut event = one.clone();
            event.id = EventId(at.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            event.offset = at;
            ids.push(format!("{:016x}", event.id.0));
            rows.events.push(event);
        }
        all.push(rows);
    }
    put(store, 5, all).await;
    ids.sort();
    ids
}

/// Runs a script beside this file on a folder.
pub(crate) fn python(script: &str, folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../../.cache/venv/bin/python");
    assert!(
        python.exists(),
        "no Python environment\nhint: run crates/embedded-clickhouse/make-venv"
    );
    let output = Command::new(python)
        .arg(root.join("tests/it").join(script))
        .arg(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
