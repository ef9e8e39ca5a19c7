//! What a mail says, as text and as HTML.

use crate::document::{Document, Style, documents};
use crate::escape::html;
use crate::fit::{Shown, clip, fit};
use crate::message::Message;

/// A mail is some screens; what servers take is far more.
const PART_BYTES: usize = 100_000;
const SUBJECT_BYTES: usize = 400;

/// What a mail says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// The part for readers without HTML.
    pub text: String,
    /// The other one.
    pub html: String,
}

pub(crate) fn mail(message: &Message, style: Style) -> Mail {
    let documents = documents(message, style);
    let headings: Vec<&str> = documents
        .iter()
        .map(|document| document.heading.as_str())
        .collect();
    let text = fit(PART_BYTES, message.alerts.len(), |shown| {
        let parts: Vec<String> = documents
            .iter()
            .map(|document| document.plain(shown))
            .collect();
        parts.join("\n----------------------------------------\n\n")
    });
    let html = fit(PART_BYTES, message.alerts.len(), |shown| {
        let sections: Vec<String> = documents
            .iter()
            .map(|document| section(document, shown))
            .collect();
        format!(
            "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head>\n<body style=\"font-family:'Microsoft YaHei',sans-serif;font-size:14px;color:#1b1f24\">\n{}</body></html>\n",
            sections.join("<hr>\n")
        )
    });
    Mail {
        // One line whatever the title holds: a line feed would begin a header of its own.
        subject: clip(&harmless::line(&headings.join(" / ")), SUBJECT_BYTES),
        text,
        html,
    }
}

fn section(document: &Document, shown: Shown) -> String {
    let mut out = format!("<h3>{}</h3>\n", html(&document.heading));
    let paragraph = |lines: &[String]| {
        let lines: Vec<String> = lines.iter().map(|line| html(line)).collect();
        format!("<p>{}</p>\n", lines.join("<br>\n"))
    };
    if shown.facts {
        out += &paragraph(&document.facts);
    }
    let body = document.body(shown);
    if !body.is_empty() {
        out += &paragraph(&body);
    }
    if !document.items.is_empty() {
        out += "<ol>\n";
        for item in document.items.iter().take(shown.items) {
            out += &match &item.page {
                Some(page) => format!(
                    "<li><a href=\"{}\">{}</a></li>\n",
                    html(page),
                    html(&item.text)
                ),
                None => format!("<li>{}</li>\n", html(&item.text)),
            };
        }
        out += "</ol>\n";
    }
    if let Some(left) = document.left_out(shown) {
        out += &paragraph(&[left]);
    }
    if let Some(page) = &document.page {
        out += &format!(
            "<p><a href=\"{}\">{}</a></p>\n",
            html(page),
            document.details()
        );
    }
    out += &format!(
        "<p style=\"color:#6e7781\">{}</p>\n",
        html(&document.footer())
    );
    out
}
