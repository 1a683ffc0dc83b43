//! The files of certificates: read at start, and again when they change.

use proxy::tls::{Certificate, Certificates};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often the files are looked at; tests do not wait so long.
const LOOK_EVERY: Duration =
    if cfg!(feature = "turned-clock") { Duration::from_millis(50) } else { Duration::from_secs(5) };

/// The files of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Certificates and the files that they come from.
#[derive(Clone, Debug, Default)]
pub struct Served {
    files: Vec<Files>,
    certificates: Vec<Certificate>,
}

/// When files changed last.
type Stamps = Vec<Option<(SystemTime, u64)>>;

impl Files {
    /// Reads both.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(&self) -> Result<Certificate, String> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let (chain, key) = (read(&self.certificate)?, read(&self.key)?);
        Certificate::from_pem(&chain, &key)
            .map_err(|what| format!("{what} ({})", self.certificate.display()))
    }
}

impl Served {
    /// Adds one.
    pub fn add(&mut self, files: Files, certificate: Certificate) {
        self.files.push(files);
        self.certificates.push(certificate);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The certificates as listeners use them.
    pub fn certificates(&self) -> Arc<Certificates> {
        Certificates::new(self.certificates.clone())
    }

    /// Looks at the files again and again, from a thread of its own, and has those used that
    /// changed. One that cannot be used leaves all as they are.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn watch(self, used: Arc<Certificates>) -> std::io::Result<()> {
        let mut seen = self.stamps();
        std::thread::Builder::new().name("certificates".into()).spawn(move || {
            loop {
                std::thread::sleep(LOOK_EVERY);
                let stamps = self.stamps();
                if stamps != seen {
                    self.read_again(&used);
                    seen = stamps;
                }
            }
        })?;
        Ok(())
    }

    fn read_again(&self, used: &Certificates) {
        match self.files.iter().map(Files::read).collect() {
            Ok(certificates) => {
                used.replace(certificates);
                tracing::info!("the certificates changed and are used from now on");
            }
            Err(what) => tracing::error!("the certificates stay as they were: {what}"),
        }
    }

    fn stamps(&self) -> Stamps {
        let stamp = |path: &PathBuf| {
            let facts = std::fs::metadata(path).ok()?;
            Some((facts.modified().ok()?, facts.len()))
        };
        self.files.iter().flat_map(|files| [stamp(&files.certificate), stamp(&files.key)]).collect()
    }
}
