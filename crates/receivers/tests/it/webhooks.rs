//! Webhooks: what they get, what their statuses mean, and which addresses are not connected to.

use crate::given::{message, receivers, write};
use crate::server::{Answer, Server, ok, proxy};
use hmac::{Hmac, KeyInit, Mac};
use receivers::{Outcome, ReceiverConfig, Receivers};
use sha2::Sha256;
use std::net::TcpListener;

fn hook(url: &str, more: &str) -> Receivers {
    receivers(&format!(
        "- name: hook\n  kind: webhook\n  url: {url}\n  allow_private: true\n{more}"
    ))
}

fn refused(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Refused { error } => error,
        other => panic!("{other:?}"),
    }
}

fn retry(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Retry { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_the_whole_message_signed_with_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let secret = write(folder.path(), "secret", "made-up-webhook-secret");
    let bearer = write(folder.path(), "bearer", "made-up-bearer");
    let server = Server::start(|_| ok(""));
    let more = format!(
        "  secret_file: {secret}\n  bearer_file: {bearer}\n  headers: {{x-team: desktops}}"
    );
    let hooks = hook(&format!("{}/in", server.url()), &more);
    for _ in 0..2 {
        assert_eq!(hooks.deliver("hook", &message()).await, Outcome::Delivered);
    }
    let heard = server.heard();
    let request = &heard[0];
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/in")
    );
    assert_eq!(request.header("authorization"), "Bearer made-up-bearer");
    assert_eq!(request.header("x-team"), "desktops");
    let mut mac = Hmac::<Sha256>::new_from_slice(b"made-up-webhook-secret").unwrap();
    mac.update(format!("{}.{}", request.header("x-cbsift-timestamp"), request.body).as_bytes());
    let signature: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        request.header("x-cbsift-signature"),
        format!("v1={signature}")
    );
    let body = request.json();
    assert_eq!(body["id"], message().id);
    assert_eq!(body["starts_at"], "2023-11-14T22:13:20.000Z");
    assert_eq!(body["labels"]["site"], "北京");
    assert_eq!(body["total"], 12);
    assert_eq!(body["alerts"][2]["labels"]["endpoint"], "PC-003");
    assert_eq!(heard[0].body, heard[1].body, "a repeat is the same message");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_makes_the_body_that_somebody_else_wants() {
    let server = Server::start(|_| ok(""));
    let more = r#"  language: zh
  template: '{"mobile": "13800000000", "content": "{{title}} {{labels.kb}} {{total}}"}'"#;
    let hooks = hook(&server.url(), more);
    assert_eq!(hooks.deliver("hook", &message()).await, Outcome::Delivered);
    let body = server.heard()[0].json();
    assert_eq!(body["content"], "有电脑安装更新失败 KB5031356 12");
    assert_eq!(
        hooks.preview("hook", &message()).unwrap(),
        server.heard()[0].body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_say_whether_it_is_of_use_to_try_again() {
    for (status, header, is_retry, after) in [
        (500, "", true, None),
        (503, "retry-after: 30", true, Some(30)),
        (429, "retry-after: 999999", true, Some(3600)),
        (408, "", true, None),
        (400, "", false, None),
        (401, "", false, None),
        (404, "", false, None),
        (413, "", false, None),
    ] {
        let server =
            Server::start(move |_| Answer::Say(status, header, "why\u{1b}[31m".to_owned()));
        let outcome = hook(&server.url(), "").deliver("hook", &message()).await;
        match &outcome {
            Outcome::Retry {
                error,
                after: found,
            } => {
                assert!(is_retry, "{status}");
                assert_eq!(found.map(|time| time.as_secs()), after);
                assert!(
                    error.contains(&status.to_string()) && error.contains("why<U+001B>"),
                    "{error}"
                );
            }
            Outcome::Refused { error } => {
                assert!(!is_retry, "{status}");
                assert!(error.contains(&status.to_string()), "{error}");
            }
            Outcome::Delivered => panic!("{status} is delivered"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let other = Server::start(|_| ok(""));
    let location: &'static str = format!("location: {}/x", other.url()).leak();
    let server = Server::start(move |_| Answer::Say(302, location, String::new()));
    let outcome = hook(&server.url(), "").deliver("hook", &message()).await;
    assert!(refused(&outcome).contains("redirect"), "{outcome:?}");
    assert_eq!(other.heard().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_delays_no_other_and_is_given_up() {
    let slow = Server::start(|_| Answer::Hang);
    let fast = Server::start(|_| ok(""));
    let all = receivers(&format!(
        "
- {{name: slow, kind: webhook, url: '{}', allow_private: true, timeout: 60s}}
- {{name: short, kind: webhook, url: '{0}', allow_private: true, timeout: 100ms}}
- {{name: fast, kind: webhook, url: '{}', allow_private: true}}
",
        slow.url(),
        fast.url()
    ));
    let message = message();
    let hanging = all.deliver("slow", &message);
    tokio::pin!(hanging);
    for _ in 0..20 {
        // Whoever is ready first wins; the one that hangs is asked first each time.
        tokio::select! {
            biased;
            outcome = &mut hanging => panic!("the one that hangs: {outcome:?}"),
            outcome = all.deliver("fast", &message) => assert_eq!(outcome, Outcome::Delivered),
        }
    }
    assert_eq!(fast.heard().len(), 20);
    let outcome = all.deliver("short", &message).await;
    assert!(retry(&outcome).contains("timeout"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_given_up() {
    let server = Server::start(|_| Answer::Endless);
    let outcome = hook(&server.url(), "").deliver("hook", &message()).await;
    retry(&outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_listens_is_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let outcome = hook(&format!("http://127.0.0.1:{port}"), "")
        .deliver("hook", &message())
        .await;
    assert!(retry(&outcome).contains("refused"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_inside_is_refused_unless_it_is_meant() {
    let server = Server::start(|_| ok(""));
    let inside = format!("http://localhost:{}", server.port);
    let closed = receivers(&format!("- {{name: hook, kind: webhook, url: '{inside}'}}"));
    let outcome = closed.deliver("hook", &message()).await;
    assert!(refused(&outcome).contains("allow_private"), "{outcome:?}");
    assert_eq!(server.heard().len(), 0);
    let open = hook(&inside, "");
    assert_eq!(open.deliver("hook", &message()).await, Outcome::Delivered);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_believed_by_the_ca_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (server, ca) = Server::start_tls(folder.path(), |_| ok(""));
    let url = format!("https://127.0.0.1:{}", server.port);
    let outcome = hook(&url, "").deliver("hook", &message()).await;
    assert!(retry(&outcome).contains("ca_file"), "{outcome:?}");
    let known = hook(&url, &format!("  ca_file: {}", ca.display()));
    assert_eq!(known.deliver("hook", &message()).await, Outcome::Delivered);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_asked_for_the_name_with_its_own_password() {
    let server = Server::start(|_| ok(""));
    let (port, asked) = proxy(server.port);
    let folder = tempfile::tempdir().unwrap();
    let file = write(
        folder.path(),
        "proxy",
        &format!("http://me:made-up@127.0.0.1:{port}"),
    );
    let hooks = receivers(&format!(
        "- {{name: hook, kind: webhook, url: 'http://hook.bank.invalid/in', proxy_file: {file}}}"
    ));
    assert_eq!(hooks.deliver("hook", &message()).await, Outcome::Delivered);
    let asked = asked.lock().unwrap().clone();
    // `me:made-up` in base64.
    assert_eq!(
        asked,
        ["CONNECT hook.bank.invalid:80 Basic bWU6bWFkZS11cA=="]
    );
    assert_eq!(server.heard()[0].target, "/in");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_never_a_receiver_are_refused_before_anything_is_sent() {
    for url in [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://100.100.100.200/",
        "http://0.0.0.0:9093/",
    ] {
        let yaml = format!("- {{name: hook, kind: webhook, url: '{url}', allow_private: true}}");
        let configs = ReceiverConfig::list_from_yaml(&yaml).unwrap();
        let faults = Receivers::from_config(&configs).unwrap_err();
        assert!(
            faults[0].to_string().contains("never connected to"),
            "{url}: {faults:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_nobody_knows_is_refused() {
    let none = Receivers::default();
    let outcome = none.deliver("ops", &message()).await;
    assert!(refused(&outcome).contains("`ops`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_a_secret_and_no_half_of_one_is_left_of_what_a_service_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let password = write(folder.path(), "password", "made-up-word");
    let more = format!("  username: me\n  password_file: {password}\n");
    // As a page of an error does: what was asked for, and who asked.
    let server = Server::start(|request| {
        let who = request.header("authorization");
        Answer::Say(404, "", format!("cannot POST {} as {who}", request.target))
    });
    let address = format!("{}/in/made-up-hook?key=made-up-key", server.url());
    let address = write(folder.path(), "address", &address);
    let hooks = receivers(&format!(
        "- name: hook\n  kind: webhook\n  url_file: {address}\n  allow_private: true\n{more}"
    ));
    let outcome = hooks.deliver("hook", &message()).await;
    let error = refused(&outcome);
    assert!(error.contains("cannot POST *** as Basic ***"), "{error}");

    // However far in it is repeated, and with the hint behind it.
    for room in 280..305 {
        let server = Server::start(move |_| {
            Answer::Say(401, "", format!("{}made-up-word", "x".repeat(room)))
        });
        let outcome = hook(&server.url(), &more).deliver("hook", &message()).await;
        let error = refused(&outcome);
        assert!(!error.contains("xm"), "{error}");
        assert!(error.contains("hint: check the credentials"), "{error}");
    }
}
