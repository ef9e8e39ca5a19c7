//! What a record said before it was copied about: without what copies add, and with its wrapped lines joined.

use super::glyph::Cursor;
use super::wrap::{self, Line};
use super::{head, next_start};
use event::Format;

/// The texts that a record may have had, the likeliest first; they differ in how its lines are joined.
pub(crate) fn readings(raw: &str, format: Format) -> Vec<String> {
    let unquoted = quoted_printable(raw);
    let raw = unquoted.as_deref().unwrap_or(raw);
    let mut readings: Vec<String> = Vec::new();
    // Where the last piece starts in each: a last error is sought there only, or many pieces would cost their square.
    let mut lasts: Vec<usize> = Vec::new();
    let mut rest = raw;
    // Pieces of a record that the logger cut have heads of their own.
    loop {
        let end = next_start(rest, format).map_or(rest.len(), |(place, _)| place);
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let texts = wrap::joined(&lines(piece, format));
        if readings.is_empty() {
            lasts = vec![0; texts.len()];
            readings = texts;
        } else {
            for (index, (reading, last)) in readings.iter_mut().zip(&mut lasts).enumerate() {
                let last_piece = reading.get(*last..).unwrap_or_default();
                let length = *last + crate::record::without_gle(last_piece).len();
                reading.truncate(length);
                *last = length;
                let text = texts.get(index).or(texts.first());
                reading.push_str(text.map_or("", String::as_str));
            }
        }
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    let unescaped = readings.first().and_then(|text| without_escapes(text));
    let mut kept: Vec<String> = Vec::new();
    for reading in readings.into_iter().chain(unescaped) {
        if !kept.contains(&reading) {
            kept.push(reading);
        }
    }
    kept
}

/// `Made\_Up\~x` as Markdown's source writes it, where a backslash may be a path's as well.
fn without_escapes(text: &str) -> Option<String> {
    const MARKS: [char; 6] = ['_', '*', '[', ']', '~', '<'];
    let mut unescaped = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' || !letters.peek().is_some_and(|next| MARKS.contains(next)) {
            unescaped.push(letter);
        }
    }
    (unescaped.len() < text.len()).then_some(unescaped)
}

/// The lines of a message, without the head and without what stands before each line of a copy.
fn lines(piece: &str, format: Format) -> Vec<Line> {
    let (prefix, message) =
        head::at_line_start(piece, format).map_or((0, 0), |found| (found.prefix, found.message));
    let before: String = Cursor::new(piece.get(..message).unwrap_or_default()).collect();
    let mut width_before = last_line(&before).chars().count();
    let mark: String = Cursor::new(piece.get(..prefix).unwrap_or_default()).collect();
    let mark = last_line(&mark);
    let text: String = Cursor::at(piece, message).collect();
    let text = without_addresses(&text);
    let mut lines = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let width = width_before + line.chars().count();
        width_before = 0;
        let line = if index == 0 {
            line
        } else {
            without_mark(line, mark)
        };
        let line = without_border(line, mark);
        // Fences of code, and the blank lines that some editors add behind each line.
        if line.trim().is_empty() || line.trim_start().starts_with("```") {
            continue;
        }
        lines.push(Line::new(&line, width));
    }
    lines
}

fn last_line(text: &str) -> &str {
    text.rsplit('\n').next().unwrap_or_default()
}

/// A line without what stood before its record's head too, whatever the numbers in it, or without marks of quotation.
fn without_mark<'a>(line: &'a str, mark: &str) -> &'a str {
    if let Some(rest) = behind(line, mark) {
        return rest;
    }
    let mut rest = line;
    while let Some(after) = rest.trim_start().strip_prefix('>') {
        rest = after;
    }
    rest
}

fn behind<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let is_digit = |letter: &char| letter.is_ascii_digit();
    let mut rest = line;
    let mut mark = mark.chars().peekable();
    while let Some(letter) = mark.next() {
        if letter.is_ascii_digit() {
            while mark.next_if(is_digit).is_some() {}
            let after = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
            if after.len() == rest.len() {
                return None;
            }
            rest = after;
        } else if letter.is_whitespace() {
            rest = rest.strip_prefix([' ', '\t']).unwrap_or(rest);
        } else {
            rest = rest.strip_prefix(letter)?;
        }
    }
    Some(rest)
}

/// A line without the border of a table's last column, the quotes of a spreadsheet's, or the end of code.
fn without_border(line: &str, mark: &str) -> String {
    if mark.contains('|') {
        return line.trim_end().trim_end_matches('|').to_owned();
    }
    if mark.contains('"') {
        let line = line.trim_end().trim_end_matches([',', ';']);
        return line.strip_suffix('"').unwrap_or(line).replace("\"\"", "\"");
    }
    let line = line
        .strip_suffix('`')
        .filter(|_| mark.contains('`'))
        .unwrap_or(line);
    line.to_owned()
}

/// The text without what mail programs make of `00009627@2022/8/18:07:53:46.609`, which they take for an address.
fn without_addresses(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<mailto:") {
        let Some((address, after)) = after.split_once('>') else {
            break;
        };
        kept.push_str(before);
        if !before.trim_end().ends_with(address) {
            kept.push_str(address);
        }
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// The text of a mail that was saved with its `quoted-printable` letters, or nothing if it is none: there `=` stands for nothing else.
pub(super) fn quoted_printable(raw: &str) -> Option<String> {
    let bytes = raw.as_bytes();
    let mut is_sure = false;
    let mut places = memchr::memchr_iter(b'=', bytes).peekable();
    places.peek()?;
    for place in places {
        let after = bytes.get(place + 1..).unwrap_or_default();
        match after {
            [b'3', b'D', ..] | [b'0', b'9', ..] => is_sure = true,
            // A line that was wrapped behind `[HRESULT =` ends so too.
            [b'\n', ..] | [b'\r', b'\n', ..] => {
                let before = bytes.get(..place).and_then(<[u8]>::last);
                is_sure |= before.is_some_and(|before| !before.is_ascii_whitespace());
            }
            [first, second, ..] if letter(*first, *second).is_some() => {}
            _ => return None,
        }
    }
    if !is_sure {
        return None;
    }
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(place) = memchr::memchr(b'=', rest) {
        let (before, after) = rest.split_at_checked(place)?;
        text.extend_from_slice(before);
        rest = match after {
            [b'=', b'\r', b'\n', rest @ ..] | [b'=', b'\n', rest @ ..] => rest,
            [b'=', first, second, rest @ ..] => {
                text.push(letter(*first, *second)?);
                rest
            }
            _ => return None,
        };
    }
    text.extend_from_slice(rest);
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn letter(first: u8, second: u8) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    Some(digit(first)? * 16 + digit(second)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, text: &str) {
        let readings = readings(raw, Format::Pasted);
        assert_eq!(readings.first().map(String::as_str), Some(text), "{raw:?}");
    }

    // Made-up records.
    #[test]
    fn what_copies_add_is_taken_away() {
        check("2024-03-05 09:12:01, Info  CBS   a  b\t c \r\n", "a b c");
        check(
            "> 2024-03-05 09:12:01, Info CBS a\n>   (0)  b\n",
            "a\n(0) b",
        );
        check(
            "12:2024-03-05 09:12:01, Info CBS a\n13:  (0)  b\n",
            "a\n(0) b",
        );
        check(
            "\"2024-03-05 09:12:01, Info CBS say \"\"x\"\"\"\r\n",
            "say \"x\"",
        );
        check("| 2024-03-05 09:12:01 | Info | CBS | a |\n", "a");
        check("`2024-03-05 09:12:01, Info CBS a`\n", "a");
        check(
            "2024-03-05 09:12:01, Info CBS &lt;NULL&gt; ‘x’<br>\n\n```\n",
            "<NULL> 'x'",
        );
        check(
            "2024-03-05 09:12:01, Error CSI 00000001@2024/3/5:01:12:01.000<mailto:00000001@2024/3/5:01:12:01.000> (F) x\n",
            "00000001@2024/3/5:01:12:01.000 (F) x",
        );
    }

    #[test]
    fn escapes_of_markdown_may_be_none() {
        let texts = readings(
            "2024-03-05 09:12:01, Info CBS C:\\\\_x\\_y \\[HRESULT = 0x80070002\\]\n",
            Format::Pasted,
        );
        assert_eq!(
            texts,
            [
                "C:\\\\_x\\_y \\[HRESULT = 0x80070002\\]",
                "C:\\_x_y [HRESULT = 0x80070002]",
            ]
        );
    }

    #[test]
    fn letters_of_mails_are_read() {
        check(
            "2024-03-05 09:12:01, Info CBS hr =3D 0x8007=\n0002 and more\n",
            "hr = 0x80070002 and more",
        );
        check("2024-03-05 09:12:01, Info=09CBS=09a=09b\n", "a b");
        check(
            "2024-03-05 09:12:01, Info CBS HRESULT=800F0922\n",
            "HRESULT=800F0922",
        );
        check(
            "2024-03-05 09:12:01, Info CBS x [HRESULT =\n0x80070002]\n",
            "x [HRESULT = 0x80070002]",
        );
    }

    #[test]
    fn a_record_that_the_logger_cut_is_joined() {
        check(
            "2024-03-05 09:12:01, Error CSI 0000000a (F) (FILE_SHARE_DEL[gle=0xd0000102]\n2024-03-05 09:12:01, Error CSI ETE), cd\n[gle=0xd0000102]\n",
            "0000000a (F) (FILE_SHARE_DELETE), cd\n[gle=0xd0000102]",
        );
    }
}
