//! `/labels`: what endpoints can be narrowed and grouped by. And labels as an address names them.

use super::shown;
use crate::{
    error::{ApiError, Result},
    json::Json,
    server::Web,
};
use axum::extract::State;
use event::{is_label_name, is_label_value};
use serde::{Deserialize, Serialize};
use std::fmt;
use store::Label;
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        ArrayBuilder, Object, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

/// Labels of one address: more than a person chooses, and each is a question to the store.
const LABELS_MAX: usize = 8;

/// Every pair of a query.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl IntoParams for Pairs {
    fn into_params(given: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let label = ParameterBuilder::new()
            .name("label")
            .parameter_in(given().unwrap_or_default())
            .description(Some(
                "A label and its value, `ring:pilot`; up to eight of them, all of which must hold.",
            ))
            .schema(Some(
                ArrayBuilder::new()
                    .items(Object::with_type(Type::String))
                    .max_items(Some(LABELS_MAX)),
            ));
        vec![label.build()]
    }
}

/// The labels that an address names, `label=ring:pilot` each.
pub(super) fn read_labels(pairs: &Pairs) -> std::result::Result<Vec<Label>, ApiError> {
    let named = pairs.0.iter().filter(|(key, _)| key == "label");
    let mut labels = named
        .filter(|(_, text)| !text.is_empty())
        .map(|(_, text)| match text.split_once(':') {
            Some((label, value)) if is_label_name(label) && is_label_value(value) => {
                Ok((label.to_owned(), value.to_owned()))
            }
            _ => Err(ApiError::Request {
                message: format!("`label={}` is no label", shown(text)),
                hint: "give it like label=ring:pilot, once for each label",
            }),
        })
        .collect::<std::result::Result<Vec<_>, _>>()?;
    labels.sort_unstable();
    labels.dedup();
    if labels.len() > LABELS_MAX {
        return Err(ApiError::Request {
            message: format!("{} labels are too many", labels.len()),
            hint: "name eight labels at most",
        });
    }
    Ok(labels)
}

/// The label that an address groups by.
pub(super) fn read_by(text: Option<String>) -> std::result::Result<Option<String>, ApiError> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) if !is_label_name(&text) => Err(ApiError::Request {
            message: format!("`by={}` names no label", shown(&text)),
            hint: "give it like by=ring",
        }),
        by => Ok(by),
    }
}

pub(crate) async fn labels(State(web): State<Web>) -> Result<Labels> {
    let labels = web.store.label_values(&web.tenant).await?;
    Ok(Json(Labels {
        labels: labels
            .into_iter()
            .map(|label| LabelOut {
                label: label.label,
                values: label
                    .values
                    .into_iter()
                    .map(|(value, endpoints)| LabelValue { value, endpoints })
                    .collect(),
            })
            .collect(),
    }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = LabelList)]
pub(crate) struct Labels {
    labels: Vec<LabelOut>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LabelValues)]
struct LabelOut {
    label: String,
    values: Vec<LabelValue>,
}

#[derive(Serialize, ToSchema)]
struct LabelValue {
    value: String,
    endpoints: u64,
}

/// A label of an endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Label)]
pub(crate) struct Named {
    label: String,
    value: String,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.label, self.value)
    }
}

impl From<Label> for Named {
    fn from((label, value): Label) -> Self {
        Self { label, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        let owned = pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        Pairs(owned.collect())
    }

    #[test]
    fn labels_are_read_once_each_and_others_are_left_alone() {
        let query = pairs(&[
            ("kb", "KB1"),
            ("label", "site:上海: 浦东"),
            ("label", "ring:pilot"),
            ("label", "ring:pilot"),
            ("label", ""),
        ]);
        let read = read_labels(&query).unwrap();
        assert_eq!(read, pairs(&[("ring", "pilot"), ("site", "上海: 浦东")]).0);
    }

    #[test]
    fn what_is_no_label_is_refused() {
        for bad in ["ring", ":x", "ring:", "Ring:x", "ring:=1", "ring:a\nb"] {
            assert!(read_labels(&pairs(&[("label", bad)])).is_err(), "{bad:?}");
        }
        let many: Vec<String> = (0..9).map(|number| format!("ring:{number}")).collect();
        let many = many.iter().map(|text| ("label".to_owned(), text.clone()));
        assert!(read_labels(&Pairs(many.collect())).is_err());
        assert_eq!(
            read_by(Some("ring".to_owned())).unwrap().as_deref(),
            Some("ring")
        );
        assert_eq!(read_by(Some(String::new())).unwrap(), None);
        assert!(read_by(Some("a b".to_owned())).is_err());
    }
}
