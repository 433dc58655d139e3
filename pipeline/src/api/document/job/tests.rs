use serde_json::{Value, json};

use crate::job::request;

fn schemas() -> Value {
    let guard = crate::api::Guard::of_this_machine();
    let document = crate::api::routes(&guard).into_openapi();
    super::super::finished(document, false)["components"]["schemas"].take()
}

fn is_taken(field: &str, value: &Value) -> bool {
    let mut job = json!({"video_subject": "sea", "video_script": "The sea."});
    job[field] = value.clone();
    request::parse(job.to_string().as_bytes()).is_ok()
}

#[test]
fn every_field_is_described_and_may_be_null() {
    let schemas = schemas();
    let fields = schemas["JobSpec"]["properties"].as_object().expect("fields");
    let known = serde_json::to_value(protocol::JobSpec::default()).expect("a document");
    let names = |of: &serde_json::Map<String, Value>| {
        let mut names: Vec<String> = of.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(fields), names(known.as_object().expect("fields")));
    assert_eq!(schemas["JobSpec"]["additionalProperties"], false);
    for (name, field) in fields {
        let null = json!({"type": "null"});
        let shapes = field["oneOf"].as_array().is_some_and(|shapes| shapes.contains(&null));
        let types = field["type"].as_array().is_some_and(|types| types.contains(&json!("null")));
        assert!(shapes || types, "{name}: {field}");
        assert!(is_taken(name, &Value::Null), "{name}");
        assert!(field.to_string().contains("\"description\":"), "{name}: {field}");
    }
}

#[test]
fn the_ranges_of_the_document_are_those_of_the_code() {
    let schemas = schemas();
    let fields = schemas["JobSpec"]["properties"].as_object().expect("fields");
    let mut n_checked = 0;
    for (name, field) in fields {
        let bound = |key: &str| field.get(key).and_then(Value::as_f64);
        if let (Some(least), Some(most)) = (bound("minimum"), bound("maximum")) {
            let is_whole = field["type"].to_string().contains("integer");
            let step = if is_whole { 1.0 } else { 0.001 };
            #[expect(clippy::cast_possible_truncation, reason = "bounds are small")]
            let value = |x: f64| if is_whole { json!(x as i64) } else { json!(x) };
            for (x, expected) in
                [(least, true), (most, true), (least - step, false), (most + step, false)]
            {
                assert_eq!(is_taken(name, &value(x)), expected, "{name}: {x}");
            }
            n_checked += 1;
        }
        if let Some(most) = field.get("maxLength").and_then(Value::as_u64) {
            let most = usize::try_from(most).expect("small");
            assert!(is_taken(name, &json!("ă".repeat(most))), "{name}: {most}");
            assert!(!is_taken(name, &json!("ă".repeat(most + 1))), "{name}: {most} + 1");
            n_checked += 1;
        }
    }
    assert!(n_checked >= 18, "only {n_checked} fields have bounds");
}

#[test]
fn every_name_of_the_document_is_taken() {
    let schemas = schemas();
    for (schema, field) in [
        ("Stage", "stop_at"),
        ("BgmType", "bgm_type"),
        ("SubtitleAnimation", "subtitle_animation"),
        ("SubtitlePosition", "subtitle_position"),
        ("Transition", "video_transition_mode"),
        ("ConcatMode", "video_concat_mode"),
        ("FitMode", "video_fit_mode"),
        ("Aspect", "video_aspect"),
        ("Priority", "priority"),
    ] {
        let names = schemas[schema]["enum"].as_array().expect("names");
        assert!(names.len() >= 2, "{schema}: {names:?}");
        for name in names {
            let needs_more = *name == "custom" && field == "bgm_type";
            assert!(needs_more || is_taken(field, name), "{field}: {name}");
        }
    }
}
