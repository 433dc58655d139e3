use super::*;

#[test]
fn an_empty_document_is_all_defaults_and_a_spec_is_read_back() {
    let spec: JobSpec = serde_json::from_str("{}").expect("every field has a default");
    assert_eq!(spec, JobSpec::default());
    let text = serde_json::to_string(&spec).expect("a spec is a document");
    assert_eq!(serde_json::from_str::<JobSpec>(&text).ok(), Some(spec));
}

#[track_caller]
fn check_refused(document: &str, reason: &str) {
    let error = serde_json::from_str::<JobSpec>(document).expect_err("must be refused").to_string();
    assert!(error.starts_with(reason), "{document}: {error}");
}

#[test]
fn what_is_not_known_is_refused() {
    check_refused(r#"{"video_subjekt": "sea"}"#, "unknown field `video_subjekt`");
    check_refused(r#"{"video_aspect": "4:3"}"#, "unknown variant `4:3`");
    check_refused(r#"{"generation": "large"}"#, "unknown variant `large`");
    check_refused(r#"{"priority": "now"}"#, "unknown variant `now`");
    check_refused(r#"{"video_size": "wide"}"#, "expected a size such as 540x960, found \"wide\"");
}

#[track_caller]
fn check_terms(document: &str, expected: &[&str]) {
    let terms: Terms = serde_json::from_str(document).expect("terms");
    assert_eq!(terms.to_vec(), expected, "{document}");
}

#[test]
fn terms_come_joined_or_as_a_list() {
    check_terms(r#""sea, night sky""#, &["sea", "night sky"]);
    check_terms(r#""biển， bầu trời ,,""#, &["biển", "bầu trời"]);
    check_terms(r#"[" sea ", ""]"#, &["sea"]);
}

#[test]
fn an_exact_size_goes_before_the_aspect() {
    let mut spec = JobSpec { video_aspect: Aspect::Square, ..JobSpec::default() };
    assert_eq!(spec.size().to_string(), "1080x1080");
    spec.video_size = "540x960".parse().ok();
    assert_eq!(spec.size(), Size { width: 540, height: 960 });
}

#[track_caller]
fn check_transition(document: &str, expected: Option<Transition>) {
    let document = format!(r#"{{"video_transition_mode": {document}}}"#);
    let spec: JobSpec = serde_json::from_str(&document).expect("a transition");
    assert_eq!(spec.video_transition_mode, expected, "{document}");
}

#[test]
fn transitions_are_written_as_the_api_and_as_the_command_line_have_them() {
    for nothing in ["null", r#""None""#, r#""none""#, r#""""#] {
        check_transition(nothing, None);
    }
    check_transition(r#""Shuffle""#, Some(Transition::Shuffle));
    check_transition(r#""FadeIn""#, Some(Transition::FadeIn));
    check_transition(r#""slide-out""#, Some(Transition::SlideOut));
    check_refused(r#"{"video_transition_mode": "Wipe"}"#, "unknown variant `Wipe`");
    check_refused(r#"{"video_transition_mode": 1}"#, "invalid type: integer `1`");
}

#[track_caller]
fn check_background(document: &str, expected: Option<&str>) {
    let background: Background = serde_json::from_str(document).expect("a background");
    assert_eq!(background.colour(), expected, "{document}");
}

#[test]
fn a_background_is_a_flag_or_a_colour() {
    check_background("false", None);
    check_background("true", Some("#000000"));
    check_background(r##""#112233""##, Some("#112233"));
}

/// MoneyPrinterTurbo v1.3.3, `app/models/schema.py`, and the fields of its newest revision.
const MONEY_PRINTER_TURBO: &str = r##"{
    "video_subject": "", "video_script": "", "video_terms": null, "video_aspect": "9:16",
    "video_concat_mode": "random", "video_transition_mode": null, "video_clip_duration": 5,
    "video_clip_speed": 1.0, "match_materials_to_script": false, "video_count": 1,
    "video_source": "pexels", "video_materials": null, "custom_audio_file": null,
    "video_language": "", "voice_name": "", "voice_volume": 1.0, "voice_rate": 1.0,
    "bgm_type": "random", "bgm_file": "", "bgm_volume": 0.2, "video_music_prompt": "",
    "sonilo_bgm_prompt": "", "subtitle_enabled": true, "subtitle_position": "bottom",
    "custom_position": 70.0, "font_name": "STHeitiMedium.ttc", "font_size": 60,
    "text_fore_color": "#FFFFFF", "text_background_color": false,
    "rounded_subtitle_background": false, "stroke_color": "#000000", "stroke_width": 1.5,
    "n_threads": 2, "paragraph_number": 1, "video_script_prompt": "", "custom_system_prompt": "",
    "video_fit_mode": "cover", "video_clip_concurrency": 1
}"##;

#[test]
fn every_default_is_money_printer_turbos() {
    let theirs: JobSpec = serde_json::from_str(MONEY_PRINTER_TURBO).expect("every name is known");
    assert_eq!(theirs, JobSpec::default());
}
