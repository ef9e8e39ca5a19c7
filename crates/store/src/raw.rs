//! Raw text: which bytes are held, and a window of them without overlaps.

use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::{Format, Source, StreamId, TextEncoding};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// A run of records of one stream, without overlap to its neighbours.
///
/// The chunk is whole; show of it the records whose offset lies in `from..until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSlice {
    /// Where the sender read it.
    pub path: String,
    /// The kind of log.
    pub source: Source,
    /// What the source's bytes were encoded in.
    pub encoding: TextEncoding,
    /// How records are laid out.
    pub format: Format,
    /// First source byte of the chunk.
    pub offset: u64,
    /// Source bytes of the chunk.
    pub length: u64,
    /// First source byte to show.
    pub from: u64,
    /// First source byte not to show.
    pub until: u64,
    /// The chunk's text.
    pub text: String,
}

/// A window into a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawWindow {
    /// Slices by offset.
    pub slices: Vec<RawSlice>,
    /// The stream was held here once, and its text is gone.
    pub expired: bool,
    /// First byte held, or once held, of the whole stream.
    pub first: u64,
    /// First byte after the last one held, or once held.
    pub end: u64,
}

/// A whole file taken once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Owner.
    pub tenant: String,
    /// The machine it came from.
    pub endpoint: String,
    /// SHA-256 of the file, hex.
    pub digest: String,
    /// The kind of log.
    pub source: Source,
    /// Its stream.
    pub stream: StreamId,
    /// Where the sender read it.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// A range of a stream that a chunk holds; what tiling decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// First source byte.
    pub offset: u64,
    /// First source byte after it.
    pub end: u64,
    /// Its last record may go on.
    pub open: bool,
    /// Hash of its text, which tells incarnations apart.
    pub content_hash: u64,
}

/// A range chosen by [`tile`], and the part of it to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The chunk.
    pub range: Range,
    /// First byte to show.
    pub from: u64,
    /// First byte not to show.
    pub until: u64,
}

/// Chooses from overlapping ranges those that cover the same bytes once, by offset.
///
/// Every range starts at a record, so cutting one where another starts never cuts a record. The end of an open range is not
/// trusted where another one goes on from inside it: its last record may be longer there.
pub fn tile(ranges: &[Range]) -> Vec<Tile> {
    let mut ranges = ranges.to_vec();
    ranges.retain(|range| range.end > range.offset);
    ranges.sort_unstable();
    ranges.dedup();
    let mut tiles: Vec<Tile> = Vec::new();
    // Ranges that start at or before `at`, the one that reaches furthest on top; closed before open, then by content, so that the
    // answer does not depend on the order of inserts. Each goes in once: a stream of many small cuts costs little more than its size.
    let mut begun = BinaryHeap::new();
    let (mut next, mut at) = (0, 0);
    loop {
        while let Some(range) = ranges.get(next).filter(|range| range.offset <= at) {
            begun.push((range.end, !range.open, range.content_hash, range.offset));
            next += 1;
        }
        let best = begun.peek().filter(|best| best.0 > at);
        let Some(&(end, is_closed, content_hash, offset)) = best else {
            // A hole: go on at the next range, or end.
            match ranges.get(next) {
                Some(range) => {
                    at = range.offset;
                    continue;
                }
                None => return tiles,
            }
        };
        let goes_on = ranges[next..]
            .iter()
            .take_while(|other| !is_closed && other.offset < end)
            .find(|other| other.end > end)
            .map(|other| other.offset);
        let until = goes_on.unwrap_or(end);
        tiles.push(Tile {
            range: Range {
                offset,
                end,
                open: !is_closed,
                content_hash,
            },
            from: at,
            until,
        });
        at = until;
    }
}

/// The union of ranges, by offset, touching ones joined.
pub fn merged(ranges: impl IntoIterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = ranges
        .into_iter()
        .filter(|(offset, end)| end > offset)
        .collect();
    ranges.sort_unstable();
    let mut union: Vec<(u64, u64)> = Vec::new();
    for (offset, end) in ranges {
        match union.last_mut() {
            Some(last) if offset <= last.1 => last.1 = last.1.max(end),
            _ => union.push((offset, end)),
        }
    }
    union
}

impl Store {
    /// Source bytes held or once held of an endpoint, each counted once.
    pub async fn covered_bytes(&self, tenant: &str, endpoint: &str) -> Result<u64> {
        self.fetch_one(
            "count covered bytes",
            self.sql(
                "SELECT sum(bytes) FROM (SELECT intervalLengthSum(offset, `end`) AS bytes FROM coverage \
                 WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} GROUP BY stream)",
            )
            .param("tenant", tenant)
            .param("endpoint", endpoint),
        )
        .await
    }

    /// Source bytes whose text is held, per stream, each counted once.
    pub async fn held_bytes(
        &self,
        tenant: &str,
        endpoint: &str,
    ) -> Result<BTreeMap<StreamId, u64>> {
        let rows: Vec<(u64, u64)> = self
            .fetch_all(
                "count held bytes",
                self.sql(
                    "SELECT stream, intervalLengthSum(offset, offset + length) FROM chunks \
                     WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} GROUP BY stream ORDER BY stream",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint),
            )
            .await?;
        Ok(rows
            .into_iter()
            .map(|(stream, bytes)| (StreamId(stream), bytes))
            .collect())
    }

    /// Where a sender goes on: everything below is stored, from the stream's first byte without a hole.
    ///
    /// A lower bound: an open piece counts as not yet sent, because its last record must be sent again when it goes on.
    pub async fn next_offset(&self, tenant: &str, endpoint: &str, stream: StreamId) -> Result<u64> {
        let ranges = self
            .ranges("coverage", tenant, endpoint, stream, 0, u64::MAX)
            .await?;
        let closed = ranges
            .iter()
            .filter(|range| !range.open)
            .map(|range| (range.offset, range.end));
        Ok(merged(closed)
            .first()
            .filter(|(offset, _)| *offset == 0)
            .map_or(0, |(_, end)| *end))
    }

    /// The text around an offset: all that is held from `before` bytes below it to `after` bytes above it.
    pub async fn raw_window(
        &self,
        tenant: &str,
        endpoint: &str,
        stream: StreamId,
        offset: u64,
        before: u64,
        after: u64,
    ) -> Result<RawWindow> {
        let (low, high) = (
            offset.saturating_sub(before),
            offset.saturating_add(after).saturating_add(1),
        );
        let bounds: Option<(u64, u64)> = self
            .fetch_optional(
                "read the bounds of a stream",
                self.page(
                    "SELECT min(offset), max(`end`) FROM coverage \
                     WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND stream = {stream:UInt64} HAVING count() > 0",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("stream", stream.0),
            )
            .await?;
        let Some((first, end)) = bounds else {
            return Ok(RawWindow::default());
        };
        let ranges = self
            .ranges("chunks", tenant, endpoint, stream, low, high)
            .await?;
        let tiles: Vec<Tile> = tile(&ranges)
            .into_iter()
            .filter(|tile| tile.until > low && tile.from < high)
            .collect();
        let expired = offset < end
            && !tiles
                .iter()
                .any(|tile| tile.from <= offset && offset < tile.until);
        let wanted: BTreeSet<(u64, u64, u64)> = tiles
            .iter()
            .map(|tile| {
                (
                    tile.range.offset,
                    tile.range.end - tile.range.offset,
                    tile.range.content_hash,
                )
            })
            .collect();
        let mut window = RawWindow {
            slices: Vec::new(),
            expired,
            first,
            end,
        };
        if wanted.is_empty() {
            return Ok(window);
        }
        let keys: Vec<String> = wanted
            .iter()
            .map(|(offset, length, hash)| format!("({offset},{length},{hash})"))
            .collect();
        let texts: Vec<TextRow> = self
            .fetch_all(
                "read chunks",
                self.page(
                    "SELECT ?fields FROM chunks \
                     WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND stream = {stream:UInt64} \
                       AND (offset, length, content_hash) IN {keys:Array(Tuple(UInt64, UInt64, UInt64))} \
                     ORDER BY version DESC LIMIT 1 BY offset, length, content_hash",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("stream", stream.0)
                .param("keys", RawParam(format!("[{}]", keys.join(",")))),
            )
            .await?;
        let mut texts: BTreeMap<(u64, u64, u64), TextRow> = texts
            .into_iter()
            .map(|row| ((row.offset, row.length, row.content_hash), row))
            .collect();
        for tile in tiles {
            let key = (
                tile.range.offset,
                tile.range.end - tile.range.offset,
                tile.range.content_hash,
            );
            // Gone between the two reads: retention has just run.
            let Some(row) = texts.get_mut(&key) else {
                continue;
            };
            let (Some(source), Some(encoding), Some(format)) = (
                Source::from_name(&row.source),
                TextEncoding::from_name(&row.encoding),
                Format::from_name(&row.format),
            ) else {
                continue;
            };
            window.slices.push(RawSlice {
                path: row.path.clone(),
                source,
                encoding,
                format,
                offset: row.offset,
                length: row.length,
                from: tile.from,
                until: tile.until,
                text: row.text.clone(),
            });
        }
        Ok(window)
    }

    /// The first byte held of a stream from a place on, that place itself included; nothing where no text is held from there on.
    pub async fn text_from(
        &self,
        tenant: &str,
        endpoint: &str,
        stream: StreamId,
        from: u64,
    ) -> Result<Option<u64>> {
        self.fetch_optional(
            "look for the text of a stream",
            self.page(
                "SELECT greatest(min(offset), {from:UInt64}) FROM chunks \
                 WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND stream = {stream:UInt64} AND offset + length > {from:UInt64} \
                 HAVING count() > 0",
            )
            .param("tenant", tenant)
            .param("endpoint", endpoint)
            .param("stream", stream.0)
            .param("from", from),
        )
        .await
    }

    async fn ranges(
        &self,
        table: &'static str,
        tenant: &str,
        endpoint: &str,
        stream: StreamId,
        low: u64,
        high: u64,
    ) -> Result<Vec<Range>> {
        let end = if table == "chunks" {
            "offset + length"
        } else {
            "`end`"
        };
        let rows: Vec<(u64, u64, u8, u64)> = self
            .fetch_all(
                "read ranges of a stream",
                // Sent once open and once closed, a piece is closed.
                self.sql(&format!(
                    "SELECT offset, {end} AS upto, min(open), content_hash FROM {table} \
                     WHERE tenant = {{tenant:String}} AND endpoint = {{endpoint:String}} AND stream = {{stream:UInt64}} \
                       AND offset < {{high:UInt64}} AND upto > {{low:UInt64}} \
                     GROUP BY offset, upto, content_hash ORDER BY offset, upto, content_hash"
                ))
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("stream", stream.0)
                .param("low", low)
                .param("high", high),
            )
            .await?;
        Ok(rows
            .into_iter()
            .map(|(offset, end, open, content_hash)| Range {
                offset,
                end,
                open: open != 0,
                content_hash,
            })
            .collect())
    }

    /// Remembers a whole file. Only after its last piece was acknowledged.
    pub async fn record_import(&self, import: &Import) -> Result<()> {
        let row = ImportRow {
            tenant: &import.tenant,
            endpoint: &import.endpoint,
            digest: &import.digest,
            source: import.source.name(),
            stream: import.stream.0,
            path: &import.path,
            bytes: import.bytes,
        };
        self.insert_rows::<ImportRow<'static>, _>("imports", std::iter::once(row))
            .await
    }

    /// Stream and size of the file of this digest, where it was taken whole from this endpoint and its stream is still covered over its
    /// length.
    pub async fn imported(
        &self,
        tenant: &str,
        endpoint: &str,
        digest: &str,
    ) -> Result<Option<(StreamId, u64)>> {
        let found: Option<(u64, u64)> = self
            .fetch_optional(
                "read imports",
                self.sql(
                    "SELECT stream, bytes FROM imports FINAL \
                     WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND digest = {digest:String}",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("digest", digest),
            )
            .await?;
        let Some((stream, bytes)) = found else {
            return Ok(None);
        };
        let stream = StreamId(stream);
        let ranges = self
            .ranges("coverage", tenant, endpoint, stream, 0, u64::MAX)
            .await?;
        let union = merged(ranges.iter().map(|range| (range.offset, range.end)));
        let is_whole = bytes == 0
            || union
                .first()
                .is_some_and(|&(offset, end)| offset == 0 && end >= bytes);
        Ok(is_whole.then_some((stream, bytes)))
    }
}

/// A parameter already in ClickHouse's notation, built from numbers only.
#[derive(Serialize)]
#[serde(transparent)]
struct RawParam(String);

#[derive(Row, Deserialize)]
struct TextRow {
    offset: u64,
    length: u64,
    content_hash: u64,
    source: String,
    path: String,
    encoding: String,
    format: String,
    text: String,
}

#[derive(Row, Serialize)]
struct ImportRow<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    digest: &'a str,
    source: &'a str,
    stream: u64,
    path: &'a str,
    bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(offset: u64, end: u64, open: bool) -> Range {
        Range {
            offset,
            end,
            open,
            content_hash: 1,
        }
    }

    fn shown(ranges: &[Range]) -> Vec<(u64, u64, u64)> {
        tile(ranges)
            .into_iter()
            .map(|tile| (tile.range.offset, tile.from, tile.until))
            .collect()
    }

    /// Bytes of the union of ranges.
    fn union_bytes(ranges: impl IntoIterator<Item = (u64, u64)>) -> u64 {
        merged(ranges)
            .into_iter()
            .map(|(offset, end)| end - offset)
            .sum()
    }

    #[test]
    fn ranges_that_follow_each_other_are_shown_whole() {
        assert_eq!(
            shown(&[range(0, 10, false), range(10, 20, false)]),
            [(0, 0, 10), (10, 10, 20)]
        );
    }

    #[test]
    fn a_longer_cut_hides_the_shorter_ones_in_it() {
        assert_eq!(
            shown(&[
                range(0, 10, false),
                range(10, 20, false),
                range(0, 30, false)
            ]),
            [(0, 0, 30)]
        );
    }

    #[test]
    fn a_record_that_went_on_is_shown_from_the_piece_that_has_it_whole() {
        // The last record of the open piece starts at 8 and is longer in the piece that starts there.
        assert_eq!(
            shown(&[range(0, 10, true), range(8, 20, false)]),
            [(0, 0, 8), (8, 8, 20)]
        );
        // Nothing goes on from inside it: its end stands.
        assert_eq!(
            shown(&[range(0, 10, true), range(10, 20, false)]),
            [(0, 0, 10), (10, 10, 20)]
        );
    }

    #[test]
    fn a_hole_stays_a_hole() {
        assert_eq!(
            shown(&[range(5, 10, false), range(20, 30, false)]),
            [(5, 5, 10), (20, 20, 30)]
        );
        assert_eq!(union_bytes([(5, 10), (20, 30), (25, 30)]), 15);
    }

    /// What [`tile`] means, said plainly and slowly.
    fn plain_tile(ranges: &[Range]) -> Vec<Tile> {
        let mut tiles = Vec::new();
        let mut at = 0;
        loop {
            let best = ranges
                .iter()
                .filter(|range| range.offset <= at && range.end > at)
                .max_by_key(|range| (range.end, !range.open, range.content_hash, range.offset));
            let later = |range: &&Range| range.offset > at && range.end > range.offset;
            let Some(&range) = best else {
                match ranges.iter().filter(later).map(|range| range.offset).min() {
                    Some(next) => at = next,
                    None => return tiles,
                }
                continue;
            };
            let until = ranges
                .iter()
                .filter(|other| {
                    range.open && later(other) && other.offset < range.end && other.end > range.end
                })
                .map(|other| other.offset)
                .min()
                .unwrap_or(range.end);
            tiles.push(Tile {
                range,
                from: at,
                until,
            });
            at = until;
        }
    }

    /// A million cuts, each open and a record further: what a sender leaves that follows a log line by line.
    #[test]
    fn a_log_sent_line_by_line_is_tiled_in_one_sweep() {
        let ranges: Vec<Range> = (0..1_000_000)
            .map(|at| range(at * 10, at * 10 + 15, true))
            .collect();
        let tiles = tile(&ranges);
        assert_eq!(tiles.len(), 1_000_000);
        assert!(tiles.iter().all(|tile| tile.from == tile.range.offset));
    }

    proptest! {
        #[test]
        fn the_sweep_chooses_what_the_plain_search_does(
            cuts in prop::collection::vec((0u64..40, 0u64..15, any::<bool>(), 0u64..3), 0..14)
        ) {
            let ranges: Vec<Range> = cuts
                .iter()
                .map(|&(offset, length, open, content_hash)| Range { offset, end: offset + length, open, content_hash })
                .collect();
            prop_assert_eq!(tile(&ranges), plain_tile(&ranges));
        }

        /// Any mixture of cuts of one stream at record borders shows each covered byte exactly once.
        #[test]
        fn any_cuts_tile_their_union(
            cuts in prop::collection::vec((0u64..40, 1u64..15, any::<bool>()), 1..12)
        ) {
            let ranges: Vec<Range> = cuts.iter().map(|&(offset, length, open)| range(offset, offset + length, open)).collect();
            let tiles = tile(&ranges);
            for pair in tiles.windows(2) {
                prop_assert!(pair[0].until <= pair[1].from);
            }
            for tile in &tiles {
                prop_assert!(tile.range.offset <= tile.from && tile.from < tile.until && tile.until <= tile.range.end);
            }
            let shown: u64 = tiles.iter().map(|tile| tile.until - tile.from).sum();
            prop_assert_eq!(shown, union_bytes(ranges.iter().map(|range| (range.offset, range.end))));
        }
    }
}
