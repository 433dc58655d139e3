//! Pictures and videos that a generator makes of the terms.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use fetch::Progress;
use futures::future::BoxFuture;
use protocol::{JobSpec, VideoSource};

use super::download::{Tally, reasons, rejected};
use super::gather::{Failure, Rule, Source, gather};
use super::need::Need;
use super::{inspect, picture};
use crate::artefacts::{Clip, ClipKind, Materials};
use crate::error::StageError;
use crate::job::JobFolder;
use crate::parts::Parts;
use crate::providers::generated::{MakeError, Product, Transfer, Wish};

const CODES: [&str; 3] = ["generator_unavailable", "generator_refused", "generator_failed"];
/// Further tries where prompts give nothing.
const SPARE: usize = 3;
/// What is generated belongs to whoever asked, as far as the model's licence lets it.
const LICENCE: &str = "generated; see the licence of the model";

/// One prompt after the other, again with another seed where there are more shots than terms.
struct Prompts<'a> {
    parts: &'a Parts,
    source: VideoSource,
    folder: &'a JobFolder,
    terms: &'a [String],
    wishes: Vec<Wish>,
    shot_ms: u64,
    transfer: Transfer,
    tally: Arc<Tally>,
}

pub(super) async fn run(
    parts: &Parts,
    spec: &JobSpec,
    terms: &[String],
    folder: &JobFolder,
    need: &mut Need,
) -> Result<Materials, StageError> {
    let tally = Arc::new(Tally::default());
    let progress: Arc<dyn Progress> = tally.clone();
    let shot_ms = need.longest_shot_ms();
    let prompts = Prompts {
        parts,
        source: spec.video_source,
        folder,
        terms,
        wishes: wishes(spec, terms, n_shots(need.ms(), shot_ms)),
        shot_ms,
        transfer: Transfer { fetcher: parts.fetcher.clone(), progress },
        tally,
    };
    let settings = &parts.settings;
    let concurrency = match spec.video_source {
        VideoSource::Comfyui => settings.comfyui.concurrency.get(),
        _ => settings.replicate.concurrency.get(),
    };
    // Each costs money or minutes: none more than is needed, whatever `downloads.early_stop` says.
    let rule = Rule { concurrency, early_stop: true, least: terms.len() };
    let mut gathered = gather(&prompts, rule, need).await?;
    let rejected = rejected(&gathered, |index| prompts.name(index));
    let mut downloads = prompts.tally.downloads(&gathered, need, |index| prompts.name(index));
    // The tally knows files, not prompts: what was received was received for what is here.
    (downloads.clips, downloads.reused) = (gathered.found.len(), 0);
    let clips = gathered.clips();
    if clips.is_empty() {
        return Err(StageError::transient("generator_failed", reasons(&rejected)));
    }
    Ok(Materials { clips, rejected, downloads, warnings: Vec::new() })
}

/// Each costs money or minutes: none more than is needed, whatever `downloads.early_stop` says.
fn rule(settings: &Settings, source: VideoSource, least: usize) -> Rule {
    let concurrency = match source {
        VideoSource::Comfyui => settings.comfyui.concurrency.get(),
        _ => settings.replicate.concurrency.get(),
    };
    Rule { concurrency, early_stop: true, least }
}

/// How many shots cover `need_ms`.
fn n_shots(need_ms: u64, shot_ms: u64) -> usize {
    usize::try_from(need_ms.div_ceil(shot_ms.max(1))).unwrap_or(usize::MAX)
}

/// A wish for each shot and some to spare, the terms in turns, each time with another seed.
fn wishes(spec: &JobSpec, terms: &[String], n_shots: usize) -> Vec<Wish> {
    let n = n_shots.max(terms.len()).saturating_add(SPARE);
    let wish = |(index, term): (usize, &String)| Wish {
        prompt: term.clone(),
        seed: spec.seed.wrapping_add(index as u64),
        size: spec.size(),
    };
    (0..n).zip(terms.iter().cycle()).map(wish).collect()
}

impl Prompts<'_> {
    fn term(&self, index: usize) -> &str {
        &self.terms[index % self.terms.len()]
    }

    fn name(&self, index: usize) -> String {
        format!("{}: {:?}", self.source.as_str(), self.term(index))
    }

    async fn make(&self, wish: &Wish) -> Result<Vec<Product>, Failure> {
        let made = match (self.source, &self.parts.comfyui, &self.parts.replicate) {
            (VideoSource::Comfyui, Some(comfyui), _) => comfyui.make(wish, &self.transfer).await,
            (VideoSource::Replicate, _, Some(replicate)) => {
                replicate.make(wish, &self.transfer).await
            }
            (source, ..) => {
                let message = format!("{} is not set up here", source.as_str());
                return Err(Failure::All(StageError::permanent("generator_refused", message)));
            }
        };
        made.map_err(failure)
    }
}

fn failure(error: MakeError) -> Failure {
    if !error.is_final() {
        return Failure::Offer(error.to_string());
    }
    Failure::All(match error {
        MakeError::Provider(error) => error.into_stage_error(CODES),
        other => StageError::permanent(CODES[1], other),
    })
}

impl Source for Prompts<'_> {
    type Fetched = Vec<Product>;

    fn len(&self) -> usize {
        self.wishes.len()
    }

    fn expected_ms(&self, _: usize) -> u64 {
        self.shot_ms
    }

    fn fetch(&self, index: usize) -> BoxFuture<'_, Result<Vec<Product>, Failure>> {
        Box::pin(async move { self.make(&self.wishes[index]).await })
    }

    fn look(
        &self,
        index: usize,
        products: Vec<Product>,
    ) -> BoxFuture<'_, Result<Vec<Clip>, Failure>> {
        Box::pin(async move {
            let mut clips = Vec::with_capacity(products.len());
            for product in products {
                clips.push(self.clip(index, product).await?);
            }
            Ok(clips)
        })
    }
}

impl Prompts<'_> {
    async fn clip(&self, index: usize, product: Product) -> Result<Clip, String> {
        let Product { id, blob } = product;
        let is_picture = is_picture(&blob.path).map_err(|error| error.to_string())?;
        let clip = Clip {
            id,
            term: self.term(index).to_owned(),
            description: self.wishes[index].prompt.clone(),
            page_url: String::new(),
            creator: self.source.as_str().to_owned(),
            licence: LICENCE.to_owned(),
            path: blob.path.clone(),
            sha256: blob.digest.to_string(),
            bytes: blob.bytes,
            media: picture::still(0, 0),
            kind: ClipKind::Video,
        };
        if is_picture {
            let rule = self.parts.settings.pictures.prescale;
            return picture::prepare(clip, self.folder, rule, 1).await;
        }
        let media = inspect::video(&self.parts.probes, &blob.digest, &blob.path, 1).await?;
        Ok(Clip { media, ..clip })
    }
}

/// Told by the content: what a generator calls its file means nothing.
fn is_picture(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::new();
    fs_err::File::open(path)?.take(64).read_to_end(&mut head)?;
    Ok(image::guess_format(&head).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::ProviderError;

    #[test]
    fn each_shot_has_a_wish_and_each_term_at_least_one() {
        let terms = ["sea", "sky"].map(str::to_owned);
        let spec = JobSpec { seed: 40, ..JobSpec::default() };
        let wishes = wishes(&spec, &terms, n_shots(22_000, 5_000));
        let found: Vec<_> =
            wishes.iter().map(|wish| (wish.prompt.as_str(), wish.seed)).take(3).collect();
        assert_eq!(found, [("sea", 40), ("sky", 41), ("sea", 42)]);
        assert_eq!(wishes.len(), 5 + SPARE);
        assert_eq!(super::wishes(&spec, &terms, 1).len(), 2 + SPARE);
    }

    #[test]
    fn a_server_that_is_away_ends_it_and_a_failed_run_does_not() {
        let url = || "u".to_owned();
        let away = ProviderError::Unreachable { url: url(), attempts: 4, reason: url() };
        let Failure::All(error) = failure(away.into()) else { panic!("it goes on") };
        assert_eq!((error.code, error.transient), ("generator_unavailable", true));
        let refused = ProviderError::Refused { url: url(), status: 400, reason: url() };
        let Failure::All(error) = failure(refused.into()) else { panic!("it goes on") };
        assert_eq!((error.code, error.transient), ("generator_refused", false));
        let node = MakeError::Node {
            url: "http://h".to_owned(),
            prompt_id: "7".to_owned(),
            node: "3".to_owned(),
            class: "KSampler".to_owned(),
            message: "no memory".to_owned(),
        };
        let Failure::Offer(reason) = failure(node) else { panic!("it ends") };
        assert_eq!(reason, "http://h: prompt 7: node 3 (KSampler): no memory");
    }
}
