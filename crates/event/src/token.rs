//! What tokens and enrolment are called, alike in files, on the wire and in tables.

use crate::upload::{FileDigest, NotADigest};
use std::fmt;
use std::str::FromStr;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Speaks for the endpoint that is its id.
    Endpoint,
    /// Enrols endpoints and does nothing else: it lies on every PC of a mass installation.
    Fleet,
    /// May name any endpoint of its tenant.
    Relay,
    /// Sends nothing, and sees the pages as [`Role::Operator`].
    Reader,
    /// Sends nothing, and sees them as [`Role::Auditor`].
    Auditor,
    /// Sends nothing, and sees them as [`Role::Administrator`].
    Admin,
}

/// What somebody may see of the pages. Each role has one kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Looks after machines: pages, text of logs, files; not the audit.
    Operator,
    /// Checks who did what: the audit, and pages without text of logs.
    Auditor,
    /// Sees everything.
    Administrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Operator, Self::Auditor, Self::Administrator];

    /// The name on the command line and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }

    /// The kind of its tokens. Two are older than roles are, so that tokens of before stay good.
    pub fn kind(self) -> TokenKind {
        match self {
            Self::Operator => TokenKind::Reader,
            Self::Auditor => TokenKind::Auditor,
            Self::Administrator => TokenKind::Admin,
        }
    }
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Endpoint,
        Self::Fleet,
        Self::Relay,
        Self::Reader,
        Self::Auditor,
        Self::Admin,
    ];

    /// The name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Fleet => "fleet",
            Self::Relay => "relay",
            Self::Reader => "reader",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// What it lets somebody see of the pages; nothing where it is no reader's.
    pub fn role(self) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.kind() == self)
    }

    /// Back from [`TokenKind::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// SHA-256 of a token's secret, which has 256 random bits: nothing slower is needed, and nobody can go back from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        FileDigest(self.0).fmt(f)
    }
}

/// Even a hash has no business in a log; its first digits tell two apart.
impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, ..] = self.0;
        write!(f, "SecretHash({first:02x}{second:02x}…)")
    }
}

impl FromStr for SecretHash {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        text.parse::<FileDigest>().map(|digest| Self(digest.0))
    }
}

/// What a machine says to get a token of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Owner of the endpoint; from the fleet token.
    pub tenant: String,
    /// What the machine is called from now on, see [`endpoint_of_machine`].
    pub endpoint: String,
    /// Its MachineGuid, as it was sent.
    pub machine_guid: String,
    /// Its host name: information for people, and how a clone is noticed.
    pub host: String,
    /// Of the secret that it will show.
    pub secret: SecretHash,
    /// The fleet token that was shown, as `fleet:NAME`.
    pub by: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// The token is good from now on.
    Active {
        /// Another machine, of this host name, enrolled with the very same secret: it was copied.
        copied_from: Option<String>,
    },
    /// Somebody has to approve it.
    Waiting(WaitReason),
    /// It is not kept.
    Refused(RefuseReason),
}

/// Why a token waits for approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// The endpoint has a token already.
    Known,
    /// … of a machine with another host name.
    OtherHost,
    /// Another secret was enrolled for the endpoint at the same moment.
    AtOnce,
    /// The endpoint's tokens were revoked.
    Revoked,
}

impl WaitReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Known, Self::OtherHost, Self::AtOnce, Self::Revoked];

    /// The name in tables and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::OtherHost => "other_host",
            Self::AtOnce => "at_once",
            Self::Revoked => "revoked",
        }
    }

    /// Back from [`WaitReason::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Known => {
                "this endpoint is enrolled already, with another secret: it was set up anew, or it is another machine of the same MachineGuid"
            }
            Self::OtherHost => {
                "this endpoint is enrolled already, by a machine of another host name: a cloned image keeps its MachineGuid"
            }
            Self::AtOnce => {
                "another secret was enrolled for this endpoint at the same moment: a cloned image keeps its MachineGuid"
            }
            Self::Revoked => "the tokens of this endpoint were revoked",
        }
    }
}

/// Why an enrolment is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefuseReason {
    /// The endpoint has a token already, and the site's policy is to refuse then.
    Known,
    /// This very secret was revoked.
    Revoked,
    /// Too many wait for approval.
    TooMany,
    /// As many machines are enrolled as may be.
    Full,
}

impl RefuseReason {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Revoked => "revoked",
            Self::TooMany => "too_many_waiting",
            Self::Full => "full",
        }
    }

    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Known => "this endpoint is enrolled already",
            Self::Revoked => "this secret was revoked",
            Self::TooMany => "too many enrolments wait for approval",
            Self::Full => "as many machines are enrolled as `ingest.enroll_max` allows",
        }
    }
}

/// What becomes of a known endpoint that comes with another secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KnownEndpoint {
    /// It waits until somebody approves it.
    #[default]
    Approve,
    /// Its new token takes the place of those before, if its host name is the same.
    Replace,
    /// It is refused.
    Refuse,
}

impl KnownEndpoint {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Approve, Self::Replace, Self::Refuse];

    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Replace => "replace",
            Self::Refuse => "refuse",
        }
    }

    /// Back from [`KnownEndpoint::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

/// The endpoint id of a machine: its MachineGuid in lower case with its four hyphens, `7c9e6679-7425-40de-944b-e07fc1f90ae7`, so that
/// every intake calls it the same without asking. Braces, and missing hyphens, are taken. None where the text is no GUID, or is one of
/// those that a broken image has: all digits the same.
pub fn endpoint_of_machine(machine_guid: &str) -> Option<String> {
    let text = machine_guid.trim();
    let text = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .unwrap_or(text);
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    if lengths != [8, 4, 4, 4, 12] && lengths != [32] {
        return None;
    }
    let digits = parts.concat().to_ascii_lowercase();
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let first = digits.chars().next()?;
    if digits.chars().all(|digit| digit == first) {
        return None;
    }
    let (mut id, mut rest) = (String::with_capacity(36), digits.as_str());
    for length in [8, 4, 4, 4, 12] {
        let (part, after) = rest.split_at_checked(length)?;
        if !id.is_empty() {
            id.push('-');
        }
        id.push_str(part);
        rest = after;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_one_endpoint_however_its_guid_is_written() {
        let id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
        for guid in [
            id,
            "{7C9E6679-7425-40DE-944B-E07FC1F90AE7}",
            "7C9E6679742540DE944BE07FC1F90AE7",
            " 7c9e6679-7425-40de-944b-e07fc1f90ae7\n",
        ] {
            assert_eq!(endpoint_of_machine(guid).as_deref(), Some(id), "{guid}");
        }
        assert!(crate::is_endpoint_id(id));
        for bad in [
            "",
            "PC-0042",
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
            "7c9e6679-7425-40de-944b-e07fc1f90ae",
            "7c9e6679-7425-40de-944b-e07fc1f90aeg",
            "7c9e66797425-40de-944b-e07f-c1f90ae7",
            "{7c9e6679-7425-40de-944b-e07fc1f90ae7",
            "éééééééééééééééé",
        ] {
            assert_eq!(endpoint_of_machine(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_are_read_back_and_a_hash_is_not_shown() {
        for kind in TokenKind::ALL {
            assert_eq!(TokenKind::from_name(kind.name()), Some(kind));
        }
        for role in Role::ALL {
            assert_eq!(role.kind().role(), Some(role));
        }
        // Tokens that were made before there were roles.
        assert_eq!(TokenKind::Reader.role(), Some(Role::Operator));
        assert_eq!(TokenKind::Admin.role(), Some(Role::Administrator));
        for kind in [TokenKind::Endpoint, TokenKind::Fleet, TokenKind::Relay] {
            assert_eq!(kind.role(), None);
        }
        for reason in WaitReason::ALL {
            assert_eq!(WaitReason::from_name(reason.name()), Some(reason));
        }
        for policy in KnownEndpoint::ALL {
            assert_eq!(KnownEndpoint::from_name(policy.name()), Some(policy));
        }
        let hash = SecretHash([0xAB; 32]);
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!(!format!("{hash:?}").contains("ababab"));
    }
}
