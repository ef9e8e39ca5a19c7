//! What the intake asks of whoever knows the store's tokens: enrolments, and tokens that it has not heard of.
//!
//! Questions go through channels, so that whoever answers can gather them: an INSERT costs the same for one as for a hundred.

use crate::SinkError;
use event::{Enrolled, Enrolment};
use serve::tokens::{Keyring, Shown};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Whose tokens are good at this intake.
#[derive(Clone, Debug, Default)]
pub struct Callers {
    /// Those that are known.
    pub keyring: Keyring,
    /// Who knows the others; none where there is no store.
    pub desk: Option<Desk>,
}

/// Takes questions to the store. Copies share it.
#[derive(Clone, Debug)]
pub struct Desk {
    enrolments: mpsc::Sender<Asked<Enrolment, Result<Enrolled, SinkError>>>,
    look_ups: mpsc::Sender<Asked<Shown, ()>>,
    unknown: Arc<Mutex<HashMap<Shown, Instant>>>,
}

/// The questions, for whoever answers them.
#[derive(Debug)]
pub struct Inbox {
    /// Machines that enrol.
    pub enrolments: mpsc::Receiver<Asked<Enrolment, Result<Enrolled, SinkError>>>,
    /// Tokens that are not known here. The answer says that the store was asked; what it has is in the keyring then.
    pub look_ups: mpsc::Receiver<Asked<Shown, ()>>,
}

/// A question, and where its answer goes.
#[derive(Debug)]
pub struct Asked<Q, A> {
    /// What is asked.
    pub what: Q,
    /// Nobody listens any more where its sender has left.
    pub answer: oneshot::Sender<A>,
}

/// Enrolments that wait for their turn: several times what is gathered for one INSERT. Some hundred bytes each.
const ENROLMENTS_MAX: usize = 1_024;

/// Unknown tokens that wait for theirs; those above it are not known.
const LOOK_UPS_MAX: usize = 1_024;

/// How long a request waits to be told whether the store knows its token.
const LOOK_UP: Duration = Duration::from_secs(2);

/// What the store did not know is not asked again for so long; the tokens are read whole as often.
const UNKNOWN_FOR: Duration = Duration::from_secs(20);

/// Such tokens that are remembered, some 200 bytes each; a flood of them is forgotten together.
const UNKNOWN_MAX: usize = 10_000;

impl Desk {
    /// A desk and its questions.
    pub fn new() -> (Self, Inbox) {
        let (enrolments, enrolments_asked) = mpsc::channel(ENROLMENTS_MAX);
        let (look_ups, look_ups_asked) = mpsc::channel(LOOK_UPS_MAX);
        let desk = Self {
            enrolments,
            look_ups,
            unknown: Arc::default(),
        };
        let inbox = Inbox {
            enrolments: enrolments_asked,
            look_ups: look_ups_asked,
        };
        (desk, inbox)
    }

    /// Enrols a machine, or says when to come again.
    pub(crate) async fn enrol(&self, enrolment: Enrolment) -> Result<Enrolled, SinkError> {
        let (answer, answered) = oneshot::channel();
        let asked = Asked {
            what: enrolment,
            answer,
        };
        self.enrolments
            .try_send(asked)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => SinkError::Busy {
                    retry_after: Duration::from_secs(2),
                },
                mpsc::error::TrySendError::Closed(_) => ending(),
            })?;
        answered.await.unwrap_or_else(|_| Err(ending()))
    }

    /// Whether the store was asked about this token just now. Rare: for a token that is wrong, or newer than the last look at all of them.
    async fn look_up(&self, shown: Shown) -> bool {
        {
            let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
            let until = unknown.get(&shown);
            if until.is_some_and(|until| Instant::now() < *until) {
                return false;
            }
        }
        let (answer, answered) = oneshot::channel();
        let asked = Asked {
            what: shown.clone(),
            answer,
        };
        if self.look_ups.try_send(asked).is_err() {
            return false;
        }
        if !matches!(tokio::time::timeout(LOOK_UP, answered).await, Ok(Ok(()))) {
            return false;
        }
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.len() >= UNKNOWN_MAX {
            unknown.clear();
        }
        // Where the store knows it, the keyring does, and it is not asked for again.
        unknown.insert(shown, Instant::now() + UNKNOWN_FOR);
        true
    }
}

impl Callers {
    /// Judges what `Authorization` shows; once more where the store has to be asked about it.
    pub(crate) async fn check<T>(
        &self,
        authorization: Option<&str>,
        check: impl Fn(&Keyring) -> Result<T, serve::Denied>,
    ) -> Result<T, serve::Denied> {
        let first = check(&self.keyring);
        let (Err(serve::Denied::WrongToken), Some(desk)) = (&first, &self.desk) else {
            return first;
        };
        let shown = Shown::of(authorization)?;
        // A token of the store has a name.
        if event::is_endpoint_id(&shown.id) && desk.look_up(shown).await {
            return check(&self.keyring);
        }
        first
    }
}

fn ending() -> SinkError {
    SinkError::Unavailable("this process is ending".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::TokenKind;
    use serve::Denied;
    use serve::tokens::{Token, hash};

    #[tokio::test]
    async fn a_token_that_is_not_known_is_asked_for_once() {
        let (desk, mut inbox) = Desk::new();
        let callers = Callers {
            keyring: Keyring::default(),
            desk: Some(desk),
        };
        let keyring = callers.keyring.clone();
        let store = tokio::spawn(async move {
            let mut asked = Vec::new();
            while let Some(ask) = inbox.look_ups.recv().await {
                if ask.what.id == "PC-1" {
                    let token = Token {
                        kind: TokenKind::Endpoint,
                        secret: hash("stored"),
                        expires: None,
                    };
                    keyring.add_stored("PC-1", token);
                }
                asked.push(ask.what.id.clone());
                ask.answer.send(()).unwrap();
            }
            asked
        });
        for (token, is_known) in [
            ("PC-2.wrong", false),
            ("PC-2.wrong", false),
            ("PC-1.stored", true),
            ("PC-1.stored", true),
            ("PC-1.wrong", false),
            // No token of the store is called so.
            ("nameless", false),
            ("a/b.secret", false),
        ] {
            let shown = format!("Bearer {token}");
            let check = |keyring: &Keyring| keyring.caller(Some(&shown), None);
            let checked = callers.check(Some(&shown), check).await;
            assert_eq!(checked.is_ok(), is_known, "{token}");
            assert!(is_known || checked == Err(Denied::WrongToken), "{token}");
        }
        drop(callers);
        assert_eq!(store.await.unwrap(), ["PC-2", "PC-1", "PC-1"]);
    }
}
