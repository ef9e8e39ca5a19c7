//! Messages from episodes: all groups of one rule and evaluation in one, with counts and the first ten.

use crate::{
    message::{Item, Message, Status, Text},
    rule::{Rule, Severity},
    text,
};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::AlertState;
use xxhash_rust::xxh3::Xxh3;

/// Groups that the text of a message names.
const NAMED: usize = 10;

/// The id of a message about some episodes. It follows from them alone, so whoever makes it again makes the same.
pub(crate) fn id<'a>(
    status: Status,
    rule: &str,
    episodes: impl Iterator<Item = (&'a [(String, String)], u32)>,
) -> String {
    let mut hash = Xxh3::new();
    let mut part = |text: &str| {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    part(status.name());
    part(rule);
    for (labels, episode) in episodes {
        for (name, value) in labels {
            part(name);
            part(value);
        }
        part(&episode.to_string());
    }
    format!("{:032x}", hash.digest128())
}

/// What messages need beside their episodes.
pub(crate) struct Composer<'a> {
    /// The pages' address, without a slash at its end.
    pub(crate) base: &'a str,
    /// Of the rule, where it still stands.
    pub(crate) rule: Option<&'a Rule>,
}

impl Composer<'_> {
    /// A message about episodes of one rule; none where there are none.
    pub(crate) fn message(&self, id: &str, status: Status, of: &[&AlertState]) -> Option<Message> {
        let mut of = of.to_vec();
        of.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.labels.cmp(&b.labels)));
        let first = of.first()?;
        let mut labels = BTreeMap::from([
            ("alertname".to_owned(), first.rule.clone()),
            ("severity".to_owned(), first.severity.clone()),
        ]);
        if let Some(rule) = self.rule {
            labels.extend(rule.labels.clone());
        }
        let items: Vec<Item> = of
            .iter()
            .map(|state| {
                let mut labels = labels.clone();
                labels.extend(state.labels.iter().cloned());
                Item {
                    group: state.labels.clone(),
                    labels,
                    value: state.value,
                    text: title(state),
                    page: format!("{}{}", self.base, state.page),
                }
            })
            .collect();
        // Labels that all groups share are the message's.
        let shared = |name: &String, value: &String| {
            of.iter()
                .all(|state| state.labels.iter().any(|(n, v)| (n, v) == (name, value)))
        };
        let of_first = first.labels.iter();
        labels.extend(
            of_first
                .filter(|(name, value)| shared(name, value))
                .cloned(),
        );
        let begin = of.iter().filter_map(|state| state.fired_ms).min();
        let end = of.iter().filter_map(|state| state.ended_ms).max();
        let is_over = status == Status::Resolved;
        Some(Message {
            id: id.to_owned(),
            repetition: 0,
            rule: first.rule.clone(),
            severity: Severity::from_name(&first.severity).unwrap_or(Severity::Info),
            status,
            labels,
            title: self.title(&of),
            body: self.body(&of, is_over),
            page: match of.len() {
                1 => format!("{}{}", self.base, first.page),
                _ => format!("{}/alerts", self.base),
            },
            starts_at: at(begin.unwrap_or(first.since_ms)),
            ends_at: end.filter(|_| is_over).map(at),
            alerts: items,
            total: of.len(),
        })
    }

    fn title(&self, of: &[&AlertState]) -> Text {
        let first = of.first().map(|state| title(state)).unwrap_or_default();
        match of.len() {
            0 | 1 => first,
            count => Text {
                en: format!("{}, and {} more", first.en, count - 1),
                zh: format!("{}，另有 {} 项", first.zh, count - 1),
            },
        }
    }

    fn body(&self, of: &[&AlertState], is_over: bool) -> Text {
        let (mut en, mut zh) = (Vec::new(), Vec::new());
        for state in of.iter().take(NAMED) {
            if of.len() > 1 {
                en.push(format!("- {}", state.title.0));
                zh.push(format!("- {}", state.title.1));
            }
            if is_over {
                let end = state.ended_ms.unwrap_or(state.since_ms);
                let fired = state.fired_ms.unwrap_or(state.since_ms);
                let lasted = u64::try_from(end.saturating_sub(fired)).unwrap_or(0);
                let lasted = text::lasted(Duration::from_millis(lasted));
                let peak = text::number(state.peak);
                en.push(format!("Over after {}; at most {peak}.", lasted.en));
                zh.push(format!("持续 {} 后恢复，最高 {peak}。", lasted.zh));
            } else {
                en.push(state.body.0.clone());
                zh.push(state.body.1.clone());
            }
        }
        if of.len() > NAMED {
            en.push(format!("… and {} more", of.len() - NAMED));
            zh.push(format!("……另有 {} 项", of.len() - NAMED));
        }
        if let Some(rule) = self.rule.filter(|_| !is_over) {
            en.push(rule.about.en.clone());
            zh.push(rule.about.zh.clone());
            if !rule.runbook.is_empty() {
                en.push(format!("What to do: {}", rule.runbook));
                zh.push(format!("处理方法：{}", rule.runbook));
            }
        }
        Text {
            en: en.join("\n"),
            zh: zh.join("\n"),
        }
    }
}

fn title(state: &AlertState) -> Text {
    Text {
        en: state.title.0.clone(),
        zh: state.title.1.clone(),
    }
}

fn at(ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
