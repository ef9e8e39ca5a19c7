//! What waits, in which turn, and what a new share leaves of it.

use super::*;
use event::Month;
use store::testing;

const LINE: &str = "2022-08-18 15:53:46 x\n";
const QUIET: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(5);

/// Others leave news of a batch alone for so long.
const AGE: Duration = Duration::from_secs(60);

fn config(first_sweep_age: Duration) -> Config {
    Config {
        derive_quiet: QUIET,
        derive_latest: LATEST,
        sweep_age: AGE,
        first_sweep_age,
        ..Config::default()
    }
}

/// Of a process that is alone.
fn outbox() -> Outbox {
    Outbox::new(&config(Duration::ZERO), watch::channel(Share::all()).1)
}

fn batch(endpoint: &str, news: u64) -> Batch {
    Batch::new(1, news, vec![testing::rows(endpoint, 0, LINE, false)])
}

fn unit(endpoint: &str) -> Unit {
    Unit {
        tenant: "default".to_owned(),
        endpoint: endpoint.to_owned(),
        month: Month::from_yyyymm(202208),
    }
}

#[test]
fn a_unit_waits_for_quiet_but_not_for_ever() {
    let (outbox, start) = (outbox(), Instant::now());
    for news in 1..=6 {
        // A little sooner than quiet, each time.
        let now = start + Duration::from_millis(900) * (news as u32 - 1);
        assert_eq!(outbox.take_due(now, 9), []);
        let flight = outbox.begin(news, now);
        assert_eq!(outbox.finish(flight, &[&batch("a", news)], now), []);
    }
    assert_eq!(outbox.next_due(), Some(start + LATEST));
    let due = outbox.take_due(start + LATEST, 9);
    assert_eq!(
        due[0].news,
        [OpenNews {
            unit: unit("a"),
            ids: vec![1, 2, 3, 4, 5, 6],
            news: testing::news(&testing::rows("a", 0, LINE, false))
                .remove(&unit("a").month)
                .unwrap()
        }]
    );
}

#[test]
fn news_in_flight_is_not_handed_out_even_when_a_sweep_finds_it() {
    let (outbox, now) = (outbox(), Instant::now());
    let flight = outbox.begin(7, now);
    outbox.absorb(
        &[OpenNews {
            unit: unit("a"),
            ids: vec![6, 7],
            news: UnitNews::of_all_days(),
        }],
        now,
    );
    let due = outbox.take_due(now, 9);
    assert_eq!(
        due[0].news,
        [OpenNews {
            unit: unit("a"),
            ids: vec![6],
            news: UnitNews::of_all_days(),
        }]
    );
    outbox.done(&due);
    // A batch that failed wakes nobody; what it left behind is for the sweep.
    assert_eq!(outbox.finish(flight, &[], now), []);
    assert_eq!(outbox.next_due(), None);
    outbox.absorb(
        &[OpenNews {
            unit: unit("a"),
            ids: vec![7],
            news: UnitNews::of_all_days(),
        }],
        now,
    );
    assert_eq!(outbox.take_due(now, 9)[0].news[0].ids, [7]);
}

#[test]
fn a_unit_runs_once_at_a_time() {
    let (outbox, now) = (outbox(), Instant::now());
    outbox.absorb(
        &[OpenNews {
            unit: unit("a"),
            ids: vec![1],
            news: UnitNews::of_all_days(),
        }],
        now,
    );
    let due = outbox.take_due(now, 9);
    let flight = outbox.begin(2, now);
    assert_eq!(outbox.finish(flight, &[&batch("a", 2)], now), []);
    assert_eq!(outbox.take_due(now + LATEST, 9), []);
    outbox.done(&due);
    assert_eq!(outbox.take_due(now + LATEST, 9)[0].news[0].ids, [2]);
}

fn open(endpoint: &str, month: u32) -> OpenNews {
    OpenNews {
        unit: Unit {
            month: Month::from_yyyymm(month),
            ..unit(endpoint)
        },
        ids: vec![1],
        news: UnitNews::of_all_days(),
    }
}

#[test]
fn an_endpoint_of_many_months_gets_a_turn_and_goes_behind_the_others() {
    let (outbox, now) = (outbox(), Instant::now());
    let months: Vec<OpenNews> = (2006..2031)
        .flat_map(|year| (1..=12).map(move |month| open("many", year * 100 + month)))
        .collect();
    outbox.absorb(&months, now);
    outbox.absorb(&[open("one", 202208)], now);
    let mut derived_before = 0;
    loop {
        // One worker, which takes one unit at a time: the worst for who comes last.
        let job = outbox.take_due(now, 1);
        assert_eq!(job.len(), 1);
        outbox.done(&job);
        if job[0].endpoint == "one" {
            break;
        }
        derived_before += job[0].news.len();
    }
    assert!(
        derived_before * 10 <= months.len(),
        "{derived_before} of 300 units were derived before the other endpoint's"
    );
    // And the many come to an end too.
    let mut left = months.len() - derived_before;
    while left > 0 {
        let job = outbox.take_due(now, 256);
        outbox.done(&job);
        left -= job.iter().map(|due| due.news.len()).sum::<usize>();
    }
    assert_eq!((outbox.pending(), outbox.next_due()), (0, None));
}

#[test]
fn two_workers_never_serve_one_endpoint_at_once() {
    let (outbox, now) = (outbox(), Instant::now());
    let months: Vec<OpenNews> = (1..=12).map(|month| open("a", 202200 + month)).collect();
    outbox.absorb(&months, now);
    let job = outbox.take_due(now, 1);
    assert_eq!(job[0].news.len(), UNITS_OF_A_TURN);
    assert_eq!(outbox.take_due(now, 1), []);
    outbox.again(&job, now + LATEST);
    // Those that wait for another try do not hold up the others.
    let rest = outbox.take_due(now, 256);
    assert_eq!(rest[0].news.len(), months.len() - UNITS_OF_A_TURN);
}

#[test]
fn what_does_not_fit_is_left_to_the_store() {
    let (outbox, now) = (outbox(), Instant::now());
    let many: Vec<OpenNews> = (0..MAX_WAITING + 10)
        .map(|number| open(&format!("e{number}"), 202208))
        .collect();
    outbox.absorb(&many, now);
    assert_eq!(outbox.room(), 0);
    assert_eq!(outbox.pending(), MAX_WAITING);
    // What is known goes on being told.
    let flight = outbox.begin(7, now);
    assert_eq!(outbox.finish(flight, &[&batch("e0", 7)], now), []);
    // What is not, whoever has told of it cannot keep.
    let flight = outbox.begin(8, now);
    let left = outbox.finish(flight, &[&batch("new", 8)], now);
    assert_eq!(left.len(), 1);
    assert_eq!(
        (&*left[0].unit.endpoint, &*left[0].ids),
        ("new", [8].as_slice())
    );
    let ids = OpenNews {
        ids: (10..10 + 2 * MAX_NEWS as u64).collect(),
        ..open("e1", 202208)
    };
    outbox.absorb(&[ids], now);
    let job = outbox.take_due(now, usize::MAX);
    let of = |endpoint: &str| job.iter().find(|due| due.endpoint == endpoint).unwrap();
    assert_eq!(of("e0").news[0].ids, [1, 7]);
    assert_eq!(of("e1").news[0].ids.len(), MAX_NEWS);
}

#[test]
fn a_batch_wakes_what_is_derived_here_and_tells_what_is_not() {
    let (share, shared) = watch::channel(Share::none());
    let (outbox, now) = (Outbox::new(&config(AGE), shared), Instant::now());
    let flight = outbox.begin(1, now);
    let halves = [batch("a", 1), batch("a", 1)];
    let others = outbox.finish(flight, &[&halves[0], &halves[1]], now);
    let told: Vec<_> = others.iter().map(|news| (&news.unit, &*news.ids)).collect();
    assert_eq!(told, [(&unit("a"), [1].as_slice())]);
    assert_eq!((outbox.pending(), outbox.next_due()), (0, None));
    share.send_replace(Share::all());
    let flight = outbox.begin(2, now);
    assert_eq!(outbox.finish(flight, &[&batch("a", 2)], now), []);
    assert_eq!(outbox.take_due(now + LATEST, 9)[0].news[0].ids, [2]);
}

#[test]
fn what_the_store_has_told_is_dropped_for_a_new_share_also_where_it_runs() {
    let (share, shared) = watch::channel(Share::all());
    let (outbox, now) = (Outbox::new(&config(AGE), shared), Instant::now());
    let all = ["a", "b", "c", "d", "e", "f"].map(|name| open(name, 202208));
    outbox.absorb(&all, now);
    // One runs, the others are due.
    let job = outbox.take_due(now, 1);
    share.send_replace(Share::none());
    assert_eq!(outbox.forget(now), []);
    outbox.again(&job, now);
    assert_eq!((outbox.pending(), outbox.next_due()), (0, None));
    assert_eq!(outbox.take_due(now + LATEST, 9), []);
    // A sweep brings back what is in the share.
    share.send_replace(Share::all());
    outbox.sweep_begins();
    outbox.sweep_ends(&all, now);
    let job = outbox.take_due(now, 9);
    assert_eq!((job.len(), outbox.pending()), (6, 6));
    outbox.done(&job);
    assert_eq!((outbox.pending(), outbox.next_due()), (0, None));
}

/// Endpoints and names of their news.
fn named(news: &[OpenNews]) -> Vec<(&str, &[u64])> {
    let named = news.iter().map(|news| (&*news.unit.endpoint, &*news.ids));
    named.collect()
}

fn news_of(job: Vec<Due>) -> Vec<OpenNews> {
    job.into_iter().flat_map(|due| due.news).collect()
}

#[test]
fn what_a_batch_has_told_outlives_a_new_share_or_is_handed_over() {
    let (share, shared) = watch::channel(Share::all());
    let (outbox, now) = (Outbox::new(&config(AGE), shared), Instant::now());
    // One fails, and its news is from a batch and from the store.
    outbox.absorb(&[open("fails", 202208)], now);
    for (id, name) in [(2, "fails"), (3, "waits"), (4, "both")] {
        let flight = outbox.begin(id, now);
        assert_eq!(outbox.finish(flight, &[&batch(name, id)], now), []);
    }
    let failing = outbox.take_due(now, 1);
    assert_eq!(named(&failing[0].news), [("fails", [1, 2].as_slice())]);
    outbox.absorb(&[open("both", 202208), open("swept", 202208)], now);

    // Still one's own: it stands behind what a sweep brings now, but is not asked of the store.
    let later = now + 2 * LATEST;
    assert_eq!(outbox.forget(later), []);
    outbox.absorb(&[open("left", 202208)], later);
    let first = outbox.take_due(later, 9);
    assert_eq!(named(&news_of(first.clone())), [("left", [1].as_slice())]);
    outbox.done(&first);
    assert_eq!(outbox.pending(), 3, "two wait, one runs");

    // Another's: what waits is handed over, what has failed stays.
    share.send_replace(Share::none());
    let mut others = outbox.forget(later);
    others.sort_by(|a, b| a.unit.cmp(&b.unit));
    let expected = [("both", [4].as_slice()), ("waits", [3].as_slice())];
    assert_eq!(named(&others), expected);
    outbox.again(&failing, later);
    assert_eq!(outbox.pending(), 1);
    // So does what the store does not take.
    outbox.keep(&others, later);
    let mut job = news_of(outbox.take_due(later + LATEST, 9));
    job.sort_by(|a, b| a.unit.cmp(&b.unit));
    let kept = [("fails", [2].as_slice())];
    assert_eq!(
        named(&job),
        [&expected[..1], &kept, &expected[1..]].concat()
    );
}

#[test]
fn what_waits_is_not_made_due_by_finding_it_again() {
    let (outbox, now) = (outbox(), Instant::now());
    let many = OpenNews {
        ids: (0..2 * MAX_NEWS as u64).collect(),
        ..open("many", 202208)
    };
    let found = [open("one", 202208), many];
    outbox.absorb(&found, now);
    let job = outbox.take_due(now, 9);
    assert_eq!(job.len(), 2);
    let retry = now + LATEST;
    outbox.again(&job, retry);
    outbox.absorb(&found, now);
    assert_eq!(outbox.next_due(), Some(retry));
    // News that is not known yet is another matter.
    let more = OpenNews {
        ids: vec![1, 2],
        ..open("one", 202208)
    };
    outbox.absorb(&[more], now);
    let due = news_of(outbox.take_due(now, 9));
    assert_eq!(named(&due), [("one", [1, 2].as_slice())]);
}

#[test]
fn what_ends_while_a_sweep_reads_is_not_derived_again() {
    let (outbox, now) = (outbox(), Instant::now());
    outbox.absorb(&[open("a", 202208), open("b", 202208)], now);
    let job = outbox.take_due(now, 9);
    outbox.sweep_begins();
    let mut read = vec![open("a", 202208), open("b", 202208)];
    // Of a process that does not know of the first: this is news.
    read[1].ids.push(2);
    outbox.done(&job);
    outbox.sweep_ends(&read, now);
    let job = outbox.take_due(now, 9);
    assert_eq!(job.len(), 1);
    assert_eq!(
        (&*job[0].endpoint, &*job[0].news[0].ids),
        ("b", [2].as_slice())
    );
    outbox.done(&job);
    // What ended before a sweep began is not open in the store.
    outbox.absorb(&[open("a", 202208)], now);
    assert_eq!(outbox.pending(), 1);
}

/// Stores a batch that takes so long, and meanwhile something happens. Returns what does not wait here.
fn stored_after(
    outbox: &Outbox,
    (name, news): (&str, u64),
    time: Duration,
    meanwhile: impl FnOnce(),
) -> Vec<OpenNews> {
    let start = Instant::now();
    let flight = outbox.begin(news, start);
    meanwhile();
    outbox.finish(flight, &[&batch(name, news)], start + time)
}

#[test]
fn what_others_may_have_closed_before_it_was_stored_is_handed_over_to_oneself() {
    let (share, shared) = watch::channel(Share::all());
    let outbox = Outbox::new(&config(AGE), shared);
    let soon = AGE / 2 - Duration::from_millis(1);
    assert_eq!(stored_after(&outbox, ("soon", 1), soon, || {}), []);
    let late = stored_after(&outbox, ("late", 2), AGE / 2, || {});
    assert_eq!(named(&late), [("late", [2].as_slice())]);
    // Another one had it for a moment, and takes news of any age then.
    let lost = || {
        share.send_replace(Share::none());
        share.send_replace(Share::all());
    };
    let moved = stored_after(&outbox, ("moved", 3), soon, lost);
    assert_eq!(named(&moved), [("moved", [3].as_slice())]);
    assert_eq!(outbox.pending(), 1);
    let again = stored_after(&outbox, ("moved", 4), soon, || {});
    assert_eq!(again, []);

    // Where nobody else is, nobody has closed it.
    let alone = self::outbox();
    assert_eq!(stored_after(&alone, ("late", 1), 2 * AGE, || {}), []);
    assert_eq!(alone.pending(), 1);
}

#[test]
fn what_only_this_process_knows_stays_however_much_waits() {
    let (share, shared) = watch::channel(Share::all());
    let (outbox, now) = (Outbox::new(&config(AGE), shared), Instant::now());
    let flight = outbox.begin(7, now);
    assert_eq!(outbox.finish(flight, &[&batch("fails", 7)], now), []);
    let job = outbox.take_due(now + LATEST, 9);
    let many: Vec<OpenNews> = (0..MAX_WAITING)
        .map(|number| open(&format!("e{number}"), 202208))
        .collect();
    outbox.absorb(&many, now);
    let kept = OpenNews {
        ids: vec![8],
        ..open("kept", 202208)
    };
    outbox.again(&job, now);
    outbox.keep(&[kept], now);
    assert_eq!(outbox.pending(), MAX_WAITING + 2);
    assert_eq!(outbox.room(), 0);
    // A new share too leaves of it what was not told by the store.
    share.send_replace(Share::new([0, 1], 2));
    assert_eq!(outbox.forget(now), []);
    let mut job = news_of(outbox.take_due(now + LATEST, 9));
    job.sort_by(|a, b| a.unit.cmp(&b.unit));
    let expected = [("fails", [7].as_slice()), ("kept", [8].as_slice())];
    assert_eq!(named(&job), expected);
}

#[test]
fn names_that_the_store_has_told_give_way_to_those_of_batches() {
    let (outbox, now) = (
        Outbox::new(&config(AGE), watch::channel(Share::all()).1),
        Instant::now(),
    );
    let told = OpenNews {
        ids: (0..MAX_NEWS as u64).collect(),
        ..open("a", 202208)
    };
    outbox.absorb(&[told], now);
    let batches = 10_000..10_000 + MAX_NEWS as u64;
    for news in batches.clone() {
        let flight = outbox.begin(news, now);
        assert_eq!(outbox.finish(flight, &[&batch("a", news)], now), []);
    }
    // Beyond that it is not kept here but handed over.
    let flight = outbox.begin(batches.end, now);
    let left = outbox.finish(flight, &[&batch("a", batches.end)], now);
    assert_eq!(named(&left), [("a", [batches.end].as_slice())]);
    let job = news_of(outbox.take_due(now + LATEST, 9));
    assert_eq!(job[0].ids, batches.collect::<Vec<u64>>());
}

#[test]
fn who_waits_for_an_answer_gets_it_though_its_news_stays_open() {
    let (outbox, now) = (outbox(), Instant::now());
    let news = |endpoint: &str, id| OpenNews {
        unit: unit(endpoint),
        ids: vec![id],
        news: UnitNews::of_all_days(),
    };
    let stored = BTreeSet::from([unit("a"), unit("b")]);
    // Of what runs already nobody knows what it has read.
    outbox.take(&[news("a", 1), news("b", 2)], now);
    let before = outbox.take_due(now, 9);
    outbox.watch(7);
    outbox.take(&[news("a", 7)], now);
    outbox.answered(&before, &stored);
    assert!(!outbox.has_answer(&unit("a")));
    outbox.again(&before, now);
    outbox.take(&[news("a", 7)], now);
    let due = outbox.take_due(now, 9);
    outbox.answered(&due, &BTreeSet::from([unit("b")]));
    assert!(!outbox.has_answer(&unit("a")));
    outbox.answered(&due, &stored);
    outbox.again(&due, now);
    assert!(outbox.has_answer(&unit("a")) && !outbox.has_answer(&unit("b")));
    // Another name is waited for from its own beginning.
    outbox.watch(8);
    assert!(!outbox.has_answer(&unit("a")));
}
