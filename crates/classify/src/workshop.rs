//! For rule authors: do the rules do what their tests say, which of them fire on real logs, and what do they not know yet?

use crate::codes::{self, Spelling};
use crate::marker;
use crate::rules::{Rule, Rules, Scratch};
use event::{Chunk, Code, Format, Level, Marker, Source};

/// A rule's test that does not hold.
#[derive(Clone, Copy, Debug)]
pub struct BrokenTest<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// The example.
    pub line: &'r str,
    /// It stands under `match` and does not match; else under `no_match` and does.
    pub should_match: bool,
}

/// Runs every rule's `match` and `no_match`.
pub fn broken_tests(rules: &Rules) -> Vec<BrokenTest<'_>> {
    let mut broken = Vec::new();
    for rule in rules.iter() {
        let examples = [
            (&rule.tests.matching, true),
            (&rule.tests.not_matching, false),
        ];
        for (lines, should_match) in examples {
            for line in lines {
                if matches_somewhere(rules, rule, line) != should_match {
                    broken.push(BrokenTest {
                        rule,
                        line,
                        should_match,
                    });
                }
            }
        }
    }
    broken
}

/// An example does not say which log it stands in: any will do, as the rule itself names its sources.
fn matches_somewhere(rules: &Rules, rule: &Rule, line: &str) -> bool {
    let format = if parse::event_json::read(line).is_some() {
        Format::EventJson
    } else if line.starts_with("<![LOG[") {
        Format::Cmtrace
    } else if line.starts_with("20") {
        Format::Wds
    } else {
        Format::WdsHeadless
    };
    Source::ALL.into_iter().any(|source| {
        crate::rules_matching(rules, source, format, line)
            .iter()
            .any(|(id, ..)| *id == rule.id)
    })
}

/// A record as rules see it, kept to measure on.
#[derive(Clone, Debug)]
pub struct Sample {
    pub(crate) source: Source,
    pub(crate) component: String,
    pub(crate) text: String,
    pub(crate) spellings: Vec<Spelling>,
}

/// A record and what the rules say of it.
#[derive(Debug)]
pub struct Inspected<'a> {
    /// Where it starts in the chunk's text.
    pub offset: usize,
    /// Component as logged.
    pub component: &'a str,
    /// The message.
    pub text: &'a str,
    /// Places of the rules that match, in the order of the rules.
    pub rules: &'a [usize],
    /// It looks like a failure, and no rule, marker or noise says what it is.
    pub is_unclassified: bool,
    source: Source,
    spellings: &'a [Spelling],
}

impl Inspected<'_> {
    /// A copy to measure on.
    pub fn sample(&self) -> Sample {
        Sample {
            source: self.source,
            component: self.component.to_owned(),
            text: self.text.to_owned(),
            spellings: self.spellings.to_vec(),
        }
    }
}

/// Looks at every record of chunks, also at those that classification passes over.
#[derive(Debug)]
pub struct Inspector<'r> {
    rules: &'r Rules,
    scratch: Scratch,
    spellings: Vec<Spelling>,
    found: Vec<usize>,
}

impl<'r> Inspector<'r> {
    /// With a rule set.
    pub fn new(rules: &'r Rules) -> Self {
        Self {
            rules,
            scratch: Scratch::default(),
            spellings: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Shows every record of a chunk to `each`.
    pub fn inspect(&mut self, chunk: &Chunk, mut each: impl FnMut(&Inspected<'_>)) {
        for record in parse::records(&chunk.text, chunk.format) {
            let Some(head) = record.head() else { continue };
            let text = record.text();
            self.spellings.clear();
            codes::codes_in(&text, &mut self.spellings);
            self.rules.find(
                chunk.format,
                chunk.source,
                head.component,
                &text,
                &self.spellings,
                &mut self.scratch,
            );
            self.found.clear();
            self.found
                .extend(self.scratch.found.iter().map(|found| found.rule));
            each(&Inspected {
                offset: record.offset,
                component: head.component,
                text: &text,
                rules: &self.found,
                // Event logs tell of everything on a machine.
                is_unclassified: chunk.source != Source::EventLog
                    && self.is_unclassified(chunk.source, head.level, &text),
                source: chunk.source,
                spellings: &self.spellings,
            });
        }
    }

    /// The whole set on one record, as classification searches it: how many rules match.
    pub fn matching(&mut self, sample: &Sample) -> usize {
        self.rules.find(
            // Samples are measured as exact logs, which nearly all are.
            Format::Wds,
            sample.source,
            &sample.component,
            &sample.text,
            &sample.spellings,
            &mut self.scratch,
        );
        self.scratch.found.len()
    }

    /// Codes that no noise rule excuses and no rule or marker explains; or a level that claims trouble, and no rule at all.
    fn is_unclassified(&self, source: Source, level: Level, text: &str) -> bool {
        let found = || self.found.iter().map(|index| self.rules.at(*index));
        if found().any(|rule| !rule.noise) {
            return false;
        }
        let mut codes: Vec<Code> = self.spellings.iter().map(|one| one.code).collect();
        for rule in found() {
            if rule.names_codes() {
                codes.retain(|code| !rule.excuses(*code, &self.spellings));
            } else {
                codes.clear();
            }
        }
        let is_marked = marker::read(source, text).marker != Marker::None;
        let is_known_end = |code: &Code| is_marked && self.rules.for_terminal(*code).is_some();
        let claims_trouble = matches!(level, Level::Error | Level::Warning);
        if codes.is_empty() {
            claims_trouble && self.found.is_empty() && !is_marked
        } else {
            !codes.iter().all(is_known_end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{StreamId, TextEncoding};

    // Made-up rules and lines.
    const RULES: &str = "
- id: disk_is_full
  title: { en: The disk is full, zh: 磁盘已满 }
  advice: { en: [free space], zh: [释放空间] }
  category: disk_full
  severity: error
  when: { all: [No space left], regex: 'on (?P<object>[A-Z]:)' }
  terminal: ['0x80070070']
  tests: { match: ['Info CBS No space left on C:'], no_match: [Info CBS space] }
- id: harmless_open
  title: { en: Harmless, zh: 无害 }
  category: noise
  noise: true
  when: { all: [Failed to internally open], codes: ['0x800f0805'] }
  tests: { match: ['Info CBS Failed to internally open x. [HRESULT = 0x800f0805]'], no_match: [Info CBS opened] }
";

    fn chunk(text: &str) -> Chunk {
        Chunk {
            tenant: "default".into(),
            endpoint: "pc-1".into(),
            source: Source::Cbs,
            stream: StreamId(1),
            path: "CBS.log".into(),
            offset: 0,
            length: text.len() as u64,
            encoding: TextEncoding::Utf8,
            format: Format::Wds,
            open: false,
            sender: String::new(),
            received_ms: 0,
            text: text.into(),
        }
    }

    #[test]
    fn tests_that_do_not_hold_are_named() {
        let good = Rules::load(&[("x.yaml", RULES)]).unwrap();
        assert!(broken_tests(&good).is_empty());
        let bad = RULES
            .replace(
                "match: ['Info CBS No space left on C:']",
                "match: [Info CBS all is well]",
            )
            .replace(
                "no_match: [Info CBS opened]",
                "no_match: ['Info CBS Failed to internally open. [HRESULT = 0x800f0805]']",
            );
        let rules = Rules::load(&[("x.yaml", &bad)]).unwrap();
        let broken: Vec<_> = broken_tests(&rules)
            .iter()
            .map(|test| (test.rule.id.as_str(), test.should_match))
            .collect();
        assert_eq!(broken, [("disk_is_full", true), ("harmless_open", false)]);
    }

    #[test]
    fn what_no_rule_knows_is_told_from_what_one_does() {
        let rules = Rules::load(&[("x.yaml", RULES)]).unwrap();
        let line =
            |level: &str, text: &str| format!("2024-05-01 08:00:00, {level:<22}CBS    {text}\r\n");
        let text = [
            line("Info", "No space left on C: [HRESULT = 0x80070070]"),
            line("Info", "Failed to internally open x. [HRESULT = 0x800f0805]"),
            line("Info", "Failed to do it. [HRESULT = 0x80070005]"),
            line("Error", "Something odd"),
            line("Info", "Nothing"),
            // A known end of an attempt needs no rule of its own.
            line("Info", "Exec: Processing complete.  Session: 31069300_2212357542, Package: A~31bf3856ad364e35~amd64~~1.0, [HRESULT = 0x80070070]"),
        ]
        .concat();
        let mut inspector = Inspector::new(&rules);
        let mut seen = Vec::new();
        inspector.inspect(&chunk(&text), |record| {
            seen.push((record.rules.to_vec(), record.is_unclassified));
        });
        assert_eq!(
            seen,
            [
                (vec![0], false),
                (vec![1], false),
                (vec![], true),
                (vec![], true),
                (vec![], false),
                (vec![], false),
            ]
        );
    }

    #[test]
    fn a_rule_alone_matches_what_it_matches_in_the_set() {
        let rules = Rules::load(&[("x.yaml", RULES)]).unwrap();
        let text = "2024-05-01 08:00:00, Info                  CBS    No space left on C:\n2024-05-01 08:00:00, Info                  CBS    No space left anywhere\n2024-05-01 08:00:00, Info                  CBS    fine\n";
        let mut samples = Vec::new();
        Inspector::new(&rules).inspect(&chunk(text), |record| samples.push(record.sample()));
        let mut trial = rules.trials().next().unwrap();
        let candidates: Vec<_> = samples.iter().map(|one| trial.is_candidate(one)).collect();
        let matches: Vec<_> = samples.iter().map(|one| trial.matches(one)).collect();
        assert_eq!(candidates, [true, true, false]);
        assert_eq!(matches, [true, false, false]);
    }
}
