//! What a statement is, whether it carries data and where that begins, however its bytes are cut.

use super::*;

fn insert(text: &str) -> (&str, String, &str) {
    match scan(text.as_bytes(), true) {
        Scan::Insert(head) => (
            text[..head.end].trim_end(),
            head.format,
            &text[head.data_at..],
        ),
        other => panic!("{text:?} is {other:?}"),
    }
}

fn other(text: &str) -> Statement {
    match scan(text.as_bytes(), true) {
        Scan::Other(statement) => statement,
        other => panic!("{text:?} is {other:?}"),
    }
}

#[test]
fn data_begins_after_format_or_values() {
    let expected = ("INSERT INTO t", "CSV".to_owned(), "1,2\n");
    assert_eq!(insert("INSERT INTO t FORMAT CSV\n1,2\n"), expected);
    assert_eq!(insert("INSERT INTO t FORMAT CSV ;\r\n1,2\n"), expected);
    assert_eq!(insert("INSERT INTO t FORMAT CSV 1,2\n"), expected);
    let expected = ("insert into t (a)", "Values".to_owned(), " (1), (2)");
    assert_eq!(insert("insert into t (a) values (1), (2)"), expected);
    let (head, format, data) = insert("INSERT INTO t SETTINGS x = 1 FORMAT RowBinary\n\n\n;");
    assert_eq!(head, "INSERT INTO t SETTINGS x = 1");
    assert_eq!((format.as_str(), data), ("RowBinary", "\n\n;"));
}

#[test]
fn names_strings_and_comments_are_not_keywords() {
    let (head, ..) = insert("INSERT INTO format (values) FORMAT TSV\n");
    assert_eq!(head, "INSERT INTO format (values)");
    let (head, ..) = insert("INSERT INTO TABLE db.values (\"format\") VALUES (1)");
    assert_eq!(head, "INSERT INTO TABLE db.values (\"format\")");
    let (head, ..) = insert("/* VALUES */ INSERT INTO `VALUES` -- FORMAT x\n FORMAT TSV\n");
    assert_eq!(head, "/* VALUES */ INSERT INTO `VALUES` -- FORMAT x");
    assert!(!other("SELECT 'x; INTO OUTFILE', $a$ ; $a$").several);
    assert!(!other("SELECT 'a''; b', 'c\\'; d'").several);
}

#[test]
fn an_insert_from_a_query_has_no_data() {
    for text in [
        "INSERT INTO t SELECT 1",
        "INSERT INTO t (a) (SELECT 1)",
        "INSERT INTO t WITH 1 AS x SELECT x",
        "INSERT INTO FUNCTION null('a Int') SELECT 1",
    ] {
        assert_eq!(other(text).verb, "INSERT", "{text}");
        assert_eq!(scan(text.as_bytes(), false), Scan::TextIncomplete, "{text}");
    }
}

#[test]
fn every_cut_of_a_head_waits_for_more() {
    let text = "INSERT INTO t (a, b) FORMAT RowBinary\n";
    for cut in 0..text.len() {
        let scan = scan(&text.as_bytes()[..cut], false);
        assert_eq!(scan, Scan::HeadIncomplete, "cut at {cut}");
    }
    let complete = scan(text.as_bytes(), false);
    assert!(matches!(complete, Scan::Insert(head) if head.data_at == text.len()));
}

#[test]
fn the_output_format_is_the_trailing_one() {
    let format = |text: &str| other(text).format;
    assert_eq!(format("SELECT 1 FORMAT JSON").as_deref(), Some("JSON"));
    assert_eq!(format("SELECT 1 format JSON;").as_deref(), Some("JSON"));
    let settings = "SELECT 1 FORMAT TSV SETTINGS max_threads = 1";
    assert_eq!(format(settings).as_deref(), Some("TSV"));
    assert_eq!(format("SELECT format FROM t"), None);
    assert_eq!(format("SELECT format, x FROM t"), None);
    assert_eq!(format("SELECT format(a, b)"), None);
    assert_eq!(format("SELECT 1"), None);
}

#[test]
fn several_statements_and_files_are_seen() {
    assert!(other("SELECT 1; SELECT 2").several);
    assert!(other("DROP TABLE t; garbage(").several);
    assert!(!other("SELECT 1; -- done\n").several);
    assert!(other("SELECT 1 INTO OUTFILE '/x'").touches_files);
    assert!(other("SELECT 1 INTO/**/outfile '/x'").touches_files);
    assert!(other("INSERT INTO t FROM INFILE '/x'").touches_files);
    let infile = scan(b"INSERT INTO t FROM INFILE '/x' FORMAT CSV", true);
    assert!(matches!(infile, Scan::Insert(head) if head.touches_files));
    assert!(!other("SELECT outfile FROM t AS infile").touches_files);
    assert!(other("SELECT a, count() FROM t GROUP BY a WITH TOTALS").has_totals);
}

#[test]
fn the_end_leaves_out_the_semicolon() {
    let text = "SELECT 1 ; -- done";
    assert_eq!(&text[..other(text).end], "SELECT 1");
    assert_eq!(other(" \n").verb, "");
}
