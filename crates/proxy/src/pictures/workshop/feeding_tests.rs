//! Sources that lie on disk, on their way to a process: a shell that gives back what it was given.

use super::*;
use crate::pictures::on_disk::OnDisk;
use crate::pictures::on_disk::tests::{NOTHING_IS_CACHED, Temporary, bytes};
use imaging::Limits;
use imaging::job::Outcome;
use imaging::run::Media;
use imaging::sizing::Size;
use std::fs;
use std::io::Write as _;
use std::sync::mpsc;
use tokio::time::timeout;

/// Some pieces long, and more than lies in a pipe.
const LONG: usize = 1_500_000;

/// A workshop of one process at a time, and what its processes write down.
struct Tried {
    workshop: Arc<Workshop>,
    log: Temporary,
    _copy: Temporary,
}

fn job() -> Job {
    Job { task: Task::Info, limits: Limits::default(), mark_bytes: 0, is_whole: false }
}

fn octal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:03o}")).collect()
}

/// The answer of one that asks for the source once more.
fn once_more() -> String {
    let word = Outcome::Unknown.encode();
    octal(&[&(word.len() as u32).to_le_bytes()[..], &[0; 4], &word].concat())
}

/// One whose processes say in the log that they have begun, do what `first` says, where they are the
/// first, and give back each source of `LONG` bytes.
fn opened(first: &str, timeout: Duration) -> Tried {
    let (log, copy) = (Temporary::of(b""), Temporary::of(b""));
    let size = Size { width: 1, height: 1 };
    let word = Outcome::Picture { media: Media::Png, size, original: false }.encode();
    let all = 8 + job().encode().len() + LONG;
    let lengths = [word.len() as u32, LONG as u32].map(u32::to_le_bytes).concat();
    let script = format!(
        "log={log} copy={copy}\n\
         echo begun >> $log\n\
         printf '{hello}' >&0\n\
         taken() {{ head -c {all} > $copy; [ $(stat -c %s $copy) = {all} ] || exit 1; }}\n\
         again() {{ taken; printf '{answer}' >&0; tail -c {LONG} $copy >&0; }}\n\
         [ $(wc -l < $log) = 1 ] && {{ {first}\n}}\n\
         while again; do :; done",
        log = log.0.display(),
        copy = copy.0.display(),
        hello = octal(&[0; 8]),
        answer = octal(&[lengths, word].concat()),
    );
    let program = Program {
        path: "/bin/sh".into(),
        name: "sh".to_owned(),
        arguments: vec!["-c".to_owned(), script],
        patient: String::new(),
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        must_be_shut_in: true,
    };
    let limits = PictureLimits { workers: 1, queue: 1, timeout, memory_bytes: 1 << 20 };
    let workshop = Workshop::open(program, limits).expect("threads");
    Tried { workshop, log, _copy: copy }
}

impl Tried {
    async fn make(&self, source: &Held) -> Result<Bytes, Refused> {
        let place = self.workshop.enter().expect("there is room");
        let material = Material { source: source.clone(), mark: Bytes::new() };
        self.workshop.make(place, job(), material).await.map(|done| done.bytes)
    }

    fn say(&self, word: &str) {
        let mut log = fs::OpenOptions::new().append(true).open(&self.log.0).expect("a log");
        writeln!(log, "{word}").expect("it is written");
    }

    fn said(&self, word: &str) -> usize {
        let log = fs::read_to_string(&self.log.0).expect("a log");
        log.lines().filter(|line| *line == word).count()
    }

    /// How many were made, and how many processes died.
    fn counted(&self) -> (u64, u64) {
        let counts = self.workshop.counts();
        (counts.made.load(Ordering::Relaxed), counts.crashed.load(Ordering::Relaxed))
    }
}

async fn on_disk(file: &Temporary) -> Held {
    Held::Disk(OnDisk::read_through(file.lies(), u64::MAX).await.expect("a file"))
}

const PATIENT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_source_on_disk_arrives_as_one_in_memory_does() {
    let (tried, bytes) = (opened(":", PATIENT), bytes(LONG));
    let file = Temporary::of(&bytes);
    for source in [Held::in_memory(bytes.clone().into()), on_disk(&file).await] {
        for _ in 0..2 {
            assert!(tried.make(&source).await.expect("it is made") == bytes);
        }
    }
    assert_eq!((tried.counted(), tried.said("begun")), ((4, 0), 1));
}

#[tokio::test]
async fn what_changes_on_its_way_is_nobodys_crash() {
    let (tried, before) = (opened(":", PATIENT), bytes(LONG));
    let file = Temporary::of(&before);
    let source = on_disk(&file).await;
    assert!(tried.make(&source).await.is_ok());
    let mut after = before.clone();
    after[LONG - 1] ^= 1;
    fs::write(&file.0, &after).expect("it is ours");
    let lost = tried.make(&source).await;
    assert!(matches!(lost, Err(Refused::Lost(Lost::Broken))), "{lost:?}");
    // It was not tried a second time, and the process that had a part of it is no more.
    assert_eq!((tried.counted(), tried.said("begun")), ((1, 0), 1));
    assert!(tried.make(&on_disk(&file).await).await.expect("it is made") == after);
    assert_eq!((tried.counted(), tried.said("begun")), ((2, 0), 2));
}

#[tokio::test]
async fn a_second_process_is_fed_from_the_start() {
    let dies = "again; head -c 500000 > $copy; exit 1";
    let (tried, bytes) = (opened(dies, PATIENT), bytes(LONG));
    let source = on_disk(&Temporary::of(&bytes)).await;
    for _ in 0..2 {
        assert!(tried.make(&source).await.expect("it is made") == bytes);
    }
    assert_eq!((tried.counted(), tried.said("begun")), ((2, 0), 2));
}

#[tokio::test]
async fn a_process_that_asks_once_more_is_fed_from_the_start() {
    let asks = format!("taken; printf '{}' >&0; echo asked >> $log", once_more());
    let (tried, bytes) = (opened(&asks, PATIENT), bytes(LONG));
    let source = on_disk(&Temporary::of(&bytes)).await;
    assert!(tried.make(&source).await.expect("it is made") == bytes);
    assert_eq!((tried.counted(), tried.said("asked"), tried.said("begun")), ((1, 0), 1, 1));
}

#[tokio::test]
async fn a_process_that_asks_for_ever_has_crashed_and_leaves_nothing_to_the_next() {
    // Before it has read anything, too.
    let asks = format!("printf '{0}{0}{0}' >&0; cat > /dev/null", once_more());
    let bytes = bytes(LONG);
    let file = Temporary::of(&bytes);
    for source in [Held::in_memory(bytes.clone().into()), on_disk(&file).await] {
        let tried = opened(&asks, PATIENT);
        let crashed = tried.make(&source).await;
        assert!(matches!(crashed, Err(Refused::Crashed)), "{crashed:?}");
        assert!(tried.make(&source).await.expect("it is made") == bytes);
        assert_eq!((tried.counted(), tried.said("begun")), ((1, 1), 2));
    }
}

#[tokio::test]
async fn a_process_that_dies_of_a_source_on_disk_has_crashed() {
    let (tried, bytes) = (opened("head -c 500000 > $copy; exit 1", PATIENT), bytes(LONG));
    let source = on_disk(&Temporary::of(&bytes)).await;
    let crashed = tried.make(&source).await;
    assert!(matches!(crashed, Err(Refused::Crashed)), "{crashed:?}");
    assert_eq!(tried.counted(), (0, 1));
}

#[tokio::test]
async fn who_leaves_holds_nobody_up() {
    // It takes the rest only when nobody waits any more: else it could have all by then, and be at work.
    let takes = "head -c 1000 > $copy; echo taken >> $log
                 until grep -q left $log; do sleep 0.01; done; cat > /dev/null";
    let (tried, bytes) = (opened(takes, PATIENT), bytes(LONG));
    let source = on_disk(&Temporary::of(&bytes)).await;
    let mut making = Box::pin(tried.make(&source));
    while tried.said("taken") == 0 {
        let done = timeout(Duration::from_millis(1), &mut making).await;
        assert!(done.is_err(), "{done:?}");
    }
    drop(making);
    tried.say("left");
    // There is one thread, and it would wait for a minute.
    let next = timeout(PATIENT / 2, tried.make(&source)).await.expect("it has its turn");
    assert!(next.expect("it is made") == bytes);
    assert_eq!(tried.counted(), (1, 0));
}

#[test]
fn a_disk_that_hangs_is_too_slow_and_holds_no_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .enable_time()
        .build()
        .expect("a runtime");
    let bytes = bytes(LONG);
    runtime.block_on(async {
        let tried = opened(":", Duration::from_secs(2));
        let source = on_disk(&Temporary::of(&bytes)).await;
        // Nothing can be read as long as this is not told to end.
        NOTHING_IS_CACHED.set(true);
        let (end, hangs) = mpsc::channel::<()>();
        let hanging = tokio::task::spawn_blocking(move || hangs.recv());
        let slow = tried.make(&source).await;
        assert!(matches!(slow, Err(Refused::Lost(Lost::TooSlow))), "{:?}", slow.err());
        drop(end);
        assert!(hanging.await.expect("it ends").is_err());
        assert!(tried.make(&source).await.expect("it is made") == bytes);
        assert_eq!(tried.counted(), (1, 0));
    });
}

#[tokio::test]
async fn a_process_that_reads_nothing_has_timed_out() {
    let tried = opened("sleep 9", Duration::from_millis(300));
    let source = on_disk(&Temporary::of(&bytes(LONG))).await;
    let timed_out = tried.make(&source).await;
    assert!(matches!(timed_out, Err(Refused::TimedOut)), "{timed_out:?}");
    assert_eq!(tried.counted(), (0, 0));
}
