//! Music and materials of users, in the folders that the settings name.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;
use utoipa::ToSchema;

use super::answer::{Answer, MptError, Refused};
use crate::api::Api;
use crate::media::{self, Credible};
use crate::stages::materials;

/// Sounds that can be music.
const SOUNDS: &[&str] = &["mp3", "m4a", "aac", "wav", "flac", "ogg", "opus", "wma"];
/// Pictures and videos that can be materials.
const MATERIALS: &[&str] =
    &["mp4", "mov", "avi", "flv", "mkv", "webm", "jpg", "jpeg", "png", "bmp"];
/// Those of them that are pictures.
const PICTURES: &[&str] = &["jpg", "jpeg", "png", "bmp"];
/// Largest file.
pub const MAX_FILE_BYTES: usize = 30 << 20;

/// Files that are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Files {
    files: Vec<FileInfo>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct FileInfo {
    /// Its name.
    name: String,
    /// Bytes.
    size: u64,
    /// What a task names it with.
    file: String,
}

/// A file that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Kept {
    /// What a task names it with.
    file: String,
}

/// A file, as a form.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is read as a stream")]
pub struct Upload {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// The music that tasks can name.
#[utoipa::path(
    get,
    path = "/api/v1/musics",
    tag = "moneyprinterturbo",
    responses((status = 200, description = "By name", body = Answer<Files>))
)]
pub async fn musics(State(api): State<Api>) -> Json<Answer<Files>> {
    Answer::of(listed(api.parts.settings.music.dir.as_deref(), SOUNDS))
}

/// The materials that tasks can name.
#[utoipa::path(
    get,
    path = "/api/v1/video_materials",
    tag = "moneyprinterturbo",
    responses((status = 200, description = "By name", body = Answer<Files>))
)]
pub async fn materials(State(api): State<Api>) -> Json<Answer<Files>> {
    Answer::of(listed(api.parts.settings.local.dir.as_deref(), MATERIALS))
}

/// Keeps a track of at most 30 MB, under a name of its own.
#[utoipa::path(
    post,
    path = "/api/v1/musics",
    tag = "moneyprinterturbo",
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "It is kept", body = Answer<Kept>),
        (status = 400, description = "It is no sound, too large, or no folder is set", body = MptError),
        (status = 500, description = "It cannot be written", body = MptError),
    )
)]
pub async fn add_music(
    State(api): State<Api>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Json<Answer<Kept>>, Refused> {
    let folder = api.parts.settings.music.dir.as_deref();
    let believed = api.parts.settings.media.credible();
    keep(folder, "music.dir", SOUNDS, form, believed, |extension| {
        format!("{}.{extension}", uuid::Uuid::new_v4().simple())
    })
    .await
}

/// Keeps a picture or video of at most 30 MB, under its name; one of that name is replaced.
#[utoipa::path(
    post,
    path = "/api/v1/video_materials",
    tag = "moneyprinterturbo",
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "It is kept", body = Answer<Kept>),
        (status = 400, description = "It is no picture and no video, too large, or no folder is set", body = MptError),
        (status = 500, description = "It cannot be written", body = MptError),
    )
)]
pub async fn add_material(
    State(api): State<Api>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Json<Answer<Kept>>, Refused> {
    let folder = api.parts.settings.local.dir.as_deref();
    let believed = api.parts.settings.media.credible();
    keep(folder, "local.dir", MATERIALS, form, believed, |_| String::new()).await
}

/// Files of these kinds in `folder`, by name. A folder that is not there has none.
fn listed(folder: Option<&Path>, extensions: &[&str]) -> Files {
    let entries = folder.and_then(|folder| fs_err::read_dir(folder).ok());
    let mut files: Vec<FileInfo> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let metadata = entry.metadata().ok()?;
            if !metadata.is_file() {
                return None;
            }
            let size = metadata.len();
            extension(&name, extensions)?;
            Some(FileInfo { file: name.clone(), name, size })
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Files { files }
}

/// Its extension in small letters, where it is one of these and the name is not hidden.
fn extension(name: &str, extensions: &[&str]) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    (!stem.is_empty() && !name.starts_with('.') && extensions.contains(&extension.as_str()))
        .then_some(extension)
}

/// The last part of a path of either kind, as browsers send it.
fn plain_name(sent: &str) -> Option<&str> {
    let name = sent.rsplit(['/', '\\']).next()?.trim();
    let is_plain =
        !name.is_empty() && !name.starts_with('.') && !name.chars().any(char::is_control);
    (is_plain && name.len() <= 200).then_some(name)
}

/// Writes the field `file` of the form beside where it is to be, looks what it is, and moves it there.
async fn keep(
    folder: Option<&Path>,
    setting: &str,
    extensions: &[&str],
    form: Result<Multipart, MultipartRejection>,
    believed: Credible,
    new_name: impl FnOnce(&str) -> String,
) -> Result<Json<Answer<Kept>>, Refused> {
    let mut form = form.map_err(|rejection| Refused::wrong(rejection.body_text()))?;
    let folder: PathBuf = folder
        .ok_or_else(|| {
            Refused::wrong(format!("nothing is kept: the setting {setting} names no folder"))
        })?
        .to_owned();
    let unreadable =
        |error: axum::extract::multipart::MultipartError| Refused::wrong(error.body_text());
    let mut field = loop {
        match form.next_field().await.map_err(unreadable)? {
            Some(field) if field.name() == Some("file") => break field,
            Some(_) => {}
            None => return Err(Refused::wrong("expected a file in the field 'file'")),
        }
    };
    let sent = field.file_name().unwrap_or_default().to_owned();
    let name = plain_name(&sent).ok_or_else(|| Refused::wrong("invalid filename"))?;
    let kind = extension(name, extensions).ok_or_else(|| {
        Refused::wrong(format!("only files with the extensions {} are kept", extensions.join(", ")))
    })?;
    let disk = |error: std::io::Error| {
        tracing::error!(%error, "cannot keep an upload");
        Refused::disk()
    };
    let suffix = format!(".{kind}");
    let mut builder = tempfile::Builder::new();
    // As every other file of the folder is, not for its owner alone; the umask still applies.
    builder.prefix(".upload-").suffix(&suffix).permissions(PermissionsExt::from_mode(0o666));
    let part = builder.tempfile_in(&folder).map_err(disk)?;
    let mut file = tokio::fs::File::from_std(part.reopen().map_err(disk)?);
    let mut n_bytes = 0;
    while let Some(chunk) = field.chunk().await.map_err(unreadable)? {
        n_bytes += chunk.len();
        if n_bytes > MAX_FILE_BYTES {
            return Err(Refused::wrong("the file is larger than 30 MB"));
        }
        file.write_all(&chunk).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)?;
    if let Err(reason) = look(part.path(), &kind, believed).await {
        tracing::info!(reason, "an upload is no media file");
        return Err(Refused::wrong("it is no file that can be shown or heard"));
    }
    let new = new_name(&kind);
    let name = if new.is_empty() { name.to_owned() } else { new };
    part.persist(folder.join(&name)).map_err(|failed| disk(failed.error))?;
    Ok(Answer::of(Kept { file: name }))
}

/// Its name says what it is; what is in it, its head does, of pictures, and ffprobe of everything else:
/// that opens no picture, as one may be a list of names.
async fn look(path: &Path, kind: &str, believed: Credible) -> Result<(), String> {
    if !PICTURES.contains(&kind) {
        return media::probe(path).await.map(drop).map_err(|error| error.to_string());
    }
    let (width, height) = materials::size_of_picture(path)?;
    believed.check_size(width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain_and_its_kind_is_known() {
        for (sent, expected) in [
            ("a.mp4", Some("a.mp4")),
            ("C:\\videos\\a b.MOV", Some("a b.MOV")),
            ("../../etc/passwd", Some("passwd")),
            ("..", None),
            ("a/", None),
            (".hidden.mp4", None),
            ("a\0.mp4", None),
            ("..\\..\\a.mp4", Some("a.mp4")),
            ("/etc/cron.d/a.mp4", Some("a.mp4")),
            ("..\\", None),
            (" .. ", None),
            ("a/\u{7f}.mp4", None),
            ("a\r\nX: y.mp4", None),
            ("%2e%2e%2fa.mp4", Some("%2e%2e%2fa.mp4")), // a name like another
        ] {
            assert_eq!(plain_name(sent), expected, "{sent:?}");
        }
        assert_eq!(extension("a.MOV", MATERIALS).as_deref(), Some("mov"));
        for other in ["photojpg", ".jpg", "a.exe", "a", "a.mp4.txt"] {
            assert_eq!(extension(other, MATERIALS), None, "{other}");
        }
    }

    #[test]
    fn files_are_listed_by_name_without_what_is_hidden() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for name in ["b.mp3", "a.wav", ".upload-x.mp3", "notes.txt"] {
            fs_err::write(folder.path().join(name), "abc").expect("written");
        }
        fs_err::create_dir(folder.path().join("c.mp3")).expect("made");
        let Files { files } = listed(Some(folder.path()), SOUNDS);
        let names: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.size)).collect();
        assert_eq!(names, [("a.wav", 3), ("b.mp3", 3)]);
        assert_eq!(listed(None, SOUNDS).files, []);
    }
}
