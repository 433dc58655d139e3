//! The one reader of what a prediction gives (claim 003-8): models answer with an address, a list, an
//! object of either, or the file itself as a data URI.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::Url;

/// A file of a prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum File {
    At(Url),
    Inline(Vec<u8>),
}

/// Every file in `output`, in its order; the error says what is there instead.
pub(super) fn files(output: &Value) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    collect(output, &mut files)?;
    if files.is_empty() {
        let shown: String = output.to_string().chars().take(80).collect();
        return Err(format!("no file in {shown}"));
    }
    Ok(files)
}

fn collect(output: &Value, files: &mut Vec<File>) -> Result<(), String> {
    match output {
        Value::String(text) => files.extend(file(text)?),
        Value::Array(list) => list.iter().try_for_each(|inner| collect(inner, files))?,
        Value::Object(fields) => {
            // An object that names its address says other things with its other fields.
            let named = fields.get("url").or_else(|| fields.get("urls"));
            match named {
                Some(named) => collect(named, files)?,
                None => fields.values().try_for_each(|inner| collect(inner, files))?,
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// What a text is: an address, a file, or something to be read.
fn file(text: &str) -> Result<Option<File>, String> {
    if let Some(data) = text.strip_prefix("data:") {
        let (head, body) = data.split_once(',').ok_or("a data URI without a comma")?;
        if !head.ends_with(";base64") {
            return Err(format!("a data URI {head}, not base64"));
        }
        let bytes = STANDARD.decode(body.trim());
        let bytes = bytes.map_err(|error| format!("a data URI that is broken: {error}"))?;
        return Ok(Some(File::Inline(bytes)));
    }
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    Ok(url.map(File::At))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(name: &str) -> File {
        File::At(format!("https://r/{name}").parse().expect("an address"))
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a table reads better")]
    fn check(output: Value, expected: Result<Vec<File>, &str>) {
        assert_eq!(files(&output), expected.map_err(str::to_owned), "{output}");
    }

    #[test]
    fn every_shape_of_an_output_is_read() {
        check(json!("https://r/a.png"), Ok(vec![at("a.png")]));
        check(json!(["https://r/a.png", "https://r/b.png"]), Ok(vec![at("a.png"), at("b.png")]));
        check(
            json!({"url": "https://r/a.mp4", "poster": "https://r/p.jpg"}),
            Ok(vec![at("a.mp4")]),
        );
        check(json!({"urls": ["https://r/a.png"], "seed": 7}), Ok(vec![at("a.png")]));
        check(json!({"video": "https://r/a.mp4", "text": "a sea", "n": 1}), Ok(vec![at("a.mp4")]));
        check(
            json!([{"url": "https://r/a.png"}, {"url": "https://r/b.png"}]),
            Ok(vec![at("a.png"), at("b.png")]),
        );
        check(json!("data:image/png;base64,aGk="), Ok(vec![File::Inline(b"hi".to_vec())]));
        check(
            json!(["data:video/mp4;base64,aGk=", "https://r/b"]),
            Ok(vec![File::Inline(b"hi".to_vec()), at("b")]),
        );
    }

    #[test]
    fn what_is_no_file_is_told() {
        check(json!(null), Err("no file in null"));
        check(json!([]), Err("no file in []"));
        check(json!("a poem"), Err("no file in \"a poem\""));
        check(json!("file:///etc/passwd"), Err("no file in \"file:///etc/passwd\""));
        check(json!("data:text/plain,hi"), Err("a data URI text/plain, not base64"));
        check(
            json!("data:x;base64,%%"),
            Err("a data URI that is broken: Invalid symbol 37, offset 0."),
        );
    }
}
