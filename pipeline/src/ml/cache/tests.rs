use std::path::Path;
use std::time::{Duration, SystemTime};

use super::files::MAGIC;
use super::*;

fn cache(dir: Option<&Path>, max_bytes: u64) -> Cache {
    Cache::open(CacheSettings { max_bytes, dir: dir.map(Path::to_owned) })
}

fn entry(content: &str, value: f32) -> (Digest, Vec<f32>) {
    (key("weights", "text", content), vec![value; 8])
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(dir).expect("the folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// Bytes of one entry.
const ONE: u64 = 64 + 4 + 32;

#[test]
fn a_vector_is_of_a_content_as_these_weights_see_it() {
    let base = key("weights", "text", "a cat");
    assert_eq!(base, key("weights", "text", "a cat"));
    for other in [
        key("other weights", "text", "a cat"),
        key("weights", "image", "a cat"),
        key("weights", "text", "a dog"),
        key("weightst", "ext", "a cat"),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn the_memory_is_bounded_and_what_was_asked_for_last_stays() {
    let cache = cache(None, 2 * ONE);
    let entries = [entry("a", 1.0), entry("b", 2.0), entry("c", 3.0)];
    cache.put(&entries[..2]);
    cache.put(&entries[..1]); // once more: it counts once
    assert_eq!(cache.get(entries[1].0), Some(vec![2.0; 8]));
    cache.put(&entries[2..]);
    let found: Vec<bool> = entries.iter().map(|(key, _)| cache.get(*key).is_some()).collect();
    assert_eq!(found, [false, true, true]);
}

#[test]
fn the_next_process_has_them_too_and_a_damaged_file_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("cache/embeddings");
    let entries = [entry("a", 1.0), entry("b", -2.5)];
    cache(Some(&dir), 1_000).put(&entries[..1]);
    cache(Some(&dir), 1_000).put(&entries[1..]);
    let again = cache(Some(&dir), 1_000);
    for (key, vector) in &entries {
        assert_eq!(again.get(*key).as_ref(), Some(vector));
    }

    let path = files(&dir).remove(0);
    let mut bytes = fs_err::read(&path).expect("a file");
    bytes[MAGIC.len() + 70] ^= 1;
    fs_err::write(&path, bytes).expect("written");
    let again = cache(Some(&dir), 1_000);
    let found = entries.iter().filter(|(key, _)| again.get(*key).is_some()).count();
    assert_eq!((found, files(&dir).len()), (1, 1));
}

#[test]
fn old_files_go_and_many_become_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let many: Vec<_> = (0_u8..40).map(|i| entry(&i.to_string(), f32::from(i))).collect();
    let first = cache(Some(folder.path()), 1 << 20);
    many.iter().for_each(|entry| first.put(std::slice::from_ref(entry)));
    assert_eq!(files(folder.path()).len(), 40);
    let joined = cache(Some(folder.path()), 1 << 20);
    assert_eq!(files(folder.path()).len(), 1);
    assert!(many.iter().all(|(key, vector)| joined.get(*key).as_ref() == Some(vector)));
    // Too large for this bound.
    let small = cache(Some(folder.path()), 2 * ONE);
    assert_eq!((files(folder.path()).len(), small.get(many[39].0)), (0, None));
}

#[test]
fn the_files_are_bounded_while_vectors_are_put_and_the_oldest_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = cache(Some(folder.path()), 1_000);
    let many: Vec<_> = (0_u8..20).map(|i| entry(&i.to_string(), f32::from(i))).collect();
    for entry in &many {
        cache.put(std::slice::from_ref(entry));
        cache.put(std::slice::from_ref(entry)); // the same file: it counts once
        let lengths = files(folder.path())
            .into_iter()
            .map(|path| fs_err::metadata(path).expect("a file").len());
        assert!(lengths.sum::<u64>() <= 1_000);
    }
    // A file has a head of 20 bytes and a digest of 64.
    assert_eq!(files(folder.path()).len(), 5);
    let again = self::cache(Some(folder.path()), 1_000);
    let kept: Vec<bool> = many.iter().map(|(key, _)| again.get(*key).is_some()).collect();
    assert_eq!(kept, [[false; 15].to_vec(), [true; 5].to_vec()].concat());
}

#[test]
fn what_a_killed_process_was_writing_goes_once_nobody_can_be_writing_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = |name: &str, age_s: u64| {
        let file = fs_err::File::create(folder.path().join(name)).expect("a file");
        let modified = SystemTime::now() - Duration::from_secs(age_s);
        file.file().set_modified(modified).expect("a time");
    };
    made(".writing-old", 7_200);
    made(".writing-now", 1);
    made("notes.txt", 7_200);
    cache(Some(folder.path()), 1_000);
    let mut left: Vec<_> = files(folder.path())
        .iter()
        .map(|path| path.file_name().expect("a name").to_owned())
        .collect();
    left.sort();
    assert_eq!(left, [".writing-now", "notes.txt"]);
}

#[test]
fn a_folder_that_cannot_be_is_no_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs_err::write(&file, "").expect("written");
    let cache = cache(Some(&file.join("embeddings")), 1_000);
    let (key, vector) = entry("a", 1.0);
    cache.put(&[(key, vector.clone())]);
    assert_eq!(cache.get(key), Some(vector));
}
