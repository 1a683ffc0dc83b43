//! The files of certificates: read at start, and again when they change.

use anyhow::Context;
use proxy::tls::{self, Certificate, Certificates, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

    fn stamps(&self) -> Stamps {
        self.files.iter().flat_map(Files::stamps).collect()
    }
}

/// Certificates in use that follow their files.
#[derive(Clone, Debug)]
pub struct Followed {
    used: Arc<Certificates>,
    served: Arc<Mutex<Served>>,
}

impl Followed {
    /// Uses these, and looks at their files again and again from a thread of its own. A file that
    /// cannot be used leaves all as they are.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn begin(served: Served) -> anyhow::Result<Followed> {
        let used = Certificates::new(served.certificates.clone());
        let followed = Followed { used, served: Arc::new(Mutex::new(served)) };
        let following = followed.clone();
        let thread = std::thread::Builder::new().name("certificates".into()).spawn(move || {
            loop {
                std::thread::sleep(LOOK_EVERY);
                following.look();
            }
        });
        thread.context("a thread for the certificates")?;
        Ok(followed)
    }

    /// How TLS is spoken with them.
    ///
    /// # Errors
    /// When the TLS library does not let us.
    pub fn server_config(&self) -> anyhow::Result<Arc<ServerConfig>> {
        Ok(tls::server_config(self.used.clone())?)
    }

    /// Uses others from now on.
    pub fn replace(&self, served: Served) {
        self.used.replace(served.certificates.clone());
        *self.served() = served;
    }

    fn look(&self) {
        let mut served = self.served();
        let stamps = served.stamps();
        if stamps == served.seen {
            return;
        }
        served.seen = stamps;
        match served.files.iter().map(Files::read).collect::<Result<Vec<_>, _>>() {
            Ok(certificates) => {
                self.used.replace(certificates);
                tracing::info!("the certificates changed and are used from now on");
            }
            Err(what) => tracing::error!("the certificates stay as they were: {what}"),
        }
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
