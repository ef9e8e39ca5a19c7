//! Messages within the size that a service takes: items go first, then the body, then what is only nice to know.

/// How much of a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) items: usize,
    pub(crate) body_bytes: usize,
    pub(crate) facts: bool,
}

/// A body is some lines of a person's rule; of one with a log in it this much is shown.
pub(crate) const BODY_BYTES: usize = 4000;
/// People are shown the first ten items.
pub(crate) const ITEMS: usize = 10;

impl Shown {
    /// Everything.
    pub(crate) const ALL: Self = Self {
        items: ITEMS,
        body_bytes: BODY_BYTES,
        facts: true,
    };
}

/// Writes with less and less until it has at most `max` bytes. The least that is written fits every limit there is here.
pub(crate) fn fit(max: usize, items: usize, write: impl Fn(Shown) -> String) -> String {
    let mut shown = Shown {
        items: items.min(ITEMS),
        ..Shown::ALL
    };
    loop {
        let text = write(shown);
        if text.len() <= max {
            return text;
        }
        if shown.items > 0 {
            shown.items -= 1;
        } else if shown.body_bytes > 0 {
            shown.body_bytes = if shown.body_bytes > 100 {
                shown.body_bytes / 2
            } else {
                0
            };
        } else if shown.facts {
            shown.facts = false;
        } else {
            return text;
        }
    }
}

/// At most so many bytes, whole letters; behind what is cut stands an ellipsis of three more.
pub(crate) fn clip(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(max);
    format!("{}…", text.get(..end).unwrap_or_default())
}
