//! An upstream that behaves as badly as a test wants: a TCP listener that answers each
//! request by a script, keeps what it was sent, and counts. One request a connection.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Answers.
    Answer { status: u16, headers: String, body: String },
    /// Reads the request and says nothing.
    Hang,
    /// Sends the head and a part of the body, and stops.
    SlowBody,
    /// Resets the connection.
    Reset,
    /// Closes the connection in the middle of the body.
    Truncate,
    /// Sends what is not HTTP.
    Garbage,
    /// Answers with more than anybody asked for.
    Huge,
}

impl Behaviour {
    pub(crate) fn json(body: impl ToString) -> Self {
        Self::status(200, "content-type: application/json\r\n", &body.to_string())
    }

    pub(crate) fn status(status: u16, headers: &str, body: &str) -> Self {
        Self::Answer { status, headers: headers.to_owned(), body: body.to_owned() }
    }
}

/// A running upstream; it stops when it is dropped.
pub(crate) struct Upstream {
    pub(crate) origin: String,
    script: Arc<Mutex<Script>>,
    task: tokio::task::JoinHandle<()>,
}

struct Script {
    then: Behaviour,
    /// What a request must hold to be treated so, and how the others are.
    unless: Option<(String, Behaviour)>,
    requests: Vec<String>,
}

impl Upstream {
    /// Behaves this way, always.
    pub(crate) async fn start(then: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let script = Script { then, unless: None, requests: Vec::new() };
        let script = Arc::new(Mutex::new(script));
        let shared = Arc::clone(&script);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { origin, script, task }
    }

    /// Behaves this way from now on.
    pub(crate) fn then(&self, behaviour: Behaviour) {
        self.script.lock().then = behaviour;
    }

    /// Behaves so only to requests that hold this line.
    pub(crate) fn only_for(&self, line: &str, otherwise: Behaviour) {
        self.script.lock().unless = Some((format!("{line}\r\n"), otherwise));
    }

    /// Every request so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.script.lock().requests.clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An origin where nobody listens.
pub(crate) async fn refusing_origin() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    let mut request = Vec::new();
    while !request.windows(4).any(|w| w == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let behaviour = {
        let mut script = script.lock();
        let request = String::from_utf8_lossy(&request).into_owned();
        let behaviour = match &script.unless {
            Some((line, otherwise)) if !request.contains(line) => otherwise.clone(),
            _ => script.then.clone(),
        };
        script.requests.push(request);
        behaviour
    };
    act(&mut stream, behaviour).await;
}

/// Writes may fail because the client has gone; that is its right.
async fn act(stream: &mut TcpStream, behaviour: Behaviour) {
    match behaviour {
        Behaviour::Answer { status, headers, body } => {
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Behaviour::Hang => std::future::pending().await,
        Behaviour::SlowBody => {
            let _ = stream.write_all(HEAD_OF_MORE).await;
            std::future::pending::<()>().await;
        }
        Behaviour::Truncate => {
            let _ = stream.write_all(HEAD_OF_MORE).await;
        }
        Behaviour::Reset => {
            let _ = socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
        }
        Behaviour::Garbage => {
            let _ = stream.write_all(b"\x16\x03\x01 this is not HTTP at all\r\n\r\n").await;
        }
        Behaviour::Huge => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"a\":\"";
            let _ = stream.write_all(head).await;
            while stream.write_all(&[b'a'; 8192]).await.is_ok() {}
        }
    }
}

const HEAD_OF_MORE: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"sub\":";
