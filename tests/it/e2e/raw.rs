//! A connection on which the test decides every byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::DEADLINE;

/// The connection.
pub(super) struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

/// One HTTP/1.1 answer.
#[derive(Debug)]
pub(super) struct RawAnswer {
    pub(super) status: u16,
    /// Status line and headers, in lower case.
    pub(super) head: String,
}

impl Raw {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    /// Connects and sends.
    pub(super) async fn opened(address: SocketAddr, bytes: &str) -> Self {
        let mut raw = Self::connect(address).await;
        raw.send(bytes).await;
        raw
    }

    pub(super) async fn send(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Sends what it can: the server may close while it is being sent.
    pub(super) async fn push(&mut self, bytes: &str) {
        let _ = self.stream.write_all(bytes.as_bytes()).await;
    }

    /// Sends all of it, however long that takes; `false` when the server has closed instead.
    pub(super) async fn offer(&mut self, bytes: &str) -> bool {
        self.stream.write_all(bytes.as_bytes()).await.is_ok()
    }

    /// Says that no more bytes will come.
    pub(super) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Whether nothing has come in.
    pub(super) fn is_silent(&self) -> bool {
        let outcome = self.stream.try_read(&mut [0; 1]);
        outcome.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// The next answer; `None` when the connection ends instead.
    pub(super) async fn answer(&mut self) -> Option<RawAnswer> {
        let end = self.read_until(|read| find(read, b"\r\n\r\n")).await? + 4;
        let head: Vec<u8> = self.read.drain(..end).collect();
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |n| n.parse().unwrap());
        self.read_until(|read| (read.len() >= length).then_some(())).await?;
        self.read.drain(..length);
        Some(RawAnswer { status, head })
    }

    /// Waits for the server to end the connection, and says how long that took.
    pub(super) async fn closed(mut self) -> Duration {
        let started = std::time::Instant::now();
        let _ = self.read_until(|_| None::<()>).await;
        started.elapsed()
    }

    async fn read_until<T>(&mut self, found: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = found(&self.read) {
                return Some(found);
            }
            let read = timeout(DEADLINE, self.stream.read_buf(&mut self.read)).await;
            match read.expect("the server says nothing") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

/// A complete request that is answered 404, with this correlation id.
pub(super) fn request(id: &str) -> String {
    format!("GET /nothing HTTP/1.1\r\nhost: x\r\nx-correlation-id: {id}\r\n\r\n")
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}
