//! The first bytes of a connection, within a time limit. hyper-util tells HTTP/1.1 from HTTP/2
//! by comparing them with HTTP/2's preface and has no timer for that; its timers start once
//! the version is known. Wraps a connection's stream; does nothing once they have arrived.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What an HTTP/2 client sends first (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose reads fail when the version is not known in time.
pub(super) struct Opening<I> {
    stream: I,
    matched: usize,
    limit: Option<Pin<Box<Sleep>>>,
}

impl<I> Opening<I> {
    /// The client may take so long, from now on.
    pub(super) fn new(stream: I, limit: Duration) -> Self {
        Self { stream, matched: 0, limit: Some(Box::pin(tokio::time::sleep(limit))) }
    }

    /// Notes what was read; the limit ends with the first byte that differs from the preface,
    /// or with its last.
    fn note(&mut self, read: &[u8]) {
        let rest = &PREFACE[self.matched..];
        let n = read.len().min(rest.len());
        self.matched += n;
        if read[..n] != rest[..n] || self.matched == PREFACE.len() {
            self.limit = None;
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Opening<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(limit) = &mut self.limit else {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        };
        if limit.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.note(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Opening<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a timer still runs after these reads.
    async fn limited(reads: &[&[u8]]) -> bool {
        let mut opening = Opening::new(tokio::io::empty(), Duration::from_secs(60));
        for read in reads {
            opening.note(read);
        }
        opening.limit.is_some()
    }

    #[tokio::test]
    async fn the_limit_holds_until_the_version_is_known() {
        assert!(limited(&[]).await);
        assert!(limited(&[b"P"]).await, "PRI and POST begin alike");
        assert!(limited(&[b"PRI * HTTP/2.0\r\n", b"\r\nSM\r\n"]).await);
        assert!(!limited(&[b"PRI * HTTP/2.0\r\n", b"\r\nSM\r\n\r\n"]).await);
        assert!(!limited(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore"]).await);
        assert!(!limited(&[b"PO"]).await);
        assert!(!limited(&[b"G"]).await);
    }
}
