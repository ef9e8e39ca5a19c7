//! A way to the store that keeps every insert, and reads its rows: HTTP/1.1 and RowBinary as their own documents have them.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One INSERT that was sent.
pub struct Insert {
    pub table: String,
    /// In the order of the body.
    pub rows: Vec<Row>,
}

/// Columns by name, each with the bytes that were sent for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row(pub BTreeMap<String, Vec<u8>>);

impl Row {
    pub fn of(&self, name: &str) -> &[u8] {
        let found = self.0.get(name);
        found.unwrap_or_else(|| panic!("no column {name} in {self:?}"))
    }

    pub fn without(&self, name: &str) -> Self {
        let mut row = self.clone();
        assert!(row.0.remove(name).is_some(), "no column {name} in {row:?}");
        row
    }

    pub fn with(mut self, name: &str, value: &[u8]) -> Self {
        self.0.insert(name.to_owned(), value.to_vec());
        self
    }
}

/// What clients said, of each connection.
type Said = Arc<Mutex<Vec<Arc<Mutex<Vec<u8>>>>>>;

/// Passes connections on and keeps what clients say. It lives as long as its process.
pub struct Recorder {
    address: SocketAddr,
    said: Said,
}

impl Recorder {
    /// `url` is the store's.
    pub fn start(url: &str) -> Self {
        let store: SocketAddr = url.replace("http://", "").parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let said = Said::default();
        let all = Arc::clone(&said);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(store) else {
                    continue;
                };
                let kept = Arc::<Mutex<Vec<u8>>>::default();
                all.lock().unwrap().push(Arc::clone(&kept));
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass(from, to, Some(&kept)));
                std::thread::spawn(move || pass(server, client, None));
            }
        });
        Self { address, said }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every insert so far. Asked once the client has ended, so that none is under way.
    pub fn inserts(&self) -> Vec<Insert> {
        let said = self.said.lock().unwrap();
        let of_each = said.iter().flat_map(|kept| requests(&kept.lock().unwrap()));
        of_each
            .filter_map(|(head, body)| {
                let (_, rest) = head.split_once("INSERT+INTO+%60")?;
                let (table, _) = rest.split_once("%60").expect("a name ends");
                Some(Insert {
                    table: table.to_owned(),
                    rows: rows(&body),
                })
            })
            .collect()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, kept: Option<&Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(read) if read > 0 => {
                if let Some(kept) = kept {
                    kept.lock().unwrap().extend(&buffer[..read]);
                }
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            _ => break,
        }
    }
    // Both ways end together, as an idle connection of HTTP does.
    for stream in [from, to] {
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
}

/// The requests of a connection: head and body.
fn requests(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let end = find(bytes, b"\r\n\r\n").expect("a head ends");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        bytes = &bytes[end + 4..];
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            })
        };
        let mut body = Vec::new();
        if header("transfer-encoding").is_some() {
            loop {
                let end = find(bytes, b"\r\n").expect("a chunk says its size");
                let size = std::str::from_utf8(&bytes[..end]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                body.extend(&bytes[end + 2..end + 2 + size]);
                bytes = &bytes[end + 2 + size + 2..];
                if size == 0 {
                    break;
                }
            }
        } else {
            let size = header("content-length").map_or(0, |size| size.parse().unwrap());
            body.extend(&bytes[..size]);
            bytes = &bytes[size..];
        }
        found.push((head, body));
    }
    found
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The rows of a body in `RowBinaryWithNamesAndTypes`.
fn rows(body: &[u8]) -> Vec<Row> {
    let mut at = 0;
    let columns = number(body, &mut at);
    let names: Vec<String> = (0..columns).map(|_| text(body, &mut at)).collect();
    let types: Vec<String> = (0..columns).map(|_| text(body, &mut at)).collect();
    let mut rows = Vec::new();
    while at < body.len() {
        let columns = names.iter().zip(&types).map(|(name, kind)| {
            let start = at;
            skip(kind, body, &mut at);
            (name.clone(), body[start..at].to_vec())
        });
        rows.push(Row(columns.collect()));
    }
    rows
}

/// Goes to the end of a value.
fn skip(kind: &str, body: &[u8], at: &mut usize) {
    let (name, inner) = match kind.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')').expect("brackets are closed")),
        None => (kind, ""),
    };
    *at += match name {
        "UInt8" | "Int8" | "Bool" | "Enum8" => 1,
        "UInt16" | "Int16" | "Date" => 2,
        "UInt32" | "Int32" | "Date32" | "DateTime" => 4,
        "UInt64" | "Int64" | "DateTime64" => 8,
        "UInt128" | "Int128" => 16,
        "String" => number(body, at),
        "LowCardinality" => {
            skip(inner, body, at);
            0
        }
        "SimpleAggregateFunction" => {
            let (_, inner) = inner.split_once(", ").expect("a function and a type");
            skip(inner, body, at);
            0
        }
        "Nullable" => {
            *at += 1;
            if body[*at - 1] == 0 {
                skip(inner, body, at);
            }
            0
        }
        "Array" => {
            for _ in 0..number(body, at) {
                skip(inner, body, at);
            }
            0
        }
        "Map" => {
            for _ in 0..number(body, at) {
                for member in members(inner) {
                    skip(member, body, at);
                }
            }
            0
        }
        "Tuple" => {
            for member in members(inner) {
                skip(member, body, at);
            }
            0
        }
        other => panic!("a value of the type {other} was sent"),
    };
}

/// The types of a tuple, which may have names before them.
fn members(inner: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, character) in inner.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&inner[start..]);
    found
        .into_iter()
        .map(|member| {
            let member = member.trim();
            let head = member.split('(').next().unwrap_or(member);
            match head.split_once(' ') {
                Some((name, _)) => member[name.len()..].trim(),
                None => member,
            }
        })
        .collect()
}

/// LEB128.
fn number(body: &[u8], at: &mut usize) -> usize {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = body[*at];
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

fn text(body: &[u8], at: &mut usize) -> String {
    let length = number(body, at);
    *at += length;
    String::from_utf8(body[*at - length..*at].to_vec()).unwrap()
}
