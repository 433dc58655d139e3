//! What a request names and this service does not have: found before any work.

use protocol::{FieldError, JobSpec};

use super::render;
use crate::parts::Parts;

/// Every field of a valid request that names a font or a track that is not here.
pub fn check(parts: &Parts, spec: &JobSpec) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Err(error) = parts.fonts.choose(&spec.font_name, "") {
        errors.push(FieldError {
            field: "font_name".to_owned(),
            value: spec.font_name.clone(),
            expected: format!("an installed family: {error}"),
        });
    }
    if let Err(expected) = render::music(parts.settings.music.dir.as_deref(), spec) {
        let (field, value) = ("bgm_file".to_owned(), spec.bgm_file.clone());
        errors.push(FieldError { field, value, expected });
    }
    errors
}
