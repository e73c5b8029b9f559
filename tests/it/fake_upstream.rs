//! An upstream that behaves as badly as a test wants: a TCP listener that answers each
//! request by a script, keeps what it was sent, and counts. One request a connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

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
    gate: Arc<Gate>,
    task: tokio::task::JoinHandle<()>,
}

/// Where requests wait while the upstream is held, and how many have come.
struct Gate {
    held: watch::Sender<bool>,
    arrived: watch::Sender<usize>,
}

struct Script {
    then: Behaviour,
    /// What it does with the next requests, before `then`.
    first: VecDeque<Behaviour>,
    /// Requests that are being treated, and the most that ever were at the same time.
    under_way: usize,
    peak: usize,
    /// What a request must hold to be treated so, and how the others are.
    unless: Option<(String, Behaviour)>,
    /// What it does with requests for these paths, before all of that.
    paths: Vec<(String, Behaviour)>,
    requests: Vec<String>,
}

impl Upstream {
    /// Behaves this way, always.
    pub(crate) async fn start(then: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let script = Script {
            then,
            first: VecDeque::new(),
            under_way: 0,
            peak: 0,
            unless: None,
            paths: Vec::new(),
            requests: Vec::new(),
        };
        let gate = Gate { held: watch::Sender::new(false), arrived: watch::Sender::new(0) };
        let gate = Arc::new(gate);
        let script = Arc::new(Mutex::new(script));
        let (shared, waiting) = (Arc::clone(&script), Arc::clone(&gate));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared), Arc::clone(&waiting)));
            }
        });
        Self { origin, script, gate, task }
    }

    /// Does this with the next request only.
    pub(crate) fn once(&self, behaviour: Behaviour) {
        self.script.lock().first.push_back(behaviour);
    }

    /// Lets requests wait until it is released.
    pub(crate) fn hold(&self) {
        self.gate.held.send_replace(true);
    }

    /// Treats those that wait, and from now on every one at once.
    pub(crate) fn release(&self) {
        self.gate.held.send_replace(false);
    }

    /// Waits until this many requests have come in all.
    pub(crate) async fn arrived(&self, requests: usize) {
        self.gate.arrived.subscribe().wait_for(|n| *n >= requests).await.unwrap();
    }

    /// The most requests that were there at the same time.
    pub(crate) fn peak(&self) -> usize {
        self.script.lock().peak
    }

    /// Listens no longer.
    pub(crate) async fn stop(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// Behaves this way from now on.
    pub(crate) fn then(&self, behaviour: Behaviour) {
        self.script.lock().then = behaviour;
    }

    /// Behaves so only to requests that hold this line.
    pub(crate) fn only_for(&self, line: &str, otherwise: Behaviour) {
        self.only_with(&format!("{line}\r\n"), otherwise);
    }

    /// Behaves so only to requests that hold this text.
    pub(crate) fn only_with(&self, text: &str, otherwise: Behaviour) {
        self.script.lock().unless = Some((text.to_owned(), otherwise));
    }

    /// Behaves this way from now on when it is asked for this path.
    pub(crate) fn at(&self, path: &str, behaviour: Behaviour) {
        let mut script = self.script.lock();
        script.paths.retain(|(known, _)| known != path);
        script.paths.push((path.to_owned(), behaviour));
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

async fn serve(mut stream: TcpStream, script: Arc<Mutex<Script>>, gate: Arc<Gate>) {
    let Some(request) = read_request(&mut stream).await else { return };
    let arrived = {
        let mut script = script.lock();
        script.requests.push(request.clone());
        script.under_way += 1;
        script.peak = script.peak.max(script.under_way);
        script.requests.len()
    };
    gate.arrived.send_replace(arrived);
    let _ = gate.held.subscribe().wait_for(|held| !held).await;
    let behaviour = {
        let mut script = script.lock();
        script.under_way -= 1;
        let path = request.split(' ').nth(1).unwrap_or_default();
        let by_path = script.paths.iter().find(|(known, _)| known == path);
        if let Some((_, behaviour)) = by_path {
            behaviour.clone()
        } else {
            let first = script.first.pop_front();
            match &script.unless {
                Some((text, otherwise)) if !request.contains(text) => otherwise.clone(),
                _ => first.unwrap_or_else(|| script.then.clone()),
            }
        }
    };
    act(&mut stream, behaviour).await;
}

/// One request, head and content; `None` when the client breaks off.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return None;
        }
    }
    Some(String::from_utf8_lossy(&request).into_owned())
}

/// Whether it has the head and as much content as the head says.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse::<usize>().unwrap())
}

/// An upstream on TLS that answers every request with this JSON document, under the
/// certificate that it presents just then. It stops when it is dropped.
pub(crate) struct TlsUpstream {
    pub(crate) origin: String,
    acceptor: Arc<Mutex<TlsAcceptor>>,
    task: tokio::task::JoinHandle<()>,
}

impl TlsUpstream {
    pub(crate) async fn start(certificate: &Certificate, body: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let acceptor = Arc::new(Mutex::new(acceptor(certificate)));
        let presented = Arc::clone(&acceptor);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = presented.lock().clone();
                // A client that does not trust the certificate breaks the handshake off.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let _ = read_request(&mut stream).await;
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { origin, acceptor, task }
    }

    /// Presents this certificate from now on.
    pub(crate) fn present(&self, certificate: &Certificate) {
        *self.acceptor.lock() = acceptor(certificate);
    }
}

impl Drop for TlsUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A self-signed certificate for this machine.
pub(crate) type Certificate = rcgen::CertifiedKey<rcgen::KeyPair>;

pub(crate) fn certificate() -> Certificate {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

fn acceptor(certificate: &Certificate) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
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
