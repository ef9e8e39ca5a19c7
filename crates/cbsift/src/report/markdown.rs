//! The form in which support cases are closed: description, analysis with evidence, conclusion and next steps.

use super::view::{FindingView, View};
use std::fmt::Write;

/// The report as Markdown.
pub(crate) fn markdown(view: &View) -> String {
    let words = view.words;
    let colon = words.colon;
    let mut out = String::new();
    let first = view.findings.iter().find(|finding| finding.is_failure);
    let headline = first.map_or(view.more.as_str(), |finding| finding.title.as_str());
    let _ = writeln!(out, "# {}{}{}\n", view.word, words.colon, escaped(headline));
    if first.is_some() {
        let _ = writeln!(out, "{}\n", escaped(&view.more));
    }

    let _ = writeln!(out, "## {}\n", words.description);
    if let Some(endpoint) = &view.endpoint {
        let _ = writeln!(out, "- {}{colon}{}", words.endpoint, escaped(endpoint));
    }
    let _ = writeln!(out, "- {}{colon}", words.inputs);
    for input in &view.inputs {
        let lead = if input.is_read {
            String::new()
        } else {
            format!("{}{colon}", words.skipped)
        };
        let _ = writeln!(
            out,
            "  - {lead}{}{colon}{}",
            escaped(&input.name),
            escaped(&input.facts)
        );
    }
    for machine in &view.machines {
        let _ = writeln!(out, "- {}{colon}{}", words.machines, escaped(machine));
    }
    if !view.facts.is_empty() {
        let _ = writeln!(out, "- {}{colon}", words.machine);
    }
    for fact in &view.facts {
        let _ = writeln!(out, "  - {}", escaped(fact));
    }
    for gap in &view.gaps {
        let _ = writeln!(out, "- {}{colon}{}", words.gaps, escaped(gap));
    }
    if let Some(narrowed) = &view.narrowed {
        let _ = writeln!(out, "- {}", escaped(narrowed));
    }
    if !view.attempts.is_empty() {
        let _ = writeln!(out, "- {}{colon}{}\n", words.attempts, view.attempts_sum);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |\n| --- | --- | --- | --- |",
            words.when, words.outcome, words.code, words.package
        );
        for row in &view.attempts {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} |",
                row.time,
                escaped(row.outcome),
                row.code,
                escaped(format!("{} {}", row.machine, row.name).trim())
            );
        }
    }

    let _ = writeln!(out, "\n## {}\n", words.analysis);
    if view.findings.is_empty() {
        let _ = writeln!(out, "{}\n", view.no_finding);
    }
    for (number, finding) in view.findings.iter().enumerate() {
        analysis(&mut out, view, number + 1, finding);
    }
    if let Some(noise) = &view.noise {
        let _ = writeln!(out, "{noise}\n");
    }
    if let Some(table) = &view.noise_table {
        let _ = writeln!(
            out,
            "| {} | {} |\n| --- | ---: |",
            words.code, words.noise_title
        );
        for (code, name, count) in table {
            let _ = writeln!(out, "| {code} {} | {count} |", escaped(name));
        }
        out.push('\n');
    }
    if !view.other_codes.is_empty() {
        let codes: Vec<String> = view.other_codes.iter().map(|code| escaped(code)).collect();
        let _ = writeln!(
            out,
            "{}{colon}{}\n",
            words.other_codes,
            codes.join(words.comma)
        );
    }

    let _ = writeln!(out, "## {}\n", words.conclusion);
    for finding in &view.findings {
        if finding.steps.is_empty() {
            continue;
        }
        let lead = match finding.rank.as_str() {
            "" => String::new(),
            rank => format!("{rank}{colon}"),
        };
        let _ = writeln!(out, "**{lead}{}**\n", escaped(&finding.title));
        for (number, step) in finding.steps.iter().enumerate() {
            let _ = writeln!(out, "{}. {}", number + 1, escaped(step));
        }
        out.push('\n');
    }
    if view.findings.is_empty() {
        let _ = writeln!(out, "{}{colon}{}\n", view.word, escaped(&view.more));
    }
    for (label, items) in [
        (words.not_seen, &view.not_seen),
        (words.collect, &view.collect),
    ] {
        if !items.is_empty() {
            let _ = writeln!(
                out,
                "- {label}{colon}{}",
                escaped(&items.join(words.semicolon))
            );
        }
    }
    out
}

fn analysis(out: &mut String, view: &View, number: usize, finding: &FindingView) {
    let words = view.words;
    let colon = words.colon;
    let rank = match finding.rank.as_str() {
        "" => String::new(),
        rank => words.bracketed(rank),
    };
    let _ = writeln!(out, "### {number}. {}{rank}\n", escaped(&finding.title));
    for (label, value) in &finding.facts {
        if label.is_empty() {
            let _ = writeln!(out, "  {}", escaped(value));
        } else {
            let _ = writeln!(out, "- {label}{colon}{}", escaped(value));
        }
    }
    if let Some(stale) = &finding.stale {
        let _ = writeln!(out, "- {}", escaped(stale));
    }
    for evidence in &finding.evidence {
        let text = harmless::line(&evidence.text);
        let fence = fence(&text);
        let _ = writeln!(
            out,
            "\n{}{colon}{}\n\n{fence}\n{text}\n{fence}",
            words.evidence,
            escaped(&evidence.head)
        );
    }
    out.push('\n');
}

/// Longer than any run of backticks in the text, so that a log cannot end it.
fn fence(text: &str) -> String {
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

/// Text of a log as text: no markup, link or HTML comes of it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in harmless::line(text).chars() {
        if matches!(
            c,
            '\\' | '`'
                | '*'
                | '_'
                | '{'
                | '}'
                | '['
                | ']'
                | '<'
                | '>'
                | '#'
                | '|'
                | '~'
                | '&'
                | '!'
        ) {
            out.push('\\');
        }
        out.push(if c == '\t' { ' ' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_text_makes_no_markup() {
        assert_eq!(escaped(r"<img> C:\a_b|`x`"), r"\<img\> C:\\a\_b\|\`x\`");
        assert_eq!(fence("a ```` b"), "`````");
        assert_eq!(fence("plain"), "```");
    }
}
