//! The made-up fleet as senders: history first, then records as time goes on.

use anyhow::Context;
use event::{Format, Source, TextEncoding, UtcMillis};
use send::{Part, SendOptions, Uplink};
use simulate::{Fleet, Live, LogFile, Pace};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Sends for many endpoints with a relay's token.
pub(crate) struct Feed {
    options: SendOptions,
}

/// Bodies of this size keep round trips few and fit the intake's bound.
const BODY_BYTES: usize = 4 << 20;

/// Endpoints of a live fleet write at different times; looking this often keeps pages lively.
const TICK: Duration = Duration::from_secs(2);

/// Endpoints that send side by side.
const SENDERS_AT_ONCE: usize = 256;

impl Feed {
    pub(crate) fn new(url: &str, token: &str) -> anyhow::Result<Self> {
        Ok(Self {
            options: SendOptions::new(url, token),
        })
    }

    fn uplink(&self, endpoint: &str) -> anyhow::Result<Uplink> {
        let mut options = self.options.clone();
        options.endpoint = Some(endpoint.to_owned());
        Ok(Uplink::new(&options)?)
    }

    /// All logs of an endpoint as they are now.
    pub(crate) fn history(&self, endpoint: &str, logs: &[LogFile]) -> anyhow::Result<()> {
        let uplink = self.uplink(endpoint)?;
        for log in logs {
            let detection = parse::detect(
                &log.path,
                &log.bytes[..log.bytes.len().min(parse::HEAD_BYTES)],
            );
            let Some(source) = detection.source else {
                continue;
            };
            self.put(
                &uplink,
                source,
                detection.encoding,
                detection.format,
                &log.path,
                0,
                &log.bytes,
                first_record(log, &detection),
            )
            .with_context(|| format!("send `{}` of `{endpoint}`", log.path))?;
        }
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "they are the fields of one request"
    )]
    fn put(
        &self,
        uplink: &Uplink,
        source: Source,
        encoding: TextEncoding,
        format: Format,
        path: &str,
        offset: u64,
        bytes: &[u8],
        first_record: u64,
    ) -> anyhow::Result<()> {
        let mut cutter = parse::Cutter::new(encoding, format, offset, parse::MAX_RECORD_BYTES);
        let mut pieces = Vec::new();
        cutter.push(bytes, &mut pieces);
        cutter.finish(&mut pieces);
        let mut from = 0_usize;
        let mut length = 0_usize;
        for (number, piece) in pieces.iter().enumerate() {
            length += usize::try_from(piece.length)?;
            let is_last = number + 1 == pieces.len();
            if is_last || length >= BODY_BYTES {
                uplink.put(&Part {
                    source,
                    first_record,
                    offset: offset + from as u64,
                    open: is_last,
                    encoding,
                    format,
                    path,
                    bytes: &bytes[from..from + length],
                })?;
                from += length;
                length = 0;
            }
        }
        Ok(())
    }

    /// Goes on until it is told to stop.
    pub(crate) fn live(
        &self,
        fleet: &Fleet,
        now: impl Fn() -> UtcMillis,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let start = now();
        let mut senders = Vec::new();
        for plan in fleet.plans() {
            let history = simulate::logs(&plan);
            let newest = history
                .iter()
                .find(|log| log.source == Source::Cbs.name())
                .context("every endpoint has a CBS log")?;
            let detection = parse::detect(
                &newest.path,
                &newest.bytes[..newest.bytes.len().min(parse::HEAD_BYTES)],
            );
            let first = first_record(newest, &detection);
            senders.push((
                Live::new(&plan, start, Pace::default()),
                self.uplink(&plan.id)?,
                first,
            ));
        }
        while !stop.is_cancelled() {
            let tick = now();
            // All that write in this moment send side by side, as the machines they stand for would.
            for some in senders.chunks_mut(SENDERS_AT_ONCE) {
                std::thread::scope(|scope| {
                    let sent: Vec<_> = some
                        .iter_mut()
                        .filter_map(|(live, uplink, first)| {
                            let offset = live.offset();
                            let bytes = live.next(tick);
                            (!bytes.is_empty()).then(|| {
                                let (path, uplink, first) = (live.path(), &*uplink, *first);
                                scope.spawn(move || {
                                    self.put(
                                        uplink,
                                        Source::Cbs,
                                        TextEncoding::Utf8,
                                        Format::Wds,
                                        path,
                                        offset,
                                        &bytes,
                                        first,
                                    )
                                })
                            })
                        })
                        .collect();
                    for one in sent {
                        one.join()
                            .map_err(|_| anyhow::anyhow!("a sender panicked"))??;
                    }
                    anyhow::Ok(())
                })?;
                if stop.is_cancelled() {
                    break;
                }
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }
}

fn first_record(log: &LogFile, detection: &parse::Detection) -> u64 {
    let head = &log.bytes[..log.bytes.len().min(parse::HEAD_BYTES)];
    let mut cutter = parse::Cutter::new(detection.encoding, detection.format, 0, head.len());
    let mut pieces = Vec::new();
    cutter.push(head, &mut pieces);
    cutter.finish(&mut pieces);
    parse::start_hash(
        pieces.iter().map(|piece| piece.text.as_str()),
        detection.format,
    )
}
