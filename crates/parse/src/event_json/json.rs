//! JSON as it stands in a line: strings without escapes are slices of it.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A value. Numbers and truth values are texts: what they mean is the reader's affair.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// In the order of the line; of equal names the first counts.
    Map(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// What converters of XML call an element's own text, beside its attributes.
const TEXT: [&str; 6] = ["#text", "_", "$t", "_text", "#content", "$value"];

impl<'a> Json<'a> {
    /// The object at the start of a text, whatever follows it.
    pub(crate) fn read_first(text: &'a str) -> Option<Self> {
        serde_json::Deserializer::from_str(text)
            .into_iter::<Json<'a>>()
            .next()?
            .ok()
    }

    /// A whole line. The parser's own limit bounds how deep values nest.
    pub(crate) fn read(line: &'a str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        let Self::Map(fields) = self else { return None };
        fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// The value at the end of a path of names.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Json<'a>> {
        path.iter().try_fold(self, |json, name| json.get(name))
    }

    /// A string, number or truth value; also one with attributes beside it, `{"#attributes":…,"#text":…}`.
    pub(crate) fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Map(_) => TEXT.iter().find_map(|name| match self.get(name) {
                Some(Self::Text(text)) => Some(text.clone()),
                _ => None,
            }),
            Self::Null | Self::List(_) => None,
        }
    }

    pub(crate) fn text_at(&self, path: &[&str]) -> Option<Cow<'a, str>> {
        self.at(path).and_then(Json::text)
    }

    pub(crate) fn number_at<N: std::str::FromStr>(&self, path: &[&str]) -> Option<N> {
        self.text_at(path)?.trim().parse().ok()
    }

    /// An attribute of an element that came from XML, in any converter's spelling.
    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        let Self::Map(fields) = self else { return None };
        fields
            .iter()
            .find_map(|(known, value)| match known.as_ref() {
                "#attributes" | "$" | "_attributes" | "attributes" => value.text_at(&[name]),
                known if known.trim_start_matches(['@', '-', '_']) == name => value.text(),
                _ => None,
            })
    }

    /// A value with its name beside it, `{"@Name":"errorCode","#text":"0x80070002"}`.
    fn named(&self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        let name = self.attribute("Name")?;
        let value = self.text().or_else(|| {
            ["Value", "value", "content", "text", "Text"]
                .iter()
                .find_map(|name| self.get(name)?.text())
        })?;
        Some((name, value))
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self, Self::Map(_))
    }

    /// Named values below this one, `param1` and on for those without a name.
    pub(crate) fn values(&self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let mut values = Vec::new();
        let mut unnamed = 0;
        self.gather(Cow::Borrowed(""), &mut unnamed, &mut values);
        values
    }

    fn gather(
        &self,
        name: Cow<'a, str>,
        unnamed: &mut usize,
        values: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
    ) {
        match self {
            Self::Null if name.is_empty() => {}
            Self::Null => values.push(numbered(name, Cow::Borrowed(""), unnamed)),
            Self::Text(text) => values.push(numbered(name, text.clone(), unnamed)),
            Self::List(items) => {
                let name = clipped(name);
                for item in items {
                    match item.named() {
                        Some((name, value)) => values.push(numbered(name, value, unnamed)),
                        None => item.gather(name.clone(), unnamed, values),
                    }
                }
            }
            Self::Map(fields) => {
                for (inner, value) in fields {
                    match inner.as_ref() {
                        // An attribute says of what kind a value is, never what it is.
                        name if is_attribute(name) => {}
                        "#text" => value.gather(name.clone(), unnamed, values),
                        // Raw bytes of a driver: nothing that is looked at, and long.
                        "Binary" | "binary" => {}
                        _ => match value.named().filter(|_| inner == "Data") {
                            Some((name, value)) => values.push(numbered(name, value, unnamed)),
                            None => value.gather(inner.clone(), unnamed, values),
                        },
                    }
                }
            }
        }
    }
}

/// Longest name that values of a list share. Each has a copy of it, so one long name would make gigabytes of a line; no event has a longer one.
const SHARED_NAME_BYTES: usize = 64;

fn clipped(name: Cow<'_, str>) -> Cow<'_, str> {
    let end = name.floor_char_boundary(SHARED_NAME_BYTES);
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.get(..end).unwrap_or(name)),
        Cow::Owned(mut name) => {
            name.truncate(end);
            Cow::Owned(name)
        }
    }
}

/// Members that hold the attributes of an element, or are one.
fn is_attribute(name: &str) -> bool {
    matches!(name, "#attributes" | "$" | "_attributes") || name.starts_with('@')
}

/// A value by its name, or by its number where it has none of its own.
fn numbered<'a>(
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    unnamed: &mut usize,
) -> (Cow<'a, str>, Cow<'a, str>) {
    let is_name = !matches!(name.as_ref(), "" | "Data" | "#text" | "Binary" | "binary")
        && !is_attribute(&name);
    if is_name {
        return (name, value);
    }
    *unnamed += 1;
    (Cow::Owned(format!("param{unnamed}")), value)
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(if value {
            "true"
        } else {
            "false"
        })))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value.to_string())))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value.to_string())))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value.to_string())))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut map = Vec::new();
        while let Some(name) = fields.next_key::<Json<'de>>()? {
            let Json::Text(name) = name else {
                return Err(A::Error::custom("a name is no text"));
            };
            map.push((name, fields.next_value()?));
        }
        Ok(Json::Map(map))
    }
}
