//! `cbsift endpoints alias`: other names that senders have for an endpoint.

use super::read_id;
use crate::access::{patiently, user};
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::run::TENANT;
use clap::{Subcommand, ValueEnum};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use store::{Action, Alias, AliasKind, AliasState, Store};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Let a name stand for an endpoint: a host name, an FQDN, a MachineGuid, a shipper's host.id, the name of a bundle
    ///
    /// What relays, bundles and shippers send under it is stored under the endpoint once the command is done, some seconds later. Names are
    /// compared without regard to case. What an endpoint of that id has stored already is moved with `endpoints merge`.
    Add {
        /// The endpoint
        id: String,
        /// Names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// One line a name
    List {
        /// Only those of this endpoint
        id: Option<String>,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Let a name stand for itself again; what was stored stays where it is
    Remove {
        /// The endpoint
        id: String,
        /// The name
        name: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// One JSON array
    Json,
}

pub(super) async fn run(store: &Store, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { id, names } => add(store, &id, &names).await,
        Command::List { id, format } => list(store, id.as_deref().unwrap_or(""), format).await,
        Command::Remove { id, name } => remove(store, &id, &name).await,
    }
}

fn misuse(text: String) -> anyhow::Error {
    Misuse(text).into()
}

fn same(one: &Alias, name: &str) -> bool {
    one.alias.to_lowercase() == name.to_lowercase()
}

async fn add(store: &Store, id: &str, names: &[String]) -> anyhow::Result<()> {
    read_id(id)?;
    let ids = BTreeSet::from([id]);
    let known = patiently(|| store.known_endpoints(TENANT, &ids)).await?;
    if known.is_empty() {
        return Err(misuse(format!(
            "no endpoint `{id}` has sent a log, enrolled or been given a token\nhint: `cbsift endpoints list --search TEXT` shows those there are"
        )));
    }
    let standing = patiently(|| store.aliases(TENANT, "")).await?;
    let mut others: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let folded: Vec<(String, String)> = names
        .iter()
        .flat_map(|name| {
            [name.to_lowercase(), name.to_uppercase()].map(|case| (case, name.clone()))
        })
        .collect();
    others.extend(folded.iter().map(|(case, _)| case.as_str()));
    let endpoints = patiently(|| store.known_endpoints(TENANT, &others)).await?;
    let mut added = Vec::new();
    // All of them are looked at before one is written.
    for name in names {
        read_id(name)?;
        if name == id {
            return Err(misuse(format!("`{name}` is the endpoint itself")));
        }
        let is_case_of = |other: &&String| other.to_lowercase() == name.to_lowercase();
        if let Some(other) = endpoints
            .iter()
            .find(|other| is_case_of(other) && *other != id)
        {
            return Err(misuse(format!(
                "`{other}` is an endpoint that has sent logs, enrolled or has a token\nhint: `cbsift endpoints merge {other} {id}` makes it another name, with all that it has"
            )));
        }
        match standing.iter().find(|alias| same(alias, name)) {
            Some(alias) if alias.endpoint == id => continue,
            Some(alias) => {
                return Err(misuse(format!(
                    "`{name}` stands for `{}` already\nhint: of two it would stand for neither; take it away first: cbsift endpoints alias remove {} {}",
                    alias.endpoint, alias.endpoint, alias.alias
                )));
            }
            None => added.push(name),
        }
    }
    for name in &added {
        put(store, "endpoint.alias", id, name, AliasState::Active).await?;
    }
    super::super::print(&match added.len() {
        0 => format!("{id} has these names already\n"),
        _ => format!(
            "{id} is known by them too; what comes under them is stored under it from some 5 s later on\n"
        ),
    })?;
    Ok(())
}

async fn remove(store: &Store, id: &str, name: &str) -> anyhow::Result<()> {
    let standing = patiently(|| store.aliases(TENANT, id)).await?;
    let Some(alias) = standing.iter().find(|alias| same(alias, name)) else {
        return Err(misuse(format!(
            "`{name}` does not stand for `{id}`\nhint: `cbsift endpoints alias list {id}` shows what does"
        )));
    };
    if alias.kind == AliasKind::Merged {
        return Err(misuse(format!(
            "`{name}` was merged into `{id}`, and what it sends goes on the logs that it had\nhint: give the machine another id with a token of its own"
        )));
    }
    put(
        store,
        "endpoint.unalias",
        id,
        &alias.alias,
        AliasState::Removed,
    )
    .await?;
    tokio::time::sleep(pipeline::NAMES_SETTLED).await;
    super::super::print(&format!(
        "{name} stands for itself again; what was stored stays with {id}\n"
    ))?;
    Ok(())
}

async fn put(
    store: &Store,
    action: &str,
    id: &str,
    name: &str,
    state: AliasState,
) -> anyhow::Result<()> {
    let action = Action {
        action: action.to_owned(),
        object: id.to_owned(),
        before: String::new(),
        after: serde_json::json!({ "alias": name }).to_string(),
    };
    let (user, now) = (user(), now_ms());
    let alias = Alias {
        alias: name.to_owned(),
        endpoint: id.to_owned(),
        kind: AliasKind::Name,
        state,
        changed_ms: now,
        by: user.clone(),
    };
    let actions = std::slice::from_ref(&action);
    patiently(|| store.audit(TENANT, &user, now, actions)).await?;
    patiently(|| store.put_alias(TENANT, &alias)).await?;
    Ok(())
}

async fn list(store: &Store, id: &str, format: Format) -> anyhow::Result<()> {
    let aliases = patiently(|| store.aliases(TENANT, "")).await?;
    let disputed = disputed(&aliases);
    let shown: Vec<&Alias> = aliases
        .iter()
        .filter(|alias| id.is_empty() || alias.endpoint == id)
        .collect();
    let text = match format {
        Format::Text => lines(&shown, &disputed),
        Format::Json => {
            let rows = shown.iter().map(|alias| {
                serde_json::json!({
                    "alias": alias.alias,
                    "endpoint": alias.endpoint,
                    "kind": alias.kind.name(),
                    "state": alias.state.name(),
                    "stands": !disputed.contains_key(&alias.alias.to_lowercase()),
                    "changed": event::UtcMillis(alias.changed_ms).to_string(),
                    "by": alias.by,
                })
            });
            let json = serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?;
            format!("{}\n", harmless::json(&json))
        }
    };
    super::super::print(&text)?;
    Ok(())
}

/// Names that several endpoints claim, in lower case, with how many.
fn disputed(aliases: &[Alias]) -> BTreeMap<String, usize> {
    let mut claims: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for alias in aliases {
        let of_name = claims.entry(alias.alias.to_lowercase()).or_default();
        of_name.insert(&alias.endpoint);
    }
    let disputed = claims.into_iter().filter(|(_, by)| by.len() > 1);
    disputed.map(|(name, by)| (name, by.len())).collect()
}

fn lines(aliases: &[&Alias], disputed: &BTreeMap<String, usize>) -> String {
    let mut out = String::new();
    for alias in aliases {
        let (name, endpoint) = (
            harmless::line(&alias.alias),
            harmless::line(&alias.endpoint),
        );
        let _ = write!(out, "{name}  stands for {endpoint}");
        match (alias.kind, alias.state) {
            (_, AliasState::Merging) => {
                out.push_str(", which it is being merged into: `endpoints merge` goes on");
            }
            (AliasKind::Merged, _) => out.push_str(", which it was merged into"),
            (AliasKind::Name, _) => {}
        }
        if let Some(count) = disputed.get(&alias.alias.to_lowercase()) {
            let _ = write!(
                out,
                "  CLAIMED by {count} endpoints, so it stands for none of them: take it from all but one with `endpoints alias remove`"
            );
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_two_claim_is_told() {
        let alias = |name: &str, endpoint: &str, kind, state| Alias {
            alias: name.to_owned(),
            endpoint: endpoint.to_owned(),
            kind,
            state,
            changed_ms: 0,
            by: String::new(),
        };
        let all = [
            alias("PC-7", "a", AliasKind::Name, AliasState::Active),
            alias("pc-7", "b", AliasKind::Name, AliasState::Active),
            alias("old\u{1b}", "b", AliasKind::Merged, AliasState::Merging),
        ];
        let disputed = disputed(&all);
        assert_eq!(disputed, BTreeMap::from([("pc-7".to_owned(), 2)]));
        let text = lines(&all.iter().collect::<Vec<_>>(), &disputed);
        assert_eq!(text.matches("CLAIMED by 2 endpoints").count(), 2, "{text}");
        assert!(
            text.contains("stands for b, which it is being merged into")
                && !text.contains('\u{1b}'),
            "{text}"
        );
    }
}
