//! Where a text names people and machines.

use regex::Regex;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

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
        let letters = word.chars().count();
        // Staff numbers are names of users; shorter ones, and those of machines, stand in every text.
        let is_number =
            word.bytes().all(|byte| byte.is_ascii_digit()) && !(self == Self::User && letters >= 5);
        // A name in Chinese has two letters and more.
        let is_long = letters >= 3 || (letters == 2 && word.chars().all(is_ideograph));
        is_long && !is_number && !is_anybodys
    }
}

/// Hosts of the update service itself: they name nobody, and a finding is about them.
const PUBLIC: &[&str] = &[
    "akadns.net",
    "akamaized.net",
    "digicert.com",
    "live.com",
    "microsoft.com",
    "msedge.net",
    "msftconnecttest.com",
    "msftncsi.com",
    "office.com",
    "windows.com",
    "windowsupdate.com",
    "w3.org",
    "verisign.com",
];

/// Compiled once.
pub(super) struct Patterns {
    /// Values that stand for themselves, each with its kind.
    values: Vec<(Regex, Kind)>,
    /// Names, each in the group that takes part, by what stands around them.
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
            (
                r"(?-u:\b)S-1-(?:5-21|12-1)(?:-\d+){3,12}(?-u:\b)",
                Kind::Sid,
            ),
            (
                r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
                Kind::Mail,
            ),
            (r"(?-u:\b)1[3-9]\d{9}(?-u:\b)", Kind::Phone),
            (
                r"\+\d{1,3}[ -]?\(?\d{1,4}\)?[ -]\d{2,4}(?:[ -]?\d{2,4}){1,3}(?-u:\b)",
                Kind::Phone,
            ),
            (r"(?-u:\b)0\d{2,3}-\d{7,8}(?-u:\b)", Kind::Phone),
            (
                r"(?-u:\b)(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?-u:\b)",
                Kind::Address,
            ),
            (
                r"(?-u:\b)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?-u:\b)",
                Kind::Address,
            ),
        ];
        let told: &[(&str, Kind)] = &[
            (
                // Blanks are of a name only where a path goes on behind it.
                r#"(?i)[\\/](?:Users|Documents and Settings)[\\/]+(?:([^\\/:*?"<>|\r\n,;)\]]{2,256})[\\/]|([^\\/:*?"<>|\r\n,;)\]\s]{2,256}))"#,
                Kind::User,
            ),
            (
                r#"(?i)"?(?:Subject|Target|Logon)?UserName"?\s*[:=]\s*"?(?:[A-Za-z0-9.-]+\\+)?([^\\"\s,;\]]{2,64})"#,
                Kind::User,
            ),
            (
                r#"(?i)"?(?:Subject|Target)?DomainName"?\s*[:=]\s*"?([A-Za-z0-9.-]{2,64})"#,
                Kind::Domain,
            ),
            (
                r#"(?i)(?-u:\b)"?(?:ComputerName|Computer|HostName|MachineName|DefaultDomainName)"?\s*[:=]\s*"?([A-Za-z0-9][A-Za-z0-9._-]{1,63})"#,
                Kind::Host,
            ),
            (r#""host":"([A-Za-z0-9][A-Za-z0-9._-]{1,63})""#, Kind::Host),
            (
                r"(?i)(?-u:\b)https?://([A-Za-z0-9][A-Za-z0-9._-]{2,250})",
                Kind::Host,
            ),
            // A share, and the same as JSON writes it; `\\\\Device\\\\x` of JSON is neither.
            (
                r#"(?:^|[\s"'=(,;\[])\\{2}([A-Za-z0-9][A-Za-z0-9._-]{1,63})\\[A-Za-z0-9$]"#,
                Kind::Host,
            ),
            (
                r#"(?:^|[\s"'=(,;\[])\\{4}([A-Za-z0-9][A-Za-z0-9._-]{1,63})\\{2}[A-Za-z0-9$]"#,
                Kind::Host,
            ),
            (
                r"(?i)\\UNC\\([A-Za-z0-9][A-Za-z0-9._-]{1,63})\\",
                Kind::Host,
            ),
            (
                r"(?i)(?:proxy[a-z -]*(?:\(s\))?|代理服务器)\s*[:=：]\s*(?:https?=)?([A-Za-z0-9][A-Za-z0-9._-]{1,250}):\d",
                Kind::Host,
            ),
            // Of a directory, which has components; subjects of certificates are no names of machines.
            (
                r"(?i)(?-u:\b)CN=([^,;\r\n]{2,64})(?:,(?:OU|CN)=[^,;\r\n]+)*,DC=",
                Kind::Host,
            ),
            (r"(?i)(?-u:\b)DC=([A-Za-z0-9-]{3,63})", Kind::Domain),
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
                let Some(name) = captures.iter().skip(1).flatten().next() else {
                    continue;
                };
                let name = name.as_str().trim().trim_end_matches('.');
                // An address in the place of a host is found as what it is.
                let is_address = name.parse::<Ipv4Addr>().is_ok();
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
            let is_address = |text: &str| {
                let address = text.parse::<Ipv6Addr>();
                address.is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
            };
            let mut end = one.end();
            // A colon behind it ends a word and not an address.
            if one.as_str().ends_with(':') && !is_address(one.as_str()) {
                end -= 1;
            }
            let value = text.get(one.start()..end).unwrap_or_default();
            if is_alone(text, one.start(), one.end()) && is_address(value) {
                found.push((one.start(), end, Kind::Address));
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

/// Whether no letter or digit stands on either side, so that it is a word and no part of one. Chinese sets no blanks between words, so
/// where it stands on either side of an edge a word may end.
fn is_alone(text: &str, start: usize, end: usize) -> bool {
    let word = text.get(start..end).unwrap_or_default();
    let before = text.get(..start).and_then(|head| head.chars().next_back());
    let after = text.get(end..).and_then(|tail| tail.chars().next());
    let is_letter = |letter: Option<char>| {
        letter.is_some_and(|one| one.is_alphanumeric() && !is_ideograph(one))
    };
    let goes_on = |outside, edge| is_letter(outside) && is_letter(edge);
    !goes_on(before, word.chars().next()) && !goes_on(after, word.chars().next_back())
}

/// Whether a letter is of a script that sets no blanks: Chinese, Japanese, Korean.
fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
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
    // The end of a range follows another address.
    let first = head.strip_suffix('-').and_then(|head| {
        head.rsplit(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .next()
    });
    let is_range = first.is_some_and(|first| first.parse::<Ipv4Addr>().is_ok());
    let is_joined = (head.ends_with(['~', '_', '-', '.']) && !is_range)
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
        && word != "ver"
        && word != "v"
        && !word.ends_with("build")
}
