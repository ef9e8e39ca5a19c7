//! The engine's print of a statement: its words, and what stands around the bare statement.
//!
//! The engine prints on one line, keywords in capitals, without comments, names quoted where they must be. Whatever does not
//! look so is refused, so that this reading and the engine's cannot differ.

use std::collections::HashSet;

use super::{refused, settings, settings::is_plain_name};
use super::{tree, types};
use crate::engine::DATABASE;
use crate::exception::Exception;

/// A word of the printed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// A keyword, a plain name, or a number.
    Word(&'a str),
    /// A quoted name, without its quotes.
    Name(&'a str),
    /// A quoted text, without its quotes and as it is escaped.
    Text(&'a str),
    Symbol(char),
}

impl<'a> Token<'a> {
    fn is(self, word: &str) -> bool {
        self == Token::Word(word)
    }

    fn name(self) -> Option<&'a str> {
        match self {
            Token::Word(name) | Token::Name(name) => Some(name),
            Token::Text(_) | Token::Symbol(_) => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Placed<'a> {
    token: Token<'a>,
    start: usize,
    /// Brackets that are open before it.
    depth: usize,
}

/// What kind of statement it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Select {
        /// Names that `WITH name AS (SELECT …)` makes.
        with_names: HashSet<String>,
        /// `OVER (…)`, whose inside the tree does not show.
        has_window: bool,
    },
    /// The following are what Grafana asks to fill its lists, and `clickhouse-connect`.
    ShowDatabases,
    ShowTables,
    Describe {
        table: String,
    },
    Exists {
        table: String,
    },
}

/// A statement taken apart.
#[derive(Debug)]
pub(super) struct Canonical<'a> {
    pub(super) shape: Shape,
    /// Without `FORMAT` and `SETTINGS`.
    pub(super) bare: &'a str,
    pub(super) format: Option<String>,
    pub(super) settings: Vec<(String, String)>,
}

impl<'a> Canonical<'a> {
    pub(super) fn read(printed: &'a str) -> Result<Self, Exception> {
        let printed = printed.trim();
        let tokens = tokens(printed)?;
        let mut canonical = Self {
            shape: Shape::ShowDatabases,
            bare: printed,
            format: None,
            settings: Vec::new(),
        };
        let mut length = tokens.len();
        for (at, placed) in tokens.iter().enumerate() {
            if placed.depth > 0 || at == 0 {
                continue;
            }
            if placed.token.is("INTO") {
                return Err(refused("INTO OUTFILE"));
            }
            if let Some(tail) = tokens.get(at..)
                && let Some((format, settings)) = tail_of(tail)
            {
                canonical.format = format;
                canonical.settings = settings;
                canonical.bare = printed.get(..placed.start).unwrap_or_default().trim_end();
                length = at;
                break;
            }
        }
        canonical.shape = shape(tokens.get(..length).unwrap_or_default())?;
        Ok(canonical)
    }
}

/// Engines of tables and databases that writers may name, and `Replicated` before any of a family.
const ENGINES: [&str; 10] = [
    "AggregatingMergeTree",
    "Atomic",
    "CoalescingMergeTree",
    "CollapsingMergeTree",
    "Memory",
    "MergeTree",
    "Null",
    "ReplacingMergeTree",
    "SummingMergeTree",
    "VersionedCollapsingMergeTree",
];

/// The engines that a printed definition names, and that it names no disk.
pub(super) fn check_definition(printed: &str) -> Result<(), Exception> {
    let not_available = |what: &str| {
        Exception::new(
            497,
            "ACCESS_DENIED",
            format_args!(
                "{what} is not available here; hint: tables are of the MergeTree family, in the engine's own folder"
            ),
        )
    };
    let tokens = tokens(printed.trim())?;
    for (at, placed) in tokens.iter().enumerate() {
        let token = |next: usize| tokens.get(at + next).map(|placed| placed.token);
        if token(1) != Some(Token::Symbol('=')) {
            continue;
        }
        match placed.token {
            Token::Word("ENGINE") => {
                let engine = token(2).and_then(Token::name).unwrap_or_default();
                let family = engine.strip_prefix("Replicated").unwrap_or(engine);
                if !ENGINES.contains(&family) {
                    return Err(not_available(&format!("the engine `{engine}`")));
                }
            }
            Token::Word(name @ ("disk" | "storage_policy" | "table_disk"))
            | Token::Name(name @ ("disk" | "storage_policy" | "table_disk")) => {
                return Err(not_available(&format!("the setting `{name}`")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn shape(tokens: &[Placed<'_>]) -> Result<Shape, Exception> {
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|placed| placed.token.is(word));
    let first = tokens.first().map(|placed| placed.token);
    match first {
        Some(Token::Word("SELECT" | "WITH") | Token::Symbol('(')) => select(tokens),
        Some(Token::Word("SHOW")) if is(1, "DATABASES") && tokens.len() == 2 => {
            Ok(Shape::ShowDatabases)
        }
        Some(Token::Word("SHOW"))
            if is(1, "TABLES")
                && (tokens.len() == 2
                    || tokens.len() == 4 && is(2, "FROM") && table(&tokens[3..])? == DATABASE) =>
        {
            Ok(Shape::ShowTables)
        }
        Some(Token::Word("DESCRIBE")) if is(1, "TABLE") => Ok(Shape::Describe {
            table: table(tokens.get(2..).unwrap_or_default())?,
        }),
        Some(Token::Word("EXISTS")) if is(1, "TABLE") => Ok(Shape::Exists {
            table: table(tokens.get(2..).unwrap_or_default())?,
        }),
        Some(Token::Word(verb)) => Err(Exception::read_only(format_args!(
            "Cannot execute query in readonly mode: a reader's token runs one SELECT, not {verb}"
        ))),
        _ => Err(Exception::new(62, "SYNTAX_ERROR", "Empty query")),
    }
}

/// A table's name and nothing else.
fn table(tokens: &[Placed<'_>]) -> Result<String, Exception> {
    let token = |at: usize| tokens.get(at).map(|placed: &Placed<'_>| placed.token);
    let name = |at: usize| token(at).and_then(Token::name);
    match (name(0), token(1), name(2), tokens.len()) {
        (Some(table), None, None, 1) => Ok(table.to_owned()),
        (Some(database), Some(Token::Symbol('.')), Some(table), 3) => {
            Ok(format!("{database}.{table}"))
        }
        _ => Err(refused("anything but a table's name here")),
    }
}

/// Keywords that may stand before an opening bracket.
const BEFORE_BRACKET: [&str; 38] = [
    "ALL",
    "AND",
    "AS",
    "BY",
    "COLUMNS",
    "DISTINCT",
    "DIV",
    "EXCEPT",
    "FROM",
    "HAVING",
    "ILIKE",
    "IN",
    "INTERPOLATE",
    "INTERSECT",
    "JOIN",
    "LIKE",
    "LIMIT",
    "MATERIALIZED",
    "MOD",
    "NOT",
    "OFFSET",
    "ON",
    "OR",
    "OVER",
    "PREWHERE",
    "QUALIFY",
    "REPLACE",
    "SELECT",
    "SETS",
    "STALENESS",
    "STEP",
    "TO",
    "UNION",
    "USING",
    "WHERE",
    "WINDOW",
    "WITH",
    "XOR",
];

/// What a tree does not show of a `SELECT`, read from its words.
fn select(tokens: &[Placed<'_>]) -> Result<Shape, Exception> {
    let mut with_names = HashSet::new();
    let mut has_window = false;
    let mut in_parameter = false;
    let token = |at: usize| tokens.get(at).map(|placed| placed.token);
    for at in 0..tokens.len() {
        let Some(here) = token(at) else { break };
        let next = token(at + 1);
        // The tree decides about functions; but whatever looks like one here is one of the lists, too, should a tree of
        // another version not show it.
        match here {
            Token::Symbol('{') => in_parameter = true,
            Token::Symbol('}') => in_parameter = false,
            Token::Word(name)
                if next == Some(Token::Symbol('('))
                    && !in_parameter
                    && !BEFORE_BRACKET.contains(&name)
                    && !tree::is_listed(name) =>
            {
                return Err(refused(format_args!("the function `{name}`")));
            }
            _ => {}
        }
        match here {
            // Those at the end are taken off before; of these the tree shows no name, and in a check they would be in force.
            Token::Word("SETTINGS")
                if next.is_some_and(|next| next.name().is_some())
                    && token(at + 2) == Some(Token::Symbol('=')) =>
            {
                let name = next.and_then(Token::name).unwrap_or_default();
                return Err(settings::not_taken(name));
            }
            Token::Word("OVER") if next == Some(Token::Symbol('(')) => {
                window(tokens.get(at + 2..).unwrap_or_default())?;
                has_window = true;
            }
            // Names for a table's columns: they would hide which column is read.
            Token::Word("AS")
                if next.is_some_and(|next| next.name().is_some() && !next.is("MATERIALIZED"))
                    && token(at + 2) == Some(Token::Symbol('(')) =>
            {
                return Err(refused("a list of names for the columns of a table"));
            }
            // The tree's line of a function would not show where its name ends.
            Token::Name(_) if next == Some(Token::Symbol('(')) => {
                return Err(refused("a function with a quoted name"));
            }
            Token::Symbol('{') => {
                let type_ = tokens.get(at + 3..).unwrap_or_default();
                let is_parameter = next.is_some_and(|next| next.name().is_some())
                    && token(at + 2) == Some(Token::Symbol(':'));
                parameter(type_).filter(|_| is_parameter).ok_or_else(|| {
                    refused("a parameter of another type than those of numbers, texts, times and lists of them")
                })?;
            }
            _ => {}
        }
        if let Some(name) = here.name()
            && at > 0
            && token(at - 1).is_some_and(|before| {
                before.is("WITH") || before.is("RECURSIVE") || before == Token::Symbol(',')
            })
            && makes_a_table(tokens.get(at + 1..).unwrap_or_default())
        {
            with_names.insert(name.to_owned());
        }
    }
    Ok(Shape::Select {
        with_names,
        has_window,
    })
}

/// `AS (SELECT …`, after a name.
fn makes_a_table(tokens: &[Placed<'_>]) -> bool {
    let mut tokens = tokens.iter().map(|placed| placed.token).peekable();
    if !tokens.next().is_some_and(|token| token.is("AS")) {
        return false;
    }
    tokens.next_if(|token| token.is("MATERIALIZED"));
    if tokens.next() != Some(Token::Symbol('(')) {
        return false;
    }
    while tokens.next_if_eq(&Token::Symbol('(')).is_some() {}
    tokens
        .next()
        .is_some_and(|token| token.is("SELECT") || token.is("WITH"))
}

/// The inside of `OVER (…)` up to its end: columns and the words of a window, no expression.
fn window(tokens: &[Placed<'_>]) -> Result<(), Exception> {
    for placed in tokens {
        match placed.token {
            Token::Symbol(')') => return Ok(()),
            Token::Word(_) | Token::Name(_) | Token::Symbol(',' | '.') => {}
            Token::Symbol(_) | Token::Text(_) => break,
        }
    }
    Err(refused(
        "an expression in OVER (…): name it before, or write WINDOW w AS (…)",
    ))
}

/// The type of `{name:Type}` up to the bracket that ends it.
fn parameter(tokens: &[Placed<'_>]) -> Option<()> {
    let mut text = String::new();
    for placed in tokens {
        match placed.token {
            Token::Symbol('}') => return types::is_allowed(&text).then_some(()),
            Token::Word(word) => {
                text.push(' ');
                text.push_str(word);
            }
            Token::Text(value) => {
                text.push('\'');
                text.push_str(value);
                text.push('\'');
            }
            Token::Symbol(symbol) => text.push(symbol),
            Token::Name(_) => return None,
        }
    }
    None
}

type Tail = (Option<String>, Vec<(String, String)>);

/// `SETTINGS a = 1, …`, `FORMAT x`, or both in either order, and nothing else.
fn tail_of(tokens: &[Placed<'_>]) -> Option<Tail> {
    let mut format = None;
    let mut settings = Vec::new();
    let mut rest = tokens.iter().map(|placed| placed.token).peekable();
    while let Some(token) = rest.next() {
        match token {
            Token::Word("FORMAT") if format.is_none() => {
                format = Some(rest.next()?.name()?.to_owned());
            }
            Token::Word("SETTINGS") => loop {
                let name = rest.next()?.name().filter(|name| is_plain_name(name))?;
                if rest.next()? != Token::Symbol('=') {
                    return None;
                }
                let sign = rest.next_if_eq(&Token::Symbol('-')).map_or("", |_| "-");
                let value = match rest.next()? {
                    Token::Word(value) | Token::Text(value) => format!("{sign}{value}"),
                    Token::Name(_) | Token::Symbol(_) => return None,
                };
                settings.push((name.to_owned(), value));
                if rest.next_if_eq(&Token::Symbol(',')).is_none() {
                    break;
                }
            },
            _ => return None,
        }
    }
    Some((format, settings))
}

fn tokens(text: &str) -> Result<Vec<Placed<'_>>, Exception> {
    let mut found = Vec::new();
    let mut open = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let start = text.len() - rest.len();
        let (token, length) = match first {
            ' ' => {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            '\'' => {
                let inside = quoted(rest, '\'').ok_or_else(unprintable)?;
                (Token::Text(inside), inside.len() + 2)
            }
            '`' => {
                let inside = quoted(rest, '`').ok_or_else(unprintable)?;
                // A name with an escape or a line end could make more lines in a tree than it has nodes.
                if inside.contains('\\') || inside.chars().any(char::is_control) {
                    return Err(refused("a name with a backslash or a control character"));
                }
                (Token::Name(inside), inside.len() + 2)
            }
            _ if is_word(first) => {
                let length = rest.find(|other| !is_word(other)).unwrap_or(rest.len());
                (Token::Word(rest.get(..length).unwrap_or_default()), length)
            }
            _ if rest.starts_with("--") || rest.starts_with("/*") => return Err(unprintable()),
            '(' | '[' | '{' | ')' | ']' | '}' | ',' | '.' | ':' | '=' | '<' | '>' | '!' | '+'
            | '-' | '*' | '/' | '%' | '|' | '?' | '^' | '&' => (Token::Symbol(first), 1),
            _ => return Err(unprintable()),
        };
        if let Token::Symbol(symbol @ (')' | ']' | '}')) = token {
            let opening = match symbol {
                ')' => '(',
                ']' => '[',
                _ => '{',
            };
            if open.pop() != Some(opening) {
                return Err(unprintable());
            }
        }
        found.push(Placed {
            token,
            start,
            depth: open.len(),
        });
        if let Token::Symbol(symbol @ ('(' | '[' | '{')) = token {
            open.push(symbol);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    if open.is_empty() {
        Ok(found)
    } else {
        Err(unprintable())
    }
}

pub(super) fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// What stands between the quote that `text` begins with and the one that ends it; a backslash escapes.
fn quoted(text: &str, quote: char) -> Option<&str> {
    let inside = text.get(1..)?;
    let mut characters = inside.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next()?;
        } else if character == quote {
            return inside.get(..at);
        }
    }
    None
}

fn unprintable() -> Exception {
    Exception::new(
        62,
        "SYNTAX_ERROR",
        "the statement is written in a way that is not understood here",
    )
}
