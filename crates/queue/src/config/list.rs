//! A list of words as a file and as the environment write it.

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::fmt;

/// `["a", "b"]`, or `a, b` from the environment, which has no lists.
pub(super) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_any(Words)
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names, or names with comma between them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let words = text.split(',').map(str::trim);
        Ok(words
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = items.next_element()? {
            words.push(word);
        }
        Ok(words)
    }
}
