//! `cbsift erase`: a machine taken out of the store, and the proof.

use crate::access::{patiently, user};
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::progress::Progress;
use crate::report::counted;
use crate::run::TENANT;
use anyhow::{Context, bail};
use clap::Args;
use pipeline::NAMES_SETTLED;
use serde_json::Value;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use store::{Action, AuditRow, Erased, ErasedNames, ErasedRows, Erasing, Found, JobState, Store};

/// Take a machine out of the store, and prove it
///
/// Its rows go from every table, its names go out of the rows of others that stay, and whatever it logged until now is refused from then on,
/// wherever it comes from: Kafka that is read again, a late sender, a dead letter. Then every column that can hold text is searched for its names.
/// Not reached are copies elsewhere: backups, exports (those that may hold it are named), messages that were sent, and Kafka until its own retention.
/// Exit status: 0 = nothing was found any more, 1 = something was, and is named, or it could not be done.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The machine
    #[arg(long, value_name = "ID")]
    endpoint: String,
    /// Look for this name too: one that an erasure before this took away; may be given several times
    #[arg(long, value_name = "NAME")]
    also: Vec<String>,
    /// Say what would go, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until replaced parts are gone from the disk
    #[arg(long)]
    no_wait: bool,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    site: super::Site,
}

/// Rounds of taking away: whoever derived the machine while it was erased may have stored what it found.
const ROUNDS_MAX: usize = 10;

/// Between two rounds: longer than a derivation that had begun takes.
const ROUND: Duration = Duration::from_secs(3);

/// Until when replaced parts must be gone: the engine keeps them for two minutes, and looks now and then.
const PARTS_GONE: Duration = Duration::from_secs(600);

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    super::endpoints::read_id(&arguments.endpoint)?;
    super::on_store(&arguments.site, async |store, _| {
        erase(store, arguments).await
    })
}

async fn erase(store: &Store, arguments: &Arguments) -> anyhow::Result<()> {
    let id = arguments.endpoint.as_str();
    let aliases = patiently(|| store.standing_aliases()).await?;
    if let Some(other) = aliases.way(TENANT, id).last() {
        return Err(Misuse(format!(
            "`{id}` is another name of `{other}`, whose logs hold what came under it\nhint: erase `{other}`"
        ))
        .into());
    }
    let mut names = patiently(|| store.names_to_erase(TENANT, id)).await?;
    names.hosts.extend(arguments.also.iter().cloned());
    let erasures = patiently(|| store.erasures()).await?;
    let key = match erasures.key(TENANT) {
        Some(key) => key.to_owned(),
        None => random_key()?,
    };
    let hash = Erased::Id(id).hash(&key);
    let erasing = Erasing {
        tenant: TENANT.to_owned(),
        mark: format!("erased:{}", hash.chars().take(16).collect::<String>()),
        names,
        actor: user(),
        at_ms: now_ms(),
    };
    let is_erased = erasures.until(TENANT, id).is_some();
    let rows = store.rows_to_erase(&erasing).await?;
    if rows.is_empty() && !is_erased {
        return Err(Misuse(format!(
            "nothing is known of an endpoint `{id}`\nhint: `cbsift endpoints list --search TEXT` shows those there are"
        ))
        .into());
    }
    let exports = exports(store, &erasing.names).await?;
    super::print(&planned(&erasing, &rows, &exports))?;
    if arguments.dry_run {
        return Ok(());
    }
    let jobs = store.jobs(TENANT).await?;
    if let Some(job) = jobs.iter().find(|job| job.state() == JobState::Applying) {
        bail!(
            "job `{}` writes events of stored logs again\nhint: end it first with `cbsift reprocess apply {}`",
            job.id,
            job.id
        );
    }
    let bar = Progress::of_parts(arguments.quiet);
    let done = take_away(store, &erasing, &key, &bar).await;
    bar.end();
    let again = again(arguments, &erasing.names);
    let hint = |doing: &str| format!("{doing}\nhint: `{again}` goes on where it was");
    let gone = done.with_context(|| hint("erase"))?;
    let (searched, found) = store
        .search_erased(&erasing, &|table| bar.at(table))
        .await
        .with_context(|| hint("search the store for what was erased"))?;
    note(store, &erasing, "endpoint.erased", &gone, &found).await?;
    let parts = match arguments.no_wait {
        true => store.replaced_parts().await?,
        false => parts_left(store).await?,
    };
    super::print(&proof(&erasing, &gone, searched, &found, parts))?;
    if is_erased && arguments.also.is_empty() {
        super::print(
            "an erasure has run before: what the machine was called beside its id is known no more, and was looked for only as far as it stands above; name it with --also NAME\n",
        )?;
    }
    if !found.is_empty() {
        bail!(
            "names of the machine are left in {}: rows of other machines whose text names it, or rows that came meanwhile\nhint: \
             `{again}` takes away what came meanwhile and looks again",
            counted(found.len() as u64, "column", "columns")
        );
    }
    Ok(())
}

async fn take_away(
    store: &Store,
    erasing: &Erasing,
    key: &str,
    bar: &Progress,
) -> anyhow::Result<ErasedRows> {
    // Whoever begins leaves a trace, also where it is cut short.
    note(store, erasing, "endpoint.erase", &ErasedRows::new(), &[]).await?;
    // First what keeps it from coming back: from then on nobody stores anything of it.
    let names = &erasing.names;
    let ids = names.ids.iter().map(|id| Erased::Id(id));
    let aliases = names.aliases.iter().map(|name| Erased::Name(name));
    let refused: Vec<Erased<'_>> = ids.chain(aliases).collect();
    patiently(|| store.put_erasures(TENANT, key, &refused, erasing.at_ms)).await?;
    bar.at("waits until every pipeline knows");
    tokio::time::sleep(NAMES_SETTLED).await;
    let mut gone = ErasedRows::new();
    for _ in 0..ROUNDS_MAX {
        for (table, rows) in store.erase(erasing, &|table| bar.at(table)).await? {
            *gone.entry(table).or_default() += rows;
        }
        tokio::time::sleep(ROUND).await;
        if store.rows_left(erasing).await? == 0 {
            return Ok(gone);
        }
    }
    bail!(
        "rows of the machine come again and again\nhint: some pipeline is of an older build; upgrade it"
    )
}

/// The command that goes on with an erasure: names that it takes away itself are not known to a second run.
fn again(arguments: &Arguments, names: &ErasedNames) -> String {
    let mut command = format!("cbsift erase --endpoint {}", arguments.endpoint);
    for name in names.aliases.iter().chain(&names.hosts) {
        let _ = write!(
            command,
            " --also '{}'",
            harmless::name(name).replace('\'', r"'\''")
        );
    }
    command
}

fn random_key() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("ask the system for random bytes")?;
    Ok(bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

async fn note(
    store: &Store,
    erasing: &Erasing,
    action: &str,
    gone: &ErasedRows,
    found: &[Found],
) -> anyhow::Result<()> {
    let found: Vec<String> = found
        .iter()
        .map(|one| format!("{}.{}", one.table, one.column))
        .collect();
    let action = Action {
        action: action.to_owned(),
        object: erasing.mark.clone(),
        before: String::new(),
        after: serde_json::json!({ "rows": gone, "found": found }).to_string(),
    };
    let actions = std::slice::from_ref(&action);
    patiently(|| store.audit(TENANT, &erasing.actor, now_ms(), actions)).await?;
    Ok(())
}

/// Exports that may hold the machine: of it, or of no one endpoint.
async fn exports(store: &Store, names: &ErasedNames) -> anyhow::Result<Vec<AuditRow>> {
    let mut exports = Vec::new();
    store
        .each_audit_row(TENANT, 0, |rows| {
            exports.extend(rows.into_iter().filter(|row| may_hold(row, names)));
            anyhow::Ok(())
        })
        .await?;
    Ok(exports)
}

fn may_hold(row: &AuditRow, names: &ErasedNames) -> bool {
    if row.action != super::export::ACTION {
        return false;
    }
    let told: Value = serde_json::from_str(&row.after).unwrap_or_default();
    told["endpoint"]
        .as_str()
        .is_none_or(|id| names.ids.contains(id))
}

/// Waits until parts that were replaced are gone; says how many are left.
async fn parts_left(store: &Store) -> anyhow::Result<u64> {
    let deadline = Instant::now() + PARTS_GONE;
    loop {
        let parts = store.replaced_parts().await?;
        // Merges replace others all the while; those of the erasure are gone with the first moment without any, or with the time.
        if parts == 0 || Instant::now() >= deadline {
            return Ok(parts);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

fn planned(erasing: &Erasing, rows: &ErasedRows, exports: &[AuditRow]) -> String {
    let names = &erasing.names;
    let list = |names: &std::collections::BTreeSet<String>| {
        let names: Vec<String> = names
            .iter()
            .map(|name| format!("`{}`", harmless::name(name)))
            .collect();
        names.join(", ")
    };
    let mut out = format!("ids: {}\n", list(&names.ids));
    for (word, names) in [
        ("other names", &names.aliases),
        ("host names and what people call it", &names.hosts),
        (
            "not looked for, because another machine is called so too",
            &names.shared,
        ),
    ] {
        if !names.is_empty() {
            let _ = writeln!(out, "{word}: {}", list(names));
        }
    }
    out.push_str("rows that are its own or name it, copies included:\n");
    for (table, rows) in rows {
        let _ = writeln!(out, "  {rows:>10}  {table}");
    }
    if !exports.is_empty() {
        out.push_str("exports that may hold it, which are not reached from here:\n");
        for row in exports {
            let told: Value = serde_json::from_str(&row.after).unwrap_or_default();
            let _ = writeln!(
                out,
                "  {}  {}  {}  {}",
                event::UtcMillis(row.at),
                harmless::line(&row.actor),
                harmless::line(&row.object),
                harmless::line(
                    told["file"]
                        .as_str()
                        .unwrap_or("the row names no file any more")
                ),
            );
        }
    }
    out
}

fn proof(
    erasing: &Erasing,
    gone: &ErasedRows,
    searched: usize,
    found: &[Found],
    parts: u64,
) -> String {
    let names = &erasing.names;
    let count = names.ids.len() + names.aliases.len() + names.hosts.len();
    let mut out = format!(
        "\nerased as `{}`: {} in {}\nsearched for {} in {}: ",
        erasing.mark,
        counted(gone.values().sum(), "row", "rows"),
        counted(gone.len() as u64, "table", "tables"),
        counted(count as u64, "name", "names"),
        counted(searched as u64, "column", "columns"),
    );
    match found.is_empty() {
        true => out.push_str("found nothing\n"),
        false => {
            out.push_str("found\n");
            for Found {
                table,
                column,
                rows,
            } in found
            {
                let _ = writeln!(out, "  {rows:>10}  {table}.{column}");
            }
        }
    }
    match parts {
        0 => out.push_str("parts on the disk that held it are gone\n"),
        parts => {
            let _ = writeln!(
                out,
                "{} on the disk, which the engine takes away within minutes, may hold it",
                counted(parts, "replaced part", "replaced parts")
            );
        }
    }
    out.push_str("kept: hashes by which what it logged before is refused, rows of the audit without its names, and, until a hundred later changes of a table, what the \
         engine lists of this one in `system.mutations`\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(action: &str, after: &str) -> AuditRow {
        AuditRow {
            tenant: TENANT.to_owned(),
            at: 0,
            writer: 1,
            number: 1,
            actor: "made up (uid 1)".to_owned(),
            action: action.to_owned(),
            object: "events".to_owned(),
            before: String::new(),
            after: after.to_owned(),
            previous: Vec::new(),
            hash: String::new(),
        }
    }

    #[test]
    fn exports_of_others_are_not_named() {
        let names = ErasedNames {
            ids: ["pc-1".to_owned()].into(),
            ..ErasedNames::default()
        };
        for (row, may) in [
            (row("export", r#"{"endpoint":null,"file":"/a"}"#), true),
            (row("export", r#"{"endpoint":"pc-1","file":"/a"}"#), true),
            (row("export", r#"{"endpoint":"pc-2","file":"/a"}"#), false),
            (row("endpoint.label", r#"{"endpoint":null}"#), false),
        ] {
            assert_eq!(may_hold(&row, &names), may, "{row:?}");
        }
    }

    #[test]
    fn what_is_found_is_said_and_nothing_is_said_to_be_nothing() {
        let erasing = Erasing {
            tenant: TENANT.to_owned(),
            names: ErasedNames {
                ids: ["pc-1".to_owned()].into(),
                ..ErasedNames::default()
            },
            mark: "erased:00".to_owned(),
            actor: String::new(),
            at_ms: 0,
        };
        let found = [Found {
            table: "chunks".to_owned(),
            column: "text".to_owned(),
            rows: 3,
        }];
        let said = proof(&erasing, &ErasedRows::new(), 200, &found, 2);
        assert!(
            said.contains("3  chunks.text") && said.contains("2 replaced parts"),
            "{said}"
        );
        let said = proof(&erasing, &ErasedRows::new(), 200, &[], 0);
        assert!(
            said.contains("1 name in 200 columns: found nothing"),
            "{said}"
        );
    }
}
