//! A chunk that ends the pipeline's process whenever that works on it: what becomes of it, and of everything else.

use crate::harness::{Cluster, Role, until};
use crate::single::{block_on, get, text};
use crate::truth::check_books;
use event::{Chunk, Format, Source, StreamId, TextEncoding};
use kafka_harness::{Faults, Proxy};
use queue::Producer;
use queue::record::encode;

/// Stands in the text of the one chunk, and nowhere else.
const MARKER: &str = "QUARANTINE-ME";

/// Records of each endpoint.
const EACH: u64 = 6;

/// One chunk of one record that means something.
fn chunk(endpoint: &str, number: u64, said: &str) -> Chunk {
    let text = format!(
        "2024-05-01 08:00:{number:02}, Error                 CBS    made up {said} {endpoint} {number} [HRESULT = 0x80073712 - ERROR_SXS_COMPONENT_STORE_CORRUPT]\r\n"
    );
    Chunk {
        tenant: "default".to_owned(),
        endpoint: endpoint.to_owned(),
        source: Source::Cbs,
        stream: StreamId(number),
        path: "CBS.log".to_owned(),
        offset: 0,
        length: text.len() as u64,
        encoding: TextEncoding::Utf8,
        format: Format::Wds,
        open: false,
        sender: "test".to_owned(),
        // Nobody noted it, so the text is kept.
        received_ms: 0,
        text,
    }
}

/// The process is ended from outside at the very moment in which the chunk's rows go to the store: as a process would be that
/// needs more memory for them than there is. The binary has no way to be told to end itself.
#[test]
fn a_chunk_that_ends_its_process_is_kept_and_the_rest_flows() {
    let cluster = Cluster::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let proxy = runtime.block_on(Proxy::start()).unwrap();
    let store = cluster.engine.address("engine").replace("http://", "");
    proxy.forward_to(store.parse().unwrap());
    proxy.set(Faults {
        hold_body: Some(("INSERT+INTO+%60events%60".to_owned(), MARKER.to_owned())),
        ..Faults::default()
    });

    let endpoints = ["quarantine-0", "quarantine-1", "quarantine-2"];
    block_on(async {
        let config = cluster.queue();
        queue::topics::ensure(&config).await.unwrap();
        let producer = Producer::new(&config).unwrap();
        let poison = encode(chunk(endpoints[0], 0, MARKER));
        producer.send_again(vec![poison]).await.unwrap();
        for number in 0..EACH {
            for endpoint in endpoints {
                if (endpoint, number) != (endpoints[0], 0) {
                    let good = encode(chunk(endpoint, number, "good"));
                    producer.send_again(vec![good]).await.unwrap();
                }
            }
        }
    });
    let total = EACH as i64 * endpoints.len() as i64;

    let url = format!("http://{}", proxy.address());
    let start = || -> Role {
        // A session as short as the broker lets it be: each killed one is missed for so long.
        let settings = [
            ("STORE__URL", url.as_str()),
            ("QUEUE__SESSION_TIMEOUT", "2s"),
        ];
        cluster.pipeline_with("pipeline", &settings)
    };
    let letters = || cluster.sql("SELECT stage, reason, payload FROM dead_letters FINAL");
    // Asked before each start: the chunk may be met before this thread has its turn again.
    let mut held = proxy.held();
    let (mut pipeline, mut deaths) = (start(), 0);
    loop {
        // Either it works on the chunk, or has put it aside.
        let is_kept = until("the chunk is met", || {
            if proxy.held() > held {
                return Some(false);
            }
            (!letters().is_empty()).then_some(true)
        });
        if is_kept {
            break;
        }
        assert_eq!(letters(), "", "kept before it was worked on");
        pipeline.kill();
        deaths += 1;
        assert!(deaths < 12, "it is met again and again");
        // What the dead one held goes with it.
        proxy.cut();
        held = proxy.held();
        pipeline = start();
    }
    // Unawares, then in windows of 512, 64 and 8, then three times alone; on a busy machine a session that ends by itself counts
    // as one of them.
    assert!((5..=7).contains(&deaths), "{deaths}");
    let payload = chunk(endpoints[0], 0, MARKER).text;
    let kept = letters();
    assert!(kept.starts_with("process\tdied_alone\t"), "{kept}");
    assert!(kept.contains(payload.trim_end()), "{kept}");

    // Everything else flows, behind it and beside it, while it would still end the process.
    until("the rest is stored", || {
        (chunks(&cluster, "") == total - 1).then_some(())
    });
    assert_eq!(chunks(&cluster, endpoints[0]), EACH as i64 - 1);
    cluster.settle(&[&pipeline]);
    assert_eq!(pipeline.metric("cbsift_pipeline_dead_letters_total"), 1.0);
    check_books(&pipeline);
    until("all is committed", || {
        (cluster.committed().values().sum::<i64>() == total).then_some(())
    });
    let (status, body) = get(&format!("{}/readyz", pipeline.address("health")));
    assert_eq!(status, 200, "{body}");

    // The cause is mended: it becomes what it should have been.
    proxy.set(Faults::default());
    let retried = cluster
        .command("dead-letters")
        .args(["retry", "--all"])
        .output()
        .unwrap();
    assert!(retried.status.success(), "{}", text(&retried.stderr));
    until("it is stored too", || {
        (chunks(&cluster, endpoints[0]) == EACH as i64).then_some(())
    });
    cluster.settle(&[&pipeline]);
    check_books(&pipeline);
    pipeline.stop();
}

/// Chunks stored of an endpoint, or of all.
fn chunks(cluster: &Cluster, endpoint: &str) -> i64 {
    let count = cluster.sql(&format!(
        "SELECT count() FROM chunks FINAL WHERE startsWith(endpoint, '{endpoint}')"
    ));
    count.trim().parse().unwrap()
}
