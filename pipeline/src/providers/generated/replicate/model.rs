//! Where a model is: the settings name it as `owner/name`, with a version, or by a version alone.

/// Where predictions of a model are created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) create_url: String,
    /// None: the model is in the address.
    pub(super) version: Option<String>,
}

impl Model {
    pub(super) fn at(base_url: &str, model: &str) -> Self {
        let own = || format!("{base_url}/v1/predictions");
        match model.split_once(':') {
            Some((_, version)) => Self { create_url: own(), version: Some(version.to_owned()) },
            None if model.contains('/') => {
                let create_url = format!("{base_url}/v1/models/{model}/predictions");
                Self { create_url, version: None }
            }
            None => Self { create_url: own(), version: Some(model.to_owned()) },
        }
    }
}
