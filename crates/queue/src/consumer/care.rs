//! How carefully a partition is worked on: a record that ends the process must not end it for ever.
//!
//! What is about to be handed out is announced in the commit's metadata first, so that the next owner knows how it ended.

use std::fmt;

/// The first window after an abnormal end: large enough that an operator's kill costs nothing that is felt.
const WINDOW: u32 = 512;

/// Each further death divides the window by this: 512, 64, 8, 1.
const NARROWER: u32 = 8;

/// A record that died alone so often is not tried again: twice may be an operator's doing.
pub(super) const DEATHS: u32 = 3;

/// How carefully a partition is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Given up in good order. Only written, never worked with.
    Clean,
    /// As many records as the consumer's bounds allow.
    Working,
    /// After an abnormal end: so many records at most, from the committed offset on.
    Window(u32),
    /// The record at the committed offset is in the process alone; it has died alone so often before.
    Alone(u32),
    /// A window given up in good order, or a lone record that waits for its turn.
    Rest {
        /// How many records may be handed out.
        window: u32,
        /// How often the record at the committed offset has died alone.
        deaths: u32,
    },
}

impl Care {
    /// With what a new owner begins, given how the last one left. None where nobody said.
    pub(crate) fn begin(left: Option<Self>) -> Self {
        match left {
            Some(Self::Clean) => Self::Working,
            None | Some(Self::Working) => Self::window(WINDOW, 0),
            Some(Self::Window(window)) => Self::window(window / NARROWER, 0),
            Some(Self::Alone(deaths)) => Self::window(1, deaths + 1),
            Some(Self::Rest { window, deaths }) => Self::window(window, deaths),
        }
    }

    /// What to write when the owner gives the partition up: in good order nothing died, whatever is still in flight.
    pub(crate) fn left(self) -> Self {
        match self {
            Self::Clean | Self::Working => Self::Clean,
            Self::Window(window) => Self::Rest { window, deaths: 0 },
            Self::Alone(deaths) => Self::Rest { window: 1, deaths },
            Self::Rest { .. } => self,
        }
    }

    /// After a window that passed.
    pub(crate) fn passed(self) -> Self {
        match self {
            Self::Window(window) if window >= WINDOW => Self::Working,
            Self::Window(window) => Self::Window(window * 2),
            Self::Alone(_) | Self::Rest { .. } => Self::Window(2),
            other => other,
        }
    }

    /// So many records at most; a single one has to wait for its turn.
    fn window(window: u32, deaths: u32) -> Self {
        if window > 1 {
            Self::Window(window)
        } else {
            Self::Rest { window: 1, deaths }
        }
    }

    /// What a new owner that begins so should say, where it is not the usual.
    pub(crate) fn told(self) -> Option<String> {
        match self {
            Self::Clean | Self::Working => None,
            Self::Window(window) => Some(format!(
                "at most {window} of its records are worked on at once"
            )),
            _ if self.is_given_up() => Some(format!(
                "its next record was there alone {DEATHS} times and becomes a dead letter"
            )),
            Self::Alone(deaths) | Self::Rest { deaths, .. } => Some(format!(
                "its next record is worked on alone, as in {deaths} ends of a process before"
            )),
        }
    }

    /// Whether the record at the committed offset is not to be tried again.
    pub(crate) fn is_given_up(self) -> bool {
        matches!(self, Self::Rest { window: 1, deaths } if deaths >= DEATHS)
    }

    /// Back from the words behind a mark; none of an older build, or of a foreign tool.
    pub(crate) fn parse<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Self> {
        let name = words.next()?;
        let mut number = || words.next()?.parse::<u32>().ok();
        Some(match name {
            "clean" => Self::Clean,
            "working" => Self::Working,
            "window" => Self::Window(number()?.clamp(1, WINDOW)),
            "alone" => Self::Alone(number()?.min(DEATHS)),
            "rest" => Self::Rest {
                window: number()?.clamp(1, WINDOW),
                deaths: number()?.min(DEATHS),
            },
            _ => return None,
        })
    }
}

impl fmt::Display for Care {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean => f.write_str("clean"),
            Self::Working => f.write_str("working"),
            Self::Window(window) => write!(f, "window {window}"),
            Self::Alone(deaths) => write!(f, "alone {deaths}"),
            Self::Rest { window, deaths } => write!(f, "rest {window} {deaths}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_death_narrows_and_only_lone_ones_count() {
        let mut left = Some(Care::Working);
        let mut seen = Vec::new();
        for _ in 0..7 {
            let care = Care::begin(left);
            seen.push(care);
            // What is committed before a lone record is handed out.
            left = Some(match care {
                Care::Rest { deaths, .. } => Care::Alone(deaths),
                care => care,
            });
        }
        let rest = |deaths| Care::Rest { window: 1, deaths };
        assert_eq!(
            seen,
            [
                Care::Window(512),
                Care::Window(64),
                Care::Window(8),
                rest(0),
                rest(1),
                rest(2),
                rest(3)
            ]
        );
        assert!(!rest(2).is_given_up() && rest(3).is_given_up());
    }

    #[test]
    fn a_good_end_costs_nothing() {
        assert_eq!(Care::Working.left(), Care::Clean);
        assert_eq!(Care::begin(Some(Care::Clean)), Care::Working);
        for care in [
            Care::Window(64),
            Care::Rest {
                window: 1,
                deaths: 2,
            },
        ] {
            assert_eq!(Care::begin(Some(care.left())), care);
        }
        // It was given up, so it did not die.
        let care = Care::Alone(1).left();
        assert_eq!(
            Care::begin(Some(care)),
            Care::Rest {
                window: 1,
                deaths: 1
            }
        );
    }

    #[test]
    fn windows_that_pass_grow_until_there_is_none() {
        let mut care = Care::Alone(2);
        let mut steps = 0;
        while care != Care::Working {
            (care, steps) = (care.passed(), steps + 1);
        }
        assert_eq!(steps, 10);
    }

    #[test]
    fn what_is_written_comes_back() {
        for care in [
            Care::Clean,
            Care::Working,
            Care::Window(64),
            Care::Alone(2),
            Care::Rest {
                window: 8,
                deaths: 0,
            },
        ] {
            assert_eq!(Care::parse(care.to_string().split(' ')), Some(care));
        }
        for text in ["", "window", "alone x", "moved by hand"] {
            assert_eq!(Care::parse(text.split(' ')), None, "{text}");
        }
    }
}
