//! Names, headers, caching, errors, methods.

use crate::harness::{ask, served};

#[tokio::test]
async fn names_that_are_not_ours_are_refused_everywhere() {
    let served = served().await;
    for path in ["/", "/api/v1/overview", "/favicon.svg"] {
        for host in ["evil.example", "127.0.0.1.evil.example:80", "192.0.2.1"] {
            let answer = ask(served.pages, "GET", path, &[("Host", host)]).await;
            assert_eq!(answer.status, 421, "{host}{path}");
            assert!(
                answer.json()["hint"]
                    .as_str()
                    .unwrap()
                    .contains("web.hosts")
            );
            assert!(
                !answer.body.contains("evil"),
                "a stranger's text is not sent back"
            );
        }
        for host in [
            "localhost",
            "127.0.0.1:8080",
            "[::1]",
            "cbsift.bank.example",
        ] {
            assert_eq!(
                ask(served.pages, "GET", path, &[("Host", host)])
                    .await
                    .status,
                200,
                "{host}{path}"
            );
        }
    }
}

#[tokio::test]
async fn every_answer_keeps_to_our_own_pages() {
    let served = served().await;
    for path in [
        "/",
        "/endpoints/x",
        "/api/v1/overview",
        "/api/v1/nothing",
        "/assets/none.js",
        "/api/v1/codes/hello",
    ] {
        let answer = served.get(path).await;
        let policy = &answer.headers["content-security-policy"];
        assert!(
            policy.contains("default-src 'self'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(
            answer.headers["x-content-type-options"], "nosniff",
            "{path}"
        );
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "{path}"
        );
    }
    let refused = ask(served.pages, "GET", "/", &[("Host", "evil.example")]).await;
    assert_eq!(refused.headers["x-frame-options"], "DENY");
}

#[tokio::test]
async fn files_are_cached_by_their_names_and_views_are_asked_for_again() {
    let served = served().await;
    let page = served.get("/").await;
    assert_eq!(
        (page.status, page.headers["cache-control"].as_str()),
        (200, "no-cache")
    );
    assert!(page.headers["content-type"].starts_with("text/html"));
    // Views of the page have addresses of their own.
    assert_eq!(served.get("/endpoints/pc-0001").await.body, page.body);
    let script = page
        .body
        .split('"')
        .find(|part| part.starts_with("/assets/") && part.ends_with(".js"))
        .expect("the page names its script");
    let file = served.get(script).await;
    assert_eq!(
        (file.status, file.headers["content-type"].as_str()),
        (200, "text/javascript; charset=utf-8")
    );
    assert!(file.headers["cache-control"].contains("immutable"));
    let known = [
        ("Host", "localhost"),
        ("If-None-Match", file.headers["etag"].as_str()),
    ];
    let again = ask(served.pages, "GET", script, &known).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(
        served.get("/assets/gone-00000000.js").await.status,
        404,
        "a name of an older build is no view"
    );
    assert_eq!(
        served.get("/api/v1/overview").await.headers["cache-control"],
        "no-store"
    );
    // The page runs nothing inline and loads nothing from elsewhere.
    assert!(
        !page.body.contains("<script>")
            && !page.body.contains("style=")
            && !page.body.contains("://")
    );
}

#[tokio::test]
async fn only_reading_is_answered() {
    let served = served().await;
    for path in ["/", "/api/v1/overview", "/api/v1/endpoints/pc-0001"] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let answer = ask(
                served.pages,
                method,
                path,
                &[("Host", "localhost"), ("Content-Length", "0")],
            )
            .await;
            assert_eq!(answer.status, 405, "{method} {path}");
        }
        assert_eq!(
            ask(served.pages, "HEAD", path, &[("Host", "localhost")])
                .await
                .status,
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_said() {
    let served = served().await;
    for (path, status, said) in [
        ("/api/v1/overview?from=yesterday", 400, "from=yesterday"),
        ("/api/v1/overview?code=hello", 400, "hello"),
        ("/api/v1/nothing", 404, "/nothing"),
        ("/api/v2/overview", 404, "/api/v2/overview"),
    ] {
        let answer = served.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        let body = answer.json();
        assert!(
            body["error"].as_str().unwrap().contains(said),
            "{path}: {body}"
        );
        assert!(body["hint"].is_string(), "{path}");
    }
    // SQL is no answer to anything: parameters are bound, and odd names find nothing.
    let odd = served.get("/api/v1/endpoints/%27%20OR%201=1--").await;
    assert_eq!(odd.status, 404);
}
