//! A server process of somebody else's making: a folder of its own, its output in a file
//! there, an unprivileged user, and an end with the test (or with the whole test run, for
//! those that tests share). Knows nothing about what the server does.

use std::ffi::OsStr;
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Once, OnceLock};

use tempfile::TempDir;

use super::eventually;

/// How the names of the folders begin; the test run's pid follows.
const PREFIX: &str = "cambio-real-";

/// A running server. Dropping it kills it and removes its folder.
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    folder: Folder,
}

/// A server's own folder. It belongs to the user that the server runs as.
pub(crate) struct Folder {
    // In a folder that anybody may enter, because the user is not the test's own.
    path: TempDir,
    user: &'static str,
}

impl Folder {
    /// An empty one for a server that runs as `user` when the tests run as root (and as who runs the tests
    /// otherwise).
    pub(crate) fn new(user: &'static str) -> Self {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(sweep);
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let path = tempfile::Builder::new().prefix(&prefix).tempdir().unwrap();
        let folder = Self { path, user };
        folder.hand_over(folder.path());
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.path.path()
    }

    /// Writes a file that the server can read, and answers its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        let parent = path.parent().unwrap();
        if !parent.exists() {
            std::fs::create_dir_all(parent).unwrap();
            self.hand_over(parent);
        }
        std::fs::write(&path, content).unwrap();
        self.hand_over(&path);
        path
    }

    /// Makes a folder in it that the server can write to.
    pub(crate) fn folder(&self, name: &str) {
        let path = self.path().join(name);
        std::fs::create_dir(&path).unwrap();
        self.hand_over(&path);
    }

    /// Makes the server's user the owner of `path`.
    pub(crate) fn hand_over(&self, path: &Path) {
        if is_root() {
            chown(path, Some(id_of(self.user, "-u")), Some(id_of(self.user, "-g"))).unwrap();
        }
    }

    /// `program`, to be run in the folder as the server's user, with its output in `<name>.log`. It dies
    /// with the test run, whatever becomes of that.
    pub(crate) fn command(&self, name: &str, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]);
        if is_root() {
            command.arg(format!("--reuid={}", self.user));
            command.arg(format!("--regid={}", id_of(self.user, "-g")));
            command.arg("--clear-groups");
        }
        let log = self.path().join(format!("{name}.log"));
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        command.arg("--").arg(program).current_dir(self.path()).env("HOME", self.path());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command
    }

    /// Runs a preparing command to its end, which must be a good one.
    pub(crate) fn run(&self, name: &str, mut command: Command) {
        let status = command.status().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(status.success(), "{name}: {status}: {}", self.log(name));
    }

    /// What a command of this name wrote.
    pub(crate) fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(format!("{name}.log"))).unwrap_or_default()
    }
}

impl Server {
    /// Starts what [`Folder::command`] made under the same name.
    pub(crate) fn start(name: &'static str, folder: Folder, command: Command) -> Self {
        Self { name, child: spawn(command), folder }
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it accepts connections.
    pub(crate) async fn listens(&mut self, port: u16) {
        eventually("the server listens", async || {
            self.still_runs();
            TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .await;
    }

    /// Fails, with what it wrote, when it has ended.
    pub(crate) fn still_runs(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended with {status}: {}", self.name, self.folder.log(self.name));
        }
    }

    /// Sends `TERM`, `INT`, `STOP`, `CONT` …
    pub(crate) fn signal(&self, signal: &str) {
        let line = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    /// SIGKILL, and waits for its end.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGKILL for it and its children, as a machine's end is for them; waits for their ends.
    pub(crate) async fn kill_all(&mut self) {
        // Stopped, so that it has no more children when they are listed.
        self.signal("STOP");
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        self.kill();
        let line = format!("kill -KILL {children} 2>&-");
        // Those that have ended by themselves make it fail.
        let _ = Command::new("sh").args(["-c", &line]).status().unwrap();
        for child in children.split_whitespace() {
            eventually("a child ends", async || {
                let stat = std::fs::read_to_string(format!("/proc/{child}/stat"));
                // Whoever is its parent now may be in no hurry to see its end.
                stat.map_or(true, |stat| stat.contains(") Z ")).then_some(())
            })
            .await;
        }
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.signal("TERM");
        self.ended().await;
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) {
        eventually("the server ends", async || self.child.try_wait().unwrap()).await;
    }

    /// Asks it to end and waits for that: for a server whose children SIGKILL would leave behind.
    pub(crate) fn end(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.signal("TERM");
            self.child.wait().unwrap();
        }
    }

    /// Starts it again in its folder, after [`Server::kill`] or [`Server::stop`].
    pub(crate) fn start_again(&mut self, command: Command) {
        self.child = spawn(command);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a process whose parent is a thread that lives as long as the test run: the signal of
/// `setpriv --pdeathsig` comes when the starting *thread* ends, and a test's own ends early.
fn spawn(command: Command) -> Child {
    type Order = (Command, Sender<std::io::Result<Child>>);
    static PARENT: OnceLock<Sender<Order>> = OnceLock::new();
    let parent = PARENT.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                answer.send(command.spawn()).unwrap();
            }
        });
        orders
    });
    let (answer, started) = channel();
    parent.send((command, answer)).unwrap();
    started.recv().unwrap().unwrap()
}

/// Removes what earlier test runs left: servers that tests share end after the last test.
fn sweep() {
    for entry in std::fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another run may be doing the same.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn is_root() -> bool {
    id(&["-u"]) == 0
}

/// A user's numeric id (`-u`), or that of the primary group (`-g`).
fn id_of(user: &str, which: &str) -> u32 {
    id(&[which, user])
}

fn id(args: &[&str]) -> u32 {
    let output = Command::new("id").args(args).output().unwrap();
    assert!(output.status.success(), "id {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}
