//! `/system`: how cbsift itself fares, and in sentences what somebody should look at.

use super::{jobs::JobOut, name, status::Disk};
use crate::{error::Result, json::Json, schema::UtcTime, server::Web, texts::Text};
use axum::extract::State;
use event::UtcMillis;
use serde::Serialize;
use std::time::Duration;
use store::{LetterFilter, LetterState, OpenNewsState, RuleSetOrigin, Trouble};
use utoipa::ToSchema;

/// Rows of each list: more is a case for the command line.
const ROWS: usize = 50;

/// How long news may wait before somebody should look: a pipeline derives within seconds, and the backlog of a day's outage within an hour.
const LATE: Duration = Duration::from_secs(3_600);

/// Of a disk with less room than this share left, people hear before it is full.
const NEARLY_FULL: u64 = 95;

pub(crate) async fn system(State(web): State<Web>) -> Result<System> {
    let open_letters = LetterFilter {
        state: Some(LetterState::Open),
        limit: ROWS,
        ..LetterFilter::default()
    };
    let (store, tenant) = (&web.store, web.tenant.as_ref());
    let (
        used_bytes,
        news,
        newest,
        rule_sets,
        letters,
        dead_units,
        topic_gaps,
        lost_parts,
        tables,
        trouble,
        jobs,
    ) = tokio::try_join!(
        store.disk_used(),
        store.open_news_state(),
        store.newest_rule_set(),
        store.rule_sets(),
        store.dead_letters(tenant, &open_letters),
        store.dead_units(tenant, ""),
        store.topic_gaps(ROWS as u64),
        store.lost_parts(),
        store.tables(),
        store.trouble(tenant),
        store.latest_jobs(tenant),
    )?;
    let signs = Signs::of(&web, used_bytes, &news, trouble);
    let rules = web.rule_texts().await.count();
    Ok(Json(System {
        version: env!("CARGO_PKG_VERSION"),
        now: UtcMillis(super::filter::now().0 * 1_000).to_string(),
        disk: Disk::of(&web, used_bytes),
        pending_units: news.units,
        oldest_pending_s: (news.units > 0).then_some(news.oldest.as_secs()),
        rule_set: newest.map(|newest| RuleSetOut {
            sequence: newest.sequence,
            site: newest.set.origin == RuleSetOrigin::Site,
            digest: newest.set.digest,
            rules,
        }),
        rule_sets: rule_sets
            .into_iter()
            .map(|set| Published {
                sequence: set.sequence,
                digest: set.digest,
            })
            .collect(),
        dead_letters: List {
            total: signs.dead_letters,
            rows: letters
                .into_iter()
                .map(|stored| Letter {
                    at: utc(stored.letter.seen_ms),
                    endpoint: stored.letter.endpoint,
                    source: stored.letter.source,
                    reason: stored.letter.reason,
                    bytes: stored.letter.length,
                })
                .collect(),
        },
        dead_units: List {
            total: signs.dead_units,
            rows: dead_units
                .into_iter()
                .take(ROWS)
                .map(|dead| DeadUnitOut {
                    endpoint: dead.unit.endpoint,
                    month: dead.unit.month.to_string(),
                    reason: dead.reason,
                    at: utc(dead.last_seen_ms),
                })
                .collect(),
        },
        topic_gaps: List {
            total: topic_gaps.0,
            rows: topic_gaps
                .1
                .into_iter()
                .map(|gap| GapOut {
                    topic: gap.topic,
                    partition: gap.partition,
                    from: gap.from,
                    to: gap.to,
                    after: gap.last_before_ms.map(utc),
                    before: gap.first_after_ms.map(utc),
                })
                .collect(),
        },
        lost_parts: List {
            total: signs.lost_parts,
            rows: lost_parts
                .into_iter()
                .take(ROWS)
                .map(|lost| LostOut {
                    host: lost.host,
                    table: lost.table,
                    partition: lost.partition,
                    part: name(lost.part),
                    reason: lost.reason,
                    bytes: lost.bytes,
                    at: (lost.at > 0).then(|| utc(i64::from(lost.at) * 1_000)),
                })
                .collect(),
        },
        tables: tables
            .into_iter()
            .map(|table| Table {
                table: table.table,
                rows: table.rows,
                bytes: table.bytes,
            })
            .collect(),
        jobs: jobs.into_iter().map(JobOut::from).collect(),
        trouble: signs.sentences(),
    }))
}

fn utc(ms: i64) -> String {
    UtcMillis(ms).to_string()
}

/// What tells whether all is well: the header of every page asks for it, so it is little.
pub(super) struct Signs {
    is_full: bool,
    is_file_system_full: bool,
    is_nearly_full: bool,
    waiting: Option<Duration>,
    dead_letters: u64,
    dead_units: u64,
    topic_gaps: u64,
    lost_parts: u64,
}

impl Signs {
    pub(super) fn of(web: &Web, used_bytes: u64, news: &OpenNewsState, trouble: Trouble) -> Self {
        let is_full = web.is_disk_full(used_bytes);
        Self {
            is_full,
            is_file_system_full: web.is_file_system_full(),
            is_nearly_full: !is_full
                && used_bytes > web.max_disk_bytes / 100 * NEARLY_FULL
                && web.max_disk_bytes > 0,
            waiting: (news.units > 0 && news.oldest > LATE).then_some(news.oldest),
            dead_letters: trouble.dead_letters,
            dead_units: trouble.dead_units,
            topic_gaps: trouble.topic_gaps,
            lost_parts: trouble.lost_parts,
        }
    }

    /// How many there are of [`Signs::sentences`].
    pub(super) fn count(&self) -> usize {
        self.sentences().len()
    }

    fn sentences(&self) -> Vec<Text> {
        let mut all = Vec::new();
        let mut say = |is: bool, en: String, zh: String| {
            if is {
                all.push(Text { en, zh });
            }
        };
        say(
            self.is_file_system_full,
            "The file system is full: senders keep their logs until there is room.".to_owned(),
            "文件系统已满：发送端会保留日志，直到有空间为止。".to_owned(),
        );
        say(
            self.is_full && !self.is_file_system_full,
            "The store has reached its disk bound: the oldest text makes room for new.".to_owned(),
            "存储已达磁盘上限：最早的日志原文正在为新日志腾出空间。".to_owned(),
        );
        say(
            self.is_nearly_full,
            format!("The store has used more than {NEARLY_FULL} % of its disk bound."),
            format!("存储已用超过磁盘上限的 {NEARLY_FULL} %。"),
        );
        let minutes = self.waiting.unwrap_or_default().as_secs() / 60;
        say(
            self.waiting.is_some(),
            format!(
                "Logs have been waiting for {minutes} minutes to be analysed: is a pipeline running?"
            ),
            format!("有日志已等待分析 {minutes} 分钟：处理进程是否在运行？"),
        );
        for (count, en, zh) in [
            (
                self.dead_letters,
                "pieces of logs could not be read and are kept: see `cbsift dead-letters list`.",
                "段日志无法读取，已保留：参见 `cbsift dead-letters list`。",
            ),
            (
                self.dead_units,
                "months of PCs could not be analysed: see `cbsift dead-units list`.",
                "个终端月份无法分析：参见 `cbsift dead-units list`。",
            ),
            (
                self.topic_gaps,
                "ranges of a Kafka topic were deleted before they were read: their logs have gaps.",
                "段 Kafka 主题内容在读取前已被删除：相应日志有缺口。",
            ),
            (
                self.lost_parts,
                "parts of the store cannot be read: some rows are missing.",
                "个存储分片无法读取：缺少部分数据。",
            ),
        ] {
            say(count > 0, format!("{count} {en}"), format!("{count} {zh}"));
        }
        all
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct System {
    version: &'static str,
    #[schema(value_type = UtcTime)]
    now: String,
    disk: Disk,
    pending_units: u64,
    /// Seconds that the oldest unit has waited; absent where none waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    oldest_pending_s: Option<u64>,
    /// Nothing where none is published: the shipped rules are used.
    rule_set: Option<RuleSetOut>,
    /// The last 50, the newest first; when each was published stands in the audit alone.
    rule_sets: Vec<Published>,
    /// That wait for somebody, the oldest first.
    dead_letters: List<Letter>,
    dead_units: List<DeadUnitOut>,
    topic_gaps: List<GapOut>,
    lost_parts: List<LostOut>,
    tables: Vec<Table>,
    /// Jobs that classify again what is stored, the last to change first.
    jobs: Vec<JobOut>,
    /// Sentences; none where all is well.
    trouble: Vec<Text>,
}

/// A list and how many rows it has in all.
#[derive(Serialize, ToSchema)]
#[schema(as = Counted)]
struct List<T> {
    total: u64,
    rows: Vec<T>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RuleSet)]
struct RuleSetOut {
    sequence: u32,
    digest: String,
    /// Nothing where this build cannot load it.
    rules: Option<usize>,
    site: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PublishedRuleSet)]
struct Published {
    sequence: u32,
    digest: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter)]
struct Letter {
    #[schema(value_type = UtcTime)]
    at: String,
    endpoint: String,
    source: String,
    reason: String,
    bytes: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DeadUnit)]
struct DeadUnitOut {
    endpoint: String,
    /// `2022-08`, or `far-off`.
    month: String,
    reason: String,
    #[schema(value_type = UtcTime)]
    at: String,
}

/// Offsets `from..to` of a topic that nobody read.
#[derive(Serialize, ToSchema)]
#[schema(as = TopicGap)]
struct GapOut {
    topic: String,
    partition: i32,
    from: i64,
    to: i64,
    /// When the last record before it was written.
    #[schema(value_type = Option<UtcTime>)]
    after: Option<String>,
    /// When the first record behind it was written.
    #[schema(value_type = Option<UtcTime>)]
    before: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LostPart)]
struct LostOut {
    host: String,
    table: String,
    partition: String,
    part: String,
    reason: String,
    bytes: u64,
    #[schema(value_type = Option<UtcTime>)]
    at: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TableSize)]
struct Table {
    table: String,
    rows: u64,
    bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_is_a_sentence_in_both_languages_and_none_is_silence() {
        let well = || Signs {
            is_full: false,
            is_file_system_full: false,
            is_nearly_full: false,
            waiting: None,
            dead_letters: 0,
            dead_units: 0,
            topic_gaps: 0,
            lost_parts: 0,
        };
        assert_eq!(well().count(), 0);
        let signs = [
            Signs {
                is_full: true,
                ..well()
            },
            Signs {
                is_file_system_full: true,
                is_full: true,
                ..well()
            },
            Signs {
                is_nearly_full: true,
                ..well()
            },
            Signs {
                waiting: Some(LATE * 2),
                ..well()
            },
            Signs {
                dead_letters: 2,
                ..well()
            },
            Signs {
                dead_units: 2,
                ..well()
            },
            Signs {
                topic_gaps: 2,
                ..well()
            },
            Signs {
                lost_parts: 2,
                ..well()
            },
        ];
        let mut seen = std::collections::BTreeSet::new();
        for signs in signs {
            let said = signs.sentences();
            assert_eq!((said.len(), signs.count()), (1, 1), "{said:?}");
            assert!(said[0].en != said[0].zh && seen.insert(said[0].en.clone()));
        }
    }
}
