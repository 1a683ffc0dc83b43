//! TLS (RFC 8446): toward clients, with certificates by name that can be replaced while serving;
//! toward origins, believing whom we are told to.

pub use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version;
use rustls::{ClientConfig, RootCertStore};
use std::sync::{Arc, PoisonError, RwLock};

/// The application protocols that are spoken over TLS, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// Sessions that a client may take up again are kept for so many clients.
const KEPT_SESSIONS: usize = 4096;

/// A certificate with its chain and its key.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<CertifiedKey>);

/// The certificates of all listeners, chosen by the name that the client asks for (SNI).
#[derive(Debug)]
pub struct Certificates(RwLock<Vec<Certificate>>);

impl Certificate {
    /// Reads a certificate chain, the server's own first, and its private key, both as PEM.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Certificate, String> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("the certificate is no PEM: {error}"))?;
        if chain.is_empty() {
            return Err("there is no certificate in the file of the certificate".to_owned());
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| format!("the key is no private key in PEM: {error}"))?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map(|certified| Certificate(Arc::new(certified)))
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    "the key is not that of the certificate".into()
                }
                error => format!("the certificate or its key cannot be used: {error}"),
            })
    }

    /// Whether it is for that name.
    fn is_for(&self, name: &ServerName<'_>) -> bool {
        let own = self.0.end_entity_cert().and_then(ParsedCertificate::try_from);
        own.is_ok_and(|own| verify_server_name(&own, name).is_ok())
    }
}

impl Certificates {
    /// Certificates, of which the first is for clients that ask for no name, or for one that none
    /// is for.
    pub fn new(all: Vec<Certificate>) -> Arc<Certificates> {
        Arc::new(Certificates(RwLock::new(all)))
    }

    /// Takes others for the connections that come from now on.
    pub fn replace(&self, all: Vec<Certificate>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = all;
    }

    fn choose(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let [only] = all.as_slice() {
            return Some(only.0.clone());
        }
        let named = name.and_then(|name| ServerName::try_from(name).ok());
        let fits = named.and_then(|name| all.iter().find(|one| one.is_for(&name)));
        fits.or(all.first()).map(|one| one.0.clone())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name())
    }
}

/// How TLS is spoken with clients: versions 1.2 and 1.3, HTTP/2 and HTTP/1.1.
///
/// # Errors
/// When the library's own defaults do not hold, or there is no randomness.
pub fn server_config(certificates: Arc<Certificates>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    config.session_storage = rustls::server::ServerSessionMemoryCache::new(KEPT_SESSIONS);
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    // One for the next connection is enough; each costs the client's first answer some time.
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// The authorities that are believed of origins.
#[derive(Debug)]
pub struct Believed(RootCertStore);

impl Believed {
    /// Those of a PEM file.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn from_pem(pem: &[u8]) -> Result<Believed, String> {
        let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("the authorities are no PEM: {error}"))?;
        let believed = Believed::of(all);
        if believed.0.is_empty() {
            return Err("there is no certificate of an authority in the file".to_owned());
        }
        Ok(believed)
    }

    /// These, but for those that cannot be used.
    pub fn of(all: Vec<CertificateDer<'static>>) -> Believed {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(all);
        Believed(roots)
    }

    /// How TLS is spoken with origins: HTTP/2 where they speak it.
    ///
    /// # Errors
    /// When the library's own defaults do not hold.
    pub fn client_config(self) -> Result<Arc<ClientConfig>, String> {
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&version::TLS13, &version::TLS12])
                .map_err(|error| error.to_string())?
                .with_root_certificates(self.0)
                .with_no_client_auth();
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Arc::new(config))
    }
}

/// A name that a certificate can be for.
///
/// # Errors
/// What is wrong with it.
pub fn server_name(text: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text.to_owned()).map_err(|_| format!("{text} is no name of a server"))
}
