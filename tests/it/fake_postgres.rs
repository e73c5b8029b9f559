//! A PostgreSQL that behaves as badly as a test wants: it knows as much of the protocol as one
//! query with one parameter takes, keeps what it was asked, and counts connections.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Types of columns, by their numbers in `pg_type`.
pub(crate) const TEXT: u32 = 25;
pub(crate) const INT8: u32 = 20;
pub(crate) const TIMESTAMP: u32 = 1114;

/// A column: its name, its type, its value in binary.
pub(crate) type Column = (&'static str, u32, Option<Vec<u8>>);

/// What it does with a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Behaviour {
    /// Answers the rows of the parameter.
    Serve,
    /// Answers with an error of this code, whose text quotes the parameter.
    Error(&'static str),
    /// Reads and says nothing.
    Hang,
    /// Says nothing from the first message of a new connection on.
    HangAtOnce,
    /// Sends what is no PostgreSQL.
    Garbage,
    /// Resets the connection.
    Reset,
}

/// A running one; it stops when it is dropped.
pub(crate) struct FakePostgres {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    rows: HashMap<&'static str, Vec<Vec<Column>>>,
    asked: Mutex<Vec<String>>,
    connections: Mutex<usize>,
    open: watch::Sender<usize>,
}

impl FakePostgres {
    /// One with these rows by the query's parameter, which answers.
    pub(crate) async fn start(rows: &[(&'static str, Vec<Vec<Column>>)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(Behaviour::Serve),
            rows: rows.iter().cloned().collect(),
            asked: Mutex::default(),
            connections: Mutex::default(),
            open: watch::Sender::new(0),
        });
        let own = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *own.connections.lock() += 1;
                let own = Arc::clone(&own);
                tokio::spawn(async move {
                    own.open.send_modify(|open| *open += 1);
                    serve(stream, &own).await;
                    own.open.send_modify(|open| *open -= 1);
                });
            }
        });
        Self { port, shared, task }
    }

    /// Behaves this way from the next query on, on every connection.
    pub(crate) fn then(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock() = behaviour;
    }

    /// Every statement so far, simple ones and those with a parameter (`<sql> <parameter>`).
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().clone()
    }

    /// Waits until nobody is connected any more.
    pub(crate) async fn is_left(&self) {
        self.shared.open.subscribe().wait_for(|open| *open == 0).await.unwrap();
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        *self.shared.connections.lock()
    }
}

impl Drop for FakePostgres {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> Option<()> {
    let startup = stream.read_i32().await.ok()?;
    let mut parameters = vec![0; usize::try_from(startup).unwrap() - 4];
    stream.read_exact(&mut parameters).await.ok()?;
    if *shared.behaviour.lock() == Behaviour::HangAtOnce {
        std::future::pending::<()>().await;
    }
    // AuthenticationOk, ReadyForQuery.
    let hello = [message(b'R', &0_i32.to_be_bytes()), message(b'Z', b"I")].concat();
    stream.write_all(&hello).await.ok()?;
    let (mut sql, mut parameter) = (String::new(), String::new());
    loop {
        let kind = stream.read_u8().await.ok()?;
        let mut body = vec![0; usize::try_from(stream.read_i32().await.ok()?).unwrap() - 4];
        stream.read_exact(&mut body).await.ok()?;
        let behaviour = shared.behaviour.lock().clone();
        let rows = shared.rows.get(parameter.as_str()).cloned().unwrap_or_default();
        let answer = match (kind, behaviour) {
            (b'X', _) => return None,
            (b'Q', Behaviour::Serve | Behaviour::Error(_)) => {
                shared.asked.lock().push(text(&body).to_owned());
                [message(b'C', b"DONE\0"), message(b'Z', b"I")].concat()
            }
            // Parse: the statement's name, then its text.
            (b'P', _) => {
                sql = text(&body[1..]).to_owned();
                assert_eq!(body[0], 0, "a statement with a name");
                message(b'1', b"")
            }
            // Bind: names, one format, one parameter.
            (b'B', _) => {
                let len = usize::try_from(i32::from_be_bytes(body[8..12].try_into().unwrap()));
                parameter = String::from_utf8(body[12..12 + len.unwrap()].to_vec()).unwrap();
                shared.asked.lock().push(format!("{sql} {parameter}"));
                message(b'2', b"")
            }
            (b'D', Behaviour::Serve) => {
                let columns = shared.rows.values().flatten().next().cloned().unwrap_or_default();
                let columns = rows.first().unwrap_or(&columns);
                let count = u16::try_from(columns.len()).unwrap();
                let fields: Vec<u8> = columns.iter().flat_map(field).collect();
                let described = [&count.to_be_bytes()[..], &fields].concat();
                let parameters = [&1_u16.to_be_bytes()[..], &TEXT.to_be_bytes()].concat();
                [message(b't', &parameters), message(b'T', &described)].concat()
            }
            (b'E', Behaviour::Serve) => {
                let rows: Vec<u8> = rows.iter().flat_map(|row| data(row)).collect();
                [rows, message(b'C', b"SELECT\0")].concat()
            }
            (b'S', Behaviour::Serve | Behaviour::Error(_)) => message(b'Z', b"I"),
            (b'E', Behaviour::Error(code)) => {
                let told =
                    format!("SERROR\0VERROR\0C{code}\0Minvalid input syntax: \"{parameter}\"\0\0");
                message(b'E', told.as_bytes())
            }
            (_, Behaviour::Garbage) => b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            (_, Behaviour::Reset) => {
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                return None;
            }
            _ => continue,
        };
        stream.write_all(&answer).await.ok()?;
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 4).unwrap();
    [&[kind], &len.to_be_bytes()[..], body].concat()
}

fn field((name, ty, _): &Column) -> Vec<u8> {
    let mut field = [name.as_bytes(), &[0], &[0; 6]].concat();
    field.extend(ty.to_be_bytes());
    // Length and modifier unknown, binary format.
    field.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 1]);
    field
}

fn data(row: &[Column]) -> Vec<u8> {
    let mut body = u16::try_from(row.len()).unwrap().to_be_bytes().to_vec();
    for (_, _, value) in row {
        let len = value.as_ref().map_or(-1, |value| i32::try_from(value.len()).unwrap());
        body.extend(len.to_be_bytes());
        body.extend(value.iter().flatten());
    }
    message(b'D', &body)
}

/// Up to the zero byte.
fn text(body: &[u8]) -> &str {
    let end = body.iter().position(|&b| b == 0).unwrap();
    std::str::from_utf8(&body[..end]).unwrap()
}
