//! The router: which address asks what, and what every answer carries.

use crate::{
    api, assets,
    config::Config,
    guard,
    looks::Looks,
    roles::Gives,
    rule_texts::{Newest, RuleTexts},
    turns::Kinds,
};
use axum::{
    Router, middleware,
    routing::{MethodRouter, get},
};
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
    pub(crate) looks: Arc<Looks>,
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
            looks: Arc::default(),
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

/// An address of the API below `/api/v1`.
struct Route {
    path: String,
    gives: Gives,
    /// Whose turns it takes; nothing where it waits for nobody.
    turn: Option<guard::Kind>,
    answer: MethodRouter<Web>,
}

/// Every list comes in these forms too.
const FILES: [&str; 2] = [".csv", ".ndjson"];

/// Every address of the API, each with what it gives out.
fn routes() -> Vec<Route> {
    let overview: guard::Kind = |kinds| &kinds.overview;
    let fleet: guard::Kind = |kinds| &kinds.fleet;
    let machine: guard::Kind = |kinds| &kinds.machine;
    let search: guard::Kind = |kinds| &kinds.search;
    let mut routes = Vec::new();
    let mut add =
        |turn: Option<guard::Kind>, path: &str, gives: Gives, answer: MethodRouter<Web>| {
            routes.push(Route {
                path: path.to_owned(),
                gives,
                turn,
                answer,
            });
        };
    use Gives::{Audit, Figures, FiguresAndText, Text};
    add(Some(overview), "/overview", Figures, get(api::overview));
    // Asked by every open page every few seconds, and answered within milliseconds: it waits for nobody.
    add(None, "/status", Figures, get(api::status));
    // Waits for a change, and for nobody else.
    add(None, "/changes", Figures, get(api::changes));
    add(Some(search), "/search", Figures, get(api::search));
    for (path, gives, answer) in [
        ("/endpoints", Figures, get(api::endpoints)),
        ("/labels", Figures, get(api::labels)),
        ("/alerts", Figures, get(api::alerts)),
        ("/system", Figures, get(api::system)),
        ("/coverage", Figures, get(api::coverage)),
        ("/unexplained", Text, get(api::unexplained)),
        ("/codes/{code}", Figures, get(api::code)),
        ("/causes", Figures, get(api::causes)),
        ("/causes/{id}", FiguresAndText, get(api::cause)),
        ("/updates", Figures, get(api::updates)),
        ("/updates/{kb}", Figures, get(api::update)),
        ("/audit", Audit, get(api::audit)),
    ] {
        add(Some(fleet), path, gives, answer);
    }
    for (path, gives, answer) in [
        ("/endpoints/{id}", FiguresAndText, get(api::endpoint)),
        (
            "/endpoints/{id}/attempts/{attempt}",
            FiguresAndText,
            get(api::attempt),
        ),
        ("/endpoints/{id}/records", Text, get(api::records)),
        ("/endpoints/{id}/find", Text, get(api::find)),
        ("/endpoints/{id}/log", Text, get(api::log_file)),
    ] {
        add(Some(machine), path, gives, answer);
    }
    for ending in FILES {
        for (list, gives, answer) in [
            ("/endpoints", Figures, get(api::endpoints_file)),
            ("/causes", Figures, get(api::causes_file)),
            ("/updates", Figures, get(api::updates_file)),
            ("/codes", Figures, get(api::codes_file)),
            ("/unexplained", Text, get(api::unexplained_file)),
            ("/coverage", Figures, get(api::coverage_file)),
            ("/lost", Figures, get(api::lost_file)),
            ("/clones", Figures, get(api::clones_file)),
            ("/alerts", Figures, get(api::alerts_file)),
        ] {
            add(Some(fleet), &format!("{list}{ending}"), gives, answer);
        }
        for (list, gives, answer) in [
            ("attempts", Figures, get(api::attempts_file)),
            ("findings", Text, get(api::findings_file)),
            ("codes", Figures, get(api::codes_of_file)),
            ("logs", Figures, get(api::streams_file)),
        ] {
            let path = format!("/endpoints/{{id}}/{list}{ending}");
            add(Some(machine), &path, gives, answer);
        }
    }
    routes
}

/// Every address of the API below `/api/v1`, with what it gives out: what tests walk through.
pub fn addresses() -> impl Iterator<Item = (String, Gives)> {
    routes().into_iter().map(|route| (route.path, route.gives))
}

/// The pages and their API. Only GET and HEAD are answered.
pub fn router(web: Web) -> Router {
    let mut api = Router::new();
    for route in routes() {
        let mut answer = route.answer;
        if let Some(kind) = route.turn {
            let state = (web.clone(), kind);
            answer = answer.route_layer(middleware::from_fn_with_state(state, guard::take_turn));
        }
        // Outside of it: who may not ask takes nobody's turn.
        let checked = middleware::from_fn_with_state(route.gives, guard::check_role);
        api = api.route(&route.path, answer.route_layer(checked));
    }
    Router::new()
        .nest("/api/v1", api.fallback(api::unknown))
        .route("/api/{*path}", get(api::unknown))
        .fallback(get(assets::serve))
        .layer(middleware::from_fn_with_state(
            web.clone(),
            guard::check_host,
        ))
        .layer(middleware::map_response(guard::add_headers))
        .with_state(web)
}
