//! Pages of lists that are ranked as a whole: which lines, how many in all, where it goes on.

use super::endpoints::{LIMIT, LIMIT_MAX, unknown};
use crate::error::ApiError;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which lines of a list.
#[derive(Deserialize, IntoParams)]
pub(crate) struct AskedLines {
    /// Only lines that hold these words.
    #[serde(default)]
    pub(super) q: String,
    /// Lines of an answer; more than 500 are 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
    /// Where it goes on: `next` of the answer before.
    after: Option<String>,
}

/// Lines of a list.
pub(super) struct Lines<T> {
    pub(super) rows: Vec<T>,
    pub(super) total: usize,
    pub(super) next: Option<String>,
}

impl AskedLines {
    /// The lines asked for; `after` is how many stand before them, as the page before gave it.
    pub(super) fn of<T>(&self, all: Vec<T>) -> Result<Lines<T>, ApiError> {
        let limit = self.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
        let skip = match self.after.as_deref().unwrap_or("") {
            "" => 0,
            after => after.parse().map_err(|_| unknown("after", after))?,
        };
        let total = all.len();
        let end = total.min(limit.saturating_add(skip));
        Ok(Lines {
            rows: all.into_iter().skip(skip).take(limit).collect(),
            total,
            next: (end < total).then(|| end.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let mut asked = AskedLines {
            q: String::new(),
            limit: Some(4),
            after: None,
        };
        let mut seen: Vec<u8> = Vec::new();
        loop {
            let Ok(page) = asked.of((0..10).collect()) else {
                panic!("a place that a page gave")
            };
            assert_eq!(page.total, 10);
            seen.extend(page.rows);
            let Some(next) = page.next else { break };
            asked.after = Some(next);
        }
        assert_eq!(seen, (0..10).collect::<Vec<u8>>());
        asked.after = Some("99".to_owned());
        assert!(
            asked
                .of(vec![1])
                .is_ok_and(|page| page.rows.is_empty() && page.next.is_none())
        );
        asked.after = Some("x".to_owned());
        assert!(asked.of(vec![1]).is_err());
    }
}
