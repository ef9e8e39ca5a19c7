//! What a rule's message looks like, made of the first step of its own tests at which it fires.

use crate::{
    compose::{self, Composer},
    message::{Message, Status, Text},
    rule::{Rule, by_name},
    state::{Before, Now, Sample, advance},
    text::{self, CauseTitles},
    trial,
};
use classify::Rules as Words;
use store::{AlertBy, AlertPhase, AlertState, CauseId};

/// PCs of a message that nobody fails on.
const MADE_UP: [&str; 3] = ["PC-0001", "PC-0002", "PC-0003"];

/// The update before, in such a message.
const MADE_UP_KB: &str = "KB5000000";

/// A made-up message of a rule.
pub fn preview(rule: &Rule, words: &Words, base: &str, status: Status) -> Option<Message> {
    let step = rule
        .tests
        .iter()
        .flat_map(|case| &case.steps)
        .find(|step| !step.firing.is_empty())?;
    let mut titles = CauseTitles::new();
    let mut states = Vec::new();
    for group in &step.firing {
        let labels = trial::labels(rule, group);
        for (name, value) in &labels {
            if name == by_name(&AlertBy::Cause)
                && let Some(cause) = CauseId::read(value)
            {
                let title = classify::title(words.get(&cause.word), "", cause.code);
                titles.insert(
                    value.clone(),
                    Text {
                        en: title.en,
                        zh: title.zh,
                    },
                );
            }
        }
        let value = step.values.get(group).copied().unwrap_or_default();
        let before = step.before.get(group).map(|&share| Before {
            kb: MADE_UP_KB.to_owned(),
            share,
        });
        let mut sample = Sample {
            labels,
            value,
            of: step.of,
            newest: None,
            pcs: MADE_UP.map(str::to_owned).to_vec(),
            before,
        };
        sample.value = value.max(sample.must_reach(rule));
        states.push(fired(rule, &sample, &titles)?);
    }
    if status == Status::Resolved {
        for state in &mut states {
            state.phase = AlertPhase::Resolved;
            state.ended_ms = state.fired_ms.map(|fired| fired + 7_500_000);
        }
    }
    let episodes = states.iter().map(|state| (state.labels.as_slice(), 1));
    let id = compose::id(status, &rule.name, episodes);
    let states: Vec<&AlertState> = states.iter().collect();
    let composer = Composer {
        base,
        rule: Some(rule),
    };
    composer.message(&id, status, &states)
}

/// An episode that fires by a sample, after as long as the rule waits.
fn fired(rule: &Rule, sample: &Sample, titles: &CauseTitles) -> Option<AlertState> {
    let begin = Now::at(1_700_000_000_000);
    let mut state = advance(rule, None, Some(sample), begin)?;
    if state.phase == AlertPhase::Pending {
        let later = begin.utc_ms + i64::try_from(rule.hold.as_millis()).unwrap_or(0);
        state = advance(rule, Some(&state), Some(sample), Now::at(later))?;
    }
    let before = sample.before.as_ref();
    let title = text::filled(&rule.title, &state, before, titles);
    let body = text::filled(&rule.text, &state, before, titles);
    state.title = (title.en, title.zh);
    state.body = (body.en, body.zh);
    state.page = text::page(rule, &state.labels);
    Some(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;

    #[test]
    fn a_rule_that_compares_says_with_what() {
        let rules = Rules::load(&Rules::shipped_files()).unwrap();
        let rule = rules.get("update_worse_than_before").unwrap();
        let message = preview(rule, Words::shipped(), "", Status::Firing).unwrap();
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        assert_eq!(
            first(&message.body.en),
            "100 of 5000 PCs that tried KB5031356 fail; KB5000000 before it had 1.0 % when it was as old. \
             First of them: PC-0001, PC-0002, PC-0003 and 97 more"
        );
        assert_eq!(
            first(&message.body.zh),
            "尝试安装 KB5031356 的 5000 台电脑中有 100 台失败；上一个更新 KB5000000 在相同天数时为 1.0 %。\
             例如：PC-0001、PC-0002、PC-0003等共 100 台"
        );
    }
}
