//! The client's side of TLS to a database: whom to trust and, where it is asked for, a
//! certificate of our own. Read once, when what uses it is built. There is no way to turn the
//! verification off.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::domain::setting::{Problems, join};

/// A `tls` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// Whether the connection is encrypted.
    pub enabled: bool,
    /// The only certificate authorities that are trusted, PEM; the system's when absent.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate and those above it, PEM, for a server that asks for one.
    pub certificate_file: Option<PathBuf>,
    /// The key of that certificate, PEM.
    pub key_file: Option<PathBuf>,
}

impl Default for TlsSettings {
    /// A table that is written at all means TLS.
    fn default() -> Self {
        Self { enabled: true, ca_file: None, certificate_file: None, key_file: None }
    }
}

/// What was read.
pub struct ClientTls {
    config: Arc<ClientConfig>,
    ca: Option<Vec<u8>>,
    own: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

impl ClientTls {
    /// Reads the files of the table at `path`, noting every problem. `None` inside when TLS
    /// is not enabled.
    pub fn load(
        settings: Option<&TlsSettings>,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Option<Self>> {
        let Some(settings) = settings.filter(|settings| settings.enabled) else {
            return Some(None);
        };
        let before = problems.len();
        let ca = settings
            .ca_file
            .as_deref()
            .map(|file| problems.ok(&join(path, "ca_file"), read(file)).unwrap_or_default());
        let roots = match &ca {
            Some(pem) if problems.len() == before => {
                problems.ok(&join(path, "ca_file"), authorities(pem))
            }
            Some(_) => None,
            None => problems.ok(path, system_authorities()),
        };
        let own = own(settings, path, problems);
        if problems.len() != before {
            return None;
        }
        let config = problems.ok(path, client_config(roots?, own.as_ref()))?;
        Some(Some(Self { config: Arc::new(config), ca, own }))
    }

    /// For clients that take a rustls configuration.
    #[must_use]
    pub fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// The trusted authorities, PEM; the system's when absent.
    #[must_use]
    pub fn ca(&self) -> Option<&[u8]> {
        self.ca.as_deref()
    }

    /// Our own certificate chain and key, PEM.
    #[must_use]
    pub fn own(&self) -> Option<(&[u8], &[u8])> {
        self.own.as_ref().map(|(chain, key)| (&**chain, &***key))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|e| format!("cannot read {}: {e}", file.display()))
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate.map_err(|e| e.to_string());
        added
            .and_then(|certificate| roots.add(certificate).map_err(|e| e.to_string()))
            .map_err(|e| format!("holds no usable certificate: {e}"))?;
    }
    if roots.is_empty() { Err("holds no pem certificate".to_owned()) } else { Ok(roots) }
}

fn system_authorities() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("the system has no certificate authorities: set ca_file".to_owned());
    }
    Ok(roots)
}

fn own(
    settings: &TlsSettings,
    path: &str,
    problems: &mut Problems,
) -> Option<(Vec<u8>, Zeroizing<Vec<u8>>)> {
    match (&settings.certificate_file, &settings.key_file) {
        (Some(chain), Some(key)) => {
            let chain = problems.ok(&join(path, "certificate_file"), read(chain));
            let key = problems.ok(&join(path, "key_file"), read(key));
            Some((chain?, Zeroizing::new(key?)))
        }
        (None, None) => None,
        (Some(_), None) => {
            problems.push(join(path, "key_file"), "is missing beside certificate_file");
            None
        }
        (None, Some(_)) => {
            problems.push(join(path, "certificate_file"), "is missing beside key_file");
            None
        }
    }
}

fn client_config(
    roots: RootCertStore,
    own: Option<&(Vec<u8>, Zeroizing<Vec<u8>>)>,
) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots);
    let Some((chain, key)) = own else { return Ok(builder.with_no_client_auth()) };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|e| format!("certificate_file is not a pem chain: {e}"))?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|e| format!("key_file holds no private key: {e}"))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|e| format!("certificate and key do not fit: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(settings: &TlsSettings) -> Result<Option<ClientTls>, Vec<String>> {
        let mut problems = Problems::default();
        let loaded = ClientTls::load(Some(settings), "x.tls", &mut problems);
        loaded.ok_or_else(|| problems.into_vec().into_iter().map(|p| p.path).collect())
    }

    #[test]
    fn a_table_means_tls_unless_it_says_otherwise() {
        let written: TlsSettings = serde_json::from_str("{}").unwrap();
        assert!(written.enabled);
        let off = TlsSettings { enabled: false, ..TlsSettings::default() };
        assert!(load(&off).unwrap().is_none());
    }

    #[test]
    fn an_authority_of_our_own_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        let made = rcgen::generate_simple_self_signed(["db.example.com".to_owned()]).unwrap();
        std::fs::write(&file, made.cert.pem()).unwrap();
        let settings = TlsSettings { ca_file: Some(file.clone()), ..TlsSettings::default() };
        assert!(load(&settings).unwrap().unwrap().ca().is_some());
        std::fs::write(&file, "none").unwrap();
        assert_eq!(load(&settings).unwrap_err(), ["x.tls.ca_file"]);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let missing = Some(PathBuf::from("/nonexistent/x.pem"));
        let settings = TlsSettings { ca_file: missing.clone(), ..TlsSettings::default() };
        assert_eq!(load(&settings).unwrap_err(), ["x.tls.ca_file"]);
        let settings = TlsSettings { key_file: missing.clone(), ..TlsSettings::default() };
        assert_eq!(load(&settings).unwrap_err(), ["x.tls.certificate_file"]);
        let settings = TlsSettings { certificate_file: missing, ..TlsSettings::default() };
        assert_eq!(load(&settings).unwrap_err(), ["x.tls.key_file"]);
    }
}
