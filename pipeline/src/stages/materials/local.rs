//! The user's own files, from the folder that the operator names. Videos are used where they lie;
//! pictures are made ready in the job folder.

use std::path::{Path, PathBuf};

use fetch::Digest;
use futures::future::BoxFuture;
use protocol::{Downloads, FieldError, JobSpec, Material};

use super::download::{reasons, rejected};
use super::gather::{Failure, Rule, Source, gather};
use super::inspect::{self, Ending};
use super::need::Need;
use super::picture;
use crate::artefacts::{Clip, ClipKind, Materials, MediaInfo};
use crate::error::StageError;
use crate::job::JobFolder;
use crate::local;
use crate::media::Probes;
use crate::parts::Parts;

/// MoneyPrinterTurbo's limit, 480, with its tolerance of 10 pixels.
const MIN_SIDE: u32 = 470;
/// Files that are found at once; `gather` bounds how many are looked at.
const CONCURRENCY: usize = 4;

/// The files of a request.
struct Files<'a> {
    dir: Option<&'a Path>,
    materials: &'a [Material],
    folder: &'a JobFolder,
    pictures: picture::Rule,
    probes: &'a Probes,
}

/// Every file of `spec` that is not there, of no known kind, or too small a picture.
pub(super) fn check(dir: Option<&Path>, spec: &JobSpec) -> Vec<FieldError> {
    let wrong = |material: &Material| {
        let expected = check_one(dir, &material.url).err()?;
        let (field, value) = ("video_materials".to_owned(), material.url.clone());
        Some(FieldError { field, value, expected })
    };
    spec.video_materials.iter().flatten().filter_map(wrong).collect()
}

/// Reads and decodes every picture that a document names which may be no job, and forgets them (claim
/// 000-4.1, as it was measured).
pub(super) async fn read_named(dir: Option<&Path>, document: &[u8]) -> usize {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Naming {
        video_materials: Vec<Material>,
    }
    let naming: Naming = serde_json::from_slice(document).unwrap_or_default();
    let mut n_read = 0;
    for material in naming.video_materials {
        let Ok((path, Ending::Picture)) = find(dir, &material.url) else { continue };
        let read = tokio::task::spawn_blocking(move || picture::decode(&path)).await;
        n_read += usize::from(matches!(read, Ok(Ok(()))));
    }
    n_read
}

fn check_one(dir: Option<&Path>, name: &str) -> Result<(), String> {
    let (path, ending) = find(dir, name)?;
    if ending == Ending::Picture {
        let (width, height) = picture::size_of(&path)?;
        inspect::large_enough(width, height, MIN_SIDE)?;
    }
    Ok(())
}

fn find(dir: Option<&Path>, name: &str) -> Result<(PathBuf, Ending), String> {
    let path = local::file(dir, name)?;
    // Of the file itself: a link may be called otherwise.
    let ending = inspect::ending(&path.to_string_lossy());
    let ending = ending.ok_or_else(|| format!("a file of one of {}", inspect::endings()))?;
    Ok((path, ending))
}

pub(super) async fn run(
    parts: &Parts,
    spec: &JobSpec,
    folder: &JobFolder,
    need: &mut Need,
) -> Result<Materials, StageError> {
    let materials = spec.video_materials.as_deref().unwrap_or_default();
    let dir = parts.settings.local.dir.as_deref();
    let pictures = picture::Rule::new(&parts.settings, MIN_SIDE);
    let files = Files { dir, materials, folder, pictures, probes: &parts.probes };
    // All of them: the user named them to be shown.
    let rule = Rule { concurrency: CONCURRENCY, early_stop: false, least: 0 };
    let mut gathered = gather(&files, rule, &parts.limits.visual, need).await?;
    let rejected = rejected(&gathered, |index| materials[index].url.clone());
    let clips = gathered.clips();
    if clips.is_empty() {
        return Err(StageError::permanent("clips_unusable", reasons(&rejected)));
    }
    Ok(Materials { clips, rejected, downloads: Downloads::default(), warnings: Vec::new() })
}

impl Source for Files<'_> {
    type Fetched = (PathBuf, Ending);

    fn len(&self) -> usize {
        self.materials.len()
    }

    fn expected_ms(&self, _: usize) -> u64 {
        0 // nothing is guessed of them: they are all looked at
    }

    fn fetch(&self, index: usize) -> BoxFuture<'_, Result<(PathBuf, Ending), Failure>> {
        Box::pin(async move { Ok(find(self.dir, &self.materials[index].url)?) })
    }

    fn look(
        &self,
        index: usize,
        (path, ending): (PathBuf, Ending),
    ) -> BoxFuture<'_, Result<Vec<Clip>, Failure>> {
        Box::pin(async move {
            let name = &self.materials[index].url;
            let clip = match ending {
                Ending::Picture => {
                    let clip = unseen(name, path, picture::still(0, 0));
                    picture::prepare(clip, self.folder, self.pictures).await?
                }
                Ending::Video => {
                    let clip = unseen(name, path, picture::still(0, 0));
                    let (digest, clip) = digested(clip).await?;
                    let media = inspect::video(self.probes, &digest, &clip.path, MIN_SIDE).await?;
                    Clip { media, ..clip }
                }
            };
            Ok(vec![clip])
        })
    }
}

/// A clip of which the file is still to be read.
fn unseen(name: &str, path: PathBuf, media: MediaInfo) -> Clip {
    Clip {
        id: format!("local:{name}"),
        term: String::new(),
        description: described(name),
        page_url: String::new(),
        creator: String::new(),
        licence: "the user's own".to_owned(),
        path,
        sha256: String::new(),
        bytes: 0,
        media,
        kind: ClipKind::Video,
    }
}

async fn digested(mut clip: Clip) -> Result<(Digest, Clip), String> {
    let work = tokio::task::spawn_blocking(move || -> std::io::Result<(Digest, Clip)> {
        clip.bytes = fs_err::metadata(&clip.path)?.len();
        let digest = fetch::digest_of_file(&clip.path)?;
        clip.sha256 = digest.to_string();
        Ok((digest, clip))
    });
    work.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// What a user calls a file is all that is known of what is seen in it: `sea_at-night.mp4`.
fn described(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let words = stem.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Slots;
    use crate::stages::materials::gather::tests::shots;

    fn material(url: &str) -> Material {
        Material { url: url.to_owned(), ..Material::default() }
    }

    fn photograph(path: &Path, width: u32, height: u32) {
        image::RgbImage::new(width, height).save(path).expect("written");
    }

    #[test]
    fn every_file_that_cannot_be_shown_is_named_before_any_work() {
        let dir = tempfile::tempdir().expect("a folder");
        photograph(&dir.path().join("fine.png"), 480, 470);
        photograph(&dir.path().join("stamp.png"), 480, 469);
        fs_err::write(dir.path().join("notes.txt"), "x").expect("written");
        fs_err::write(dir.path().join("torn.jpg"), "x").expect("written");
        fs_err::write(dir.path().join("film.mp4"), "x").expect("written");
        let names = ["fine.png", "film.mp4", "stamp.png", "notes.txt", "torn.jpg", "../x.mp4"];
        let materials = names.map(material).to_vec();
        let spec = JobSpec { video_materials: Some(materials), ..JobSpec::default() };
        let errors = check(Some(dir.path()), &spec);
        let found: Vec<_> =
            errors.iter().map(|error| (error.value.as_str(), error.expected.as_str())).collect();
        let kinds = "a file of one of mp4, mov, mkv, webm, jpg, jpeg, png, bmp, webp";
        assert_eq!(found[0], ("stamp.png", "expected 470 pixels a side at least, found 480x469"));
        assert_eq!(found[1], ("notes.txt", kinds));
        assert_eq!(found[2].0, "torn.jpg");
        let outside = "the name of a file in the folder of local materials";
        assert_eq!(found[3..], [("../x.mp4", outside)]);
    }

    /// Claim 000-4.1, as it was measured: whatever else is wrong with the document.
    #[tokio::test]
    async fn pictures_are_read_of_a_document_that_is_no_job() {
        let dir = tempfile::tempdir().expect("a folder");
        photograph(&dir.path().join("fine.png"), 480, 480);
        fs_err::write(dir.path().join("torn.jpg"), "x").expect("written");
        let check = async |document: &str, expected| {
            let n_read = read_named(Some(dir.path()), document.as_bytes()).await;
            assert_eq!(n_read, expected, "{document}");
        };
        check(r#"{"n_threads": "two", "video_materials": [{"url": "fine.png"}]}"#, 1).await;
        check(r#"{"video_materials": [{"url": "torn.jpg"}, {"url": "fine.png"}]}"#, 1).await;
        check(r#"{"video_materials": [{"url": "../fine.png"}]}"#, 0).await;
        check(r#"{"video_materials": "fine.png"}"#, 0).await;
        check("{", 0).await;
    }

    #[test]
    fn a_name_says_what_is_seen() {
        assert_eq!(described("a/sea_at-night (2).mp4"), "sea at night 2");
        assert_eq!(described("biển.đêm.jpg"), "biển đêm");
    }

    #[tokio::test]
    async fn pictures_become_clips_and_what_is_broken_is_named() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = JobFolder::open(data.path(), "a").expect("made");
        let dir = data.path().join("own");
        fs_err::create_dir_all(&dir).expect("made");
        photograph(&dir.join("Ha Long.png"), 3000, 1000);
        fs_err::write(dir.join("torn.jpg"), "x").expect("written");
        let materials = ["torn.jpg", "Ha Long.png", "gone.mp4"].map(material);
        let files = Files {
            dir: Some(&dir),
            materials: &materials,
            folder: &folder,
            pictures: picture::Rule::new(&crate::settings::Settings::default(), MIN_SIDE),
            probes: &Probes::default(),
        };
        let rule = Rule { concurrency: 2, early_stop: false, least: 0 };
        let mut gathered =
            gather(&files, rule, &Slots::new("visual", 4), &mut shots(1)).await.expect("clips");
        let mut named: Vec<_> = gathered.rejected.iter().map(|(index, _)| *index).collect();
        named.sort_unstable();
        assert_eq!(named, [0, 2]);
        let clips = gathered.clips();
        let [clip] = clips.as_slice() else { panic!("{clips:?}") };
        assert_eq!((clip.id.as_str(), clip.kind), ("local:Ha Long.png", ClipKind::Image));
        assert_eq!((clip.media.width, clip.media.height), (2048, 682));
        assert_eq!(clip.description, "Ha Long");
        assert_eq!(fs_err::metadata(&clip.path).expect("a file").len(), clip.bytes);
        assert!(clip.path.starts_with(folder.path()));
    }
}
