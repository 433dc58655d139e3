//! What the fields of a job may hold, for the document. The service checks them in `job::request`; a test
//! holds the two together.

use serde_json::{Map, Value, json};

use crate::job::request::MAX_SCRIPT_CHARS;

/// Anything but U+0000.
const TEXT: &str = r"^[^\u0000]*$";
const COLOUR: &str = "^#[0-9A-Fa-f]{6}$";
const SIZE: &str = "^[+]?[0-9]+x[+]?[0-9]+$";
const VOICE: &str = r"^\s*(no-voice|(espeak|openai):[^\u0000-\u001F]+)?\s*$";

/// Completes the schema of a job. It refuses nothing that the service takes: what fields only mean
/// together, and what is here, a schema cannot say.
pub fn describe(schemas: &mut Value) {
    alias(&mut schemas["Stage"], &["audio", "subtitle", "video"]);
    alias(&mut schemas["BgmType"], &[""]);
    alias(&mut schemas["SubtitleAnimation"], &[""]);
    // Empty and "None" are MoneyPrinterTurbo's ways to say none.
    let dashed =
        ["fade-in", "fade-out", "slide-in", "slide-out", "zoom-in", "zoom-out", "cross-fade"];
    alias(&mut schemas["Transition"], &[&["", "None", "none", "shuffle"], &dashed[..]].concat());
    let material = &mut schemas["Material"];
    material["properties"]["provider"]["enum"] = json!(["", "local"]);
    material["properties"]["url"]["minLength"] = json!(1);
    material["required"] = json!(["url"]);

    let job = &mut schemas["JobSpec"];
    for (field, rule) in rules() {
        let property = job["properties"][field].as_object_mut();
        property.into_iter().for_each(|property| property.extend(rule.clone()));
    }
    // A field that is `null` is as if it were not there.
    for (_, property) in job["properties"].as_object_mut().into_iter().flatten() {
        or_null(property);
    }
    job["anyOf"] = json!([said("video_subject"), said("video_script")]);
    job["example"] = json!({"video_subject": "The sea at night", "video_language": "en"});
}

fn said(field: &str) -> Value {
    json!({"required": [field], "properties": {field: {"type": "string", "minLength": 1}}})
}

fn alias(schema: &mut Value, names: &[&str]) {
    let known = schema.get_mut("enum").and_then(Value::as_array_mut);
    known.into_iter().for_each(|known| known.extend(names.iter().map(|&name| name.into())));
}

/// What a field may hold beyond its type, as `job::request::ranges` checks it.
fn rules() -> Vec<(&'static str, Map<String, Value>)> {
    let range = |least: f64, most: f64| json!({"minimum": least, "maximum": most});
    let count = |least: u32, most: u32| json!({"minimum": least, "maximum": most});
    let text = |most: usize| json!({"maxLength": most, "pattern": TEXT});
    let like = |pattern: &str| json!({"pattern": pattern});
    let rules = [
        ("video_subject", text(1_000)),
        ("video_script", text(MAX_SCRIPT_CHARS)),
        ("video_script_prompt", text(2_000)),
        ("custom_system_prompt", text(8_000)),
        ("video_size", like(SIZE)),
        ("video_clip_duration", range(1.0, 60.0)),
        ("video_clip_speed", range(0.5, 2.0)),
        ("video_clip_concurrency", count(1, 8)),
        ("video_count", count(1, 10)),
        ("paragraph_number", count(1, 10)),
        ("voice_name", like(VOICE)),
        ("voice_rate", range(0.5, 2.0)),
        ("voice_volume", range(0.0, 2.0)),
        ("bgm_volume", range(0.0, 1.0)),
        ("video_music_prompt", json!({"maxLength": 0})),
        ("sonilo_bgm_prompt", json!({"maxLength": 0})),
        ("custom_position", range(0.0, 100.0)),
        ("font_size", range(8.0, 300.0)),
        ("text_fore_color", like(COLOUR)),
        ("text_background_color", like(COLOUR)),
        ("stroke_color", like(COLOUR)),
        ("stroke_width", range(0.0, 20.0)),
        ("word_highlight_color", like(COLOUR)),
        ("n_threads", count(1, 64)),
    ];
    let fields = |rule: Value| rule.as_object().cloned().unwrap_or_default();
    rules.into_iter().map(|(name, rule)| (name, fields(rule))).collect()
}

fn or_null(property: &mut Value) {
    let null = json!({"type": "null"});
    let Some(fields) = property.as_object_mut() else { return };
    match fields.get_mut("type") {
        Some(Value::Array(types)) => {
            if !types.contains(&json!("null")) {
                types.push(json!("null"));
            }
        }
        Some(one) => *one = json!([one.take(), "null"]),
        None => {
            if let Some(shapes) = fields.get_mut("oneOf").and_then(Value::as_array_mut) {
                if !shapes.contains(&null) {
                    shapes.push(null);
                }
            } else if let Some(reference) = fields.remove("$ref") {
                fields.insert("oneOf".to_owned(), json!([{"$ref": reference}, {"type": "null"}]));
            }
        }
    }
}

#[cfg(test)]
mod tests;
