//! What is taken apart, and what is refused, without the engine.

use super::canonical::{Canonical, Shape};
use super::{Bounds, Policy, as_parameter, functions, tree};

fn select(printed: &str) -> Canonical<'_> {
    Canonical::read(printed).unwrap_or_else(|error| panic!("{printed}: {error}"))
}

fn refused(printed: &str) -> String {
    let refused = Canonical::read(printed).map(|canonical| format!("{canonical:?}"));
    refused.expect_err(printed).to_string()
}

#[test]
fn format_and_settings_are_taken_off_the_end() {
    let canonical = select(
        "WITH x AS (SELECT 1) SELECT 'FORMAT a', `FORMAT`, a AS FORMAT FROM x SETTINGS a = 1, b = 'x' FORMAT JSON",
    );
    assert_eq!(
        canonical.bare,
        "WITH x AS (SELECT 1) SELECT 'FORMAT a', `FORMAT`, a AS FORMAT FROM x"
    );
    assert_eq!(canonical.format.as_deref(), Some("JSON"));
    let settings = canonical.settings.iter();
    let settings: Vec<_> = settings
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(settings, ["a=1", "b=x"]);
    let Shape::Select { with_names, .. } = canonical.shape else {
        panic!("a SELECT");
    };
    assert!(with_names.contains("x") && with_names.len() == 1);

    assert_eq!(select("SELECT 1 AS FORMAT").bare, "SELECT 1 AS FORMAT");
    for elsewhere in [
        "SELECT 1 SETTINGS disk = disk(type = web)",
        "SELECT * FROM (SELECT 1 SETTINGS max_threads = 1)",
        "SELECT 1 SETTINGS max_threads = 1 UNION ALL SELECT 2",
    ] {
        assert!(refused(elsewhere).contains("Code: 452."), "{elsewhere}");
    }
    assert_eq!(
        select("SELECT 1 FORMAT CSV SETTINGS a = -1").bare,
        "SELECT 1"
    );
}

#[test]
fn what_the_engine_would_not_print_is_refused() {
    for printed in [
        "",
        "SELECT 1; SELECT 2",
        "SELECT 1 -- x",
        "SELECT 1 /* x */",
        "SELECT 1 # x",
        "SELECT \"a\"",
        "SELECT $$a$$",
        "SELECT 1) UNION ALL (SELECT 2",
        "SELECT (1]",
        "SELECT (1",
        "SELECT 'a",
        "SELECT `a\\`b`",
        "SELECT `a\nb`",
        "SELECT\n1",
        "SELECT é",
        "SELECT 1 INTO OUTFILE '/x'",
        "SELECT `file`('/etc/hostname')",
        "SELECT a FROM t AS q(x, y)",
        "SELECT {x:Identifier}",
        "SELECT {x:AggregateFunction(sum, UInt8)}",
        "SELECT sum(a) OVER (ORDER BY file('/x'))",
        "SELECT sum(a) OVER (ORDER BY (SELECT 1))",
        "SELECT * APPLY x -> file(x)",
        "SELECT SOMETHING NEW (file('/x'))",
        "WITH x(a) AS (SELECT 1) SELECT a FROM x",
        "SELECT sum(a) OVER (PARTITION BY 'x')",
        "INSERT INTO t SELECT 1",
        "DROP TABLE t",
        "SHOW TABLES FROM system",
        "SHOW CREATE TABLE t",
        "SHOW DATABASES LIKE 'x'",
        "DESCRIBE TABLE url('http://127.0.0.1/')",
        "DESCRIBE TABLE (SELECT 1)",
        "EXISTS TABLE a.b.c",
        "EXPLAIN AST SELECT 1",
    ] {
        refused(printed);
    }
}

#[test]
fn statements_that_fill_lists_are_known() {
    assert_eq!(
        select("SHOW DATABASES FORMAT JSON").shape,
        Shape::ShowDatabases
    );
    assert_eq!(select("SHOW TABLES FROM cbsift").shape, Shape::ShowTables);
    let table = "cbsift.events".to_owned();
    assert_eq!(
        select("DESCRIBE TABLE cbsift.events").shape,
        Shape::Describe { table }
    );
    let table = "events".to_owned();
    assert_eq!(
        select("EXISTS TABLE `events`").shape,
        Shape::Exists { table }
    );
}

/// The verdict on a tree, for a statement that has no words of note.
fn verdict(tree: &str) -> Result<(), String> {
    let policy = Policy::new(["events".to_owned()], Bounds::new(1 << 30));
    let canonical = select("SELECT 1");
    tree::check(tree, &canonical, &policy).map_err(|error| error.to_string())
}

#[test]
fn a_tree_is_refused_for_what_is_on_no_list() {
    let ok = "SelectWithUnionQuery (children 1)\n ExpressionList (children 1)\n  SelectQuery (children 1)\n   \
              ExpressionList (children 1)\n    Function sum (alias file) (children 1)\n     \
              ExpressionList (children 1)\n      Identifier x\n";
    assert_eq!(verdict(ok), Ok(()));
    let bad = [
        ok.replace("sum", "file"),
        ok.replace("Function sum", "Function sum x"),
        ok.replace("Identifier x", "TableIdentifier secrets"),
        ok.replace("Identifier x", "TableIdentifier system.zookeeper"),
        ok.replace("Identifier x", "NewKindOfNode x"),
        ok.replace("Identifier x", "Set"),
        ok.replace("Identifier x", "ColumnsApplyTransformer"),
        ok.replace("      Identifier", "        Identifier"),
        ok.replace("Identifier x", "WithElement"),
        ok.replace("    Function sum", "    TableExpression\n     Function sum"),
    ];
    for tree in bad {
        assert!(verdict(&tree).is_err(), "{tree}");
    }
    assert_eq!(
        verdict(&ok.replace("Identifier x", "TableIdentifier cbsift.events")),
        Ok(())
    );
}

#[test]
fn a_name_is_listed_once_and_with_its_endings() {
    let mut listed = functions::listed();
    let all = listed.len();
    listed.sort_unstable();
    listed.dedup();
    assert_eq!(listed.len(), all);
    for name in [
        "sumIf",
        "countDistinctIf",
        "COUNT",
        "uniqExactArrayIf",
        "IF",
    ] {
        assert!(functions::rule(name).is_some(), "{name}");
    }
    for name in [
        "file", "File", "lengthIf", "sumState", "sumMerge", "", "joinGet",
    ] {
        assert!(functions::rule(name).is_none(), "{name}");
    }
}

#[test]
fn a_text_reaches_the_engine_as_it_is() {
    assert_eq!(as_parameter("a\\b\n\t'\r"), "a\\\\b\\n\\t'\\r");
}

#[test]
fn every_table_of_system_is_named_with_its_database() {
    assert!(
        tree::system_tables()
            .iter()
            .all(|name| name.starts_with("system."))
    );
}
