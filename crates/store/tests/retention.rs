//! Making room, in a process of its own: it removes text of every endpoint there is.

#[path = "it/harness.rs"]
#[expect(dead_code, reason = "shared with the larger binary")]
mod harness;

use event::StreamId;
use harness::{TENANT, answers, put, store};
use store::testing;

const STREAM: StreamId = StreamId(7 << 32);

#[tokio::test]
async fn the_oldest_days_go_first_and_everything_found_stays() {
    let store = store().await;
    let days = [
        "2022-06-30",
        "2022-07-01",
        "2022-08-17",
        "2022-08-18",
        "2022-08-19",
    ];
    let mut at = 0;
    for day in days {
        // Different text per day, so that each takes space.
        let text: String = (0..2_000)
            .map(|line: u64| {
                format!(
                    "{day} 15:53:46 line {:016x}\n",
                    (line + at).wrapping_mul(0x9E37_79B9_7F4A_7C15)
                )
            })
            .collect();
        put(&store, vec![testing::rows("kept", at, &text, false)]).await;
        at += text.len() as u64;
    }
    let before = answers(&store, "kept", 202208).await;
    let used = store.disk_used().await.expect("space");
    assert!(used > 0);
    let held = async || {
        store
            .held_bytes(TENANT, "kept")
            .await
            .expect("held")
            .get(&STREAM)
            .copied()
            .unwrap_or(0)
    };
    let day_bytes = at / days.len() as u64;

    assert_eq!(store.free_oldest_raw(0).await.expect("free"), 0);
    assert_eq!(held().await, at);
    // One byte is on the oldest day, a month of its own.
    assert_eq!(store.free_oldest_raw(1).await.expect("free"), 1);
    assert_eq!(held().await, at - day_bytes);
    // More than the next month holds: it goes, and one day of the month after.
    let month: u64 = store.raw_bytes_on_disk("202207").await.expect("space");
    assert_eq!(store.free_oldest_raw(month + 1).await.expect("free"), 2);
    assert_eq!(held().await, 2 * day_bytes);
    let window = store
        .raw_window(TENANT, "kept", STREAM, 0, 0, 0)
        .await
        .expect("read");
    assert!(window.expired && window.slices.is_empty());
    let window = store
        .raw_window(TENANT, "kept", STREAM, at - 1, 0, 0)
        .await
        .expect("read");
    assert!(!window.expired && window.slices.len() == 1);
    assert_eq!(answers(&store, "kept", 202208).await, before);
    // Everything may go; there is nothing more to free then.
    assert_eq!(store.free_oldest_raw(u64::MAX).await.expect("free"), 2);
    assert_eq!(store.free_oldest_raw(u64::MAX).await.expect("free"), 0);
}
