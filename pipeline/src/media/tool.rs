//! How ffmpeg and ffprobe are begun, and what they may open: every run of ours starts here.

use std::ffi::OsString;
use std::path::Path;

use tokio::process::Command;

/// No single piece of memory is larger, bytes: a picture of [`MAX_PIXELS`] in four bytes each.
const MAX_ALLOC: &str = "1073741824";

/// Most pixels that a decoder is asked for, whatever a file says of itself in its midst: 16384 by 16384.
pub(crate) const MAX_PIXELS: u64 = 16_384 * 16_384;

/// What may stand before each `-i`. A file that was downloaded may be a playlist in disguise: it opens
/// no other file, no network, and only containers that hold the media themselves.
pub(crate) const SAFE_INPUT: [&str; 8] = [
    "-protocol_whitelist",
    "file",
    "-format_whitelist",
    "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,wav,mp3,aac,flac,aiff,w64",
    "-max_streams",
    "64",
    "-max_pixels",
    "268435456",
];

/// What may stand before the `-i` of a still picture: its name is no pattern of names.
pub(crate) const SAFE_STILL: [&str; 8] = [
    "-protocol_whitelist",
    "file",
    "-max_pixels",
    "268435456",
    "-f",
    "image2",
    "-pattern_type",
    "none",
];

/// What stands before everything else.
pub(super) const BEGIN: [&str; 4] = ["-nostdin", "-hide_banner", "-max_alloc", MAX_ALLOC];

/// ffmpeg, for arguments that have [`BEGIN`] in them.
pub(super) fn program() -> Command {
    Command::new("ffmpeg")
}

/// ffmpeg, told to ask nobody.
pub(crate) fn ffmpeg() -> Command {
    let mut command = program();
    command.args(BEGIN);
    command
}

/// ffprobe, which says what is wrong and no more.
pub(crate) fn ffprobe() -> Command {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-max_alloc", MAX_ALLOC]);
    command
}

/// A path as ffmpeg takes it: neither an option (`-x.mp4`) nor a protocol (`a:b.mp4`).
pub(crate) fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs_err::read_dir(folder).expect("a folder of ours") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                sources(&path, into);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                into.push(path);
            }
        }
    }

    /// Before its tests, no file but this one names the programs as such.
    #[test]
    fn nobody_else_starts_them() {
        let mut paths = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut paths);
        let starts = |path: &PathBuf| {
            let text = fs_err::read_to_string(path).expect("a source");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            ["new(\"ffmpeg\")", "new(\"ffprobe\")"].iter().any(|start| code.contains(start))
        };
        let found: Vec<PathBuf> = paths.into_iter().filter(starts).collect();
        let [only] = found.as_slice() else { panic!("{found:?}") };
        assert!(only.ends_with("media/tool.rs"), "{found:?}");
    }

    #[test]
    fn both_lists_bound_what_is_decoded() {
        for list in [SAFE_INPUT, SAFE_STILL] {
            let at = list.iter().position(|option| *option == "-max_pixels").expect("a bound");
            assert_eq!(list[at + 1], MAX_PIXELS.to_string());
            assert_eq!(list[..2], ["-protocol_whitelist", "file"]);
        }
    }
}
