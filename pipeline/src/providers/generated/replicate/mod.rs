//! Replicate: a prediction is created, polled until its end, and its files are fetched
//! (<https://replicate.com/docs/reference/http>).

mod model;
mod output;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fetch::Blob;
use protocol::Class;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use self::model::Model;
use self::output::File;
use super::template::{Template, TemplateError};
use super::{GeneratorError, MakeError, Product, Transfer, Wish, to_its_end};
use crate::elsewhere;
use crate::limits::{Limits, Slot};
use crate::providers::http::{Call, Failure, MAX_JSON_BYTES};
use crate::providers::patience::{Patience, patiently};
use crate::providers::{Client, Common, Key, ProviderError, SetupError};
use crate::settings;

/// Time for one request that is no prediction.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// A prediction is cancelled within this time, or not at all.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);
/// A file in a JSON document may be a video.
const MAX_ANSWER_BYTES: usize = 8 * MAX_JSON_BYTES;
/// What is expected of creating one and of looking at it.
const A_PREDICTION: &str = "a prediction";
const GAUGE: &str = "reelbench_replicate_predictions";

/// Models on Replicate, and how many of their predictions may run.
#[derive(Debug)]
pub struct Replicate {
    api: Api,
    models: HashMap<Class, Model>,
    input: Template,
    poll: Duration,
    timeout: Duration,
    poll_inside_limiter: bool,
    limits: Limits,
}

/// How it is asked.
#[derive(Clone, Debug)]
struct Api {
    client: Client,
    base_url: String,
    key: Key,
}

#[derive(Debug, Deserialize)]
struct Prediction {
    id: String,
    status: String,
    #[serde(default)]
    output: Value,
    #[serde(default)]
    error: Value,
}

impl Replicate {
    /// A client for the models of the settings. None: they name no model.
    ///
    /// # Errors
    ///
    /// The input cannot be filled in, the variable holds what is no key, or the HTTP client cannot be
    /// built.
    pub fn new(
        settings: &settings::Replicate,
        common: &Common,
    ) -> Result<Option<Self>, GeneratorError> {
        let path = "the setting replicate.input";
        let input = serde_json::to_value(&settings.input);
        let input = input.map_err(|error| TemplateError::Read(format!("{path}: {error}")))?;
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        let models = Class::ALL.into_iter();
        let models =
            models.filter_map(|class| Some((class, Model::at(&base_url, settings.model(class)?))));
        let models = HashMap::from_iter(models);
        if models.is_empty() {
            return Ok(None);
        }
        let client = Client::new(common, &base_url, Some(REQUEST_TIMEOUT));
        let key = Key::from_env(&settings.api_key_env).map_err(SetupError::from)?;
        Ok(Some(Self {
            api: Api { client: client.map_err(SetupError::from)?, base_url, key },
            models,
            input: Template::new(input, path)?,
            poll: settings::seconds(settings.poll_s),
            timeout: settings::seconds(settings.timeout_s),
            poll_inside_limiter: settings.poll_inside_limiter,
            limits: common.limits.clone(),
        }))
    }

    /// Whether there is a model for this class.
    pub fn makes(&self, class: Class) -> bool {
        self.models.contains_key(&class)
    }

    /// Makes one prediction and brings its files into the store. It holds its place among those of its
    /// class until they are here (claim 003-2); one that nobody waits for any more is cancelled.
    ///
    /// # Errors
    ///
    /// [`MakeError`].
    pub async fn make(&self, wish: &Wish, to: &Transfer) -> Result<Vec<Product>, MakeError> {
        let _at_work = elsewhere::enter(); // it infers for us
        let model = self.models.get(&wish.class).ok_or_else(|| ProviderError::Unsendable {
            url: self.api.base_url.clone(),
            reason: format!("there is no model for {}", wish.class.as_str()),
        })?;
        let (created, mut running, slot) = self.create(model, wish).await?;
        let slot = slot.filter(|_| self.poll_inside_limiter);
        let ended = tokio::time::timeout(self.timeout, self.follow(created)).await;
        let products = match ended {
            Ok(Ok(prediction)) => {
                running.has_ended = true;
                self.files(model, &prediction, to).await
            }
            Ok(Err(error)) => {
                running.has_ended = matches!(error, MakeError::Failed { .. });
                Err(error)
            }
            Err(_) => {
                let (url, id) = (model.create_url.clone(), running.id.clone());
                Err(MakeError::TimedOut { url, id, limit: self.timeout })
            }
        };
        drop((running, slot));
        products
    }

    /// A prediction, and its place. One whose answer was lost is not created again: it may be paid for.
    async fn create(
        &self,
        model: &Model,
        wish: &Wish,
    ) -> Result<(Prediction, Running, Option<Slot>), ProviderError> {
        let mut body = json!({"input": self.input.fill(wish, "")});
        if let Some(version) = &model.version {
            body["version"] = json!(version);
        }
        let slots = self.limits.of(wish.class);
        let patience = Patience { time: Duration::MAX, slots: Some(slots), first: None };
        let (api, body) = (&self.api, Arc::new(body));
        let created = patiently(
            patience,
            |failure| !failure.is_lost,
            |number, slot| {
                let (api, url) = (api.clone(), model.create_url.clone());
                let body = Arc::clone(&body);
                to_its_end(async move {
                    let (prediction, running) = api.create(&url, &body, number).await?;
                    Ok((prediction, running, slot))
                })
            },
        );
        created.await.map_err(|failure| failure.error)
    }

    /// Polls until the prediction has ended well.
    async fn follow(&self, mut prediction: Prediction) -> Result<Prediction, MakeError> {
        let url = format!("{}/v1/predictions/{}", self.api.base_url, prediction.id);
        loop {
            match prediction.status.as_str() {
                "starting" | "processing" | "queued" => {}
                "succeeded" => return Ok(prediction),
                _ => {
                    let (id, status) = (prediction.id, prediction.status);
                    let reason = match prediction.error {
                        Value::String(reason) if !reason.is_empty() => reason,
                        _ => "it gives no reason".to_owned(),
                    };
                    return Err(MakeError::Failed { url, id, status, reason });
                }
            }
            tokio::time::sleep(self.poll).await;
            let look = self.api.call(self.api.client.requests().get(&url), &url);
            prediction = look.json(A_PREDICTION).await?;
        }
    }

    async fn files(
        &self,
        model: &Model,
        made: &Prediction,
        to: &Transfer,
    ) -> Result<Vec<Product>, MakeError> {
        let files = output::files(&made.output).map_err(|found| {
            let (url, id) = (model.create_url.clone(), made.id.clone());
            MakeError::NoFiles { url, id, found }
        })?;
        let mut products = Vec::with_capacity(files.len());
        for (number, file) in files.into_iter().enumerate() {
            let id = format!("replicate:{}/{number}", made.id);
            let blob = match file {
                File::At(url) => self.fetch(url, &id, to).await?,
                File::Inline(bytes) => {
                    to.progress.advanced(&id, bytes.len() as u64);
                    self.keep(bytes, &id, to).await?
                }
            };
            products.push(Product { id, blob });
        }
        Ok(products)
    }

    async fn fetch(&self, url: url::Url, id: &str, to: &Transfer) -> Result<Blob, MakeError> {
        let is_own =
            url::Url::parse(&self.api.base_url).is_ok_and(|own| own.origin() == url.origin());
        let mut request = fetch::Request::new(url, id);
        // Files of the API itself need the token; nobody else sees it.
        if let (true, Some(key)) = (is_own, self.api.key.secret())
            && let Ok(mut bearer) =
                HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
        {
            bearer.set_sensitive(true);
            request.headers.insert(AUTHORIZATION, bearer);
        }
        Ok(to.fetcher.fetch(&request, &to.progress).await?)
    }

    async fn keep(&self, bytes: Vec<u8>, id: &str, to: &Transfer) -> Result<Blob, MakeError> {
        let (store, origin) = (to.fetcher.store().clone(), id.to_owned());
        let work = tokio::task::spawn_blocking(move || store.insert(&bytes[..], None, &origin));
        let kept = match work.await {
            Ok(kept) => kept.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        kept.map_err(|found| {
            let (url, id) = (self.api.base_url.clone(), id.to_owned());
            MakeError::NoFiles { url, id, found }
        })
    }
}

impl Api {
    async fn create(
        &self,
        url: &str,
        body: &Value,
        number: usize,
    ) -> Result<(Prediction, Running), Failure> {
        let call = self.call(self.client.requests().post(url).json(body), url);
        let answer = call.attempt(number).await?;
        let prediction: Prediction = call.read(&answer.body, A_PREDICTION)?;
        // It goes into an address.
        let is_name = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_name(&prediction.id) {
            let found = format!("{:?}", prediction.id);
            return Err(call.bad_answer("the id of a prediction", &found).into());
        }
        let running = Running::new(self, &prediction.id);
        Ok((prediction, running))
    }

    fn call<'a>(&'a self, request: reqwest::RequestBuilder, url: &'a str) -> Call<'a> {
        Call {
            client: &self.client,
            request: self.signed(request).build(),
            url,
            key: self.key.secret(),
            key_env: self.key.env(),
            max_bytes: MAX_ANSWER_BYTES,
            patience: Duration::MAX,
            slots: None, // a prediction has a place from its creation to its files
        }
    }

    fn signed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match self.key.secret() {
            Some(key) => request.bearer_auth(key.expose_secret()),
            None => request,
        }
    }
}

/// A prediction that costs money: counted as long as it lives, and cancelled when it is dropped before
/// it has ended.
#[derive(Debug)]
struct Running {
    api: Api,
    id: String,
    has_ended: bool,
}

impl Running {
    fn new(api: &Api, id: &str) -> Self {
        metrics::gauge!(GAUGE).increment(1.0);
        Self { api: api.clone(), id: id.to_owned(), has_ended: false }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        metrics::gauge!(GAUGE).decrement(1.0);
        let (false, Ok(runtime)) = (self.has_ended, tokio::runtime::Handle::try_current()) else {
            return;
        };
        let url = format!("{}/v1/predictions/{}/cancel", self.api.base_url, self.id);
        let cancel = self.api.signed(self.api.client.requests().post(url)).timeout(CANCEL_TIMEOUT);
        let id = self.id.clone();
        runtime.spawn(async move {
            match cancel.send().await.and_then(reqwest::Response::error_for_status) {
                Ok(_) => tracing::info!(id, "prediction is cancelled"),
                Err(error) => {
                    tracing::warn!(id, error = %error.without_url(), "cannot cancel a prediction");
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
