//! An answer on its way from the query thread to the connection.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::{mpsc, oneshot};

use crate::connection::Statistics;
use crate::exception::Exception;
use crate::execute::Running;
use crate::format;

/// Pieces of a result that wait for the connection. A slow reader holds the query back, and with
/// pieces of some hundred KiB four are enough to keep a fast one busy.
const PIECES_WAITING: usize = 4;

/// The query thread's end: first a head, then perhaps pieces.
pub(crate) struct Reply {
    head: Option<oneshot::Sender<Head>>,
    pieces: mpsc::Sender<OutPiece>,
    exception_tag: String,
}

/// The connection's end.
pub(crate) struct Answer {
    pub(crate) head: oneshot::Receiver<Head>,
    pieces: mpsc::Receiver<OutPiece>,
    exception_tag: String,
}

pub(crate) enum Head {
    /// The whole result.
    Whole {
        format: String,
        bytes: Bytes,
        statistics: Statistics,
    },
    /// The result follows.
    Stream {
        format: String,
    },
    Failed(Exception),
}

pub(crate) enum OutPiece {
    Data(Bytes),
    /// Without it an answer is cut off, and the client must see that.
    End,
}

/// The client went away; the query is of no use to anybody.
pub(crate) struct Gone;

pub(crate) fn channel() -> (Reply, Answer) {
    let (head_sender, head) = oneshot::channel();
    let (sender, pieces) = mpsc::channel(PIECES_WAITING);
    let exception_tag = random_hex();
    let reply = Reply {
        head: Some(head_sender),
        pieces: sender,
        exception_tag: exception_tag.clone(),
    };
    let answer = Answer {
        head,
        pieces,
        exception_tag,
    };
    (reply, answer)
}

impl Reply {
    pub(crate) fn whole(&mut self, format: &str, bytes: Bytes, statistics: Statistics) {
        self.begin(Head::Whole {
            format: format.to_owned(),
            bytes,
            statistics,
        });
    }

    pub(crate) fn stream(&mut self, format: &str) {
        self.begin(Head::Stream {
            format: format.to_owned(),
        });
    }

    pub(crate) fn piece(&mut self, bytes: Bytes) -> Result<(), Gone> {
        self.pieces
            .blocking_send(OutPiece::Data(bytes))
            .map_err(|_| Gone)
    }

    pub(crate) fn end(&mut self) {
        // A client that is gone needs no end.
        let _ = self.pieces.blocking_send(OutPiece::End);
    }

    /// With its own status if nothing was sent yet, else as a block behind what was.
    pub(crate) fn fail(&mut self, exception: Exception) {
        if self.head.is_some() {
            self.begin(Head::Failed(exception));
        } else if self
            .piece(exception.block(&self.exception_tag).into())
            .is_ok()
        {
            self.end();
        }
    }

    fn begin(&mut self, head: Head) {
        if let Some(sender) = self.head.take() {
            let _ = sender.send(head);
        }
    }
}

impl Answer {
    /// The HTTP answer for a head; `running` watches over a stream until its end.
    pub(crate) fn response(
        self,
        head: Head,
        mut running: Running,
        query_id: &str,
    ) -> Response<ReplyBody> {
        let mut response = match head {
            Head::Failed(exception) => {
                running.finished();
                failed(&exception)
            }
            Head::Whole {
                format,
                bytes,
                statistics,
            } => {
                running.finished();
                let mut response = Response::new(ReplyBody::Whole(bytes));
                set(&mut response, "x-clickhouse-summary", &summary(statistics));
                set_format(&mut response, &format);
                response
            }
            Head::Stream { format } => {
                let mut response = Response::new(ReplyBody::Stream {
                    pieces: self.pieces,
                    running,
                    ended: false,
                });
                set_format(&mut response, &format);
                response
            }
        };
        set(
            &mut response,
            "x-clickhouse-exception-tag",
            &self.exception_tag,
        );
        set(&mut response, "x-clickhouse-query-id", query_id);
        set(&mut response, "x-clickhouse-timezone", "UTC");
        set(&mut response, "x-clickhouse-server-display-name", "cbsift");
        response
    }
}

/// An answer that is an exception.
pub(crate) fn failed(exception: &Exception) -> Response<ReplyBody> {
    let mut response = text(exception.status(), exception.body());
    set(
        &mut response,
        "x-clickhouse-exception-code",
        &exception.code.to_string(),
    );
    if exception.status() == StatusCode::UNAUTHORIZED {
        set(&mut response, "www-authenticate", "Basic realm=\"cbsift\"");
    }
    response
}

/// A short text.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Whole(text.into()));
    *response.status_mut() = status;
    set(
        &mut response,
        CONTENT_TYPE.as_str(),
        "text/plain; charset=UTF-8",
    );
    response
}

/// Sixteen characters that no result holds by chance.
pub(crate) fn random_hex() -> String {
    // Each `RandomState` has fresh keys, so that hashing nothing is a random number.
    format!("{:016x}", RandomState::new().hash_one(()))
}

fn set_format(response: &mut Response<ReplyBody>, format: &str) {
    set(response, "x-clickhouse-format", format);
    set(
        response,
        CONTENT_TYPE.as_str(),
        format::content_type(format),
    );
}

/// What cannot be a header (a line end in a format's name) is left out.
fn set(response: &mut Response<ReplyBody>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn summary(statistics: Statistics) -> String {
    let Statistics {
        read_rows,
        read_bytes,
        written_rows,
        written_bytes,
        result_rows,
        result_bytes,
        elapsed_seconds,
    } = statistics;
    let elapsed_ns = (elapsed_seconds * 1e9) as u64;
    format!(
        "{{\"read_rows\":\"{read_rows}\",\"read_bytes\":\"{read_bytes}\",\
         \"written_rows\":\"{written_rows}\",\"written_bytes\":\"{written_bytes}\",\
         \"total_rows_to_read\":\"0\",\"result_rows\":\"{result_rows}\",\
         \"result_bytes\":\"{result_bytes}\",\"elapsed_ns\":\"{elapsed_ns}\"}}"
    )
}

/// The body of an answer.
pub(crate) enum ReplyBody {
    Whole(Bytes),
    Stream {
        pieces: mpsc::Receiver<OutPiece>,
        running: Running,
        ended: bool,
    },
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream { ended: true, .. } => Poll::Ready(None),
            Self::Stream {
                pieces,
                running,
                ended,
            } => match ready!(pieces.poll_recv(context)) {
                Some(OutPiece::Data(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(OutPiece::End) => {
                    *ended = true;
                    running.finished();
                    Poll::Ready(None)
                }
                None => Poll::Ready(Some(Err(io::Error::other("the query thread died")))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream { ended, .. } => *ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream { .. } => SizeHint::default(),
        }
    }
}
