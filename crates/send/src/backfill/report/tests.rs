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
