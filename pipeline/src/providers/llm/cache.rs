//! Which answers are kept, and under what: everything that changes an answer.

use std::path::Path;

use fetch::Digest;

use super::Question;
use crate::providers::kept::{Keeping, Kept, Shelf};
use crate::settings;

/// The answers.
pub(super) const SHELF: Shelf = Shelf { name: "llm", metric: "reelbench_llm_answers_total" };
/// Changed when the same key means another answer.
const VERSION: u32 = 1;

/// Accepted answers, as the settings say. None: nothing is kept.
pub(super) fn kept(
    settings: &settings::Llm,
    data_dir: &Path,
    keeping: &Keeping,
) -> Option<Kept<String>> {
    let (folder, ttl) = (data_dir.join("cache/llm"), settings::seconds(settings.cache_ttl_s));
    settings.cache.then(|| keeping.keep(SHELF, folder, ttl))
}

/// The SHA-256 of all that changes an answer.
pub(super) fn key(url: &str, model: &str, temperature: Option<f32>, question: &Question) -> Digest {
    let Question { system, user, schema, seed } = question;
    // A list of JSON values: no two questions are written alike.
    let all = serde_json::json!([VERSION, url, model, temperature, system, user, schema, seed]);
    Digest::of(all.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn question() -> Question {
        Question { system: "s".to_owned(), user: "u".to_owned(), schema: None, seed: 0 }
    }

    #[test]
    fn all_that_changes_an_answer_is_in_the_key() {
        let schema = |document| Question { schema: Some(("t", document)), ..question() };
        let keys = [
            key("a", "m", None, &question()),
            key("b", "m", None, &question()),
            key("a", "n", None, &question()),
            key("a", "m", Some(0.0), &question()),
            key("a", "m", Some(1.0), &question()),
            key("a", "m", None, &Question { system: "u".to_owned(), ..question() }),
            key("a", "m", None, &Question { user: "s".to_owned(), ..question() }),
            key("a", "m", None, &Question { seed: 1, ..question() }),
            key("a", "m", None, &schema(json!({}))),
            key("a", "m", None, &schema(json!({"type": "object"}))),
        ];
        for (place, key) in keys.iter().enumerate() {
            assert!(!keys[..place].contains(key), "{place}");
        }
        assert_eq!(keys[0], key("a", "m", None, &question()));
    }
}
