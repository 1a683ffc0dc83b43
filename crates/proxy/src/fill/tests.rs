//! Readers and the writer of a fill, without an origin.

use super::state::JOINED_CHUNK_BYTES;
use super::*;
use policy::key::KeyRef;
use policy::request::Request;
use policy::rule::Rule;
use policy::vary::Variant;
use store::Store;
use store::purge_log::{PurgeLog, Settings};

fn store() -> Arc<Store> {
    let limits = store::Limits {
        memory_bytes: 1 << 20,
        max_object_bytes: 1 << 20,
        max_in_memory_bytes: 1 << 20,
        in_flight_bytes: 1 << 20,
        max_variants: 4,
        stale_window: policy::time::Seconds::ZERO,
    };
    let purges = PurgeLog::in_memory(Settings::default());
    Store::new(limits, Arc::new(purges), None)
}

fn fill(store: &Store) -> Arc<Fill> {
    fill_with(store, Limits { window_bytes: PIECE as u64, finish_bytes: 10, unattended: false })
}

/// More than is put together.
const PIECE: usize = JOINED_CHUNK_BYTES * 2;

fn piece(of: u8) -> Bytes {
    vec![of; PIECE].into()
}

fn fill_with(store: &Store, limits: Limits) -> Arc<Fill> {
    let mut buffer = Vec::new();
    let request = Request { host: "h".into(), target: "/".into(), ..Request::default() };
    let departure =
        store.depart(KeyRef::build(&request, &Rule::default(), &mut buffer), Default::default());
    Arc::new(Fill::new(departure, limits))
}

fn head() -> Head {
    let admission = Err(WhySkip::NoStore);
    Head::Flowing(Arc::new(Flowing {
        status: 200,
        shown: Fields::new(),
        length: None,
        admission,
        tags: Box::default(),
        body_id: None,
    }))
}

async fn read(reader: &mut Reader) -> String {
    match reader.next().await {
        Next::Data(data) => String::from_utf8_lossy(&data).into_owned(),
        Next::End(_) => "END".into(),
        Next::Broken => "BROKEN".into(),
        Next::Lagged => "LAGGED".into(),
    }
}

#[tokio::test]
async fn readers_get_all_from_the_first_byte_whenever_they_come() {
    let store = store();
    let fill = fill(&store);
    let mut early = fill.reader().expect("open");
    fill.begin(head(), true, true);
    assert!(fill.push(Bytes::from_static(b"one"), None).await);
    assert_eq!(read(&mut early).await, "one");
    let mut late = fill.reader().expect("open");
    assert!(fill.push(Bytes::from_static(b"two"), None).await);
    fill.end(Ok(Fields::new()));
    for (reader, texts) in [(&mut early, vec!["two", "END"]), (&mut late, vec!["onetwo", "END"])] {
        for text in texts {
            assert_eq!(read(reader).await, text);
        }
    }
    assert!(fill.reader().is_none(), "what is over is found in the store");
}

#[tokio::test]
async fn the_writer_waits_for_the_fastest_reader_and_never_for_the_slowest() {
    let store = store();
    let fill = fill(&store);
    let (mut fast, mut slow) = (fill.reader().expect("open"), fill.reader().expect("open"));
    fill.begin(head(), true, false);
    assert!(fill.push(piece(b'a'), None).await);
    let blocked = fill.push(piece(b'b'), None);
    tokio::pin!(blocked);
    assert!(futures_poll(blocked.as_mut()).is_none(), "more than a window ahead of all");
    assert_eq!(read(&mut fast).await.as_bytes(), piece(b'a'));
    assert_eq!(futures_poll(blocked.as_mut()), Some(true));
    assert_eq!(read(&mut fast).await.as_bytes(), piece(b'b'));
    assert!(fill.push(piece(b'c'), None).await);
    assert_eq!(read(&mut fast).await.as_bytes(), piece(b'c'));
    assert!(fill.push(piece(b'd'), None).await);
    assert_eq!(read(&mut slow).await, "LAGGED");
}

#[tokio::test]
async fn a_fast_reader_that_leaves_takes_nothing_from_a_slow_one() {
    const LARGE: usize = 60 << 10;
    let store = store();
    let limits = Limits { window_bytes: 200 << 10, finish_bytes: 10, unattended: false };
    let fill = fill_with(&store, limits);
    let (mut fast, mut slow) = (fill.reader().expect("open"), fill.reader().expect("open"));
    fill.begin(head(), true, false);
    for number in 0..3 {
        assert!(fill.push(Bytes::from(vec![number; LARGE]), None).await);
        assert!(matches!(fast.next().await, Next::Data(_)));
    }
    drop(fast);
    assert!(fill.push(Bytes::from_static(b"x"), None).await);
    assert!(matches!(slow.next().await, Next::Data(data) if data[0] == 0));
}

#[tokio::test]
async fn a_fill_that_nobody_reads_ends_unless_little_is_missing() {
    let store = store();
    for (announced, goes_on) in [(Some(15), true), (Some(100), false), (None, true)] {
        let fill = fill(&store);
        drop(fill.reader());
        fill.begin(head(), true, true);
        let went_on = fill.push(Bytes::from_static(b"12345"), announced).await;
        assert_eq!(went_on, goes_on, "{announced:?}");
    }
    let fill = fill(&store);
    let reader = fill.reader().expect("open");
    fill.begin(head(), false, false);
    drop(reader);
    assert!(!fill.push(Bytes::from_static(b"x"), Some(1)).await, "not stored: no use");
}

#[tokio::test]
async fn tiny_chunks_are_put_together_and_read_one_by_one_all_the_same() {
    let store = store();
    let fill = fill(&store);
    let (mut early, mut late) = (fill.reader().expect("open"), fill.reader().expect("open"));
    fill.begin(head(), true, true);
    for number in 0..=9 {
        assert!(fill.push(Bytes::from(vec![b'0' + number]), None).await);
        assert_eq!(read(&mut early).await, number.to_string());
    }
    assert_eq!(fill.state().chunks.len(), 1);
    assert_eq!(read(&mut late).await, "0123456789");
}

#[tokio::test]
async fn what_broke_off_counts_until_it_is_read() {
    let store = store();
    let fill = fill(&store);
    let reader = fill.reader().expect("open");
    let mut buffer = Vec::new();
    let key = KeyRef::build(&Request::default(), &Rule::default(), &mut buffer).to_key();
    let writer = store.begin(&key, Some(1000)).expect("room");
    fill.begin(head(), true, true);
    fill.breaks_off(Some(writer));
    assert_eq!(store.stats().in_flight_bytes, 1000);
    drop((reader, fill));
    assert_eq!(store.stats().in_flight_bytes, 0);
}

#[tokio::test]
async fn requests_for_one_thing_find_each_other() {
    let store = store();
    let fills = Fills::default();
    let mut buffer = Vec::new();
    let request = Request { host: "h".into(), target: "/".into(), ..Request::default() };
    let key = KeyRef::build(&request, &Rule::default(), &mut buffer);
    let variant = Variant::default();
    let limits = Limits { window_bytes: 10, finish_bytes: 10, unattended: false };
    let make = || Fill::new(store.depart(key, Default::default()), limits);
    let name = FillName { site: Default::default(), key, variant: &variant };
    let Join::Lead(first) = fills.join(name, make) else { panic!("the first leads") };
    assert!(matches!(fills.join(name, make), Join::Follow(_)));
    store.invalidate(key.url());
    let Join::Lead(second) = fills.join(name, make) else { panic!("overtaken") };
    fills.leave(name, &first);
    assert_eq!(fills.len(), 1, "the first has been replaced already");
    fills.leave(name, &second);
    assert!(fills.is_empty());
}

/// Polls once.
fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match future.poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}
