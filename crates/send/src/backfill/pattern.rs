//! Whose a folder or an archive is, by its name: `{endpoint}/`, `20*/{endpoint}_*.zip`.

use std::path::{Component, Path};

/// The one place of the name.
const ENDPOINT: &str = "{endpoint}";

/// Where below a tree the folders and archives of endpoints stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
    /// It ends in `/`: a file does not match.
    is_of_folders: bool,
    /// Of a pattern that begins at the root: what stands before its first part with a `*` or the name.
    root: Option<String>,
}

/// What one name along the way must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Folders on the way.
    Way(Vec<Element>),
    /// The name: what stands before it and behind it.
    Name(Vec<Element>, Vec<Element>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    /// Of either case, as Windows takes names.
    Byte(u8),
    Star,
}

/// What a name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    /// The shortest name that fits.
    pub(crate) endpoint: String,
    /// A longer one fits too.
    pub(crate) is_ambiguous: bool,
}

impl Pattern {
    /// Reads `text`; the reason where it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let slashes = text.replace('\\', "/");
        let fault = |why: &str| format!("`{}` is no pattern: {why}", harmless::line(text));
        let is_of_folders = slashes.ends_with('/');
        let is_rooted = Path::new(&slashes).is_absolute();
        let mut names: Vec<&str> = slashes.trim_matches('/').split('/').collect();
        let mut root = None;
        if is_rooted {
            let is_fixed = |name: &&str| !name.contains(['*', '{']);
            let fixed = names.iter().take_while(|name| is_fixed(name)).count();
            let before: Vec<&str> = names.drain(..fixed).collect();
            let start = if slashes.starts_with('/') { "/" } else { "" };
            root = Some(format!("{start}{}", before.join("/")));
        }
        if names.iter().any(|name| matches!(*name, "" | "." | "..")) {
            return Err(fault("an empty name, `.` or `..` stands in it"));
        }
        let parts: Vec<Part> = names.iter().map(|name| Part::parse(name)).collect();
        let is_name = |part: &&Part| matches!(part, Part::Name(..));
        if slashes.matches(ENDPOINT).count() != 1 || parts.iter().filter(is_name).count() != 1 {
            return Err(fault(
                "`{endpoint}` must stand in it once\nhint: {endpoint}/ where each folder is of one PC, {endpoint}_*.zip for archives",
            ));
        }
        if slashes.replace(ENDPOINT, "").contains(['{', '}']) {
            return Err(fault("no other `{` than that of `{endpoint}` is known"));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
            is_of_folders,
            root,
        })
    }

    /// The same below a tree; the reason where it is of another one.
    pub(crate) fn below(&self, tree: &Path) -> Result<Self, String> {
        let Some(root) = &self.root else {
            return Ok(self.clone());
        };
        let other = || {
            format!(
                "the pattern `{}` is not below `{}`",
                harmless::line(&self.text),
                harmless::line(&tree.to_string_lossy())
            )
        };
        let mut root = Path::new(root).components();
        let mut tree = tree.components().peekable();
        while tree.peek().is_some() {
            // What the tree names beyond the fixed start would have to be compared with the pattern's own parts.
            match (root.next(), tree.next()) {
                (Some(expected), Some(found)) if expected == found => {}
                _ => return Err(other()),
            }
        }
        let between = root.filter_map(|component| match component {
            Component::Normal(name) => Some(Part::Way(elements(name.to_str()?))),
            _ => None,
        });
        Ok(Self {
            parts: between.chain(self.parts.iter().cloned()).collect(),
            root: None,
            ..self.clone()
        })
    }

    /// How many names lead to what is of an endpoint.
    pub(crate) fn depth(&self) -> usize {
        self.parts.len()
    }

    pub(crate) fn is_of_folders(&self) -> bool {
        self.is_of_folders
    }

    /// What the name at a depth says: nothing where it does not fit, `Some(None)` where it fits and is not the endpoint's.
    pub(crate) fn at(&self, depth: usize, name: &str) -> Option<Option<Captured>> {
        match self.parts.get(depth)? {
            Part::Way(elements) => fits(elements, name.as_bytes()).then_some(None),
            Part::Name(before, behind) => captured(before, behind, name.as_bytes()).map(Some),
        }
    }
}

impl Part {
    fn parse(name: &str) -> Self {
        match name.split_once(ENDPOINT) {
            Some((before, behind)) => Self::Name(elements(before), elements(behind)),
            None => Self::Way(elements(name)),
        }
    }
}

fn elements(text: &str) -> Vec<Element> {
    text.bytes()
        .map(|byte| match byte {
            b'*' => Element::Star,
            byte => Element::Byte(byte.to_ascii_lowercase()),
        })
        .collect()
}

/// The shortest name between what fits before and behind it; of several of one length the first.
fn captured(before: &[Element], behind: &[Element], name: &[u8]) -> Option<Captured> {
    let starts: Vec<usize> = (0..name.len())
        .filter(|at| name.get(..*at).is_some_and(|start| fits(before, start)))
        .collect();
    let ends: Vec<usize> = (1..=name.len())
        .filter(|at| name.get(*at..).is_some_and(|end| fits(behind, end)))
        .collect();
    let all = || {
        starts
            .iter()
            .flat_map(|start| ends.iter().map(move |end| (*start, *end)))
            .filter(|(start, end)| start < end)
    };
    let (start, end) = all().min_by_key(|(start, end)| end - start)?;
    Some(Captured {
        endpoint: String::from_utf8_lossy(name.get(start..end)?).into_owned(),
        is_ambiguous: all().count() > 1,
    })
}

/// Whether a name fits wholly. The last `*` alone is ever tried again, so a long name costs no more than its length times the pattern's.
fn fits(elements: &[Element], name: &[u8]) -> bool {
    let (mut at, mut element) = (0, 0);
    // Where the last `*` stands, and how much of the name it takes so far.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(at) {
        match elements.get(element) {
            Some(Element::Star) => {
                star = Some((element, at));
                element += 1;
            }
            Some(Element::Byte(expected)) if *expected == byte.to_ascii_lowercase() => {
                at += 1;
                element += 1;
            }
            _ => {
                let Some((of, until)) = star else {
                    return false;
                };
                star = Some((of, until + 1));
                (element, at) = (of + 1, until + 1);
            }
        }
    }
    let rest = elements.get(element..).unwrap_or_default();
    rest.iter().all(|element| *element == Element::Star)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(pattern: &str, name: &str) -> Option<(String, bool)> {
        let pattern = Pattern::parse(pattern).unwrap();
        let captured = pattern.at(pattern.depth() - 1, name)??;
        Some((captured.endpoint, captured.is_ambiguous))
    }

    #[test]
    fn names_are_taken_from_between_what_is_fixed() {
        for (pattern, text, expected) in [
            ("{endpoint}/", "PC-0042", Some(("PC-0042", false))),
            (
                "{endpoint}_*.zip",
                "PC-0042_2019.ZIP",
                Some(("PC-0042", false)),
            ),
            ("{endpoint}_*.zip", "PC_1_2019.zip", Some(("PC", true))),
            ("*_{endpoint}.cab", "a_b_PC1.cab", Some(("PC1", true))),
            ("logs-{endpoint}", "LOGS-x", Some(("x", false))),
            ("{endpoint}.zip", ".zip", None),
            ("{endpoint}.zip", "PC-1.cab", None),
            ("{endpoint}_*", "PC-1", None),
            ("{endpoint}", "é", Some(("é", false))),
        ] {
            let expected = expected.map(|(name, ambiguous)| (name.to_owned(), ambiguous));
            assert_eq!(name(pattern, text), expected, "{pattern} {text}");
        }
        let long = "ab".repeat(2_000);
        assert_eq!(name("*a*a*a*a*a{endpoint}*c*c*c*x", &long), None);
    }

    #[test]
    fn folders_on_the_way_are_matched_one_by_one() {
        let pattern = Pattern::parse("20*/{endpoint}/").unwrap();
        assert_eq!((pattern.depth(), pattern.is_of_folders()), (2, true));
        assert_eq!(pattern.at(0, "2019"), Some(None));
        assert_eq!(pattern.at(0, "old"), None);
        assert_eq!(pattern.at(2, "x"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_pattern_from_the_root_is_of_the_trees_above_it() {
        let pattern = Pattern::parse("/archive/20*/{endpoint}/").unwrap();
        let below = pattern.below(Path::new("/archive")).unwrap();
        assert_eq!(
            below,
            Pattern {
                text: below.text.clone(),
                ..Pattern::parse("20*/{endpoint}/").unwrap()
            }
        );
        let above = pattern.below(Path::new("/")).unwrap();
        assert_eq!((above.depth(), above.at(0, "archive")), (3, Some(None)));
        for other in ["/archive/2019", "/elsewhere"] {
            assert!(pattern.below(Path::new(other)).is_err(), "{other}");
        }
    }

    #[test]
    fn what_names_no_endpoint_is_no_pattern() {
        for wrong in [
            "",
            "/",
            "*",
            "PC-1/",
            "{endpoint}/{endpoint}/",
            "{endpoint}{endpoint}",
            "../{endpoint}",
            "a//{endpoint}",
            "{pc}/{endpoint}",
            "{endpoint",
        ] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
