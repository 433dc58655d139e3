//! Pictures and videos that a generator makes of the terms.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use protocol::{Class, FieldError, JobSpec, VideoSource};

use super::download::{Counted, Tally, reasons, rejected};
use super::gather::{Failure, Rule, Source, gather};
use super::need::Need;
use super::{inspect, picture};
use crate::artefacts::{Clip, ClipKind, Materials};
use crate::error::StageError;
use crate::job::JobFolder;
use crate::limits::Slots;
use crate::parts::Parts;
use crate::providers::generated::replicate::Replicate;
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
    tally: Arc<Tally>,
}

pub(super) async fn run(
    parts: &Parts,
    spec: &JobSpec,
    terms: &[String],
    folder: &JobFolder,
    need: &mut Need,
) -> Result<Materials, StageError> {
    let shot_ms = need.longest_shot_ms();
    let prompts = Prompts {
        parts,
        source: spec.video_source,
        folder,
        terms,
        wishes: wishes(spec, terms, n_shots(need, shot_ms)),
        shot_ms,
        tally: Arc::default(),
    };
    let rule = rule(parts.limits.of(class(spec)), terms.len());
    let mut gathered = gather(&prompts, rule, &parts.limits.visual, need).await?;
    let rejected = rejected(&gathered, |index| prompts.name(index));
    let downloads = prompts.tally.downloads(&gathered, need, |index| index.to_string());
    let clips = gathered.clips();
    if clips.is_empty() {
        return Err(StageError::transient("generator_failed", reasons(&rejected)));
    }
    Ok(Materials { clips, rejected, downloads, warnings: Vec::new() })
}

/// Each costs money or minutes: none more than is needed, whatever `downloads.early_stop` says.
fn rule(slots: &Slots, least: usize) -> Rule {
    Rule { concurrency: slots.limit(), early_stop: true, least }
}

/// What pictures and videos are, where nobody says.
fn class(spec: &JobSpec) -> Class {
    spec.generation.unwrap_or(Class::Heavy)
}

/// A class for which there is no model.
pub(super) fn check(replicate: Option<&Replicate>, spec: &JobSpec) -> Option<FieldError> {
    let class = class(spec);
    let is_made = replicate.is_some_and(|replicate| replicate.makes(class));
    (spec.video_source == VideoSource::Replicate && !is_made).then(|| FieldError {
        field: "generation".to_owned(),
        value: class.as_str().to_owned(),
        expected: format!(
            "a class that is set up here: neither replicate.models.{} nor replicate.model names a model",
            class.as_str()
        ),
    })
}

/// How many shots meet the need: as many as cover it, and as many as are wanted.
fn n_shots(need: &Need, shot_ms: u64) -> usize {
    let covering = usize::try_from(need.ms().div_ceil(shot_ms.max(1))).unwrap_or(usize::MAX);
    covering.max(need.n_clips())
}

/// A wish for each shot and some to spare, the terms in turns, each time with another seed.
fn wishes(spec: &JobSpec, terms: &[String], n_shots: usize) -> Vec<Wish> {
    let n = n_shots.max(terms.len()).saturating_add(SPARE);
    let wish = |(index, term): (usize, &String)| Wish {
        prompt: term.clone(),
        seed: spec.seed.wrapping_add(index as u64),
        size: spec.size(),
        class: class(spec),
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

    async fn make(&self, wish: &Wish, to: &Transfer) -> Result<Vec<Product>, Failure> {
        let made = match (self.source, &self.parts.comfyui, &self.parts.replicate) {
            (VideoSource::Comfyui, Some(comfyui), _) => comfyui.make(wish, to).await,
            (VideoSource::Replicate, _, Some(replicate)) => replicate.make(wish, to).await,
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
        Box::pin(async move {
            // A generator gives its files names that are known when they are here.
            let counted = Counted::of(&self.tally, index.to_string());
            let fetcher = self.parts.downloads.of(self.source);
            let transfer = Transfer { fetcher, progress: counted.clone() };
            let products = self.make(&self.wishes[index], &transfer).await?;
            // What stood in the answer itself was no download, and came all the same.
            counted.at_least(products.iter().map(|product| product.blob.bytes).sum());
            Ok(products)
        })
    }

    fn look(
        &self,
        index: usize,
        products: Vec<Product>,
    ) -> BoxFuture<'_, Result<Vec<Clip>, Failure>> {
        Box::pin(async move {
            let mut clips = Vec::with_capacity(products.len());
            for product in products {
                clips.push(self.clip(index, product).await);
            }
            Ok(shown(clips)?)
        })
    }
}

/// The clips of one wish. A sound or a mask beside the video is no reason to throw that away; nothing
/// that can be shown is.
fn shown(clips: Vec<Result<Clip, String>>) -> Result<Vec<Clip>, String> {
    let (mut shown, mut reasons) = (Vec::new(), Vec::new());
    for clip in clips {
        match clip {
            Ok(clip) => shown.push(clip),
            Err(reason) => reasons.push(reason),
        }
    }
    if shown.is_empty() {
        return Err(reasons.join("; "));
    }
    for reason in reasons {
        tracing::debug!(reason, "a generated file is not shown");
    }
    Ok(shown)
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
            let rule = picture::Rule::new(&self.parts.settings, 1);
            return picture::prepare(clip, self.folder, rule).await;
        }
        let media = inspect::video(&self.parts.probes, &blob.digest, &blob.path, 1).await?;
        Ok(Clip { media, ..clip })
    }
}

/// Told by the content: what a generator calls its file means nothing. A GIF is none of those that are
/// read here: ffmpeg shows it, if it moves.
fn is_picture(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::new();
    fs_err::File::open(path)?.take(64).read_to_end(&mut head)?;
    use image::ImageFormat::{Bmp, Jpeg, Png, WebP};
    Ok(matches!(image::guess_format(&head), Ok(Bmp | Jpeg | Png | WebP)))
}

#[cfg(test)]
mod tests {
    use protocol::ConcatMode;
    use tokio::sync::watch;

    use super::*;
    use crate::providers::ProviderError;
    use crate::stages::materials::gather::tests::{clip, shots};

    #[test]
    fn each_shot_has_a_wish_and_each_term_at_least_one() {
        let terms = ["sea", "sky"].map(str::to_owned);
        let spec = JobSpec { seed: 40, ..JobSpec::default() };
        let wishes = wishes(&spec, &terms, 5);
        let found: Vec<_> =
            wishes.iter().map(|wish| (wish.prompt.as_str(), wish.seed)).take(3).collect();
        assert_eq!(found, [("sea", 40), ("sky", 41), ("sea", 42)]);
        assert_eq!(wishes.len(), 5 + SPARE);
        assert_eq!(super::wishes(&spec, &terms, 1).len(), 2 + SPARE);
    }

    /// Twenty sentences of 3 s are shots of their own: of clips for 60 s alone some would be seen twice.
    #[test]
    fn each_sentence_has_a_clip_of_its_own() {
        let text = "The sea lies under a wide and quiet sky. ".repeat(20);
        let spec = JobSpec { video_concat_mode: ConcatMode::Random, ..JobSpec::default() };
        let need = Need::new(&text, &spec, watch::channel(Some(60_000)).1);
        let n = n_shots(&need, need.longest_shot_ms());
        assert_eq!(n, 21);
        assert!(need.is_met(21 * 5_000, n));
        assert_eq!(n_shots(&shots(7), 5_000), 7);
        assert_eq!(n_shots(&shots(7), 1_000), 35, "short ones");
    }

    #[test]
    fn as_many_are_made_at_once_as_the_generator_may() {
        let rule = rule(&Slots::new("heavy", 3), 2);
        assert_eq!((rule.concurrency, rule.early_stop, rule.least), (3, true, 2));
    }

    #[test]
    fn a_class_without_a_model_is_refused_before_any_work() {
        // Fails where another test of this process was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let overrides = ["replicate.models.light=a/small".to_owned()];
        let settings = crate::settings::load("optimized", None, &overrides).expect("valid");
        let common = crate::providers::Common::new(&settings).expect("nothing is named");
        let replicate = Replicate::new(&settings.replicate, &common).expect("set up");
        let check = |video_source, generation, expected: Option<&str>| {
            let spec = JobSpec { video_source, generation, ..JobSpec::default() };
            let found = check(replicate.as_ref(), &spec);
            assert_eq!(found.map(|error| error.value).as_deref(), expected, "{spec:?}");
        };
        check(VideoSource::Replicate, Some(Class::Light), None);
        check(VideoSource::Replicate, Some(Class::Comic), Some("comic"));
        check(VideoSource::Replicate, None, Some("heavy"));
        check(VideoSource::Comfyui, None, None);
    }

    #[test]
    fn what_can_be_shown_is_kept_and_nothing_is_no_clip() {
        let check = |clips: &[Result<usize, &str>], expected: Result<&[&str], &str>| {
            let one =
                |one: &Result<usize, &str>| one.map(|id| clip(id, 5_000)).map_err(str::to_owned);
            let found = shown(clips.iter().map(one).collect());
            let found =
                found.map(|clips| clips.into_iter().map(|clip| clip.id).collect::<Vec<_>>());
            let expected = expected.map(|ids| ids.iter().map(|&id| id.to_owned()).collect());
            assert_eq!(found, expected.map_err(str::to_owned), "{clips:?}");
        };
        check(&[Ok(1), Ok(2)], Ok(&["1", "2"]));
        check(&[Ok(1), Err("a sound")], Ok(&["1"]));
        check(&[Err("a sound"), Err("a mask")], Err("a sound; a mask"));
    }

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        let dir = tempfile::tempdir().expect("a folder");
        let check = |head: &[u8], expected: bool| {
            let path = dir.path().join("file");
            fs_err::write(&path, head).expect("written");
            assert_eq!(is_picture(&path).expect("read"), expected, "{head:?}");
        };
        check(b"\x89PNG\r\n\x1a\n", true);
        check(b"\xff\xd8\xff", true);
        check(b"GIF89a", false);
        check(b"\0\0\0\x20ftypisom", false);
        check(b"RIFF\0\0\0\0WAVE", false);
        check(b"", false);
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
