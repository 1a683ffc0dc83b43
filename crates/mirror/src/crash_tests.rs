//! A process that ends before any of the steps of a refresh: one after the other is tried, each on a folder
//! of its own. What a reader finds then is the old edition or the new one, whole; the next refresh succeeds,
//! and after the next sweep nothing is left that no edition names. Beside that, what a feed's task that panics
//! and a folder that is slow do to others.

use crate::edition::Edition;
use crate::folder::Folder;
use crate::folder::tests::Scratch;
use crate::keeper::{Ended, NotDone};
use crate::mirror::Mirror;
use crate::plan::{JsonPath, Recipe};
use crate::refresh::standing;
use crate::room::Room;
use crate::schedule::Schedule;
use crate::settings::{BeforeFirst, Feed, Least, Limits, Settings};
use crate::steps::{Step, Steps};
use policy::fields::Fields;
use policy::time::Seconds;
use proxy::outward::Ways;
use proxy::settings::Reach;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::Store;
use store::purge_log::{self, PurgeLog};
use tokio::runtime::{Builder, Runtime};

/// The longest wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server of a document and of its pictures.
struct Upstream {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Debug, Default)]
struct Says {
    items: Vec<&'static str>,
    /// Whether it wants to be let alone, which is noted in the folder.
    rests: bool,
}

impl Upstream {
    fn start() -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it has one");
        let (says, ends) = (Arc::<Mutex<Says>>::default(), Arc::<AtomicBool>::default());
        let (said, ended) = (says.clone(), ends.clone());
        let thread = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::Acquire) {
                    return;
                }
                let says = said.lock().expect("nobody panics").clone();
                // Who leaves before the end of the answer is none of its troubles.
                let _ = answer(client, address, &says);
            }
        });
        Upstream { address, says, ends, thread: Some(thread) }
    }

    fn says(&self, items: &[&'static str], rests: bool) {
        *self.says.lock().expect("nobody panics") = Says { items: items.to_vec(), rests };
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

fn answer(mut client: TcpStream, address: SocketAddr, says: &Says) -> std::io::Result<()> {
    let mut lines = BufReader::new(client.try_clone()?).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = first.split(' ').nth(1).unwrap_or_default();
    let body = match path.strip_prefix("/p/") {
        Some(name) => picture(name),
        None => document(&says.items, &format!("http://{address}/p/")).into_bytes(),
    };
    let rest = if says.rests { "Retry-After: 1\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 200 OK\r\n{rest}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(&[head.as_bytes(), &body].concat())
}

/// A PNG as far as its first bytes go, longer than what is looked at of it.
fn picture(name: &str) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n", name.repeat(400).as_bytes()].concat()
}

fn document(items: &[&str], root: &str) -> String {
    let items: Vec<String> =
        items.iter().map(|item| format!("{{\"image\":\"{root}{item}\"}}")).collect();
    format!("{{\"data\":[{}]}}", items.join(","))
}

fn feed(upstream: &Upstream) -> Feed {
    let images = vec![JsonPath::parse("$.data[*].image").expect("it is one")];
    let ways = Ways { first: Reach::Anywhere, further: Reach::Anywhere };
    Feed {
        name: "news".into(),
        url: format!("http://{}/news", upstream.address).into(),
        headers: Fields::new(),
        schedule: Schedule::every(Duration::from_secs(3600)).expect("it is one"),
        jitter: Duration::ZERO,
        timeout: PATIENCE,
        retries: 0,
        recipe: Recipe { images, ..Recipe::default() },
        serve_at: "/news".into(),
        site: None,
        site_id: None,
        cache_control: "max-age=60".into(),
        public_url: "".into(),
        before_first: BeforeFirst::Unavailable,
        ways: ways.clone(),
        picture_ways: ways,
        limits: Limits::default(),
        least: Least { items: 1, max_shrink_percent: 100 },
        grace: Duration::ZERO,
    }
}

/// A process with the feed, as far as a folder goes.
struct Process {
    mirror: Mirror,
    runtime: Runtime,
}

impl Process {
    fn start(folder: &Path, feed: &Feed) -> Process {
        let mirror = Mirror::start(settings(folder, &[feed]), store(), Arc::default());
        let mirror = mirror.expect("a folder");
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        Process { mirror, runtime }
    }

    /// Once the first run, which begins with the process, is over.
    fn started(folder: &Path, feed: &Feed) -> Process {
        let process = Process::start(folder, feed);
        process.wait_for_runs(1);
        process
    }

    fn wait_for_runs(&self, runs: u64) {
        let begun = Instant::now();
        let is_over = || {
            let told = self.mirror.told();
            told[0].runs >= runs && told[0].next_run.is_some()
        };
        while !is_over() {
            assert!(begun.elapsed() < PATIENCE, "a run takes too long");
            std::thread::yield_now();
        }
    }

    fn refresh(&self) -> Result<Ended, NotDone> {
        self.runtime.block_on(self.mirror.refresh("news", false))
    }

    fn steps(&self) -> Steps {
        self.mirror.steps("news").expect("it has the feed")
    }

    fn edition(&self) -> Option<u64> {
        self.mirror.told()[0].published.as_ref().map(|stands| stands.number)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.mirror.close();
    }
}

fn settings(folder: &Path, feeds: &[&Feed]) -> Settings {
    Settings {
        folder: folder.to_owned(),
        size_bytes: 1 << 30,
        concurrency: 1,
        node: "test".to_owned(),
        origin: proxy::settings::OriginLimits::default(),
        tls: None,
        feeds: feeds.iter().map(|&feed| Arc::new(feed.clone())).collect(),
    }
}

fn store() -> Arc<Store> {
    let limits = store::Limits {
        memory_bytes: 1 << 20,
        max_object_bytes: 1 << 20,
        max_in_memory_bytes: 1 << 20,
        in_flight_bytes: 1 << 20,
        max_variants: 1,
        stale_window: Seconds::new(1),
    };
    let log = PurgeLog::in_memory(purge_log::Settings::default());
    Store::new(limits, Arc::new(log), None)
}

/// What a folder holds that was just opened, as at a start: its edition, each file of which is whole.
fn found(path: &Path, feed: &Feed) -> (Edition, Vec<u8>) {
    let folder = Folder::open(path.join("news"), Room::new(1 << 30)).expect("a folder");
    let (edition, sweeps) = standing(feed, &folder);
    assert!(sweeps, "what nothing names may go");
    let edition = edition.expect("there is an edition");
    for file in edition.files() {
        folder.read(file).unwrap_or_else(|error| panic!("{}: {error}", file.name));
    }
    for name in ["edition.json.part", "edition.json.unusable"] {
        assert!(!path.join("news").join(name).exists(), "{name} is left");
    }
    let document = folder.read(&edition.document).expect("it is whole");
    (edition, document)
}

/// The document of an edition as readers get it.
fn expected(edition: &Edition, items: &[&str]) -> Vec<u8> {
    let mut text = document(items, "");
    for item in items {
        let has = |it: &&crate::edition::Picture| it.url.ends_with(&format!("/p/{item}"));
        // One that could not be kept has its own URL.
        let url = match edition.pictures.iter().find(has) {
            Some(picture) => format!("/_larder/mirror/news/{}", picture.file.name),
            None => {
                let has = |it: &&crate::Missing| it.url.ends_with(&format!("/p/{item}"));
                edition.missing.iter().find(has).expect("it is told of").url.to_string()
            }
        };
        text = text.replace(&format!("\"{item}\""), &format!("\"{url}\""));
    }
    text.into_bytes()
}

/// All names in the folder of files.
fn names(path: &Path) -> BTreeSet<String> {
    let all = fs::read_dir(path.join("news/files")).expect("a folder");
    all.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

const OLD: [&str; 3] = ["a", "b", "c"];
const NEW: [&str; 3] = ["c", "d", "e"];

/// A process that has published the old, and is about to fetch the new.
fn about_to_fetch(path: &Path, upstream: &Upstream, feed: &Feed) -> Process {
    upstream.says(&OLD, false);
    let process = Process::started(path, feed);
    assert_eq!(process.edition(), Some(1));
    upstream.says(&NEW, true);
    process
}

#[test]
fn a_refresh_that_ends_before_any_of_its_steps_leaves_the_old_edition_or_the_new_one_whole() {
    let (upstream, scratch) = (Upstream::start(), Scratch::new("crash"));
    let feed = feed(&upstream);
    let whole = scratch.0.join("whole");
    let process = about_to_fetch(&whole, &upstream, &feed);
    process.steps().stop_after(None);
    process.refresh().expect("it succeeds");
    let steps = process.steps().stop_after(None);
    drop(process);
    for step in [Step::Begin, Step::Write, Step::Sync, Step::Name, Step::Publish, Step::NoteRest] {
        assert!(steps.contains(&step), "{step:?} is one of {steps:?}");
    }
    // The two pictures and the documents of the edition before, which have no grace.
    assert_eq!(steps.iter().filter(|step| **step == Step::Remove).count(), 4, "{steps:?}");
    let place = steps.iter().position(|step| *step == Step::Publish).expect("it is one of them");
    for (at, step) in steps.iter().enumerate() {
        let path = scratch.0.join(format!("at-{at}"));
        let process = about_to_fetch(&path, &upstream, &feed);
        process.steps().stop_after(Some(at));
        // It may have published before the step at which it ended.
        let _ = process.refresh();
        drop(process);
        let is_published = at > place;
        comes_back(&path, &upstream, &feed, is_published, &format!("ended before {step:?}, {at}"));
    }
}

/// A folder that a process left is whole, with the new edition or the old one; and the next process
/// publishes the new one and leaves no orphan.
fn comes_back(path: &Path, upstream: &Upstream, feed: &Feed, is_published: bool, what: &str) {
    let (edition, document) = found(path, feed);
    let (number, items) = if is_published { (2, NEW) } else { (1, OLD) };
    assert_eq!(edition.number, number, "{what}");
    assert_eq!(document, expected(&edition, &items), "{what}");
    upstream.says(&NEW, false);
    let process = Process::started(path, feed);
    process.refresh().expect("it succeeds");
    // A third where a picture was missing in the second.
    assert!(process.edition() >= Some(2), "{what}");
    let swept = process.runtime.block_on(process.mirror.sweep("news", false));
    swept.expect("it is swept");
    drop(process);
    let (edition, document) = found(path, feed);
    assert!(edition.missing.is_empty(), "{what}");
    assert_eq!(document, expected(&edition, &NEW));
    let named: BTreeSet<String> = edition.files().map(|file| file.name.to_string()).collect();
    assert_eq!(names(path), named, "{what}: an orphan is left");
}

/// A disk that refuses one thing and takes the next: what goes on afterwards, as the sweep does, goes by
/// what lies there.
#[test]
fn one_step_of_a_refresh_that_fails_leaves_the_old_edition_or_the_new_one_whole() {
    let (upstream, scratch) = (Upstream::start(), Scratch::new("refused"));
    let feed = feed(&upstream);
    for at in 0.. {
        let path = scratch.0.join(format!("at-{at}"));
        let process = about_to_fetch(&path, &upstream, &feed);
        // The clock may stand still: who is to rest would rest for ever.
        upstream.says(&NEW, false);
        process.steps().fail_once(at);
        let refreshed = process.refresh();
        let (steps, edition) = (process.steps().stop_after(None), process.edition());
        drop(process);
        // What is told is what lies there.
        assert_eq!(edition, Some(if refreshed.is_ok() { 2 } else { 1 }), "{at}");
        let Some(step) = steps.get(at) else { break };
        comes_back(&path, &upstream, &feed, refreshed.is_ok(), &format!("{step:?} failed, {at}"));
    }
}

#[test]
fn a_feed_whose_task_panics_lives_again_and_keeps_no_other_waiting() {
    let (upstream, scratch) = (Upstream::start(), Scratch::new("panic"));
    let feed = feed(&upstream);
    let process = about_to_fetch(&scratch.0, &upstream, &feed);
    upstream.says(&NEW, false);
    process.steps().panic_before(Step::Publish);
    assert_eq!(process.refresh(), Err(NotDone::Ending));
    // It waits for the next life, which may run by itself before.
    until_not_busy(&process).expect("it succeeds");
    assert_eq!(process.edition(), Some(2));
    let told = process.mirror.told();
    assert_eq!((told[0].failures.iter().sum::<u64>(), told[0].failed_in_a_row), (1, 0));
    process.steps().panic_before(Step::Publish);
    assert_eq!(process.refresh(), Err(NotDone::Ending));
    let other = Feed { retries: 7, ..feed };
    process.mirror.replace(settings(&scratch.0, &[&other])).expect("a folder");
    until_not_busy(&process).expect("its turn comes");
    assert_eq!(process.edition(), Some(2));
}

fn until_not_busy(process: &Process) -> Result<Ended, NotDone> {
    let begun = Instant::now();
    loop {
        match process.refresh() {
            Err(NotDone::Busy) if begun.elapsed() < PATIENCE => std::thread::yield_now(),
            other => return other,
        }
    }
}

#[test]
fn a_reload_that_waits_for_a_disk_keeps_no_request_waiting() {
    let (upstream, scratch) = (Upstream::start(), Scratch::new("slow"));
    let feed = feed(&upstream);
    let process = about_to_fetch(&scratch.0, &upstream, &feed);
    // Who reads it waits for who writes.
    let slow = scratch.0.join("slow/edition.json");
    fs::create_dir_all(scratch.0.join("slow")).expect("a folder");
    mknodat(CWD, &slow, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    let other = Feed { name: "slow".into(), serve_at: "/slow".into(), ..feed.clone() };
    let mirror = &process.mirror;
    std::thread::scope(|scope| {
        let both = settings(&scratch.0, &[&feed, &other]);
        let reload = scope.spawn(|| mirror.replace(both));
        let written = fs::OpenOptions::new().write(true).open(&slow).expect("it is read");
        let (says, said) = std::sync::mpsc::channel();
        scope.spawn(move || says.send((mirror.names(|_| true), mirror.told().len())));
        let said = said.recv_timeout(PATIENCE);
        drop(written);
        assert_eq!(said, Ok((vec!["news".to_owned()], 1)));
        reload.join().expect("it does not panic").expect("a folder");
    });
    assert_eq!(mirror.names(|_| true), ["news", "slow"]);
}
