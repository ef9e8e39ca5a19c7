//! `cbsift endpoints list`: text, JSON, or CSV that can be brought back.

use crate::access::patiently;
use crate::keeper::now_ms;
use crate::run::TENANT;
use clap::ValueEnum;
use event::{LoggedAt, is_formula};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use store::{EndpointSummary, EndpointsAsked, Filter, Label, Sort, Store, Wanted};

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// One JSON array
    Json,
    /// For spreadsheets and `endpoints import`
    Csv,
}

/// Endpoints of one question to the store, which folds the states of all of them each time.
const PAGE: usize = 100_000;

pub(super) async fn list(
    store: &Store,
    search: &str,
    labels: &[Label],
    wanted: Option<Wanted>,
    format: Format,
) -> anyhow::Result<()> {
    let filter = Filter {
        tenant: TENANT.to_owned(),
        labels: labels.to_vec(),
        now: Some(LoggedAt(now_ms() / 1_000)),
        ..Filter::default()
    };
    let mut endpoints: Vec<EndpointSummary> = Vec::new();
    loop {
        let after = endpoints.last().map(|endpoint| endpoint.endpoint.clone());
        let asked = EndpointsAsked {
            filter: &filter,
            search,
            wanted,
            sort: Sort::Name,
            limit: PAGE,
            after: after.as_deref(),
        };
        let page = patiently(|| store.endpoints(asked)).await?;
        endpoints.extend(page.endpoints);
        if page.next.is_none() {
            break;
        }
    }
    let clones = patiently(|| store.cloned_endpoints(TENANT)).await?;
    let text = match format {
        Format::Text => lines(&endpoints, &clones),
        Format::Json => {
            let json = serde_json::to_string_pretty(&json(&endpoints, &clones))?;
            format!("{}\n", harmless::json(&json))
        }
        Format::Csv => {
            // Each cell is harmless; what is shown for the mark at the front would be no mark.
            super::super::print_as_is(&csv(&endpoints)?)?;
            return Ok(());
        }
    };
    super::super::print(&text)?;
    Ok(())
}

/// Host names of the machines that send as one endpoint, by endpoint.
type Clones = BTreeMap<String, Vec<String>>;

fn lines(endpoints: &[EndpointSummary], clones: &Clones) -> String {
    let mut out = String::new();
    for endpoint in endpoints {
        let _ = write!(out, "{}", harmless::line(&endpoint.endpoint));
        for (word, text) in [("name", &endpoint.name), ("host", &endpoint.host)] {
            if !text.is_empty() {
                let _ = write!(out, "  {word} {}", harmless::line(text));
            }
        }
        for (label, value) in &endpoint.labels {
            let _ = write!(out, "  {label}={}", harmless::line(value));
        }
        if let Some(last) = endpoint.last_seen {
            let _ = write!(out, "  last log {last}");
        }
        if endpoint.failed > 0 {
            let _ = write!(out, "  {} failed", endpoint.failed);
        }
        if let Some(hosts) = clones.get(&endpoint.endpoint) {
            let hosts: Vec<_> = hosts.iter().map(|host| harmless::line(host)).collect();
            let _ = write!(
                out,
                "  SEVERAL MACHINES send as it by turns ({}): an image was copied with its id, or logs of one were sent under another's",
                hosts.join(", ")
            );
        }
        out.push('\n');
    }
    out
}

fn json(endpoints: &[EndpointSummary], clones: &Clones) -> serde_json::Value {
    let time = |at: Option<LoggedAt>| at.map(|at| at.to_string());
    endpoints
        .iter()
        .map(|endpoint| {
            let labels = endpoint.labels.iter().cloned();
            let labels: serde_json::Map<String, serde_json::Value> =
                labels.map(|(label, value)| (label, value.into())).collect();
            serde_json::json!({
                "endpoint": endpoint.endpoint,
                "name": endpoint.name,
                "host": endpoint.host,
                "labels": labels,
                "servicing_stack": endpoint.servicing_stack,
                "failed": endpoint.failed,
                "last_failure": time(endpoint.last_failure),
                "last_seen": time(endpoint.last_seen),
                "clones": clones.get(&endpoint.endpoint).cloned().unwrap_or_default(),
            })
        })
        .collect()
}

/// Labels that every list has, though no endpoint may have them yet: a table to fill in.
const ALWAYS: [&str; 4] = ["site", "model", "group", "ring"];

fn csv(endpoints: &[EndpointSummary]) -> anyhow::Result<String> {
    let labels = endpoints.iter().flat_map(|endpoint| &endpoint.labels);
    let others: BTreeSet<&str> = labels
        .map(|(label, _)| label.as_str())
        .filter(|label| !ALWAYS.contains(label))
        .collect();
    let labels: Vec<&str> = ALWAYS.into_iter().chain(others).collect();
    // Without the mark some spreadsheets take UTF-8 for the code page of the machine; `import` passes it over.
    let mut csv = csv::Writer::from_writer(b"\xEF\xBB\xBF".to_vec());
    let told = [
        "host",
        "servicing_stack",
        "failed",
        "last_failure",
        "last_seen",
    ];
    csv.write_record(["endpoint", "name"].iter().chain(&labels).chain(&told))?;
    let time = |at: Option<LoggedAt>| at.map(|at| at.to_string()).unwrap_or_default();
    for endpoint in endpoints {
        let of_label = |label: &&str| {
            let found = endpoint.labels.iter().find(|(name, _)| name == label);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let mut row = vec![endpoint.endpoint.clone(), endpoint.name.clone()];
        row.extend(labels.iter().map(of_label));
        row.extend([
            endpoint.host.clone(),
            endpoint.servicing_stack.clone(),
            endpoint.failed.to_string(),
            time(endpoint.last_failure),
            time(endpoint.last_seen),
        ]);
        csv.write_record(row.iter().map(|cell| safe(cell)))?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}

/// A cell that no spreadsheet takes for a formula: a host name is a stranger's text.
fn safe(cell: &str) -> String {
    let cell = harmless::line(cell).to_string();
    match is_formula(&cell) {
        true => format!("'{cell}"),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str) -> EndpointSummary {
        EndpointSummary {
            endpoint: "PC-1".to_owned(),
            name: "Counter, 1".to_owned(),
            host: host.to_owned(),
            labels: vec![
                ("asset".to_owned(), "7".to_owned()),
                ("ring".to_owned(), "pilot".to_owned()),
            ],
            servicing_stack: String::new(),
            failed: 2,
            last_failure: None,
            last_seen: LoggedAt::parse(b"2022-08-18 15:53:46"),
            state: None,
            is_silent: false,
            root_code: None,
            kb: String::new(),
            category: String::new(),
            rule: String::new(),
        }
    }

    #[test]
    fn a_table_can_be_brought_back_and_holds_no_formula() {
        let text = csv(&[endpoint("=HYPERLINK(\"http://made-up\")")]).unwrap();
        let mut lines = text.lines();
        assert_eq!(
            lines.next().and_then(|head| head.strip_prefix('\u{feff}')),
            Some(
                "endpoint,name,site,model,group,ring,asset,host,servicing_stack,failed,last_failure,last_seen"
            )
        );
        let row = lines.next().unwrap();
        assert!(
            row.starts_with("PC-1,\"Counter, 1\",,,,pilot,7,\"'=HYPERLINK"),
            "{row}"
        );
        assert_eq!(safe("+86"), "'+86");
        assert_eq!(safe("PC-1"), "PC-1");
    }

    #[test]
    fn a_line_shows_name_and_labels_and_drives_no_terminal() {
        let clones = Clones::from([(
            "PC-1".to_owned(),
            vec!["A\u{1b}".to_owned(), "B".to_owned()],
        )]);
        let told = lines(&[endpoint("PC")], &clones);
        assert!(
            told.contains("SEVERAL MACHINES") && told.contains(", B)") && !told.contains('\u{1b}'),
            "{told}"
        );
        let text = lines(&[endpoint("PC\u{1b}[2J")], &Clones::new());
        assert!(
            text.starts_with("PC-1  name Counter, 1  host PC")
                && text.ends_with("asset=7  ring=pilot  last log 2022-08-18 15:53:46  2 failed\n")
                && !text.contains('\u{1b}'),
            "{text}"
        );
    }
}
