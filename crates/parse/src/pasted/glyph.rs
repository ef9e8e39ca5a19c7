//! Text as a person sees it: one glyph at a time, with entities, tags and unusual blanks, dashes and quotes undone.
//!
//! A glyph depends on what follows it only, so that a text reads the same from any glyph on, wherever it was cut.

/// The longest entity that is looked for, `&#x00A0;` with a few zeros more.
const MAX_ENTITY_BYTES: usize = 12;

/// The longest tag that is taken for one; longer ones are text.
const MAX_TAG_BYTES: usize = 200;

/// Walks along a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// At a place of the text, which is between characters.
    pub(super) fn at(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// Bytes passed.
    pub(super) fn place(self) -> usize {
        self.at
    }

    /// What was passed since another place.
    pub(super) fn since(self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Whether something holds of this place.
    pub(super) fn is_at(self, holds: impl Fn(&str, usize) -> bool) -> bool {
        holds(self.text, self.at)
    }

    pub(super) fn peek(self) -> Option<char> {
        let mut ahead = self;
        ahead.next()
    }

    /// Passes this character.
    pub(super) fn eat(&mut self, wanted: char) -> bool {
        self.eat_if(|found| found == wanted).is_some()
    }

    /// Passes a character that is as wished.
    pub(super) fn eat_if(&mut self, is_wanted: impl Fn(char) -> bool) -> Option<char> {
        let mut ahead = *self;
        let found = ahead.next().filter(|found| is_wanted(*found))?;
        *self = ahead;
        Some(found)
    }

    /// Passes up to `most` characters that are as wished, and counts them.
    pub(super) fn eat_while(&mut self, most: usize, is_wanted: impl Fn(char) -> bool) -> usize {
        (0..most)
            .take_while(|_| self.eat_if(&is_wanted).is_some())
            .count()
    }

    /// Passes a TAB as mails store it, `=09`. Only where a gap may be: elsewhere it is text.
    pub(super) fn eat_mail_tab(&mut self) -> bool {
        let mut ahead = *self;
        let is_tab = ahead.eat('=') && ahead.eat('0') && ahead.eat('9');
        if is_tab {
            *self = ahead;
        }
        is_tab
    }

    /// Passes a number of up to `most` digits.
    pub(super) fn number(&mut self, most: usize) -> Option<(i64, usize)> {
        let mut value = 0;
        let mut digits = 0;
        while digits < most
            && let Some(digit) = self.eat_if(|found| found.is_ascii_digit())
        {
            value = value * 10 + i64::from(digit.to_digit(10)?);
            digits += 1;
        }
        (digits > 0).then_some((value, digits))
    }
}

impl Iterator for Cursor<'_> {
    type Item = char;

    /// A line end of whatever kind is `\n`, a blank is a blank or TAB; what has no width belongs to the glyph before it.
    #[inline]
    fn next(&mut self) -> Option<char> {
        // Nearly all letters are what they look like.
        let bytes = self.text.as_bytes();
        if let Some(byte) = bytes.get(self.at)
            && is_plain(*byte)
            && bytes.get(self.at + 1).is_none_or(|next| is_plain(*next))
        {
            self.at += 1;
            return Some(char::from(*byte));
        }
        self.next_odd()
    }
}

/// Whether a byte is a letter that stands for itself, and belongs to no other one.
#[inline]
pub(super) fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\t') && !matches!(byte, b'&' | b'<')
}

impl Cursor<'_> {
    fn next_odd(&mut self) -> Option<char> {
        let rest = self.text.get(self.at..)?;
        let (glyph, length) = first(rest)?;
        self.at += length;
        while let Some(rest) = self.text.get(self.at..)
            && let Some(length) = no_width(rest)
        {
            self.at += length;
        }
        Some(glyph)
    }
}

fn first(rest: &str) -> Option<(char, usize)> {
    let letter = rest.chars().next()?;
    let plain = (plain(letter), letter.len_utf8());
    Some(match letter {
        '\u{1b}' => colour(rest).map_or(plain, |length| (' ', length)),
        '\r' if rest.starts_with("\r\n") => ('\n', 2),
        '&' => entity(rest).unwrap_or(plain),
        '<' => match tag(rest) {
            Some((Tag::Line, length)) => ('\n', length),
            Some((Tag::Cell, length)) => ('\t', length),
            // Where nothing stands before it that it could belong to.
            Some((Tag::NoWidth, length)) => (' ', length),
            None => plain,
        },
        _ => plain,
    })
}

/// What has no width, at the start of this text.
fn no_width(rest: &str) -> Option<usize> {
    let letter = rest.chars().next()?;
    match letter {
        letter if is_no_width(letter) => Some(letter.len_utf8()),
        '\u{1b}' => colour(rest),
        '<' => match tag(rest)? {
            (Tag::NoWidth, length) => Some(length),
            _ => None,
        },
        '&' => {
            let (letter, length) = named_or_numbered(rest)?;
            is_no_width(letter).then_some(length)
        }
        _ => None,
    }
}

fn is_no_width(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `ESC [ 1 ; 31 m`, by which terminals change colours, as long as it is here.
fn colour(rest: &str) -> Option<usize> {
    let numbers = rest.strip_prefix("\u{1b}[")?;
    let end = numbers
        .bytes()
        .take(MAX_ENTITY_BYTES)
        .position(|byte| !byte.is_ascii_digit() && byte != b';')?;
    matches!(numbers.as_bytes().get(end), Some(b'm' | b'K')).then_some("\u{1b}[".len() + end + 1)
}

/// What a letter stands for that programs put in the place of what the logger wrote.
fn plain(letter: char) -> char {
    match letter {
        '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        letter if is_no_width(letter) => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => '-',
        '\u{2018}'..='\u{201b}' | '\u{2032}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{2033}' => '"',
        // What Chinese input methods make of brackets and full stops.
        '【' | '〔' => '[',
        '】' | '〕' => ']',
        '。' => '.',
        // The full-width forms of ASCII stand in its order.
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(letter) - 0xff01 + 0x21).unwrap_or(letter)
        }
        _ => letter,
    }
}

/// `&nbsp;`, `&#39;`, and what is left of them where they were escaped twice, `&amp;nbsp;`.
fn entity(rest: &str) -> Option<(char, usize)> {
    let (letter, length) = named_or_numbered(rest)?;
    Some((plain(letter), length))
}

fn named_or_numbered(rest: &str) -> Option<(char, usize)> {
    let name = rest.strip_prefix('&')?;
    let twice = name.strip_prefix("amp;").and_then(|name| {
        let (letter, length) = single(name)?;
        Some((letter, length + "&amp;".len()))
    });
    twice.or_else(|| {
        let (letter, length) = single(name)?;
        Some((letter, length + 1))
    })
}

/// The entity of this name, and how long the name is with its semicolon.
fn single(name: &str) -> Option<(char, usize)> {
    let end = name
        .bytes()
        .take(MAX_ENTITY_BYTES)
        .position(|byte| byte == b';')?;
    let name = name.get(..end)?;
    let letter = match name {
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" | "ldquo" | "rdquo" => '"',
        "apos" | "lsquo" | "rsquo" => '\'',
        "ndash" | "mdash" => '-',
        "Tab" => '\t',
        "NewLine" => '\n',
        _ => {
            let number = name.strip_prefix('#')?;
            let value = match number.strip_prefix(['x', 'X']) {
                Some(number) => u32::from_str_radix(number, 16),
                None => number.parse(),
            };
            char::from_u32(value.ok()?)?
        }
    };
    Some((letter, end + 1))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    /// It ends a line.
    Line,
    /// It parts the cells of a table.
    Cell,
    /// It changes the look.
    NoWidth,
}

/// A tag that editors and pages write; `<NULL>` and the like are text of the log.
fn tag(rest: &str) -> Option<(Tag, usize)> {
    let inside = rest.strip_prefix('<')?;
    let end = inside
        .bytes()
        .take(MAX_TAG_BYTES)
        .position(|byte| matches!(byte, b'>' | b'<' | b'\n'))?;
    if inside.as_bytes().get(end) != Some(&b'>') {
        return None;
    }
    let inside = inside.get(..end)?;
    let name_end = inside
        .find(|letter: char| letter.is_ascii_whitespace())
        .unwrap_or(inside.len());
    let name = inside.get(..name_end)?.to_ascii_lowercase();
    let kind = match name.trim_end_matches('/') {
        "br" | "/p" | "/div" | "/li" | "/tr" | "/pre" | "/blockquote" | "hr" => Tag::Line,
        "/td" | "/th" => Tag::Cell,
        "p" | "div" | "li" | "tr" | "pre" | "blockquote" | "td" | "th" | "ul" | "/ul" | "ol"
        | "/ol" | "table" | "/table" | "tbody" | "/tbody" | "span" | "/span" | "code" | "/code"
        | "b" | "/b" | "i" | "/i" | "u" | "/u" | "em" | "/em" | "strong" | "/strong" | "font"
        | "/font" | "a" | "/a" | "tt" | "/tt" | "mark" | "/mark" | "o:p" | "/o:p" => Tag::NoWidth,
        _ => return None,
    };
    Some((kind, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, seen: &str) {
        assert_eq!(Cursor::new(text).collect::<String>(), seen, "{text:?}");
    }

    #[test]
    fn letters_are_what_a_person_takes_them_for() {
        check("a\u{a0}b\u{3000}c\u{202f}d", "a b c d");
        check("09：12：01， Info", "09:12:01, Info");
        check("2024–03—05 ‘x’ “y”", "2024-03-05 'x' \"y\"");
        check("C\u{200b}B\u{feff}S\u{ad}", "CBS");
        check("\u{feff}x", " x");
        check("\u{1b}[1;31ma\u{1b}[0m b\u{1b}[K\u{1b}c", " a b\u{1b}c");
        check("a\rb\r\nc\u{2028}d", "a\nb\nc\nd");
    }

    #[test]
    fn entities_and_tags_are_undone() {
        check(
            "&lt;NULL&gt; &amp; &quot;x&#39;&nbsp;y&#xA0;z",
            "<NULL> & \"x' y z",
        );
        check("&amp;lt;&amp;nbsp;&amp;x", "< &x");
        check(
            "a<br>b<BR />c</p>d<b>e</b>f</td><td>g",
            "a\nb\nc\nd\u{65}f\tg",
        );
        for text in [
            "<NULL>",
            "<PublicKeyToken>",
            "a < b > c",
            "AT&T",
            "&x;",
            "<a",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "&gt;\u{a0}x";
        let mut cursor = Cursor::new(text);
        assert!(cursor.eat('>') && cursor.eat(' '));
        assert_eq!(text.get(cursor.place()..), Some("x"));
    }
}
