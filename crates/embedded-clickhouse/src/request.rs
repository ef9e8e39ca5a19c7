//! A request of ClickHouse's HTTP interface, read from its method, address and headers.

use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::{Method, Uri};

use crate::access::Access;
use crate::body::Encoding;
use crate::exception::Exception;
use crate::multipart;
use crate::policy::{self, Setting};

/// What to run and how, but for what only the body says.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) access: Access,
    /// `GET`: must leave no trace.
    pub(crate) is_get: bool,
    /// `query` of the address, continued by the body.
    pub(crate) sql: Vec<u8>,
    pub(crate) database: Option<String>,
    pub(crate) default_format: Option<String>,
    /// `{name:Type}` in the statement.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) session: Option<SessionRequest>,
    pub(crate) query_id: Option<String>,
    /// Answer only when all is done, so that a failure has its own status.
    pub(crate) wait_end_of_query: bool,
    pub(crate) encoding: Encoding,
    pub(crate) form_boundary: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct SessionRequest {
    pub(crate) id: String,
    pub(crate) timeout_seconds: u64,
    /// The session must exist.
    pub(crate) check: bool,
}

/// ClickHouse's `default_session_timeout` and `max_session_timeout`.
const SESSION_SECONDS: u64 = 60;
const MAX_SESSION_SECONDS: u64 = 3600;

/// Address parameters that have no meaning here: credentials (read before), compression of answers
/// (none is always allowed), and hints about the client.
const IGNORED: [&str; 17] = [
    "user",
    "password",
    "quota_key",
    "compress",
    "decompress",
    "enable_http_compression",
    "http_zlib_compression_level",
    "network_compression_method",
    "buffer_size",
    "client_protocol_version",
    "stacktrace",
    "close_session",
    "role",
    "framing",
    "query",
    "session_timeout",
    "session_check",
];

/// Settings of tables, not of statements: ClickHouse knows no such setting of an INSERT, but they
/// are in force for every table of this engine, so asking for them is no mistake.
const ALWAYS_ON: [&str; 2] = ["fsync_after_insert", "fsync_part_directory"];

impl Request {
    pub(crate) fn new(
        access: Access,
        method: &Method,
        query: &[(String, String)],
        headers: &HeaderMap,
    ) -> Result<Self, Exception> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mut request = Self {
            access,
            is_get: method != Method::POST,
            sql: Vec::new(),
            database: None,
            default_format: None,
            parameters: Vec::new(),
            settings: Vec::new(),
            session: None,
            query_id: None,
            wait_end_of_query: false,
            encoding: Encoding::Plain,
            form_boundary: header(CONTENT_TYPE.as_str()).and_then(multipart::boundary),
        };
        let named = [
            ("database", header("x-clickhouse-database")),
            ("default_format", header("x-clickhouse-format")),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                request.take(name, value)?;
            }
        }
        for (name, value) in query {
            request.take(name, value)?;
        }
        let first = |name: &str| {
            let pair = query.iter().find(|(key, _)| key == name);
            pair.map(|(_, value)| value.as_str())
        };
        if let Some(session) = &mut request.session {
            if let Some(seconds) = first("session_timeout") {
                session.timeout_seconds = seconds
                    .parse()
                    .ok()
                    .filter(|seconds| *seconds <= MAX_SESSION_SECONDS)
                    .ok_or_else(|| {
                        Exception::bad_arguments(format_args!(
                            "session_timeout is `{seconds}`, allowed are 0 to {MAX_SESSION_SECONDS}"
                        ))
                    })?;
            }
            session.check = first("session_check").is_some_and(is_true);
        }
        request.encoding = encoding(headers, first("decompress").is_some_and(is_true))?;
        Ok(request)
    }

    /// Takes one field of the address or of a form.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Result<(), Exception> {
        let is_reader = self.access == Access::Reader;
        match name {
            "query" => {
                // A line end at the end would become part of an INSERT's data.
                self.sql = value.trim_end().as_bytes().to_vec();
            }
            // A reader's names are all looked for in the one database.
            "database" if is_reader => policy::check_database(value)?,
            "database" => self.database = Some(value.to_owned()),
            "default_format" => {
                if is_reader {
                    policy::check_format(value)?;
                }
                self.default_format = Some(value.to_owned());
            }
            "query_id" => self.query_id = Some(value.to_owned()),
            "wait_end_of_query" | "http_wait_end_of_query" => {
                self.wait_end_of_query = is_true(value);
            }
            // A reader leaves nothing behind that a session could keep.
            "session_id" if value.is_empty() || is_reader => {}
            "session_id" => {
                self.session = Some(SessionRequest {
                    id: value.to_owned(),
                    timeout_seconds: SESSION_SECONDS,
                    check: false,
                });
            }
            _ if ALWAYS_ON.contains(&name) && is_true(value) => {}
            _ if IGNORED.contains(&name) => {}
            _ => match name.strip_prefix("param_") {
                Some(parameter) => {
                    self.parameters
                        .push((parameter.to_owned(), value.to_owned()));
                }
                None if is_reader => {
                    if policy::setting(name, value)? == Setting::Passed {
                        self.settings.push((name.to_owned(), value.to_owned()));
                    }
                }
                None if policy::is_plain_name(name) => {
                    self.settings.push((name.to_owned(), value.to_owned()));
                }
                None => {
                    return Err(Exception::new(
                        115,
                        "UNKNOWN_SETTING",
                        format_args!("Unknown setting '{name}'"),
                    ));
                }
            },
        }
        Ok(())
    }
}

/// The fields of an address, decoded.
pub(crate) fn query_fields(uri: &Uri) -> Result<Vec<(String, String)>, Exception> {
    let query = uri.query().unwrap_or_default();
    let fields = query.split('&').filter(|field| !field.is_empty());
    fields
        .map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn decoded(text: &str) -> Result<String, Exception> {
    let malformed = || Exception::bad_arguments("the address is not valid percent-encoded UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let (Some(high), Some(low)) = (high, low) else {
                    return Err(malformed());
                };
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

fn encoding(headers: &HeaderMap, blocks: bool) -> Result<Encoding, Exception> {
    let name = headers.get(CONTENT_ENCODING);
    let name = name.and_then(|value| value.to_str().ok()).unwrap_or("");
    match (name.trim().to_ascii_lowercase().as_str(), blocks) {
        ("" | "identity", true) => Ok(Encoding::Blocks),
        ("" | "identity", false) => Ok(Encoding::Plain),
        ("lz4", false) => Ok(Encoding::Lz4),
        ("gzip" | "x-gzip", false) => Ok(Encoding::Gzip),
        (other, _) => Err(Exception::not_implemented(format_args!(
            "a body with content encoding `{other}`{} is not taken; \
             send it plain, gzip, lz4, or with decompress=1",
            if blocks { " and decompress=1" } else { "" }
        ))),
    }
}

fn is_true(value: &str) -> bool {
    value == "1" || value.eq_ignore_ascii_case("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(query: &str) -> Result<Request, Exception> {
        let uri: Uri = format!("http://localhost/?{query}")
            .parse()
            .expect("an address");
        let fields = query_fields(&uri)?;
        Request::new(Access::Writer, &Method::POST, &fields, &HeaderMap::new())
    }

    fn of_reader(query: &str, headers: &HeaderMap) -> Result<Request, Exception> {
        let uri: Uri = format!("http://localhost/?{query}")
            .parse()
            .expect("an address");
        let fields = query_fields(&uri)?;
        Request::new(Access::Reader, &Method::POST, &fields, headers)
    }

    #[test]
    fn a_reader_sets_what_is_listed_and_nothing_else() {
        let none = HeaderMap::new();
        let query = "database=cbsift&default_format=JSON&max_threads=1&session_id=s&readonly=1\
                     &date_time_input_format=best_effort&param_x=%2Fetc%2Fhostname&role=admin";
        let request = of_reader(query, &none).expect("what clients send");
        assert_eq!(
            request.settings,
            [("max_threads".to_owned(), "1".to_owned())]
        );
        assert!(request.session.is_none() && request.database.is_none());
        for (query, code) in [
            ("dialect=kusto", 452),
            ("readonly=0", 452),
            ("format_template_row=x", 452),
            ("format_schema=x", 452),
            ("format_schema_source=string", 452),
            ("output_format_schema=x", 452),
            ("format_custom_field_delimiter=x", 452),
            ("session_timezone=file:/etc/hostname", 452),
            ("session_timezone=..%2F..%2Fetc%2Fhostname", 452),
            ("max_threads=1'", 452),
            ("profile=default", 452),
            ("allow_introspection_functions=1", 452),
            ("default_format=Template", 497),
            ("default_format=Protobuf", 497),
            ("default_format=json", 497),
            ("database=system", 497),
        ] {
            let refused = of_reader(query, &none).expect_err(query);
            assert_eq!(refused.code, code, "{query}: {refused}");
        }
        for (name, value) in [
            ("x-clickhouse-format", "Template"),
            ("x-clickhouse-database", "system"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            assert!(of_reader("", &headers).is_err(), "{name}");
        }
    }

    #[test]
    fn fields_find_their_place() {
        let request = request(
            "query=SELECT+%7Ba%3AString%7D%0A&database=cbsift&param_a=it%27s&max_threads=2\
             &session_id=s&session_timeout=5&user=x&fsync_after_insert=1&wait_end_of_query=1",
        )
        .expect("a sound address");
        assert_eq!(request.sql, b"SELECT {a:String}");
        assert_eq!(request.database.as_deref(), Some("cbsift"));
        assert_eq!(request.parameters, [("a".to_owned(), "it's".to_owned())]);
        assert_eq!(
            request.settings,
            [("max_threads".to_owned(), "2".to_owned())]
        );
        assert_eq!(request.session.expect("a session").timeout_seconds, 5);
        assert!(request.wait_end_of_query);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let code = |query| request(query).expect_err(query).code;
        assert_eq!(code("a%3Db=1"), 115);
        assert_eq!(code("query=%zz"), 36);
        assert_eq!(code("query=%ff"), 36);
        assert_eq!(code("session_id=s&session_timeout=3601"), 36);
    }
}
