//! What narrows a page: the same for every figure on it, and for every page.

use super::Day;
use crate::labels::Label;
use event::{Code, LoggedAt};
use std::fmt;

/// What narrows a page. Empty fields narrow nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Owner.
    pub tenant: String,
    /// First day, inclusive.
    pub from: Option<Day>,
    /// Last day, inclusive.
    pub to: Option<Day>,
    /// `KB5014692`
    pub kb: Option<String>,
    /// Category of a cause.
    pub category: Option<String>,
    /// One cause.
    pub cause: Option<CauseId>,
    /// Root or terminal codes, any of them: a code and those that say the same. Empty narrows nothing.
    pub codes: Vec<Code>,
    /// One endpoint.
    pub endpoint: Option<String>,
    /// Labels, all of them.
    pub labels: Vec<Label>,
    /// The time that it is now, as clocks of machines show it: no day after it is shown unasked. Without it, the latest day that any log
    /// names is taken for it.
    pub now: Option<LoggedAt>,
}

impl Filter {
    /// Whether it names anything that a range may lack.
    pub(super) fn names_something(&self) -> bool {
        self.kb.is_some()
            || self.category.is_some()
            || self.cause.is_some()
            || self.endpoint.is_some()
            || !self.codes.is_empty()
            || !self.labels.is_empty()
    }
}

/// A code and those that say the same, as logs hold them: what somebody means who names one.
pub fn alike(code: Code) -> Vec<Code> {
    let mut codes: Vec<Code> = std::iter::once(code)
        .chain(code.equivalents())
        .filter_map(Code::as_logged)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// What tells a cause from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseId {
    /// The rule, or the category where no rule names it.
    pub word: String,
    /// The code that started it.
    pub code: Option<Code>,
}

impl CauseId {
    /// Of a cause with these words.
    pub fn of(rule: &str, category: &str, code: Option<Code>) -> Self {
        let word = if rule.is_empty() { category } else { rule };
        Self {
            word: word.to_owned(),
            code,
        }
    }

    /// Reads what its `Display` writes: `rule~0x800f0984`, `rule~`.
    pub fn read(text: &str) -> Option<Self> {
        let (word, code) = text.rsplit_once('~')?;
        let code = match code {
            "" => None,
            code => Some(u32::from_str_radix(code.strip_prefix("0x")?, 16).ok()?),
        };
        Some(Self {
            word: word.to_owned(),
            code: code.map(Code::new),
        })
    }
}

impl fmt::Display for CauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~", self.word)?;
        self.code.map_or(Ok(()), |code| write!(f, "{code}"))
    }
}
