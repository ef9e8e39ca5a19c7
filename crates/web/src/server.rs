//! The router: which address asks what, and what every answer carries.

use crate::{
    api, assets,
    config::Config,
    document::{self, Documented, Told},
    guard,
    looks::Looks,
    roles::Gives,
    rule_texts::{Newest, RuleTexts},
    turns::Kinds,
};
use axum::{
    Router,
    handler::Handler,
    middleware,
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
pub(crate) struct Route {
    pub(crate) path: String,
    pub(crate) gives: Gives,
    /// What it answers, in a line.
    pub(crate) says: &'static str,
    /// What its handler takes and gives.
    pub(crate) describe: fn(&str, &mut Told),
    /// Whose turns it takes; nothing where it waits for nobody.
    turn: Option<guard::Kind>,
    answer: MethodRouter<Web>,
}

/// Every list comes in these forms too.
const FILES: [&str; 2] = [".csv", ".ndjson"];

/// The routes of those that take the same turns.
struct Table<'a> {
    routes: &'a mut Vec<Route>,
    turn: Option<guard::Kind>,
}

impl Table<'_> {
    fn add<H, Extracted, Inputs>(
        &mut self,
        path: impl Into<String>,
        gives: Gives,
        says: &'static str,
        handler: H,
    ) where
        H: Handler<Extracted, Web> + Documented<Inputs>,
        Extracted: 'static,
    {
        self.routes.push(Route {
            path: path.into(),
            gives,
            says,
            describe: H::describe,
            turn: self.turn,
            answer: get(handler),
        });
    }
}

/// Every address of the API, each with what it gives out and what it says.
pub(crate) fn routes() -> Vec<Route> {
    use Gives::{Audit, Figures, FiguresAndText, Text};
    let mut routes = Vec::new();
    let mut at_once = Table {
        routes: &mut routes,
        turn: None,
    };
    // Asked by every open page every few seconds, and answered within milliseconds: it waits for nobody.
    at_once.add(
        "/status",
        Figures,
        "How cbsift itself fares, in short",
        api::status,
    );
    // Waits for a change, and for nobody else.
    at_once.add(
        "/changes",
        Figures,
        "Waits until something was derived or labelled, for 5 s at most",
        api::changes,
    );
    at_once.add("/openapi.json", Figures, "This document", document::openapi);
    let mut overview = Table {
        routes: &mut routes,
        turn: Some(|kinds| &kinds.overview),
    };
    overview.add(
        "/overview",
        Figures,
        "What is broken now, since when, why, where",
        api::overview,
    );
    let mut search = Table {
        routes: &mut routes,
        turn: Some(|kinds| &kinds.search),
    };
    search.add(
        "/search",
        Figures,
        "What some words may mean: PCs, updates, codes, causes, objects",
        api::search,
    );
    let mut fleet = Table {
        routes: &mut routes,
        turn: Some(|kinds| &kinds.fleet),
    };
    fleet.add(
        "/endpoints",
        Figures,
        "PCs, by name or by what is broken on them",
        api::endpoints,
    );
    fleet.add(
        "/labels",
        Figures,
        "What PCs can be narrowed and grouped by",
        api::labels,
    );
    fleet.add(
        "/alerts",
        Figures,
        "What fires, what fired, and what each rule of alerts last saw",
        api::alerts,
    );
    fleet.add(
        "/system",
        Figures,
        "How cbsift itself fares, and what somebody should look at",
        api::system,
    );
    fleet.add(
        "/coverage",
        Figures,
        "Who reports, who is silent, and which logs have holes",
        api::coverage,
    );
    fleet.add(
        "/unexplained",
        Text,
        "What failed and no rule names",
        api::unexplained,
    );
    fleet.add(
        "/codes/{code}",
        Figures,
        "What a code means, how else it is spelled, where it was seen",
        api::code,
    );
    fleet.add("/causes", Figures, "Why updates fail", api::causes);
    fleet.add(
        "/causes/{id}",
        FiguresAndText,
        "One cause, and what its PCs have in common",
        api::cause,
    );
    fleet.add("/updates", Figures, "How updates go out", api::updates);
    fleet.add(
        "/updates/{kb}",
        Figures,
        "How one update goes out",
        api::update,
    );
    fleet.add(
        "/audit",
        Audit,
        "Who did what, the newest first",
        api::audit,
    );
    let mut machine = Table {
        routes: &mut routes,
        turn: Some(|kinds| &kinds.machine),
    };
    machine.add(
        "/endpoints/{id}",
        FiguresAndText,
        "What failed on one PC, why, and the records that show it",
        api::endpoint,
    );
    machine.add(
        "/endpoints/{id}/attempts/{attempt}",
        FiguresAndText,
        "One try, as a ladder of records",
        api::attempt,
    );
    machine.add(
        "/endpoints/{id}/records",
        Text,
        "A log around one record",
        api::records,
    );
    machine.add(
        "/endpoints/{id}/find",
        Text,
        "The next record of a log with a text, of a level, or of a time",
        api::find,
    );
    machine.add(
        "/endpoints/{id}/log",
        Text,
        "A log as text, to keep",
        api::log_file,
    );
    for ending in FILES {
        let named = |list: &str| format!("{list}{ending}");
        let mut fleet = Table {
            routes: &mut routes,
            turn: Some(|kinds| &kinds.fleet),
        };
        fleet.add(
            named("/endpoints"),
            Figures,
            "PCs, all of the list",
            api::endpoints_file,
        );
        fleet.add(
            named("/causes"),
            Figures,
            "Causes, all of the list",
            api::causes_file,
        );
        fleet.add(
            named("/updates"),
            Figures,
            "Updates, all of the list",
            api::updates_file,
        );
        fleet.add(
            named("/codes"),
            Figures,
            "The codes of the overview",
            api::codes_file,
        );
        fleet.add(
            named("/unexplained"),
            Text,
            "What failed and no rule names",
            api::unexplained_file,
        );
        fleet.add(
            named("/coverage"),
            Figures,
            "Gaps of logs",
            api::coverage_file,
        );
        fleet.add(
            named("/lost"),
            Figures,
            "What agents say to be lost for good",
            api::lost_file,
        );
        fleet.add(
            named("/clones"),
            Figures,
            "Ids that several machines send as",
            api::clones_file,
        );
        fleet.add(
            named("/alerts"),
            Figures,
            "Alerts that fire and that fired",
            api::alerts_file,
        );
        let mut machine = Table {
            routes: &mut routes,
            turn: Some(|kinds| &kinds.machine),
        };
        let named = |list: &str| named(&format!("/endpoints/{{id}}/{list}"));
        machine.add(
            named("attempts"),
            Figures,
            "Attempts of a PC",
            api::attempts_file,
        );
        machine.add(
            named("findings"),
            Text,
            "Findings of a PC",
            api::findings_file,
        );
        machine.add(named("codes"), Figures, "Codes of a PC", api::codes_of_file);
        machine.add(named("logs"), Figures, "Logs of a PC", api::streams_file);
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
