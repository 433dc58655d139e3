//! The models against real weights and real speech.
//!
//! `REELBENCH_MODELS` names the folder with the models (`cargo xtask fetch-models`). Where it is not
//! set, these tests say so loudly and do nothing, except in CI, where they fail.
#![cfg(feature = "ml")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fetch::Digest;
use pipeline::ml::{Batching, CLIP, MINILM, MlError, ModelSettings, Models, StartOrder, WHISPER};
use protocol::Weights;
use serde::Deserialize;

/// One thread: whisper.cpp's threads wait for each other by spinning, and tests share the machine.
const BATCHING: Batching =
    Batching { batch: 32, wait: Duration::ZERO, delay: Duration::ZERO, threads: 1 };

/// The folder with the models, if the model `name` is to be tested on this machine.
#[expect(clippy::print_stderr, reason = "a test that tests nothing says so")]
fn models_with(name: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("REELBENCH_MODELS").map(PathBuf::from);
    let dir = dir.filter(|dir| dir.join(name).exists());
    if dir.is_none() {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "in CI the models must be there: set REELBENCH_MODELS, with {name} in it");
        eprintln!("\n!!! NOT TESTED: REELBENCH_MODELS is not set, or has no {name} in it !!!\n");
    }
    dir
}

fn settings(dir: &Path) -> ModelSettings {
    ModelSettings {
        dir: dir.to_owned(),
        preload: true,
        order: StartOrder::Parallel,
        keep_loaded: true,
        max_resident_bytes: None,
        pictures: false,
        batching: BATCHING,
        cache: None,
    }
}

async fn start(dir: &Path, batching: Batching) -> Models {
    start_with(ModelSettings { batching, ..settings(dir) }).await
}

async fn start_with(settings: ModelSettings) -> Models {
    let models = Models::start(&settings).await.expect("the models are whole");
    models.wait_ready().await.expect("the models can be loaded");
    assert!(models.ready());
    models
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[derive(Deserialize)]
struct Reference {
    text: String,
    vector: Vec<f32>,
}

/// See `reference/minilm_reference.py`.
fn references() -> Vec<Reference> {
    serde_json::from_str(include_str!("reference/minilm_reference.json")).expect("the references")
}

#[tokio::test]
async fn sentence_vectors_are_those_of_the_float64_reference() {
    let Some(dir) = models_with(MINILM) else { return };
    let models = start(&dir, BATCHING).await;
    assert_eq!(models.weights(MINILM), Some(Weights::Real));
    let references = references();
    let texts = references.iter().map(|reference| reference.text.clone()).collect();
    let vectors = models.embed(texts).await.expect("vectors");
    for (reference, vector) in references.iter().zip(&vectors) {
        assert_eq!(vector.len(), 384);
        let norm: f32 = vector.iter().map(|value| value * value).sum();
        assert!((norm - 1.0).abs() < 1e-5, "length {norm} of {}", reference.text);
        let likeness = cosine(vector, &reference.vector);
        assert!(likeness > 0.999_99, "cosine {likeness} of {}", reference.text);
    }
    assert_eq!(vectors.len(), references.len());
}

#[tokio::test]
async fn a_batch_and_waiting_together_change_no_vector() {
    let Some(dir) = models_with(MINILM) else { return };
    let texts: Vec<String> = references().into_iter().map(|reference| reference.text).collect();
    let batched = start(&dir, Batching { batch: 4, ..BATCHING }).await;
    let together = batched.embed(texts.clone()).await.expect("vectors");
    let single = start(&dir, Batching { batch: 1, ..BATCHING }).await;
    // Six requests at once: each gets its own.
    let alone =
        futures::future::join_all(texts.iter().map(|text| single.embed(vec![text.clone()])));
    for (i, alone) in alone.await.into_iter().enumerate() {
        let alone = alone.expect("a vector");
        assert_eq!(alone.len(), 1);
        let likeness = cosine(&alone[0], &together[i]);
        assert!(likeness > 0.999_99, "cosine {likeness} of {}", texts[i]);
    }
    assert_eq!(batched.embed(Vec::new()).await, Ok(Vec::new()));
}

/// Memory is scarce (claim 002-6).
#[tokio::test]
async fn a_model_that_was_unloaded_is_loaded_again_when_it_is_asked() {
    let Some(dir) = models_with(MINILM) else { return };
    let models = start(&dir, BATCHING).await;
    let before = models.embed(vec!["cat".to_owned()]).await.expect("a vector");
    assert!(models.unload().contains(&MINILM.to_owned()));
    assert_eq!(models.resident(), []);
    let after = models.embed(vec!["cat".to_owned()]).await.expect("a vector");
    assert_eq!(before, after);
    assert_eq!(models.resident()[0].0, MINILM);
}

#[tokio::test]
async fn what_means_the_same_is_near() {
    let Some(dir) = models_with(MINILM) else { return };
    let models = start(&dir, BATCHING).await;
    for [anchor, near, far] in [
        ["cat", "kitten", "car"],
        ["Waves break on the shore.", "ocean beach", "city traffic at night"],
        ["She types the report before noon.", "office worker laptop", "mountain river"],
    ] {
        let texts = [anchor, near, far].map(str::to_owned).to_vec();
        let vectors = models.embed(texts).await.expect("vectors");
        let (to_near, to_far) =
            (cosine(&vectors[0], &vectors[1]), cosine(&vectors[0], &vectors[2]));
        assert!(to_near > to_far + 0.1, "{anchor}: {near} {to_near}, {far} {to_far}");
    }
}

#[tokio::test]
async fn a_delay_holds_up_each_pass_after_the_first() {
    let Some(dir) = models_with(MINILM) else { return };
    let delay = Duration::from_millis(700); // longer than a pass of one word
    let models = start(&dir, Batching { batch: 1, delay, ..BATCHING }).await;
    let begun = Instant::now();
    models.embed(["a", "b", "c"].map(str::to_owned).to_vec()).await.expect("vectors");
    assert!(begun.elapsed() >= 2 * delay, "{:?}", begun.elapsed());
}

/// Two seconds of speech, at espeak-ng's own rate of 22050 a second.
fn speech(dir: &Path) -> PathBuf {
    let path = dir.join("speech.wav");
    let text = "The quick brown fox jumps over the lazy dog.";
    let spoken = Command::new("espeak-ng").args(["-v", "en", "-w"]).arg(&path).arg(text).status();
    assert!(spoken.expect("espeak-ng is installed").success());
    path
}

#[tokio::test]
async fn whisper_gives_the_same_words_twice_in_order_and_within_the_sound() {
    let Some(dir) = models_with(WHISPER) else { return };
    let models = start(&dir, BATCHING).await;
    assert!(models.has_whisper());
    let folder = tempfile::tempdir().expect("a folder");
    let sound = speech(folder.path());
    let reader = hound::WavReader::open(&sound).expect("a WAV file");
    let duration_ms = u64::from(reader.duration()) * 1_000 / u64::from(reader.spec().sample_rate);
    let first = models.transcribe(&sound, "en").await.expect("words");
    assert_eq!(models.transcribe(&sound, "en").await, Ok(first.clone()));
    let mut earliest = 0;
    for word in &first {
        assert!(earliest <= word.start_ms && word.start_ms < word.end_ms, "{first:?}");
        earliest = word.end_ms;
    }
    assert!(earliest <= duration_ms, "{duration_ms} ms: {first:?}");
    if models.weights(WHISPER) == Some(Weights::Real) {
        let heard: Vec<&str> = first.iter().map(|word| word.text.as_str()).collect();
        let heard = heard.join(" ").to_lowercase();
        assert!(heard.contains("fox") && heard.contains("dog"), "{heard}");
    }
}

#[tokio::test]
async fn whisper_stops_when_nobody_waits() {
    let Some(dir) = models_with(WHISPER) else { return };
    let models = start(&dir, BATCHING).await;
    let folder = tempfile::tempdir().expect("a folder");
    // Ten minutes of noise: about twenty windows, each some seconds of arithmetic.
    let long = folder.path().join("long.wav");
    let source = "anoisesrc=duration=600:sample_rate=16000:seed=1";
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", source])
        .arg(&long)
        .status();
    assert!(made.expect("ffmpeg is installed").success());
    let unwanted =
        tokio::time::timeout(Duration::from_secs(2), models.transcribe(&long, "en")).await;
    assert!(unwanted.is_err(), "ten minutes of sound take longer than two seconds");
    let begun = Instant::now();
    let short = speech(folder.path());
    let (answer, alone) = (models.transcribe(&short, "en").await, begun.elapsed());
    assert!(answer.is_ok(), "{answer:?}");
    // The rest of the long sound would take a minute at least.
    assert!(alone < Duration::from_secs(40), "the model was held up for {alone:?}");
}

#[tokio::test]
async fn what_is_no_sound_is_named() {
    let Some(dir) = models_with(WHISPER) else { return };
    let models = start(&dir, BATCHING).await;
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("text.wav");
    fs_err::write(&text, "no sound").expect("a file");
    for path in [text, folder.path().join("missing.wav")] {
        let error = models.transcribe(&path, "en").await.expect_err("no sound");
        let MlError::Audio { path: named, reason } = &error else { panic!("{error}") };
        assert_eq!(*named, path);
        assert!(reason.starts_with("`ffmpeg` ended with"), "{reason}");
    }
}

#[tokio::test]
async fn models_that_are_absent_are_no_error_before_they_are_asked() {
    let empty = tempfile::tempdir().expect("a folder");
    let models = start(empty.path(), BATCHING).await;
    assert_eq!((models.has_minilm(), models.has_whisper()), (false, false));
    assert_eq!((models.uses(), models.weights(MINILM)), (Vec::new(), None));
    let path = empty.path().join("minilm/model.json");
    let absent = MlError::Absent { name: MINILM.into(), path };
    assert_eq!(models.embed(vec!["cat".into()]).await, Err(absent));
    let error = models.transcribe(Path::new("no.wav"), "en").await.expect_err("no model");
    assert!(matches!(error, MlError::Absent { .. }), "{error}");
}

/// A model of the weights `described`, with the weights `there` in their place.
fn write_model(models: &Path, name: &str, described: &str, there: &str) {
    let (sha256, bytes) = (Digest::of(described.as_bytes()), described.len());
    let description = format!(
        r#"{{"name": "{name}", "weights": "fixture", "sha256": "{sha256}", "licence": "CC0-1.0",
        "files": [{{"path": "w.bin", "sha256": "{sha256}", "bytes": {bytes}}}]}}"#
    );
    let dir = models.join(name);
    fs_err::create_dir(&dir).expect("a folder");
    fs_err::write(dir.join("w.bin"), there).expect("weights");
    fs_err::write(dir.join("model.json"), description).expect("a description");
}

#[tokio::test]
async fn weights_that_are_no_weights_are_an_error_when_they_are_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    write_model(folder.path(), WHISPER, "not ggml", "not ggml");
    let models = Models::start(&settings(folder.path())).await.expect("sizes are right");
    let error = models.wait_ready().await.expect_err("no model");
    assert!(matches!(&error, MlError::Load { name, .. } if name == WHISPER), "{error}");
    assert!(!models.ready());
}

#[tokio::test]
async fn weights_with_one_wrong_byte_are_not_loaded() {
    for name in [MINILM, CLIP, WHISPER] {
        let folder = tempfile::tempdir().expect("a folder");
        write_model(folder.path(), name, "weights", "weightz");
        let settings = ModelSettings { pictures: true, ..settings(folder.path()) };
        let models = Models::start(&settings).await.expect("sizes are right");
        let damaged = MlError::Changed {
            path: folder.path().join(name).join("w.bin"),
            expected: Digest::of(b"weights"),
            found: Digest::of(b"weightz"),
        };
        assert_eq!(models.wait_ready().await, Err(damaged), "{name}");
        assert!(!models.ready(), "{name}");
    }
}
