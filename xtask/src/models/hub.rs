//! Files of a model hub, by way of the mirror and with the token that the environment names.

use anyhow::{Context as _, Result};
use fetch::Request;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use url::Url;

use super::manifest::ModelFile;

/// The hub that `HF_ENDPOINT` and `HF_TOKEN` are about.
const HOST: &str = "huggingface.co";

/// What the environment says of the hub.
#[derive(Clone, Default)]
pub struct Hub {
    endpoint: Option<String>,
    token: Option<String>,
}

impl Hub {
    /// Reads `HF_ENDPOINT`, a mirror, and `HF_TOKEN`, which is sent to the hub or the mirror only.
    pub fn from_env() -> Self {
        let env = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self { endpoint: env("HF_ENDPOINT"), token: env("HF_TOKEN") }
    }

    /// The request for `file` in the folder `base`.
    ///
    /// # Errors
    ///
    /// `HF_ENDPOINT` is no URL, or `HF_TOKEN` cannot stand in a header.
    pub fn request(&self, base: &Url, file: &ModelFile) -> Result<Request> {
        let url = base.join(&file.path)?;
        let is_hub = url.host_str() == Some(HOST);
        let url = match &self.endpoint {
            Some(endpoint) if is_hub => {
                let mirrored = format!("{}{}", endpoint.trim_end_matches('/'), url.path());
                Url::parse(&mirrored)
                    .with_context(|| format!("HF_ENDPOINT={endpoint} is no URL"))?
            }
            _ => url,
        };
        let mut request = Request::new(url, &file.path);
        request.sha256 = Some(file.sha256);
        request.bytes = Some(file.bytes);
        if let Some(token) = self.token.as_ref().filter(|_| is_hub) {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
                .context("HF_TOKEN cannot stand in a header")?;
            bearer.set_sensitive(true);
            request.headers.insert(AUTHORIZATION, bearer);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::tests::small;
    use super::*;

    fn check(hub: &Hub, base: &str, expected_url: &str, expected_bearer: Option<&str>) {
        let manifest = small();
        let file = &manifest.models[0].files[0];
        let request = hub.request(&base.parse().expect("URL"), file).expect("request");
        assert_eq!(request.url.as_str(), expected_url);
        let bearer = request.headers.get(AUTHORIZATION).map(|value| value.to_str().expect("text"));
        assert_eq!(bearer, expected_bearer);
        assert_eq!((request.sha256, request.bytes), (Some(file.sha256), Some(4)));
        assert!(!format!("{request:?}").contains("secret"), "{request:?}");
    }

    #[test]
    fn mirror_and_token_are_for_the_hub_alone() {
        let (hub_base, other_base) = ("https://huggingface.co/a/b/", "https://host/a/");
        let token = Some("secret".to_owned());
        let plain = Hub::default();
        check(&plain, hub_base, "https://huggingface.co/a/b/w.bin", None);
        let mirrored = Hub { endpoint: Some("http://mirror:8080/hf/".to_owned()), token };
        check(&mirrored, hub_base, "http://mirror:8080/hf/a/b/w.bin", Some("Bearer secret"));
        check(&mirrored, other_base, "https://host/a/w.bin", None);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let manifest = small();
        let file = &manifest.models[0].files[0];
        let base = "https://huggingface.co/a/".parse().expect("URL");
        let hub = Hub { endpoint: Some("mirror".to_owned()), token: None };
        let error = hub.request(&base, file).expect_err("no URL");
        assert_eq!(error.to_string(), "HF_ENDPOINT=mirror is no URL");
        let hub = Hub { endpoint: None, token: Some("a\nb".to_owned()) };
        let error = hub.request(&base, file).expect_err("no header").to_string();
        assert_eq!(error, "HF_TOKEN cannot stand in a header");
    }
}
