//! Who may speak, by token and by what a request says.

use super::*;
use event::upload::FileDigest;

fn tokens() -> Keyring {
    let tokens = Tokens::default()
        .with_relay("made-up-relay-secret")
        .with_endpoint("PC-01.example.first")
        .with_endpoint("PC-01.example.second");
    Keyring::new(tokens)
}

fn check(token: &str, endpoint: Option<&str>) -> Result<String, Denied> {
    let bearer = tokens().caller(Some(&format!("Bearer {token}")), endpoint);
    let basic = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("cbsift:{token}"))
    );
    assert_eq!(tokens().caller(Some(&basic), endpoint), bearer);
    bearer.map(|caller| format!("{} {}", caller.owner.endpoint, caller.sender))
}

#[test]
fn a_token_speaks_for_its_endpoint_and_a_relay_for_the_one_it_names() {
    assert_eq!(
        check("made-up-relay-secret", Some("PC-02")).as_deref(),
        Ok("PC-02 relay:")
    );
    assert_eq!(
        check("made-up-relay-secret", None),
        Err(Denied::EndpointMissing)
    );
    assert_eq!(
        check("made-up-relay-secret", Some("a/b")),
        Err(Denied::BadEndpoint)
    );
    for secret in ["first", "second"] {
        let token = format!("PC-01.example.{secret}");
        assert_eq!(
            check(&token, None).as_deref(),
            Ok("PC-01.example endpoint:PC-01.example")
        );
        assert_eq!(
            check(&token, Some("PC-01.example")).as_deref(),
            Ok("PC-01.example endpoint:PC-01.example")
        );
        assert_eq!(check(&token, Some("PC-02")), Err(Denied::OtherEndpoint));
    }
}

#[test]
fn wrong_and_missing_tokens_are_refused() {
    for wrong in [
        "made-up-relay-secre",
        "PC-01.example.third",
        "PC-09.first",
        ".made-up-relay-secret.",
        "PC-01.example",
    ] {
        assert_eq!(
            check(wrong, Some("PC-02")),
            Err(Denied::WrongToken),
            "{wrong}"
        );
    }
    for unreadable in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Basic Y2JzaWZ0Og=="),
        Some("Digest x"),
        Some("Basic !"),
        Some("Basic bm9jb2xvbg=="),
    ] {
        assert_eq!(
            tokens().caller(unreadable, Some("PC-02")),
            Err(Denied::NoToken),
            "{unreadable:?}"
        );
    }
    assert_eq!(
        Keyring::default().caller(Some("Bearer x"), Some("PC-02")),
        Err(Denied::WrongToken)
    );
}

#[test]
fn a_token_file_is_read_and_all_its_faults_are_told() {
    let hash = FileDigest(Sha256::digest(b"made-up-secret").into());
    let file = format!("# made up\n\nrelay gateway sha256:{hash}\nendpoint PC-01 sha256:{hash}\n");
    let tokens = Keyring::new(Tokens::parse(&file).unwrap());
    let caller = tokens
        .caller(Some("Bearer gateway.made-up-secret"), Some("PC-07"))
        .unwrap();
    assert_eq!(
        (caller.owner.endpoint.as_str(), caller.sender.as_str()),
        ("PC-07", "relay:gateway")
    );
    assert_eq!(
        tokens
            .caller(Some("Bearer PC-01.made-up-secret"), None)
            .unwrap()
            .owner
            .endpoint,
        "PC-01"
    );
    assert!(!format!("{tokens:?}").contains(&hash.to_string()));

    let faults = format!(
        "nobody x sha256:{hash}\nrelay a/b sha256:{hash}\nrelay x made-up-secret\nrelay x sha256:{hash} more\nrelay x sha256:{hash} expires=tomorrow\nrelay x sha256:{hash} expires=2027-01-31 more\n"
    );
    let lines: Vec<usize> = Tokens::parse(&faults)
        .unwrap_err()
        .iter()
        .map(|error| error.line)
        .collect();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn readers_send_nothing_and_senders_read_nothing() {
    let hash = FileDigest(Sha256::digest(b"made-up-secret").into());
    let file = format!(
        "reader ops sha256:{hash}\nrelay gateway sha256:{hash}\nendpoint PC-01 sha256:{hash}\n"
    );
    let tokens = Keyring::new(Tokens::parse(&file).unwrap());
    let reader = "Bearer ops.made-up-secret";
    assert_eq!(
        tokens.check_reader(Some(reader)),
        Ok(of("reader:ops", Role::Operator))
    );
    assert_eq!(
        tokens.caller(Some(reader), Some("PC-01")),
        Err(Denied::OtherKind)
    );
    for sender in ["gateway", "PC-01"] {
        let shown = format!("Bearer {sender}.made-up-secret");
        assert_eq!(tokens.check_reader(Some(&shown)), Err(Denied::OtherKind));
    }
    assert_eq!(tokens.check_reader(None), Err(Denied::NoToken));
    assert_eq!(
        tokens.check_reader(Some("Bearer ops.other")),
        Err(Denied::WrongToken)
    );
}

fn of(name: &str, role: Role) -> Reader {
    let name = name.to_owned();
    Reader { name, role }
}

#[test]
fn fleet_tokens_only_enrol_and_admins_and_auditors_read() {
    let hash = hash("made-up-secret");
    let file = format!(
        "fleet setup sha256:{hash}\nadmin root sha256:{hash}\nauditor board sha256:{hash}\nrelay gateway sha256:{hash}\n"
    );
    let tokens = Keyring::new(Tokens::parse(&file).unwrap());
    let shown = |id: &str| format!("Bearer {id}.made-up-secret");
    let fleet = shown("setup");
    assert_eq!(
        tokens.check_fleet(Some(&fleet)).as_deref(),
        Ok("fleet:setup")
    );
    assert_eq!(tokens.caller(Some(&fleet), None), Err(Denied::OtherKind));
    assert_eq!(
        tokens.caller(Some(&fleet), Some("PC-1")),
        Err(Denied::OtherKind)
    );
    assert_eq!(tokens.check_reader(Some(&fleet)), Err(Denied::OtherKind));
    let admin = shown("root");
    assert_eq!(
        tokens.check_reader(Some(&admin)),
        Ok(of("admin:root", Role::Administrator))
    );
    let auditor = shown("board");
    assert_eq!(
        tokens.check_reader(Some(&auditor)),
        Ok(of("auditor:board", Role::Auditor))
    );
    assert_eq!(
        tokens.caller(Some(&auditor), Some("PC-1")),
        Err(Denied::OtherKind)
    );
    for other in [&admin, &auditor, &shown("gateway")] {
        assert_eq!(tokens.check_fleet(Some(other)), Err(Denied::OtherKind));
    }
}

#[test]
fn a_token_ends_with_its_time_whatever_it_came_from() {
    let hash = hash("made-up-secret");
    let now = UtcMillis(1_798_761_600_000);
    for (expires, is_good) in [
        ("", true),
        (" expires=2027-01-02", true),
        (" expires=2027-01-01T00:00:01Z", true),
        (" expires=2027-01-01T00:00:01.000Z", true),
        (" expires=2027-01-01T00:00:00Z", false),
        (" expires=2027-01-01", false),
        (" expires=1999-12-31", false),
    ] {
        let file = format!("endpoint PC-1 sha256:{hash}{expires}\n");
        let tokens = Tokens::parse(&file).unwrap();
        let shown = Shown::of(Some("Bearer PC-1.made-up-secret")).unwrap();
        assert_eq!(tokens.find(&shown, now).is_some(), is_good, "{expires}");
        // What is kept for a restart says the same.
        let again = Tokens::parse(&tokens.lines()).unwrap();
        assert_eq!(again.find(&shown, now).is_some(), is_good, "{expires}");
    }
}

#[test]
fn a_keyring_forgets_what_the_store_has_no_more_and_nothing_that_came_meanwhile() {
    let token = |secret: &str| Token {
        kind: TokenKind::Endpoint,
        secret: hash(secret),
        expires: None,
    };
    let keyring = Keyring::default();
    let knows = |secret: &str| {
        let shown = format!("Bearer PC-1.{secret}");
        keyring.caller(Some(&shown), None).is_ok()
    };
    keyring.add_stored("PC-1", token("before"));
    let reading = keyring.begin_reading();
    keyring.add_stored("PC-1", token("meanwhile"));
    assert!(knows("before") && knows("meanwhile"));
    keyring.set_stored(reading, Some(Tokens::default()));
    assert!(!knows("before") && knows("meanwhile"));
    // The next reading has it, or has seen it revoked.
    let reading = keyring.begin_reading();
    let mut stored = Tokens::default();
    stored.add("PC-1", token("stored"));
    keyring.set_stored(reading, Some(stored));
    assert!(!knows("meanwhile") && knows("stored"));
    let reading = keyring.begin_reading();
    keyring.add_stored("PC-1", token("stored"));
    keyring.set_stored(reading, None);
    assert!(knows("stored"));
    keyring.set_file(Tokens::default().with_endpoint("PC-1.file"));
    assert!(knows("file") && knows("stored"));
    keyring.set_file(Tokens::default());
    assert!(!knows("file"));
}
