use std::f64::consts::TAU;
use std::path::PathBuf;

use protocol::Weights;
use serde::Deserialize;
use whisper_rs::{WhisperTokenId, get_lang_id};

use super::*;
use crate::ml::WHISPER;

#[track_caller]
fn check_language(tag: &str, expected: Option<&str>) {
    assert_eq!(language_code(tag), expected, "{tag:?}");
}

#[test]
fn a_language_that_whisper_does_not_know_is_left_to_its_ear() {
    check_language("", None);
    check_language("auto", None);
    check_language("xx", None);
    check_language("v\0i", None);
    check_language("vi", Some("vi"));
    check_language("vi-VN", Some("vi"));
    check_language("pt_BR", Some("pt"));
}

/// See `tests/reference/whisper_reference.py`.
#[derive(Deserialize)]
struct Reference {
    weights: String,
    prompt: Vec<WhisperTokenId>,
    next: WhisperTokenId,
    step: usize,
    sounds: Vec<Sound>,
}

#[derive(Deserialize)]
struct Sound {
    seed: f64,
    /// Every `step`-th logit after the prompt, and after one token more.
    logits: [Vec<f64>; 2],
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../tests/reference/whisper_reference.json"))
        .expect("the reference")
}

/// The folder with the models, if a Whisper is on this machine: as in `tests/ml.rs`.
fn fixture() -> Option<ModelDir> {
    let models = std::env::var_os("REELBENCH_MODELS").map(PathBuf::from);
    let models = models.filter(|models| models.join(WHISPER).exists());
    let Some(models) = models else {
        let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!is_ci, "in CI the models must be there: set REELBENCH_MODELS");
        eprintln!("\n!!! NOT TESTED: REELBENCH_MODELS is not set, or has no {WHISPER} in it !!!\n");
        return None;
    };
    let dir = ModelDir::open(&models, WHISPER).expect("a whole model");
    if dir.weights() == Weights::Real {
        eprintln!(
            "\n!!! NOT TESTED: the reference is of the fixtures' weights, not of real ones !!!\n"
        );
        return None;
    }
    Some(dir)
}

/// The sound of the reference with this seed.
fn sound(seed: f64) -> Vec<f32> {
    let sample = |i: u32| {
        let t = f64::from(i) / f64::from(SAMPLE_RATE);
        let low = (TAU * t * (150.0 * seed + 40.0 * t)).sin();
        let high = (TAU * t * 1100.0 * seed).sin() / 2.0;
        (0.4 * (low + high) * (TAU * t * seed).sin().powi(2)) as f32
    };
    (0..28 * SAMPLE_RATE).map(sample).collect()
}

/// Every `step`-th logit that the decoder gives last.
fn logits(state: &WhisperState, step: usize) -> Vec<f64> {
    let logits = state.get_logits().expect("logits");
    logits.iter().copied().step_by(step).map(f64::from).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// whisper.cpp keeps weights, keys and values in half precision and looks its GELU up in a table of
/// halves: hence cosines, not equal numbers. It keeps the keys and values of earlier tokens, which the
/// reference computes anew.
#[test]
fn logits_are_those_of_the_float64_reference() {
    let Some(dir) = fixture() else { return };
    let reference = reference();
    assert_eq!(dir.sha256().to_string(), reference.weights, "the reference is of other weights");
    let mut whisper = Whisper::load(&dir, 1).expect("the model can be loaded");
    let context = &whisper.context;
    let english = context.token_lang(get_lang_id("en").expect("a language"));
    let transcribe = context.token_transcribe();
    let prompt = [context.token_sot(), english, transcribe, context.token_not()];
    assert_eq!(reference.prompt, prompt);
    let mut state = whisper.state.take().expect("a state");
    let found: Vec<[Vec<f64>; 2]> = reference
        .sounds
        .iter()
        .map(|Sound { seed, .. }| {
            state.pcm_to_mel(&sound(*seed), 1).expect("a spectrogram");
            state.encode(0, 1).expect("encoded");
            // Whoever decodes four tokens gets four rows of logits, of which whisper.cpp fills the last and
            // whisper-rs 0.16 gives the first: so the last token comes alone, after the others.
            let (last, others) = prompt.split_last().expect("four tokens");
            state.decode(others, 0, 1).expect("decoded");
            state.decode(&[*last], others.len(), 1).expect("decoded");
            let first = logits(&state, reference.step);
            state.decode(&[reference.next], prompt.len(), 1).expect("decoded");
            [first, logits(&state, reference.step)]
        })
        .collect();
    let [one, other] = &reference.sounds[..] else { panic!("expected two sounds") };
    for step in 0..2 {
        for (found, Sound { seed, logits }) in found.iter().zip(&reference.sounds) {
            let likeness = cosine(&found[step], &logits[step]);
            assert!(likeness > 0.9999, "sound {seed}, step {step}: {likeness}");
        }
        // Weights of chance hear little: the logits of the two sounds have a cosine of 0.994. What the
        // sound changes in them must be the reference's too, or the encoder was not tested.
        let heard = difference(&found[0][step], &found[1][step]);
        let likeness = cosine(&heard, &difference(&one.logits[step], &other.logits[step]));
        assert!(likeness > 0.999, "what is heard, step {step}: {likeness}");
    }
}
