//! One endpoint: its facts, and a page of each of its lists.

use super::{
    Day,
    codes::{CODES, EndpointCode},
    coverage::{StreamSummary, UtcSegment},
    derived::{ATTEMPTS, FINDINGS, ListedAttempt, ListedFinding},
    judged::Judged,
    place::{Ends, Place},
    updates_of::UpdateOfEndpoint,
};
use crate::{error::Result, hosts::EndpointHost, labels::Label, store::Store};
use clickhouse::Row;
use event::{LoggedAt, Marker};
use serde::Deserialize;

/// One endpoint: a page of each list, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointDetail {
    /// Facts.
    pub head: EndpointHead,
    /// What people call it, or empty.
    pub name: String,
    /// What else people say of it, by label.
    pub labels: Vec<Label>,
    /// Names it had, those seen last first.
    pub hosts: Vec<EndpointHost>,
    /// The latest UTC offset that any log shows.
    pub utc_offset: Option<UtcSegment>,
    /// Attempts that failed or were rolled back, of all.
    pub failed: u64,
    /// Findings that change no verdict, of all.
    pub noted: u64,
    /// Logs by their latest head, latest first.
    pub streams: Vec<StreamSummary>,
    /// Newest first.
    pub attempts: Vec<ListedAttempt>,
    /// Most severe and latest first.
    pub findings: Vec<ListedFinding>,
    /// What a verdict on it looks at, over all time; nothing where that is too much for a page.
    pub judged: Option<Judged>,
    /// Its updates, those first that changed last; empty where there is too much for a page.
    pub updates: Vec<UpdateOfEndpoint>,
    /// First and last day that codes are told of; nothing where no log is held.
    pub codes_days: Option<(Day, Day)>,
    /// Codes, those that most records carry first.
    pub codes: Vec<EndpointCode>,
    /// Where each page stands in its list.
    pub ends: Lists<Ends>,
}

/// One of each list of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists<T> {
    /// Logs.
    pub streams: T,
    /// Attempts.
    pub attempts: T,
    /// Findings.
    pub findings: T,
    /// Codes.
    pub codes: T,
}

/// Facts of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct EndpointHead {
    /// Which.
    pub endpoint: String,
    /// Host name, or empty.
    pub host: String,
    /// When we heard of it last, in UTC milliseconds; 0 where nobody noted it.
    pub contact_ms: i64,
    /// Version of the servicing stack, or empty.
    pub servicing_stack: String,
    /// Earliest head, as logged.
    pub first: Option<LoggedAt>,
    /// Latest head, as logged.
    pub last: Option<LoggedAt>,
}

impl Store {
    /// One endpoint with the first page of each list, or nothing where nobody knows it.
    pub async fn endpoint(&self, tenant: &str, endpoint: &str) -> Result<Option<EndpointDetail>> {
        self.endpoint_from(tenant, endpoint, &Lists::default(), &[])
            .await
    }

    /// Facts of a machine, or nothing where none were noted.
    pub(super) async fn head_of(
        &self,
        tenant: &str,
        endpoint: &str,
    ) -> Result<Option<EndpointHead>> {
        self.fetch_optional::<EndpointHead>(
            "read the facts of an endpoint",
            self.page(
                "SELECT endpoint, coalesce(nullIf(max(endpoints.named).2, ''), max(endpoints.host)) AS host, toUnixTimestamp64Milli(max(contact)) AS contact_ms, max(servicing_stack).2 AS servicing_stack, min(first) AS first, max(last) AS last \
                 FROM endpoints WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} GROUP BY endpoint",
            )
            .param("tenant", tenant)
            .param("endpoint", endpoint),
        )
        .await
    }

    /// One endpoint with the pages that start at some places, or nothing where nobody knows it. `marks` are the events that decide a verdict
    /// beside what was derived.
    pub async fn endpoint_from(
        &self,
        tenant: &str,
        endpoint: &str,
        from: &Lists<Place>,
        marks: &[Marker],
    ) -> Result<Option<EndpointDetail>> {
        let head = self.head_of(tenant, endpoint);
        let derived = async {
            let sets = self.sets_of(tenant, endpoint).await?;
            let judged = async {
                let Some(tries) = self.tries_of(tenant, endpoint, &sets).await? else {
                    return Ok((None, Vec::new()));
                };
                tokio::try_join!(
                    async {
                        let judged = self.judged(tenant, endpoint, &sets, &tries, marks);
                        judged.await.map(Some)
                    },
                    self.updates_of(tenant, endpoint, &tries),
                )
            };
            tokio::try_join!(
                self.attempts_page(tenant, endpoint, &sets, &from.attempts, ATTEMPTS),
                self.findings_page(tenant, endpoint, &sets, &from.findings, FINDINGS),
                judged,
            )
        };
        let ids = [endpoint].into();
        let (
            head,
            mut labels,
            hosts,
            utc_offset,
            streams,
            (attempts, findings, (judged, updates)),
            codes,
        ) = tokio::try_join!(
            head,
            self.labels_of(tenant, &ids),
            self.hosts_of(tenant, endpoint),
            self.utc_offset(tenant, endpoint),
            self.streams_page(tenant, endpoint, &from.streams),
            derived,
            self.codes_page(tenant, endpoint, &from.codes, CODES),
        )?;
        let (streams, streams_at, span) = streams;
        // Not derived yet: what coverage says is better than nothing.
        let head = head.or_else(|| {
            (streams_at.total > 0).then(|| EndpointHead {
                endpoint: endpoint.to_owned(),
                host: String::new(),
                contact_ms: 0,
                servicing_stack: String::new(),
                first: span.first,
                last: span.last,
            })
        });
        let mut labels = labels.remove(endpoint).unwrap_or_default();
        Ok(head.map(|head| EndpointDetail {
            head,
            name: labels.remove("name").unwrap_or_default(),
            labels: labels.into_iter().collect(),
            hosts,
            utc_offset,
            failed: attempts.2,
            noted: findings.2,
            streams,
            attempts: attempts.0,
            findings: findings.0,
            judged,
            updates,
            codes_days: codes.2,
            codes: codes.0,
            ends: Lists {
                streams: streams_at,
                attempts: attempts.1,
                findings: findings.1,
                codes: codes.1,
            },
        }))
    }
}
