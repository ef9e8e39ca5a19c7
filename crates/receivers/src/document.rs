//! A message in one language, harmless and bounded, before any service's own form.

use crate::escape::link;
use crate::fit::{BODY_BYTES, ITEMS, Shown, clip};
use crate::message::{Item, Language, Message, Severity, Status, Tongue, millis};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Language and clock of what people read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    pub(crate) language: Language,
    pub(crate) offset_minutes: i32,
}

/// One item as it is shown.
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) page: Option<String>,
}

/// A message in one language. Every text is one harmless line, still to be escaped for where it goes.
pub(crate) struct Document {
    pub(crate) tongue: Tongue,
    pub(crate) heading: String,
    pub(crate) facts: Vec<String>,
    body: Vec<String>,
    /// Whether the body has more lines than are kept of it.
    has_more: bool,
    pub(crate) items: Vec<Line>,
    total: usize,
    pub(crate) page: Option<String>,
    rule: String,
}

// Bytes of one piece, so that the least that is written fits the smallest service, 4096 bytes, in two languages.
const HEADING_BYTES: usize = 200;
const LABELS_BYTES: usize = 300;
const LABEL_BYTES: usize = 100;
const ITEM_BYTES: usize = 400;
const RULE_BYTES: usize = 64;
const BODY_LINES: usize = 40;

/// A message in each language of a style, in the order that they are read.
pub(crate) fn documents(message: &Message, style: Style) -> Vec<Document> {
    let tongues = style.language.tongues();
    tongues
        .iter()
        .map(|tongue| Document::new(message, *tongue, style.offset_minutes))
        .collect()
}

impl Document {
    fn new(message: &Message, tongue: Tongue, offset_minutes: i32) -> Self {
        let body = harmless::lines(message.body.get(tongue));
        let mut lines = body
            .trim_end()
            .lines()
            .map(|line| line.trim_end().to_owned());
        let mut facts = vec![when(message, tongue, offset_minutes)];
        if !message.labels.is_empty() {
            let word = if tongue == Tongue::Zh {
                "标签："
            } else {
                "Labels: "
            };
            facts.push(format!(
                "{word}{}",
                clip(&labels(&message.labels), LABELS_BYTES)
            ));
        }
        Self {
            tongue,
            heading: heading(message, tongue),
            facts,
            body: lines.by_ref().take(BODY_LINES).collect(),
            has_more: lines.next().is_some(),
            items: message
                .alerts
                .iter()
                .take(ITEMS)
                .map(|item| line(item, tongue))
                .collect(),
            total: message.total(),
            page: link(&message.page),
            rule: clip(&harmless::line(&message.rule), RULE_BYTES),
        }
    }

    /// As much of the body as is to be shown, and that something is missing where it is.
    pub(crate) fn body(&self, shown: Shown) -> Vec<String> {
        let whole: usize = self.body.iter().map(String::len).sum();
        let mut room = shown.body_bytes.min(BODY_BYTES);
        if whole <= room && !self.has_more {
            return self.body.clone();
        }
        let mut lines = Vec::new();
        for line in &self.body {
            if room == 0 {
                break;
            }
            lines.push(clip(line, room));
            room = room.saturating_sub(line.len());
        }
        lines.push(match self.tongue {
            Tongue::Zh => "（正文过长，其余见详情页）".to_owned(),
            Tongue::En => "(the text is too long; the rest is on the page)".to_owned(),
        });
        lines
    }

    /// Says how many items are not listed.
    pub(crate) fn left_out(&self, shown: Shown) -> Option<String> {
        let left = self.total - self.items.len().min(shown.items);
        // A message about one thing need not list it.
        if left == 0 || self.items.is_empty() && self.total <= 1 {
            return None;
        }
        Some(match self.tongue {
            Tongue::Zh => format!("另有 {left} 条未列出"),
            Tongue::En => format!("{left} more not listed"),
        })
    }

    /// What a link to the page is called.
    pub(crate) fn details(&self) -> &'static str {
        match self.tongue {
            Tongue::Zh => "查看详情",
            Tongue::En => "Details",
        }
    }

    /// Who speaks, and of which rule. It holds the word that a robot's key word check may ask for.
    pub(crate) fn footer(&self) -> String {
        format!("cbsift · {}", self.rule)
    }

    /// As plain text.
    pub(crate) fn plain(&self, shown: Shown) -> String {
        let mut out = format!("{}\n", self.heading);
        let mut line = |text: &str| {
            out.push_str(text);
            out.push('\n');
        };
        if shown.facts {
            self.facts.iter().for_each(|fact| line(fact));
        }
        let body = self.body(shown);
        if !body.is_empty() {
            line("");
            body.iter().for_each(|text| line(text));
        }
        if !self.items.is_empty() {
            line("");
        }
        for (index, item) in self.items.iter().take(shown.items).enumerate() {
            line(&format!("{}. {}", index + 1, item.text));
            if let Some(page) = &item.page {
                line(&format!("   {page}"));
            }
        }
        if let Some(left) = self.left_out(shown) {
            line(&left);
        }
        if let Some(page) = &self.page {
            line("");
            let colon = if self.tongue == Tongue::Zh {
                "："
            } else {
                ": "
            };
            line(&format!("{}{colon}{page}", self.details()));
        }
        line(&self.footer());
        out
    }
}

fn heading(message: &Message, tongue: Tongue) -> String {
    let word = match (message.status, message.severity, tongue) {
        (Status::Resolved, _, Tongue::En) => "RESOLVED",
        (Status::Resolved, _, Tongue::Zh) => "已恢复",
        (Status::Firing, Severity::Critical, Tongue::En) => "CRITICAL",
        (Status::Firing, Severity::Critical, Tongue::Zh) => "严重",
        (Status::Firing, Severity::Warning, Tongue::En) => "WARNING",
        (Status::Firing, Severity::Warning, Tongue::Zh) => "警告",
        (Status::Firing, Severity::Info, Tongue::En) => "INFO",
        (Status::Firing, Severity::Info, Tongue::Zh) => "提示",
    };
    let title = message.title.get(tongue);
    let title = if title.trim().is_empty() {
        &message.rule
    } else {
        title
    };
    let title = clip(harmless::line(title.trim()).trim(), HEADING_BYTES);
    let total = message.total();
    match (tongue, total) {
        (Tongue::En, 0 | 1) => format!("[{word}] {title}"),
        (Tongue::En, _) => format!("[{word}] {title} ({total})"),
        (Tongue::Zh, 0 | 1) => format!("【{word}】{title}"),
        (Tongue::Zh, _) => format!("【{word}】{title}（{total} 条）"),
    }
}

fn when(message: &Message, tongue: Tongue, offset_minutes: i32) -> String {
    let since = clock(message.starts_at, offset_minutes);
    let ended = message
        .ends_at
        .filter(|_| message.status == Status::Resolved);
    match (ended, tongue) {
        (Some(ended), Tongue::En) => {
            format!("From {since} to {}", clock(ended, offset_minutes))
        }
        (Some(ended), Tongue::Zh) => {
            format!("起止：{since} 至 {}", clock(ended, offset_minutes))
        }
        (None, Tongue::En) => format!("Since {since}"),
        (None, Tongue::Zh) => format!("开始：{since}"),
    }
}

/// `2026-11-30 08:00:00 +08:00`.
fn clock(at: SystemTime, offset_minutes: i32) -> String {
    let wall = millis(at).to_logged(offset_minutes);
    if offset_minutes == 0 {
        return format!("{wall} UTC");
    }
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    let minutes = offset_minutes.abs();
    format!("{wall} {sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// `a=b, c=d`.
fn labels(labels: &BTreeMap<String, String>) -> String {
    let parts: Vec<String> = labels
        .iter()
        .map(|(name, value)| {
            let name = clip(&harmless::line(name), LABEL_BYTES);
            format!("{name}={}", clip(&harmless::line(value), LABEL_BYTES))
        })
        .collect();
    parts.join(", ")
}

fn line(item: &Item, tongue: Tongue) -> Line {
    let text = item.text.get(tongue);
    let text = if text.trim().is_empty() {
        format!("{}: {}", labels(&item.labels), item.value)
    } else {
        harmless::line(text.trim()).into_owned()
    };
    Line {
        text: clip(&text, ITEM_BYTES),
        page: link(&item.page),
    }
}
