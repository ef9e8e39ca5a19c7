//! `/endpoints/{id}/attempts.csv` and its like: the lists of one machine as files.

use super::{
    derived::{AttemptOut, FindingOut},
    endpoint::{StreamOut, judged, standings, unknown},
    file::{Asking, FileOf, Line, List, or_empty},
    rows::CodeCount,
};
use crate::{error::ApiError, server::Web};
use axum::extract::{Path, State};
use store::Lists;

/// Attempts of a file: fifty a week for ten years.
const ATTEMPTS: usize = 25_000;

/// Findings of a file. Each brings up to 12 KiB of evidence, and the file's bytes are bounded too.
const FINDINGS: usize = 5_000;

/// Codes and logs of a file: no machine has as many.
const CODES: u64 = 10_000;
const STREAMS: usize = 2_000;

pub(crate) async fn attempts_file(
    State(web): State<Web>,
    Path(id): Path<String>,
    asking: Asking,
) -> FileOf<AttemptOut> {
    let found = web.store.whole_attempts(&web.tenant, &id, ATTEMPTS);
    let found = found.await?;
    check(&web, &id, found.total).await?;
    let list = List {
        rows: found.rows.into_iter().map(AttemptOut::from).collect(),
        total: Some(found.total),
    };
    asking.file(&web, &format!("{id}-attempts"), list).await
}

pub(crate) async fn findings_file(
    State(web): State<Web>,
    Path(id): Path<String>,
    asking: Asking,
) -> FileOf<FindingOut> {
    // As on its page: how each stands follows from all that the verdict looks at.
    let (detail, judgement) = judged(&web, &id, &Lists::default()).await?;
    let standings = standings(detail.judged.as_ref(), judgement.as_ref());
    let found = web.store.whole_findings(&web.tenant, &id, FINDINGS).await?;
    let rules = web.rule_texts().await;
    let rows = found.rows.into_iter().map(|finding| {
        let standing = standings.get(&finding.place).copied();
        FindingOut::new(&rules, finding, standing)
    });
    let list = List {
        rows: rows.collect(),
        total: Some(found.total),
    };
    asking.file(&web, &format!("{id}-findings"), list).await
}

pub(crate) async fn codes_of_file(
    State(web): State<Web>,
    Path(id): Path<String>,
    asking: Asking,
) -> FileOf<CodeCount> {
    let (found, _) = web.store.whole_codes(&web.tenant, &id, CODES).await?;
    check(&web, &id, found.total).await?;
    let rows = found.rows.into_iter();
    let list = List {
        rows: rows
            .map(|code| CodeCount::new(code.code, code.events, code.noise))
            .collect(),
        total: Some(found.total),
    };
    asking.file(&web, &format!("{id}-codes"), list).await
}

pub(crate) async fn streams_file(
    State(web): State<Web>,
    Path(id): Path<String>,
    asking: Asking,
) -> FileOf<StreamOut> {
    let found = web.store.whole_streams(&web.tenant, &id, STREAMS).await?;
    check(&web, &id, found.total).await?;
    let list = List {
        rows: found.rows.into_iter().map(StreamOut::from).collect(),
        total: Some(found.total),
    };
    asking.file(&web, &format!("{id}-logs"), list).await
}

/// A machine that nobody knows has no empty lists.
async fn check(web: &Web, id: &str, rows: u64) -> Result<(), ApiError> {
    if rows == 0 && web.store.endpoint(&web.tenant, id).await?.is_none() {
        return Err(unknown(web, id).await?);
    }
    Ok(())
}

impl Line for AttemptOut {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "kb",
        "package",
        "client",
        "session",
        "start",
        "end",
        "start_utc",
        "outcome",
        "terminal_code",
        "terminal_name",
        "finding",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.kb.clone(),
            self.package.clone(),
            self.client.clone(),
            self.session.clone(),
            or_empty(self.start.as_ref()),
            or_empty(self.end.as_ref()),
            or_empty(self.start_utc.as_ref()),
            self.outcome.to_owned(),
            or_empty(self.terminal_code.as_ref()),
            or_empty(self.terminal_name.as_ref()),
            or_empty(self.finding.as_ref()),
        ]
    }
}

/// Of its evidence the first record: in NDJSON stand all of them.
impl Line for FindingOut {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "place",
        "rule",
        "category",
        "severity",
        "title_en",
        "title_zh",
        "root_code",
        "root_name",
        "terminal_code",
        "object",
        "kb",
        "package",
        "component",
        "logged",
        "utc",
        "confidence",
        "count",
        "open",
        "closed_by",
        "evidence_source",
        "evidence_stream",
        "evidence_offset",
        "evidence_text",
    ];

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![
            self.id.clone(),
            self.place.clone(),
            self.rule.clone(),
            self.category.clone(),
            self.severity.to_owned(),
            self.title.en.clone(),
            self.title.zh.clone(),
            or_empty(self.root_code.as_ref()),
            or_empty(self.root_name.as_ref()),
            or_empty(self.terminal_code.as_ref()),
            self.object.clone(),
            self.kb.clone(),
            self.package.clone(),
            self.component.clone(),
            or_empty(self.logged.as_ref()),
            or_empty(self.utc.as_ref()),
            self.confidence.to_string(),
            self.count.to_string(),
            or_empty(self.open.map(u8::from).as_ref()),
            or_empty(self.closed_by.as_ref()),
        ];
        cells.extend(match self.evidence.first() {
            Some(first) => first.cells(),
            None => Default::default(),
        });
        cells
    }
}

impl Line for StreamOut {
    const COLUMNS: &'static [&'static str] = &[
        "stream", "source", "path", "encoding", "bytes", "first", "last", "gaps",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.stream.clone(),
            self.source.to_owned(),
            self.path.clone(),
            self.encoding.to_owned(),
            self.bytes.to_string(),
            or_empty(self.first.as_ref()),
            or_empty(self.last.as_ref()),
            self.gaps_total.to_string(),
        ]
    }
}
