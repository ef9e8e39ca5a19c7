//! Which days of an endpoint are derived again for some news.

use classify::days_to_derive;
use event::{Day, Month};
use std::collections::{BTreeMap, BTreeSet};
use store::{DayMark, OpenNews};

/// What is derived of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// These days …
    days: BTreeSet<Day>,
    /// … and those of these that hold something.
    held: BTreeSet<Day>,
    /// Months that get another answer.
    months: BTreeSet<Month>,
}

impl Plan {
    /// The days that news concerns, given what is known of those around them. A month whose answer was not put together from days of
    /// this rule set is derived whole: one answer is of one.
    pub(super) fn of(
        news: &[&OpenNews],
        marks: &[DayMark],
        is_put_together: impl Fn(Month) -> bool,
    ) -> Self {
        let known: BTreeMap<Day, Vec<u64>> = marks
            .iter()
            .map(|mark| (mark.day, mark.waits.clone()))
            .collect();
        let (mut plan, mut whole) = (Self::default(), BTreeSet::new());
        for news in news {
            let month = news.unit.month;
            plan.months.insert(month);
            if !news.news.is_of_all_days() {
                plan.days.extend(days_to_derive(&news.news, &known));
                continue;
            }
            whole.insert(month);
            // What it changes may be seen as far as landmarks are.
            let first = month.days().next().unwrap_or(Day::FAR_OFF);
            let last = month.days().last().unwrap_or(Day::FAR_OFF);
            let around = first.plus(-Day::HORIZON)..=last.plus(Day::HORIZON);
            plan.days.extend(known.range(around).map(|(day, _)| *day));
        }
        plan.months.extend(plan.days.iter().map(|day| day.month()));
        let months = plan.months.iter().copied();
        whole.extend(months.filter(|month| !is_put_together(*month)));
        let of_whole = known.keys().copied();
        plan.days
            .extend(of_whole.filter(|day| whole.contains(&day.month())));
        plan.held
            .extend(whole.iter().flat_map(|month| month.days()));
        plan
    }

    /// Leaves a month to others.
    pub(super) fn without(&mut self, is_left: impl Fn(Month) -> bool) {
        self.retain_days(|day| !is_left(day.month()));
        self.months.retain(|month| !is_left(*month));
    }

    fn retain_days(&mut self, is_kept: impl Fn(Day) -> bool) {
        self.days.retain(|day| is_kept(*day));
        self.held.retain(|day| is_kept(*day));
    }

    /// Whether months are derived whole: of a new stream, for another rule set, or of what an older build stored.
    pub(super) fn is_of_whole_months(&self) -> bool {
        !self.held.is_empty()
    }

    /// Months that get another answer.
    pub(super) fn months(&self) -> &BTreeSet<Month> {
        &self.months
    }

    /// Days to derive, given those on which something is held.
    pub(super) fn days(&self, held: &BTreeSet<Day>) -> BTreeSet<Day> {
        let held = self.held.intersection(held);
        self.days.iter().chain(held).copied().collect()
    }

    /// Days that may be derived.
    pub(super) fn possible(&self) -> BTreeSet<Day> {
        self.days.union(&self.held).copied().collect()
    }

    /// Days of which everything is read: those to derive, each with the day before it.
    pub(super) fn read_in_full(&self) -> BTreeSet<Day> {
        let days = self.days.iter().chain(&self.held);
        days.flat_map(|day| [day.plus(-1), *day]).collect()
    }

    /// Takes the days from here on to another plan.
    pub(super) fn split_off(&mut self, from: Day) -> Self {
        let mut rest = self.clone();
        self.retain_days(|day| day < from);
        rest.retain_days(|day| day >= from);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{LoggedAt, Unit, UnitNews};

    fn day(text: &str) -> Day {
        Day::of(LoggedAt::parse(format!("{text} 00:00:00").as_bytes()))
    }

    fn news(days: &[&str]) -> OpenNews {
        OpenNews {
            unit: Unit {
                tenant: String::new(),
                endpoint: String::new(),
                month: Month::from_yyyymm(202208),
            },
            ids: vec![1],
            news: UnitNews {
                days: days.iter().map(|text| day(text)).collect(),
                links: BTreeSet::new(),
            },
        }
    }

    fn mark(text: &str) -> DayMark {
        DayMark {
            day: day(text),
            waits: Vec::new(),
        }
    }

    #[test]
    fn a_days_news_is_of_that_day_and_the_one_that_sees_all_of_it() {
        let marks = ["2022-08-17", "2022-08-18", "2022-08-19", "2022-08-20"].map(mark);
        let plan = Plan::of(&[&news(&["2022-08-18"])], &marks, |_| true);
        let august = Month::from_yyyymm(202208);
        let days = [day("2022-08-18"), day("2022-08-19")].into();
        assert_eq!(plan.days(&BTreeSet::new()), days);
        assert_eq!(plan.months(), &[august].into());
        let full = ["2022-08-17", "2022-08-18", "2022-08-19"].map(day).into();
        assert_eq!(plan.read_in_full(), full);
    }

    #[test]
    fn a_month_that_is_not_put_together_from_days_is_derived_whole() {
        let marks = [mark("2022-07-30"), mark("2022-08-02"), mark("2022-08-18")];
        let plan = Plan::of(&[&news(&["2022-08-18"])], &marks, |_| false);
        assert_eq!(plan.months(), &[Month::from_yyyymm(202208)].into());
        let held = [day("2022-08-05"), day("2022-07-30")].into();
        let days = plan.days(&held);
        let all = ["2022-08-02", "2022-08-05", "2022-08-18"].map(day).into();
        assert_eq!(days, all);
    }

    #[test]
    fn news_of_all_days_reaches_what_is_seen_from_there() {
        let marks = [mark("2022-07-01"), mark("2022-07-30"), mark("2022-09-20")];
        let mut plan = Plan::of(&[&news(&[])], &marks, |_| true);
        let months = [202207, 202208, 202209].map(Month::from_yyyymm);
        assert_eq!(plan.months(), &months.into());
        let rest = plan.split_off(day("2022-08-01"));
        let july = [day("2022-07-30")].into();
        assert_eq!(plan.possible(), july);
        assert_eq!(rest.possible().len(), 31 + 1);
        let far = OpenNews {
            unit: Unit {
                month: Month::FAR_OFF,
                ..news(&[]).unit
            },
            ..news(&[])
        };
        let plan = Plan::of(&[&far], &marks, |_| true);
        assert_eq!(plan.read_in_full(), [Day::FAR_OFF].into());
    }
}
