//! Lists that end, and gaps.

use super::*;

#[test]
fn a_gap_is_what_no_log_covers_in_whatever_order_they_come() {
    let day = |day: i64| LoggedAt(day * 86_400);
    let mut spans = [
        (day(30), day(31)),
        (day(0), day(20)),
        (day(3), day(5)),
        (day(27), day(28)),
        (day(40), day(41)),
    ];
    let found: Vec<String> = gaps("cbs", &mut spans).map(|gap| gap.from).collect();
    assert_eq!(found, [day(31).to_string()]);
}

#[test]
fn what_is_beyond_a_list_is_counted() {
    let mut listed = Listed::new(2);
    (0..5).for_each(|number| listed.push(number));
    let mut other = Listed::new(9);
    other.extend(listed);
    assert_eq!((other.listed.len(), other.more, other.count()), (2, 3, 5));
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_text_stands_in_both_forms() {
    use std::os::unix::ffi::OsStringExt;
    let path = PathBuf::from(std::ffi::OsString::from_vec(
        b"a\xffb\nerror: forged".to_vec(),
    ));
    let mut report = Report::new(false);
    report.ambiguous = Some((path.clone(), 2));
    report.left.push(Left {
        path: path.clone(),
        why: Why::NoPattern,
        logs: 0,
    });
    report.failed.push(Failed {
        endpoint: String::new(),
        path: path.clone(),
        reason: "made up".to_owned(),
        acknowledged_bytes: 0,
    });
    report.endpoints.push(OfEndpoint {
        paths: vec![path],
        ..OfEndpoint::default()
    });
    let json = serde_json::to_value(&report).unwrap();
    let shown = "a\u{fffd}b\nerror: forged";
    assert_eq!(json["left"]["listed"][0]["path"], shown);
    assert_eq!(json["left"]["listed"][0]["reason"], "no_pattern");
    assert_eq!(json["endpoints"][0]["paths"][0], shown);
    assert_eq!(json["ambiguous"][1], 2);
    assert!(!report.text().contains("\nerror"), "{}", report.text());
}
