//! `cambio healthcheck`: asks a running server whether it is ready; for container images
//! without a shell.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{fail, refuse};
use crate::config::{self, Sources};

const TIMEOUT: Duration = Duration::from_secs(3);

/// Ask a running server whether it is ready
///
/// Asks /readyz at the address that `admin.listen` says; exit code 0 when it answers 200.
#[derive(Debug, Args)]
pub(super) struct Healthcheck {
    /// The server's configuration files, if they say another `admin.listen`; those that do not
    /// exist are passed over.
    #[arg(long = "config", value_name = "FILE", num_args = 1..)]
    files: Vec<PathBuf>,
    /// The admin address to ask instead of the configured one: 127.0.0.1:9090.
    #[arg(long, value_name = "ADDR")]
    address: Option<SocketAddr>,
}

impl Healthcheck {
    pub(super) fn run(self) -> ExitCode {
        let files = self.files.into_iter().filter(|file| file.exists()).collect();
        let sources = Sources { files, overlay: None, environment: true };
        let address = match self.address {
            Some(address) => address,
            None => match config::admin(&sources) {
                Ok(admin) => admin.listen,
                Err(problems) => return refuse(&problems),
            },
        };
        match ask(reachable(address)) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => fail("the server is not ready"),
            Err(error) => fail(format!("cannot ask {address}: {error}")),
        }
    }
}

/// A listener on all addresses is reached by loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

fn ask(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\nhost: localhost\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(head.starts_with(b"HTTP/1.") && head.ends_with(b" 200"))
}
