//! Events as XML: `wevtutil`, Event Viewer's exports and its XML view, whose lines have marks for folding.
//!
//! An element becomes the JSON that converters make of it (`@Name` for attributes, `#text` for text), and is read as that.

use crate::event_json::json::Json;
use crate::event_json::{WindowsEvent, from_json};
use std::borrow::Cow;

/// Elements within each other; an event has five.
const DEEPEST: usize = 32;

pub(crate) fn starts(text: &str) -> bool {
    text.strip_prefix("<Event")
        .is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n', '>', '/']))
}

pub(crate) fn read(record: &str) -> Option<WindowsEvent<'_>> {
    starts(record).then(|| from_json(&element(record)?))?
}

type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// An element that is not closed yet.
struct Open<'a> {
    name: &'a str,
    members: Members<'a>,
    text: Cow<'a, str>,
}

/// The first element of a text, as `{"Event":{…}}`. One that is cut off counts as far as it goes.
pub(crate) fn element(text: &str) -> Option<Json<'_>> {
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        if let Some(inner) = open.last_mut()
            && !before.trim().is_empty()
        {
            inner.text = unescaped(before);
        }
        rest = after;
        if let Some(after) = rest.strip_prefix("![CDATA[") {
            let (content, after) = after.split_once("]]>").unwrap_or((after, ""));
            if let Some(inner) = open.last_mut() {
                inner.text = Cow::Borrowed(content);
            }
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix("!--") {
            rest = after.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let Some((tag, after)) = tag(rest) else { break };
        rest = after;
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            let name = local(name.trim());
            // What was left open within it ends with it.
            let Some(at) = open.iter().rposition(|open| open.name == name) else {
                continue;
            };
            if let Some(whole) = close(&mut open, at) {
                return Some(whole);
            }
            continue;
        }
        let is_empty = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let name = tag.split_ascii_whitespace().next()?;
        if open.len() >= DEEPEST {
            return None;
        }
        open.push(Open {
            name: local(name),
            members: attributes(tag.get(name.len()..).unwrap_or_default()),
            text: Cow::Borrowed(""),
        });
        if is_empty {
            let at = open.len() - 1;
            if let Some(whole) = close(&mut open, at) {
                return Some(whole);
            }
        }
    }
    if open.is_empty() {
        return None;
    }
    close(&mut open, 0)
}

/// Closes all from the element at `at` on; returns the outermost once it is closed.
fn close<'a>(open: &mut Vec<Open<'a>>, at: usize) -> Option<Json<'a>> {
    while open.len() > at {
        let Open {
            name,
            mut members,
            text,
        } = open.pop()?;
        let has_elements = members.iter().any(|(name, _)| !name.starts_with('@'));
        let value = if members.is_empty() {
            Json::Text(text)
        } else {
            // What stands between elements is layout.
            if !has_elements {
                members.push((Cow::Borrowed("#text"), Json::Text(text)));
            }
            Json::Map(members)
        };
        let member = (Cow::Borrowed(name), value);
        match open.last_mut() {
            Some(outer) => outer.members.push(member),
            None => return Some(Json::Map(vec![member])),
        }
    }
    None
}

/// A tag up to its `>`, which in a value between quotes is a letter, and what follows it.
fn tag(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some((text.get(..at)?, text.get(at + 1..)?)),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// A name without its prefix of a namespace.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn attributes(mut text: &str) -> Members<'_> {
    let mut members = Vec::new();
    while let Some((name, rest)) = text.split_once('=') {
        let rest = rest.trim_start();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            break;
        };
        let Some((value, after)) = rest.get(1..).and_then(|rest| rest.split_once(quote)) else {
            break;
        };
        let name = format!("@{}", local(name.trim()));
        members.push((Cow::Owned(name), Json::Text(unescaped(value))));
        text = after;
    }
    members
}

/// Text without XML's escapes.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let letter = entity(after).and_then(|(name, after)| Some((letter(name)?, after)));
        match letter {
            Some((letter, after)) => {
                plain.push(letter);
                rest = after;
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The longest name: `#x10FFFF`, with a few zeros more.
const ENTITY_BYTES: usize = 12;

/// The name of an escape and what follows it. No further than a name may reach, or a text of nothing but `&` would cost its square.
fn entity(text: &str) -> Option<(&str, &str)> {
    let end = text
        .bytes()
        .take(ENTITY_BYTES + 1)
        .position(|byte| byte == b';')?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn letter(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        number => {
            let digits = number.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_sought_no_further_than_they_reach() {
        for (text, plain) in [
            ("&lt;a&#62; &amp;amp; &#x41;&#0000000065;", "<a> &amp; AA"),
            ("a && b &c; &#xD800; &", "a && b &c; &#xD800; &"),
            ("&&&&lt;", "&&&<"),
            ("&#00000000000065;", "&#00000000000065;"),
        ] {
            assert_eq!(unescaped(text), plain);
        }
    }
}
