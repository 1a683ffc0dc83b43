//! The certificate of a run: made when it begins, shown by every server, believed by every client.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// The name that it is for.
pub const NAME: &str = "localhost";

/// A certificate with its key (ECDSA, P-256), signed by itself.
pub struct Certificate {
    der: CertificateDer<'static>,
    pem: String,
    key_pem: String,
}

/// Where a certificate and its key were written, as PEM.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes a new one.
    pub fn make() -> anyhow::Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("making a key")?;
        let certificate = CertificateParams::new([NAME.to_owned()])
            .and_then(|params| params.self_signed(&key))
            .context("making a certificate")?;
        let (der, pem) = (certificate.der().clone(), certificate.pem());
        Ok(Self { der, pem, key_pem: key.serialize_pem() })
    }

    /// Writes it and its key into a folder.
    pub fn write(&self, folder: &Path) -> io::Result<Files> {
        let files = Files { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        std::fs::write(&files.certificate, &self.pem)?;
        std::fs::write(&files.key, &self.key_pem)?;
        Ok(files)
    }

    /// A client that believes it alone, asks for this protocol and speaks TLS 1.3 with AES-128-GCM,
    /// which browsers ask for first: so all servers encrypt alike.
    pub fn client(&self, alpn: &[u8]) -> anyhow::Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).context("believing the certificate")?;
        let provider = CryptoProvider {
            cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
            ..aws_lc_rs::default_provider()
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_a_certificate_and_its_key() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let certificate = Certificate::make().expect("a certificate");
        let files = certificate.write(folder.path()).expect("two files");
        for (file, label) in [(files.certificate, "CERTIFICATE"), (files.key, "PRIVATE KEY")] {
            let text = std::fs::read_to_string(file).expect("a file");
            assert!(text.starts_with(&format!("-----BEGIN {label}-----\n")), "{text}");
        }
        certificate.client(b"h2").expect("clients believe it");
    }
}
