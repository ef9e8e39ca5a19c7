//! What the façade must know about output formats: which may be sent in pieces, and their names
//! for the header of an answer.

/// How the pieces of a streamed result become one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// One after another, as they are.
    Concatenate,
    /// Each piece repeats the header of names, and of types if so said.
    RepeatHeader { with_types: bool },
    /// Only as a whole: the format has a beginning and an end.
    Whole,
}

pub(crate) fn pieces(format: &str) -> Pieces {
    match format {
        "RowBinary"
        | "Native"
        | "TabSeparated"
        | "TSV"
        | "TabSeparatedRaw"
        | "TSVRaw"
        | "LineAsString"
        | "RawBLOB"
        | "TSKV"
        | "CSV"
        | "JSONEachRow"
        | "JSONLines"
        | "NDJSON"
        | "JSONCompactEachRow"
        | "JSONStringsEachRow"
        | "JSONCompactStringsEachRow" => Pieces::Concatenate,
        "RowBinaryWithNames" => Pieces::RepeatHeader { with_types: false },
        "RowBinaryWithNamesAndTypes" => Pieces::RepeatHeader { with_types: true },
        _ => Pieces::Whole,
    }
}

/// The length of the header at the start of a piece: a count, so many names, so many types.
pub(crate) fn header_bytes(piece: &[u8], with_types: bool) -> Option<usize> {
    let mut at = 0;
    let columns = variable_length(piece, &mut at)?;
    let strings = columns.checked_mul(if with_types { 2 } else { 1 })?;
    for _ in 0..strings {
        let bytes = variable_length(piece, &mut at)?;
        at = at.checked_add(bytes).filter(|end| *end <= piece.len())?;
    }
    Some(at)
}

/// An unsigned LEB128 number.
fn variable_length(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut number = 0_usize;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub(crate) fn content_type(format: &str) -> &'static str {
    match format {
        "TabSeparated"
        | "TSV"
        | "TabSeparatedRaw"
        | "TSVRaw"
        | "TabSeparatedWithNames"
        | "TSVWithNames"
        | "TabSeparatedWithNamesAndTypes"
        | "TSVWithNamesAndTypes" => "text/tab-separated-values; charset=UTF-8",
        "CSV" => "text/csv; charset=UTF-8; header=absent",
        "CSVWithNames" | "CSVWithNamesAndTypes" => "text/csv; charset=UTF-8; header=present",
        "JSON" | "JSONCompact" | "JSONStrings" | "JSONColumns" | "JSONColumnsWithMetadata" => {
            "application/json; charset=UTF-8"
        }
        "JSONEachRow" | "JSONLines" | "NDJSON" | "JSONCompactEachRow" => {
            "application/x-ndjson; charset=UTF-8"
        }
        "XML" => "application/xml; charset=UTF-8",
        "Native"
        | "RowBinary"
        | "RowBinaryWithNames"
        | "RowBinaryWithNamesAndTypes"
        | "Parquet"
        | "Arrow"
        | "ArrowStream"
        | "RawBLOB" => "application/octet-stream",
        _ => "text/plain; charset=UTF-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_names_and_types_is_measured() {
        let piece = b"\x02\x01a\x01b\x06UInt32\x06Stringrest";
        assert_eq!(header_bytes(piece, true), Some(19));
        assert_eq!(header_bytes(piece, false), Some(5));
        for cut in 0..19 {
            assert_eq!(header_bytes(&piece[..cut], true), None, "cut at {cut}");
        }
    }
}
