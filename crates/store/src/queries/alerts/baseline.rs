//! What rules compare an update with: how the one before stood when it was as old.
//!
//! Which one that is, and how it stood at the end of a day, are those of the page of an update.

use crate::{
    error::Result,
    queries::{
        Day, Filter,
        curve::{Curves, MONTH_BEFORE},
        overview::day_at,
        tries::Words,
    },
    store::Store,
};
use std::collections::BTreeMap;

/// Of fewer machines a share says nothing: one of them is a twentieth. A guess.
const FEW: u64 = 20;

/// An update whose first try is seen within so many days of the first one that is looked at may be an old one, tried by stragglers.
const QUIET: Day = 7;

/// The update before one, at the end of the day on which it was as old, in days since its own first try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertBaseline {
    /// Which.
    pub kb: String,
    /// Machines on which a try had failed and none succeeded.
    pub failing: u64,
    /// Machines that had tried it.
    pub tried: u64,
}

impl Store {
    /// For each update that machines tried in the days of a page, or a month before, the one before it. Nothing where there is none, where
    /// fewer than twenty machines had tried it when it was as old, and where nobody knows how old one of both is: an update that was first
    /// tried before the days of the page, one before it that was tried within the first week that is looked at, or was not the first of
    /// both.
    ///
    /// Of the last day that is looked at only a part may have gone by; of the one before the whole day is told.
    pub async fn alert_baselines(
        &self,
        filter: &Filter,
    ) -> Result<BTreeMap<String, Option<AlertBaseline>>> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(BTreeMap::new());
        };
        let first_looked_at = from.saturating_sub(MONTH_BEFORE);
        let wide = self.told(filter, first_looked_at, to).await?;
        let (mut words, mut curves) = (Words::default(), Curves::of(&wide));
        self.each_machine(&wide, &mut words, |_, machine| curves.add(machine))
            .await?;
        // A clock that is ahead makes no update older.
        let today = to.min(filter.now.map_or(to, day_at));
        let baseline = |kb| {
            let before = curves.before(&words, kb)?;
            let first = curves.curve(kb)?.first.filter(|first| *first >= from)?;
            let curve = curves.curve(before)?;
            let began = curve.first?;
            if began < first_looked_at.saturating_add(QUIET) || began >= first {
                return None;
            }
            let then = curve.at_end(began.saturating_add(today.saturating_sub(first)));
            (then.tried >= FEW).then(|| AlertBaseline {
                kb: words.text(before).to_owned(),
                failing: then.failing,
                tried: then.tried,
            })
        };
        let kbs = curves
            .kbs()
            .map(|kb| (words.text(kb).to_owned(), baseline(kb)));
        Ok(kbs.collect())
    }
}
