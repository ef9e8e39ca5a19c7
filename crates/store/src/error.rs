//! What can go wrong with the store, sorted by what a caller does about it.

use std::fmt;

/// A failed statement: what was being done, what the store said, and the class that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}: {reason}{}", Hint(*.hint))]
pub struct StoreError {
    doing: String,
    reason: String,
    hint: Option<&'static str>,
    class: ErrorClass,
    code: Option<u32>,
}

/// What a caller does about a failure. None of them means that data may be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Try the same again after a while; an insert of uncertain outcome is such a case, because repeats fold.
    Retry,
    /// Try again with half the rows.
    Halve,
    /// A person must act: credentials, grants, a missing table. Pause, say so, try again later; never acknowledge.
    Config,
    /// The rows themselves are refused.
    Data,
}

/// Short form.
pub(crate) type Result<T> = std::result::Result<T, StoreError>;

impl StoreError {
    /// What a caller does about it.
    pub fn class(&self) -> ErrorClass {
        self.class
    }

    /// Whether the same statement may succeed later without anybody acting.
    pub fn is_retryable(&self) -> bool {
        matches!(self.class, ErrorClass::Retry | ErrorClass::Halve)
    }

    /// Whether the store's disk is full.
    pub fn is_full(&self) -> bool {
        self.code == Some(NOT_ENOUGH_SPACE)
    }

    /// Of a read: whether what is stored is not what was written, as a checksum does not match or a file is cut.
    pub(crate) fn is_damage(&self) -> bool {
        self.code.is_some_and(|code| DAMAGE_CODES.contains(&code))
    }

    /// What the store said.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether a read asked for more than one answer may hold: the same in parts may do.
    pub fn is_too_large(&self) -> bool {
        self.class == ErrorClass::Halve || self.code.is_some_and(|code| TOO_LARGE.contains(&code))
    }

    /// Whether it took too long: of the store that is asked for too much, or of one that hangs.
    pub fn is_timeout(&self) -> bool {
        self.code == Some(TIMEOUT_EXCEEDED)
    }

    /// ClickHouse's number of the error, where it gave one.
    pub fn code(&self) -> Option<u32> {
        self.code
    }

    pub(crate) fn config(
        doing: impl Into<String>,
        reason: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self {
            doing: doing.into(),
            reason: reason.into(),
            hint: Some(hint),
            class: ErrorClass::Config,
            code: None,
        }
    }

    pub(crate) fn new(doing: impl Into<String>, error: clickhouse::error::Error) -> Self {
        use clickhouse::error::Error;
        let doing = doing.into();
        let (class, code) = match &error {
            Error::BadResponse(text) => {
                let code = code_of(text);
                (class_of(code, text), code)
            }
            // Our row types and the tables do not fit together, which a migration or another build cures.
            Error::SchemaMismatch(_)
            | Error::InvalidColumnsHeader(_)
            | Error::InvalidParams(_)
            | Error::NotEnoughData
            | Error::Unsupported(_)
            | Error::RowNotFound => (ErrorClass::Config, None),
            Error::TimedOut => (ErrorClass::Retry, Some(TIMEOUT_EXCEEDED)),
            _ => (ErrorClass::Retry, None),
        };
        let hint = match (class, code) {
            (_, Some(UNKNOWN_TABLE | NO_SUCH_COLUMN | UNKNOWN_IDENTIFIER)) => {
                Some("run `cbsift migrate`")
            }
            (_, Some(AUTHENTICATION_FAILED)) => {
                Some("check `store.user` and `store.password`, or the engine's token file")
            }
            (_, Some(ACCESS_DENIED)) => Some("grant what docs/operations.md names for this role"),
            (_, Some(UNKNOWN_DATABASE)) => Some("create the database, or check `store.database`"),
            (_, Some(NOT_ENOUGH_SPACE)) => Some("free space, or lower `store.max_disk`"),
            (ErrorClass::Config, None) => Some("run `cbsift migrate` with this build"),
            _ => None,
        };
        Self {
            doing,
            reason: chain(&error),
            hint,
            class,
            code,
        }
    }
}

const NO_SUCH_COLUMN: u32 = 16;
const UNKNOWN_IDENTIFIER: u32 = 47;
const UNKNOWN_TABLE: u32 = 60;
const UNKNOWN_DATABASE: u32 = 81;
const READONLY: u32 = 164;
const MEMORY_LIMIT_EXCEEDED: u32 = 241;
const NOT_ENOUGH_SPACE: u32 = 243;

/// Ours counts as the store's own.
const TIMEOUT_EXCEEDED: u32 = 159;

/// Too many rows, too much time, too many bytes, a result above its bound.
const TOO_LARGE: [u32; 4] = [158, TIMEOUT_EXCEEDED, 307, 396];
const TOO_MANY_PARTS: u32 = 252;
const ACCESS_DENIED: u32 = 497;
const AUTHENTICATION_FAILED: u32 = 516;

/// Codes that say the rows are refused: parsing, conversion and range errors of an input format.
const DATA_CODES: [u32; 9] = [6, 26, 27, 33, 38, 41, 53, 69, 117];

/// Codes that only a person can cure.
const CONFIG_CODES: [u32; 13] = [
    NO_SUCH_COLUMN,
    UNKNOWN_IDENTIFIER,
    UNKNOWN_TABLE,
    UNKNOWN_DATABASE,
    READONLY,
    ACCESS_DENIED,
    AUTHENTICATION_FAILED,
    // Syntax error, unknown setting, unknown user, wrong password, quota, unknown function.
    62,
    115,
    192,
    193,
    201,
    46,
];

/// Codes by which a read says that a stored part is damaged: checksum, corrupted data, decompression, size of a file, missing file,
/// end of file, not all data.
const DAMAGE_CODES: [u32; 7] = [40, 246, 271, 228, 226, 32, 33];

/// Codes of replicas: an insert whose quorum is not there yet, or of which nobody can say whether it is there; a replica that lacks
/// what a quorum has. All pass when replicas come back, and repeats fold. Listed so that a test holds them to be tried again.
#[cfg(test)]
const REPLICA_CODES: [u32; 8] = [
    // Too few live replicas, unsatisfied quorum of the insert before, replica not in quorum.
    285, 286, 289, // Unknown status of insert.
    319, // Table is read only, no active replicas, no ZooKeeper, an exception of Keeper.
    242, 254, 225, 999,
];

fn class_of(code: Option<u32>, text: &str) -> ErrorClass {
    match code {
        Some(MEMORY_LIMIT_EXCEEDED) => ErrorClass::Halve,
        // One number for two things: "Too many partitions for single INSERT block" is ours to cut, "Too many parts" passes.
        Some(TOO_MANY_PARTS) if text.contains("partitions for single INSERT") => ErrorClass::Data,
        Some(code) if CONFIG_CODES.contains(&code) => ErrorClass::Config,
        Some(code) if DATA_CODES.contains(&code) => ErrorClass::Data,
        // What we do not know is tried again: waiting loses nothing.
        _ => ErrorClass::Retry,
    }
}

/// The number in `Code: N. DB::Exception: …`.
fn code_of(text: &str) -> Option<u32> {
    let rest = &text[text.find("Code: ")? + 6..];
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// The whole chain of an error in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

struct Hint(Option<&'static str>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clickhouse::error::Error;

    fn class(text: &str) -> ErrorClass {
        StoreError::new("insert into `events`", Error::BadResponse(text.to_owned())).class()
    }

    #[test]
    fn errors_are_sorted_by_what_to_do() {
        assert_eq!(
            class("Code: 241. DB::Exception: Memory limit exceeded"),
            ErrorClass::Halve
        );
        assert_eq!(
            class("Code: 252. DB::Exception: Too many parts (300)"),
            ErrorClass::Retry
        );
        assert_eq!(
            class("Code: 252. DB::Exception: Too many partitions for single INSERT block"),
            ErrorClass::Data
        );
        assert_eq!(
            class("Code: 60. DB::Exception: Table cbsift.events does not exist"),
            ErrorClass::Config
        );
        assert_eq!(
            class("Code: 516. DB::Exception: Authentication failed"),
            ErrorClass::Config
        );
        let too_large = |text: &str| {
            StoreError::new("read", Error::BadResponse(text.to_owned())).is_too_large()
        };
        assert!(too_large(
            "Code: 396. DB::Exception: Limit for result exceeded"
        ));
        assert!(too_large(
            "Code: 241. DB::Exception: Query memory limit exceeded"
        ));
        assert!(!too_large(
            "Code: 210. DB::NetException: Connection refused"
        ));
        assert_eq!(class("502 Bad Gateway"), ErrorClass::Retry);
        for code in REPLICA_CODES {
            let said = format!("Code: {code}. DB::Exception: made up");
            assert_eq!(class(&said), ErrorClass::Retry, "{code}");
        }
        assert_eq!(
            StoreError::new("read", Error::TimedOut).class(),
            ErrorClass::Retry
        );
        assert!(
            StoreError::new("read", Error::BadResponse("Code: 243. no space".to_owned())).is_full()
        );
    }

    #[test]
    fn a_message_names_the_thing_and_a_way_out() {
        let error = StoreError::new(
            "insert into `events`",
            Error::BadResponse("Code: 60. gone".to_owned()),
        );
        assert_eq!(
            error.to_string(),
            "cannot insert into `events`: bad response: Code: 60. gone\nhint: run `cbsift migrate`"
        );
    }
}
