//! The HTTP client with its TLS side: which authorities it trusts and which certificate it
//! shows. It is made anew when one of those files changes, so that connections that begin
//! then use what the files say; a bad new version keeps the old client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::{Certificate, Client, Identity};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::failure::deepest;
use crate::domain::setting::{Problems, join};
use crate::support::{Watched, Watcher};

/// The certificate that Cambio shows, PEM. Replace the key first, then the certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientCertificate {
    certificate_file: PathBuf,
    key_file: PathBuf,
}

/// What a client is made from.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    pub(super) connect_timeout: Duration,
    pub(super) read_timeout: Duration,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) certificate: Option<ClientCertificate>,
}

/// The newest good client.
#[derive(Debug)]
pub(super) struct Clients {
    current: Arc<ArcSwap<Client>>,
    /// Kept so that they go on being watched.
    _files: Vec<Arc<Watched<()>>>,
}

impl Clients {
    pub(super) fn current(&self) -> arc_swap::Guard<Arc<Client>> {
        self.current.load()
    }
}

impl Recipe {
    /// Makes it, and watches the files.
    pub(super) fn build(
        self,
        path: &str,
        watcher: &Watcher,
        problems: &mut Problems,
    ) -> Option<Clients> {
        let (at_ca, at_certificate) = (join(path, "ca_file"), join(path, "client_certificate"));
        let before = problems.len();
        if let Some(file) = &self.ca_file {
            problems.ok(&at_ca, authorities(file));
        }
        if let Some(certificate) = &self.certificate {
            problems.ok(&at_certificate, certificate.identity());
        }
        if problems.len() > before {
            return None;
        }
        let at_client = if self.certificate.is_some() { &at_certificate } else { path };
        let current = Arc::new(ArcSwap::from_pointee(problems.ok(at_client, self.client())?));
        let mut files = Vec::new();
        let certificate = self.certificate.as_ref().map(|c| &c.certificate_file);
        let watched = [(self.ca_file.as_ref(), &at_ca), (certificate, &at_certificate)];
        for (file, at) in watched.into_iter().filter_map(|(file, at)| Some((file?, at))) {
            let (recipe, cell) = (self.clone(), Arc::clone(&current));
            let again = move |_: &[u8]| recipe.client().map(|client| cell.store(Arc::new(client)));
            files.push(problems.ok(at, Watched::open(file, watcher, again))?);
        }
        Some(Clients { current, _files: files })
    }

    fn client(&self) -> Result<Client, String> {
        let mut builder = Client::builder()
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.read_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .user_agent("cambio");
        if let Some(file) = &self.ca_file {
            builder = builder.tls_certs_only(authorities(file)?);
        }
        if let Some(certificate) = &self.certificate {
            builder = builder.identity(certificate.identity()?);
        }
        builder.build().map_err(|e| format!("cannot set up TLS: {}", deepest(&e)))
    }
}

impl ClientCertificate {
    fn identity(&self) -> Result<Identity, String> {
        let mut pem = Zeroizing::new(Vec::new());
        for file in [&self.key_file, &self.certificate_file] {
            pem.extend_from_slice(&Zeroizing::new(read(file)?));
            pem.push(b'\n');
        }
        Identity::from_pem(&pem).map_err(|_| {
            let (certificate, key) = (self.certificate_file.display(), self.key_file.display());
            format!("{certificate} and {key} hold no PEM certificate and private key")
        })
    }
}

fn authorities(file: &Path) -> Result<Vec<Certificate>, String> {
    match Certificate::from_pem_bundle(&read(file)?) {
        Ok(authorities) if !authorities.is_empty() => Ok(authorities),
        _ => Err(format!("{} holds no PEM certificate", file.display())),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|e| format!("cannot read {}: {e}", file.display()))
}
