//! CLIP on the fixtures' weights of chance: they see nothing, but every computation must be the reference's.
//!
//! `REELBENCH_MODELS` names the folder with the models, as in `ml.rs`.
#![cfg(feature = "ml")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pipeline::ml::{
    Batching, CLIP, CacheSettings, Footage, MlError, ModelSettings, Models, StartOrder,
};
use protocol::Weights;
use serde::Deserialize;

/// The folder with the models, if a CLIP is on this machine.
#[expect(clippy::print_stderr, reason = "a test that tests nothing says so")]
fn models_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("REELBENCH_MODELS").map(PathBuf::from);
    let dir = dir.filter(|dir| dir.join(CLIP).exists());
    if dir.is_none() {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "in CI the models must be there: set REELBENCH_MODELS");
        eprintln!("\n!!! NOT TESTED: REELBENCH_MODELS is not set, or has no {CLIP} in it !!!\n");
    }
    dir
}

async fn start(dir: &Path, batch: usize, cache: Option<CacheSettings>) -> Models {
    start_waiting(dir, batch, cache, Duration::ZERO).await
}

async fn start_waiting(
    dir: &Path,
    batch: usize,
    cache: Option<CacheSettings>,
    wait: Duration,
) -> Models {
    let delay = Duration::ZERO;
    let settings = ModelSettings {
        dir: dir.to_owned(),
        preload: false,
        order: StartOrder::Parallel,
        keep_loaded: true,
        max_resident_bytes: None,
        pictures: true,
        batching: Batching { batch, wait, delay, threads: 1 },
        cache,
    };
    Models::start(&settings).await.expect("the models are whole")
}

/// See `reference/clip_reference.py`.
#[derive(Deserialize)]
struct Reference {
    weights: String,
    texts: Vec<Text>,
    pictures: Vec<Picture>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
    vector: Vec<f32>,
}

#[derive(Deserialize)]
struct Picture {
    seed: usize,
    vector: Vec<f32>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/clip_reference.json")).expect("the reference")
}

/// The picture of the reference with this seed.
fn picture(seed: usize) -> Vec<u8> {
    let value = |i: usize| {
        let (y, x, colour) = (i / 672, i / 3 % 224, i % 3);
        u8::try_from((x * (colour + 1) + y * seed + x * y / 97) % 256).expect("a byte")
    };
    (0..224 * 224 * 3).map(value).collect()
}

/// A film of one picture, without loss.
fn film(folder: &Path, seed: usize) -> Footage {
    let (raw, path) = (folder.join(format!("{seed}.rgb")), folder.join(format!("{seed}.mkv")));
    fs_err::write(&raw, picture(seed)).expect("written");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "224x224", "-i"])
        .arg(&raw)
        .args(["-c:v", "ffv1", "-pix_fmt", "bgr0"])
        .arg(&path)
        .status();
    assert!(made.expect("ffmpeg is installed").success());
    Footage { path, sha256: seed.to_string(), duration_ms: 40, is_still: false }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn texts_and_pictures_are_the_references() {
    let Some(dir) = models_dir() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let reference = reference();
    // A batch pads: all three texts have other lengths.
    let models = start(&dir, 8, None).await;
    let uses = models.uses();
    let clip = uses.iter().find(|model| model.name == CLIP).expect("it is there");
    if clip.weights == Weights::Real {
        return; // the reference is of the fixtures' weights
    }
    assert_eq!(clip.sha256, reference.weights, "the reference is of other weights");
    let texts: Vec<String> = reference.texts.iter().map(|text| text.text.clone()).collect();
    let films: Vec<Footage> =
        reference.pictures.iter().map(|picture| film(folder.path(), picture.seed)).collect();
    let found = models.compare_pictures(&texts, &films).await.expect("a comparison");
    for (row, text) in found.scores.iter().zip(&reference.texts) {
        for (score, picture) in row.iter().zip(&reference.pictures) {
            let expected = cosine(&text.vector, &picture.vector);
            assert!((score - expected).abs() < 1e-3, "{}: {score}, not {expected}", text.text);
        }
    }
    let (one, other) = (&reference.pictures[0].vector, &reference.pictures[1].vector);
    assert!((found.alike[0][1] - cosine(one, other)).abs() < 1e-3, "{:?}", found.alike);
    assert!(found.alike[0][1] < 0.999, "the pictures differ: {:?}", found.alike);
}

#[tokio::test]
async fn each_vector_is_the_references() {
    let Some(dir) = models_dir() else { return };
    let reference = reference();
    let models = start(&dir, 2, None).await;
    if models.weights(CLIP) == Some(Weights::Real) {
        return;
    }
    let texts = reference.texts.iter().map(|text| text.text.clone()).collect();
    let vectors = models.embed_for_pictures(texts).await.expect("vectors");
    for (vector, text) in vectors.iter().zip(&reference.texts) {
        assert!(cosine(vector, &text.vector) > 0.999, "{}", text.text);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let films: Vec<Footage> =
        reference.pictures.iter().map(|picture| film(folder.path(), picture.seed)).collect();
    let vectors = models.embed_pictures(films).await.expect("vectors");
    for (vector, picture) in vectors.iter().zip(&reference.pictures) {
        assert!(cosine(vector, &picture.vector) > 0.999, "picture {}", picture.seed);
    }
}

#[tokio::test]
async fn a_known_picture_is_neither_decoded_nor_encoded_again() {
    let Some(dir) = models_dir() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let films = [film(folder.path(), 2), film(folder.path(), 5)];
    let said = ["a cat".to_owned()];
    let models = start(&dir, 8, Some(CacheSettings { max_bytes: 1 << 20, dir: None })).await;
    let first = models.compare_pictures(&said, &films).await.expect("a comparison");
    assert_eq!(models.n_encoded(), 3);
    for film in &films {
        fs_err::remove_file(&film.path).expect("removed");
    }
    assert_eq!(models.compare_pictures(&said, &films).await, Ok(first));
    assert_eq!(models.n_encoded(), 3);
}

#[tokio::test]
async fn a_request_waits_for_no_other() {
    let Some(dir) = models_dir() else { return };
    // Requests are answered one by one: to gather them would only cost time.
    let models = start_waiting(&dir, 8, None, Duration::from_secs(3_600)).await;
    let vectors = models.embed_for_pictures(vec!["a cat".to_owned()]);
    let vectors = tokio::time::timeout(Duration::from_secs(300), vectors).await;
    assert_eq!(vectors.expect("long before the hour is over").map(|found| found.len()), Ok(1));
}

#[tokio::test]
async fn what_is_no_picture_is_named() {
    let Some(dir) = models_dir() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clip.mp4");
    fs_err::write(&path, "no film").expect("written");
    let (sha256, duration_ms) = ("aa".to_owned(), 1_000);
    let footage = Footage { path: path.clone(), sha256, duration_ms, is_still: false };
    let models = start(&dir, 8, None).await;
    let error = models.compare_pictures(&["a cat".to_owned()], &[footage]).await;
    let Err(MlError::Picture { path: named, .. }) = error else { panic!("{error:?}") };
    assert_eq!(named, path);
}
