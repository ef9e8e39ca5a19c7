//! Time, cores and the printed rows.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Runs of a pure leg; the median of fewer jumps on a shared machine.
const RUNS: usize = 5;

/// Seconds by the clock and of CPU.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    wall: f64,
    cpu: f64,
}

impl Took {
    /// CPU seconds.
    pub(crate) fn cpu(self) -> f64 {
        self.cpu
    }
}

/// Median time of the runs, and the answer, which must be the same each time.
pub(crate) fn measure<T: PartialEq + std::fmt::Debug>(leg: impl Fn() -> T) -> (Took, T) {
    let mut answer = None;
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (start, cpu) = (Instant::now(), thread_cpu());
        let result = black_box(leg());
        walls.push(start.elapsed().as_secs_f64());
        cpus.push(thread_cpu() - cpu);
        match &answer {
            None => answer = Some(result),
            Some(first) => assert_eq!(*first, result, "runs differ"),
        }
    }
    let median = |mut of: Vec<f64>| {
        of.sort_by(f64::total_cmp);
        of[of.len() / 2]
    };
    let took = Took {
        wall: median(walls),
        cpu: median(cpus),
    };
    (took, answer.expect("there was a run"))
}

pub(crate) fn row(name: &str, bytes: usize, took: Took, budget: Option<f64>, checked: &str) {
    let megabytes = bytes as f64 / 1e6;
    print_row(
        name,
        megabytes / took.cpu,
        megabytes / took.wall,
        took.cpu,
        budget,
        checked,
    );
}

pub(crate) fn print_row(
    name: &str,
    speed: f64,
    wall: f64,
    cpu: f64,
    budget: Option<f64>,
    checked: &str,
) {
    let mut line = format!("| {name} | {speed:.0} | {wall:.0} | {cpu:.2} |");
    let _ = match budget {
        Some(budget) => write!(
            line,
            " {budget:.0} | {} |",
            if speed >= budget { "ok" } else { "below" }
        ),
        None => write!(line, " | |"),
    };
    println!("{line} {checked} |");
}

/// CPU seconds of this thread; the kernel keeps nanoseconds.
fn thread_cpu() -> f64 {
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with schedstat");
    let nanoseconds: f64 = text
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a number");
    nanoseconds / 1e9
}

/// Keeps this thread on the last core, where fewer interrupts land than on the first.
pub(crate) fn pin() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let thread = std::fs::read_link("/proc/thread-self").ok();
    let id = thread
        .as_deref()
        .and_then(Path::file_name)
        .unwrap_or_default();
    let core = (cores - 1).to_string();
    let pinned = Command::new("taskset")
        .args(["-pc", &core])
        .arg(id)
        .output();
    if !pinned.is_ok_and(|output| output.status.success()) {
        eprintln!("not pinned: `taskset` is missing or refused");
    }
}

pub(crate) fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("?", |(_, name)| name);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{cores} x {model}; load at start {}",
        load.split(' ').next().unwrap_or("?")
    )
}
