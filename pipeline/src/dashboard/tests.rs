use std::collections::BTreeSet;
use std::path::Path;

use super::*;

fn text(file: &File) -> &'static str {
    std::str::from_utf8(file.bytes).expect("UTF-8")
}

fn scripts() -> impl Iterator<Item = &'static File> {
    FILES.iter().filter(|file| file.media_type == JS)
}

/// Behind each `mark`, up to the quote or the bracket that ends it.
fn behind<'a>(text: &'a str, mark: &'a str, end: char) -> impl Iterator<Item = &'a str> {
    text.split(mark).skip(1).filter_map(move |rest| rest.split(end).next())
}

#[test]
fn every_file_of_the_folder_is_served_and_every_name_leads_to_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard/page");
    let there: BTreeSet<String> = fs_err::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    let served: BTreeSet<String> = FILES.iter().map(|file| file.name.to_owned()).collect();
    assert_eq!(there, served);
    for script in scripts() {
        for name in behind(text(script), "from './", '\'') {
            assert!(file(name).is_some(), "{} imports {name}", script.name);
        }
    }
    let index = text(file(INDEX).expect("a page"));
    let names: Vec<&str> = behind(index, "\"dashboard/", '"').collect();
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        assert!(file(name).is_some(), "the page names {name}");
    }
}

#[test]
fn no_file_leads_out_and_none_writes_markup() {
    for file in FILES.iter() {
        let text = text(file).replace("http://www.w3.org/2000/svg", "");
        for banned in ["://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"] {
            // How links are told from other texts.
            let found = text.replace("/^https?:\\/\\//", "").contains(banned);
            assert!(!found, "{} has {banned}", file.name);
        }
        assert!(!text.contains(" style=") && !text.contains("<script>"), "{}", file.name);
        assert!(text.lines().count() <= 300, "{} has two subjects", file.name);
    }
}

/// Keys of a dictionary.
fn keys(name: &str) -> BTreeSet<&'static str> {
    let lines = text(file(name).expect("a dictionary")).lines();
    lines
        .filter_map(|line| line.strip_prefix("  ")?.split_once(": "))
        .map(|(key, _)| key.trim_matches('\''))
        .collect()
}

#[test]
fn both_languages_have_every_word() {
    let (english, vietnamese) = (keys("words-en.js"), keys("words-vi.js"));
    assert!(english.len() > 120, "{}", english.len());
    assert_eq!(english, vietnamese);
    let index = text(file(INDEX).expect("a page"));
    let mut used: Vec<&str> = behind(index, "data-t=\"", '"').collect();
    for script in scripts() {
        used.extend(behind(text(script), " t('", '\''));
        used.extend(behind(text(script), "(t('", '\''));
    }
    assert!(used.len() > 80, "{}", used.len());
    for key in used.into_iter().filter(|key| !key.contains('$') && *key != "p50") {
        assert!(english.contains(key), "no words for {key}");
    }
}

#[test]
fn a_file_is_known_by_what_it_holds() {
    let etags: BTreeSet<&str> = FILES.iter().map(|file| file.etag.as_str()).collect();
    assert_eq!(etags.len(), FILES.len());
    assert!(etags.iter().all(|etag| etag.len() == 34 && etag.starts_with('"')), "{etags:?}");
    assert!(file("../mod.rs").is_none() && file("").is_none());
}
