//! Rules for text whose blanks are not the logger's: there a run of blanks and TABs is one blank, in the text as in what rules ask for.

use super::matcher::{Matcher, Scratch};
use super::{Rule, When};
use crate::codes::Spelling;
use event::Source;
use regex::Regex;

/// The rules with their blanks folded, in the same order.
#[derive(Debug)]
pub(super) struct Folded {
    rules: Vec<Rule>,
    matcher: Matcher,
}

impl Folded {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let rules: Vec<Rule> = rules
            .iter()
            .map(|rule| Rule {
                when: rule.when.as_ref().map(folded),
                ..rule.clone()
            })
            .collect();
        let matcher = Matcher::new(&rules);
        Self { rules, matcher }
    }

    pub(super) fn find(
        &self,
        source: Source,
        component: &str,
        text: &str,
        spellings: &[Spelling],
        scratch: &mut Scratch,
    ) {
        self.matcher
            .find(&self.rules, source, component, text, spellings, scratch);
    }
}

fn folded(when: &When) -> When {
    let literals = |literals: &[String]| literals.iter().map(|text| literal(text)).collect();
    When {
        all: literals(&when.all),
        any: literals(&when.any),
        none: literals(&when.none),
        // A pattern that folding breaks is asked as it stands: it may miss, as it would have without this.
        regex: when
            .regex
            .as_ref()
            .map(|regex| Regex::new(&pattern(regex.as_str())).unwrap_or_else(|_| regex.clone())),
        ..when.clone()
    }
}

fn literal(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars() {
        let letter = if letter == '\t' { ' ' } else { letter };
        if letter != ' ' || !folded.ends_with(' ') {
            folded.push(letter);
        }
    }
    folded
}

/// A pattern in which each run of blanks and TABs stands for one blank, whatever it was repeated, and a class of TABs is one of blanks too.
fn pattern(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut class = 0_usize;
    let mut is_negated = false;
    // Whether what was written last is a blank of its own.
    let mut is_blank = false;
    while let Some(letter) = letters.next() {
        let escaped = (letter == '\\').then(|| letters.next()).flatten();
        let stands_for_blank =
            matches!((letter, escaped), (' ' | '\t', _) | ('\\', Some('t' | ' ')));
        if class > 0 {
            match (letter, escaped) {
                ('\\', Some('t')) if !is_negated => folded.push_str("\\t "),
                ('\\', Some(escaped)) => folded.extend(['\\', escaped]),
                ('[', _) => {
                    class += 1;
                    folded.push(letter);
                }
                (']', _) => {
                    class -= 1;
                    folded.push(letter);
                }
                _ => folded.push(letter),
            }
        } else if stands_for_blank {
            // `  +` and ` {2,}` ask for one blank or more of them: there is one.
            match letters.peek() {
                Some('?' | '*') => {
                    folded.push(' ');
                    is_blank = false;
                    continue;
                }
                Some('{') => while letters.next_if(|next| *next != '}').is_some() {},
                _ => {}
            }
            letters.next_if_eq(&'}');
            letters.next_if_eq(&'+');
            if !is_blank {
                folded.push(' ');
            }
            is_blank = true;
            continue;
        } else {
            match (letter, escaped) {
                ('\\', Some(escaped)) => folded.extend(['\\', escaped]),
                _ => {
                    class += usize::from(letter == '[');
                    folded.push(letter);
                    if letter == '[' {
                        // `[]…]` and `[^]…]` hold the bracket.
                        let not = letters.next_if_eq(&'^');
                        is_negated = not.is_some();
                        folded.extend(not);
                        if let Some(bracket) = letters.next_if_eq(&']') {
                            folded.push(bracket);
                        }
                    }
                }
            }
        }
        is_blank = false;
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rules;

    #[test]
    fn blanks_of_rules_are_folded() {
        assert_eq!(literal("started.  Client: "), "started. Client: ");
        assert_eq!(literal("\tSuccess\t"), " Success ");
        for (text, folded) in [
            (r"a  b", r"a b"),
            (r"a +b\t\tc", r"a b c"),
            (r"\t[^\t]*\tx", r" [^\t]* x"),
            (r"[\t ]*\(p\)", r"[\t  ]*\(p\)"),
            (r"a {2,}b?", r"a b?"),
            (r" ?- ?x", r" ?- ?x"),
            (r"[^]x] y", r"[^]x] y"),
        ] {
            assert_eq!(pattern(text), folded, "{text}");
        }
    }

    #[test]
    fn every_shipped_pattern_can_be_folded() {
        for rule in Rules::shipped().iter() {
            if let Some(regex) = rule.when.as_ref().and_then(|when| when.regex.as_ref()) {
                let text = pattern(regex.as_str());
                assert!(Regex::new(&text).is_ok(), "{}: {text}", rule.id);
            }
        }
    }
}
