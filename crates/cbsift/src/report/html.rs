//! One self-contained page: no script, nothing loaded from elsewhere, readable in the dark and on paper.

use super::Language;
use super::view::{FindingView, View};
use classify::Verdict;
use std::fmt::Write;

/// Colours have a contrast of at least 4.5:1 on their ground in both schemes.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#555b63;--ground:#fff;--box:#f4f5f7;--line:#d5d8dc;--bad:#b3261e;--good:#1b6e37;--note:#7a5300}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--soft:#a9b0b8;--ground:#15171a;--box:#1f2226;--line:#3a3f45;--bad:#ff8a80;--good:#7ddc97;--note:#ffc861}}
body{margin:0 auto;max-width:64rem;padding:1.5rem;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,'Microsoft YaHei','Noto Sans CJK SC',sans-serif}
h1{font-size:1.5rem}h2{margin-top:2rem;border-bottom:1px solid var(--line)}h3{margin-bottom:.3rem}
.failed{color:var(--bad)}.healthy,.repaired{color:var(--good)}.inconclusive,.restart,.noticed{color:var(--note)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
pre{background:var(--box);padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}
table{border-collapse:collapse}th,td{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
.soft{color:var(--soft)}
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--ground:#fff;--box:#f4f5f7;--line:#bbb;--bad:#b3261e;--good:#1b6e37;--note:#7a5300}body{max-width:none;padding:0}article,pre,tr{break-inside:avoid}}
";

/// The report as HTML.
pub(crate) fn html(view: &View) -> String {
    let words = view.words;
    let colon = words.colon;
    let language = match view.language {
        Language::English => "en",
        Language::Chinese => "zh-CN",
    };
    let first = view.findings.iter().find(|finding| finding.is_failure);
    let headline = escaped(first.map_or(view.more.as_str(), |finding| finding.title.as_str()));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}{colon}{headline}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1><span class=\"{}\">{}</span> {headline}</h1>\n",
        view.word,
        view.verdict.name(),
        view.word
    );

    if first.is_some() {
        let _ = writeln!(out, "<p>{}</p>", escaped(&view.more));
    }
    let _ = writeln!(out, "<h2>{}</h2>\n<dl>", words.description);
    let mut pair = |label: &str, value: &str| {
        let _ = writeln!(out, "<dt>{label}</dt><dd>{}</dd>", escaped(value));
    };
    if let Some(endpoint) = &view.endpoint {
        pair(words.endpoint, endpoint);
    }
    for input in &view.inputs {
        let label = if input.is_read {
            words.inputs
        } else {
            words.skipped
        };
        pair(label, &format!("{}{colon}{}", input.name, input.facts));
    }
    for machine in &view.machines {
        pair(words.machines, machine);
    }
    for fact in &view.facts {
        pair(words.machine, fact);
    }
    for gap in &view.gaps {
        pair(words.gaps, gap);
    }
    out.push_str("</dl>\n");
    if let Some(narrowed) = &view.narrowed {
        let _ = writeln!(out, "<p class=\"soft\">{}</p>", escaped(narrowed));
    }
    if !view.attempts.is_empty() {
        let _ = writeln!(
            out,
            "<h3>{}</h3>\n<p>{}</p>\n<table>\n<thead><tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr></thead>\n<tbody>",
            words.attempts, view.attempts_sum, words.when, words.outcome, words.code, words.package
        );
        for row in &view.attempts {
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                row.time,
                row.outcome,
                row.code,
                escaped(format!("{} {}", row.machine, row.name).trim())
            );
        }
        out.push_str("</tbody>\n</table>\n");
    }

    let _ = writeln!(out, "<h2>{}</h2>", words.analysis);
    if view.findings.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", view.no_finding);
    }
    for finding in &view.findings {
        analysis(&mut out, view, finding);
    }
    if let Some(noise) = &view.noise {
        let _ = writeln!(out, "<p class=\"soft\">{}</p>", escaped(noise));
    }
    if let Some(table) = &view.noise_table {
        let _ = writeln!(
            out,
            "<table>\n<thead><tr><th>{}</th><th>{}</th></tr></thead>\n<tbody>",
            words.code, words.noise_title
        );
        for (code, name, count) in table {
            let _ = writeln!(
                out,
                "<tr><td>{code} {}</td><td>{count}</td></tr>",
                escaped(name)
            );
        }
        out.push_str("</tbody>\n</table>\n");
    }
    if !view.other_codes.is_empty() {
        let codes = escaped(&view.other_codes.join(words.comma));
        let _ = writeln!(out, "<p>{}{colon}{codes}</p>", words.other_codes);
    }

    let _ = writeln!(out, "<h2>{}</h2>", words.conclusion);
    for finding in view
        .findings
        .iter()
        .filter(|finding| !finding.steps.is_empty())
    {
        let _ = writeln!(out, "<h3>{}</h3>\n<ol>", ranked(finding, colon));
        for step in &finding.steps {
            let _ = writeln!(out, "<li>{}</li>", escaped(step));
        }
        out.push_str("</ol>\n");
    }
    if view.verdict != Verdict::Failed {
        let _ = writeln!(out, "<p>{}{colon}{}</p>", view.word, escaped(&view.more));
    }
    out.push_str("<dl>\n");
    for (label, items) in [
        (words.not_seen, &view.not_seen),
        (words.collect, &view.collect),
    ] {
        if !items.is_empty() {
            let items = escaped(&items.join(words.semicolon));
            let _ = writeln!(out, "<dt>{label}</dt><dd>{items}</dd>");
        }
    }
    out.push_str("</dl>\n</main>\n</body>\n</html>\n");
    out
}

fn analysis(out: &mut String, view: &View, finding: &FindingView) {
    let words = view.words;
    let colon = words.colon;
    let (class, word) = if finding.is_failure {
        ("failed", words.failed)
    } else {
        ("noticed", words.noticed)
    };
    let _ = writeln!(
        out,
        "<article>\n<h3><span class=\"{class}\">{word}</span> {}</h3>\n<dl>",
        ranked(finding, colon)
    );
    for (label, value) in &finding.facts {
        let _ = writeln!(out, "<dt>{label}</dt><dd>{}</dd>", escaped(value));
    }
    out.push_str("</dl>\n");
    if let Some(stale) = &finding.stale {
        let _ = writeln!(out, "<p class=\"soft\">{}</p>", escaped(stale));
    }
    for evidence in &finding.evidence {
        let _ = writeln!(
            out,
            "<p>{}{colon}{}</p>\n<pre>{}</pre>",
            words.evidence,
            escaped(&evidence.head),
            escaped(&evidence.text)
        );
    }
    out.push_str("</article>\n");
}

/// The title, behind its place where there are several failures.
fn ranked(finding: &FindingView, colon: &str) -> String {
    let title = escaped(&finding.title);
    match finding.rank.as_str() {
        "" => title,
        rank => format!("{rank}{colon}{title}"),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in harmless::line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_text_makes_no_markup() {
        assert_eq!(
            escaped("<script>'\"&\u{202E}"),
            "&lt;script&gt;&#39;&quot;&amp;&lt;U+202E&gt;"
        );
    }
}
