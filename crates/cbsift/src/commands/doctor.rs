//! `cbsift doctor`: what is not well, and what to do about it.

mod checks;
mod health;

use crate::report::Language;
use crate::{run, settings};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fmt::Write;
use std::process::ExitCode;

/// Is everything well? One line a check, with a way out where one is needed
///
/// Asks the settings, this machine, a running role's health, the store and, where `store.url` names a cluster, Kafka.
/// Changes nothing but what any command does that opens a store of its own.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Language [default: that of the locale]
    #[arg(long, value_enum)]
    lang: Option<Language>,
    #[command(flatten)]
    site: super::Site,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// How a check came out, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    /// It could not be told, which is no fault by itself.
    Unknown,
    Warn,
    Fail,
}

/// A sentence in both languages.
#[derive(Clone, Debug)]
struct Text {
    en: String,
    zh: String,
}

fn text(en: impl Into<String>, zh: impl Into<String>) -> Text {
    Text {
        en: en.into(),
        zh: zh.into(),
    }
}

impl Text {
    fn of(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::Chinese => &self.zh,
        }
    }
}

/// What one check found.
#[derive(Clone, Debug)]
struct Check {
    name: &'static str,
    state: State,
    said: Text,
    hint: Option<Text>,
}

fn check(name: &'static str, state: State, said: Text) -> Check {
    Check {
        name,
        state,
        said,
        hint: None,
    }
}

impl Check {
    fn hint(mut self, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.hint = Some(text(en, zh));
        self
    }
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    let language = super::language(arguments.lang);
    let work = async move {
        let found = checks::all(&settings).await;
        super::print(&match arguments.format {
            Format::Text => lines(&found, language),
            Format::Json => json(&found, language),
        })?;
        let failed = found
            .iter()
            .filter(|check| check.state == State::Fail)
            .count();
        if failed > 0 {
            anyhow::bail!("{failed} checks failed");
        }
        Ok(())
    };
    run::role(work)
}

fn lines(found: &[Check], language: Language) -> String {
    let mut out = String::new();
    for check in found {
        let state = match check.state {
            State::Ok => "ok",
            State::Unknown => "?",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        // What others said may hold several lines, and what no terminal should see.
        let said = check.said.of(language).replace('\n', " ");
        let said = harmless::line(&said);
        let _ = writeln!(out, "{state:<5} {:<12} {said}", check.name);
        if let Some(hint) = &check.hint {
            let _ = writeln!(
                out,
                "{:<18} hint: {}",
                "",
                harmless::line(hint.of(language))
            );
        }
    }
    out
}

#[derive(Serialize)]
struct Shown<'a> {
    check: &'static str,
    state: State,
    said: &'a str,
    hint: Option<&'a str>,
}

fn json(found: &[Check], language: Language) -> String {
    let shown: Vec<Shown<'_>> = found
        .iter()
        .map(|check| Shown {
            check: check.name,
            state: check.state,
            said: check.said.of(language),
            hint: check.hint.as_ref().map(|hint| hint.of(language)),
        })
        .collect();
    let worst = found.iter().map(|check| check.state).max();
    let whole = serde_json::json!({ "state": worst.unwrap_or(State::Ok), "checks": shown });
    format!("{}\n", harmless::json(&format!("{whole:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_state_name_and_way_out_and_drives_no_terminal() {
        let found = [
            check("clock", State::Ok, text("well", "正常")),
            check("disk", State::Fail, text("full\n\u{1b}[2J", "已满"))
                .hint("free some", "腾出空间"),
        ];
        let english = lines(&found, Language::English);
        assert_eq!(
            english,
            "ok    clock        well\nFAIL  disk         full <U+001B>[2J\n                   hint: free some\n"
        );
        assert!(lines(&found, Language::Chinese).contains("已满"));
        let json: serde_json::Value =
            serde_json::from_str(&json(&found, Language::English)).unwrap();
        assert_eq!(json["state"], "fail");
        assert_eq!(json["checks"][1]["hint"], "free some");
        assert_eq!(json["checks"][0]["hint"], serde_json::Value::Null);
    }

    #[test]
    fn json_keeps_what_others_said_and_escapes_it() {
        let said = "a\u{202e}b\u{9b}c";
        let found = [check("store", State::Fail, text(said, said))];
        let json = json(&found, Language::English);
        assert!(json.contains("a\\u202eb\\u009bc"), "{json}");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["checks"][0]["said"], said);
    }
}
