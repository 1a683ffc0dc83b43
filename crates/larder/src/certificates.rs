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
    /// When the files changed before they were read.
    seen: Stamps,
}

/// When files changed last.
type Stamps = Vec<Option<(SystemTime, u64)>>;

impl Files {
    fn stamps(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let facts = std::fs::metadata(path).ok()?;
            Some((facts.modified().ok()?, facts.len()))
        })
    }

    /// Reads both.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn read(&self) -> Result<Certificate, String> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let (chain, key) = (read(&self.certificate)?, read(&self.key)?);
        Certificate::from_pem(&chain, &key)
            .map_err(|what| format!("{what} ({})", self.certificate.display()))
    }
}

impl Served {
    /// Reads and adds one.
    ///
    /// # Errors
    /// What is wrong with its files, in words.
    pub fn add(&mut self, files: Files) -> Result<(), String> {
        let stamps = files.stamps();
        self.certificates.push(files.read()?);
        self.seen.extend(stamps);
        self.files.push(files);
        Ok(())
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
        let mut seen = self.seen.clone();
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
        self.files.iter().flat_map(Files::stamps).collect()
    }
}
