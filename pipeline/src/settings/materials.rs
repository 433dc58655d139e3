use std::num::NonZeroUsize;
use std::path::PathBuf;

use protocol::Class;
use serde::Deserialize;
use toml::{Table, Value};

/// Stock sites.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stock {
    /// Pexels.
    pub pexels: StockSite,
    /// Pixabay.
    pub pixabay: StockSite,
    /// Coverr.
    pub coverr: StockSite,
    /// How long an answer of a site is good for, hours. Pixabay asks for 24. 0: every search is sent.
    pub search_cache_h: f64,
}

impl Default for Stock {
    fn default() -> Self {
        let site = |base_url: &str, api_key_env: &str| StockSite {
            base_url: base_url.to_owned(),
            api_key_env: api_key_env.to_owned(),
        };
        Self {
            pexels: site("https://api.pexels.com", "PEXELS_API_KEY"),
            pixabay: site("https://pixabay.com", "PIXABAY_API_KEY"),
            coverr: site("https://api.coverr.co", "COVERR_API_KEY"),
            search_cache_h: 24.0,
        }
    }
}

/// One stock site.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockSite {
    /// Address in front of the site's own paths.
    pub base_url: String,
    /// Environment variable that holds the key, or several, separated by commas: they take turns.
    pub api_key_env: String,
}

/// Clip downloads.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Downloads {
    /// Clips that are downloaded at once (claim 001-1: 1 before, 5 after).
    pub concurrency: NonZeroUsize,
    /// Largest clip that is accepted.
    pub max_clip_bytes: u64,
    /// A connection that brings no byte for this long is given up.
    pub stall_s: f64,
    /// Whether downloads stop, and none is begun, when the narration is covered (claim 001-1). False:
    /// everything that was found is downloaded.
    pub early_stop: bool,
}

const FIVE: NonZeroUsize = NonZeroUsize::new(5).expect("five is not zero");

impl Default for Downloads {
    fn default() -> Self {
        Self { concurrency: FIVE, max_clip_bytes: 512 << 20, stall_s: 15.0, early_stop: true }
    }
}

/// Still pictures, of users and of generators.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pictures {
    /// How large pictures are made smaller before they are shown (claim 003-7).
    pub prescale: Prescale,
}

/// Which limits a picture is made to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prescale {
    /// 2 megapixels and 2048 pixels a side.
    #[default]
    Both,
    /// 2 megapixels.
    Megapixels,
    /// 2048 pixels a side.
    Side,
    /// None.
    None,
}

/// A ComfyUI server that makes pictures or videos.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Comfyui {
    /// Such as `http://127.0.0.1:8188`.
    pub base_url: String,
    /// A workflow in the API's format, with `{{prompt}}`, `{{negative}}`, `{{seed}}`, `{{width}}`,
    /// `{{height}}` and `{{aspect_ratio}}` in its texts. None: nothing is generated.
    pub workflow: Option<PathBuf>,
    /// What shall not be seen.
    pub negative: String,
    /// Time for one run of the workflow, its wait in ComfyUI's queue included.
    pub timeout_s: f64,
    /// How often the history is looked at when the WebSocket is gone for good.
    pub poll_s: f64,
    /// Whether the workflow is read and parsed at start (claim 000-1.1). False: for each run.
    pub parse_once: bool,
}

impl Default for Comfyui {
    fn default() -> Self {
        Self {
            base_url: "http://127.0.0.1:8188".to_owned(),
            workflow: None,
            negative: "text, watermark, low quality".to_owned(),
            timeout_s: 600.0,
            poll_s: 1.0,
            parse_once: true,
        }
    }
}

/// A model on Replicate that makes pictures or videos.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Replicate {
    /// Address in front of `/v1`.
    pub base_url: String,
    /// `owner/name`, or the version of a model. None: only what `models` names is generated.
    pub model: Option<String>,
    /// Other models for some classes.
    pub models: ClassModels,
    /// What the model is given, with the placeholders of `comfyui.workflow`.
    pub input: Table,
    /// Environment variable that holds the token.
    pub api_key_env: String,
    /// How often a prediction is looked at.
    pub poll_s: f64,
    /// Time for one prediction.
    pub timeout_s: f64,
    /// Whether a prediction holds its place among those of its class until its files are here (claim
    /// 003-2). False: until it is created, which bounds nothing.
    pub poll_inside_limiter: bool,
}

/// A model on Replicate for each class, as `replicate.model`. None: that one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassModels {
    /// Of small pictures.
    pub light: Option<String>,
    /// Of large ones, and of videos.
    pub heavy: Option<String>,
    /// Of comics.
    pub comic: Option<String>,
}

impl Replicate {
    /// The model that makes what is asked of `class`. None: there is none.
    pub fn model(&self, class: Class) -> Option<&str> {
        let own = match class {
            Class::Light => &self.models.light,
            Class::Heavy => &self.models.heavy,
            Class::Comic => &self.models.comic,
        };
        own.as_deref().or(self.model.as_deref())
    }
}

impl Default for Replicate {
    fn default() -> Self {
        let input = ["prompt", "seed", "aspect_ratio"];
        let input = input.map(|name| (name.to_owned(), Value::String(format!("{{{{{name}}}}}"))));
        Self {
            base_url: "https://api.replicate.com".to_owned(),
            model: None,
            models: ClassModels::default(),
            input: Table::from_iter(input),
            api_key_env: "REPLICATE_API_TOKEN".to_owned(),
            poll_s: 1.5,
            timeout_s: 300.0,
            poll_inside_limiter: true,
        }
    }
}
