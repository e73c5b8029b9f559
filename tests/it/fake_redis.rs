//! A Redis that behaves as badly as a test wants: it knows as much of the protocol as reading a
//! session takes, keeps the commands that it was sent, and counts connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

/// What it does with commands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Behaviour {
    /// Answers them.
    Serve,
    /// Answers each with this error.
    Error(&'static str),
    /// Reads and says nothing.
    Hang,
    /// Sends what is no Redis.
    Garbage,
    /// Resets the connection.
    Reset,
}

/// A running one; it stops when it is dropped.
pub(crate) struct FakeRedis {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    /// Values and how many milliseconds they still live, as `PTTL` says it.
    values: HashMap<String, (Vec<u8>, i64)>,
    commands: Mutex<Vec<Vec<String>>>,
    connections: Mutex<usize>,
}

impl FakeRedis {
    /// One with these values, which answers.
    pub(crate) async fn start(values: &[(&str, &str, i64)]) -> Self {
        let values = values.iter().map(|&(key, value, ttl)| (key, value.as_bytes(), ttl));
        Self::start_with(&values.collect::<Vec<_>>()).await
    }

    /// One with these values, which need not be texts.
    pub(crate) async fn start_with(values: &[(&str, &[u8], i64)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let value =
            |&(key, value, ttl): &(&str, &[u8], i64)| (key.to_owned(), (value.to_vec(), ttl));
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(Behaviour::Serve),
            values: values.iter().map(value).collect(),
            commands: Mutex::default(),
            connections: Mutex::default(),
        });
        let own = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *own.connections.lock() += 1;
                tokio::spawn(serve(stream, Arc::clone(&own)));
            }
        });
        Self { port, shared, task }
    }

    /// Behaves this way from the next command on, on every connection.
    pub(crate) fn then(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock() = behaviour;
    }

    /// Every command so far.
    pub(crate) fn commands(&self) -> Vec<Vec<String>> {
        self.shared.commands.lock().clone()
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        *self.shared.connections.lock()
    }
}

impl Drop for FakeRedis {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufStream::new(stream);
    while let Some(command) = command(&mut stream).await {
        shared.commands.lock().push(command.clone());
        let behaviour = shared.behaviour.lock().clone();
        let answer = match behaviour {
            Behaviour::Serve => answer(&command, &shared.values),
            Behaviour::Error(text) => format!("-{text}\r\n").into_bytes(),
            Behaviour::Hang => continue,
            Behaviour::Garbage => b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            Behaviour::Reset => {
                let _ = socket2::SockRef::from(stream.get_ref()).set_linger(Some(Duration::ZERO));
                return;
            }
        };
        if stream.write_all(&answer).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

fn answer(command: &[String], values: &HashMap<String, (Vec<u8>, i64)>) -> Vec<u8> {
    let value = command.get(1).and_then(|key| values.get(key));
    match command[0].as_str() {
        "GETRANGE" => {
            let end: usize = command[3].parse().unwrap();
            let value = value.map_or(&b""[..], |(value, _)| value);
            let value = &value[..value.len().min(end + 1)];
            [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
        }
        "PTTL" => format!(":{}\r\n", value.map_or(-2, |(_, ttl)| *ttl)).into_bytes(),
        _ => b"+OK\r\n".to_vec(),
    }
}

/// An array of bulk strings; `None` at the end of the connection.
async fn command(stream: &mut BufStream<TcpStream>) -> Option<Vec<String>> {
    let count = number(stream, '*').await?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let len = number(stream, '$').await?;
        let mut word = vec![0; len + 2];
        stream.read_exact(&mut word).await.ok()?;
        word.truncate(len);
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    Some(words)
}

async fn number(stream: &mut BufStream<TcpStream>, mark: char) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.trim_end().strip_prefix(mark)?.parse().ok()
}
