use std::io::Read;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn bytes(pieces: &[Piece]) -> Vec<u8> {
    let mut all = Vec::new();
    pieces::read(pieces, &mut |chunk| {
        all.extend_from_slice(&chunk);
        Ok(())
    })
    .expect("readable");
    all
}

/// A layer of files on disk that were written as another user would write them.
fn written(folder: &Path, mode: u32, seconds: u64) -> Layer {
    let weights = folder.join("w.bin");
    fs_err::write(&weights, b"the weights").expect("written");
    rustix::fs::chmod(&weights, rustix::fs::Mode::from_raw_mode(mode)).expect("mode");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    let file = fs_err::File::options().write(true).open(&weights).expect("opened");
    file.set_modified(time).expect("time");
    let sha256 = Some(Digest::of(b"the weights"));
    let entry = Entry::File { source: weights, bytes: 11, sha256, executable: false };
    Layer::default().with("models/m/w.bin", entry).with("data", Entry::Folder)
}

#[test]
fn the_same_content_gives_the_same_digest_everywhere() {
    let digests: Vec<Digest> = [(0o600, 1), (0o644, 1_700_000_000), (0o777, 4_000_000_000)]
        .into_iter()
        .map(|(mode, seconds)| {
            let folder = tempfile::tempdir().expect("folder");
            written(folder.path(), mode, seconds).digest().expect("digest")
        })
        .collect();
    assert_eq!(digests, [digests[0]; 3]);
    // Written down: a change of the format would send every model again.
    let expected = "639b3277043ea1904e9d02898eef46a9323df8307384012c79222b0818b2fbb1";
    assert_eq!(digests[0].to_string(), expected);
}

#[test]
fn the_order_of_adding_does_not_count() {
    let text = |text: &str| Entry::Text(text.to_owned());
    let one = Layer::default().with("a/b", text("b")).with("a/c", text("c"));
    let other = Layer::default().with("a/c", text("c")).with("a/b", text("b"));
    assert_eq!(bytes(&one.pieces().expect("one")), bytes(&other.pieces().expect("other")));
}

#[test]
fn a_reader_finds_what_was_put_in() {
    let folder = tempfile::tempdir().expect("folder");
    let long = format!("models/{}/w.bin", "long".repeat(60));
    let layer = written(folder.path(), 0o600, 5).with(&long, Entry::Text("deep".to_owned()));
    let tar = bytes(&layer.pieces().expect("pieces"));
    assert_eq!(tar.len() % 512, 0);
    let mut found = Vec::new();
    let mut archive = tar::Archive::new(&tar[..]);
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let path = entry.path().expect("a path").to_string_lossy().into_owned();
        let header = entry.header();
        let facts = (header.mode().expect("mode"), header.uid().expect("uid"));
        assert_eq!(header.mtime().expect("time"), 0);
        let mut content = String::new();
        entry.read_to_string(&mut content).expect("content");
        found.push((path, facts, content));
    }
    let expected = [
        ("data/".to_owned(), (0o755, 0), ""),
        ("models/".to_owned(), (0o755, 0), ""),
        (format!("models/{}/", "long".repeat(60)), (0o755, 0), ""),
        (long, (0o644, 0), "deep"),
        ("models/m/".to_owned(), (0o755, 0), ""),
        ("models/m/w.bin".to_owned(), (0o644, 0), "the weights"),
    ];
    assert_eq!(found, expected.map(|(path, facts, text)| (path, facts, text.to_owned())));
}

#[test]
fn a_size_that_ustar_has_no_digits_for_stands_in_a_record() {
    let huge =
        Entry::File { source: "/nowhere".into(), bytes: 1 << 40, sha256: None, executable: false };
    let mut pieces = Layer::default().with("huge", huge).pieces().expect("pieces");
    pieces.retain(|piece| matches!(piece, Piece::Inline(_)));
    let tar = bytes(&pieces);
    let mut archive = tar::Archive::new(&tar[..]);
    let entry = archive.entries().expect("entries").next().expect("one").expect("an entry");
    assert_eq!(
        (entry.path().expect("a path").as_ref(), entry.size()),
        (Path::new("huge"), 1 << 40)
    );
}

proptest! {
    #[test]
    fn any_names_and_texts_are_read_back(
        files in prop::collection::btree_map("[a-zA-Zé][a-zA-Z0-9._é ]{0,119}(/[a-z]{1,120}){0,3}", "\\PC{0,700}", 0..5)
    ) {
        // A path cannot be a file and a folder.
        let apart = |path: &str| !files.keys().any(|other| other.starts_with(&format!("{path}/")));
        prop_assume!(files.keys().all(|path| apart(path)));
        let mut layer = Layer::default();
        for (path, text) in &files {
            layer = layer.with(path, Entry::Text(text.clone()));
        }
        let tar = bytes(&layer.pieces().expect("pieces"));
        let mut archive = tar::Archive::new(&tar[..]);
        let mut found = BTreeMap::new();
        for entry in archive.entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            if entry.header().entry_type().is_file() {
                let path = entry.path().expect("a path").to_string_lossy().into_owned();
                let mut text = String::new();
                entry.read_to_string(&mut text).expect("text");
                found.insert(path, text);
            }
        }
        prop_assert_eq!(found, files);
    }
}
