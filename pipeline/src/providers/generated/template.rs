//! A JSON document with placeholders, filled in on a copy for each run.
//!
//! A string that is a placeholder and nothing else becomes the value itself, so that
//! `"seed": "{{seed}}"` is a number; within other text it is written out. What is put in is not looked
//! at again: a prompt may say `{{seed}}`.

use std::path::Path;

use protocol::Size;
use serde_json::{Map, Value, json};

use super::Wish;

/// The names that stand between braces.
const KNOWN: [&str; 6] = ["prompt", "negative", "seed", "width", "height", "aspect_ratio"];
/// Largest seed of ComfyUI's samplers is 2^64 - 1, of many models on Replicate 2^31 - 1.
const MAX_SEED: u64 = i32::MAX as u64;

/// A document whose placeholders are all known.
#[derive(Clone, Debug)]
pub struct Template(Value);

/// A document that cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The file is not there.
    #[error("{0}")]
    Read(String),
    /// It is no JSON.
    #[error("{path}: expected a workflow in the API's format, found {found}")]
    NoWorkflow {
        /// The file.
        path: String,
        /// What it is.
        found: String,
    },
    /// A placeholder that nothing stands for.
    #[error("{path}: {at}: expected one of {}, found {{{{{name}}}}}", known())]
    Unknown {
        /// The file or setting.
        path: String,
        /// Where in the document.
        at: String,
        /// The name between the braces.
        name: String,
    },
    /// Whatever is asked for, the same is made.
    #[error("{path}: expected {{{{prompt}}}} somewhere, found it nowhere")]
    NoPrompt {
        /// The file or setting.
        path: String,
    },
}

fn known() -> String {
    KNOWN.map(|name| format!("{{{{{name}}}}}")).join(", ")
}

impl Template {
    /// Reads ComfyUI's workflow: an object of nodes, each with a `class_type`.
    pub(super) fn workflow(path: &Path) -> Result<Self, TemplateError> {
        let text = fs_err::read(path).map_err(|error| TemplateError::Read(error.to_string()))?;
        let path = path.display().to_string();
        let wrong = |found: String| TemplateError::NoWorkflow { path: path.clone(), found };
        let document: Value =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        let nodes = document.as_object().filter(|nodes| !nodes.is_empty());
        let Some(nodes) = nodes else { return Err(wrong("no object of nodes".to_owned())) };
        if document.get("nodes").is_some_and(Value::is_array) {
            let found = "one in the editor's format: export it with \"Export (API)\"";
            return Err(wrong(found.to_owned()));
        }
        if let Some((node, _)) = nodes.iter().find(|(_, node)| !node["class_type"].is_string()) {
            return Err(wrong(format!("the node {node} without a class_type")));
        }
        Self::new(document, &path)
    }

    /// A document of any shape; `path` is what errors call it.
    pub(super) fn new(document: Value, path: &str) -> Result<Self, TemplateError> {
        let mut found = Vec::new();
        collect(&document, "", &mut found);
        let unknown = found.iter().find(|(_, name)| !KNOWN.contains(&name.as_str()));
        if let Some((at, name)) = unknown {
            let (path, at, name) = (path.to_owned(), at.clone(), name.clone());
            return Err(TemplateError::Unknown { path, at, name });
        }
        if !found.iter().any(|(_, name)| name == "prompt") {
            return Err(TemplateError::NoPrompt { path: path.to_owned() });
        }
        Ok(Self(document))
    }

    /// A copy with everything filled in.
    pub(super) fn fill(&self, wish: &Wish, negative: &str) -> Value {
        let value = |name: &str| match name {
            "prompt" => json!(wish.prompt),
            "negative" => json!(negative),
            "seed" => json!(wish.seed & MAX_SEED),
            "width" => json!(wish.size.width),
            "height" => json!(wish.size.height),
            _ => json!(aspect_ratio(wish.size)),
        };
        filled(&self.0, &value)
    }
}

/// `9:16`.
fn aspect_ratio(size: Size) -> String {
    let (mut a, mut b) = (size.width, size.height);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    let divisor = a.max(1);
    format!("{}:{}", size.width / divisor, size.height / divisor)
}

fn filled(document: &Value, value: &impl Fn(&str) -> Value) -> Value {
    match document {
        Value::String(text) => match pieces(text).as_slice() {
            [Piece::Name(name)] => value(name),
            pieces => Value::String(pieces.iter().map(|piece| piece.filled(value)).collect()),
        },
        Value::Array(list) => list.iter().map(|inner| filled(inner, value)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, inner)| (name.clone(), filled(inner, value)));
            Value::Object(Map::from_iter(fields))
        }
        other => other.clone(),
    }
}

/// Every placeholder, with where it stands.
fn collect(document: &Value, at: &str, found: &mut Vec<(String, String)>) {
    match document {
        Value::String(text) => found.extend(pieces(text).into_iter().filter_map(|piece| {
            let Piece::Name(name) = piece else { return None };
            Some((at.trim_start_matches('.').to_owned(), name.to_owned()))
        })),
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                collect(inner, &format!("{at}.{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, inner) in fields {
                collect(inner, &format!("{at}.{name}"), found);
            }
        }
        _ => {}
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

impl Piece<'_> {
    fn filled(&self, value: &impl Fn(&str) -> Value) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Name(name) => match value(name) {
                Value::String(text) => text,
                other => other.to_string(),
            },
        }
    }
}

/// A text cut at its placeholders.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, inner)) = rest.split_once("{{")
        && let Some((name, after)) = inner.split_once("}}")
    {
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Name(name.trim()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use protocol::Class;

    use super::*;

    fn wish() -> Wish {
        let prompt = "waves {{seed}} \"at\" night\n".to_owned();
        Wish { prompt, seed: 7, size: Size { width: 540, height: 960 }, class: Class::Heavy }
    }

    #[test]
    fn values_are_filled_in_on_a_copy_and_only_once() {
        let document = json!({
            "3": {"class_type": "KSampler", "inputs": {
                "seed": "{{seed}}", "steps": 20, "model": ["4", 0], "note": "{{ width }}x{{height}}",
                "text": "a photo of {{prompt}}, {{aspect_ratio}}", "not": "{{negative}}",
                "odd": "} {{ {"}}});
        let template = Template::new(document.clone(), "w.json").expect("a template");
        let expected = json!({
            "3": {"class_type": "KSampler", "inputs": {
                "seed": 7, "steps": 20, "model": ["4", 0], "note": "540x960",
                "text": "a photo of waves {{seed}} \"at\" night\n, 9:16", "not": "fog",
                "odd": "} {{ {"}}});
        assert_eq!(template.fill(&wish(), "fog"), expected);
        assert_eq!(template.0, document, "the template stays as it was");
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w.json");
        fs_err::write(&path, text).expect("written");
        let error = Template::workflow(&path).expect_err("must be refused").to_string();
        assert!(error.contains("w.json") && error.contains(expected), "{error}");
    }

    #[test]
    fn what_is_no_workflow_is_refused_when_it_is_read() {
        check_refused("{", "found EOF");
        check_refused("[]", "found no object of nodes");
        check_refused("{\"nodes\": [], \"links\": []}", "found one in the editor's format");
        check_refused("{\"3\": {\"inputs\": {}}}", "found the node 3 without a class_type");
        let node = |text: &str| json!({"6": {"class_type": "C", "inputs": {"text": text}}});
        check_refused(&node("a cat").to_string(), "expected {{prompt}} somewhere");
        let expected = "6.inputs.text: expected one of {{prompt}}, {{negative}}, {{seed}}, \
                        {{width}}, {{height}}, {{aspect_ratio}}, found {{promt}}";
        check_refused(&node("{{promt}}").to_string(), expected);
        let gone = Template::workflow(Path::new("no/such.json")).expect_err("absent");
        assert!(gone.to_string().contains("no/such.json"), "{gone}");
    }
}
