//! What an agent knows to be lost the intake hears, once, and again from the next process.

use crate::agent::{Agent, until};
use crate::evtx::ring;
use crate::support::{ENDPOINT_TOKEN, Server};
use event::GapReason;
use ingest::Config;
use std::fs;

/// Gaps that the intake has heard of: reason, first and last record, as often as they came.
fn gaps(server: &Server) -> Vec<(GapReason, u64, u64)> {
    let chunks = server.sink.chunks();
    let gaps = chunks.iter().filter_map(|chunk| {
        let (path, reason) = chunk.gap()?;
        assert!(path.ends_with("System.evtx"), "{path}");
        Some((reason, chunk.offset, chunk.offset + chunk.length))
    });
    gaps.collect()
}

/// Whether the intake has a record.
fn has_record(server: &Server, record: u64) -> bool {
    let chunks = server.sink.chunks();
    let mut lines = chunks.iter().flat_map(|chunk| chunk.text.lines());
    lines.any(|line| {
        let read = parse::event_json::read(line);
        read.and_then(|event| event.record_id) == Some(record)
    })
}

#[test]
fn records_that_were_overwritten_are_told_to_the_intake() {
    let server = Server::start(Config::default());
    let mut agent = Agent::new(&server, ENDPOINT_TOKEN, "Logs");
    let logs = agent.path("logs/Logs");
    fs::create_dir_all(&logs).unwrap();
    let path = logs.join("System.evtx");
    fs::write(&path, ring(&[(1, 10)])).unwrap();
    agent.start();
    until("the first records", || {
        has_record(&server, 10).then_some(())
    });
    assert_eq!(gaps(&server), []);
    agent.kill();
    // The ring went round while nobody looked.
    fs::write(&path, ring(&[(41, 50)])).unwrap();
    agent.start();
    until("what was overwritten", || {
        (gaps(&server) == [(GapReason::Overwritten, 11, 41)]).then_some(())
    });
    assert!(has_record(&server, 50));
    // The same process tells nothing twice, though more comes.
    fs::write(&path, ring(&[(41, 60)])).unwrap();
    until("the next records", || has_record(&server, 60).then_some(()));
    assert_eq!(gaps(&server).len(), 1);
    // The next one does not know what was told, and the store takes it for the same.
    agent.kill();
    fs::write(&path, ring(&[(41, 61)])).unwrap();
    agent.start();
    until("the last record", || has_record(&server, 61).then_some(()));
    until("what it was told again", || {
        (gaps(&server) == [(GapReason::Overwritten, 11, 41); 2]).then_some(())
    });
}
