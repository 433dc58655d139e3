//! What is to be done for each model. Pure: what is there is passed in.

use super::manifest::{Model, ModelFile};

/// What is to be done for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// It is there.
    Keep,
    /// All its files are in the store; they are linked into its folder.
    Link,
    /// These files come from its source first.
    Fetch(Vec<&'a ModelFile>),
}

/// Decides for `model`, whose folder is as it should be (`whole`) or not, and of whose files the
/// store has those that `is_stored` says.
pub fn step<'a>(model: &'a Model, whole: bool, is_stored: impl Fn(&ModelFile) -> bool) -> Step<'a> {
    if whole {
        return Step::Keep;
    }
    let missing: Vec<&ModelFile> = model.files.iter().filter(|file| !is_stored(file)).collect();
    if missing.is_empty() { Step::Link } else { Step::Fetch(missing) }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::tests::small;
    use super::*;

    #[test]
    fn only_what_is_missing_is_fetched() {
        let manifest = small();
        let mut model = manifest.models[0].clone();
        model.files.push(ModelFile { path: "v.bin".to_owned(), ..model.files[0].clone() });
        let (w, v) = (&model.files[0], &model.files[1]);
        let check = |whole, stored: &[&str], expected: Step<'_>| {
            let is_stored = |file: &ModelFile| stored.contains(&file.path.as_str());
            assert_eq!(step(&model, whole, is_stored), expected, "{whole} {stored:?}");
        };
        check(false, &[], Step::Fetch(vec![w, v]));
        check(false, &["w.bin"], Step::Fetch(vec![v]));
        check(false, &["w.bin", "v.bin"], Step::Link);
        check(true, &[], Step::Keep);
    }
}
