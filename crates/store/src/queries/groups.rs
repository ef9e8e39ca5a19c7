//! How endpoints fare by a label: by ring, by site.

use super::{
    Filter,
    states::{Stands, State, Tried},
    told::labelled,
    tries::Words,
};
use crate::{error::Result, store::Store};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Endpoints that have the same value of a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The value; empty for those without the label.
    pub value: String,
    /// Endpoints.
    pub endpoints: u64,
    /// Those of them that fail now.
    pub endpoints_failing: u64,
    /// Attempts failed or rolled back.
    pub failed: u64,
}

/// Groups of one answer: what people look at, those with most failing endpoints first.
const GROUPS: usize = 100;

impl Store {
    /// Endpoints by their value of a label, within the days and what else the filter says; at most a hundred groups.
    pub async fn groups(&self, filter: &Filter, label: &str) -> Result<Vec<Group>> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Vec::new());
        };
        let told = self.told(filter, from, to).await?;
        let (stands, mut words) = (Stands::now(&told), Words::default());
        let mut failures: HashMap<String, (bool, u64)> = HashMap::new();
        let machines = self.each_machine(&told, &mut words, |words, machine| {
            let tried = Tried::of(words, machine.endpoint, &stands.of(words, machine));
            failures.extend(tried.map(|tried| {
                let fails = tried.state == State::Failing;
                (tried.endpoint, (fails, tried.tries_failed))
            }));
        });
        let sql = format!(
            "SELECT machine.endpoint AS endpoint, ifNull(of_label.value, '') AS value \
             FROM (SELECT DISTINCT endpoint FROM endpoints WHERE tenant = {{tenant:String}} \
                   AND ({{endpoint:String}} = '' OR endpoint = {{endpoint:String}}){labelled}) AS machine \
             LEFT JOIN (SELECT endpoint, value FROM endpoint_labels FINAL \
                        WHERE tenant = {{tenant:String}} AND label = {{by:String}} AND value != '') AS of_label \
               ON machine.endpoint = of_label.endpoint",
            labelled = labelled(filter),
        );
        let query = told
            .ask(self, &sql)
            .param("by", label)
            .param("endpoint", filter.endpoint.as_deref().unwrap_or(""))
            // As many as there are machines.
            .with_setting("max_result_rows", "0");
        let values = self.fetch_all::<(String, String)>("read a label of endpoints", query);
        let ((), values) = tokio::try_join!(machines, values)?;
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for (endpoint, value) in values {
            let group = groups.entry(value).or_default();
            group.endpoints += 1;
            if let Some(&(fails, failed)) = failures.get(&endpoint) {
                group.endpoints_failing += u64::from(fails);
                group.failed += failed;
            }
        }
        let mut groups: Vec<Group> = groups
            .into_iter()
            .map(|(value, group)| Group { value, ..group })
            .collect();
        groups.sort_by_key(|group| Reverse((group.endpoints_failing, group.endpoints)));
        groups.truncate(GROUPS);
        Ok(groups)
    }
}
