//! What a machine logged before it was erased comes back by no way that chunks take.

use crate::harness::{quick, settle, store};
use crate::logs::{cut, logs};
use event::Chunk;
use pipeline::Pipeline;
use store::{Alias, AliasKind, AliasState, Erased, Erasing};

const ID: &str = "pc-erased";
const OLD: &str = "pc-erased-before";

/// When it was erased: after what the made-up logs say, and before the last chunk's times.
const ERASED_MS: i64 = 1_900_000_000_000;

fn under(chunks: &[Chunk], endpoint: &str, received_ms: i64) -> Vec<Chunk> {
    let renamed = chunks.iter().cloned().map(|mut chunk| {
        endpoint.clone_into(&mut chunk.endpoint);
        chunk.received_ms = received_ms;
        chunk
    });
    renamed.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_stays_away_and_what_is_logged_later_comes() {
    let store = store().await;
    let live = Pipeline::start_with(quick(), store.clone()).await.unwrap();
    let all = logs(5);
    assert!(!all.is_empty());
    let chunks: Vec<Chunk> = all
        .iter()
        .flat_map(|log| cut(ID, log, log.bytes.len(), 16 << 10))
        .collect();
    let alias = Alias {
        alias: OLD.to_owned(),
        endpoint: ID.to_owned(),
        kind: AliasKind::Merged,
        state: AliasState::Active,
        changed_ms: 1,
        by: "made up".to_owned(),
    };
    store.put_alias("default", &alias).await.unwrap();
    let before = ERASED_MS - 1;
    live.handle()
        .store(under(&chunks, ID, before))
        .await
        .unwrap();
    settle(&store, ID).await;
    live.stop().await.unwrap();

    let names = store.names_to_erase("default", ID).await.unwrap();
    assert!(names.ids.contains(OLD));
    let erased: Vec<Erased<'_>> = names.ids.iter().map(|id| Erased::Id(id)).collect();
    store
        .put_erasures("default", "made-up-key", &erased, ERASED_MS)
        .await
        .unwrap();
    let of = Erasing {
        tenant: "default".to_owned(),
        mark: "erased:01".to_owned(),
        names,
        actor: "made up (uid 1)".to_owned(),
        at_ms: ERASED_MS,
    };
    let gone = store.erase(&of, &|_| {}).await.unwrap();
    for table in ["chunks", "events", "coverage", "derivations", "aliases"] {
        assert!(gone.contains_key(table), "{table}: {gone:?}");
    }

    // A pipeline that starts now, as after a rewind of Kafka: the same chunks as they were, sent once more, and under the other name, which
    // stands for nothing any more. Beside them another machine's.
    let again = Pipeline::start_with(quick(), store.clone()).await.unwrap();
    for (endpoint, received_ms) in [
        (ID, before),
        (ID, ERASED_MS + 1),
        (OLD, before),
        (OLD, ERASED_MS + 1),
    ] {
        let mut sent = under(&chunks, endpoint, received_ms);
        sent.extend(under(&chunks[..1], "pc-beside", received_ms));
        again.handle().store(sent).await.unwrap();
    }
    let counts = again.status().counts();
    assert_eq!(counts.erased, 4 * chunks.len() as u64);
    assert_eq!(counts.chunks, 4);
    assert_eq!(counts.read, counts.erased + counts.chunks);
    assert_eq!(store.rows_left(&of).await.unwrap(), 0);
    let (_, found) = store.search_erased(&of, &|_| {}).await.unwrap();
    assert_eq!(found, []);

    // What it logs from then on is kept.
    let mut later = chunks[0].clone();
    later.text = "2031-01-01 10:00:00, Info                  CBS    made up\r\n".to_owned();
    later.length = later.text.len() as u64;
    later.received_ms = ERASED_MS + 1;
    again.handle().store(vec![later]).await.unwrap();
    assert_eq!(store.chunks_held("default", ID).await.unwrap(), 1);
    assert_eq!(again.status().counts().erased, counts.erased);
    again.stop().await.unwrap();
}
