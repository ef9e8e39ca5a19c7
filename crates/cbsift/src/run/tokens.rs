//! Whose tokens a process believes: those of its file and those of the store, kept up to date, and known without the store too.

mod cache;

use super::engine::Remote;
use super::process::TENANT;
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::settings::Settings;
use axum::Router;
use axum::extract::Request;
use cache::Cache;
use event::UtcMillis;
use ingest::{Callers, Desk};
use metrics::gauge;
use serve::Tokens;
use serve::tokens::{Keyring, Token};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{EnrolPolicy, Store, StoreError, StoredToken, TokensMark};
use tokio_util::sync::CancellationToken;

/// Where tokens of the store are read.
#[derive(Clone)]
pub(super) enum Shelf {
    /// The store of this process.
    Here(Arc<Store>),
    /// A ClickHouse elsewhere.
    Remote(Remote),
}

impl Shelf {
    /// Answers with all that was acknowledged: a revocation must not wait for a replica.
    pub(super) async fn store(&self) -> Result<Store, StoreError> {
        let store = match self {
            Self::Here(store) => store.as_ref(),
            Self::Remote(remote) => remote.now().await?,
        };
        Ok(store.clone().sequential())
    }

    /// What names the store in the cache, so that nobody believes tokens of another one.
    fn place(settings: &Settings) -> String {
        match &settings.remote {
            Some(remote) => remote.place(),
            None => "the store of this folder".to_owned(),
        }
    }
}

/// The file of tokens, and what stands beside it.
struct Named {
    path: PathBuf,
    key: &'static str,
}

/// The tokens of a process. Copies share them.
#[derive(Clone)]
pub(super) struct Believed(Arc<Inner>);

struct Inner {
    keyring: Keyring,
    file: Option<Named>,
    /// The relay token that `up` made.
    own: Option<String>,
    shelf: Option<Shelf>,
    cache: Option<Cache>,
    every: Duration,
    /// When the store was read last, in UTC milliseconds; of a process that has not read it yet, when that is to count from.
    read_ms: AtomicI64,
    waiting: AtomicU64,
    mark: Mutex<Option<TokensMark>>,
    is_late: AtomicBool,
}

/// A revocation holds within this time; tokens that are older are said to be.
const LATE: Duration = Duration::from_secs(60);

/// Longest wait for the store's tokens, so that one that hangs costs a reading and not the minute.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// After a reading that failed the next one comes so soon: with the longest `store.tokens_refresh` and one that hangs, a revocation is
/// read 42 s after the reading before at the latest.
const AGAIN: Duration = Duration::from_secs(2);

/// How long a role waits at its start for the tokens of a store that is not there; it begins with those that it knows.
const AT_START: Duration = Duration::from_secs(3);

impl Believed {
    /// With the tokens of a file, which must be good now, and `own`, which `up` made. With a shelf those of the store, as far as they
    /// are remembered.
    pub(super) async fn open(
        settings: &Settings,
        file: Option<(&Path, &'static str)>,
        own: Option<String>,
        shelf: Option<Shelf>,
    ) -> anyhow::Result<Self> {
        let file = file.map(|(path, key)| Named {
            path: path.to_owned(),
            key,
        });
        let keyring = Keyring::new(of_file(file.as_ref(), own.as_deref())?);
        // A store in this process is there before anybody asks.
        let cache = matches!(shelf, Some(Shelf::Remote(_)))
            .then(|| Cache::new(&settings.data, Shelf::place(settings)));
        let mut read_ms = now_ms();
        if let Some(cache) = &cache
            && let Some((tokens, age)) = cache.read(read_ms)
        {
            tracing::info!(
                tokens = tokens.len(),
                age_seconds = age.as_secs(),
                "tokens of the store are known from before"
            );
            let reading = keyring.begin_reading();
            keyring.set_stored(reading, Some(tokens));
            read_ms -= i64::try_from(age.as_millis()).unwrap_or(0);
        }
        let believed = Self(Arc::new(Inner {
            keyring,
            file,
            own,
            shelf,
            cache,
            every: settings.tokens_refresh,
            read_ms: AtomicI64::new(read_ms),
            waiting: AtomicU64::new(0),
            mark: Mutex::default(),
            is_late: AtomicBool::new(false),
        }));
        if believed.0.shelf.is_some()
            && tokio::time::timeout(AT_START, believed.refresh()).await != Ok(true)
        {
            tracing::warn!("the store does not answer; its tokens are those known from before");
        }
        Ok(believed)
    }

    pub(super) fn keyring(&self) -> Keyring {
        self.0.keyring.clone()
    }

    /// Keeps them up to date until `stop`; a SIGHUP reads the file again.
    pub(super) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangup = signal(SignalKind::hangup())?;
        let every = self.0.every;
        let mut pause = match self.is_read() {
            true => every,
            false => every.min(AGAIN),
        };
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = hangup.recv() => self.read_file_again(),
                () = tokio::time::sleep(pause) => {}
            }
            if self.0.shelf.is_some() {
                let is_read = tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    is_read = self.refresh() => is_read,
                };
                pause = if is_read { every } else { every.min(AGAIN) };
            }
        }
    }

    /// Whether the store's tokens were read since the start.
    fn is_read(&self) -> bool {
        let mark = self.0.mark.lock();
        mark.unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn read_file_again(&self) {
        let Some(named) = &self.0.file else { return };
        match of_file(Some(named), self.0.own.as_deref()) {
            // An editor that empties a file before it writes it shuts nobody out. With a store, a file that names nobody is usual.
            Ok(tokens) if tokens.is_empty() && self.0.shelf.is_none() => tracing::error!(
                "`{}`: token file `{}` names nobody\nhint: the tokens stay as they were; write the file aside and rename it",
                named.key,
                named.path.display()
            ),
            Ok(tokens) => {
                tracing::info!(tokens = tokens.len(), "`{}` was read again", named.key);
                self.0.keyring.set_file(tokens);
            }
            Err(error) => tracing::error!("{error:#}\nhint: the tokens stay as they were"),
        }
    }

    /// Reads the store's tokens, if they have changed. Where it is away they stay, and end by their own time. Says whether
    /// they are those of the store now.
    async fn refresh(&self) -> bool {
        let inner = &self.0;
        let Some(shelf) = &inner.shelf else {
            return true;
        };
        let begun = now_ms();
        let read = tokio::time::timeout(READ_WITHIN, self.read(shelf, begun)).await;
        let read = match read {
            Ok(read) => read.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", READ_WITHIN.as_secs())),
        };
        match read {
            Ok(()) => {
                inner.read_ms.store(begun, Ordering::Relaxed);
                if inner.is_late.swap(false, Ordering::Relaxed) {
                    tracing::warn!("the tokens are those of the store again");
                }
                return true;
            }
            Err(error) if self.age() > LATE && !inner.is_late.swap(true, Ordering::Relaxed) => {
                tracing::error!(
                    age_seconds = self.age().as_secs(),
                    "tokens cannot be read, so a revocation is not known here: {error}"
                );
            }
            Err(error) => tracing::debug!(%error, "tokens cannot be read now"),
        }
        false
    }

    async fn read(&self, shelf: &Shelf, begun_ms: i64) -> Result<(), StoreError> {
        let inner = &self.0;
        let store = shelf.store().await?;
        let reading = inner.keyring.begin_reading();
        let mark = store.tokens_mark(TENANT).await?;
        inner.waiting.store(mark.waiting, Ordering::Relaxed);
        let known = *inner.mark.lock().unwrap_or_else(PoisonError::into_inner);
        let is_changed = known.is_none_or(|known| !known.is_same(&mark));
        let tokens = match is_changed {
            true => Some(in_use(store.tokens_in_use(TENANT).await?)),
            false => None,
        };
        inner.keyring.set_stored(reading, tokens);
        // What was read may be newer than the mark: then it is read once more.
        *inner.mark.lock().unwrap_or_else(PoisonError::into_inner) = Some(mark);
        if let Some(cache) = &inner.cache {
            let tokens = inner.keyring.stored();
            cache.keep_aside(begun_ms, tokens, is_changed);
        }
        Ok(())
    }

    /// How old the store's tokens are.
    fn age(&self) -> Duration {
        let age = now_ms().saturating_sub(self.0.read_ms.load(Ordering::Relaxed));
        Duration::from_millis(u64::try_from(age).unwrap_or(0))
    }

    /// For `/metrics`.
    pub(super) fn publish(&self) {
        gauge!("cbsift_tokens").set(self.0.keyring.len() as f64);
        if self.0.shelf.is_some() {
            gauge!("cbsift_tokens_age_seconds").set(self.age().as_secs_f64());
            gauge!("cbsift_tokens_waiting").set(self.0.waiting.load(Ordering::Relaxed) as f64);
        }
    }

    /// For `/readyz`: what is not well about them.
    pub(super) fn note(&self) -> Option<String> {
        let age = self.age();
        (self.0.shelf.is_some() && age > LATE).then(|| {
            format!(
                "the tokens are {} s old, so a revocation since then is not known here",
                age.as_secs()
            )
        })
    }
}

/// What an intake believes, and the work of its desk where there is a store.
pub(super) fn callers(
    believed: &Believed,
    settings: &Settings,
) -> (
    Callers,
    Option<impl FnOnce(CancellationToken) -> Served + use<>>,
) {
    let keyring = believed.keyring();
    let Some(shelf) = believed.0.shelf.clone() else {
        let desk = None;
        return (Callers { keyring, desk }, None);
    };
    let (desk, inbox) = Desk::new();
    let callers = Callers {
        keyring: keyring.clone(),
        desk: Some(desk),
    };
    let policy = EnrolPolicy {
        known: settings.ingest.enroll_known,
        active_max: settings.ingest.enroll_max,
    };
    let run =
        move |stop| -> Served { Box::pin(super::desk::run(inbox, shelf, keyring, policy, stop)) };
    (callers, Some(run))
}

type Served = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// Who may see the pages, where `web.tokens_file` is set: its tokens and those of the store.
pub(super) async fn of_readers(
    settings: &Settings,
    shelf: Shelf,
) -> anyhow::Result<Option<Believed>> {
    let Some(path) = settings.web_tokens_file.as_deref() else {
        return Ok(None);
    };
    let file = Some((path, "web.tokens_file"));
    let believed = Believed::open(settings, file, None, Some(shelf)).await?;
    Ok(Some(believed))
}

/// Puts the pages behind readers' tokens, where there are some.
pub(super) fn behind(pages: Router, readers: Option<&Believed>) -> Router {
    match readers {
        Some(readers) => {
            let pages = pages.layer(axum::middleware::map_request(named));
            ingest::for_readers(pages, readers.keyring())
        }
        None => pages,
    }
}

/// Tells the pages who reads: their crate knows no tokens, goes by his role, and the audit of what they give out names him.
async fn named(mut request: Request) -> Request {
    let reader = request.extensions_mut().remove::<serve::Reader>();
    if let Some(serve::Reader { name, role }) = reader {
        request.extensions_mut().insert(web::Reader { name, role });
    }
    request
}

/// Refuses a token file that cannot be used.
pub(super) fn check(path: Option<&Path>, key: &'static str) -> anyhow::Result<()> {
    let file = path.map(|path| Named {
        path: path.to_owned(),
        key,
    });
    of_file(file.as_ref(), None).map(drop)
}

/// The store's rows as they are believed.
pub(super) fn in_use(rows: Vec<StoredToken>) -> Tokens {
    let mut tokens = Tokens::default();
    for row in rows {
        tokens.add(&row.id, token(&row));
    }
    tokens
}

pub(super) fn token(row: &StoredToken) -> Token {
    Token {
        kind: row.kind,
        secret: row.secret,
        expires: row.expires_ms.map(UtcMillis),
    }
}

/// Reads a token file; what is wrong in it is a mistake of the configuration.
fn of_file(file: Option<&Named>, own: Option<&str>) -> anyhow::Result<Tokens> {
    let tokens = match file {
        None => Tokens::default(),
        Some(Named { path, key }) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Misuse(format!(
                    "`{key}`: cannot read token file `{}`: {error}",
                    path.display()
                ))
            })?;
            Tokens::parse(&text).map_err(|errors| {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                Misuse(format!(
                    "`{key}`: token file `{}`: {}",
                    path.display(),
                    errors.join("; ")
                ))
            })?
        }
    };
    Ok(match own {
        Some(own) => tokens.with_relay(own),
        None => tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_empty_for_a_moment_shuts_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let line = |id| format!("relay {id} sha256:{}\n", "ab".repeat(32));
        std::fs::write(&path, line("one")).unwrap();
        let file = Named {
            path: path.clone(),
            key: "ingest.tokens_file",
        };
        let believed = Believed(Arc::new(Inner {
            keyring: Keyring::new(of_file(Some(&file), None).unwrap()),
            file: Some(file),
            own: None,
            shelf: None,
            cache: None,
            every: Duration::from_secs(20),
            read_ms: AtomicI64::new(0),
            waiting: AtomicU64::new(0),
            mark: Mutex::default(),
            is_late: AtomicBool::new(false),
        }));
        for (text, count) in [
            (String::new(), 1),
            ("# nobody\n".to_owned(), 1),
            (line("one") + &line("two"), 2),
        ] {
            std::fs::write(&path, text).unwrap();
            believed.read_file_again();
            assert_eq!(believed.keyring().len(), count);
        }
    }
}
