//! What the intake asks of whoever knows the store's tokens: enrolments, and tokens that it has not heard of.
//!
//! Questions go through channels, so that whoever answers can gather them: an INSERT costs the same for one as for a hundred.

use crate::SinkError;
use event::{Enrolled, Enrolment};
use serve::Denied;
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
    look_ups: mpsc::Sender<Asked<Shown, bool>>,
    unknown: Arc<Mutex<HashMap<Shown, Instant>>>,
}

/// The questions, for whoever answers them.
#[derive(Debug)]
pub struct Inbox {
    /// Machines that enrol.
    pub enrolments: mpsc::Receiver<Asked<Enrolment, Result<Enrolled, SinkError>>>,
    /// Tokens that are not known here. The answer is whether the store has it; it is in the keyring then. Who drops the question was not
    /// able to ask.
    pub look_ups: mpsc::Receiver<Asked<Shown, bool>>,
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

/// Unknown tokens that wait for theirs; those above it are told to come again.
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

    /// What the store says of a token. Rare: for one that is wrong, or newer than the last look at all of them.
    async fn look_up(&self, shown: Shown) -> LookedUp {
        {
            let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
            let until = unknown.get(&shown);
            if until.is_some_and(|until| Instant::now() < *until) {
                return LookedUp::Unknown;
            }
        }
        let (answer, answered) = oneshot::channel();
        let asked = Asked {
            what: shown.clone(),
            answer,
        };
        if self.look_ups.try_send(asked).is_err() {
            return LookedUp::NotAsked;
        }
        match tokio::time::timeout(LOOK_UP, answered).await {
            Ok(Ok(true)) => LookedUp::Known,
            Ok(Ok(false)) => {
                let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
                if unknown.len() >= UNKNOWN_MAX {
                    unknown.clear();
                }
                unknown.insert(shown, Instant::now() + UNKNOWN_FOR);
                LookedUp::Unknown
            }
            Ok(Err(_)) | Err(_) => LookedUp::NotAsked,
        }
    }
}

/// What the store says of a token that is not known here.
enum LookedUp {
    Known,
    Unknown,
    /// It could not be asked, so nobody knows.
    NotAsked,
}

/// Why a request may not speak, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// For good.
    Denied(Denied),
    /// The store could not be asked. A sender ends on a denial, so it must not hear one for a token that may be good.
    NotNow,
}

impl From<Denied> for Turned {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Callers {
    /// Judges what `Authorization` shows; once more where the store has to be asked about it.
    pub(crate) async fn check<T>(
        &self,
        authorization: Option<&str>,
        check: impl Fn(&Keyring) -> Result<T, Denied>,
    ) -> Result<T, Turned> {
        let first = check(&self.keyring);
        let (Err(Denied::WrongToken), Some(desk)) = (&first, &self.desk) else {
            return Ok(first?);
        };
        let shown = Shown::of(authorization)?;
        // A token of the store has a name.
        if !event::is_endpoint_id(&shown.id) {
            return Ok(first?);
        }
        match desk.look_up(shown).await {
            // Room for what was looked up may have been made meanwhile: it is not wrong, and comes again.
            LookedUp::Known => check(&self.keyring).map_err(|denied| match denied {
                Denied::WrongToken => Turned::NotNow,
                denied => Turned::Denied(denied),
            }),
            LookedUp::Unknown => Ok(first?),
            LookedUp::NotAsked => Err(Turned::NotNow),
        }
    }
}

fn ending() -> SinkError {
    SinkError::Unavailable("this process is ending".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::TokenKind;
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
                let is_known = ask.what.id == "PC-1" && ask.what.secret == hash("stored");
                if is_known {
                    let token = Token {
                        kind: TokenKind::Endpoint,
                        secret: hash("stored"),
                        expires: None,
                    };
                    keyring.add_stored("PC-1", token);
                }
                asked.push(ask.what.id.clone());
                ask.answer.send(is_known).unwrap();
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
            let denied = Err(Turned::Denied(Denied::WrongToken));
            assert!(is_known || checked == denied, "{token}");
        }
        drop(callers);
        assert_eq!(store.await.unwrap(), ["PC-2", "PC-1", "PC-1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_denied_for_good_while_the_store_cannot_be_asked() {
        let (desk, mut inbox) = Desk::new();
        let mut callers = Callers {
            keyring: Keyring::default(),
            desk: Some(desk),
        };
        let shown = Some("Bearer PC-1.secret");
        let check = |keyring: &Keyring| keyring.caller(shown, None);
        // It hangs, its answer is an error, its queue is full, the role ends.
        let not_now = Err(Turned::NotNow);
        assert_eq!(callers.check(shown, check).await, not_now);
        drop(inbox.look_ups.recv().await);
        let (checked, ()) = tokio::join!(callers.check(shown, check), async {
            drop(inbox.look_ups.recv().await);
        });
        assert_eq!(checked, not_now);
        let desk = callers.desk.clone().unwrap();
        while let Ok(place) = desk.look_ups.try_reserve() {
            let (answer, _) = oneshot::channel();
            let what = Shown::of(shown).unwrap();
            place.send(Asked { what, answer });
        }
        assert_eq!(callers.check(shown, check).await, not_now);
        drop(inbox);
        assert_eq!(callers.check(shown, check).await, not_now);
        // Where there is no store, what is not known is wrong.
        callers.desk = None;
        let denied = Err(Turned::Denied(Denied::WrongToken));
        assert_eq!(callers.check(shown, check).await, denied);
    }
}
