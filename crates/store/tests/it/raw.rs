//! Windows of raw text, resuming and imports.

use crate::harness::{TENANT, put, store};
use event::{Source, StreamId};
use store::{Import, RawWindow, testing};

const STREAM: StreamId = StreamId(7 << 32);

const LOG: &str = "2022-08-18 15:53:46 one\n2022-08-18 15:53:47 two\n2022-08-18 15:53:48 three\n2022-08-18 15:53:49 four\n";

/// The bytes a reader of the window sees.
fn shown(window: &RawWindow) -> String {
    window
        .slices
        .iter()
        .map(|slice| {
            &slice.text[(slice.from - slice.offset) as usize..(slice.until - slice.offset) as usize]
        })
        .collect()
}

#[tokio::test]
async fn overlapping_cuts_show_each_byte_once() {
    let store = store().await;
    let endpoint = "raw-cuts";
    for (from, to) in [(0, 48), (24, 74), (0, 24), (48, LOG.len()), (0, 48)] {
        put(
            &store,
            vec![testing::rows(endpoint, from as u64, &LOG[from..to], false)],
        )
        .await;
    }
    let window = store
        .raw_window(TENANT, endpoint, STREAM, 30, 1_000, 1_000)
        .await
        .expect("read");
    assert_eq!(shown(&window), LOG);
    assert_eq!(
        (window.first, window.end, window.expired),
        (0, LOG.len() as u64, false)
    );
    let near = store
        .raw_window(TENANT, endpoint, STREAM, 24, 0, 0)
        .await
        .expect("read");
    assert!(shown(&near).contains("two") && !shown(&near).contains("four"));
}

#[tokio::test]
async fn an_unknown_stream_and_a_hole_are_told_from_expired_text() {
    let store = store().await;
    let endpoint = "raw-hole";
    put(&store, vec![testing::rows(endpoint, 48, &LOG[48..], false)]).await;
    let window = store
        .raw_window(TENANT, endpoint, STREAM, 50, 10, 10)
        .await
        .expect("read");
    assert!(!window.expired && shown(&window).contains("three"));
    let nothing = store
        .raw_window(TENANT, endpoint, StreamId(1), 0, 10, 10)
        .await
        .expect("read");
    assert_eq!(nothing, RawWindow::default());
}

#[tokio::test]
async fn a_sender_goes_on_behind_what_is_stored_without_a_hole() {
    let store = store().await;
    let endpoint = "raw-resume";
    let next = async || {
        store
            .next_offset(TENANT, endpoint, STREAM)
            .await
            .expect("read")
    };
    assert_eq!(next().await, 0);
    put(
        &store,
        vec![testing::rows(endpoint, 24, &LOG[24..48], false)],
    )
    .await;
    assert_eq!(next().await, 0);
    put(&store, vec![testing::rows(endpoint, 0, &LOG[..24], false)]).await;
    assert_eq!(next().await, 48);
    // The last record may go on, so its piece is sent again when it does.
    put(&store, vec![testing::rows(endpoint, 48, &LOG[48..], true)]).await;
    assert_eq!(next().await, 48);
    put(&store, vec![testing::rows(endpoint, 48, &LOG[48..], false)]).await;
    assert_eq!(next().await, LOG.len() as u64);
}

#[tokio::test]
async fn a_file_counts_as_imported_only_while_its_bytes_are_covered() {
    let store = store().await;
    let endpoint = "raw-import";
    let import = Import {
        tenant: TENANT.to_owned(),
        endpoint: endpoint.to_owned(),
        digest: "ab".repeat(32),
        source: Source::Cbs,
        stream: STREAM,
        path: "CBS.log".to_owned(),
        bytes: LOG.len() as u64,
    };
    let imported = async || {
        store
            .imported(TENANT, endpoint, &import.digest)
            .await
            .expect("read")
    };
    assert_eq!(imported().await, None);
    store.record_import(&import).await.expect("record");
    assert_eq!(imported().await, None);
    put(&store, vec![testing::rows(endpoint, 0, LOG, true)]).await;
    assert_eq!(imported().await, Some((STREAM, LOG.len() as u64)));
    let other = store.imported(TENANT, "raw-import-other", &import.digest);
    assert_eq!(other.await.expect("read"), None);
}
