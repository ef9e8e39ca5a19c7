//! The checks, in the order in which they are shown.

use super::health::Health;
use super::{Check, State, Text, check, text};
use crate::access::Access;
use crate::keeper::{FREE_FROM, FileSystem, day_of, now_ms};
use crate::report::counted;
use crate::run::TENANT;
use crate::settings::Settings;
use std::time::Duration;
use store::{LetterFilter, LetterState, Store, StoreError};

const HOUR_MS: i64 = 3_600_000;

/// Clocks of machines that ask a time server are within a second; more than a minute confuses people, and certificates.
const SKEW_MS: u64 = 60_000;

/// Letters that are counted; beyond it the answer is "this many and more".
const LETTERS: usize = 1_000;

pub(super) async fn all(settings: &Settings) -> Vec<Check> {
    let health = Health::ask(settings).await;
    let mut found = vec![role(&health), confinement(&health), open_files(settings)];
    found.extend(file_system(settings));
    match Access::open(settings).await {
        Ok(access) => {
            found.push(check(
                "store",
                State::Ok,
                text(
                    "it answers, with the tables of this build",
                    "可访问，表结构与本版本一致",
                ),
            ));
            of_store(settings, access.store(), &mut found).await;
            if let Err(error) = access.close().await {
                found.push(check("store", State::Warn, said_by(format!("{error:#}"))));
            }
        }
        Err(error) => found.push(
            check("store", State::Fail, said_by(format!("{error:#}"))).hint(
                "start `cbsift up`, or check `store.data` and `store.url`",
                "请启动 `cbsift up`，或检查 `store.data` 与 `store.url`",
            ),
        ),
    }
    if settings.remote.is_some() {
        found.extend(kafka(settings).await);
    }
    found
}

/// `2024-01-31`
fn shown(day: u16) -> String {
    let mut text = store::day_start(day).to_string();
    text.truncate(10);
    text
}

/// Words of another part, which has one language.
fn said_by(words: String) -> Text {
    text(words.clone(), words)
}

fn could_not(name: &'static str, error: &StoreError) -> Check {
    check(name, State::Fail, said_by(error.to_string()))
}

fn role(health: &Health) -> Check {
    match health {
        Health::Away => check(
            "role",
            State::Unknown,
            text(
                "nobody answers at `admin.listen`: no role runs here, or it uses another address",
                "`admin.listen` 无应答：本机没有运行的角色，或使用了其他地址",
            ),
        ),
        Health::Encrypted => check(
            "role",
            State::Unknown,
            text(
                "`admin.listen` speaks TLS; ask /readyz yourself",
                "`admin.listen` 使用 TLS，请自行查询 /readyz",
            ),
        ),
        Health::Answers { ready, said, .. } => {
            let state = match (ready, said.trim() == "ready") {
                (true, true) => State::Ok,
                (true, false) => State::Warn,
                (false, _) => State::Fail,
            };
            check("role", state, said_by(said.trim().replace('\n', "; ")))
        }
    }
}

/// The engine's child says so itself, as a metric.
fn confinement(health: &Health) -> Check {
    match health.metric("cbsift_engine_confined") {
        Some(confined) if confined >= 1.0 => check(
            "confinement",
            State::Ok,
            text(
                "the engine reaches neither files nor addresses of others",
                "引擎无法触及其他文件与网络地址",
            ),
        ),
        Some(_) => check(
            "confinement",
            State::Fail,
            text("the engine is not confined", "引擎未受限制"),
        )
        .hint(
            "use a kernel with landlock and seccomp; the log names what is missing",
            "请使用支持 landlock 与 seccomp 的内核；日志会说明缺少什么",
        ),
        None => check(
            "confinement",
            State::Unknown,
            text("no role here says so", "没有角色提供该信息"),
        ),
    }
}

fn open_files(settings: &Settings) -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let may = limit.maximum.unwrap_or(u64::MAX);
    let need = crate::run::files_needed(settings.ingest.connections_max);
    let said = text(
        format!("up to {may} may be opened, {need} are needed at most"),
        format!("最多可打开 {may} 个文件，最多需要 {need} 个"),
    );
    if may >= need {
        check("open files", State::Ok, said)
    } else {
        check("open files", State::Fail, said).hint(
            format!("`ulimit -Hn {need}` or LimitNOFILE= of the service, or lower `ingest.connections_max`"),
            format!("请设置 `ulimit -Hn {need}` 或服务的 LimitNOFILE=，或调低 `ingest.connections_max`"),
        )
    }
}

fn file_system(settings: &Settings) -> Option<Check> {
    if settings.remote.is_some() {
        return None;
    }
    let Some(found) = FileSystem::of(&settings.data) else {
        return Some(check(
            "file system",
            State::Unknown,
            text(
                format!("`{}` is not there yet", settings.data.display()),
                format!("`{}` 尚不存在", settings.data.display()),
            ),
        ));
    };
    let (free, size) = (found.free >> 20, found.size >> 20);
    let said = text(
        format!("{free} MiB of {size} MiB are free"),
        format!("{size} MiB 中有 {free} MiB 可用"),
    );
    Some(if found.room() == 0 {
        check("file system", State::Fail, said).hint(
            "logs are refused until there is space: free some",
            "腾出空间之前将拒收日志，请释放空间",
        )
    } else if settings.max_disk == 0
        || settings.max_disk.saturating_add(found.reserve()) > found.size
    {
        check("file system", State::Warn, said).hint(
            "`store.max_disk` allows more than there is: lower it, so that the oldest text goes before the disk is full",
            "`store.max_disk` 超过了实际容量：请调低，使最旧的文本在磁盘写满前被清除",
        )
    } else {
        check("file system", State::Ok, said)
    })
}

async fn of_store(settings: &Settings, store: &Store, found: &mut Vec<Check>) {
    let or_why = |name, asked: Result<Check, StoreError>| {
        asked.unwrap_or_else(|error| could_not(name, &error))
    };
    found.push(or_why("disk", disk(settings, store).await));
    found.push(rules(store).await);
    found.push(or_why("lost parts", lost(store).await));
    found.push(or_why("topic gaps", topic_gaps(store).await));
    found.push(or_why("clock", clock(store).await));
    found.push(or_why("dead letters", letters(store).await));
    found.push(or_why("dead units", dead_units(store).await));
}

/// How full the bound is, and what would go next.
async fn disk(settings: &Settings, store: &Store) -> Result<Check, StoreError> {
    let used = store.disk_used().await? >> 20;
    let held = store.text_held().await?;
    let next = match held.first() {
        None => text("no raw text is held", "没有原始文本"),
        Some(next) => {
            let day = shown(next.oldest);
            match next.evidence {
                0 => text(
                    format!("text without evidence of {day} would go next"),
                    format!("下一步将清除 {day} 的非证据文本"),
                ),
                _ => text(
                    format!("evidence of {day} would go next, as no other text is left"),
                    format!("已无其他文本，下一步将清除 {day} 的证据文本"),
                ),
            }
        }
    };
    if settings.remote.is_some() || settings.max_disk == 0 {
        let said = text(
            format!("{used} MiB, without a bound of ours; {}", next.en),
            format!("{used} MiB，未设上限；{}", next.zh),
        );
        return Ok(check("disk", State::Ok, said));
    }
    let max = settings.max_disk >> 20;
    let said = text(
        format!("{used} MiB of {max} MiB; {}", next.en),
        format!("{used} / {max} MiB；{}", next.zh),
    );
    let is_evidence_next = held.first().is_some_and(|held| held.evidence != 0);
    Ok(if used >= max && held.is_empty() {
        check("disk", State::Fail, said).hint(
            "what was found takes all of the bound: raise `store.max_disk`",
            "分析结果已占满上限，请调大 `store.max_disk`",
        )
    } else if used * 100 >= max * FREE_FROM && is_evidence_next {
        check("disk", State::Warn, said).hint(
            "evidence is about to go: raise `store.max_disk`",
            "证据即将被清除，请调大 `store.max_disk`",
        )
    } else {
        check("disk", State::Ok, said)
    })
}

async fn rules(store: &Store) -> Check {
    match pipeline::newest(store).await {
        Ok(Ok(set)) => check(
            "rules",
            State::Ok,
            text(
                format!("rule set {} can be used", set.sequence),
                format!("规则集 {} 可用", set.sequence),
            ),
        ),
        Ok(Err(error)) => {
            let error = error.to_string();
            let (said, hint) = error.split_once("\nhint: ").unwrap_or((&error, ""));
            let found = check("rules", State::Fail, said_by(said.to_owned()));
            if hint.is_empty() {
                found
            } else {
                found.hint(hint, hint)
            }
        }
        Err(error) => could_not("rules", &error),
    }
}

/// Records that had left the topic before a pipeline read them.
async fn topic_gaps(store: &Store) -> Result<Check, StoreError> {
    const SHOWN: u64 = 5;
    let (count, gaps) = store.topic_gaps(SHOWN).await?;
    if count == 0 {
        return Ok(check("topic gaps", State::Ok, text("none", "无")));
    }
    let at = |ms: Option<i64>| ms.map_or("?".to_owned(), |ms| event::UtcMillis(ms).to_string());
    let places: Vec<String> = gaps
        .iter()
        .map(|gap| {
            format!(
                "`{}` {}: {}..{} ({} .. {})",
                gap.topic,
                gap.partition,
                gap.from,
                gap.to,
                at(gap.last_before_ms),
                at(gap.first_after_ms)
            )
        })
        .collect();
    let places = places.join(", ");
    let said = text(
        format!(
            "records had left the topic before they were read: gaps {count}, the last of them {places}"
        ),
        format!("有 {count} 次记录在读取之前已从主题中删除，最近：{places}"),
    );
    Ok(check("topic gaps", State::Warn, said).hint(
        "endpoints whose logs lost bytes by it show a gap on their page: send those logs again (`cbsift send --again`)",
        "日志因此缺失的终端会在其页面上显示缺口：请重新发送这些日志（`cbsift send --again`）",
    ))
}

async fn lost(store: &Store) -> Result<Check, StoreError> {
    let (aside, noted) = (store.parts_put_aside().await?, store.lost_parts().await?);
    if aside.is_empty() && noted.is_empty() {
        return Ok(check("lost parts", State::Ok, text("none", "无")));
    }
    let mut all = aside.clone();
    all.extend(noted);
    all.sort();
    all.dedup();
    let places: Vec<String> = all
        .iter()
        .take(20)
        .map(|part| {
            let at = event::UtcMillis(i64::from(part.at) * 1_000);
            format!("`{}` {} ({}, {at})", part.table, part.part, part.reason)
        })
        .collect();
    let (count, places) = (all.len(), places.join(", "));
    let said = text(
        format!(
            "{count} parts of the store were lost, {} of them lie in its folders `detached`: {places}",
            aside.len()
        ),
        format!(
            "存储丢失了 {count} 个数据块，其中 {} 个位于 `detached` 文件夹：{places}",
            aside.len()
        ),
    );
    // What lies there can still be saved; what was noted once is history.
    let state = if aside.is_empty() {
        State::Warn
    } else {
        State::Fail
    };
    Ok(check("lost parts", state, said).hint(
        "look at the disk; send the logs of that month again (`cbsift send --again`), then remove the folders",
        "请检查磁盘；重新发送该月日志（`cbsift send --again`），然后删除这些文件夹",
    ))
}

async fn clock(store: &Store) -> Result<Check, StoreError> {
    let before = now_ms();
    let theirs = store.now_ms().await?;
    let ours = now_ms();
    let skew = if theirs < before {
        before.abs_diff(theirs)
    } else {
        theirs.saturating_sub(ours).max(0).unsigned_abs()
    };
    let (newest, _) = store.days_received(0, 0).await?;
    let believed = store.housekeeping_day().await?;
    let today = day_of(ours);
    let seconds = skew / 1_000;
    let set_right = ("set the clock right (NTP)", "请校准时钟（NTP）");
    if skew > SKEW_MS {
        let said = text(
            format!("this machine and the store are {seconds} s apart"),
            format!("本机与存储的时钟相差 {seconds} 秒"),
        );
        return Ok(check("clock", State::Fail, said).hint(set_right.0, set_right.1));
    }
    if newest > today.saturating_add(1) {
        let said = text(
            format!(
                "text was received on {}, which is still to come: a clock is behind, or was ahead then",
                shown(newest)
            ),
            format!(
                "有文本的接收日期为 {}，尚未到来：时钟现在偏慢，或当时偏快",
                shown(newest)
            ),
        );
        return Ok(check("clock", State::Warn, said).hint(set_right.0, set_right.1));
    }
    if let Some(believed) = believed
        && today.abs_diff(believed) > 3
    {
        let said = text(
            format!(
                "today is {} by the clock, but housekeeping went by {}: no text expires until they agree",
                shown(today),
                shown(believed)
            ),
            format!(
                "时钟显示今天是 {}，而上次清理依据的是 {}：两者一致之前不会清除到期文本",
                shown(today),
                shown(believed)
            ),
        );
        return Ok(check("clock", State::Warn, said).hint(
            "nothing need be done after a pause of days: it is believed within a day; else set the clock right",
            "若停机数日则无需处理，一天内会恢复；否则请校准时钟",
        ));
    }
    Ok(check(
        "clock",
        State::Ok,
        text(
            format!("this machine and the store agree to {seconds} s"),
            format!("本机与存储的时钟相差不超过 {seconds} 秒"),
        ),
    ))
}

async fn letters(store: &Store) -> Result<Check, StoreError> {
    let filter = LetterFilter {
        state: Some(LetterState::Open),
        limit: LETTERS,
        ..LetterFilter::default()
    };
    let open = store.dead_letters(TENANT, &filter).await?.len();
    if open == 0 {
        return Ok(check("dead letters", State::Ok, text("none", "无")));
    }
    let more = if open == LETTERS { "+" } else { "" };
    Ok(check(
        "dead letters",
        State::Warn,
        text(
            format!("{open}{more} are open"),
            format!("{open}{more} 条未处理"),
        ),
    )
    .hint(
        "`cbsift dead-letters list` names them, `retry` sends them back once the cause is mended",
        "`cbsift dead-letters list` 可列出，修复原因后用 `retry` 重新处理",
    ))
}

async fn dead_units(store: &Store) -> Result<Check, StoreError> {
    let dead = store.count_dead_units().await?;
    if dead == 0 {
        return Ok(check("dead units", State::Ok, text("none", "无")));
    }
    Ok(check(
        "dead units",
        State::Warn,
        text(
            format!(
                "{} of endpoints could not be derived",
                counted(dead, "month", "months")
            ),
            format!("{dead} 个端点月份无法分析"),
        ),
    )
    .hint(
        "`cbsift dead-units list` says which and why, `retry` has them tried again",
        "`cbsift dead-units list` 可列出及其原因，用 `retry` 重新分析",
    ))
}

/// Lag against half of the retention, and the brokers' clocks as their records show them.
async fn kafka(settings: &Settings) -> Vec<Check> {
    let config = &settings.queue;
    // It asks, and makes no topic.
    let asking = queue::Config {
        create_topics: false,
        ..config.clone()
    };
    let topic = match queue::topics::ensure(&asking).await {
        Ok(topic) => topic,
        Err(error) => return vec![check("kafka", State::Fail, said_by(error.to_string()))],
    };
    let retention = topic.retention.unwrap_or(Duration::MAX);
    let half = i64::try_from(retention.as_millis() / 2).unwrap_or(i64::MAX);
    let now = now_ms();
    let topics: Vec<&str> = std::iter::once(&config.chunks_topic)
        .chain(&config.foreign_topics)
        .map(String::as_str)
        .collect();
    let (before, after) = (
        now.saturating_sub(half).max(0),
        now.saturating_add(SKEW_MS as i64),
    );
    let lag = match queue::lag(config, &topics, before, after).await {
        Ok(lag) => lag,
        Err(error) => return vec![check("lag", State::Fail, said_by(error.to_string()))],
    };
    let names = |places: &[(String, i32)]| {
        let names: Vec<String> = places
            .iter()
            .map(|(topic, partition)| format!("{topic}:{partition}"))
            .collect();
        names.join(", ")
    };
    let hours = half / HOUR_MS;
    let records = lag.records;
    let shown = counted(records, "record", "records");
    let mut found = vec![if topic.retention.is_none() {
        check(
            "lag",
            State::Ok,
            text(
                format!("{shown}, of a topic that keeps them for ever"),
                format!("{records} 条记录，主题永久保留记录"),
            ),
        )
    } else if lag.old.is_empty() {
        check(
            "lag",
            State::Ok,
            text(
                format!("{shown}, none older than half of the retention ({hours} h)"),
                format!("{records} 条记录，均未超过保留期的一半（{hours} 小时）"),
            ),
        )
    } else {
        let places = names(&lag.old);
        check(
            "lag",
            State::Fail,
            text(
                format!("{shown}, some older than half of the retention ({hours} h): {places}"),
                format!("{records} 条记录，部分已超过保留期的一半（{hours} 小时）：{places}"),
            ),
        )
        .hint(
            "start pipelines, or raise the topic's retention.ms, before records are deleted unread",
            "请在记录未读即被删除之前启动 pipeline，或调大主题的 retention.ms",
        )
    }];
    if !lag.missing.is_empty() {
        let missing = lag.missing.join(", ");
        found.push(
            check(
                "foreign topics",
                State::Warn,
                text(
                    format!("not there, so nothing is read of them: {missing}"),
                    format!("不存在，无法读取：{missing}"),
                ),
            )
            .hint(
                "their shippers make them; check the names in `queue.foreign_topics`",
                "主题由采集端创建，请检查 `queue.foreign_topics` 中的名称",
            ),
        );
    }
    if !lag.ahead.is_empty() {
        let places = names(&lag.ahead);
        found.push(
            check(
                "kafka clock",
                State::Warn,
                text(
                    format!(
                        "records are stamped more than a minute ahead of this machine: {places}"
                    ),
                    format!("有记录的时间戳比本机快一分钟以上：{places}"),
                ),
            )
            .hint("set the clocks right (NTP)", "请校准时钟（NTP）"),
        );
    }
    found
}
