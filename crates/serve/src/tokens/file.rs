//! Tokens as lines of a file.

use super::{Token, Tokens};
use event::{LoggedAt, TokenKind, UtcMillis, is_endpoint_id};
use std::fmt::Write;

/// A line of a token file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TokensError {
    /// 1-based.
    pub line: usize,
    /// What is wrong with it; never the line itself.
    pub what: &'static str,
}

impl Tokens {
    /// Reads a token file: one token a line as `KIND ID sha256:HEX`, where HEX is the SHA-256 of the secret and KIND is `relay`,
    /// `endpoint`, `fleet`, `reader`, `auditor` or `admin`; behind it `expires=2027-01-31`, or `expires=2027-01-31T12:00:00Z`, in UTC.
    ///
    /// Empty lines and `#` lines are skipped. An id may stand on several lines, so that a token can be replaced without a gap.
    pub fn parse(text: &str) -> Result<Self, Vec<TokensError>> {
        let (mut tokens, mut errors) = (Self::default(), Vec::new());
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            match parse_line(line) {
                Ok((id, token)) => tokens.add(id, token),
                Err(what) => errors.push(TokensError {
                    line: index + 1,
                    what,
                }),
            }
        }
        if errors.is_empty() {
            Ok(tokens)
        } else {
            Err(errors)
        }
    }

    /// The same tokens as such lines, sorted.
    pub fn lines(&self) -> String {
        let mut lines: Vec<String> = self.iter().map(|(id, token)| line(id, token)).collect();
        lines.sort();
        lines.concat()
    }
}

fn line(id: &str, token: &Token) -> String {
    let mut line = format!("{} {id} sha256:{}", token.kind.name(), token.secret);
    if let Some(expires) = token.expires {
        // A line has whole seconds; the one that began is over for it.
        let _ = write!(
            line,
            " expires={}",
            UtcMillis(expires.0.div_euclid(1_000) * 1_000)
        );
    }
    line.push('\n');
    line
}

fn parse_line(line: &str) -> Result<(&str, Token), &'static str> {
    let mut words = line.split_ascii_whitespace();
    let (kind, id, hash) = (words.next(), words.next(), words.next());
    let kind = kind
        .and_then(TokenKind::from_name)
        .ok_or("expected `relay`, `endpoint`, `fleet`, `reader`, `auditor` or `admin` first")?;
    let id = id
        .filter(|id| is_endpoint_id(id))
        .ok_or("expected an id of 1 to 128 letters, digits, `.`, `_` or `-` that starts with a letter or digit")?;
    let secret = hash
        .and_then(|hash| hash.strip_prefix("sha256:"))
        .and_then(|hash| hash.parse().ok())
        .ok_or("expected `sha256:` and 64 hex digits, the hash of the secret")?;
    let expires = match words.next() {
        None => None,
        Some(word) => {
            let expires = word.strip_prefix("expires=").and_then(time);
            Some(expires.ok_or("expected nothing after the hash but `expires=YYYY-MM-DD` or `expires=YYYY-MM-DDTHH:MM:SSZ`")?)
        }
    };
    if words.next().is_some() {
        return Err("expected nothing after the time");
    }
    Ok((
        id,
        Token {
            kind,
            secret,
            expires,
        },
    ))
}

/// A day, which stands for its beginning, or a moment; in UTC.
fn time(text: &str) -> Option<UtcMillis> {
    let moment = match text.len() {
        10 => format!("{text}T00:00:00"),
        _ => text.strip_suffix('Z')?.to_owned(),
    };
    // Milliseconds, as we write them, are zeros.
    let moment = moment.strip_suffix(".000").unwrap_or(&moment);
    if moment.len() != 19 {
        return None;
    }
    Some(LoggedAt::parse(moment.as_bytes())?.to_utc(0))
}
