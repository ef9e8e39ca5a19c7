//! What machines tried and what was found on them, machine by machine.
//!
//! Pages fold it here and not in statements: one that tells states of machines takes the engine longer to plan than to answer, and every
//! figure of a page would read the same rows again.

use super::{
    Day, Filter,
    kept::boundless,
    told::{ATTEMPTS, FINDINGS, MONTHS, Told, has_cause},
};
use crate::{
    error::Result,
    store::Store,
    told::{NO_ZONE, ToldAttempt, ToldFinding, ToldLine},
};
use clickhouse::{Row, query::Query};
use event::{Code, Outcome, Severity};
use serde::Deserialize;
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

/// A word of a few that many rows have: a KB, a rule, an object. Those of one [`Words`] are equal where their texts are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Word(u32);

impl Word {
    /// No text at all.
    pub(super) const EMPTY: Self = Self(0);

    pub(super) fn is_empty(self) -> bool {
        self == Self::EMPTY
    }
}

/// What tells causes apart, as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cause {
    pub(super) category: Word,
    pub(super) rule: Word,
    /// 0 = no code.
    pub(super) root: u32,
}

/// A cause among those of one [`Words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CauseAt(u32);

/// A cause as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CauseWords<'a> {
    pub(super) category: &'a str,
    pub(super) rule: &'a str,
    pub(super) root: u32,
}

impl CauseWords<'_> {
    pub(super) fn root_code(&self) -> Option<Code> {
        (self.root != 0).then_some(Code::new(self.root))
    }

    /// A number that is the same wherever this cause is.
    pub(super) fn key(&self) -> u64 {
        let text = [self.category, "\0", self.rule, "\0"].concat();
        xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), self.root.into())
    }
}

/// The words and causes of rows, each once. Cheap to clone; of two clones each learns for itself.
#[derive(Clone, Default)]
pub(super) struct Words(Arc<Known>);

#[derive(Clone)]
struct Known {
    words: HashMap<Arc<str>, Word>,
    texts: Vec<Arc<str>>,
    causes: HashMap<Cause, CauseAt>,
    all_causes: Vec<Cause>,
    bytes: usize,
}

/// What a word or a cause takes beside its text, about: its places in a map and in a list.
const PLACES: usize = 64;

impl Default for Known {
    fn default() -> Self {
        let empty: Arc<str> = "".into();
        Self {
            words: HashMap::from([(Arc::clone(&empty), Word::EMPTY)]),
            texts: vec![empty],
            causes: HashMap::new(),
            all_causes: Vec::new(),
            bytes: 0,
        }
    }
}

impl Words {
    /// What they take, about.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes
    }

    fn word(&mut self, text: &str) -> Word {
        if let Some(&word) = self.0.words.get(text) {
            return word;
        }
        let known = Arc::make_mut(&mut self.0);
        known.bytes += PLACES + text.len();
        let (word, text) = (Word(known.texts.len() as u32), Arc::from(text));
        known.words.insert(Arc::clone(&text), word);
        known.texts.push(text);
        word
    }

    fn cause(&mut self, category: &str, rule: &str, root: u32) -> CauseAt {
        let cause = Cause {
            category: self.word(category),
            rule: self.word(rule),
            root,
        };
        if let Some(&at) = self.0.causes.get(&cause) {
            return at;
        }
        let known = Arc::make_mut(&mut self.0);
        known.bytes += PLACES;
        let at = CauseAt(known.all_causes.len() as u32);
        known.causes.insert(cause, at);
        known.all_causes.push(cause);
        at
    }

    pub(super) fn text(&self, word: Word) -> &str {
        self.0.texts.get(word.0 as usize).map_or("", |text| text)
    }

    /// Whether it stands for a text.
    pub(super) fn is(&self, word: Word, text: &str) -> bool {
        self.text(word) == text
    }

    /// The category of a cause.
    pub(super) fn category(&self, at: CauseAt) -> Word {
        let cause = self.0.all_causes.get(at.0 as usize);
        cause.map_or(Word::EMPTY, |cause| cause.category)
    }

    /// A cause as it is told.
    pub(super) fn told(&self, at: CauseAt) -> CauseWords<'_> {
        let cause = self.0.all_causes.get(at.0 as usize);
        let text = |word: fn(&Cause) -> Word| cause.map_or("", |cause| self.text(word(cause)));
        CauseWords {
            category: text(|cause| cause.category),
            rule: text(|cause| cause.rule),
            root: cause.map_or(0, |cause| cause.root),
        }
    }
}

/// The names of machines, by number.
#[derive(Clone, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Names {
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The number of one, given to it where it has none.
    pub(super) fn add(&mut self, name: &str) -> u32 {
        if let Some(number) = self.number(name) {
            return number;
        }
        let (number, name) = (self.names.len() as u32, Arc::from(name));
        self.numbers.insert(Arc::clone(&name), number);
        self.names.push(name);
        number
    }

    pub(super) fn all(&self) -> Range<u32> {
        0..self.names.len() as u32
    }

    fn name(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", |name| name)
    }
}

/// By how many seconds a clock was ahead of UTC; nothing where no log shows it.
pub(super) type Zone = Option<i64>;

/// A try of an update.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try {
    /// On which it stands: that of its start.
    pub(super) day: Day,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) outcome: Outcome,
    pub(super) kb: Word,
    pub(super) cause: CauseAt,
    pub(super) terminal: u32,
    /// Where there is no KB.
    pub(super) package: Word,
    /// Of updates that hold each other; empty for others.
    pub(super) line: Word,
    /// The version in its line.
    pub(super) version: u64,
    pub(super) zone: Zone,
}

impl Try {
    pub(super) fn has_failed(&self) -> bool {
        self.outcome.is_failure()
    }
}

/// A finding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) day: Day,
    pub(super) at: i64,
    /// Graver than something to look at.
    pub(super) is_wrong: bool,
    pub(super) kb: Word,
    pub(super) cause: CauseAt,
    pub(super) terminal: u32,
    pub(super) object: Word,
    pub(super) repeats: u32,
    pub(super) zone: Zone,
}

/// One machine's tries, and what was found on it beside what only informs.
#[derive(Clone, Copy)]
pub(super) struct Machine<'a> {
    pub(super) endpoint: &'a str,
    pub(super) tries: &'a [Try],
    pub(super) found: &'a [Found],
}

/// What a filter narrows rows to, beside days and machines.
pub(super) struct Narrow<'a> {
    filter: &'a Filter,
    codes: Vec<u32>,
    has_cause: bool,
}

impl<'a> Narrow<'a> {
    pub(super) fn of(told: &Told<'a>) -> Self {
        Self::to(told.filter())
    }

    fn to(filter: &'a Filter) -> Self {
        Self {
            filter,
            codes: filter.codes.iter().copied().map(Code::value).collect(),
            has_cause: has_cause(filter),
        }
    }

    /// Whether it names causes.
    pub(super) fn has_cause(&self) -> bool {
        self.has_cause
    }

    /// Whether a row has the KB that is asked for.
    pub(super) fn is_of_kb(&self, words: &Words, kb: Word) -> bool {
        let asked = self.filter.kb.as_ref();
        asked.is_none_or(|asked| words.is(kb, asked))
    }

    /// Whether a row has a cause that is asked for.
    pub(super) fn is_of_cause(&self, words: &Words, cause: CauseAt, terminal: u32) -> bool {
        if !self.has_cause {
            return true;
        }
        let told = words.told(cause);
        let word = match told.rule {
            "" => told.category,
            rule => rule,
        };
        let category = self.filter.category.as_ref();
        let asked = self.filter.cause.as_ref();
        category.is_none_or(|category| told.category == category)
            && asked.is_none_or(|asked| {
                word == asked.word && told.root == asked.code.map_or(0, Code::value)
            })
            && (self.codes.is_empty()
                || self.codes.contains(&told.root)
                || self.codes.contains(&terminal))
    }

    /// Both.
    pub(super) fn is_asked(&self, words: &Words, kb: Word, cause: CauseAt, terminal: u32) -> bool {
        self.is_of_kb(words, kb) && self.is_of_cause(words, cause, terminal)
    }
}

/// What a month's row tells of a machine, as it is stored.
#[derive(Row, Deserialize)]
pub(super) struct ToldRow<'a> {
    pub(super) endpoint: &'a str,
    digest: u64,
    #[serde(borrow)]
    tries: Vec<ToldAttempt<'a>>,
    #[serde(borrow)]
    lines: Vec<ToldLine<'a>>,
    zones: Vec<i16>,
    #[serde(borrow)]
    found: Vec<ToldFinding<'a>>,
    found_zones: Vec<i16>,
}

/// What such a row tells, of the days that are asked for.
pub(super) struct Held {
    pub(super) digest: u64,
    tries: Box<[Try]>,
    found: Box<[Found]>,
}

impl Held {
    pub(super) fn of(words: &mut Words, row: &ToldRow<'_>, is_asked: impl Fn(Day) -> bool) -> Self {
        let (mut tries, mut found) = (Vec::new(), Vec::new());
        for (at, told) in row.tries.iter().enumerate() {
            let &(day, start, end, outcome, kb, category, rule, root, terminal) = told;
            if !is_asked(day) {
                continue;
            }
            let outcome = Outcome::from_name(outcome).unwrap_or(Outcome::Unknown);
            let category = match category {
                // Of a failure that nothing explains it says so.
                "" if outcome.is_failure() => "unclassified",
                category => category,
            };
            // Rows of a build that told less have fewer.
            let (package, line, version) = row.lines.get(at).copied().unwrap_or_default();
            tries.push(Try {
                day,
                start,
                end,
                outcome,
                kb: words.word(kb),
                cause: words.cause(category, rule, root),
                terminal,
                package: words.word(package),
                line: words.word(line),
                version,
                zone: zone(&row.zones, at),
            });
        }
        for (place, told) in row.found.iter().enumerate() {
            let &(day, at, _, severity, kb, category, rule, root, terminal, object, repeats) = told;
            let severity = Severity::from_name(severity).unwrap_or(Severity::Info);
            if !is_asked(day) || severity == Severity::Info {
                continue;
            }
            found.push(Found {
                day,
                at,
                is_wrong: severity >= Severity::Error,
                kb: words.word(kb),
                cause: words.cause(category, rule, root),
                terminal,
                object: words.word(object),
                repeats,
                zone: zone(&row.found_zones, place),
            });
        }
        Self {
            digest: row.digest,
            tries: tries.into(),
            found: found.into(),
        }
    }

    /// The last of some days on which anything stands.
    pub(super) fn last_day(&self, (from, to): (Day, Day)) -> Option<Day> {
        let tries = self.tries.iter().map(|tried| tried.day);
        let found = self.found.iter().map(|found| found.day);
        let days = tries.chain(found);
        days.filter(|day| (from..=to).contains(day)).max()
    }

    /// Tries and findings.
    pub(super) fn rows(&self) -> u64 {
        (self.tries.len() + self.found.len()) as u64
    }
}

/// Calls `fold` with what some machines tried, and what was found on them, within some days.
async fn each<'a, I: Iterator<Item = &'a Held>>(
    names: &Names,
    machines: impl Iterator<Item = u32>,
    held: impl Fn(u32) -> I,
    (from, to): (Day, Day),
    mut fold: impl FnMut(Machine<'_>),
) {
    let (mut tries, mut found) = (Vec::new(), Vec::new());
    for (count, machine) in machines.enumerate() {
        // Other pages go on meanwhile.
        if count % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
        tries.clear();
        found.clear();
        for held in held(machine) {
            let is_asked = |day: Day| (from..=to).contains(&day);
            tries.extend(held.tries.iter().filter(|tried| is_asked(tried.day)));
            found.extend(held.found.iter().filter(|found| is_asked(found.day)));
        }
        if tries.is_empty() && found.is_empty() {
            continue;
        }
        fold(Machine {
            endpoint: names.name(machine),
            tries: &tries,
            found: &found,
        });
    }
}

/// Of one among those of a row; rows of a build that told less have none.
fn zone(minutes: &[i16], at: usize) -> Zone {
    let minutes = minutes.get(at).filter(|&&minutes| minutes != NO_ZONE)?;
    Some(i64::from(*minutes) * 60)
}

/// Tries and findings that are held at once where they are not kept, some 80 bytes each; of a fleet that has more in the days of a page
/// some machines are read after others.
const ROWS_AT_ONCE: u64 = 500_000;

/// Machines that are folded at once before others have a turn: about a millisecond.
const TURN: usize = 1_000;

impl Store {
    /// Calls `fold` with each machine that tried something in the days of a page, or on which something was found, in no order. Whatever
    /// else the page is narrowed to is for [`Narrow`]: what a machine tried beside decides what its tries mean. `words` are those of what
    /// `fold` is called with.
    pub(super) async fn each_machine(
        &self,
        told: &Told<'_>,
        words: &mut Words,
        mut fold: impl FnMut(&Words, Machine<'_>),
    ) -> Result<()> {
        if let Some(kept) = self.kept(told).await? {
            *words = kept.words.clone();
            let machines = self.numbers(told, kept.names()).await?;
            let fold = |machine: Machine<'_>| fold(words, machine);
            let held = |machine: u32| kept.of(machine);
            each(kept.names(), machines.into_iter(), held, told.days(), fold).await;
            return Ok(());
        }
        let passes = match told.is_of_few() {
            true => 1,
            false => self.rows_told(told).await?.div_ceil(ROWS_AT_ONCE).max(1),
        };
        let _turn = match told.is_of_few() {
            true => None,
            false => self.turn_to_fold().await,
        };
        for pass in 0..passes {
            let (mut names, mut rows) = (Names::default(), Vec::new());
            for query in told.machine_rows(self, passes, pass) {
                self.read_rows(told, words, (&mut names, &mut rows), query)
                    .await?;
            }
            let held = |machine: u32| rows.get(machine as usize).into_iter().flatten();
            let fold = |machine: Machine<'_>| fold(words, machine);
            each(&names, names.all(), held, told.days(), fold).await;
        }
        Ok(())
    }

    /// The machines that a page asks for, among some.
    async fn numbers(&self, told: &Told<'_>, names: &Names) -> Result<Vec<u32>> {
        let mut numbers: Vec<u32> = match told.is_of_few() {
            true => {
                let few = told.few().iter();
                few.filter_map(|name| names.number(name)).collect()
            }
            false => names.all().collect(),
        };
        if let Some(labelled) = told.labelled(self) {
            let names_of: Vec<String> = self
                .fetch_all("read which endpoints have a label", labelled)
                .await?;
            let labelled: HashSet<u32> = names_of
                .iter()
                .filter_map(|name| names.number(name))
                .collect();
            numbers.retain(|number| labelled.contains(number));
        }
        Ok(numbers)
    }

    /// Adds what rows tell to what is held of each machine.
    async fn read_rows(
        &self,
        told: &Told<'_>,
        words: &mut Words,
        (names, rows): (&mut Names, &mut Vec<Vec<Held>>),
        query: Query,
    ) -> Result<()> {
        let (from, to) = told.days();
        let doing = "read what machines tried";
        self.within(doing, async {
            let mut cursor = query.fetch::<ToldRow<'_>>()?;
            while let Some(row) = cursor.next().await? {
                let held = Held::of(words, &row, |day| (from..=to).contains(&day));
                let number = names.add(row.endpoint) as usize;
                if rows.len() <= number {
                    rows.resize_with(number + 1, Vec::new);
                }
                if let Some(of_machine) = rows.get_mut(number) {
                    of_machine.push(held);
                }
            }
            Ok(())
        })
        .await
    }

    /// Tries and findings that rows of the months hold, those of superseded ones among them.
    async fn rows_told(&self, told: &Told<'_>) -> Result<u64> {
        self.fetch_one("count what machines tried", told.rows_told(self))
            .await
    }
}

impl<'a> Told<'a> {
    /// The questions whose rows tell of every machine, or of one in so many.
    fn machine_rows(&self, store: &Store, passes: u64, pass: u64) -> Vec<Query> {
        let part =
            " AND ({passes:UInt64} = 1 OR cityHash64(endpoint) % {passes:UInt64} = {pass:UInt64})";
        let mut all = vec![self.told_rows(&format!("{MONTHS}{}{part}", self.of_endpoints()))];
        if self.has_untold() {
            all.extend([&ATTEMPTS, &FINDINGS].map(|kind| self.untold_rows(kind, part)));
        }
        all.iter()
            .map(|sql| {
                let query = self.ask(store, sql);
                boundless(query.param("passes", passes).param("pass", pass))
            })
            .collect()
    }
}

/// Rows for tests of what is folded from them.
#[cfg(test)]
pub(super) mod testing {
    use super::{Filter, Found, Narrow, Outcome, Try, Words};

    /// A try of a line of updates, where its version is not 0, that failed by one and the same cause if it did.
    pub(in super::super) fn tried(
        words: &mut Words,
        end: i64,
        kb: &str,
        version: u64,
        outcome: Outcome,
    ) -> Try {
        let category = if outcome.is_failure() { "made_up" } else { "" };
        let rule = if outcome.is_failure() {
            "rule_of_tries"
        } else {
            ""
        };
        Try {
            day: 0,
            start: end,
            end,
            outcome,
            kb: words.word(kb),
            cause: words.cause(category, rule, 0),
            terminal: 0,
            package: words.word(""),
            line: words.word(if version > 0 {
                "Package_for_RollupFix"
            } else {
                ""
            }),
            version,
            zone: None,
        }
    }

    pub(in super::super) fn found(words: &mut Words, at: i64, rule: &str) -> Found {
        Found {
            day: 0,
            at,
            is_wrong: true,
            kb: words.word(""),
            cause: words.cause("made_up", rule, 0),
            terminal: 0,
            object: words.word(""),
            repeats: 1,
            zone: None,
        }
    }

    pub(in super::super) fn narrow(filter: &Filter) -> Narrow<'_> {
        Narrow::to(filter)
    }
}
