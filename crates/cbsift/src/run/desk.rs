//! Answers what the intake asks of the store's tokens, gathered: an INSERT costs the same for one machine as for a hundred.

use super::process::TENANT;
use super::tokens::{Shelf, token};
use crate::keeper::now_ms;
use event::{Enrolled, Enrolment};
use ingest::SinkError;
use ingest::desk::{Asked, Inbox};
use serve::tokens::{Keyring, Shown};
use std::collections::BTreeSet;
use std::time::Duration;
use store::{EnrolPolicy, StoreError, TokenState};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Machines that come within this time are enrolled together: about what an INSERT takes.
const GATHER: Duration = Duration::from_millis(20);

/// … but no more than this, so that a request of some 100 KiB is the largest.
const TOGETHER: usize = 256;

/// All of it takes a fraction of a second. A sender's own patience is `ingest.ack_timeout`; who waits for longer comes again.
const ENROL_WITHIN: Duration = Duration::from_secs(20);

/// The store is asked about unknown tokens this often at most, about all that wait: a flood of wrong tokens is ten questions a second.
const LOOK_UPS: Duration = Duration::from_millis(100);

/// Longest wait for their answer; whoever asks has given up by then.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(2);

/// A store that was away is not asked about unknown tokens for so long.
const AWAY: Duration = Duration::from_secs(1);

/// Serves the desk until `stop`. What is under way then is finished.
pub(super) async fn run(
    inbox: Inbox,
    shelf: Shelf,
    keyring: Keyring,
    policy: EnrolPolicy,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Inbox {
        enrolments,
        look_ups,
    } = inbox;
    tokio::join!(
        enrol(enrolments, &shelf, policy, &stop),
        look_up(look_ups, &shelf, &keyring, &stop)
    );
    Ok(())
}

/// The next questions; none at the end.
async fn gather<Q, A>(
    asked: &mut Receiver<Asked<Q, A>>,
    stop: &CancellationToken,
) -> Option<Vec<Asked<Q, A>>> {
    let first = tokio::select! {
        () = stop.cancelled() => return None,
        first = asked.recv() => first?,
    };
    sleep(GATHER).await;
    let mut all = vec![first];
    while all.len() < TOGETHER
        && let Ok(next) = asked.try_recv()
    {
        all.push(next);
    }
    Some(all)
}

async fn enrol(
    mut asked: Receiver<Asked<Enrolment, Result<Enrolled, SinkError>>>,
    shelf: &Shelf,
    policy: EnrolPolicy,
    stop: &CancellationToken,
) {
    while let Some(all) = gather(&mut asked, stop).await {
        let (machines, answers): (Vec<_>, Vec<_>) = all
            .into_iter()
            .map(|asked| (asked.what, asked.answer))
            .unzip();
        let work = async {
            let store = shelf.store().await?;
            store.enrol(TENANT, &machines, policy, now_ms).await
        };
        let enrolled = match timeout(ENROL_WITHIN, work).await {
            Ok(Ok(enrolled)) => enrolled,
            Ok(Err(error)) => {
                say(&error);
                vec![None; answers.len()]
            }
            Err(_) => {
                tracing::warn!("the store took too long to enrol machines; they come again");
                vec![None; answers.len()]
            }
        };
        for (enrolled, answer) in std::iter::zip(enrolled, answers) {
            // One that was not settled in time may be at once, or when another intake's claim has run out.
            let enrolled = enrolled
                .ok_or_else(|| SinkError::Unavailable("the enrolment is not settled".to_owned()));
            let _ = answer.send(enrolled);
        }
    }
}

fn say(error: &StoreError) {
    if error.is_retryable() {
        tracing::warn!(%error, "machines cannot enrol now; they come again");
    } else {
        tracing::error!(%error, "machines cannot enrol");
    }
}

async fn look_up(
    mut asked: Receiver<Asked<Shown, bool>>,
    shelf: &Shelf,
    keyring: &Keyring,
    stop: &CancellationToken,
) {
    let mut away_until = Instant::now();
    while let Some(all) = gather(&mut asked, stop).await {
        let begun = Instant::now();
        if begun < away_until {
            continue;
        }
        let ids: BTreeSet<&str> = all.iter().map(|asked| asked.what.id.as_str()).collect();
        let work = async {
            let store = shelf.store().await?;
            store.tokens_of(TENANT, &ids).await
        };
        match timeout(LOOK_UP_WITHIN, work).await {
            Ok(Ok(rows)) => {
                let now_ms = now_ms();
                for Asked { what, answer } in all {
                    // Only what was shown: an endpoint may have many tokens, and there is not room for all of them.
                    let good = rows.iter().find(|row| {
                        (row.id.as_str(), row.secret) == (what.id.as_str(), what.secret)
                            && row.state == TokenState::Active
                            && row.expires_ms.is_none_or(|expires| now_ms < expires)
                    });
                    if let Some(row) = good {
                        keyring.add_stored(&row.id, token(row));
                    }
                    let _ = answer.send(good.is_some());
                }
            }
            // Nobody hears "unknown" from a store that did not answer: the questions are dropped.
            Ok(Err(error)) => {
                tracing::debug!(%error, "unknown tokens cannot be looked up now");
                away_until = Instant::now() + AWAY;
            }
            Err(_) => away_until = Instant::now() + AWAY,
        }
        sleep(LOOK_UPS.saturating_sub(begun.elapsed())).await;
    }
}
