#![doc = include_str!("../README.md")]

mod dates;
mod marks;
mod wrap;

/// A way through somebody's hands.
#[derive(Clone, Copy)]
pub struct Way {
    /// Its name in tables.
    pub name: &'static str,
    /// What is lost of the text itself.
    pub keeps: Keeps,
    walk: fn(&str) -> String,
    encode: fn(&str) -> Vec<u8>,
}

/// What a way keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Every record, whole.
    All,
    /// Every record, but lines within records run together.
    Records,
    /// Not the first record.
    Tail,
    /// Not the last record.
    Head,
}

impl Way {
    /// The bytes that come out of it. The text is exact, with either kind of line end.
    pub fn bytes(&self, text: &str) -> Vec<u8> {
        let text = text.replace("\r\n", "\n");
        (self.encode)(&(self.walk)(&text))
    }
}

const fn way(name: &'static str, walk: fn(&str) -> String) -> Way {
    Way {
        name,
        keeps: Keeps::All,
        walk,
        encode: utf8,
    }
}

const fn losing(name: &'static str, keeps: Keeps, walk: fn(&str) -> String) -> Way {
    Way {
        name,
        keeps,
        walk,
        encode: utf8,
    }
}

const fn encoded(name: &'static str, encode: fn(&str) -> Vec<u8>) -> Way {
    Way {
        name,
        keeps: Keeps::All,
        walk: str::to_owned,
        encode,
    }
}

/// Every way.
pub const WAYS: &[Way] = &[
    way("one blank for many", one_blank),
    way("TAB for many blanks", |text| runs(text, 2, "\t")),
    way("TAB for blanks of heads", marks::tabs_in_heads),
    way("four blanks for a TAB", |text| text.replace('\t', "    ")),
    way("no-break blanks", |text| {
        text.replace([' ', '\t'], "\u{a0}")
    }),
    way("narrow no-break blanks", |text| {
        text.replace([' ', '\t'], "\u{202f}")
    }),
    way("ideographic blanks", |text| {
        text.replace([' ', '\t'], "\u{3000}")
    }),
    way("no-break blanks in turn", |text| {
        text.replace("  ", " \u{a0}")
    }),
    way("zero-width marks", |text| {
        text.replace('\\', "\\\u{200b}").replace('_', "_\u{200b}")
    }),
    way("full-width stamps", marks::full_width_stamps),
    way("a column more", |text| {
        marks::head(text, |head| head.replacen("  ", "   ", 1))
    }),
    way("a column less", |text| {
        marks::head(text, |head| head.replacen("   ", "  ", 1))
    }),
    way("no blank after the comma", |text| {
        marks::head(text, |head| head.replacen(", ", ",", 1))
    }),
    way("blanks after the comma", |text| {
        marks::head(text, |head| head.replacen(", ", ",   ", 1))
    }),
    way("blanks at line ends", |text| {
        marks::each_line(text, |_, line| format!("{line}   "))
    }),
    way("upper-case level", |text| {
        marks::level(text, |level| level.to_uppercase())
    }),
    way("lower-case level", |text| {
        marks::level(text, |level| level.to_lowercase())
    }),
    way("indent", |text| marks::before(text, |_| "    ".to_owned())),
    way("coloured", |text| {
        marks::each_line(text, |_, line| format!("\u{1b}[31m{line}\u{1b}[0m"))
    }),
    way("Markdown", |text| {
        text.replace('_', "\\_")
            .replace('~', "\\~")
            .replace('[', "\\[")
    }),
    way("time of who passed it on", |text| {
        marks::before(text, |number| {
            format!("2024-07-01T10:00:{:02}.123Z ", number % 60)
        })
    }),
    way("TAB before", |text| {
        marks::before(text, |_| "\t".to_owned())
    }),
    way("quoted", |text| marks::before(text, |_| "> ".to_owned())),
    way("quoted twice", |text| {
        marks::before(text, |_| "> > ".to_owned())
    }),
    way("Line 12:", |text| {
        marks::before(text, |number| format!("\tLine {number}: "))
    }),
    way("12:", |text| {
        marks::before(text, |number| format!("{number}:"))
    }),
    way("12 ", |text| {
        marks::before(text, |number| format!("{number:>6} "))
    }),
    way("[12]", |text| {
        marks::before(text, |number| format!("[{number}]"))
    }),
    way("CBS.log:12:", |text| {
        marks::before(text, |number| format!("CBS.log:{number}:"))
    }),
    way("C:\\...\\CBS.log:12:", |text| {
        marks::before(text, |number| {
            format!("C:\\Made Up\\Logs\\CBS.log:{number}:")
        })
    }),
    way("CBS.log(12):", |text| {
        marks::before(text, |number| format!("CBS.log({number}): "))
    }),
    way("list numbers", |text| {
        marks::before_records(text, |number| format!("{number}. "))
    }),
    way("bullets", |text| {
        marks::before_records(text, |_| "• ".to_owned())
    }),
    way("dashes", |text| {
        marks::before_records(text, |_| "- ".to_owned())
    }),
    way("table bar", |text| marks::before(text, |_| "| ".to_owned())),
    way("fenced", |text| format!("```\n{text}\n```\n")),
    way("prose around", |text| {
        format!("Hello,\n\nthis is what I find:\n\n{text}\n\nThanks\nSomebody\n")
    }),
    way("entities", marks::escape),
    way("page source", |text| {
        marks::each_line(&marks::escape(text), |_, line| {
            format!("<p>{}</p>", line.replace("  ", "&nbsp; "))
        })
    }),
    way("page with breaks", |text| {
        marks::each_line(&marks::escape(text), |_, line| format!("{line}<br>"))
    }),
    way("smart quotes and dashes", marks::smart),
    way("spreadsheet", |text| {
        marks::each_line(text, |_, line| format!("\"{}\"", line.replace('"', "\"\"")))
    }),
    way("blank lines between", |text| text.replace('\n', "\n\n")),
    losing("line ends lost", Keeps::Records, |text| {
        text.trim_end().replace('\n', "")
    }),
    losing("blanks for line ends", Keeps::Records, |text| {
        text.trim_end().replace('\n', " ")
    }),
    way("carriage returns", |text| text.replace('\n', "\r")),
    way("day.month.year", |text| {
        dates::rewrite(text, dates::Order::DotsDmy)
    }),
    way("month/day/year", |text| {
        dates::rewrite(text, dates::Order::SlashMdy)
    }),
    way("day/month/year", |text| {
        dates::rewrite(text, dates::Order::SlashDmy)
    }),
    way("twelve hours", |text| {
        dates::rewrite(text, dates::Order::TwelveHours)
    }),
    way("year/month/day", |text| {
        dates::rewrite(text, dates::Order::SlashYmd)
    }),
    way("cut at 60", |text| wrap::hard(text, 60)),
    way("cut at 72", |text| wrap::hard(text, 72)),
    way("cut at 78", |text| wrap::hard(text, 78)),
    way("cut at 100", |text| wrap::hard(text, 100)),
    way("cut at 132", |text| wrap::hard(text, 132)),
    way("wrapped at 60", |text| wrap::soft(text, 60)),
    way("wrapped at 72", |text| wrap::soft(text, 72)),
    way("wrapped at 78", |text| wrap::soft(text, 78)),
    way("wrapped at 100", |text| wrap::soft(text, 100)),
    way("wrapped at 132", |text| wrap::soft(text, 132)),
    way("wrapped at 72, hanging", |text| wrap::hanging(text, 72)),
    way("wrapped at 100, hanging", |text| wrap::hanging(text, 100)),
    way("collapsed, wrapped at 72", |text| {
        wrap::soft(&one_blank(text), 72)
    }),
    way("collapsed, cut at 78", |text| {
        wrap::hard(&one_blank(text), 78)
    }),
    way("collapsed, wrapped, quoted", |text| {
        marks::before(&wrap::soft(&one_blank(text), 76), |_| "> ".to_owned())
    }),
    way("quoted-printable", wrap::quoted_printable),
    way("no-break blanks, quoted", |text| {
        marks::before(&text.replace(' ', "\u{a0}"), |_| "> ".to_owned())
    }),
    way("entities, collapsed, numbered", |text| {
        marks::before(&one_blank(&marks::escape(text)), |number| {
            format!("{number}:")
        })
    }),
    encoded("CRLF", |text| text.replace('\n', "\r\n").into_bytes()),
    encoded("LF", utf8),
    encoded("UTF-16", utf16),
    Way {
        name: "UTF-16, collapsed",
        keeps: Keeps::All,
        walk: one_blank,
        encode: utf16,
    },
    losing("cut at the head", Keeps::Tail, marks::without_first),
    losing("cut at the tail", Keeps::Head, marks::without_last),
];

fn utf8(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xFEFF)
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect()
}

/// As `sed -E 's/[ \t]+/ /g'` does.
fn one_blank(text: &str) -> String {
    runs(text, 1, " ")
}

/// Runs of at least so many blanks and TABs become something else.
fn runs(text: &str, least: usize, other: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blanks = String::new();
    for letter in text.chars().chain(['\0']) {
        if matches!(letter, ' ' | '\t') {
            blanks.push(letter);
            continue;
        }
        if blanks.len() >= least {
            out.push_str(other);
        } else {
            out.push_str(&blanks);
        }
        blanks.clear();
        if letter != '\0' {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "2024-03-05 09:12:01, Info                  CBS    Failed to do the made-up thing that is called \"x\" [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]\n  more of it\n2024-03-05 09:12:02, Error      [0x018005] CSI    00000001 (F) y\n";

    #[test]
    fn every_way_changes_the_text_and_has_a_name_of_its_own() {
        let mut names: Vec<&str> = WAYS.iter().map(|way| way.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WAYS.len());
        for way in WAYS {
            let is_same = way.bytes(TEXT) == TEXT.as_bytes();
            let expected = matches!(way.name, "LF" | "four blanks for a TAB");
            assert_eq!(is_same, expected, "{}", way.name);
        }
    }

    #[test]
    fn ways_are_what_their_names_say() {
        let walk = |name: &str| {
            let way = WAYS.iter().find(|way| way.name == name).unwrap();
            String::from_utf8(way.bytes(TEXT)).unwrap()
        };
        assert!(walk("one blank for many").starts_with("2024-03-05 09:12:01, Info CBS Failed"));
        assert!(walk("12:").contains("\n2:  more of it\n3:2024-03-05 09:12:02"));
        assert!(walk("list numbers").contains("\n  more of it\n2. 2024-03-05 09:12:02"));
        assert!(walk("month/day/year").starts_with("03/05/2024 09:12:01, Info"));
        assert!(walk("twelve hours").starts_with("3/5/2024 9:12:01 AM, Info"));
        assert!(
            walk("a column less").starts_with("2024-03-05 09:12:01, Info                 CBS    F")
        );
        assert!(
            walk("cut at 60")
                .lines()
                .all(|line| line.chars().count() <= 60)
        );
        assert!(
            walk("quoted-printable")
                .replace("=\n", "")
                .contains("HRESULT =3D 0x80070002")
        );
        assert!(walk("line ends lost").contains("NOT_FOUND]  more of it2024-03-05"));
        assert!(walk("cut at the tail").ends_with("  more of it\n"));
        assert!(walk("cut at the head").starts_with("2024-03-05 09:12:02"));
        assert!(walk("lower-case level").contains(", error      [0x018005]"));
    }
}
