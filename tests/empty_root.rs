//! The static binary in a root that has nothing else, as in an image `FROM scratch`: read-only, as
//! nobody in particular, with one folder to write to, and what every container engine puts there.
//!
//! `LARDER_STATIC` names the binary; `scripts/make-static` builds one for this test.

use crate::support::pictures::{jpeg, size};
use crate::support::{Authority, Client, DEADLINE, Origin, Reply, until};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// Makes the folder `$1` the root, and runs what follows in it. As the super-user it becomes somebody
/// else, where it is one by name only it stays so.
const ENTER: &str = r#"
set -eu
root=$1; shift
mount --bind "$root" "$root"
mount -t tmpfs -o mode=0777 none "$root/data"
mount -t proc none "$root/proc"
for device in null urandom; do mount --bind /dev/$device "$root/dev/$device"; done
mount -o remount,bind,ro "$root"
exec chroot $CHROOT_AS "$root" "$@"
"#;

/// A Larder in a root of its own; killed when dropped.
struct Contained {
    child: Child,
    root: PathBuf,
    /// Where it serves, and where its operators ask.
    addresses: [SocketAddr; 2],
    lines: Receiver<String>,
}

/// The binary, if it was built.
#[expect(clippy::print_stdout, reason = "the test runner shows why nothing was tested")]
fn binary() -> Option<PathBuf> {
    let named = std::env::var_os("LARDER_STATIC").map(PathBuf::from);
    if named.is_none() {
        println!("left out: LARDER_STATIC names no static binary; scripts/make-static builds one");
    }
    named
}

/// What makes file systems and processes of our own, and as whom.
fn own_system() -> (Vec<&'static str>, &'static str) {
    let mut command = vec!["unshare", "--mount", "--pid", "--fork", "--kill-child"];
    let id = Command::new("id").arg("-u").output().expect("id is there").stdout;
    match id.as_slice() {
        b"0\n" => (command, "--userspec=65532:65532"),
        _ => {
            command.extend(["--user", "--map-root-user"]);
            (command, "")
        }
    }
}

impl Contained {
    /// Starts it with these files in its root.
    fn start(binary: &Path, name: &str, files: &[(&str, &str)]) -> Contained {
        let name = format!("root-{name}-{}", std::process::id());
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        for folder in ["data", "proc", "dev", "etc"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for device in ["dev/null", "dev/urandom"] {
            fs::write(root.join(device), "").unwrap();
        }
        fs::copy(binary, root.join("larder")).expect("LARDER_STATIC is there");
        for (name, text) in files {
            fs::write(root.join(name), text).unwrap();
        }
        let (command, user) = own_system();
        let mut started = Command::new(command[0]);
        started.args(&command[1..]).args(["sh", "-c", ENTER, "sh"]).arg(&root);
        started.args(["/larder", "serve", "--config", "/larder.toml", "--data", "/data"]);
        started.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        started.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("CHROOT_AS", user);
        started.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = started.spawn().expect("unshare is there");
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (tells, lines) = channel();
        std::thread::spawn(move || {
            errors.lines().map_while(Result::ok).try_for_each(|line| tells.send(line))
        });
        let addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); 2];
        let mut contained = Contained { child, root, addresses, lines };
        let start = contained.wait_for("listens on");
        let mut found = start.split("http://").skip(1).filter_map(|rest| {
            let end = rest.find([',', ';', ' ']).unwrap_or(rest.len());
            rest[..end].parse().ok()
        });
        contained.addresses = [(); 2].map(|()| found.next().expect("it tells both addresses"));
        contained
    }

    /// Waits for a line on standard error that contains `part`.
    fn wait_for(&mut self, part: &str) -> String {
        let mut said = Vec::new();
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            said.push(line.unwrap_or_else(|_| panic!("no line has {part:?}: {said:#?}")));
            if let Some(line) = said.last().filter(|line| line.contains(part)) {
                return line.clone();
            }
        }
    }
}

impl Contained {
    /// Sends the binary itself a signal; false where it has ended.
    fn signal(&self, signal: &str) -> bool {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let child = children.unwrap_or_default();
        !child.trim().is_empty()
            && Command::new("kill").args([signal, child.trim()]).status().unwrap().success()
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        // It may have ended already. It would not end with its parent, being somebody else.
        self.signal("-KILL");
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.root);
    }
}

#[test]
fn a_static_binary_needs_nothing_beside_itself() {
    let Some(binary) = binary() else { return };
    let origin = Origin::answering(|asked| match asked.target.as_str() {
        "/photo.jpg" => Reply::cached("public, max-age=600", jpeg(400, 300, 1))
            .with("Content-Type", "image/jpeg"),
        _ => Reply::cached("max-age=600", "hello"),
    });
    // The engine writes these two, which say where other containers are.
    let hosts = ("etc/hosts", "127.0.0.1 app.internal\n");
    let toml = format!(
        "storage.disk.min_free = \"0B\"\nimages.require_sandbox = true\n[[site]]\n\
         origin = \"http://app.internal:{}\"\n[site.images]\n",
        origin.address().port()
    );
    let mut larder = Contained::start(&binary, "serve", &[hosts, ("larder.toml", &toml)]);
    let [site, admin] = larder.addresses;
    assert_eq!(Client::connect(site).get("/").text(), "hello");
    until("it is stored", || Client::connect(site).get("/").is_hit().then_some(()));
    let picture = Client::connect(site).get("/_larder/image/w=200,f=webp/photo.jpg");
    assert_eq!((picture.status, size(&picture.body)), (200, (200, 150)), "{}", picture.cache());
    // Nobody sets anything for a HEALTHCHECK.
    let mut health = Command::new(&binary);
    health.args(["health", "--admin", &format!("http://{admin}")]).env_clear();
    assert!(health.stdout(Stdio::null()).status().unwrap().success());
    assert!(larder.signal("-TERM"));
    larder.wait_for("stopped; everything was finished");
    assert_eq!(until("it ends", || larder.child.try_wait().unwrap()).code(), Some(0));
}

#[test]
fn origins_with_tls_need_whom_to_believe_and_no_more() {
    let Some(binary) = binary() else { return };
    let toml = "[[site]]\norigin = \"https://app.internal\"\norigin_tls.ca = \"/ca.pem\"\n";
    let believed = fs::read_to_string(Authority::new().file()).unwrap();
    let files = [("larder.toml", toml), ("ca.pem", &believed)];
    let larder = Contained::start(&binary, "tls", &files);
    let answer = Client::connect(larder.addresses[0]).get("/");
    assert_eq!(answer.status, 502, "its name leads nowhere: {}", answer.text());
    assert!(answer.text().contains("name"), "{}", answer.text());
}
