//! Files into Kafka by an agent that stays: what waits for it when it starts, of one machine and of many, and then what is appended.

use crate::agent::Machine;
use crate::harness::{Cluster, Role, TOKEN, until};
use crate::process::{cpu, memory_of};
use crate::{BYTES, logs, row, size};
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Bytes of one append, how many there are, and between two of them: a fleet of a thousand of which each writes one in ten seconds.
const APPEND: usize = 16 << 10;
const APPENDS: usize = 2_000;
const BETWEEN: Duration = Duration::from_millis(10);

/// Machines of a share.
const SHARED: usize = 16;

pub(crate) fn run(cluster: &Cluster) {
    for bound in ["256 KiB", "16 KiB"] {
        leg(cluster, 1, bound);
        leg(cluster, SHARED, bound);
    }
}

/// The same bytes in the logs of so many machines.
fn leg(cluster: &Cluster, machines: usize, bound: &str) {
    // An intake whose books begin here.
    let mut command = cluster.command("ingest");
    command.env("CBSIFT__INGEST__CHUNK_MAX", bound);
    let intake = Role::start("ingest", command, &["intake", "health"]);
    let mut agent = Machine::following("staying", &intake, TOKEN, "{endpoint}/CBS/*");
    let root = agent
        .logs()
        .parent()
        .expect("a folder of its own")
        .to_owned();
    // Its own folder of logs would be a machine's.
    std::fs::remove_dir(agent.logs()).expect("it is empty");
    let paths = logs();
    let rounds = BYTES.div_ceil(size(&paths) * machines);
    let logs: Vec<PathBuf> = (0..machines)
        .map(|number| root.join(format!("pc-{machines}-{number:02}/CBS/CBS.log")))
        .collect();
    let mut bytes = 0;
    for log in &logs {
        std::fs::create_dir_all(log.parent().expect("a folder")).expect("room");
        let mut file = File::create(log).expect("room");
        for path in std::iter::repeat_n(&paths, rounds).flatten() {
            let text = std::fs::read(path).expect("a file just listed");
            file.write_all(&text).expect("room");
            bytes += text.len();
        }
    }
    let acknowledged = |bytes: usize| {
        until("all is acknowledged", || {
            (intake.metric("cbsift_ingest_bytes_total") >= bytes as f64).then_some(())
        });
    };
    let before = cpu(intake.id());
    let start = Instant::now();
    agent.start();
    let id = agent.agent().id();
    acknowledged(bytes);
    let wall = start.elapsed().as_secs_f64();
    let (of_agent, of_intake) = (cpu(id), cpu(intake.id()) - before);
    let records = || intake.metric("cbsift_queue_produced_total");
    row(
        &format!("agent -> Kafka, backlog, {machines} machines, chunks of {bound}"),
        bytes,
        of_agent + of_intake,
        None,
        wall,
        &format!("{of_agent:.2} agent, {of_intake:.2} ingest"),
        &format!(
            "{} records acknowledged by Kafka; {:.0} MiB at most in the agent",
            records(),
            memory_of(id, "VmHWM:")
        ),
    );

    let text = std::fs::read(&paths[0]).expect("a file just listed");
    let mut pieces = text.chunks(APPEND).cycle();
    let (before, known) = ((cpu(id), cpu(intake.id())), records());
    let start = Instant::now();
    let mut appended = 0;
    for number in 0..APPENDS {
        let due = start + BETWEEN * u32::try_from(number).expect("a few");
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let piece = pieces.next().expect("it goes on");
        let file = File::options().append(true).open(&logs[number % machines]);
        file.and_then(|mut file| file.write_all(piece))
            .expect("room");
        appended += piece.len();
    }
    acknowledged(bytes + appended);
    let (of_agent, of_intake) = (cpu(id) - before.0, cpu(intake.id()) - before.1);
    row(
        &format!("agent -> Kafka, live, {machines} machines, chunks of {bound}"),
        appended,
        of_agent + of_intake,
        None,
        start.elapsed().as_secs_f64(),
        &format!("{of_agent:.2} agent, {of_intake:.2} ingest"),
        &format!("{APPENDS} appends, {} records", records() - known),
    );
}
