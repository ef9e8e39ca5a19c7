//! `cbsift dead-letters`: what could not be processed, and the way back for it.

// Prints the text of strangers.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

use crate::access::{Access, patiently, user};
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::report::counted;
use crate::run::{self, TENANT};
use crate::settings;
use anyhow::Context;
use clap::{Args, Subcommand};
use event::UtcMillis;
use pipeline::{Config, ForeignTopics, Pipeline, record_of};
use queue::Producer;
use std::fmt::Write;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use store::{Action, DeadLetter, LetterContent, LetterFilter, LetterState, Store, StoredLetter};

/// List what could not be processed, show it as it came, send it back once the cause is mended, or drop it
///
/// A chunk whose classification fails, or whose rows the store refuses, is kept here as it came and holds up nobody.
/// After an upgrade that mends the cause, `retry` hands it to the pipeline again, through Kafka where `store.url` names a
/// cluster; it is stored like any other chunk.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    site: super::Site,
}

#[derive(Subcommand)]
enum Command {
    /// One line a letter, the oldest first
    List {
        /// Also those that were sent back
        #[arg(long)]
        all: bool,
        /// Only of this endpoint
        #[arg(long, value_name = "ID", default_value = "")]
        endpoint: String,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
    },
    /// One letter: where it died, why, and its text
    Show {
        /// Id, or as much of its start as is unambiguous
        #[arg(value_name = "ID")]
        id: String,
        /// Only the payload, byte by byte
        #[arg(long)]
        raw: bool,
    },
    /// Hand letters to the pipeline again
    Retry {
        /// Ids, or as much of their start as is unambiguous
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<String>,
        /// Every open letter
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
    /// Throw letters away for good; who did it and why stays in the audit
    Drop {
        /// Ids, or as much of their start as is unambiguous
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<String>,
        /// Every open letter
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Why nobody needs them
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Letters that `retry --all` takes in one go; run again, it goes on.
const RETRY_MAX: usize = 100_000;

/// How long `retry` waits for the derivation of what it sent back; what is left a running `up` derives within minutes.
const DERIVE_WAIT: Duration = Duration::from_secs(60);

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    crate::log::start(crate::log::Format::Text);
    run::role(async {
        let access = Access::open(&settings).await?;
        let store = access.store();
        match arguments.command {
            Command::List {
                all,
                endpoint,
                limit,
            } => {
                let filter = LetterFilter {
                    endpoint,
                    state: (!all).then_some(LetterState::Open),
                    limit,
                    ..LetterFilter::default()
                };
                super::print(&lines(&store.dead_letters(TENANT, &filter).await?))?;
            }
            Command::Show { id, raw } => {
                let letter = read(store, &id).await?;
                if raw {
                    let payload = letter.letter.content.payload.unwrap_or_default();
                    let mut out = std::io::stdout().lock();
                    out.write_all(&payload)?;
                    out.flush()?;
                } else {
                    super::print(&page(&letter))?;
                }
            }
            Command::Retry { ids, all } => {
                let letters = chosen(store, ids, all).await?;
                if settings.remote.is_some() {
                    retry_through_kafka(&access, &settings.queue, &letters).await?;
                } else {
                    retry_here(&access, &settings, letters).await?;
                }
            }
            Command::Drop { ids, all, reason } => {
                let letters = chosen(store, ids, all).await?;
                throw_away(store, &letters, &reason).await?;
            }
        }
        access.close().await
    })
}

/// Letters that are thrown away together: their rows of the audit come before.
const DROPPED_AT_ONCE: usize = 500;

async fn throw_away(store: &Store, ids: &[String], reason: &str) -> anyhow::Result<()> {
    let mut dropped = 0;
    for some in ids.chunks(DROPPED_AT_ONCE) {
        let (mut letters, mut actions) = (Vec::new(), Vec::new());
        for id in some {
            // One that died again meanwhile is thrown away as it is now.
            let Some(letter) = store.dead_letter(TENANT, id).await? else {
                continue;
            };
            if letter.state == LetterState::Dropped {
                continue;
            }
            let told = &letter.letter;
            actions.push(Action {
                action: "dead_letter.drop".to_owned(),
                object: id.clone(),
                before: serde_json::json!({
                    "stage": told.stage, "reason": told.reason, "endpoint": told.endpoint, "source": told.source,
                    "path": told.path, "offset": told.offset, "length": told.length, "deaths": letter.deaths,
                })
                .to_string(),
                after: serde_json::json!({ "reason": reason }).to_string(),
            });
            // All that is needed of it: contents of so many do not fit.
            letters.push(StoredLetter {
                letter: DeadLetter {
                    content: LetterContent::default(),
                    ..letter.letter
                },
                ..letter
            });
        }
        let (user, now) = (user(), now_ms());
        patiently(|| store.audit(TENANT, &user, now, &actions)).await?;
        patiently(|| store.drop_dead_letters(&letters)).await?;
        dropped += letters.len() as u64;
    }
    super::print(&format!(
        "{} dropped\n",
        counted(dropped, "letter", "letters")
    ))?;
    Ok(())
}

async fn chosen(store: &Store, ids: Vec<String>, all: bool) -> anyhow::Result<Vec<String>> {
    if all {
        let filter = LetterFilter {
            state: Some(LetterState::Open),
            limit: RETRY_MAX,
            ..LetterFilter::default()
        };
        let open = store.dead_letters(TENANT, &filter).await?;
        return Ok(open.into_iter().map(|letter| letter.letter.id).collect());
    }
    let mut whole = Vec::new();
    for id in ids {
        whole.push(find(store, &id).await?);
    }
    Ok(whole)
}

/// In one-machine mode the pipeline of this process stores what is sent back, in the store that `up` uses: repeats fold.
async fn retry_here(
    access: &Access,
    settings: &settings::Settings,
    ids: Vec<String>,
) -> anyhow::Result<()> {
    let (config, foreign) = (&settings.pipeline, ForeignTopics::new(&settings.queue));
    // News of others is left to their process.
    let first_sweep_age = if access.is_alone() {
        Duration::ZERO
    } else {
        config.sweep_age
    };
    let config = Config {
        first_sweep_age,
        ..config.clone()
    };
    let pipeline = Pipeline::start_with(config, access.store().clone())
        .await
        .context("start a pipeline")?;
    let handle = pipeline.handle();
    let done = retry(
        access.store(),
        &foreign,
        &ids,
        async |letter: &DeadLetter| {
            let chunk = foreign
                .chunk_of(letter)
                .context("the letter holds no chunk")?;
            handle.store(vec![chunk]).await.map_err(anyhow::Error::from)
        },
    )
    .await;
    let deadline = Instant::now() + DERIVE_WAIT;
    while pipeline.status().own_pending() > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let stopped = pipeline.stop().await.context("stop the pipeline");
    done.and(stopped)
}

/// In a cluster its pipelines store what is sent back. The record goes as it came, so it is the same one: repeats fold.
async fn retry_through_kafka(
    access: &Access,
    config: &queue::Config,
    ids: &[String],
) -> anyhow::Result<()> {
    let (producer, foreign) = (Producer::new(config)?, ForeignTopics::new(config));
    let resend = async |letter: &DeadLetter| {
        // To the topic that it came from: elsewhere it would be read in another way.
        let topic = match &letter.origin {
            Some(origin) if foreign.has(&origin.topic) => &origin.topic,
            _ => &config.chunks_topic,
        };
        let record = record_of(&letter.content);
        let sent = producer.send_to(topic, vec![record]).await;
        sent.map_err(anyhow::Error::from)
    };
    retry(access.store(), &foreign, ids, resend).await?;
    crate::log::print(
        "the pipelines process them now\nhint: one that dies again is open again in `cbsift dead-letters list`",
    );
    Ok(())
}

/// Sends letters back, each marked only once `resend` has acknowledged it.
async fn retry(
    store: &Store,
    foreign: &ForeignTopics,
    ids: &[String],
    resend: impl AsyncFn(&DeadLetter) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (mut back, mut left) = (0, 0);
    for id in ids {
        let Some(letter) = store.dead_letter(TENANT, id).await? else {
            continue;
        };
        if letter.state == LetterState::Dropped {
            crate::log::print(&format!(
                "{id}: was dropped\nhint: `cbsift audit list --object {id}` says by whom and why"
            ));
            left += 1;
            continue;
        }
        if foreign.chunk_of(&letter.letter).is_none() {
            crate::log::print(&format!(
                "{id}: what came is no chunk and no event to this build, so it would only die again\nhint: mend its sender, which still holds the log"
            ));
            left += 1;
            continue;
        }
        resend(&letter.letter)
            .await
            .with_context(|| format!("send back letter `{id}`"))?;
        store.mark_sent_back(&letter).await?;
        let now = store.dead_letter(TENANT, id).await?;
        if now.is_some_and(|now| now.state == LetterState::Open) {
            crate::log::print(&format!("{id}: died again"));
            left += 1;
        } else {
            back += 1;
        }
    }
    super::print(&format!(
        "{} sent back, {left} left\n",
        counted(back, "letter", "letters")
    ))?;
    anyhow::ensure!(
        left == 0,
        "{} could not be processed",
        counted(left, "letter", "letters")
    );
    Ok(())
}

/// The whole id of a letter.
async fn find(store: &Store, prefix: &str) -> anyhow::Result<String> {
    let filter = LetterFilter {
        id_prefix: prefix.to_owned(),
        limit: 2,
        ..LetterFilter::default()
    };
    let mut found = store.dead_letters(TENANT, &filter).await?;
    match (found.pop(), found.pop()) {
        (Some(letter), None) => Ok(letter.letter.id),
        (None, _) => Err(Misuse(format!(
            "no dead letter `{prefix}`\nhint: `cbsift dead-letters list --all` shows every id"
        ))
        .into()),
        _ => Err(Misuse(format!(
            "more than one dead letter starts with `{prefix}`\nhint: give more of its id"
        ))
        .into()),
    }
}

async fn read(store: &Store, prefix: &str) -> anyhow::Result<StoredLetter> {
    let id = find(store, prefix).await?;
    store
        .dead_letter(TENANT, &id)
        .await?
        .with_context(|| format!("dead letter `{id}` has just gone"))
}

fn lines(letters: &[StoredLetter]) -> String {
    let mut out = String::new();
    for stored in letters {
        let letter = &stored.letter;
        let place = match &letter.origin {
            // Of what was never a chunk nothing else is known.
            Some(origin) if letter.path.is_empty() => {
                format!("{} {}:{}", origin.topic, origin.partition, origin.offset)
            }
            _ => format!("{} at {}", letter.path, letter.offset),
        };
        let line = format!(
            "{}  {:9}  {}  {}/{}  {}  {place}",
            letter.id,
            stored.state.name(),
            UtcMillis(letter.seen_ms),
            letter.stage,
            letter.reason,
            letter.endpoint,
        );
        out.push_str(&harmless::line(&line));
        out.push('\n');
    }
    out
}

fn page(stored: &StoredLetter) -> String {
    let letter = &stored.letter;
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:12}{}", harmless::line(&value));
    };
    line("id", letter.id.clone());
    line("state", stored.state.name().to_owned());
    line("first seen", UtcMillis(letter.seen_ms).to_string());
    line("deaths", stored.deaths.to_string());
    line("reason", format!("{}/{}", letter.stage, letter.reason));
    line("message", letter.message.clone());
    line("endpoint", letter.endpoint.clone());
    line("source", letter.source.clone());
    line("path", letter.path.clone());
    line("bytes", format!("{} from {}", letter.length, letter.offset));
    line("build", letter.build.clone());
    line("rule set", letter.rule_set.to_string());
    if let Some(origin) = &letter.origin {
        let place = format!("{} {}:{}", origin.topic, origin.partition, origin.offset);
        line("kafka", place);
    }
    for (name, value) in &letter.content.headers {
        let value = value.as_deref().map(String::from_utf8_lossy);
        line("header", format!("{name}: {}", value.unwrap_or_default()));
    }
    out.push('\n');
    let payload = letter.content.payload.as_deref().unwrap_or_default();
    for line in String::from_utf8_lossy(payload).lines() {
        out.push_str(&harmless::line(line));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_letter_drives_the_terminal() {
        for hostile in [
            "\u{1b}[2J",
            "\u{7}",
            "\u{7f}",
            "\u{9b}",
            "\u{85}",
            "\u{61c}",
            "\u{200f}",
            "\u{202e}",
            "\u{2066}",
            "\u{2028}",
            "\u{feff}",
            "\u{e0041}",
            "\r",
        ] {
            let text = format!("a{hostile}b");
            let letter = DeadLetter {
                message: text.clone(),
                endpoint: text.clone(),
                source: text.clone(),
                path: text.clone(),
                content: LetterContent {
                    headers: vec![(text.clone(), Some(text.clone().into_bytes()))],
                    payload: Some(text.clone().into_bytes()),
                    ..LetterContent::default()
                },
                ..DeadLetter::default()
            };
            let stored = StoredLetter {
                letter,
                deaths: 1,
                state: LetterState::Open,
            };
            for said in [page(&stored), lines(std::slice::from_ref(&stored))] {
                assert!(said.contains("a<U+"), "{hostile:?} in {said:?}");
                assert!(
                    !said.contains(|c| harmless::is_unsafe(c) && c != '\n'),
                    "{said:?}"
                );
            }
        }
    }
}
