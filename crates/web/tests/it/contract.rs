//! What the API says of itself against what it answers: every answer of these tests is held against the document (`harness::ask`), and here
//! every address is asked.

use crate::{
    harness::{Answer, ask, served},
    roles::{filled, some},
};
use event::Role;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::OnceLock};

/// Panics where an answer is not one that the document has for its address. Stricter than a client has to be: a field that the document
/// does not name is refused as well.
pub(crate) fn check(path: &str, answer: &Answer) {
    let Some(asked) = path.strip_prefix("/api/v1") else {
        return;
    };
    let asked = asked.split('?').next().unwrap_or_default();
    let kind = answer.headers.get("content-type").map_or("", |kind| kind);
    let kind = kind.split(';').next().unwrap_or_default();
    let at = |place: &str| format!("{place}/content/{}", escaped(kind));
    let documented = match address(asked) {
        // What is no address is refused as what is not there.
        None => {
            assert_eq!(answer.status, 404, "{path} is no address of the document");
            at("/components/responses/404")
        }
        Some(address) => {
            let place = format!(
                "/paths/{}/get/responses/{}",
                escaped(address),
                answer.status
            );
            let told = strict().pointer(&place);
            let told = told.unwrap_or_else(|| panic!("{path}: nothing says {}", answer.status));
            match told["$ref"].as_str() {
                Some(common) => at(common.trim_start_matches('#')),
                None => at(&place),
            }
        }
    };
    let place = format!("{documented}/schema");
    assert!(
        strict().pointer(&place).is_some(),
        "{path}: nothing at {place}"
    );
    match kind {
        "application/json" => holds(&place, path, &answer.json()),
        "application/x-ndjson" => {
            for line in answer.body.lines() {
                let line = serde_json::from_str(line).expect("a line is JSON");
                holds(&place, path, &line);
            }
        }
        "text/csv" => {
            let said = strict()
                .pointer(&place)
                .map(|schema| &schema["description"]);
            let said = said.and_then(Value::as_str).expect("the columns are told");
            let columns = answer.body.trim_start_matches('\u{feff}').lines().next();
            let columns = columns.unwrap_or_default();
            assert!(said.ends_with(&format!("`{columns}`")), "{path}: {columns}");
        }
        "text/plain" => {}
        other => panic!("{path}: {other}"),
    }
}

/// The address of the document that a path is of.
fn address(path: &str) -> Option<&'static str> {
    let paths = strict()["paths"].as_object().expect("paths");
    if let Some((address, _)) = paths.get_key_value(path) {
        return Some(address);
    }
    let parts: Vec<&str> = path.split('/').collect();
    let is_of = |address: &&String| {
        let holes: Vec<&str> = address.split('/').collect();
        holes.len() == parts.len()
            && (holes.iter().zip(&parts)).all(|(hole, part)| hole.starts_with('{') || hole == part)
    };
    paths.keys().find(is_of).map(String::as_str)
}

fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

fn holds(place: &str, path: &str, answer: &Value) {
    thread_local! {
        static VALIDATORS: std::cell::RefCell<BTreeMap<String, Validator>> = Default::default();
    }
    VALIDATORS.with_borrow_mut(|known| {
        let validator = known.entry(place.to_owned()).or_insert_with(|| {
            let mut schema = strict().clone();
            schema["$ref"] = json!(format!(
                "#{}",
                place.replace('{', "%7B").replace('}', "%7D")
            ));
            jsonschema::draft202012::new(&schema).expect("a schema")
        });
        let faults: Vec<String> = validator
            .iter_errors(answer)
            .take(5)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{path}: {faults:#?}");
    });
}

/// The document with every object closed.
fn strict() -> &'static Value {
    static STRICT: OnceLock<Value> = OnceLock::new();
    STRICT.get_or_init(|| {
        let mut document = web::document().clone();
        let schemas = document["components"]["schemas"].clone();
        close(&mut document, &schemas);
        document
    })
}

fn close(part: &mut Value, schemas: &Value) {
    if part.get("allOf").is_some() {
        *part = merged(part, schemas);
    }
    match part {
        Value::Object(object) => {
            if object.contains_key("properties") {
                object.entry("additionalProperties").or_insert(json!(false));
            }
            object.values_mut().for_each(|part| close(part, schemas));
        }
        Value::Array(parts) => parts.iter_mut().for_each(|part| close(part, schemas)),
        _ => {}
    }
}

/// An object that others are a part of, as one.
fn merged(whole: &Value, schemas: &Value) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for part in whole["allOf"].as_array().expect("parts") {
        let part = match part["$ref"].as_str() {
            Some(name) => &schemas[name.rsplit('/').next().unwrap_or_default()],
            None => part,
        };
        let part = match part.get("allOf") {
            Some(_) => merged(part, schemas),
            None => part.clone(),
        };
        for (name, schema) in part["properties"].as_object().expect("an object") {
            let before = properties.insert(name.clone(), schema.clone());
            assert_eq!(before, None, "two parts have `{name}`: {whole}");
        }
        required.extend(part["required"].as_array().into_iter().flatten().cloned());
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

#[tokio::test]
async fn every_address_answers_as_the_document_says_and_none_is_left_out() {
    let served = served().await;
    let (attempt, cause) = some(served.pages).await;
    let told = web::document()["paths"].as_object().expect("paths");
    let told: Vec<&str> = told.keys().map(String::as_str).collect();
    let mut there: Vec<String> = web::addresses().map(|(path, _)| path).collect();
    there.sort_unstable();
    assert_eq!(told, there);
    let auditor = Some(("auditor:contract", Role::Auditor));
    let auditor = served.pages_as("default", auditor).await;
    for address in &there {
        let path = filled(address, &attempt, &cause);
        for pages in [served.pages, auditor] {
            // `ask` holds it against the document.
            ask(pages, "GET", &path, &[("Host", "localhost")]).await;
        }
        // What nobody knows: an empty store has the same lists, and no page of what is not there.
        ask(served.empty, "GET", &path, &[("Host", "localhost")]).await;
        let refused = ask(served.pages, "GET", &path, &[("Host", "foreign.example")]).await;
        assert_eq!(refused.status, 421, "{path}");
    }
    for wrong in [
        "/overview?from=yesterday",
        "/overview?by=no%20label",
        "/endpoints?limit=few",
        "/causes?state=made_up",
        "/endpoints/nobody",
        "/codes/made-up",
        "/nothing",
    ] {
        let path = format!("/api/v1{wrong}");
        let answer = ask(served.pages, "GET", &path, &[("Host", "localhost")]).await;
        assert!((400..500).contains(&answer.status), "{wrong}");
    }
}

#[tokio::test]
async fn the_document_is_served_as_it_is_kept() {
    let answer = served().await.get("/api/v1/openapi.json").await;
    assert_eq!(answer.json(), *web::document());
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let kept: Value = std::fs::read_to_string(kept)
        .map(|kept| serde_json::from_str(&kept).expect("JSON"))
        .expect("the document is kept");
    // Not by `assert_eq!`: thousands of lines would say less.
    assert!(
        kept == *web::document(),
        "`make api` writes crates/web/openapi.json anew"
    );
}

#[test]
fn a_parameter_says_how_it_is_bounded_and_a_role_what_it_may() {
    let of = |address: &str| &web::document()["paths"][address]["get"];
    let named = |address: &str, name: &str| {
        let all = of(address)["parameters"].as_array().expect("parameters");
        all.iter().find(|one| one["name"] == name).cloned()
    };
    let limit = named("/endpoints", "limit").expect("a limit");
    let bounds = ["minimum", "maximum", "default"].map(|bound| &limit["schema"][bound]);
    assert_eq!(bounds, [&json!(1), &json!(500), &json!(50)]);
    assert_eq!(limit["required"], json!(false));
    // A file is whole.
    assert_eq!(named("/endpoints.csv", "limit"), None);
    assert!(named("/endpoints.csv", "label").is_some());
    let stream = named("/endpoints/{id}/records", "stream").expect("a stream");
    assert_eq!(stream["required"], json!(true));
    let may = |address: &str| of(address)["security"].clone();
    assert_eq!(
        may("/audit"),
        json!([{ "token": ["auditor"] }, { "token": ["administrator"] }, {}])
    );
    let refuses = |address: &str| of(address)["responses"].get("403").is_some();
    assert!(refuses("/audit") && refuses("/endpoints/{id}/log") && !refuses("/overview"));
}
