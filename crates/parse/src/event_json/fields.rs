//! What people's tools call the parts of an event: one list of names, for flat JSON, blocks of `label: value` and rows.

use super::{WindowsEvent, level, message, time};
use std::borrow::Cow;

/// A part of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Provider,
    Id,
    /// The id with its qualifiers in the high half.
    InstanceId,
    Time,
    Channel,
    Host,
    Level,
    /// A level in the numbers of the classic event log, or a word.
    EntryType,
    RecordId,
    Message,
}

/// How many there are.
const COUNT: usize = Field::Message as usize + 1;

/// Longest label worth looking at: Russian and French ones have some twenty letters of two bytes.
const LABEL_BYTES: usize = 60;

/// The part that a label names, and its rank among labels of the same part: the smallest counts.
///
/// Case, blanks and punctuation do not matter; labels are those of Windows in ten languages and of the shippers we know.
pub(crate) fn field(label: &str) -> Option<(Field, u8)> {
    if label.len() > LABEL_BYTES {
        return None;
    }
    let key: String = label
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let key = ["winlog", "windows"]
        .iter()
        .find_map(|prefix| key.strip_prefix(prefix))
        .unwrap_or(&key);
    Some(match key {
        "providername" | "eventprovidername" => (Field::Provider, 0),
        "eventprovider" | "provider" => (Field::Provider, 1),
        "sourcename" | "eventsource" => (Field::Provider, 2),
        "source" | "来源" | "來源" | "quelle" | "ソース" | "источник" | "origen" | "원본"
        | "fonte" | "origine" | "origem" => (Field::Provider, 3),
        "eventid"
        | "事件id"
        | "事件标识符"
        | "事件識別碼"
        | "ereignisid"
        | "イベントid"
        | "кодсобытия"
        | "iddelevento"
        | "iddelévénement"
        | "이벤트id"
        | "idevento"
        | "iddoevento" => (Field::Id, 0),
        "eventcode" | "eventidentifier" => (Field::Id, 1),
        "id" => (Field::Id, 2),
        "instanceid" => (Field::InstanceId, 0),
        "systemtime" | "timecreatedsystemtime" => (Field::Time, 0),
        "timecreated" => (Field::Time, 1),
        "eventtime" | "timegenerated" | "timegeneratedutc" => (Field::Time, 2),
        "dateandtime" | "日期和时间" | "日期與時間" | "日期及時間" => {
            (Field::Time, 3)
        }
        "date" | "日期" | "datum" | "日付" | "дата" | "fecha" | "날짜" | "data" => {
            (Field::Time, 4)
        }
        "time" | "timewritten" => (Field::Time, 5),
        "timestamp" => (Field::Time, 6),
        "logname"
        | "日志名称"
        | "記錄檔名稱"
        | "protokollname"
        | "ログの名前"
        | "имяжурнала"
        | "nombrederegistro"
        | "nomdujournal"
        | "로그이름"
        | "nomeregistro" => (Field::Channel, 0),
        "channel" | "eventlog" => (Field::Channel, 1),
        "computer"
        | "computername"
        | "计算机"
        | "電腦"
        | "コンピューター"
        | "компьютер"
        | "equipo"
        | "ordinateur"
        | "컴퓨터" => (Field::Host, 0),
        "machinename" => (Field::Host, 1),
        "hostname" | "agentname" => (Field::Host, 2),
        "leveldisplayname" | "eventlevelname" => (Field::Level, 0),
        "level" | "级别" | "等級" | "層級" | "ebene" | "レベル" | "уровень" | "nivel"
        | "niveau" | "수준" | "livello" | "nível" | "loglevel" => (Field::Level, 1),
        "severityvalue" | "severity" => (Field::Level, 2),
        "eventlevel" => (Field::Level, 3),
        "entrytype" => (Field::EntryType, 0),
        "eventrecordid" | "recordid" | "recordnumber" => (Field::RecordId, 0),
        "index" => (Field::RecordId, 1),
        "message" | "rendereddescription" => (Field::Message, 0),
        "description" | "描述" | "说明" | "說明" | "beschreibung" | "説明" | "описание"
        | "descripción" | "설명" | "descrizione" | "descrição" => (Field::Message, 1),
        "fullmessage" => (Field::Message, 2),
        "shortmessage" => (Field::Message, 3),
        _ => return None,
    })
}

/// The parts of an event as they are found.
#[derive(Default)]
pub(crate) struct Fields<'a> {
    parts: [Option<(u8, Cow<'a, str>)>; COUNT],
}

impl<'a> Fields<'a> {
    /// Notes a part, where none of a better rank is known. What is empty says nothing.
    pub(crate) fn set(&mut self, (field, rank): (Field, u8), value: Cow<'a, str>) {
        if value.trim().is_empty() {
            return;
        }
        if let Some(part) = self.parts.get_mut(field as usize)
            && part.as_ref().is_none_or(|(known, _)| *known > rank)
        {
            *part = Some((rank, value));
        }
    }

    pub(crate) fn get(&self, field: Field) -> Option<&Cow<'a, str>> {
        self.parts
            .get(field as usize)?
            .as_ref()
            .map(|(_, value)| value)
    }

    /// The event that the parts make; nothing without an id.
    pub(crate) fn event(
        &self,
        data: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    ) -> Option<WindowsEvent<'a>> {
        let text = |field| self.get(field).cloned().unwrap_or_default();
        let event_id = match self.get(Field::Id) {
            Some(id) => number(id)?,
            None => number(self.get(Field::InstanceId)?)? & 0xFFFF,
        };
        let word = self.get(Field::Level).and_then(|word| level(word.trim()));
        let word = word.or_else(|| entry_type(self.get(Field::EntryType)?.trim()));
        let mut event = WindowsEvent {
            time: self
                .get(Field::Time)
                .map(|stamp| time::read(stamp))
                .unwrap_or_default(),
            host: trimmed(text(Field::Host)),
            channel: trimmed(text(Field::Channel)),
            provider: trimmed(text(Field::Provider)),
            event_id,
            record_id: self
                .get(Field::RecordId)
                .and_then(|id| id.trim().parse().ok()),
            level: word,
            data,
        };
        if let Some(text) = self.get(Field::Message) {
            message::add(&mut event, text);
        }
        Some(event)
    }
}

/// `20`, `20 (0x14)`.
fn number(text: &str) -> Option<u32> {
    let digits = text.trim().split([' ', ',']).next()?;
    // Instance ids are printed signed where their qualifiers make them so.
    let number: i64 = digits.parse().ok()?;
    u32::try_from(number & 0xFFFF_FFFF).ok()
}

/// The classic log counts 1 for errors, 2 for warnings, 4 for information, 8 and 16 for audits.
fn entry_type(text: &str) -> Option<u8> {
    match text {
        "1" => Some(2),
        "2" => Some(3),
        "0" | "4" | "8" | "16" => Some(4),
        word => level(word),
    }
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_name_the_same_part_in_every_language_and_tool() {
        for (labels, expected) in [
            (
                &[
                    "Source",
                    "来源",
                    "Quelle",
                    "ソース",
                    "ProviderName",
                    "provider_name",
                    "winlog.provider_name",
                ][..],
                Field::Provider,
            ),
            (
                &[
                    "Event ID",
                    "事件 ID",
                    "Ereignis-ID",
                    "EventID",
                    "event_id",
                    "Id",
                ],
                Field::Id,
            ),
            (
                &[
                    "Date",
                    "日期",
                    "TimeCreated",
                    "@timestamp",
                    "TimeGenerated [UTC]",
                ],
                Field::Time,
            ),
            (
                &["Log Name", "日志名称", "LogName", "winlog.channel"],
                Field::Channel,
            ),
        ] {
            for label in labels {
                assert_eq!(
                    field(label).map(|(field, _)| field),
                    Some(expected),
                    "{label}"
                );
            }
        }
        assert_eq!(field("Task Category"), None);
    }
}
