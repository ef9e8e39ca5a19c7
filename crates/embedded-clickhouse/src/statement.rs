//! What kind of statement a text is, read from its words alone: where the data of an `INSERT`
//! begins, which output format it asks for, and what the engine must not be handed at all.

/// What the words of a text say so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// An `INSERT` whose head goes on beyond the text.
    HeadIncomplete,
    /// Not an `INSERT` with data: the whole text is needed.
    TextIncomplete,
    /// An `INSERT` with its data in the text and after it.
    Insert(InsertHead),
    /// Any other statement, complete.
    Other(Statement),
}

/// `INSERT INTO t (a, b) FORMAT x` or `… VALUES`, and where its data begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InsertHead {
    /// The head without `FORMAT x` or `VALUES` ends here.
    pub(crate) end: usize,
    pub(crate) format: String,
    pub(crate) data_at: usize,
    /// `FROM INFILE`.
    pub(crate) touches_files: bool,
}

/// A statement that is all text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The first word, in upper case; empty if the text holds none.
    pub(crate) verb: String,
    /// The trailing `FORMAT x`.
    pub(crate) format: Option<String>,
    /// Anything but a comment after a semicolon.
    pub(crate) several: bool,
    /// `INTO OUTFILE` or `FROM INFILE`: libchdb is a client too, and would read and write files of
    /// this machine past every grant.
    pub(crate) touches_files: bool,
    /// `TOTALS`: a result that is not one sequence of rows.
    pub(crate) has_totals: bool,
    /// The text without trailing semicolon ends here.
    pub(crate) end: usize,
}

/// Reads the words of `text`; `complete` says that nothing will follow it.
pub(crate) fn scan(text: &[u8], complete: bool) -> Scan {
    let mut statement = Statement::default();
    let mut touches_files = false;
    let mut semicolon = false;
    let mut depth = 0_usize;
    let mut previous = Token::Other;
    // A `FORMAT x` counts only if nothing but `SETTINGS …` or a semicolon follows.
    let mut format_holds = false;
    let mut tokens = Tokens { text, at: 0 };

    while let Some((token, start)) = tokens.next() {
        if semicolon {
            if token.is_symbol(b';') {
                continue;
            }
            statement.several = true;
            break;
        }
        if statement.verb.is_empty()
            && let Token::Word(word) = token
        {
            if tokens.at == text.len() && !complete {
                return Scan::HeadIncomplete;
            }
            statement.verb = word.to_ascii_uppercase();
            if statement.verb != "INSERT" && !complete {
                return Scan::TextIncomplete;
            }
            previous = token;
            statement.end = tokens.at;
            continue;
        }
        let is_insert = statement.verb == "INSERT";
        let opened_just_now = depth == 1 && previous.is_symbol(b'(');
        match token {
            Token::Symbol(b'(') => depth += 1,
            Token::Symbol(b')') => depth = depth.saturating_sub(1),
            Token::Symbol(b';') => semicolon = true,
            Token::Word(word) => {
                let is = |expected: &str| word.eq_ignore_ascii_case(expected);
                let after = |expected: &str| previous.is_word(expected);
                touches_files |= is("OUTFILE") && after("INTO") || is("INFILE") && after("FROM");
                statement.has_totals |= is("TOTALS");
                if previous.is_word("FORMAT") && depth == 0 && !is_insert {
                    statement.format = Some(word.to_owned());
                    format_holds = true;
                } else if format_holds && is("SETTINGS") {
                    format_holds = false;
                } else if format_holds {
                    statement.format = None;
                    format_holds = false;
                }
                // The name of the table may be any word.
                let is_name = previous.is_symbol(b'.') || after("INTO") || after("TABLE");
                if is_insert && !is_name {
                    if depth == 0 && is("VALUES") {
                        if tokens.at == text.len() && !complete {
                            return Scan::HeadIncomplete;
                        }
                        return Scan::Insert(InsertHead {
                            end: start,
                            format: "Values".to_owned(),
                            data_at: tokens.at,
                            touches_files,
                        });
                    }
                    if depth == 0 && is("FORMAT") {
                        return format_of_data(tokens, start, complete, touches_files);
                    }
                    // `INSERT … SELECT` has no data.
                    if (depth == 0 || opened_just_now) && (is("SELECT") || is("WITH")) && !complete
                    {
                        return Scan::TextIncomplete;
                    }
                }
            }
            Token::Symbol(_) | Token::Quoted | Token::Other => {
                if format_holds {
                    statement.format = None;
                    format_holds = false;
                }
            }
        }
        if !semicolon {
            statement.end = tokens.at;
        }
        previous = token;
    }
    if !complete {
        return if matches!(statement.verb.as_str(), "" | "INSERT") {
            Scan::HeadIncomplete
        } else {
            Scan::TextIncomplete
        };
    }
    statement.touches_files = touches_files;
    Scan::Other(statement)
}

/// Whether anything but comments and more semicolons follows a semicolon.
pub(crate) fn has_more_after_semicolon(text: &[u8]) -> bool {
    let mut tokens = Tokens { text, at: 0 };
    let mut semicolon = false;
    while let Some((token, _)) = tokens.next() {
        let is_semicolon = token.is_symbol(b';');
        if semicolon && !is_semicolon {
            return true;
        }
        semicolon |= is_semicolon;
    }
    false
}

/// After the word `FORMAT` of an `INSERT`: its name, an optional semicolon, blanks, one line end.
fn format_of_data(mut tokens: Tokens<'_>, end: usize, complete: bool, touches_files: bool) -> Scan {
    let text = tokens.text;
    let name = match tokens.next() {
        Some((Token::Word(name), _)) if tokens.at < text.len() || complete => name,
        _ => return Scan::HeadIncomplete,
    };
    let mut data_at = tokens.at;
    let mut semicolon = false;
    loop {
        match text.get(data_at) {
            Some(b' ' | b'\t' | b'\r') => data_at += 1,
            Some(b';') if !semicolon => {
                semicolon = true;
                data_at += 1;
            }
            Some(b'\n') => {
                data_at += 1;
                break;
            }
            None if !complete => return Scan::HeadIncomplete,
            _ => break,
        }
    }
    Scan::Insert(InsertHead {
        end,
        format: name.to_owned(),
        data_at,
        touches_files,
    })
}

#[derive(Debug, Clone, Copy)]
enum Token<'a> {
    Word(&'a str),
    Symbol(u8),
    Quoted,
    Other,
}

impl Token<'_> {
    fn is_word(self, expected: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(expected))
    }

    fn is_symbol(self, expected: u8) -> bool {
        matches!(self, Token::Symbol(symbol) if symbol == expected)
    }
}

/// The tokens of a text without blanks and comments, each with its start.
struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<(Token<'a>, usize)> {
        self.skip_blanks();
        let start = self.at;
        let first = *self.text.get(start)?;
        let token = match first {
            b'\'' | b'"' | b'`' => {
                self.at = self.end_of_quoted(start + 1, first);
                Token::Quoted
            }
            b'$' => match self.end_of_heredoc(start) {
                Some(end) => {
                    self.at = end;
                    Token::Quoted
                }
                None => {
                    self.at += 1;
                    Token::Other
                }
            },
            b'(' | b')' | b';' | b'.' | b',' => {
                self.at += 1;
                Token::Symbol(first)
            }
            _ if is_word_byte(first) => {
                self.at = self.end_where(start, |byte| !is_word_byte(byte));
                let word = std::str::from_utf8(&self.text[start..self.at]);
                Token::Word(word.expect("words are ASCII"))
            }
            _ => {
                self.at += 1;
                Token::Other
            }
        };
        Some((token, start))
    }

    fn skip_blanks(&mut self) {
        loop {
            self.at = self.end_where(self.at, |byte| !byte.is_ascii_whitespace());
            let rest = &self.text[self.at..];
            if rest.starts_with(b"--") || rest.starts_with(b"# ") || rest.starts_with(b"#!") {
                self.at = self.end_where(self.at, |byte| byte == b'\n');
            } else if rest.starts_with(b"/*") {
                let end = find(&rest[2..], b"*/").map(|at| self.at + 2 + at + 2);
                self.at = end.unwrap_or(self.text.len());
            } else {
                return;
            }
        }
    }

    fn end_where(&self, from: usize, is_end: impl Fn(u8) -> bool) -> usize {
        let rest = &self.text[from..];
        from + rest
            .iter()
            .position(|byte| is_end(*byte))
            .unwrap_or(rest.len())
    }

    /// Behind the closing quote; a backslash escapes, and so does doubling (as two quoted parts).
    fn end_of_quoted(&self, from: usize, quote: u8) -> usize {
        let mut at = from;
        while let Some(byte) = self.text.get(at) {
            match byte {
                b'\\' => at += 2,
                byte if *byte == quote => return at + 1,
                _ => at += 1,
            }
        }
        self.text.len()
    }

    /// Behind `$tag$ … $tag$`.
    fn end_of_heredoc(&self, start: usize) -> Option<usize> {
        let name_end = self.end_where(start + 1, |byte| !is_word_byte(byte));
        if self.text.get(name_end) != Some(&b'$') {
            return None;
        }
        let tag = &self.text[start..=name_end];
        let body = name_end + 1;
        find(&self.text[body..], tag).map(|at| body + at + tag.len())
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests;
