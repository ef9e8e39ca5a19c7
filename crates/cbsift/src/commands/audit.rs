//! `cbsift audit`: who did what, and whether the rows are those that were written.

use crate::misuse::Misuse;
use crate::report::counted;
use crate::run::TENANT;
use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use event::{LoggedAt, UtcMillis};
use std::fmt::Write;
use std::process::ExitCode;
use store::{AuditRow, Verifier};

/// Who did what: tokens, endpoints, rules
///
/// Each row names the hash of the one before it, so that `verify` finds a row that was changed, removed or put in between. Nothing is signed:
/// who may write to the store can make the rows anew, which a copy elsewhere shows. Rows are kept `store.keep_audit_days`.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    site: super::Site,
}

#[derive(Subcommand)]
enum Command {
    /// One line an action, the first one first
    List {
        /// Only from this day on (UTC)
        #[arg(long, value_name = "YYYY-MM-DD")]
        since: Option<String>,
        /// Only what was done to this id
        #[arg(long, value_name = "ID")]
        object: Option<String>,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Look for rows that were changed, removed or put in between; exit status 1 where there are some
    Verify,
    /// Lines for a syslog server (RFC 5424)
    Export {
        /// Only from this day on (UTC)
        #[arg(long, value_name = "YYYY-MM-DD")]
        since: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    super::on_store(&arguments.site, async |store, _| match &arguments.command {
        Command::List {
            since,
            object,
            format,
        } => {
            let is_asked = |row: &AuditRow| object.as_ref().is_none_or(|id| *id == row.object);
            print(store, since.as_deref(), is_asked, |row| match format {
                Format::Text => line(row),
                Format::Json => format!(
                    "{}
",
                    harmless::json(&json(row).to_string())
                ),
            })
            .await
        }
        Command::Verify => verify(store).await,
        Command::Export { since } => print(store, since.as_deref(), |_| true, syslog).await,
    })
}

fn since_ms(day: Option<&str>) -> Result<i64, Misuse> {
    let Some(day) = day else { return Ok(0) };
    let midnight = LoggedAt::parse(format!("{day} 00:00:00").as_bytes());
    let midnight = midnight.filter(|_| day.len() == 10);
    let midnight =
        midnight.ok_or_else(|| Misuse(format!("--since {day:?}: expected YYYY-MM-DD")))?;
    Ok(midnight.0 * 1_000)
}

async fn print(
    store: &store::Store,
    since: Option<&str>,
    is_asked: impl Fn(&AuditRow) -> bool,
    write: impl Fn(&AuditRow) -> String,
) -> anyhow::Result<()> {
    store
        .each_audit_row(TENANT, since_ms(since)?, |rows| {
            let asked = rows.iter().filter(|row| is_asked(row));
            super::print(&asked.map(&write).collect::<String>()).map(drop)
        })
        .await
}

async fn verify(store: &store::Store) -> anyhow::Result<()> {
    let mut verifier = Verifier::default();
    store
        .each_audit_row(TENANT, 0, |rows| {
            rows.iter().for_each(|row| verifier.add(row));
            anyhow::Ok(())
        })
        .await?;
    let (rows, writers) = (verifier.rows(), verifier.writers());
    let faults = verifier.faults();
    if faults.is_empty() {
        super::print(&format!(
            "{} of {} are whole\n",
            counted(rows, "row", "rows"),
            counted(writers, "process", "processes")
        ))?;
        return Ok(());
    }
    let lines: String = faults.iter().map(|fault| format!("{fault}\n")).collect();
    super::print(&lines)?;
    bail!(
        "{} in the audit",
        counted(faults.len() as u64, "fault", "faults")
    )
}

fn line(row: &AuditRow) -> String {
    let mut out = format!(
        "{}  {}  {}  {}",
        UtcMillis(row.at),
        harmless::line(&row.actor),
        harmless::line(&row.action),
        harmless::line(&row.object)
    );
    for (word, text) in [("was", &row.before), ("is", &row.after)] {
        if !text.is_empty() {
            let _ = write!(out, "  {word} {}", harmless::line(text));
        }
    }
    out.push('\n');
    out
}

/// What was JSON when it was written is JSON again; what somebody put there is shown as text.
fn json(row: &AuditRow) -> serde_json::Value {
    let value = |text: &str| match text {
        "" => serde_json::Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    };
    serde_json::json!({
        "at": UtcMillis(row.at).to_string(),
        "actor": row.actor,
        "action": row.action,
        "object": row.object,
        "before": value(&row.before),
        "after": value(&row.after),
        "writer": format!("{:016x}", row.writer),
        "number": row.number,
        "previous": row.previous,
        "hash": row.hash,
    })
}

/// Facility 13 (log audit), severity 5 (notice).
const PRIORITY: u8 = 13 * 8 + 5;

/// A line of RFC 5424. The elements' name carries the enterprise number that is set aside for documentation, as the project has none.
fn syslog(row: &AuditRow) -> String {
    let mut out = format!(
        "<{PRIORITY}>1 {} - cbsift {:016x} {} [audit@32473",
        UtcMillis(row.at),
        row.writer,
        message_id(&row.action)
    );
    let number = row.number.to_string();
    for (name, value) in [
        ("tenant", &row.tenant),
        ("number", &number),
        ("actor", &row.actor),
        ("action", &row.action),
        ("object", &row.object),
        ("before", &row.before),
        ("after", &row.after),
        ("hash", &row.hash),
    ] {
        let _ = write!(out, " {name}=\"{}\"", value_of(value));
    }
    out.push_str("]\n");
    out
}

/// 1 to 32 visible ASCII characters.
fn message_id(action: &str) -> String {
    let id: String = action
        .chars()
        .filter(char::is_ascii_graphic)
        .take(32)
        .collect();
    if id.is_empty() { "-".to_owned() } else { id }
}

fn value_of(text: &str) -> String {
    let mut out = String::new();
    for letter in harmless::line(text).to_string().chars() {
        if matches!(letter, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> AuditRow {
        AuditRow {
            tenant: "default".to_owned(),
            at: 1_700_000_000_123,
            writer: 0xAB,
            number: 7,
            actor: "made up (uid 1)".to_owned(),
            action: "endpoint.label".to_owned(),
            object: "PC-1".to_owned(),
            before: String::new(),
            after: r#"{"site":"a]b\"c\u001b"}"#.to_owned(),
            previous: vec!["00".to_owned()],
            hash: "ff".to_owned(),
        }
    }

    #[test]
    fn a_line_of_syslog_has_its_fields_and_quotes_what_ends_them() {
        assert_eq!(
            syslog(&row()),
            "<109>1 2023-11-14T22:13:20.123Z - cbsift 00000000000000ab endpoint.label [audit@32473 tenant=\"default\" number=\"7\" \
             actor=\"made up (uid 1)\" action=\"endpoint.label\" object=\"PC-1\" before=\"\" \
             after=\"{\\\"site\\\":\\\"a\\]b\\\\\\\"c\\\\u001b\\\"}\" hash=\"ff\"]\n"
        );
        let odd = AuditRow {
            object: "PC\n\u{1b}[2J".to_owned(),
            action: "\u{1b}".to_owned(),
            ..row()
        };
        let line = syslog(&odd);
        assert!(
            line.matches('\n').count() == 1 && !line.contains('\u{1b}'),
            "{line}"
        );
        assert!(line.contains(" - [audit@32473"), "{line}");
    }

    #[test]
    fn days_are_read_and_others_are_refused() {
        assert_eq!(since_ms(None).unwrap(), 0);
        assert_eq!(since_ms(Some("1970-01-02")).unwrap(), 86_400_000);
        for bad in ["", "yesterday", "2022-8-1", "2022-08-18T"] {
            assert!(since_ms(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_stands_in_a_row_is_json_again() {
        let value = json(&row());
        assert_eq!(value["after"]["site"], "a]b\"c\u{1b}");
        assert_eq!(value["before"], serde_json::Value::Null);
        assert!(line(&row()).contains("  endpoint.label  PC-1  is {"));
    }
}
