//! Noise that other rules take back or give again.

use super::{ENDPOINTS_AT_ONCE, partition_of};
use crate::{
    error::Result,
    rows::{ChunkRows, Days, day_of},
    store::Store,
};
use clickhouse::Row;
use event::{Code, Month};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};

#[derive(Clone, Debug, PartialEq, Eq, Hash, Row, Serialize, Deserialize)]
struct NoiseOf {
    day: u16,
    endpoint: String,
    source: String,
    rule: String,
    code: u32,
    session: String,
    id: u64,
}

#[derive(Row, Serialize)]
struct GoneRow<'a> {
    tenant: &'a str,
    day: u16,
    endpoint: &'a str,
    source: &'a str,
    rule: &'a str,
    code: u32,
    session: &'a str,
    id: u64,
    gone: u8,
    version: u32,
}

impl Store {
    /// Whether any noise was ever taken back.
    pub async fn has_gone_noise(&self, tenant: &str) -> Result<bool> {
        let held: u64 = self
            .fetch_one(
                "look for noise that was taken back",
                self.sql("SELECT count() FROM (SELECT 1 FROM noise_gone WHERE tenant = {tenant:String} LIMIT 1)")
                    .param("tenant", tenant),
            )
            .await?;
        Ok(held > 0)
    }

    /// Gives again what was taken back of the noise that a rule set makes of chunks.
    pub async fn give_noise_again(
        &self,
        tenant: &str,
        made: &[ChunkRows],
        rule_set: u32,
    ) -> Result<()> {
        let noise: HashSet<NoiseOf> = made
            .iter()
            .flat_map(|rows| rows.noise.iter().map(move |noise| (rows, noise)))
            .map(|(rows, noise)| NoiseOf {
                day: day_of(noise.logged),
                endpoint: rows.chunk.endpoint.clone(),
                source: noise.source.name().to_owned(),
                rule: noise.rule.clone(),
                code: noise.code.map_or(0, Code::value),
                session: noise.session.clone(),
                id: noise.id.0,
            })
            .collect();
        if noise.is_empty() {
            return Ok(());
        }
        let endpoints: BTreeSet<&str> = noise.iter().map(|noise| &*noise.endpoint).collect();
        let days: BTreeSet<u16> = noise.iter().map(|noise| noise.day).collect();
        let gone: Vec<NoiseOf> = self
            .fetch_all(
                "read noise that was taken back",
                self.sql(
                    "SELECT toUInt16(noise_gone.day) AS day, endpoint, source, rule, code, session, id FROM noise_gone FINAL \
                     WHERE tenant = {tenant:String} AND toUInt16(noise_gone.day) IN {days:Array(UInt16)} \
                       AND endpoint IN {endpoints:Array(String)} AND gone = 1",
                )
                .param("tenant", tenant)
                .param("days", days.into_iter().collect::<Vec<u16>>())
                .param("endpoints", endpoints.into_iter().collect::<Vec<&str>>()),
            )
            .await?;
        let again: Vec<NoiseOf> = gone
            .into_iter()
            .filter(|gone| noise.contains(gone))
            .collect();
        self.put_gone(tenant, &again, false, rule_set).await
    }

    /// Takes back noise of a month that a rule set, which has made the events of these endpoints, says is none: a code that an event has
    /// to it, and what a rule made that is no longer one of its `rules` for noise, on days all of whose text it has classified.
    ///
    /// What a rule for noise that stays no longer matches, and nothing else does, stays as it is: noise has no place in a log, so nobody
    /// can say which chunk it stands in. Returns how many.
    pub async fn take_noise_back(
        &self,
        tenant: &str,
        endpoints: &[String],
        month: Month,
        rule_set: u32,
        rules: &[String],
    ) -> Result<u64> {
        let days = Days::of(month, month);
        let condition = days.condition();
        let own = format!(
            "tenant = {{tenant:String}} AND endpoint IN {{endpoints:Array(String)}} AND {condition}"
        );
        let (newer, piece) = (of_set!(), days.piece_condition());
        let statement = format!(
            "SELECT toUInt16(kept.day) AS day, endpoint, source, rule, code, session, id FROM (\
               SELECT day, endpoint, source, rule, code, session, arrayJoin(ids) AS id FROM noise WHERE {own} AND generation = 0 \
               UNION ALL \
               SELECT day, endpoint, source, rule, code, session, id FROM open_noise WHERE {own} AND generation = 0) AS kept \
             WHERE ((endpoint, id, code) IN (SELECT endpoint, id, arrayJoin(codes) FROM day_inputs \
                 WHERE landmark IN (0, 1) AND {own} AND version >= {newer} AND gone = 0) \
               OR (rule NOT IN {{rules:Array(String)}} \
                 AND endpoint IN (SELECT endpoint FROM coverage WHERE tenant = {{tenant:String}} \
                   AND endpoint IN {{endpoints:Array(String)}} AND version >= {newer}) \
                 AND (endpoint, source, kept.day) NOT IN (SELECT endpoint, kind, toDate(arrayJoin(\
                   range(toUInt16(first_day), least(toUInt16(greatest(first_day, until_day)), toUInt16(first_day) + 400) + 1))) FROM (\
                   SELECT endpoint, any(source) AS kind, any(day) AS first_day, any(last_day) AS until_day FROM coverage \
                   WHERE tenant = {{tenant:String}} AND endpoint IN {{endpoints:Array(String)}} AND {piece} \
                   GROUP BY endpoint, stream, offset, `end`, content_hash HAVING NOT (max(version) >= {newer}))))) \
               AND (kept.day, endpoint, source, rule, code, session, id) NOT IN (\
                 SELECT day, endpoint, source, rule, code, session, id FROM noise_gone FINAL WHERE {own} AND gone = 1)"
        );
        let mut count = 0;
        for some in endpoints.chunks(ENDPOINTS_AT_ONCE) {
            let gone: Vec<NoiseOf> = self
                .fetch_all(
                    "look for noise of older rule sets",
                    self.sql(&statement)
                        .param("tenant", tenant)
                        .param("endpoints", some)
                        .param("first", days.first)
                        .param("last", days.last)
                        .param("rule_set", rule_set)
                        .param("rules", rules),
                )
                .await?;
            count += gone.len() as u64;
            self.put_gone(tenant, &gone, true, rule_set).await?;
        }
        Ok(count)
    }

    async fn put_gone(
        &self,
        tenant: &str,
        noise: &[NoiseOf],
        is_gone: bool,
        rule_set: u32,
    ) -> Result<()> {
        let mut by_partition: BTreeMap<String, Vec<&NoiseOf>> = BTreeMap::new();
        for noise in noise {
            by_partition
                .entry(partition_of(noise.day))
                .or_default()
                .push(noise);
        }
        for noise in by_partition.values() {
            let rows = noise.iter().map(|noise| GoneRow {
                tenant,
                day: noise.day,
                endpoint: &noise.endpoint,
                source: &noise.source,
                rule: &noise.rule,
                code: noise.code,
                session: &noise.session,
                id: noise.id,
                gone: is_gone.into(),
                version: rule_set,
            });
            self.insert_rows::<GoneRow<'static>, _>("noise_gone", rows)
                .await?;
        }
        Ok(())
    }
}
