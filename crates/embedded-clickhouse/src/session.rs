//! Sessions: connections kept between requests because a client asked for it by `session_id`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::access::Access;
use crate::connection::Connection;
use crate::exception::Exception;
use crate::request::SessionRequest;

/// Sessions kept at once. Every Python client makes one, and each keeps its temporary tables in
/// memory; a guess that leaves room for a team's notebooks.
const MAX_SESSIONS: usize = 64;

/// A holder of the reading token never gets a session of the other.
type Key = (Access, String);

#[derive(Default)]
pub(crate) struct Sessions {
    kept: Mutex<HashMap<Key, Kept>>,
}

struct Kept {
    /// `None` while a request uses it.
    connection: Option<Connection>,
    until: Instant,
}

impl Sessions {
    /// Takes the session for one request; a new one starts without a connection.
    pub(crate) fn take(
        self: &Arc<Self>,
        access: Access,
        request: &SessionRequest,
    ) -> Result<Lease, Exception> {
        let key = (access, request.id.clone());
        let mut kept = self.lock();
        drop_expired(&mut kept);
        let connection = match kept.get_mut(&key) {
            Some(session) => match session.connection.take() {
                Some(connection) => Some(connection),
                None => {
                    return Err(Exception::new(
                        373,
                        "SESSION_IS_LOCKED",
                        format_args!("Session {} is locked by a concurrent client", request.id),
                    ));
                }
            },
            None if request.check => {
                return Err(Exception::new(
                    372,
                    "SESSION_NOT_FOUND",
                    format_args!("Session {} not found", request.id),
                ));
            }
            None => {
                if kept.len() >= MAX_SESSIONS {
                    drop_oldest(&mut kept)?;
                }
                let session = Kept {
                    connection: None,
                    until: Instant::now(),
                };
                kept.insert(key.clone(), session);
                None
            }
        };
        Ok(Lease {
            sessions: self.clone(),
            key: Some(key),
            timeout: Duration::from_secs(request.timeout_seconds),
            connection,
        })
    }

    /// Closes the sessions whose time is over.
    pub(crate) fn close_expired(&self) {
        drop_expired(&mut self.lock());
    }

    pub(crate) fn close_all(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Kept>> {
        self.kept
            .lock()
            .expect("nothing panics while the sessions are locked")
    }
}

fn drop_expired(kept: &mut HashMap<Key, Kept>) {
    let now = Instant::now();
    kept.retain(|_, session| session.connection.is_none() || session.until > now);
}

fn drop_oldest(kept: &mut HashMap<Key, Kept>) -> Result<(), Exception> {
    let idle = kept
        .iter()
        .filter(|(_, session)| session.connection.is_some());
    let oldest = idle.min_by_key(|(_, session)| session.until);
    let Some(key) = oldest.map(|(key, _)| key.clone()) else {
        return Err(Exception::too_many(format_args!(
            "all {MAX_SESSIONS} sessions are in use"
        )));
    };
    kept.remove(&key);
    Ok(())
}

/// A session in use. Not given back, it ends.
pub(crate) struct Lease {
    sessions: Arc<Sessions>,
    key: Option<Key>,
    timeout: Duration,
    pub(crate) connection: Option<Connection>,
}

impl Lease {
    pub(crate) fn give_back(mut self, connection: Connection) {
        if let Some(key) = self.key.take()
            && let Some(session) = self.sessions.lock().get_mut(&key)
        {
            session.connection = Some(connection);
            session.until = Instant::now() + self.timeout;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.sessions.lock().remove(&key);
        }
    }
}
