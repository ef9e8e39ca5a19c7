//! Several `cbsift migrate` at once against one store: nothing is left half done, and nothing is refused.

use crate::harness::{Role, engine, until};
use crate::single::{cbsift, text};
use kafka_harness::{Faults, Proxy, free_port};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

struct Place {
    engine: Role,
    folder: TempDir,
}

impl Place {
    /// An engine without any table.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), free_port());
        Self { engine, folder }
    }

    fn token_file(&self) -> std::path::PathBuf {
        self.folder.path().join("data/writer-token")
    }

    /// A migrator, started.
    fn migrator(&self, url: &str) -> Child {
        migrate(url, &self.token_file()).spawn().unwrap()
    }

    fn sql(&self, statement: &str) -> String {
        let token = std::fs::read_to_string(self.token_file()).unwrap();
        let mut answer = ureq::post(self.engine.address("engine"))
            .query("database", "cbsift")
            .header("authorization", format!("Bearer {}", token.trim()))
            .send(statement)
            .unwrap();
        answer.body_mut().read_to_string().unwrap()
    }

    /// Every definition, and what is noted of migrations and rules.
    fn tables(&self) -> [String; 3] {
        [
            "SELECT name, create_table_query FROM system.tables WHERE database = 'cbsift' ORDER BY name",
            "SELECT number, name, digest FROM migrations FINAL ORDER BY number",
            "SELECT DISTINCT sequence, digest FROM rule_sets ORDER BY sequence",
        ]
        .map(|statement| self.sql(statement))
    }

    /// Whether a further run finds nothing to do.
    fn is_whole(&self) -> bool {
        let output = migrate(self.engine.address("engine"), &self.token_file())
            .output()
            .unwrap();
        text(&output.stderr).contains("the tables are up to date")
    }
}

fn migrate(url: &str, token_file: &Path) -> Command {
    let mut command = cbsift();
    command
        .arg("migrate")
        .env("CBSIFT__STORE__URL", url)
        .env("CBSIFT__STORE__PASSWORD_FILE", token_file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn ends_well(migrator: Child) {
    let output = migrator.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn migrators_at_once_end_with_the_tables_of_one() {
    let alone = Place::start();
    ends_well(alone.migrator(alone.engine.address("engine")));
    assert!(alone.is_whole());
    let wanted = alone.tables();
    assert!(wanted[1].lines().count() >= 6, "{}", wanted[1]);
    assert_eq!(wanted[2].lines().count(), 1, "{}", wanted[2]);

    let place = Place::start();
    let url = place.engine.address("engine");
    let together: Vec<Child> = (0..4).map(|_| place.migrator(url)).collect();
    together.into_iter().for_each(ends_well);
    assert_eq!(place.tables(), wanted);

    // Nobody remembers that they ran.
    place.sql("TRUNCATE TABLE migrations");
    let together: Vec<Child> = (0..4).map(|_| place.migrator(url)).collect();
    together.into_iter().for_each(ends_well);
    assert_eq!(place.tables(), wanted);
    assert!(place.is_whole());

    // One is overtaken in the middle of a migration, and one dies there.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    for dies in [false, true] {
        let place = Place::start();
        let url = place.engine.address("engine");
        let proxy = runtime.block_on(Proxy::start()).unwrap();
        proxy.forward_to(url.replace("http://", "").parse().unwrap());
        proxy.set(Faults {
            hold: Some("CREATE TABLE IF NOT EXISTS attempts".to_owned()),
            ..Faults::default()
        });
        let mut late = place.migrator(&format!("http://{}", proxy.address()));
        until("it is in the middle of a migration", || {
            (proxy.held() > 0).then_some(())
        });
        if dies {
            late.kill().unwrap();
            late.wait().unwrap();
            assert!(place.sql("SELECT max(number) FROM migrations").trim() == "2");
            ends_well(place.migrator(url));
        } else {
            ends_well(place.migrator(url));
            proxy.set(Faults::default());
            ends_well(late);
        }
        assert_eq!(place.tables(), wanted, "dies: {dies}");
        assert!(place.is_whole());
    }
}
