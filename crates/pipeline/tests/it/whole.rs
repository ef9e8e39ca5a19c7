//! However logs are cut and sent, the store answers what classifying and deriving in memory gives.

use crate::{
    harness::{TENANT, quick, settle, store},
    logs::{chunks, cut, expected, logs, stored},
};
use classify::Rules;
use event::Chunk;
use pipeline::Pipeline;
use std::time::Duration;

/// Machines of the simulated fleet with different failures among them.
const MACHINES: [usize; 4] = [0, 3, 11, 42];

#[tokio::test(flavor = "multi_thread")]
async fn however_logs_are_cut_the_store_answers_what_memory_answers() {
    let (store, rules) = (store().await, Rules::shipped());
    let pipeline = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    let mut failures = 0;
    for machine in MACHINES {
        let logs = logs(machine);
        let endpoint = format!("whole-{machine}");
        let expected = expected(rules, &endpoint, &logs);
        failures += expected.findings.len();
        assert!(
            !expected.attempts.is_empty() && !expected.codes.is_empty(),
            "the logs say something"
        );
        for target in [256 << 10, 4 << 10, 64 << 10] {
            let chunks = chunks(&endpoint, &logs, target);
            // Several callers at once, as an intake has.
            let mut senders = tokio::task::JoinSet::new();
            for part in chunks.chunks(chunks.len().div_ceil(8)) {
                let (handle, part) = (pipeline.handle(), part.to_vec());
                senders.spawn(async move { handle.store(part).await });
            }
            for sent in senders.join_all().await {
                sent.expect("stored");
            }
            settle(&store, &endpoint).await;
            assert_eq!(
                stored(&store, &endpoint).await,
                expected,
                "{endpoint} in chunks of {target}"
            );
        }
    }
    assert!(failures > 0, "some machine of the fleet fails");
    let counts = pipeline.status().counts();
    assert!(counts.derivations > 0 && counts.refused == 0, "{counts:?}");
    pipeline.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_sent_as_growing_prefixes_answers_like_the_whole() {
    let (store, rules) = (store().await, Rules::shipped());
    let pipeline = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    let logs = logs(MACHINES[1]);
    let endpoint = "prefixes";
    let expected = expected(rules, endpoint, &logs);
    for log in &logs {
        // Cuts at odd bytes fall into the middle of records.
        let step = (log.bytes.len() / 5) | 1;
        for bytes in (step..log.bytes.len())
            .step_by(step)
            .chain([log.bytes.len()])
        {
            let chunks: Vec<Chunk> = cut(endpoint, log, bytes, 16 << 10);
            pipeline.handle().store(chunks).await.expect("stored");
        }
    }
    settle(&store, endpoint).await;
    assert_eq!(stored(&store, endpoint).await, expected);
    pipeline.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_says_nothing_is_stored_and_nothing_is_derived_again() {
    let store = store().await;
    let pipeline = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    let endpoint = "quiet-append";
    let line = |hour: u32, text: &str| format!("2024-05-06 {hour:02}:00:00, {text}\r\n");
    let harmless = |hour| line(hour, "Info                  CBS    Made up, and fine");
    let failed = line(
        8,
        "Error                 CBS    Failed to feed the made-up tray [HRESULT = 0x8007aaab]",
    );
    let log = simulate::LogFile {
        path: "CBS.log".to_owned(),
        source: "cbs",
        bytes: (harmless(7) + &failed).into_bytes(),
    };
    let mut first = cut(endpoint, &log, log.bytes.len(), 16 << 10).remove(0);
    first.open = false;
    let append = |after: &Chunk, text: String| Chunk {
        offset: after.offset + after.length,
        length: text.len() as u64,
        text,
        ..after.clone()
    };
    pipeline.handle().store(vec![first.clone()]).await.unwrap();
    settle(&store, endpoint).await;
    let derived = pipeline.status().counts().derivations;
    let mut last = first;
    for hour in 9..12 {
        last = append(&last, harmless(hour));
        pipeline.handle().store(vec![last.clone()]).await.unwrap();
        // News is stored before the chunk is acknowledged.
        let open = store.open_news(Duration::ZERO, 1_000_000).await.unwrap();
        assert!(open.iter().all(|news| news.unit.endpoint != endpoint));
    }
    assert_eq!(pipeline.status().counts().derivations, derived);
    let covered = store.covered_bytes(TENANT, endpoint).await.unwrap();
    assert_eq!(covered, last.offset + last.length);
    let page = store
        .endpoint(TENANT, endpoint)
        .await
        .unwrap()
        .expect("the endpoint is known");
    assert_eq!(
        page.head.last.map(|last| last.to_string()).as_deref(),
        Some("2024-05-06 11:00:00")
    );

    let failed = line(
        12,
        "Error                 CBS    Failed to feed another made-up tray [HRESULT = 0x8007aaac]",
    );
    let next = append(&last, failed);
    pipeline.handle().store(vec![next]).await.unwrap();
    settle(&store, endpoint).await;
    assert!(pipeline.status().counts().derivations > derived);
    pipeline.stop().await.expect("stop");
}
