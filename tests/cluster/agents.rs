//! Three agents that stay, two intakes, Kafka, two pipelines: how soon an append is on a page, and that nothing that happens on the way changes an answer.

use crate::agent::Machine;
use crate::harness::{Cluster, Role, until};
use crate::single::{PATIENCE, get, text};
use crate::truth::{check_books, check_intake_books, expected, streams_of};
use kafka_harness::free_port;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const NAMES: [&str; 3] = ["PC-1", "PC-2", "PC-3"];

/// Failures of each machine whose way to the page is measured.
const MEASURED: usize = 20;

/// Between two failures of one machine.
const BETWEEN: Duration = Duration::from_millis(400);

/// Between two looks at a page: the precision of what is measured.
const LOOK: Duration = Duration::from_millis(50);

/// Between two lines while things break.
const LINES: Duration = Duration::from_millis(20);

/// Every so many lines one is a failure, and every so many of those the log is rotated.
const FAILS: usize = 25;
const ROTATES: usize = 4;

/// What is made up of a machine's log.
#[derive(Default)]
struct Log {
    lines: usize,
    failures: usize,
    rotations: usize,
}

impl Log {
    /// The beginning of the next line; no two are alike.
    fn head(&mut self) -> String {
        self.lines += 1;
        let second = self.lines;
        format!(
            "2024-05-{:02} {:02}:{:02}:{:02}, Info                  CBS   ",
            1 + second / 86_400,
            second / 3_600 % 24,
            second / 60 % 60,
            second % 60
        )
    }

    fn line(&mut self) -> String {
        let head = self.head();
        format!("{head} made up: tray {} is fed\r\n", self.lines)
    }

    /// An update that fails, and its number.
    fn failure(&mut self) -> (String, String) {
        self.failures += 1;
        let kb = format!("KB5{:06}", self.failures);
        let package = format!("Package_for_{kb}~31bf3856ad364e35~amd64~~1.1.1.1");
        let session = self.failures;
        let text = format!(
            "{} Exec: Processing started.  Client: WindowsUpdateAgent, Session: 1_{session}, Package: {package}, Identifier: {kb}\r\n\
             {} Exec: Processing complete.  Session: 1_{session}, Package: {package}, Identifier: {kb} [HRESULT = 0x80070570 - ERROR_FILE_CORRUPT]\r\n",
            self.head(),
            self.head()
        );
        (kb, text)
    }

    /// What is written next, while things break.
    fn next(&mut self, machine: &Machine) {
        if !self.lines.is_multiple_of(FAILS) {
            return machine.append(&self.line());
        }
        let (_, text) = self.failure();
        machine.append(&text);
        if self.failures.is_multiple_of(ROTATES) {
            self.rotations += 1;
            machine.rotate(self.rotations);
            machine.append(&self.line());
        }
    }
}

fn create_token(cluster: &Cluster, name: &str) -> String {
    let made = cluster
        .command("tokens")
        .args(["create", "--kind", "endpoint", "--id", name])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    text(&made.stdout).trim().to_owned()
}

/// From an append to the page that shows its failure, in seconds.
fn append_to_page(page: &str, machines: &[Machine], logs: &mut [Log]) -> Vec<f64> {
    let seen: Mutex<Vec<f64>> = Mutex::default();
    std::thread::scope(|scope| {
        for (machine, log) in machines.iter().zip(logs) {
            let seen = &seen;
            scope.spawn(move || {
                for _ in 0..MEASURED {
                    let (kb, text) = log.failure();
                    machine.append(&text);
                    let start = Instant::now();
                    scope.spawn(move || {
                        let address = format!("{page}/api/v1/endpoints/{}", machine.name);
                        until("the failure is on the page", || {
                            std::thread::sleep(LOOK);
                            let (status, answer) = get(&address);
                            (status == 200 && answer.contains(&kb)).then_some(())
                        });
                        seen.lock().unwrap().push(start.elapsed().as_secs_f64());
                    });
                    std::thread::sleep(BETWEEN);
                }
            });
        }
    });
    let mut seen = seen.into_inner().unwrap();
    seen.sort_by(f64::total_cmp);
    seen
}

/// The files of a machine, as the streams that the store holds.
fn check(cluster: &Cluster, machine: &Machine) {
    let files = crate::fixtures::files(&machine.logs());
    let mut written: Vec<String> = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let mut held: Vec<String> = streams_of(cluster, &machine.name).into_values().collect();
    written.sort();
    held.sort();
    assert!(
        written == held,
        "{}: {} files of {} bytes, {} streams of {} bytes",
        machine.name,
        written.len(),
        written.concat().len(),
        held.len(),
        held.concat().len()
    );
    let expected = expected(&machine.name, &machine.logs(), None);
    assert_eq!(cluster.answers(&machine.name), expected, "{}", machine.name);
}

#[test]
fn what_agents_send_is_answered_like_their_trees_whatever_breaks() {
    let is_soak = std::env::var_os("CBSIFT_SOAK").is_some();
    let mut cluster = Cluster::start();
    cluster.set("STORE__TOKENS_REFRESH", "300ms");
    cluster.set("QUEUE__MESSAGE_TIMEOUT", "3s");
    let ports = [free_port(), free_port()];
    let mut intakes = ports.map(|port| cluster.ingest_at(&format!("ingest {port}"), port));
    let mut pipelines = [
        cluster.pipeline("pipeline 1"),
        cluster.pipeline("pipeline 2"),
    ];
    let web = Role::start("web", cluster.command("web"), &["page", "health"]);
    cluster.owned_by(&[&pipelines[0], &pipelines[1]]);
    let mut machines: Vec<Machine> = NAMES
        .iter()
        .enumerate()
        .map(|(number, name)| {
            Machine::new(name, &intakes[number % 2], &create_token(&cluster, name))
        })
        .collect();
    let mut logs: Vec<Log> = NAMES.iter().map(|_| Log::default()).collect();
    for (machine, log) in machines.iter_mut().zip(&mut logs) {
        let backlog: String = (0..2_000).map(|_| log.line()).collect();
        machine.append(&backlog);
        machine.start();
    }
    for machine in &machines {
        let bytes = std::fs::metadata(machine.logs().join("CBS.log"))
            .unwrap()
            .len();
        cluster.stored(&machine.name, bytes);
    }

    let page = web.address("page").trim_end_matches('/');
    let seen = append_to_page(page, &machines, &mut logs);
    assert_eq!(seen.len(), NAMES.len() * MEASURED);
    let at = |share: usize| seen[(seen.len() * share).div_ceil(100) - 1];
    eprintln!(
        "append -> page, {} failures of {} machines: p50 {:.2} s, p99 {:.2} s, at most {:.2} s",
        seen.len(),
        NAMES.len(),
        at(50),
        at(99),
        at(100)
    );

    // Lines go on whatever happens.
    let (machines, logs) = (Mutex::new(machines), Mutex::new(logs));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let machines = machines.lock().unwrap();
                for (machine, log) in machines.iter().zip(logs.lock().unwrap().iter_mut()) {
                    log.next(machine);
                }
                drop(machines);
                std::thread::sleep(LINES);
            }
        });
        let ended = EndsWriter(&is_over);
        for pause in [1_500, 50, 700] {
            for machine in machines.lock().unwrap().iter_mut() {
                machine.kill();
            }
            std::thread::sleep(Duration::from_millis(pause));
            for machine in machines.lock().unwrap().iter_mut() {
                machine.start();
            }
            std::thread::sleep(Duration::from_millis(500));
        }

        // A killed intake answers nothing, whatever it had under way.
        intakes[0].kill();
        let away = if is_soak { 120 } else { 4 };
        std::thread::sleep(Duration::from_secs(away));
        intakes[0] = cluster.ingest_at("ingest anew", ports[0]);

        cluster.broker.kill();
        until("an intake says that Kafka is away", || {
            let (status, _) = get(&format!("{}/readyz", intakes[1].address("health")));
            (status == 503).then_some(())
        });
        cluster.broker.restart();

        cluster.run(&["tokens", "revoke", NAMES[1]]);
        until("the agent says that its token is refused", || {
            let machines = machines.lock().unwrap();
            machines[1].agent().has_said("401").then_some(())
        });
        let token = create_token(&cluster, NAMES[1]);
        machines.lock().unwrap()[1].show(&token);
        drop(ended);
    });
    let machines = machines.into_inner().unwrap();
    // An agent whose intake was away for long asks it again within two minutes.
    let deadline = Instant::now() + PATIENCE + Duration::from_secs(120);
    for machine in &machines {
        let files = crate::fixtures::files(&machine.logs());
        let bytes: u64 = files
            .iter()
            .map(|file| std::fs::metadata(file).unwrap().len())
            .sum();
        while cluster.answers(&machine.name).covered_bytes < bytes {
            assert!(
                Instant::now() < deadline,
                "{} of {bytes} bytes of {} are stored",
                cluster.answers(&machine.name).covered_bytes,
                machine.name
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    cluster.settle(&[&pipelines[0], &pipelines[1]]);
    for machine in &machines {
        check(&cluster, machine);
    }
    let rotations: usize = logs
        .into_inner()
        .unwrap()
        .iter()
        .map(|log| log.rotations)
        .sum();
    assert!(rotations > NAMES.len(), "{rotations} rotations");
    drop(machines);
    for intake in &mut intakes {
        check_intake_books(intake);
        intake.stop();
    }
    for pipeline in &mut pipelines {
        check_books(pipeline);
        pipeline.stop();
    }
}

/// Ends the writer, also where an assertion fails: the scope waits for it.
struct EndsWriter<'a>(&'a AtomicBool);

impl Drop for EndsWriter<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
