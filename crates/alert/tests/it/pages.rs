//! Rules that pages write: the pages' own test writes the file, and holds it to what they write.

use alert::Rules;

#[test]
fn rules_that_pages_write_load_and_their_tests_hold() {
    let text = include_str!("../../test_data/from_pages.yaml");
    let files = [("from_pages.yaml".to_owned(), text.to_owned())];
    let rules = Rules::load(&files).unwrap_or_else(|faults| {
        panic!(
            "{}",
            faults.iter().map(|f| format!("{f}\n")).collect::<String>()
        )
    });
    let broken = rules.broken_tests();
    assert!(broken.is_empty(), "{broken:#?}");
    let of = |name: &str| &rules.get(name).expect("it is written").narrow;
    assert_eq!(of("kb5031356_fails").kb.as_deref(), Some("KB5031356"));
    assert_eq!(
        of("fails_by_disk_full_0x80070070").causes,
        ["disk_full~0x80070070"]
    );
    // Whatever a label holds is its value, and no more of the file.
    let value = "上海, \"3\" {a} #b: c\u{202e}\u{e0041}";
    let labels = &of("kb5031356_fails_pilot_3_a_b_c_p2j3gt").labels;
    assert!(
        labels.contains(&("site".to_owned(), value.to_owned())),
        "{labels:?}"
    );
    assert_eq!(
        of("kb_name_x_fails").kb.as_deref(),
        Some("5/{KB}\n- NAME: X\t")
    );
}
