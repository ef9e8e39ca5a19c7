//! One engine for the process, a fleet of two machines in it, and the pages served over it.

use crate::contract;
use classify::{CLASSIFIER_VERSION, Rules, StreamFacts, UnitInput, classify, derive};
use embedded_clickhouse::testing::{TOKEN, TestEngine};
use event::{Chunk, Format, LoggedAt, Role, Source, StreamId, TextEncoding, Unit};
use serde_json::Value;
use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::OnceLock};
use store::{
    Batch, ChunkRows, DerivationVersion, EndpointFacts, NewRuleSet, RuleSetOrigin, Store,
    StoreConfig, UnitDerivation,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Made-up lines in the shape of a CBS.log: a session that installs an update and fails on a damaged folder.
pub(crate) const FAILING: &str = concat!(
    "2022-08-18 15:53:40, Info                  CBS    Loaded Servicing Stack v10.0.19041.1852 with Core: C:\\Windows\\winsxs\\amd64_microsoft-windows-servicingstack_31bf3856ad364e35_10.0.19041.1852_none_made_up\\cbscore.dll\r\n",
    "2022-08-18 15:53:41, Info                  CBS    Session: 30979999_1234567890 initialized by client WindowsUpdateAgent, external staging directory: (null)\r\n",
    "2022-08-18 15:53:42, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 30979999_1234567890, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1889.1.7, Identifier: KB5016616\r\n",
    "2022-08-18 15:53:43, Info                  CBS    Failed to internally open package. [HRESULT = 0x800f0805 - CBS_E_INVALID_PACKAGE]\r\n",
    "2022-08-18 15:53:46, Error                 CSI    00009626 (F) STATUS_FILE_CORRUPT_ERROR #34109804# from Windows::Rtl::SystemImplementation::DirectFileSystemProvider::SysCreateFile(flags = (AllowFileNotFound), oa = @0x5d->OBJECT_ATTRIBUTES {s:48; rd:NULL; on:[28]'\\??\\C:\\Program Files\\Made Up'; a:(OBJ_CASE_INSENSITIVE)}, cd = FILE_OPEN)[gle=0xd0000102]\r\n",
    "2022-08-18 15:53:46, Error                 CSI    00009627@2022/8/18:07:53:46.609 (F) onecore\\base\\wcp\\sil\\ntsystem.cpp(2987): Error STATUS_FILE_CORRUPT_ERROR originated in function Windows::Rtl::SystemImplementation::DirectFileSystemProvider::SysCreateFile expression: (null)[gle=0x80004005]\r\n",
    "2022-08-18 15:53:47, Info                  CBS    Exec: Processing complete.  Session: 30979999_1234567890, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1889.1.7, Identifier: KB5016616 [HRESULT = 0x80070570 - ERROR_FILE_CORRUPT]\r\n",
    "2022-08-18 15:53:48, Info                  CBS    <img src=x onerror=alert(1)> is only text\r\n",
    "2022-08-18 15:53:49, Info                  CBS    Trusted Installer is shutting down because: SHUTDOWN_REASON_AUTOSTOP\r\n",
);

/// The same update, installed.
const HEALTHY: &str = concat!(
    "2022-08-18 10:00:00, Info                  CBS    Session: 30979998_1234567890 initialized by client WindowsUpdateAgent, external staging directory: (null)\r\n",
    "2022-08-18 10:00:01, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 30979998_1234567890, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1889.1.7, Identifier: KB5016616\r\n",
    "2022-08-18 10:00:09, Info                  CBS    Exec: Processing complete.  Session: 30979998_1234567890, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1889.1.7, Identifier: KB5016616 [HRESULT = 0x00000000 - S_OK]\r\n",
);

/// A failure that only a rule of [`SITE_RULES`] knows.
pub(crate) const GUARDED: &str = concat!(
    "2022-08-18 15:53:42, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 30980000_1234567890, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1889.1.7, Identifier: KB5016616\r\n",
    "2022-08-18 15:53:46, Error                 CBS    The made-up guard refused to let go [HRESULT = 0x80070005 - E_ACCESSDENIED]\r\n",
    "2022-08-18 15:53:47, Info                  CBS    Exec: Processing complete.  Session: 30980000_1234567890, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1889.1.7, Identifier: KB5016616 [HRESULT = 0x80070005 - E_ACCESSDENIED]\r\n",
);

/// A tenant whose logs were classified with a site's own rules.
pub(crate) const SITE: &str = "site";

/// A site's whole rule set, published before the pages are asked anything.
pub(crate) const SITE_RULES: &str = "
- id: made_up_guard
  title: { en: The guard of this site refused, zh: 本单位的防护软件拒绝了操作 }
  advice: { en: [Call the guard's owner], zh: [联系防护软件负责人] }
  category: reparse_or_filter
  severity: error
  layer: origin
  when: { all: [The made-up guard refused] }
  tests: { match: [The made-up guard refused to let go], no_match: [The guard let go] }
";

pub(crate) const STREAM: StreamId = StreamId(0xC0FF_EE01);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.body))
    }
}

/// The pages of this process, and the engine below them.
pub(crate) async fn served() -> &'static Served {
    static SERVED: OnceLock<Served> = OnceLock::new();
    tokio::task::spawn_blocking(|| SERVED.get_or_init(Served::start))
        .await
        .expect("the engine starts; its error stands above")
}

/// The pages over the filled store, and over an empty one.
pub(crate) struct Served {
    pub(crate) pages: SocketAddr,
    pub(crate) empty: SocketAddr,
    /// Of the thread that serves them, and outlives every test.
    pub(crate) runtime: tokio::runtime::Handle,
    engine: TestEngine,
}

impl Served {
    fn start() -> Self {
        // Under target/tmp, so that a process that is killed leaves nothing elsewhere; emptied by the next run.
        let engine = TestEngine::fresh(Path::new(env!("CARGO_TARGET_TMPDIR")).join("web-it"));
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let config = StoreConfig::local(engine.socket());
        // The pages outlive the runtime of the test that came first.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let handle = runtime.handle().clone();
            runtime.block_on(async move {
                let (pages, empty) = fill_all(config).await;
                let served = (pages, empty, handle);
                sender.send(served).expect("the test waits");
                std::future::pending::<()>().await;
            });
        });
        let (pages, empty, runtime) = receiver.recv().expect("pages; the error stands above");
        Self {
            pages,
            empty,
            runtime,
            engine,
        }
    }
}

async fn connect(config: StoreConfig) -> Store {
    Store::connect(config).await.expect("the engine answers")
}

async fn fill_all(config: StoreConfig) -> (SocketAddr, SocketAddr) {
    let store = connect(config).await;
    store.migrate().await.expect("tables are made");
    fill(&store, "default", "pc-0001", Rules::shipped(), FAILING).await;
    fill(&store, "default", "pc-0002", Rules::shipped(), HEALTHY).await;
    let of_site = Rules::load(&[("site.yaml", SITE_RULES)]).expect("the site's rules load");
    fill(&store, SITE, "pc-0003", &of_site, GUARDED).await;
    publish_rules(&store, SITE_RULES).await;
    // A store that never saw a log is another tenant's view of the same tables.
    (
        serve_pages(store.clone(), "default").await,
        serve_pages(store, "nobody").await,
    )
}

/// As `cbsift rules publish --rules`, without its checks.
async fn publish_rules(store: &Store, text: &str) {
    let files = [("site.yaml", text)];
    let set = NewRuleSet {
        // Of rules with faults there is no digest; any that is no other set's will do.
        digest: Rules::load(&files)
            .map_or_else(|_| "faulty".to_owned(), |rules| rules.digest().to_owned()),
        classifier_version: CLASSIFIER_VERSION,
        origin: RuleSetOrigin::Site,
        files: vec![("site.yaml".to_owned(), text.to_owned())],
    };
    store.publish_rule_set(&set).await.expect("published");
}

async fn serve_pages(store: Store, tenant: &str) -> SocketAddr {
    serve_router(pages(store, tenant)).await
}

fn pages(store: Store, tenant: &str) -> axum::Router {
    let config = web::Config {
        hosts: vec!["cbsift.bank.example".to_owned()],
    };
    let web = web::Web::new(store, Rules::shipped(), tenant, 1 << 40, &config);
    web::router(web)
}

async fn serve_router(router: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What the pipeline does with a chunk, without its loops.
pub(crate) async fn fill(store: &Store, tenant: &str, endpoint: &str, rules: &Rules, text: &str) {
    let rule_set = 1;
    let chunk = Chunk {
        tenant: tenant.to_owned(),
        endpoint: endpoint.to_owned(),
        source: Source::Cbs,
        stream: STREAM,
        path: r"C:\Windows\Logs\CBS\CBS.log".to_owned(),
        offset: 0,
        length: text.len() as u64 + 3,
        encoding: TextEncoding::Utf8,
        format: Format::Wds,
        open: false,
        sender: "test".to_owned(),
        received_ms: 1_700_000_000_000,
        text: text.to_owned(),
    };
    let made = classify(rules, &chunk);
    let (first, last) = (made.first, made.last);
    let mut rows = ChunkRows::new(chunk);
    rows.records = u32::try_from(made.records).expect("few records");
    rows.events = made.events;
    rows.noise = made.noise;
    rows.anchors = made.anchors;
    (rows.first, rows.last, rows.codes, rows.kbs) = (first, last, made.codes, made.kbs);
    let batch = Batch::new(rule_set, 1, vec![rows]);
    store.insert_batch(&batch).await.expect("rows are stored");

    let month = first.map(LoggedAt::month).expect("the lines have times");
    let unit_rows = store
        .unit_rows(tenant, endpoint, month, month)
        .await
        .expect("rows are read");
    let input = UnitInput {
        events: unit_rows.events.clone(),
        streams: unit_rows
            .pieces
            .iter()
            .map(|piece| StreamFacts {
                stream: piece.stream,
                source: piece.source,
                anchors: piece.anchors.clone(),
                ranges: vec![(piece.offset, piece.end)],
                first: piece.first,
                last: piece.last,
            })
            .collect(),
    };
    let unit = Unit {
        tenant: tenant.to_owned(),
        endpoint: endpoint.to_owned(),
        month,
    };
    let derivation = derive(rules, &unit, &input);
    let facts = EndpointFacts {
        tenant: tenant.to_owned(),
        endpoint: endpoint.to_owned(),
        host: format!("HOST-{endpoint}"),
        named_at: None,
        contact_ms: 0,
        servicing_stack: first.map(|at| (at, "10.0.19041.1852".to_owned())),
        first,
        last,
    };
    // The only derivation there is: how well informed it was decides nothing.
    let version = DerivationVersion {
        rule_set,
        inputs: 1,
        places: 1,
    };
    store
        .insert_derivations(&[UnitDerivation {
            unit,
            version,
            content: 0,
            current: None,
            derivation,
        }])
        .await
        .expect("derived rows");
    store.insert_facts(&[facts]).await.expect("facts");
    let news = store
        .open_news(std::time::Duration::ZERO, 100)
        .await
        .expect("news");
    store.close_news(&news).await.expect("news is closed");
}

impl Served {
    /// GET over the pages with the filled store.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        ask(self.pages, "GET", path, &[("Host", "127.0.0.1")]).await
    }

    pub(crate) async fn connect(&self) -> Store {
        connect(StoreConfig::local(self.engine.socket())).await
    }

    /// Pages of a tenant as a process just started serves them.
    pub(crate) async fn new_pages(&self, tenant: &str) -> SocketAddr {
        serve_pages(self.connect().await, tenant).await
    }

    /// The same, asked by an operator whose token has this name, or by anybody.
    pub(crate) async fn pages_for(&self, tenant: &str, reader: Option<&str>) -> SocketAddr {
        let reader = reader.map(|name| (name, Role::Operator));
        self.pages_as(tenant, reader).await
    }

    /// The same, asked by somebody whose token has this name and role, or by anybody.
    pub(crate) async fn pages_as(&self, tenant: &str, reader: Option<(&str, Role)>) -> SocketAddr {
        let pages = pages(self.connect().await, tenant);
        let pages = match reader {
            Some((name, role)) => pages.layer(axum::Extension(web::Reader {
                name: name.to_owned(),
                role,
            })),
            None => pages,
        };
        // The pages outlive the runtime of the test.
        let served = self.runtime.spawn(serve_router(pages));
        served.await.expect("pages are served")
    }

    /// Tells the engine something that the store has no word for.
    pub(crate) async fn tell(&self, statement: &str) {
        let query: String = statement
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let path = format!("/?database=cbsift&query={query}");
        let headers = [
            ("Host", "127.0.0.1"),
            ("X-ClickHouse-Key", TOKEN),
            ("Content-Length", "0"),
        ];
        let answer = ask(self.engine.address(), "POST", &path, &headers).await;
        assert_eq!(answer.status, 200, "{statement}: {}", answer.body);
    }

    /// Makes another set the newest one of the store, for every tenant.
    pub(crate) async fn publish_rules(&self, text: &str) {
        publish_rules(&self.connect().await, text).await;
    }
}

/// A request spelled out, so that every header is ours. What the API answers is held against what it says of itself.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("the pages listen");
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the request is sent");
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .await
        .expect("the answer comes");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").expect("an HTTP answer");
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok());
    let answer = Answer {
        status: status.expect("a status"),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    };
    if method == "GET" {
        contract::check(path, &answer);
    }
    answer
}
