//! Who may see the pages.

use crate::logs::digest_of;
use crate::support::Request;
use hyper_util::service::TowerToHyperService;
use ingest::{Config, for_readers};
use serve::{Keyring, Tokens};

#[test]
fn pages_behind_tokens_answer_readers_only() {
    let hash = digest_of(b"made-up-secret");
    let file = format!(
        "reader ops sha256:{hash}\nauditor board sha256:{hash}\nadmin root sha256:{hash}\nrelay gateway sha256:{hash}\n"
    );
    let tokens = Keyring::new(Tokens::parse(&file).unwrap());
    let said = |axum::Extension(reader): axum::Extension<serve::Reader>| async move {
        format!("{} {}", reader.name, reader.role.name())
    };
    let page = axum::Router::new().route("/", axum::routing::get(said));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let service = TowerToHyperService::new(for_readers(page, tokens));
    let config = Config::default();
    let serving = config.serving(&config.admission(), None);
    runtime
        .spawn(async move { serve::serve(listener, service, &serving, Default::default()).await });

    let get = Request::new("GET", "/");
    let refused = get.send(address);
    assert_eq!(refused.status, 401);
    assert!(
        refused
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic"),
        "{refused:?}"
    );
    for (token, status, said) in [
        ("ops.made-up-secret", 200, "reader:ops operator"),
        ("board.made-up-secret", 200, "auditor:board auditor"),
        ("root.made-up-secret", 200, "admin:root administrator"),
        ("gateway.made-up-secret", 401, ""),
        ("ops.other", 401, ""),
    ] {
        let answer = get
            .clone()
            .header("authorization", &format!("Bearer {token}"))
            .send(address);
        assert_eq!(answer.status, status, "{token}");
        if status == 200 {
            assert_eq!(answer.body, said, "{token}");
        }
    }
    runtime.shutdown_background();
}
