//! A connection's bytes, watched: when an answer is written, and whether its reader still takes it.

use crate::admission::Place;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A reader may take this long before its rate counts: as long as ClickHouse waits for its clients.
const GRACE: Duration = Duration::from_secs(30);

/// The least that a reader of an answer takes per second then, as a slow mobile line does. Without it somebody who asks for a large
/// answer and does not read it would hold its connection and its memory for ever.
const RATE: u64 = 16 * 1024;

/// A stream whose answers end in time.
pub(crate) struct Watched<I> {
    stream: I,
    place: Arc<Place>,
    slow: Option<Slow>,
}

/// An answer whose reader let us wait.
struct Slow {
    request: u64,
    /// In waits that are over. What we take ourselves to make the answer is no fault of its reader.
    waited: Duration,
    /// Start of the wait that is not over yet.
    since: Option<Instant>,
    written: u64,
    end: Pin<Box<Sleep>>,
}

impl<I> Watched<I> {
    pub(crate) fn new(stream: I, place: Arc<Place>) -> Self {
        Self {
            stream,
            place,
            slow: None,
        }
    }

    /// After a write: counts it, or sees whether the wait is too long.
    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let request = self.place.requests();
        match written {
            Poll::Ready(Ok(count)) => {
                if let Some(slow) = &mut self.slow {
                    slow.written += count as u64;
                    if let Some(since) = slow.since.take() {
                        slow.waited += since.elapsed();
                    }
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => {
                let now = Instant::now();
                let slow = match &mut self.slow {
                    Some(slow) if slow.request == request => slow,
                    slow => slow.insert(Slow {
                        request,
                        waited: Duration::ZERO,
                        since: None,
                        written: 0,
                        end: Box::pin(sleep_until(now + GRACE)),
                    }),
                };
                let since = *slow.since.get_or_insert(now);
                loop {
                    ready!(slow.end.as_mut().poll(cx));
                    let earned = Duration::from_secs(slow.written / RATE);
                    let end = since + (GRACE + earned).saturating_sub(slow.waited);
                    if end <= Instant::now() {
                        return Poll::Ready(Err(io::Error::new(
                            io::ErrorKind::TimedOut,
                            "the answer is not read",
                        )));
                    }
                    slow.end.as_mut().reset(end);
                }
            }
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for when nothing is left to be written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream)
            .poll_flush(cx)
            .map_ok(|()| 0_usize);
        let flushed = self.judge(cx, flushed).map_ok(drop);
        if let Poll::Ready(Ok(())) = &flushed {
            self.place.written();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Admission, Limits};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::sleep;

    /// A connection that holds a KiB on its way, and its reader.
    fn watched() -> (Watched<DuplexStream>, DuplexStream) {
        let admission = Admission::new(Limits {
            connections_max: 1,
            address_max: 1,
            patience: GRACE,
        });
        let place = admission.admit("192.0.2.1".parse().unwrap()).unwrap();
        let (stream, reader) = duplex(1024);
        (Watched::new(stream, Arc::new(place)), reader)
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_or_next_to_nothing_is_cut() {
        let (mut stream, reader) = watched();
        let error = stream.write_all(&[0; 4096]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(reader);

        let (mut stream, mut reader) = watched();
        tokio::spawn(async move {
            let mut taken = [0; 64];
            while reader.read_exact(&mut taken).await.is_ok() {
                sleep(GRACE / 4).await;
            }
        });
        let error = stream.write_all(&[0; 16 * 1024]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_between_two_parts_of_an_answer_is_not_its_readers() {
        let (mut stream, mut reader) = watched();
        for _ in 0..3 {
            // More than is held on its way, and taken at once.
            let mut taken = [0; 4096];
            let (written, read) =
                tokio::join!(stream.write_all(&[0; 4096]), reader.read_exact(&mut taken));
            written.unwrap();
            read.unwrap();
            sleep(2 * GRACE).await;
        }
    }
}
