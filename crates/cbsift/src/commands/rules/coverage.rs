//! `cbsift rules coverage`: what the rules do on a corpus, what they do not know, and what they cost.

use super::Files;
use crate::progress::Progress;
use crate::report::counted;
use clap::Args;
use classify::{Clusters, Inspector, Rules, Sample};
use event::Chunk;
use files::{FileChunks, LogFile};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often each rule fires on logs, what no rule knows yet, and what each rule costs
#[derive(Args)]
pub(crate) struct Arguments {
    /// Logs, or folders of logs
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Folder of rule files (*.yaml) [default: the shipped rules]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// At most so many unclassified clusters
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

/// Chunk size; the answer does not depend on it.
const CHUNK_BYTES: usize = 256 * 1024;

/// Records kept to measure costs on: enough for rare ones to be among them, some 20 MB.
const MAX_SAMPLES: usize = 65_536;

/// The shortest of so many passes is taken: it is the one that others disturbed least.
const PASSES: usize = 3;

/// Characters of an example.
const MAX_EXAMPLE: usize = 300;

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let files = Files::of(arguments.rules.as_deref())?;
    let rules = match files.load() {
        Ok(rules) => rules,
        Err(faults) => return super::refuse(&faults),
    };
    let progress = Progress::new(arguments.quiet);
    let found = files::find(&arguments.paths);
    progress.start(found.logs.iter().map(|log| log.bytes).sum());
    let mut coverage = Coverage::new(&rules);
    let mut failed: Vec<String> = found.failed.iter().map(ToString::to_string).collect();
    for log in &found.logs {
        progress.at(&log.path.to_string_lossy());
        if let Err(error) = coverage.read(log, &progress) {
            failed.push(error.to_string());
        }
    }
    progress.end();
    failed.append(&mut coverage.failed);
    for failure in &failed {
        crate::log::complain(failure);
    }
    anyhow::ensure!(
        !found.logs.is_empty(),
        "no log found\nhint: name a log or a folder that holds logs"
    );
    let costs = coverage.costs();
    super::super::print(&coverage.shown(found.logs.len(), &costs, arguments.top))?;
    Ok(ExitCode::from(u8::from(!failed.is_empty())))
}

struct Coverage<'r> {
    rules: &'r Rules,
    fired: Vec<u64>,
    records: u64,
    matched: u64,
    clusters: Clusters,
    samples: Samples,
    /// Chunks that could not be examined.
    failed: Vec<String>,
}

/// What rules cost, in time per record of the sample.
struct Costs {
    set: Duration,
    rules: Vec<Duration>,
    /// Samples that get past the shared search for literals, by rule.
    candidates: Vec<usize>,
    samples: usize,
}

impl<'r> Coverage<'r> {
    fn new(rules: &'r Rules) -> Self {
        Self {
            rules,
            fired: vec![0; rules.iter().count()],
            records: 0,
            matched: 0,
            clusters: Clusters::default(),
            samples: Samples::default(),
            failed: Vec::new(),
        }
    }

    fn read(&mut self, log: &LogFile, progress: &Progress) -> Result<(), files::FileError> {
        let mut inspector = Inspector::new(self.rules);
        let path = log.path.to_string_lossy();
        let mut line = 1;
        for cut in FileChunks::open(log, CHUNK_BYTES)? {
            let piece = cut?.piece;
            let chunk = Chunk {
                tenant: "default".to_owned(),
                endpoint: "local".to_owned(),
                source: log.source,
                stream: event::StreamId(0),
                path: String::new(),
                offset: piece.offset,
                length: piece.length,
                encoding: log.encoding,
                format: log.format,
                open: piece.open,
                sender: String::new(),
                received_ms: 0,
                text: piece.text,
            };
            progress.add(chunk.length);
            let mut at = 0;
            let text = chunk.text.as_bytes();
            let inspect = || {
                inspector.inspect(&chunk, |record| {
                    let between = text.get(at..record.offset).unwrap_or_default();
                    line += memchr::memchr_iter(b'\n', between).count() as u64;
                    at = record.offset;
                    self.records += 1;
                    self.matched += u64::from(!record.rules.is_empty());
                    for rule in record.rules {
                        self.fired[*rule] += 1;
                    }
                    if record.is_unclassified {
                        let message = format!("{} {}", record.component, record.text);
                        self.clusters
                            .add(&message, || format!("{}:{line}", harmless::line(&path)));
                    }
                    self.samples.offer(|| record.sample());
                })
            };
            // As `scan` does: what fails on one chunk says nothing of the others.
            if catch_unwind(AssertUnwindSafe(inspect)).is_err() {
                self.failed.push(format!(
                    "cannot examine {} bytes from byte {} of `{}`: this build fails on them",
                    chunk.length,
                    chunk.offset,
                    harmless::line(&path)
                ));
                inspector = Inspector::new(self.rules);
            }
            line += memchr::memchr_iter(b'\n', text.get(at..).unwrap_or_default()).count() as u64;
        }
        Ok(())
    }

    /// Measured after reading, on records in memory, so that a disk does not count.
    fn costs(&self) -> Costs {
        let samples = &self.samples.kept;
        let mut inspector = Inspector::new(self.rules);
        let set = shortest(|| samples.iter().map(|one| inspector.matching(one)).sum());
        let (mut rules, mut candidates) = (Vec::new(), Vec::new());
        for mut trial in self.rules.trials() {
            let let_through: Vec<&Sample> = samples
                .iter()
                .filter(|one| trial.is_candidate(one))
                .collect();
            candidates.push(let_through.len());
            rules.push(shortest(|| {
                let_through.iter().filter(|one| trial.matches(one)).count()
            }));
        }
        Costs {
            set,
            rules,
            candidates,
            samples: samples.len(),
        }
    }

    fn shown(&self, files: usize, costs: &Costs, top: usize) -> String {
        let mut out = String::new();
        let rules: Vec<&classify::Rule> = self.rules.iter().collect();
        let firing = self.fired.iter().filter(|count| **count > 0).count();
        let _ = writeln!(
            out,
            "{}, {}, {} of them match a rule; {firing} of {} fire\n",
            counted(files as u64, "file", "files"),
            counted(self.records, "record", "records"),
            self.matched,
            counted(rules.len() as u64, "rule", "rules")
        );

        let mut order: Vec<usize> = (0..rules.len())
            .filter(|index| self.fired[*index] > 0)
            .collect();
        order.sort_by_key(|index| std::cmp::Reverse(self.fired[*index]));
        let _ = writeln!(
            out,
            "{:>10}  {:>10}  {:>8}  Rule",
            "Records", "Candidates", "us"
        );
        for index in order {
            let noise = if rules[index].noise { "  (noise)" } else { "" };
            let _ = writeln!(
                out,
                "{:>10}  {:>10}  {:>8.4}  {}{noise}",
                self.fired[index],
                costs.candidates[index],
                costs.per_record(costs.rules[index]),
                rules[index].id
            );
        }
        let silent: Vec<String> = (0..rules.len())
            .filter(|index| self.fired[*index] == 0)
            .map(|index| {
                format!(
                    "{} ({:.4} us)",
                    rules[index].id,
                    costs.per_record(costs.rules[index])
                )
            })
            .collect();
        let count = counted(silent.len() as u64, "rule", "rules");
        let _ = writeln!(out, "\nNever fire here: {count}");
        for rule in silent {
            let _ = writeln!(out, "  {rule}");
        }

        let _ = writeln!(
            out,
            "\nUnclassified: {} in {}",
            counted(self.clusters.messages(), "record", "records"),
            counted(self.clusters.len() as u64, "cluster", "clusters")
        );
        for cluster in self.clusters.by_count().into_iter().take(top) {
            let _ = writeln!(out, "{:>10}  {}", cluster.count, cluster.template);
            let _ = writeln!(
                out,
                "{:>10}  {}: {}",
                "",
                cluster.place,
                shortened(&cluster.example)
            );
        }
        let _ = writeln!(
            out,
            "\nCost: {:.3} us per record for the whole set, {:.4} us of it for the rules one by one; measured on {}.\n\
             The search for literals is shared: us beside a rule is what it adds where its literals were found (its candidates).",
            costs.per_record(costs.set),
            costs.per_record(costs.rules.iter().sum()),
            counted(costs.samples as u64, "record", "records")
        );
        out
    }
}

impl Costs {
    /// Microseconds per record.
    #[expect(clippy::cast_precision_loss, reason = "at most 65,536 samples")]
    fn per_record(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / (self.samples.max(1) as f64)
    }
}

/// An even sample of a corpus of unknown size: every n-th record, n doubling whenever there are too many.
struct Samples {
    kept: Vec<Sample>,
    step: u64,
    seen: u64,
}

impl Default for Samples {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            step: 1,
            seen: 0,
        }
    }
}

impl Samples {
    fn offer(&mut self, sample: impl FnOnce() -> Sample) {
        if self.seen.is_multiple_of(self.step) {
            if self.kept.len() == MAX_SAMPLES {
                let mut index = 0;
                self.kept.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.step *= 2;
            }
            if self.seen.is_multiple_of(self.step) {
                self.kept.push(sample());
            }
        }
        self.seen += 1;
    }
}

fn shortest(mut pass: impl FnMut() -> usize) -> Duration {
    (0..PASSES)
        .map(|_| {
            let started = Instant::now();
            std::hint::black_box(pass());
            started.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MAX_EXAMPLE) {
        Some((at, _)) => format!("{} …", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
