//! Messages to templates: what stays of a message when all that varies is masked, so that equal ones can be counted.

use regex::{Captures, Regex};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Distinct templates kept; a corpus has a few thousand, so more means that masking fails on it, and the rest is only counted.
const MAX_TEMPLATES: usize = 50_000;

/// Characters of a message that make its template: beyond it stand file lists and call arguments.
const MAX_TEMPLATE: usize = 240;

/// What varies, the widest form first: a package holds numbers, a path holds anything.
static VARYING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        (?P<guid>\{?[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\}?)
        |(?P<package>[A-Za-z0-9_.\-]+~[0-9A-Za-z]*~[A-Za-z0-9]*~[A-Za-z0-9\-]*~[0-9.]*)
        |(?P<component>\b(?:amd64|x86|wow64|arm64?|msil|ia64)_[^\s\\/'",]+_[0-9a-f]{16}[^\s\\/'",]*)
        |(?P<path>(?:\\\\?\?{1,2}\\|\b[A-Za-z]:\\|\\(?:SystemRoot|Device|REGISTRY|Registry)\\|\\\\)[^\r\n'"<>|,;\[\]()]*)
        |(?P<session>\b[0-9]{6,}_[0-9]{4,}\b)
        |(?P<kb>\bKB[0-9]{6,7}\b)
        |(?P<hex>\b0[xX][0-9A-Fa-f]+\b|\b[0-9a-f]*[0-9][0-9a-f]{7,}\b)
        |(?P<number>[0-9]+(?:[.:,][0-9]+)*)
        "#,
    )
    .expect("the pattern is fixed and tested")
});

/// The message with GUIDs, packages, components, paths, sessions, KBs, hex and numbers masked: `Failed to open <path> [HRESULT = <hex>]`.
pub fn template(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = start(&line, 2 * MAX_TEMPLATE);
    let masked = VARYING.replace_all(line, |found: &Captures<'_>| {
        let name = VARYING
            .capture_names()
            .flatten()
            .find(|name| found.name(name).is_some())
            .unwrap_or_default();
        let short = if name == "number" { "n" } else { name };
        // What ends a sentence or separates words belongs to the message.
        let whole = found.get(0).map_or("", |all| all.as_str());
        let body = whole.trim_end_matches([' ', '.']);
        let tail = whole.strip_prefix(body).unwrap_or_default();
        format!("<{short}>{tail}")
    });
    start(&masked, MAX_TEMPLATE).to_owned()
}

/// As much of a text as has room, in whole characters.
fn start(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes))
        .unwrap_or_default()
}

/// Messages of one template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// What they have in common.
    pub template: String,
    /// How many.
    pub count: u64,
    /// The first of them.
    pub example: String,
    /// Where that stands, as the caller says it.
    pub place: String,
}

/// Counts messages by template.
#[derive(Debug, Default)]
pub struct Clusters {
    by_template: HashMap<String, Cluster>,
    messages: u64,
}

impl Clusters {
    /// Counts a message; `place` is asked for only where it is the first of its template.
    pub fn add(&mut self, message: &str, place: impl FnOnce() -> String) {
        self.messages += 1;
        let template = template(message);
        if let Some(cluster) = self.by_template.get_mut(&template) {
            cluster.count += 1;
        } else if self.by_template.len() < MAX_TEMPLATES {
            let cluster = Cluster {
                template: template.clone(),
                count: 1,
                example: message.to_owned(),
                place: place(),
            };
            self.by_template.insert(template, cluster);
        }
    }

    /// Messages counted.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Templates met.
    pub fn len(&self) -> usize {
        self.by_template.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.by_template.is_empty()
    }

    /// Every template, the most frequent first.
    pub fn by_count(&self) -> Vec<&Cluster> {
        let mut clusters: Vec<&Cluster> = self.by_template.values().collect();
        clusters.sort_by(|a, b| {
            b.count
                .cmp(&a.count)
                .then_with(|| a.template.cmp(&b.template))
        });
        clusters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made-up messages.
    #[test]
    fn what_varies_is_masked_and_the_rest_stays() {
        for (message, expected) in [
            (
                r"Failed to open C:\Windows\WinSxS\x y.dll, attempt 3. [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]",
                "Failed to open <path>, attempt <n>. [HRESULT = <hex> - ERROR_FILE_NOT_FOUND]",
            ),
            (
                "Package_for_KB5000001~31bf3856ad364e35~amd64~~10.0.1.2 of session 31069300_2212357542 is gone",
                "<package> of session <session> is gone",
            ),
            (
                "client {01234567-89AB-cdef-0123-456789abcdef} asks for KB5000001",
                "client <guid> asks for <kb>",
            ),
            (
                "amd64_made-up-thing_31bf3856ad364e35_10.0.1.1_none_0123456789abcdef is damaged",
                "<component> is damaged",
            ),
            (
                r"on:[27]'\??\C:\ProgramData\Printers'; a:(OBJ)",
                "on:[<n>]'<path>'; a:(OBJ)",
            ),
            (
                "deadbeef is a word, 0a1b2c3d is none",
                "deadbeef is a word, <hex> is none",
            ),
        ] {
            assert_eq!(template(message), expected);
        }
    }

    #[test]
    fn equal_templates_are_counted_with_the_first_as_example() {
        let mut clusters = Clusters::default();
        for number in 1..=3 {
            clusters.add(&format!("Step {number} failed"), || {
                format!("line {number}")
            });
        }
        clusters.add("Something else", String::new);
        let all = clusters.by_count();
        assert_eq!((clusters.messages(), clusters.len()), (4, 2));
        assert_eq!(
            (
                all[0].template.as_str(),
                all[0].count,
                all[0].place.as_str()
            ),
            ("Step <n> failed", 3, "line 1")
        );
        assert_eq!(all[0].example, "Step 1 failed");
    }
}
