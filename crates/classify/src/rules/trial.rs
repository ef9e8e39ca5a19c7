//! One rule alone, so that its cost can be measured.

use super::matcher::Matcher;
use super::{Rule, Rules, Scratch};
use crate::workshop::Sample;

/// A rule alone. The clock is the caller's: this crate has none.
#[derive(Debug)]
pub struct Trial<'r> {
    /// Which rule.
    pub rule: &'r Rule,
    matcher: Matcher,
    scratch: Scratch,
}

impl Rules {
    /// Each rule alone, in the order of the files.
    pub fn trials(&self) -> impl Iterator<Item = Trial<'_>> {
        self.rules.iter().map(|rule| Trial {
            rule,
            matcher: Matcher::new(std::slice::from_ref(rule)),
            scratch: Scratch::default(),
        })
    }
}

impl Trial<'_> {
    /// Whether the search for the literals of all rules together would let the record through to this rule.
    pub fn is_candidate(&self, sample: &Sample) -> bool {
        let Some(when) = &self.rule.when else {
            return false;
        };
        let has = |literal: &String| sample.text.contains(literal.as_str());
        if when.all.is_empty() && when.any.is_empty() {
            return sample
                .spellings
                .iter()
                .any(|spelling| when.codes.contains(&spelling.code));
        }
        when.all.iter().all(has)
            && (when.any.is_empty() || when.any.iter().any(has))
            && !when.none.iter().any(has)
    }

    /// Whether the rule matches, with all its conditions.
    pub fn matches(&mut self, sample: &Sample) -> bool {
        self.matcher.find(
            std::slice::from_ref(self.rule),
            sample.source,
            &sample.component,
            &sample.text,
            &sample.spellings,
            &mut self.scratch,
        );
        !self.scratch.found.is_empty()
    }
}
