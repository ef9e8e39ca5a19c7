//! `/unexplained`: what failed and no rule names, with a rule to begin with.

use super::{
    endpoints::Days,
    file::{Asking, FileOf, Line, List, as_object, or_empty},
    filter::AskedFilter,
    labels::Pairs,
    logged, name,
};
use crate::{
    error::Result,
    json::Json,
    looks::Look,
    roles::Asker,
    schema::{CodeText, LoggedTime},
    server::Web,
};
use axum::{
    extract::{Query, State},
    http::Uri,
};
use classify::{Rules, broken_tests, template};
use event::Code;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use store::{UnexplainedCluster, UnexplainedSample};
use utoipa::ToSchema;

/// Bytes of a record in the answer: more is no line to write a rule from.
const TEXT_MAX: usize = 1_024;

/// Words of a record that a rule asks for: a shorter piece stands in many records.
const PIECE_MIN: usize = 8;
const PIECES: usize = 3;

pub(crate) async fn unexplained(
    State(web): State<Web>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
    address: Uri,
    asker: Asker,
) -> Result<Unexplained> {
    let found = web.store.unexplained(&filter.read(&pairs, &web)?).await?;
    let samples = found.clusters.iter().flat_map(|cluster| &cluster.samples);
    let of: BTreeSet<&str> = samples.map(|sample| sample.endpoint.as_str()).collect();
    if !of.is_empty() {
        let look = Look::at_page(as_object(&address), of.into_iter().collect());
        web.note(&asker, &[look]).await?;
    }
    Ok(Json(Unexplained {
        range: found.days.map(Days::from),
        failed: found.failed,
        unexplained: found.unexplained,
        clusters: clusters(found.clusters, found.count).await,
        clusters_total: found.total,
    }))
}

/// The clusters that are looked at: the whole list of causes is `/causes?category=unclassified`.
pub(crate) async fn unexplained_file(
    State(web): State<Web>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
    asking: Asking,
) -> FileOf<Cluster> {
    let found = web.store.unexplained(&filter.read(&pairs, &web)?).await?;
    let list = List {
        rows: clusters(found.clusters, found.count).await,
        total: Some(found.total),
    };
    asking.file(&web, "unexplained", list).await
}

/// Each draft is loaded and run on its own examples: some milliseconds of CPU.
async fn clusters(all: Vec<UnexplainedCluster>, count: u64) -> Vec<Cluster> {
    tokio::task::spawn_blocking(move || {
        let all = all.into_iter();
        all.map(|cluster| Cluster::new(cluster, count)).collect()
    })
    .await
    .unwrap_or_else(|error| match error.try_into_panic() {
        // An empty list would say that rules name everything.
        Ok(panic) => std::panic::resume_unwind(panic),
        // The pages are ending.
        Err(_) => Vec::new(),
    })
}

/// Without the draft, which has lines of its own.
impl Line for Cluster {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "code",
        "names",
        "component",
        "text",
        "pcs",
        "attempts",
        "share",
        "builds",
        "kbs",
        "sample_endpoint",
        "sample_attempt",
        "sample_logged",
        "sample_text",
    ];

    fn cells(&self) -> Vec<String> {
        let sample = self.samples.first();
        let of_sample = |cell: fn(&SampleOut) -> String| sample.map(cell).unwrap_or_default();
        vec![
            self.id.clone(),
            or_empty(self.code.as_ref()),
            self.names.join(", "),
            self.component.clone(),
            self.text.clone(),
            self.pcs.to_string(),
            self.attempts.to_string(),
            self.share.to_string(),
            self.builds.join(", "),
            self.kbs.join(", "),
            of_sample(|sample| sample.endpoint.clone()),
            of_sample(|sample| or_empty(sample.attempt.as_ref())),
            of_sample(|sample| or_empty(sample.logged.as_ref())),
            of_sample(|sample| sample.text.clone()),
        ]
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Unexplained {
    range: Option<Days>,
    /// Attempts of the range.
    failed: u64,
    /// Those of them that no rule names.
    unexplained: u64,
    clusters: Vec<Cluster>,
    clusters_total: u64,
}

/// Failures that have their code in common; its id is that of a cause.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cluster {
    id: String,
    #[schema(value_type = Option<CodeText>)]
    code: Option<String>,
    names: Vec<&'static str>,
    component: String,
    /// The shape of most of its records, with `*` for what differs.
    text: String,
    pcs: u64,
    attempts: u64,
    /// Of the attempts of all clusters, from 0 to 1.
    share: f64,
    builds: Vec<String>,
    kbs: Vec<String>,
    samples: Vec<SampleOut>,
    /// A rule to begin with, in YAML; nothing where the record has too few words.
    draft: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ClusterSample)]
struct SampleOut {
    endpoint: String,
    attempt: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
    logged: Option<String>,
    text: String,
}

impl Cluster {
    fn new(cluster: UnexplainedCluster, count: u64) -> Self {
        let cause = cluster.cause;
        let code = cause.root_code;
        let shape = commonest(&cluster.samples);
        let sample = shape.as_ref().map(|(_, sample)| *sample);
        Self {
            id: cause.id().to_string(),
            code: code.map(|code| code.to_string()),
            names: code.map(classify::catalogue::names).unwrap_or_default(),
            component: name(sample.map_or_else(String::new, |sample| sample.component.clone())),
            draft: sample.and_then(|sample| draft(&sample.text, code)),
            text: shape.map_or_else(String::new, |(shape, _)| with_holes(&shape)),
            pcs: cause.endpoints,
            attempts: cause.count,
            share: cause.count as f64 / count.max(1) as f64,
            builds: cluster.builds,
            kbs: cluster.kbs,
            samples: cluster
                .samples
                .into_iter()
                .map(|sample| SampleOut {
                    endpoint: sample.endpoint,
                    attempt: sample.attempt.map(|id| format!("{:016x}", id.0)),
                    logged: logged(sample.logged),
                    text: short(&sample.text).to_owned(),
                })
                .collect(),
        }
    }
}

fn short(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_MAX))
        .unwrap_or_default()
}

/// The shape that most of some records have, the first of them where none leads, with such a record.
fn commonest(samples: &[UnexplainedSample]) -> Option<(String, &UnexplainedSample)> {
    let mut shapes: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (at, sample) in samples.iter().enumerate() {
        let (count, _) = shapes.entry(template(&sample.text)).or_insert((0, at));
        *count += 1;
    }
    let most = shapes
        .into_iter()
        .max_by_key(|(_, (count, at))| (*count, std::cmp::Reverse(*at)));
    let (shape, (_, at)) = most?;
    Some((shape, samples.get(at)?))
}

/// What a template leaves open.
const HOLES: [&str; 8] = [
    "<guid>",
    "<package>",
    "<component>",
    "<path>",
    "<session>",
    "<kb>",
    "<hex>",
    "<n>",
];

fn with_holes(template: &str) -> String {
    HOLES
        .iter()
        .fold(template.to_owned(), |text, hole| text.replace(hole, "*"))
}

/// A rule that knows the record and not the same one without its words; nothing where its words are too few to make one.
fn draft(text: &str, code: Option<Code>) -> Option<String> {
    let line = short(text).lines().next()?.trim();
    let shape = template(line);
    let masked = HOLES
        .iter()
        .fold(shape, |text, hole| text.replace(hole, "\n"));
    // Only words that stand there as they are: the template folds spaces.
    let mut pieces: Vec<&str> = masked
        .lines()
        .map(str::trim)
        .filter(|piece| piece.len() >= PIECE_MIN && line.contains(piece))
        .collect();
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
    pieces.truncate(PIECES);
    let longest = *pieces.first()?;
    let without = line.replace(longest, "");
    let title = classify::title(None, "", code);
    let named = code.map_or_else(|| "unnamed".to_owned(), |code| code.to_string());
    // JSON is YAML, and quotes whatever stands in a log.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let all: Vec<String> = pieces.iter().map(|piece| quoted(piece)).collect();
    let yaml = format!(
        "- id: draft_{named}\n  category: unclassified\n  severity: error\n  layer: servicing\n  title: {{ en: {}, zh: {} }}\n  \
         advice: {{ en: [\"look at the record and name its cause\"], zh: [\"查看该记录并写明原因\"] }}\n  when:\n    all: [{}]\n  tests:\n    match:\n      - {}\n    no_match:\n      - {}\n",
        quoted(&title.en),
        quoted(&title.zh),
        all.join(", "),
        quoted(line),
        quoted(&without),
    );
    let rules = Rules::load(&[("draft.yaml", &yaml)]).ok()?;
    broken_tests(&rules).is_empty().then_some(yaml)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_knows_its_record_and_survives_what_stands_in_it() {
        // Made-up lines.
        for line in [
            "The made-up guard refused to let go of C:\\Made Up\\file.dll [HRESULT = 0x80070005 - E_ACCESSDENIED]",
            "Failed \"quoted\" {object} & 'more': - [x] # of the made-up thing, code 0x80070005",
            "磁盘上的虚构文件无法打开，原因未知 0x80070005",
        ] {
            let yaml =
                draft(line, Some(Code::new(0x8007_0005))).unwrap_or_else(|| panic!("{line}"));
            let rules = Rules::load(&[("draft.yaml", yaml.as_str())]).expect("it loads");
            assert!(broken_tests(&rules).is_empty());
            assert!(yaml.contains("no_match"), "{yaml}");
        }
        assert_eq!(draft("0x80070005", None), None);
        assert_eq!(draft("", None), None);
    }

    #[test]
    fn the_shape_of_most_records_is_shown() {
        let sample = |text: &str| UnexplainedSample {
            endpoint: "pc".to_owned(),
            attempt: None,
            logged: None,
            component: String::new(),
            text: text.to_owned(),
        };
        let samples = [
            sample("Odd one out"),
            sample("Failed to open 12 files"),
            sample("Failed to open 7 files"),
        ];
        let (shape, chosen) = commonest(&samples).expect("some");
        assert_eq!(with_holes(&shape), "Failed to open * files");
        assert_eq!(chosen.text, samples[1].text);
    }
}
