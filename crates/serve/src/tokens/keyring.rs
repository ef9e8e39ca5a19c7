//! The tokens that a process believes now: those of its file, those of the store as it was read last, and those made since then.

use super::{Caller, Denied, Reader, Shown, Token, Tokens, caller};
use event::{SecretHash, TokenKind, UtcMillis};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// Believed by all copies of it. Whoever checks sees one state whole, and waits for nobody who changes it.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Arc<Rings>);

#[derive(Debug, Default)]
struct Rings {
    file: RwLock<Arc<Tokens>>,
    stored: RwLock<Arc<Tokens>>,
    made: Mutex<Made>,
}

/// Tokens that the store has and the last reading of it had not.
#[derive(Debug, Default)]
struct Made {
    readings: u64,
    tokens: Tokens,
    /// By id and secret: the last reading that began before the token came.
    since: HashMap<(String, SecretHash), u64>,
}

/// Most tokens that are remembered between two readings: of a fleet that enrols, a thousand a second. Beyond it all of them are asked
/// for again.
const MADE_MAX: usize = 20_000;

/// A reading of the store that began.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

impl Keyring {
    /// With the tokens of a file.
    pub fn new(file: Tokens) -> Self {
        let keyring = Self::default();
        keyring.set_file(file);
        keyring
    }

    /// Takes the tokens of a file in place of those before.
    pub fn set_file(&self, tokens: Tokens) {
        *write(&self.0.file) = Arc::new(tokens);
    }

    /// The store is about to be read: what is made from now on may not be among what it answers.
    pub fn begin_reading(&self) -> Mark {
        let mut made = self.made();
        made.readings += 1;
        Mark(made.readings)
    }

    /// Takes what the store holds in place of what it held, or leaves it, where nothing has changed.
    pub fn set_stored(&self, mark: Mark, tokens: Option<Tokens>) {
        if let Some(tokens) = tokens {
            *write(&self.0.stored) = Arc::new(tokens);
        }
        // After it, so that no token is missing in between.
        let mut made = self.made();
        let mut kept = std::mem::take(&mut *made);
        kept.since.retain(|_, since| *since >= mark.0);
        kept.tokens
            .retain(|id, token| kept.since.contains_key(&(id.to_owned(), token.secret)));
        *made = kept;
    }

    /// The store has this token, too.
    pub fn add_stored(&self, id: &str, token: Token) {
        let mut made = self.made();
        if made.since.len() >= MADE_MAX {
            made.tokens = Tokens::default();
            made.since.clear();
        }
        let readings = made.readings;
        let key = (id.to_owned(), token.secret);
        if made.since.insert(key, readings).is_none() {
            made.tokens.add(id, token);
        }
    }

    /// The store's tokens as they were read last.
    pub fn stored(&self) -> Arc<Tokens> {
        read(&self.0.stored)
    }

    /// How many tokens are believed.
    pub fn len(&self) -> usize {
        let made = self.made().tokens.len();
        read(&self.0.file).len() + read(&self.0.stored).len() + made
    }

    /// Whether nobody may speak.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who reads, where the value of `Authorization` shows a token with a role. Those of senders have none and open no pages: they lie
    /// about on many machines.
    pub fn check_reader(&self, authorization: Option<&str>) -> Result<Reader, Denied> {
        let (kind, name) = self.named(authorization)?;
        let role = kind.role().ok_or(Denied::OtherKind)?;
        Ok(Reader { name, role })
    }

    /// Who enrols, as `fleet:NAME`.
    pub fn check_fleet(&self, authorization: Option<&str>) -> Result<String, Denied> {
        match self.named(authorization)? {
            (TokenKind::Fleet, name) => Ok(name),
            _ => Err(Denied::OtherKind),
        }
    }

    /// What a token is for that is good now, and its kind and id as `KIND:NAME`.
    fn named(&self, authorization: Option<&str>) -> Result<(TokenKind, String), Denied> {
        let shown = Shown::of(authorization)?;
        let kind = self.find(&shown).ok_or(Denied::WrongToken)?;
        Ok((kind, format!("{}:{}", kind.name(), shown.id)))
    }

    /// Who speaks, given the values of `Authorization` and `Cbsift-Endpoint`.
    pub fn caller(
        &self,
        authorization: Option<&str>,
        endpoint: Option<&str>,
    ) -> Result<Caller, Denied> {
        let shown = Shown::of(authorization)?;
        let kind = self.find(&shown).ok_or(Denied::WrongToken)?;
        caller(kind, &shown.id, endpoint)
    }

    /// What the token is for, where it is good now. Every ring is looked at, so that the time tells nothing.
    pub fn find(&self, shown: &Shown) -> Option<TokenKind> {
        let now = now();
        let of_file = read(&self.0.file).find(shown, now);
        let of_store = read(&self.0.stored).find(shown, now);
        let since = self.made().tokens.find(shown, now);
        of_file.or(of_store).or(since)
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.0.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(tokens: &RwLock<Arc<Tokens>>) -> Arc<Tokens> {
    Arc::clone(&tokens.read().unwrap_or_else(PoisonError::into_inner))
}

fn write(tokens: &RwLock<Arc<Tokens>>) -> impl std::ops::DerefMut<Target = Arc<Tokens>> {
    tokens.write().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> UtcMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UtcMillis(since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }))
}
