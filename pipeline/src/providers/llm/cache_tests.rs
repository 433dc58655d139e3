use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;

fn question() -> Question {
    Question { system: "s".to_owned(), user: "u".to_owned(), schema: None, seed: 0 }
}

fn cache(folder: &tempfile::TempDir, ttl: Duration) -> Cache {
    Cache::new(folder.path().join("llm"), ttl)
}

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn all_that_changes_an_answer_is_in_the_key() {
    let schema = |document| Question { schema: Some(("t", document)), ..question() };
    let keys = [
        Cache::key("a", "m", None, &question()),
        Cache::key("b", "m", None, &question()),
        Cache::key("a", "n", None, &question()),
        Cache::key("a", "m", Some(0.0), &question()),
        Cache::key("a", "m", Some(1.0), &question()),
        Cache::key("a", "m", None, &Question { system: "u".to_owned(), ..question() }),
        Cache::key("a", "m", None, &Question { user: "s".to_owned(), ..question() }),
        Cache::key("a", "m", None, &Question { seed: 1, ..question() }),
        Cache::key("a", "m", None, &schema(json!({}))),
        Cache::key("a", "m", None, &schema(json!({"type": "object"}))),
    ];
    for (place, key) in keys.iter().enumerate() {
        assert!(!keys[..place].contains(key), "{place}");
    }
    assert_eq!(keys[0], Cache::key("a", "m", None, &question()));
}

/// The answer under one key; `n_asked` counts how often it was asked for.
async fn get(cache: &Cache, n_asked: &AtomicUsize, made_at: Timestamp) -> Arc<str> {
    let ask = async {
        n_asked.fetch_add(1, Ordering::Relaxed);
        Ok::<_, ()>(Entry { answer: "Waves.".into(), made_at_us: made_at.as_microsecond() })
    };
    cache.get_or_ask(Digest::of(b"key"), |_| true, ask).await.expect("an answer")
}

#[tokio::test]
async fn an_old_answer_is_forgotten() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (cache, n_asked) = (cache(&folder, DAY), AtomicUsize::new(0));
    let old = Timestamp::now() - jiff::SignedDuration::from_hours(25);
    let check = async |made_at, expected| {
        assert_eq!(&*get(&cache, &n_asked, made_at).await, "Waves.");
        assert_eq!(n_asked.load(Ordering::Relaxed), expected);
    };
    check(old, 1).await;
    check(old, 2).await;
    check(Timestamp::now(), 3).await;
    check(old, 3).await;
    // Out of memory alone: the file knows how old it is.
    cache.memory.invalidate_all();
    check(old, 3).await;
}

#[tokio::test]
async fn a_broken_file_is_no_answer() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (cache, n_asked) = (cache(&folder, DAY), AtomicUsize::new(0));
    fs_err::create_dir_all(&cache.folder).expect("made");
    fs_err::write(cache.file(Digest::of(b"key")), "{\"answer\": \"Wa").expect("written");
    get(&cache, &n_asked, Timestamp::now()).await;
    assert_eq!(n_asked.load(Ordering::Relaxed), 1);
    let read = cache.read(Digest::of(b"key")).await.expect("whole");
    assert_eq!(&*read.answer, "Waves.");
}

/// Who asks first goes away in the middle: the one who waits asks itself.
#[tokio::test]
async fn a_flight_that_is_given_up_is_taken_over() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let cache = cache(&folder, DAY);
    let n_asked = AtomicUsize::new(0);
    let key = Digest::of(b"key");
    let first = cache.get_or_ask(key, |_| true, std::future::pending::<Result<Entry, ()>>());
    let given_up = tokio::time::timeout(Duration::from_millis(50), first);
    let (given_up, answer) = tokio::join!(given_up, get(&cache, &n_asked, Timestamp::now()));
    assert!(given_up.is_err());
    assert_eq!((&*answer, n_asked.load(Ordering::Relaxed)), ("Waves.", 1));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_costs_nothing_but_the_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    fs_err::write(folder.path().join("llm"), "no folder").expect("written");
    let (cache, n_asked) = (cache(&folder, DAY), AtomicUsize::new(0));
    assert_eq!(&*get(&cache, &n_asked, Timestamp::now()).await, "Waves.");
}

#[test]
fn a_sweep_removes_what_is_old() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let cache = cache(&folder, DAY);
    cache.sweep().expect("nothing to sweep");
    fs_err::create_dir_all(&cache.folder).expect("made");
    for (name, hours) in [("new.json", 23), ("old.json", 25), (".tmpOld", 2), (".tmpNew", 0)] {
        let file = fs_err::File::create(cache.folder.join(name)).expect("made");
        let written = std::time::SystemTime::now() - Duration::from_secs(hours * 3600);
        file.set_modified(written).expect("a time");
    }
    cache.sweep().expect("swept");
    let mut left: Vec<String> = fs_err::read_dir(&cache.folder)
        .expect("folder")
        .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, [".tmpNew", "new.json"]);
}
