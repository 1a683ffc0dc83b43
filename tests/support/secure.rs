//! Certificates, and clients that speak TLS.

use super::DEADLINE;
use super::client::request;
use super::message::{Framing, Received, parse_head, read_body, read_head};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use socket2::{Domain, Socket, Type};
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whom clients believe; it issues certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// One connection with TLS.
pub struct Secure(BufReader<StreamOwned<ClientConnection, TcpStream>>);

impl Authority {
    /// A new authority with a folder of its own.
    pub fn new() -> Authority {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("certificates-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Authority { issuer, folder }
    }

    /// Issues a certificate for these names: its file and that of its key.
    pub fn issue(&self, names: &[&str]) -> [PathBuf; 2] {
        let file = |kind: &str| self.folder.join(format!("{}.{kind}.pem", names[0]));
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = [file("certificate"), file("key")];
        std::fs::write(&files[1], key.serialize_pem()).unwrap();
        std::fs::write(&files[0], certificate.pem()).unwrap();
        files
    }

    /// The file of its own certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// How a client speaks that believes it.
    pub fn client(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// How a server speaks that has a certificate of it for these names.
    pub fn server(&self, names: &[&str], protocols: &[&str]) -> Arc<ServerConfig> {
        let [certificate, key] = self.issue(names);
        let chain = CertificateDer::pem_file_iter(certificate).unwrap();
        let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// Connects as a client that asks for that name and speaks HTTP/1.1.
    pub fn connect(&self, address: SocketAddr, name: &str) -> Secure {
        let stream = TcpStream::connect(address).expect("Larder takes connections");
        self.over(stream, name)
    }

    /// The same with room for a few bytes only, so that Larder has to wait for the client.
    pub fn connect_narrow(&self, address: SocketAddr, name: &str) -> Secure {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&address.into()).expect("Larder takes connections");
        self.over(socket.into(), name)
    }

    fn over(&self, stream: TcpStream, name: &str) -> Secure {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(self.client(&["http/1.1"]), name).unwrap();
        Secure(BufReader::new(StreamOwned::new(connection, stream)))
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Secure {
    /// Sends a GET and reads the response.
    ///
    /// # Errors
    /// When the other end is not believed.
    pub fn get(&mut self, target: &str) -> std::io::Result<Received> {
        self.0.get_mut().write_all(request("GET", target, &[]).as_bytes())?;
        self.read()
    }

    /// Reads a response.
    ///
    /// # Errors
    /// When the other end is not believed, or closes before.
    fn read(&mut self) -> std::io::Result<Received> {
        let head = read_head(&mut self.0)?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let (line, fields) = parse_head(&head);
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let mut received = Received { status, fields, ..Received::default() };
        let framing = Framing::of(&received.fields, Framing::Close);
        match read_body(&mut self.0, framing, &mut received.body) {
            Ok(trailers) => received.trailers = trailers,
            Err(_) => received.cut = true,
        }
        Ok(received)
    }

    /// The certificate that the other end showed, in DER.
    pub fn certificate(&self) -> Vec<u8> {
        let shown = self.0.get_ref().conn.peer_certificates().expect("the handshake is done");
        shown[0].to_vec()
    }
}
