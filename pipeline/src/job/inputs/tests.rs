use protocol::{TimingSource, Weights};

use super::*;
use crate::settings::Prescale;

/// What nothing that is made by a stage follows from: posts are written beside the stages.
const OF_NO_STAGE: [&str; 2] = ["priority", "social_platforms"];

#[test]
fn every_field_of_a_job_is_an_input_of_a_stage() {
    let stages = [SCRIPT, TERMS, NARRATION, MATERIALS, SUBTITLES, SELECTION, RENDER];
    let mut named: Vec<&str> = stages.concat();
    named.extend(OF_NO_STAGE);
    named.sort_unstable();
    named.dedup();
    let spec = serde_json::to_value(JobSpec::default()).expect("a spec is a document");
    let mut fields: Vec<&String> = spec.as_object().expect("an object").keys().collect();
    fields.sort();
    assert_eq!(named, fields);
}

/// What the keys of one job follow from, and what earlier stages made.
struct World {
    spec: JobSpec,
    settings: Settings,
    models: Vec<ModelUse>,
    script: Script,
    narration: Narration,
    font: &'static str,
}

fn world() -> World {
    World {
        spec: JobSpec { video_subject: "sea".to_owned(), ..JobSpec::default() },
        settings: Settings::default(),
        models: Vec::new(),
        script: Script { text: "The sea.".to_owned() },
        narration: Narration {
            file: "narration.wav".to_owned(),
            duration_ms: 1_000,
            engine: "openai:alloy".to_owned(),
            words: None,
            timing: TimingSource::Engine,
        },
        font: "Open Sans 400",
    }
}

fn model(name: &str) -> ModelUse {
    ModelUse { name: name.to_owned(), sha256: format!("{name}'s"), weights: Weights::Real }
}

/// The keys of all stages but the last, in their order.
fn keys(world: &World) -> [(Stage, Key); 7] {
    let World { spec, settings, models, script, narration, font } = world;
    let inputs = Inputs { spec, settings, models };
    let terms = SearchTerms { terms: vec!["sea".to_owned()] };
    let downloads = protocol::Downloads::default();
    let materials = Materials { clips: vec![], rejected: vec![], downloads, warnings: vec![] };
    let selection = Selection { shots: vec![], more: vec![], info: None };
    let subtitles = Subtitles {
        srt: String::new(),
        vtt: String::new(),
        ass: String::new(),
        cues: vec![],
        timing: TimingSource::Engine,
        font: String::new(),
        font_stands_in_for: None,
        notes: vec![],
    };
    [
        (Stage::Script, inputs.script()),
        (Stage::Terms, inputs.terms(script)),
        (Stage::Narration, inputs.narration(script)),
        (Stage::Materials, inputs.materials(script, &terms)),
        (Stage::Subtitles, inputs.subtitles(script, narration, "sound", font)),
        (Stage::Selection, inputs.selection(script, narration, &materials)),
        (Stage::Render, inputs.render(narration, &selection, &materials, &subtitles)),
    ]
}

/// Which stages are done anew after the change, nothing else being changed.
#[track_caller]
fn check(change: impl Fn(&mut World), expected: &[Stage]) {
    check_from(|_| (), change, expected);
}

#[track_caller]
fn check_from(begin: impl Fn(&mut World), change: impl Fn(&mut World), expected: &[Stage]) {
    let mut changed = world();
    begin(&mut changed);
    let before = keys(&changed);
    change(&mut changed);
    let pairs = before.into_iter().zip(keys(&changed));
    let found: Vec<Stage> =
        pairs.filter(|((_, old), (_, new))| old != new).map(|((stage, _), _)| stage).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_key_changes_with_what_the_result_follows_from_and_with_nothing_else() {
    use Stage::{Materials, Narration, Render, Script, Selection, Subtitles, Terms};
    check(|_| (), &[]);
    check(|world| world.spec.priority = protocol::Priority::High, &[]);
    check(|world| world.spec.social_platforms = vec![protocol::Platform::Tiktok], &[]);
    check(|world| world.spec.font_size = 20.0, &[Subtitles]);
    check(|world| world.spec.voice_name = "espeak:vi".to_owned(), &[Narration]);
    check(|world| world.spec.voice_rate = 1.5, &[Narration, Materials]);
    check(|world| world.spec.stop_at = Some(Terms), &[Terms]);
    check(|world| world.spec.video_source = VideoSource::Local, &[Terms, Materials]);
    let language = [Script, Narration, Subtitles, Selection];
    check(|world| world.spec.video_language = "en".to_owned(), &language);
    let of_the_text = [Terms, Narration, Materials, Subtitles, Selection];
    check(|world| world.script.text = "The night.".to_owned(), &of_the_text);

    check(|world| world.settings.llm.model = "another".to_owned(), &[Script, Terms]);
    check(|world| world.settings.llm.temperature = Some(0.2), &[Script, Terms]);
    check(|world| world.settings.downloads.early_stop = false, &[Materials]);
    check(|world| world.settings.pictures.prescale = Prescale::Side, &[Materials]);
    check(|world| world.settings.comfyui.negative = "people".to_owned(), &[]);
    check(|world| world.settings.subtitles.min_heard_share = 0.0, &[Subtitles]);
    check(|world| world.settings.similarity.min_score = 0.5, &[Selection]);
    check(|world| world.settings.music.dir = Some("/music".into()), &[Render]);
    check(|world| world.settings.render.crf = 30, &[Render]);
}

#[test]
fn what_is_found_here_is_an_input_of_what_asks_for_it() {
    use Stage::{Script, Selection, Subtitles};
    check(|world| world.font = "Noto Sans 400", &[Subtitles]);
    check(|world| world.models = vec![model(MINILM)], &[Selection]);
    check(|world| world.models = vec![model(CLIP)], &[Selection]);
    // Times that were guessed for want of a model are not those that it hears.
    check(|world| world.models = vec![model(WHISPER)], &[Subtitles]);
    let with_whisper = |world: &mut World| world.models = vec![model(WHISPER)];
    let other_weights = |world: &mut World| world.models[0].sha256.push('2');
    check_from(with_whisper, other_weights, &[Subtitles]);
    // Whoever spoke tells the times: nobody listens.
    let told = |world: &mut World| world.narration.words = Some(vec![]);
    check_from(told, with_whisper, &[]);
    check_from(told, |world| world.settings.subtitles.min_heard_share = 0.0, &[]);
    let brought = |world: &mut World| world.spec.custom_audio_file = Some("said.wav".to_owned());
    check_from(brought, with_whisper, &[Script, Subtitles]);
}

#[test]
fn keys_are_hexadecimal_and_no_two_stages_have_one() {
    let keys = keys(&world()).map(|(_, key)| key);
    assert!(keys.iter().all(|key| key.as_str().len() == 64));
    let distinct: std::collections::BTreeSet<&str> = keys.iter().map(Key::as_str).collect();
    assert_eq!(distinct.len(), keys.len());
}
