//! `cbsift endpoints`: what people call the machines of the fleet, and how they group them.

mod alias;
mod coverage;
mod forget;
mod import;
mod list;
mod merge;

use super::tokens;
use crate::access::{patiently, user};
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::run::TENANT;
use crate::settings::Settings;
use clap::{Args, Subcommand};
use event::{is_endpoint_id, is_label_name, is_label_value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use store::{Action, LABELS_OF_ENDPOINT, LabelChange, Labels, State, Store, Wanted};

/// List endpoints, name them, label them, merge them and forget them
///
/// A name and labels such as site, model, group and ring stand beside the id on the pages, which narrow and group by them. They change no
/// id: logs, tokens and addresses of pages stay as they are.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    site: super::Site,
}

#[derive(Subcommand)]
enum Command {
    /// One line an endpoint
    List {
        /// Only those whose id, name or host name contains this
        #[arg(long, value_name = "TEXT", default_value = "")]
        search: String,
        /// Only those with this label; of several, with all of them
        #[arg(long, value_name = "LABEL=VALUE")]
        label: Vec<String>,
        /// Only those that fail now: the last try of some update failed, or a finding stands
        #[arg(long)]
        failing: bool,
        /// Only those that several machines send as by turns: an image was copied with its id
        #[arg(long, conflicts_with = "failing")]
        clones: bool,
        #[arg(long, value_enum, default_value = "text")]
        format: list::Format,
    },
    /// Say what people call an endpoint
    Rename {
        /// The endpoint
        id: String,
        /// Its name
        #[arg(required_unless_present = "clear")]
        name: Option<String>,
        /// Take the name away
        #[arg(long, conflicts_with = "name")]
        clear: bool,
    },
    /// Set labels of an endpoint; `ring=` takes one away
    Label {
        /// The endpoint
        id: String,
        /// Such as site=Shanghai ring=pilot
        #[arg(required = true, value_name = "LABEL=VALUE")]
        labels: Vec<String>,
    },
    /// Set names and labels from a CSV file: all of it, or nothing where a line has a fault
    ///
    /// The first line names the columns: `endpoint`, and labels such as name, site, model, group, ring. An empty cell leaves what is there.
    /// The columns that `endpoints list --format csv` has beside them are passed over, so that its output can be edited and brought back.
    Import {
        /// The file
        file: PathBuf,
        /// Say what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Take ids too that have sent nothing yet and have no token
        #[arg(long)]
        allow_unknown: bool,
    },
    /// Let in an endpoint that enrolled and waits; the same as `cbsift tokens approve`
    Approve {
        /// The endpoint
        id: String,
        /// First digits of the hash of its secret, as `tokens list` shows them, where several wait
        #[arg(long, value_name = "HEX")]
        secret_prefix: Option<String>,
        /// Revoke the endpoint's other tokens with it
        #[arg(long)]
        replace: bool,
    },
    /// From when to when logs of an endpoint are or were held, by kind, and where something is missing
    Coverage {
        /// The endpoint
        id: String,
        #[arg(long, value_enum, default_value = "text")]
        format: coverage::Format,
    },
    /// Make two ids of one machine one: all that the first has becomes the second's, and the first its other name
    ///
    /// Stored logs are classified again under the second id, so that answers are those of one that had them from the start. Senders of both
    /// go on meanwhile. May be cut short and run again. There is no way back.
    Merge(merge::Arguments),
    /// Other names that senders have for an endpoint
    #[command(subcommand)]
    Alias(alias::Command),
    /// Take an endpoint out of the lists, with its name and labels, and revoke its tokens
    ///
    /// Its logs and what was found in them stay until their days are over. A machine that sends again is there again, without name and labels.
    Forget {
        /// The endpoint
        id: String,
        /// Leave its tokens as they are
        #[arg(long)]
        keep_tokens: bool,
    },
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    super::on_store(&arguments.site, async |store, settings| {
        apply(store, settings, arguments.command).await
    })
}

async fn apply(store: &Store, settings: &Settings, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List {
            search,
            label,
            failing,
            clones,
            format,
        } => {
            let labels: Result<Vec<_>, Misuse> =
                label.iter().map(|text| read_label(text)).collect();
            let wanted = match (failing, clones) {
                (true, _) => Some(Wanted::In(State::Failing)),
                (false, true) => Some(Wanted::Cloned),
                (false, false) => None,
            };
            list::list(store, search.trim(), &labels?, wanted, format).await
        }
        Command::Rename { id, name, .. } => {
            let name = name.unwrap_or_default();
            set(
                store,
                "endpoint.rename",
                &id,
                vec![("name".to_owned(), name)],
            )
            .await
        }
        Command::Label { id, labels } => {
            let labels: Result<Vec<_>, Misuse> =
                labels.iter().map(|text| read_label(text)).collect();
            set(store, "endpoint.label", &id, labels?).await
        }
        Command::Import {
            file,
            dry_run,
            allow_unknown,
        } => import::import(store, &file, dry_run, allow_unknown).await,
        Command::Approve {
            id,
            secret_prefix,
            replace,
        } => tokens::approve(store, &id, secret_prefix.as_deref(), replace).await,
        Command::Coverage { id, format } => coverage::coverage(store, &id, format).await,
        Command::Merge(arguments) => merge::run(store, settings, arguments).await,
        Command::Alias(command) => alias::run(store, command).await,
        Command::Forget { id, keep_tokens } => forget::forget(store, &id, keep_tokens).await,
    }
}

/// `ring=pilot`
pub(super) fn read_label(text: &str) -> Result<(String, String), Misuse> {
    match text.split_once('=') {
        Some((label, value)) => Ok((label.trim().to_owned(), value.trim().to_owned())),
        None => Err(Misuse(format!(
            "{text:?} is no label\nhint: give it like ring=pilot"
        ))),
    }
}

/// Columns of a list that say what logs tell: nobody sets them.
const TOLD: [&str; 6] = [
    "endpoint",
    "host",
    "servicing_stack",
    "failed",
    "last_failure",
    "last_seen",
];

/// Why a text cannot name a label.
fn wrong_label(label: &str) -> Option<String> {
    if TOLD.contains(&label) {
        return Some(format!("`{label}` is told by the logs and no label"));
    }
    (!is_label_name(label)).then(|| {
        format!("{label:?} names no label: 1 to 32 of a-z, 0-9, `_` and `-`, the first a letter")
    })
}

/// Why a text cannot be a value.
fn wrong_value(value: &str) -> Option<String> {
    let is_good = is_label_value(value) && harmless::line(value) == value;
    (!is_good).then(|| {
        format!(
            "{value:?} is no value: 1 to 64 letters that can be seen, and no `=`, `+`, `-` or `@` first, which spreadsheets take for a formula"
        )
    })
}

pub(super) fn read_id(id: &str) -> Result<(), Misuse> {
    match is_endpoint_id(id) {
        true => Ok(()),
        false => Err(Misuse(format!("{id:?} is no endpoint's id"))),
    }
}

/// Sets labels of one endpoint that is known.
async fn set(
    store: &Store,
    action: &str,
    id: &str,
    labels: Vec<(String, String)>,
) -> anyhow::Result<()> {
    read_id(id)?;
    for (label, value) in &labels {
        let wrong = wrong_label(label);
        let wrong = wrong.or_else(|| wrong_value(value).filter(|_| !value.is_empty()));
        if let Some(wrong) = wrong {
            return Err(Misuse(wrong).into());
        }
    }
    let ids = BTreeSet::from([id]);
    let known = patiently(|| store.known_endpoints(TENANT, &ids)).await?;
    if known.is_empty() {
        return Err(Misuse(format!(
            "no endpoint `{id}` has sent a log, enrolled or been given a token\nhint: `cbsift endpoints list --search TEXT` shows those there are"
        ))
        .into());
    }
    let before = patiently(|| store.labels_of(TENANT, &ids)).await?;
    let changes: Vec<LabelChange> = labels
        .into_iter()
        .map(|(label, value)| LabelChange {
            endpoint: id.to_owned(),
            label,
            value,
        })
        .collect();
    let after = after(&before, &changes);
    if after
        .get(id)
        .is_some_and(|labels| labels.len() > LABELS_OF_ENDPOINT)
    {
        return Err(Misuse(format!(
            "`{id}` would have more than {LABELS_OF_ENDPOINT} labels\nhint: `cbsift endpoints label {id} LABEL=` takes one away"
        ))
        .into());
    }
    let changed = put(store, action, &before, &after, &changes).await?;
    super::print(&match changed {
        0 => format!("{id} is so already\n"),
        _ => format!(
            "{id} is changed; pages show it when they are loaded again, the first one within 5 s\n"
        ),
    })?;
    Ok(())
}

/// Labels once they are changed.
fn after(before: &Labels, changes: &[LabelChange]) -> Labels {
    let mut after = before.clone();
    for change in changes {
        let labels = after.entry(change.endpoint.clone()).or_default();
        if change.value.is_empty() {
            labels.remove(&change.label);
        } else {
            labels.insert(change.label.clone(), change.value.clone());
        }
    }
    after
}

/// Writes changes, and who made them first; says how many endpoints changed.
async fn put(
    store: &Store,
    action: &str,
    before: &Labels,
    after: &Labels,
    changes: &[LabelChange],
) -> anyhow::Result<usize> {
    let none = BTreeMap::new();
    let json = |labels: &BTreeMap<String, String>| match labels.is_empty() {
        true => String::new(),
        false => serde_json::json!(labels).to_string(),
    };
    let actions: Vec<Action> = after
        .iter()
        .map(|(id, after)| (id, before.get(id).unwrap_or(&none), after))
        .filter(|(_, before, after)| before != after)
        .map(|(id, before, after)| Action {
            action: action.to_owned(),
            object: id.clone(),
            before: json(before),
            after: json(after),
        })
        .collect();
    let (user, now) = (user(), now_ms());
    patiently(|| store.audit(TENANT, &user, now, &actions)).await?;
    patiently(|| store.put_labels(TENANT, changes, &user, now)).await?;
    Ok(actions.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_and_bad_ones_say_what_is_allowed() {
        let read = |text| read_label(text).map_err(|Misuse(text)| text);
        assert_eq!(
            read("ring = pilot").unwrap(),
            ("ring".to_owned(), "pilot".to_owned())
        );
        assert_eq!(read("ring=").unwrap().1, "");
        assert_eq!(read("url=a=b").unwrap().1, "a=b");
        assert!(read("ring").unwrap_err().contains("ring=pilot"));
        assert_eq!(wrong_label("ring"), None);
        assert!(wrong_label("Ring").is_some() && wrong_label("host").is_some());
        assert_eq!(wrong_value("上海"), None);
        // What turns a line round is no value either.
        for bad in ["=1", "a\u{202e}b", "a\u{1b}[1m", ""] {
            assert!(wrong_value(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn changes_set_and_take_away_and_leave_others() {
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let owned = pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
            owned.collect()
        };
        let before = Labels::from([(
            "PC-1".to_owned(),
            labels(&[("ring", "pilot"), ("site", "SHA")]),
        )]);
        let change = |endpoint: &str, label: &str, value: &str| LabelChange {
            endpoint: endpoint.to_owned(),
            label: label.to_owned(),
            value: value.to_owned(),
        };
        let changes = [
            change("PC-1", "ring", ""),
            change("PC-1", "model", "X1"),
            change("PC-2", "ring", "broad"),
        ];
        let after = after(&before, &changes);
        assert_eq!(after["PC-1"], labels(&[("model", "X1"), ("site", "SHA")]));
        assert_eq!(after["PC-2"], labels(&[("ring", "broad")]));
    }
}
