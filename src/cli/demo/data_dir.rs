//! The demo's folder: secrets and users that are made on the first start and kept.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::domain::{Random, SecretString, SystemRandom};
use crate::sso;

/// The demo's user, for `Basic`.
pub(super) const USERNAME: &str = "ada";

/// The folder; a temporary one is removed when this is dropped.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    temporary: bool,
}

impl DataDir {
    /// Opens the folder, making it and what is missing in it.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, String> {
        let this = match path {
            Some(path) => Self { path: path.to_owned(), temporary: false },
            None => Self { path: fresh_path(), temporary: true },
        };
        let made = fs::DirBuilder::new().recursive(!this.temporary).mode(0o700).create(&this.path);
        made.map_err(|e| format!("cannot make {}: {e}", this.path.display()))?;
        this.fill().map_err(|e| format!("cannot write in {}: {e}", this.path.display()))?;
        Ok(this)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The secret that is kept under this name.
    pub(super) fn secret(&self, name: &str) -> Result<SecretString, String> {
        let path = self.path.join(name);
        fs::read_to_string(&path)
            .map(|text| SecretString::new(text.trim_end()))
            .map_err(|e| format!("cannot read {}: {e}", path.display()))
    }

    /// The demo's configuration with this folder and address filled in.
    pub(super) fn configuration(&self, template: &str, listen: SocketAddr, store: &str) -> String {
        let dir = serde_json::Value::from(self.path.to_string_lossy()).to_string();
        let dir = dir.trim_matches('"');
        let mut text = template.replace("@DATA_DIR@", dir).replace("@LISTEN@", &listen.to_string());
        text.push_str(&format!("\n[store]\nkind = \"{store}\"\n"));
        if store == "sqlite" {
            text.push_str(&format!("path = \"{dir}/cambio.db\"\n"));
        }
        text
    }

    fn fill(&self) -> std::io::Result<()> {
        for name in ["cookie.secret", "operator.secret", "keys.secret"] {
            self.write_once(name, || random_text(32))?;
        }
        self.write_once("password.secret", || random_text(12))?;
        let password = fs::read_to_string(self.path.join("password.secret"))?;
        self.write_once("users.toml", || {
            let hash = sso::hash_password(&SecretString::new(password.trim_end()), &SystemRandom);
            format!(
                "[[users]]\nusername = \"{USERNAME}\"\npassword_hash = \"{hash}\"\n\
                 roles = [\"USE_API\"]\n"
            )
        })
    }

    fn write_once(&self, name: &str, make: impl FnOnce() -> String) -> std::io::Result<()> {
        let path = self.path.join(name);
        if path.exists() {
            return Ok(());
        }
        // Written aside and renamed, so that a half-written file is never found.
        let aside = self.path.join(format!("{name}.new"));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        writeln!(file, "{}", make())?;
        file.sync_all()?;
        fs::rename(aside, path)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.temporary {
            // Left-overs in a temporary folder harm nobody.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn fresh_path() -> PathBuf {
    let random: &dyn Random = &SystemRandom;
    std::env::temp_dir().join(format!("cambio-demo-{:016x}", random.u64()))
}

fn random_text(bytes: usize) -> String {
    let mut buf = vec![0; bytes];
    SystemRandom.fill(&mut buf);
    STANDARD.encode(buf)
}
