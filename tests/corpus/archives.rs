//! The given logs in a zip and in cabinets, made here, answer like the plain files.

use crate::single::scan;
use crate::{endpoints, files};
use serde_json::{Value, json};
use std::io::{Cursor, Write};
use std::path::Path;

#[path = "../../crates/files/tests/it/lzx.rs"]
#[allow(
    dead_code,
    reason = "shared with the tests of the reader, which use the rest"
)]
mod lzx;

/// Name and content of each file of a folder.
type Members = Vec<(String, Vec<u8>)>;

fn members(folder: &Path) -> Members {
    let of = |path: &Path| {
        let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
        (name.to_owned(), std::fs::read(path).unwrap())
    };
    files(folder).iter().map(|path| of(path)).collect()
}

fn zip_of(members: &Members) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(name.as_str(), options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn mszip_of(members: &Members) -> Vec<u8> {
    let mut builder = cab::CabinetBuilder::new();
    let folder = builder.add_folder(cab::CompressionType::MsZip);
    for (name, _) in members {
        folder.add_file(name.as_str());
    }
    let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
    let mut rest = members.iter();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(&rest.next().unwrap().1).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn lzx_of(members: &Members) -> Vec<u8> {
    let members: Vec<(&str, &[u8])> = members
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    lzx::cabinet(&members)
}

const ARCHIVES: [&str; 3] = ["bundle.zip", "mszip.cab", "lzx.cab"];

/// All of an answer but where its logs were found, and what is no log: an archive in the archive is told and left alone.
fn bare(value: &Value) -> Value {
    match value {
        Value::Array(values) => values
            .iter()
            .filter(|value| !(value["source"].is_null() && value["bytes"].is_number()))
            .map(bare)
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "path")
            .map(|(name, value)| (name.clone(), bare(value)))
            .collect(),
        // Where a member is named, its archive stands before it.
        Value::String(text) => ARCHIVES
            .iter()
            .fold(text.clone(), |text, name| {
                text.replace(&format!("{name}!"), "")
            })
            .into(),
        value => value.clone(),
    }
}

#[test]
fn a_zip_and_cabinets_of_the_given_logs_answer_like_the_plain_files() {
    let folder = tempfile::tempdir().unwrap();
    let (mut compared, mut records) = (0, 0);
    for (endpoint, logs) in endpoints() {
        let members = members(&logs);
        let plain = scan(&[&logs], &endpoint);
        let archives = [zip_of(&members), mszip_of(&members), lzx_of(&members)];
        for (name, archive) in ARCHIVES.into_iter().zip(archives) {
            let path = folder.path().join(name);
            std::fs::write(&path, archive).unwrap();
            let answer = scan(&[&path], &endpoint);
            assert_eq!(bare(&answer), bare(&plain), "{name} of {endpoint}");
            let inputs = answer["inputs"].as_array().unwrap();
            assert_eq!(inputs.len(), plain["inputs"].as_array().unwrap().len());
            compared += 1;
        }
        for input in plain["inputs"].as_array().unwrap() {
            records += input["records"].as_u64().unwrap();
        }
    }
    println!("{compared} archives of {records} records answer like the plain files");
    assert!(compared >= 60 && records > 50_000);
}

/// A rotated log in its cabinet, beside the current one in a bundle: one level is opened, the inner one is told with a way out.
#[test]
fn a_cabinet_in_a_zip_is_told_and_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let line = |number: u8| {
        format!("2024-05-0{number} 08:00:00, Info                  CBS    made up {number}\r\n")
            .into_bytes()
    };
    let rotated = mszip_of(&vec![("CbsPersist_20240501.log".to_owned(), line(1))]);
    let bundle = vec![
        ("CBS.log".to_owned(), line(2)),
        ("CbsPersist_20240501.cab".to_owned(), rotated.clone()),
    ];
    let (zip, cabinet) = (
        folder.path().join("bundle.zip"),
        folder.path().join("CbsPersist_20240501.cab"),
    );
    std::fs::write(&zip, zip_of(&bundle)).unwrap();
    std::fs::write(&cabinet, rotated).unwrap();

    let nested = scan(&[&zip], "pc-1");
    let inputs = nested["inputs"].as_array().unwrap();
    let told: Vec<&Value> = inputs
        .iter()
        .filter(|input| input["source"].is_null())
        .collect();
    assert_eq!((inputs.len(), told.len()), (2, 1));
    assert!(
        told[0]["path"]
            .as_str()
            .unwrap()
            .ends_with("bundle.zip!CbsPersist_20240501.cab")
    );
    let reason = told[0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("only one level") && reason.contains("unpack"),
        "{reason}"
    );

    // The same cabinet as a file of its own is read.
    let alone = scan(&[&cabinet], "pc-1");
    assert_eq!(alone["inputs"][0]["records"], json!(1));
}
