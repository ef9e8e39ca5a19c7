//! Where a text names people and machines.

use regex::Regex;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Sid,
    Host,
    Domain,
    Address,
    Mail,
    Phone,
}

impl Kind {
    /// What its pseudonyms begin with.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Sid => "sid",
            Self::Host => "host",
            Self::Domain => "domain",
            Self::Address => "address",
            Self::Mail => "mail",
            Self::Phone => "phone",
        }
    }

    /// Whether a word is a name at all: those that every Windows has name nobody, and very short ones stand in every text.
    pub(super) fn is_name(self, word: &str) -> bool {
        const OF_WINDOWS: &[&str] = &[
            "administrator",
            "all users",
            "default",
            "default user",
            "defaultuser0",
            "guest",
            "localhost",
            "local service",
            "network service",
            "nt authority",
            "nt service",
            "public",
            "system",
            "temp",
            "trustedinstaller",
            "wdagutilityaccount",
            "workgroup",
            "windows",
            "builtin",
            "local",
            "unknown",
            "none",
            "example",
            "microsoft",
        ];
        let word = word.to_lowercase();
        let is_public = |domain: &&str| {
            word == **domain
                || word
                    .strip_suffix(*domain)
                    .is_some_and(|rest| rest.ends_with('.'))
        };
        let is_of_machine = matches!(self, Self::Host | Self::Domain);
        let is_anybodys = OF_WINDOWS.contains(&word.as_str())
            || word.starts_with("dwm-")
            || word.starts_with("umfd-")
            || (is_of_machine && PUBLIC.iter().any(is_public));
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        word.chars().count() >= 3 && !is_number && !is_anybodys
    }
}

/// Hosts of the update service itself: they name nobody, and a finding is about them.
const PUBLIC: &[&str] = &[
    "akadns.net",
    "akamaized.net",
    "azureedge.net",
    "digicert.com",
    "live.com",
    "microsoft.com",
    "msedge.net",
    "msftconnecttest.com",
    "msftncsi.com",
    "office.com",
    "windows.com",
    "windows.net",
    "windowsupdate.com",
    "w3.org",
    "trafficmanager.net",
    "verisign.com",
];

/// Compiled once.
pub(super) struct Patterns {
    /// Values that stand for themselves, each with its kind.
    values: Vec<(Regex, Kind)>,
    /// Names, each in the first group, by what stands around them.
    told: Vec<(Regex, Kind)>,
    ipv6: Regex,
}

impl Patterns {
    pub(super) fn new() -> Self {
        let compiled = |(pattern, kind): &(&str, Kind)| {
            (
                Regex::new(pattern).expect("a constant that a test compiles"),
                *kind,
            )
        };
        let values: &[(&str, Kind)] = &[
            (r"\bS-1-(?:5-21|12-1)(?:-\d+){3,12}\b", Kind::Sid),
            (
                r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
                Kind::Mail,
            ),
            (r"\b1[3-9]\d{9}\b", Kind::Phone),
            (
                r"\+\d{1,3}[ -]?\(?\d{1,4}\)?[ -]\d{2,4}(?:[ -]?\d{2,4}){1,3}\b",
                Kind::Phone,
            ),
            (r"\b0\d{2,3}-\d{7,8}\b", Kind::Phone),
            (
                r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b",
                Kind::Address,
            ),
            (
                r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b",
                Kind::Address,
            ),
        ];
        let told: &[(&str, Kind)] = &[
            (
                r#"(?i)[\\/](?:Users|Documents and Settings)[\\/]+([^\\/:*?"<>|\r\n,;)\]]{3,64})"#,
                Kind::User,
            ),
            (
                r#"(?i)"?(?:Subject|Target|Logon)?UserName"?\s*[:=]\s*"?(?:[A-Za-z0-9.-]+\\+)?([^\\"\s,;\]]{3,64})"#,
                Kind::User,
            ),
            (
                r#"(?i)"?(?:Subject|Target)?DomainName"?\s*[:=]\s*"?([A-Za-z0-9.-]{3,64})"#,
                Kind::Domain,
            ),
            (
                r#"(?i)\b"?(?:ComputerName|Computer|HostName|MachineName|DefaultDomainName)"?\s*[:=]\s*"?([A-Za-z0-9][A-Za-z0-9.-]{2,63})"#,
                Kind::Host,
            ),
            (r#""host":"([A-Za-z0-9][A-Za-z0-9.-]{2,63})""#, Kind::Host),
            (
                r"(?i)\bhttps?://([A-Za-z0-9][A-Za-z0-9.-]{2,250})",
                Kind::Host,
            ),
            // A share, and the same as JSON writes it; `\\\\Device\\\\x` of JSON is neither.
            (
                r#"(?:^|[\s"'=(,;\[])\\{2}([A-Za-z0-9][A-Za-z0-9.-]{2,63})\\[A-Za-z0-9$]"#,
                Kind::Host,
            ),
            (
                r#"(?:^|[\s"'=(,;\[])\\{4}([A-Za-z0-9][A-Za-z0-9.-]{2,63})\\{2}[A-Za-z0-9$]"#,
                Kind::Host,
            ),
            // Of a directory, which has components; subjects of certificates are no names of machines.
            (
                r"(?i)\bCN=([^,;\r\n]{3,64})(?:,(?:OU|CN)=[^,;\r\n]+)*,DC=",
                Kind::Host,
            ),
            (r"(?i)\bDC=([A-Za-z0-9-]{3,63})", Kind::Domain),
        ];
        Self {
            values: values.iter().map(compiled).collect(),
            told: told.iter().map(compiled).collect(),
            ipv6: Regex::new(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}")
                .expect("a constant that a test compiles"),
        }
    }

    /// Names that a text tells as such.
    pub(super) fn names_in(&self, text: &str) -> Vec<(String, Kind)> {
        let mut found = Vec::new();
        for (pattern, kind) in &self.told {
            for captures in pattern.captures_iter(text) {
                let Some(name) = captures.get(1) else {
                    continue;
                };
                let name = name.as_str().trim().trim_end_matches('.');
                // An address in the place of a host is found as what it is.
                let is_address = name
                    .split('.')
                    .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
                if kind.is_name(name) && !is_address {
                    found.push((name.to_owned(), *kind));
                }
            }
        }
        found
    }

    /// Stretches of a text that name somebody, from its start on; of those that overlap the longest comes first.
    pub(super) fn marked(
        &self,
        text: &str,
        names: &BTreeMap<String, Kind>,
    ) -> Vec<(usize, usize, Kind)> {
        let mut found = Vec::new();
        for (pattern, kind) in &self.values {
            for one in pattern.find_iter(text) {
                if *kind != Kind::Address || is_address(text, one.start(), one.end()) {
                    found.push((one.start(), one.end(), *kind));
                }
            }
        }
        for one in self.ipv6.find_iter(text) {
            let is_alone = is_alone(text, one.start(), one.end());
            let address = one.as_str().parse::<Ipv6Addr>();
            if is_alone
                && address.is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
            {
                found.push((one.start(), one.end(), Kind::Address));
            }
        }
        known(text, names, &mut found);
        found.sort_by_key(|(start, end, _)| (*start, std::cmp::Reverse(*end)));
        found
    }
}

/// Names that are known, wherever they stand as words.
fn known(text: &str, names: &BTreeMap<String, Kind>, found: &mut Vec<(usize, usize, Kind)>) {
    if names.is_empty() {
        return;
    }
    // Places in lower case are places in the text only where no letter changes its length by it.
    let lower: String = text
        .chars()
        .map(|letter| {
            let mut lower = letter.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(one), None) if one.len_utf8() == letter.len_utf8() => one,
                _ => letter,
            }
        })
        .collect();
    for (name, kind) in names {
        let mut at = 0;
        while let Some(place) = lower.get(at..).and_then(|rest| rest.find(name.as_str())) {
            let (start, end) = (at + place, at + place + name.len());
            if is_alone(text, start, end) {
                found.push((start, end, *kind));
            }
            at = end;
        }
    }
}

/// Whether no letter or digit stands on either side, so that it is a word and no part of one.
fn is_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|head| head.chars().next_back());
    let after = text.get(end..).and_then(|tail| tail.chars().next());
    let is_word = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    };
    !is_word(before) && !is_word(after)
}

/// Whether four numbers are an address, and no version: those stand behind `~`, `_`, `-` or a word that says so, or are of no network.
fn is_address(text: &str, start: usize, end: usize) -> bool {
    let value = text.get(start..end).unwrap_or_default();
    if value.starts_with("127.")
        || value.starts_with("0.")
        || value == "255.255.255.255"
        || value.ends_with(".0.0")
    {
        return false;
    }
    let head = text.get(..start).unwrap_or_default();
    let tail = text.get(end..).unwrap_or_default();
    let is_joined = head.ends_with(['~', '_', '-', '.'])
        || tail.starts_with(['_', '~', '.'])
            && tail.chars().nth(1).is_some_and(char::is_alphanumeric);
    let word = head.trim_end_matches([' ', ':', '=', '"', '\'', '(']);
    let word = word
        .rsplit(|letter: char| !letter.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    let word = word.to_ascii_lowercase();
    !is_joined
        && !word.ends_with("version")
        && !word.ends_with("ver")
        && word != "v"
        && !word.ends_with("build")
}
