//! Findings of rules that a site wrote itself are shown in the site's words.

use crate::harness::{SITE, SITE_RULES, ask, served};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

async fn get(pages: SocketAddr, path: &str) -> Value {
    ask(pages, "GET", path, &[("Host", "localhost")])
        .await
        .json()
}

/// The one finding of the site's machine.
async fn finding(pages: SocketAddr) -> Value {
    let found = get(pages, "/api/v1/endpoints/pc-0003").await;
    let findings = found["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 1, "{found}");
    findings[0].clone()
}

// One test, because the newest set is the whole store's. What others ask about are findings of shipped rules, whose texts stay.
#[tokio::test]
async fn a_published_rule_of_a_site_has_its_title_and_advice_in_both_languages() {
    let served = served().await;
    let pages = served.new_pages(SITE).await;
    let title = json!({"en": "The guard of this site refused", "zh": "本单位的防护软件拒绝了操作"});
    let shown = finding(pages).await;
    assert_eq!(shown["rule"], "made_up_guard");
    assert_eq!(shown["title"], title);
    assert_eq!(
        shown["advice"],
        json!({"en": "Call the guard's owner", "zh": "联系防护软件负责人"})
    );
    let overview = get(pages, "/api/v1/overview").await;
    assert_eq!(overview["top_causes"][0]["title"], title, "{overview}");
    assert_eq!(overview["endpoints"][0]["title"], title, "{overview}");
    let endpoints = get(pages, "/api/v1/endpoints").await;
    assert_eq!(endpoints["endpoints"][0]["title"], title, "{endpoints}");

    // The site's set knows nothing of this finding's rule.
    let shipped = served.get("/api/v1/endpoints/pc-0001").await.json();
    let of_shipped = shipped["findings"][0]["title"]["zh"].as_str();
    assert!(
        of_shipped.is_some_and(|zh| zh.contains(r"C:\Program Files\Made Up")),
        "{shipped}"
    );

    let other = SITE_RULES.replace("The guard of this site", "The new guard");
    served.publish_rules(&other).await;
    // Pages look every five seconds; generous, as the machine may be busy.
    let deadline = Instant::now() + Duration::from_secs(60);
    while finding(pages).await["title"]["en"] != "The new guard refused" {
        assert!(
            Instant::now() < deadline,
            "the pages never take up the newer set"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    served.publish_rules("- id: [").await;
    let shown = finding(served.new_pages(SITE).await).await;
    assert_eq!(
        shown["title"]["en"], "Failed with 0x80070005 E_ACCESSDENIED",
        "a set that does not load costs its titles and no answer"
    );
}
