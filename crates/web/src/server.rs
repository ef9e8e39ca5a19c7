//! The router: which address asks what, and what every answer carries.

use crate::{
    api, assets,
    config::Config,
    guard,
    rule_texts::{Newest, RuleTexts},
    turns::Kinds,
};
use axum::{Router, middleware, routing::get};
use classify::Rules;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use store::Store;
use tokio_util::sync::CancellationToken;

/// Everything the pages read from.
#[derive(Clone)]
pub struct Web {
    pub(crate) store: Store,
    newest_rules: Arc<Newest>,
    pub(crate) tenant: Arc<str>,
    pub(crate) hosts: Arc<[String]>,
    pub(crate) max_disk_bytes: u64,
    pub(crate) disk_full: Arc<AtomicBool>,
    pub(crate) file_system_full: Arc<AtomicBool>,
    pub(crate) turns: Arc<Kinds>,
    pub(crate) changes: Arc<api::Changes>,
    pub(crate) ending: CancellationToken,
}

impl Web {
    /// Pages of a tenant, over a store. Findings are shown in the words of the store's newest rule set, and of `shipped` where that
    /// knows nothing of their rule or cannot be loaded. `max_disk_bytes` is the bound that `store.max_disk` sets, 0 where there is none.
    pub fn new(
        store: Store,
        shipped: &'static Rules,
        tenant: &str,
        max_disk_bytes: u64,
        config: &Config,
    ) -> Self {
        Self {
            store,
            newest_rules: Arc::new(Newest::new(shipped)),
            tenant: tenant.into(),
            hosts: config
                .hosts
                .iter()
                .map(|host| host.to_ascii_lowercase())
                .collect(),
            max_disk_bytes,
            disk_full: Arc::default(),
            file_system_full: Arc::default(),
            turns: Arc::default(),
            changes: Arc::default(),
            ending: CancellationToken::new(),
        }
    }

    /// Whoever waits for a change is answered when `ending` is cancelled: a stop need not wait for him.
    #[must_use]
    pub fn until(mut self, ending: CancellationToken) -> Self {
        self.ending = ending;
        self
    }

    /// A flag for whoever keeps the disk in bounds: while it is set, every page says that the disk is full.
    pub fn disk_full(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.disk_full)
    }

    /// A flag beside it: the file system is full, whatever the bound says.
    pub fn file_system_full(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.file_system_full)
    }

    /// What rules call their findings, as of now.
    pub(crate) async fn rule_texts(&self) -> RuleTexts {
        self.newest_rules.texts(&self.store).await
    }

    pub(crate) fn is_file_system_full(&self) -> bool {
        self.file_system_full.load(Ordering::Relaxed)
    }

    pub(crate) fn is_disk_full(&self, used_bytes: u64) -> bool {
        self.disk_full.load(Ordering::Relaxed)
            || (self.max_disk_bytes > 0 && used_bytes >= self.max_disk_bytes)
    }
}

/// Every list comes in these forms too.
const FILES: [&str; 2] = [".csv", ".ndjson"];

/// The pages and their API. Only GET and HEAD are answered.
pub fn router(web: Web) -> Router {
    let in_turn = |kind: guard::Kind, routes: Router<Web>| {
        let state = (web.clone(), kind);
        routes.route_layer(middleware::from_fn_with_state(state, guard::take_turn))
    };
    let overview = Router::new().route("/overview", get(api::overview));
    let fleet = Router::new()
        .route("/endpoints", get(api::endpoints))
        .route("/labels", get(api::labels))
        .route("/alerts", get(api::alerts))
        .route("/system", get(api::system))
        .route("/coverage", get(api::coverage))
        .route("/unexplained", get(api::unexplained))
        .route("/codes/{code}", get(api::code))
        .route("/causes", get(api::causes))
        .route("/causes/{id}", get(api::cause))
        .route("/updates", get(api::updates))
        .route("/updates/{kb}", get(api::update));
    let fleet = FILES.iter().fold(fleet, |fleet, ending| {
        fleet
            .route(&format!("/endpoints{ending}"), get(api::endpoints_file))
            .route(&format!("/causes{ending}"), get(api::causes_file))
            .route(&format!("/updates{ending}"), get(api::updates_file))
            .route(&format!("/codes{ending}"), get(api::codes_file))
            .route(&format!("/unexplained{ending}"), get(api::unexplained_file))
            .route(&format!("/coverage{ending}"), get(api::coverage_file))
            .route(&format!("/clones{ending}"), get(api::clones_file))
            .route(&format!("/alerts{ending}"), get(api::alerts_file))
    });
    let machine = Router::new()
        .route("/endpoints/{id}", get(api::endpoint))
        .route("/endpoints/{id}/attempts/{attempt}", get(api::attempt))
        .route("/endpoints/{id}/records", get(api::records))
        .route("/endpoints/{id}/log", get(api::log_file));
    let machine = FILES.iter().fold(machine, |machine, ending| {
        let of = |list: &str| format!("/endpoints/{{id}}/{list}{ending}");
        machine
            .route(&of("attempts"), get(api::attempts_file))
            .route(&of("findings"), get(api::findings_file))
            .route(&of("codes"), get(api::codes_of_file))
            .route(&of("logs"), get(api::streams_file))
    });
    let search = Router::new().route("/search", get(api::search));
    // Asked by every open page every few seconds, and answered within milliseconds: it waits for nobody.
    let status = Router::new()
        .route("/status", get(api::status))
        .route("/changes", get(api::changes));
    let api = in_turn(|kinds| &kinds.overview, overview)
        .merge(status)
        .merge(in_turn(|kinds| &kinds.fleet, fleet))
        .merge(in_turn(|kinds| &kinds.machine, machine))
        .merge(in_turn(|kinds| &kinds.search, search))
        .fallback(api::unknown);
    Router::new()
        .nest("/api/v1", api)
        .route("/api/{*path}", get(api::unknown))
        .fallback(get(assets::serve))
        .layer(middleware::from_fn_with_state(
            web.clone(),
            guard::check_host,
        ))
        .layer(middleware::map_response(guard::add_headers))
        .with_state(web)
}
