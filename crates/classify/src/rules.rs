//! Rule sets: what they say, and how they are loaded.

mod folded;
mod load;
mod matcher;
mod prefilter;
mod trial;

pub use load::{CATEGORIES, Fault};
pub(crate) use matcher::Scratch;
pub use trial::Trial;

use event::{Code, Format, Severity, Source};
use regex::Regex;
use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

/// Which rule language, extraction and derivation this build has; part of every rule set's digest. Raise it when the same
/// rules would decide otherwise, or when rules may say more than before: a build runs no set of a greater version.
pub const CLASSIFIER_VERSION: u32 = 7;

/// The shipped rule files, by subject. What a code says alone comes first, so that no rule of a record answers for it.
const SHIPPED: [(&str, &str); 16] = [
    (
        "codes.yaml",
        include_str!("../../../config/rules/codes.yaml"),
    ),
    (
        "noise.yaml",
        include_str!("../../../config/rules/noise.yaml"),
    ),
    (
        "store.yaml",
        include_str!("../../../config/rules/store.yaml"),
    ),
    (
        "files.yaml",
        include_str!("../../../config/rules/files.yaml"),
    ),
    (
        "installers.yaml",
        include_str!("../../../config/rules/installers.yaml"),
    ),
    (
        "content.yaml",
        include_str!("../../../config/rules/content.yaml"),
    ),
    (
        "setup.yaml",
        include_str!("../../../config/rules/setup.yaml"),
    ),
    ("dism.yaml", include_str!("../../../config/rules/dism.yaml")),
    ("wusa.yaml", include_str!("../../../config/rules/wusa.yaml")),
    (
        "searches.yaml",
        include_str!("../../../config/rules/searches.yaml"),
    ),
    (
        "system.yaml",
        include_str!("../../../config/rules/system.yaml"),
    ),
    (
        "agent.yaml",
        include_str!("../../../config/rules/agent.yaml"),
    ),
    (
        "event_logs.yaml",
        include_str!("../../../config/rules/event_logs.yaml"),
    ),
    (
        "unexplained.yaml",
        include_str!("../../../config/rules/unexplained.yaml"),
    ),
    (
        "configmgr.yaml",
        include_str!("../../../config/rules/configmgr.yaml"),
    ),
    (
        "console.yaml",
        include_str!("../../../config/rules/console.yaml"),
    ),
];

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bilingual {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// Steps in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// English.
    pub en: Vec<String>,
    /// Chinese.
    pub zh: Vec<String>,
}

/// How near to the start of a failure's chain a record stands: the nearest wins as its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The update agent and error reporting: what a person saw.
    Agent,
    /// The servicing stack passing a failure on.
    Servicing,
    /// An installer or the driver queue.
    Installer,
    /// Where the failure arose.
    Origin,
}

/// A named pattern with a meaning.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Stable id.
    pub id: String,
    /// What it means, `{object}` standing for the object found.
    pub title: Bilingual,
    /// What to do.
    pub advice: Steps,
    /// Category, one of a closed list.
    pub category: String,
    /// How much it matters.
    pub severity: Severity,
    /// How near to the start of a failure's chain.
    pub layer: Layer,
    /// A harmless look-alike.
    pub noise: bool,
    /// The record carries a result, and the rule whose `terminal` lists its code says what that means; this rule only where none does.
    pub by_code: bool,
    /// Further reading.
    pub references: Vec<String>,
    /// An attempt that ends with one of these has this cause, where nothing nearer is known.
    pub terminal: Vec<Code>,
    when: Option<When>,
    /// Lines that must and must not match.
    pub tests: Tests,
}

impl Rule {
    /// Whether it asks for certain codes.
    pub(crate) fn names_codes(&self) -> bool {
        self.when
            .as_ref()
            .is_some_and(|when| !when.codes.is_empty())
    }

    /// Whether it asks for a code in `[gle=…]`.
    pub(crate) fn wants_last_error(&self) -> bool {
        self.when.as_ref().is_some_and(|when| when.last_error)
    }

    /// Whether, as noise, it excuses this code of a record with these spellings.
    pub(crate) fn excuses(&self, code: Code, spellings: &[crate::codes::Spelling]) -> bool {
        let Some(when) = &self.when else { return false };
        // A stale last error is excused only where the code is spelled nowhere else.
        when.codes.contains(&code)
            && (!when.last_error
                || spellings
                    .iter()
                    .all(|spelling| spelling.code != code || spelling.is_last_error))
    }
}

/// A rule's own examples: messages as they stand behind the head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tests {
    /// Each must match.
    pub matching: Vec<String>,
    /// None may match.
    pub not_matching: Vec<String>,
}

/// Conditions on a record; all must hold.
///
/// Event logs must be asked for by name: what other logs write means other things there.
#[derive(Clone, Debug, Default)]
struct When {
    sources: Vec<Source>,
    components: Vec<String>,
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
    codes: Vec<Code>,
    /// The code must stand in `[gle=…]`.
    last_error: bool,
    regex: Option<Regex>,
}

impl When {
    fn is_for(&self, source: Source) -> bool {
        if self.sources.is_empty() {
            source != Source::EventLog
        } else {
            self.sources.contains(&source)
        }
    }
}

/// A loaded rule set.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    digest: String,
    by_id: HashMap<String, usize>,
    by_terminal: HashMap<Code, usize>,
    /// Rules that name a terminal code, by what it says.
    ending_in: HashMap<u64, Vec<usize>>,
    matcher: matcher::Matcher,
    /// For pasted text, made when the first of it is met.
    folded: OnceLock<folded::Folded>,
}

impl Rules {
    /// The shipped rule set, compiled in.
    pub fn shipped() -> &'static Rules {
        static SET: LazyLock<Rules> = LazyLock::new(|| {
            Rules::load(&SHIPPED).unwrap_or_else(|faults| {
                let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
                unreachable!(
                    "the shipped rules are tested to load:\n{}",
                    faults.join("\n")
                )
            })
        });
        &SET
    }

    /// The files of the shipped rule set, `(name, text)`.
    pub fn shipped_files() -> &'static [(&'static str, &'static str)] {
        &SHIPPED
    }

    /// Loads rule files, `(name, text)`; all faults at once.
    pub fn load(files: &[(&str, &str)]) -> Result<Rules, Vec<Fault>> {
        let rules = load::load(files)?;
        let digest = load::digest(files, CLASSIFIER_VERSION);
        let by_id = rules
            .iter()
            .enumerate()
            .map(|(index, rule)| (rule.id.clone(), index))
            .collect();
        let mut by_terminal = HashMap::new();
        let mut ending_in: HashMap<u64, Vec<usize>> = HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            for code in &rule.terminal {
                by_terminal.entry(*code).or_insert(index);
                let same = ending_in
                    .entry(crate::catalogue::failure_key(*code))
                    .or_default();
                same.push(index);
            }
        }
        let matcher = matcher::Matcher::new(&rules);
        Ok(Rules {
            rules,
            digest,
            by_id,
            by_terminal,
            ending_in,
            matcher,
            folded: OnceLock::new(),
        })
    }

    /// Digest over rules and classifier version, hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// A rule by its id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.get(*self.by_id.get(id)?)
    }

    pub(crate) fn index_of(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The rules that name a terminal code which says this.
    pub(crate) fn ending_in(&self, failure_key: u64) -> &[usize] {
        self.ending_in.get(&failure_key).map_or(&[], Vec::as_slice)
    }

    /// Every rule, in the order of the files.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// The rule for an attempt that ends with this code, or with another that says the same.
    pub fn for_terminal(&self, code: Code) -> Option<&Rule> {
        self.by_terminal
            .get(&code)
            .or_else(|| self.by_terminal.get(&code.canonical()))
            .and_then(|index| self.rules.get(*index))
    }

    /// A search over whole chunks of this source for anything that a rule, a marker or a code could stand on.
    pub(crate) fn prefilter(&self, source: Source) -> &prefilter::Prefilter {
        self.matcher.prefilter(source)
    }

    /// Whether any rule asks for events of event logs of this id.
    pub(crate) fn may_know(&self, event_id: u32) -> bool {
        self.matcher.may_know(event_id)
    }

    /// Fills `scratch.found` with the rules that a record of this format matches. Blanks of pasted text are folded, so those of the rules are too.
    pub(crate) fn find(
        &self,
        format: Format,
        source: Source,
        component: &str,
        text: &str,
        spellings: &[crate::codes::Spelling],
        scratch: &mut Scratch,
    ) {
        if format.is_pasted() {
            self.folded
                .get_or_init(|| folded::Folded::new(&self.rules))
                .find(source, component, text, spellings, scratch);
        } else {
            self.matcher
                .find(&self.rules, source, component, text, spellings, scratch);
        }
    }

    /// The rule that speaks for a record on which `rule` decided.
    pub(crate) fn speaker<'a>(&'a self, rule: &'a Rule, codes: &[Code]) -> &'a Rule {
        let by_code = || codes.iter().find_map(|code| self.for_terminal(*code));
        if rule.by_code {
            by_code().unwrap_or(rule)
        } else {
            rule
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the number is one that the same set gave for one of its rules"
    )]
    pub(crate) fn at(&self, index: usize) -> &Rule {
        &self.rules[index]
    }
}
