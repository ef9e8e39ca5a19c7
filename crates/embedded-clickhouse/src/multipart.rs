//! `multipart/form-data`, as far as ClickHouse clients use it: named text fields.

// Bodies of strangers.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

use crate::exception::Exception;

/// The boundary that a content type names, if it is a form.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary")
            .then(|| value.trim_matches('"').to_owned())
    })
}

/// The fields of a form in their order.
pub(crate) fn fields(body: &[u8], boundary: &str) -> Result<Vec<(String, Vec<u8>)>, Exception> {
    let malformed = || Exception::bad_arguments("the multipart body is malformed");
    let opening = format!("--{boundary}");
    let delimiter = format!("\r\n{opening}");
    let (_, mut rest) = split(body, opening.as_bytes()).ok_or_else(malformed)?;
    let mut fields = Vec::new();
    while !rest.starts_with(b"--") {
        let part = rest.strip_prefix(b"\r\n").ok_or_else(malformed)?;
        let (head, value) = split(part, b"\r\n\r\n").ok_or_else(malformed)?;
        let (value, after) = split(value, delimiter.as_bytes()).ok_or_else(malformed)?;
        let head = std::str::from_utf8(head).map_err(|_| malformed())?;
        if parameter(head, "filename").is_some() {
            return Err(Exception::not_implemented(
                "external tables (a file in a multipart body) are not available",
            ));
        }
        let name = parameter(head, "name").ok_or_else(malformed)?;
        fields.push((name.to_owned(), value.to_vec()));
        rest = after;
    }
    Ok(fields)
}

/// `name="value"` of the `Content-Disposition` line.
fn parameter<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let line = head.lines().find(|line| {
        line.to_ascii_lowercase()
            .starts_with("content-disposition:")
    })?;
    line.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.trim().split_once('=')?;
        (key == name).then(|| value.trim_matches('"'))
    })
}

/// What stands before and behind the first of `between`, which is never empty.
fn split<'a>(bytes: &'a [u8], between: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes
        .windows(between.len())
        .position(|window| window == between)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.strip_prefix(between)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_bytes() {
        let body = b"--B\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT\r\n 1\r\n\
            --B\r\nContent-Disposition: form-data; name=\"param_a\"\r\n\r\n\r\n--B--\r\n";
        let fields = fields(body, "B").expect("a sound form");
        let expected = [("query", b"SELECT\r\n 1".to_vec()), ("param_a", Vec::new())];
        assert_eq!(
            fields,
            expected.map(|(name, value)| (name.to_owned(), value))
        );
        for cut in 0..body.len() - 4 {
            assert!(super::fields(&body[..cut], "B").is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn the_boundary_is_found() {
        let form = "multipart/form-data; charset=utf-8; boundary=\"x-1\"";
        assert_eq!(boundary(form).as_deref(), Some("x-1"));
        assert_eq!(boundary("text/plain"), None);
        assert_eq!(boundary("text/plain; boundary=x"), None);
    }
}
