//! The servers that are compared, and how one asks them.

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// No server takes so long to answer what is there already.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends a request and gives the status of the first answer, or `closed`.
pub fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out above zero");
    // A server may have closed over what it refuses before it has read all.
    let _ = stream.write_all(request);
    let mut line = Vec::new();
    let mut bytes = BufReader::new(stream).bytes();
    while let Some(Ok(byte)) = bytes.next() {
        if byte == b'\n' {
            break;
        }
        line.push(byte);
    }
    let text = String::from_utf8_lossy(&line).into_owned();
    match text.split(' ').nth(1) {
        Some(status) if text.starts_with("HTTP/1.") => status.trim().to_owned(),
        _ if text.is_empty() => "closed".to_owned(),
        _ => "HTTP/0.9".to_owned(),
    }
}

/// A hyper server that answers 200 once it has read the body.
pub struct Hyper {
    pub address: SocketAddr,
}

impl Hyper {
    pub fn start() -> Hyper {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("sockets can be non-blocking");
        // It ends with the test's process.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(serve(listener));
        });
        Hyper { address }
    }
}

async fn serve(listener: TcpListener) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a non-blocking socket");
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let service = service_fn(answer);
            // What clients send wrong is what is tested.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(request: hyper::Request<Incoming>) -> Result<hyper::Response<String>, Infallible> {
    let mut body = request.into_body();
    loop {
        let frame = std::future::poll_fn(|cx| {
            hyper::body::Body::poll_frame(std::pin::Pin::new(&mut body), cx)
        });
        match frame.await {
            Some(Ok(_)) => {}
            None => return Ok(hyper::Response::new("ok".to_owned())),
            Some(Err(_)) => {
                let mut refused = hyper::Response::new(String::new());
                *refused.status_mut() = hyper::StatusCode::BAD_REQUEST;
                return Ok(refused);
            }
        }
    }
}

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The real binary before an origin.
pub struct Larder {
    pub address: SocketAddr,
    _process: Process,
}

impl Larder {
    pub fn start(origin: SocketAddr) -> Larder {
        let data = std::env::temp_dir().join(format!("larder-conformance-{}", std::process::id()));
        let mut child = Command::new(env!("CARGO_BIN_EXE_larder"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--origin"])
            .arg(format!("http://{origin}"))
            .arg("--data")
            .arg(data)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built with the test");
        let stderr = child.stderr.take().expect("it was piped");
        let process = Process(child);
        let mut lines = BufReader::new(stderr).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| address_in(&line))
            .expect("the start line names the listener");
        // What it says further is read, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Larder { address, _process: process }
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listens on http://")?;
    rest.split(',').next()?.parse().ok()
}

/// nginx, if it is installed in the version that the table is about.
pub struct Nginx {
    pub address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Nginx {
    pub fn start() -> Option<Nginx> {
        let nginx = ["nginx", "/usr/sbin/nginx"].into_iter().find(|nginx| {
            let version = Command::new(nginx).arg("-v").output();
            version.is_ok_and(|v| String::from_utf8_lossy(&v.stderr).contains("nginx/1.22."))
        })?;
        let folder = std::env::temp_dir().join(format!("nginx-conformance-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let folder = Folder(folder);
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("a bound socket has an address");
        drop(free);
        let path = folder.0.display();
        let configuration = format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; client_body_temp_path {path}/body;\n\
             proxy_temp_path {path}/p; fastcgi_temp_path {path}/f; uwsgi_temp_path {path}/u;\n\
             scgi_temp_path {path}/s;\n\
             server {{ listen {address}; location / {{ return 200 ok; }} }} }}\n"
        );
        let file = folder.0.join("nginx.conf");
        std::fs::write(&file, configuration).expect("the folder can be written to");
        let child = Command::new(nginx)
            .arg("-p")
            .arg(&folder.0)
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("it told its version");
        let process = Process(child);
        let deadline = std::time::Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(std::time::Instant::now() < deadline, "nginx does not start");
            std::thread::yield_now();
        }
        Some(Nginx { address, _process: process, _folder: folder })
    }
}
