//! What the API says of itself, as an OpenAPI document: addresses, roles and words of each are the table's of `server.rs`, parameters and
//! answers are what the types of its handler say. Nothing of it is written a second time.

use crate::{
    error::ApiError,
    json::Json,
    roles::{Asker, Gives},
    schema,
    server::{Route, Web, routes},
};
use axum::{
    extract::{Path, Query, State},
    http::Uri,
    response::{IntoResponse, Response},
};
use event::Role;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::LazyLock};
use utoipa::{IntoParams, ToSchema, openapi::path::ParameterIn};

/// The OpenAPI document of the API. It depends on nothing but this build, so that a client can be made without a server.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| written(&routes()));
    &DOCUMENT
}

/// The answer of `/openapi.json`.
pub(crate) struct Itself;

pub(crate) async fn openapi() -> Result<Itself, ApiError> {
    Ok(Itself)
}

impl IntoResponse for Itself {
    fn into_response(self) -> Response {
        Json(document()).into_response()
    }
}

impl Output for Itself {
    fn describe(_: &str, told: &mut Told) {
        told.answer(Content::json(json!({
            "type": "object",
            "description": "An OpenAPI document.",
        })));
    }
}

/// A handler whose types say what it takes and what it gives.
pub(crate) trait Documented<Inputs> {
    fn describe(path: &str, told: &mut Told);
}

/// What a handler takes from a request.
pub(crate) trait Input {
    fn describe(_: &mut Told) {}
}

/// What a handler gives where nothing is wrong.
pub(crate) trait Output {
    /// `path` is the address as the table has it.
    fn describe(path: &str, told: &mut Told);
}

macro_rules! documented {
    ($($input:ident)*) => {
        impl<Handler, Answer, Given, $($input),*> Documented<($($input,)*)> for Handler
        where
            Handler: Fn($($input),*) -> Answer,
            Answer: Future<Output = Result<Given, ApiError>>,
            Given: Output,
            $($input: Input),*
        {
            fn describe(path: &str, told: &mut Told) {
                $($input::describe(told);)*
                Given::describe(path, told);
            }
        }
    };
}

documented!();
documented!(A);
documented!(A B);
documented!(A B C);
documented!(A B C D);
documented!(A B C D E);
documented!(A B C D E F);

impl Input for State<Web> {}
impl Input for Asker {}
impl Input for Uri {}

/// What stands in the holes of an address is told by its own words, see [`hole`].
impl<T> Input for Path<T> {}

impl<T: IntoParams> Input for Query<T> {
    fn describe(told: &mut Told) {
        let asked = T::into_params(|| Some(ParameterIn::Query));
        told.parameters.extend(asked.iter().map(|parameter| {
            let mut parameter = value(parameter);
            without_null(&mut parameter["schema"]);
            parameter
        }));
    }
}

impl<T: ToSchema> Output for Json<T> {
    fn describe(_: &str, told: &mut Told) {
        let schema = told.schemas.of::<T>();
        told.answer(Content::json(schema));
    }
}

/// What is told of one address.
#[derive(Default)]
pub(crate) struct Told {
    parameters: Vec<Value>,
    content: Value,
    schemas: Schemas,
}

impl Told {
    pub(crate) fn answer(&mut self, Content { kind, of }: Content) {
        self.content = json!({ kind: of });
    }

    /// Parameters that a handler reads and does not heed.
    pub(crate) fn forget(&mut self, names: &[&str]) {
        self.parameters
            .retain(|parameter| !names.iter().any(|name| parameter["name"] == *name));
    }
}

/// The body of an answer.
pub(crate) struct Content {
    kind: &'static str,
    of: Value,
}

impl Content {
    fn json(schema: Value) -> Self {
        Self {
            kind: "application/json",
            of: json!({ "schema": schema }),
        }
    }

    pub(crate) fn csv(columns: &[&str]) -> Self {
        let columns = columns.join(",");
        Self {
            kind: "text/csv",
            of: json!({
                "schema": {
                    "type": "string",
                    "description": format!("UTF-8 with a mark, lines end in CR LF. The columns are: `{columns}`"),
                },
            }),
        }
    }

    /// A JSON object a line.
    pub(crate) fn lines<T: ToSchema>(told: &mut Told) -> Self {
        Self {
            kind: "application/x-ndjson",
            of: json!({
                "schema": {
                    "description": "One line; of a list that was cut the last one is `{\"cut\": \"…\"}`.",
                    "anyOf": [told.schemas.of::<T>(), told.schemas.of::<schema::Cut>()],
                },
            }),
        }
    }

    pub(crate) fn text(says: &str) -> Self {
        Self {
            kind: "text/plain",
            of: json!({ "schema": { "type": "string", "description": says } }),
        }
    }
}

/// Types of answers by name.
#[derive(Default)]
struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Takes a type and those that it is made of, and refers to it.
    fn of<T: ToSchema>(&mut self) -> Value {
        let name = T::name();
        let mut all = vec![(name.to_string(), T::schema())];
        T::schemas(&mut all);
        self.extend(
            all.iter()
                .map(|(name, schema)| (name.clone(), value(schema))),
        );
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    fn extend(&mut self, all: impl IntoIterator<Item = (String, Value)>) {
        for (name, schema) in all {
            let is_other = self.0.get(&name).is_some_and(|known| *known != schema);
            // The tests read the whole document.
            debug_assert!(!is_other, "two types of answers are called {name}");
            self.0.insert(name, schema);
        }
    }
}

fn value(part: impl serde::Serialize) -> Value {
    serde_json::to_value(part).expect("a part of the document is JSON")
}

fn written(routes: &[Route]) -> Value {
    let mut schemas = Schemas::default();
    let error = schemas.of::<crate::error::Body>();
    let mut paths = Map::new();
    for route in routes {
        let mut told = Told::default();
        (route.describe)(&route.path, &mut told);
        let operation = operation(route, &told);
        schemas.extend(told.schemas.0);
        paths.insert(route.path.clone(), json!({ "get": operation }));
    }
    let mut schemas: Map<String, Value> = schemas.0.into_iter().collect();
    schemas.values_mut().for_each(say_what_is_always_there);
    let errors: Map<String, Value> = ERRORS
        .iter()
        .map(|(status, says)| ((*status).to_owned(), refusal(status, says, &error)))
        .collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "cbsift",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": ABOUT,
        },
        "servers": [{ "url": "/api/v1" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": errors,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A reader's token, where the pages ask for one; as the password of Basic it is good too. The roles named beside it are those that are answered.",
                },
            },
        },
    });
    // Whatever features serde_json is built with.
    document.sort_all_objects();
    document
}

const ABOUT: &str = "What is broken now, on how many PCs, since when, with what cause, where; down to the record in its log.\n\n\
    Only GET and HEAD are answered. Times as logged are `YYYY-MM-DD HH:MM:SS` of the PC's own clock, times in UTC are RFC 3339. \
    What has no value is `null`; a field that is not required is absent. Fields, and words of a list of words, may be added. \
    Counts are of distinct events, however often their bytes arrived; of a fleet, counts of records and their codes above some hundreds are within some 3 %, and records that may still go on are left out.";

fn operation(route: &Route, told: &Told) -> Value {
    let holes: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| hole(&route.path, name))
        .collect();
    let is_asked = !holes.is_empty() || !told.parameters.is_empty() || route.gives.is_noted();
    let roles = route.gives.roles();
    let mut answers = Map::from_iter([(
        "200".to_owned(),
        json!({ "description": "The answer.", "content": told.content }),
    )]);
    for (status, _) in ERRORS {
        let may = match status {
            "400" => is_asked,
            "403" => roles.len() < Role::ALL.len(),
            "404" => !holes.is_empty(),
            _ => true,
        };
        if may {
            let place = format!("#/components/responses/{status}");
            answers.insert(status.to_owned(), json!({ "$ref": place }));
        }
    }
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    // Each of these is enough; nothing at all is, where the pages ask for no token.
    let security: Vec<Value> = (names.iter().map(|role| json!({ "token": [role] })))
        .chain([json!({})])
        .collect();
    let mut about = format!(
        "It gives {}, to the roles {}.",
        route.gives.words(),
        names.join(", ")
    );
    if route.gives == Gives::FiguresAndText {
        about.push_str(" Text of logs is `null` for an auditor.");
    }
    let parameters: Vec<&Value> = holes.iter().chain(&told.parameters).collect();
    json!({
        "operationId": name_of(&route.path),
        "summary": route.says,
        "description": about,
        "parameters": parameters,
        "responses": answers,
        "security": security,
    })
}

/// `/endpoints/{id}/attempts.csv` is `endpoints_id_attempts_csv`.
fn name_of(path: &str) -> String {
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("_")
}

/// What is asked for by a part of the address.
fn hole(path: &str, name: &str) -> Value {
    let (says, example) = match (path.split('/').nth(1), name) {
        (Some("endpoints"), "id") => ("The id of a PC.", "PC-0042"),
        (Some("causes"), "id") => (
            "The `id` of a cause: its rule, or where no rule names it its category, then `~`, then its code, which may be empty.",
            "disk_full~0x80070070",
        ),
        (_, "attempt") => (
            "The `id` of an attempt, sixteen hex digits.",
            "00c0ffee00c0ffee",
        ),
        (_, "kb") => ("The name of an update.", "KB5016616"),
        (_, "code") => (
            "A code in any spelling: `0x80070570`, `80070570`, `-2147023504`, `ERROR_FILE_CORRUPT`.",
            "0x80070570",
        ),
        _ => unreachable!("`{name}` of {path} has no words here"),
    };
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": says,
        "schema": { "type": "string" },
        "example": example,
    })
}

/// Answers that are no data, by status.
const ERRORS: [(&str, &str); 7] = [
    (
        "400",
        "A parameter that cannot be meant. One that is given twice, or is no number where one is wanted, is answered in plain text.",
    ),
    (
        "401",
        "The pages ask for a token, and there is none or it is not good.",
    ),
    (
        "403",
        "The role of who asks does not allow it; `roles` are those that do.",
    ),
    ("404", "Nothing is known under this name."),
    (
        "421",
        "The name that was asked for is not one that the pages are served under.",
    ),
    (
        "503",
        "The store does not answer, too much is asked at once, or the audit could not be written.",
    ),
    (
        "504",
        "The answer takes the store too long, or is too large.",
    ),
];

fn refusal(status: &str, says: &str, error: &Value) -> Value {
    let mut answer = json!({
        "description": says,
        "content": { "application/json": { "schema": error } },
    });
    match status {
        "400" => answer["content"]["text/plain"] = json!({ "schema": { "type": "string" } }),
        "503" => {
            answer["headers"] = json!({
                "Retry-After": {
                    "description": "Seconds, where too much is asked at once.",
                    "schema": { "type": "integer" },
                },
            });
        }
        _ => {}
    }
    answer
}

/// A parameter that is not given is left out: none is null.
fn without_null(schema: &mut Value) {
    if let Some(part) = other_than_null(schema) {
        *schema = part.clone();
        return;
    }
    let Some(kind) = schema.get_mut("type") else {
        return;
    };
    if let Value::Array(types) = kind {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            *kind = only.clone();
        }
    }
}

/// What something is where it is not null.
fn other_than_null(schema: &Value) -> Option<&Value> {
    let parts = schema.get("oneOf")?.as_array()?;
    let is_null = |part: &Value| part["type"] == "null";
    match parts.as_slice() {
        [part, null] | [null, part] if is_null(null) && !is_null(part) => Some(part),
        _ => None,
    }
}

/// What serde leaves out is marked `nullable = false` beside `skip_serializing_if`, and never null; everything else that has no value is
/// there as `null`. The derive knows only that both are an `Option`, and calls both not required.
fn say_what_is_always_there(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let nullable: Vec<Value> = match object.get("properties") {
                Some(Value::Object(properties)) => properties
                    .iter()
                    .filter(|(_, schema)| is_nullable(schema))
                    .map(|(name, _)| Value::from(name.as_str()))
                    .collect(),
                _ => Vec::new(),
            };
            if !nullable.is_empty() {
                let required = object.entry("required").or_insert_with(|| json!([]));
                if let Value::Array(required) = required {
                    required.extend(nullable);
                    required.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
                    required.dedup();
                }
            }
            // Words of a field stand beside what it is, whether or not that may be null.
            if let Some(Value::Array(parts)) = object.get_mut("oneOf") {
                let words = parts.iter_mut().find_map(|part| match part {
                    Value::Object(part) if part.contains_key("$ref") => part.remove("description"),
                    _ => None,
                });
                if let Some(words) = words {
                    object.insert("description".to_owned(), words);
                }
            }
            object.values_mut().for_each(say_what_is_always_there);
        }
        Value::Array(parts) => parts.iter_mut().for_each(say_what_is_always_there),
        _ => {}
    }
}

fn is_nullable(schema: &Value) -> bool {
    match &schema["type"] {
        Value::Array(types) => types.iter().any(|name| name == "null"),
        _ => other_than_null(schema).is_some(),
    }
}
