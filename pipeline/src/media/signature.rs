use std::path::Path;
use std::time::Duration;

use super::MediaError;
use super::tool::{SAFE_INPUT, ffprobe, file_url};
use crate::process;

/// A file of ours is read within this time.
const LIMIT: Duration = Duration::from_secs(30);

/// What must be the same in two files so that their pictures can be joined as they are. The digest of
/// the extra data (H.264: the parameter sets) stands for everything that is not named.
const ENTRIES: &str = "stream=codec_name,profile,level,width,height,pix_fmt,sample_aspect_ratio,\
    time_base,r_frame_rate,has_b_frames,color_range,color_space,color_transfer,color_primaries,\
    extradata_hash";

/// What a decoder is told of a picture: names and values, as ffprobe writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature(Vec<(String, String)>);

impl Signature {
    fn parse(text: &str) -> Self {
        let entries = text.lines().filter_map(|line| line.split_once('='));
        Self(entries.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The first thing that is not the same, in words.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.0.len() != other.0.len() {
            return Some(format!("{} and {} entries", self.0.len(), other.0.len()));
        }
        let (ours, theirs) = self.0.iter().zip(&other.0).find(|(ours, theirs)| ours != theirs)?;
        Some(format!("{} is {} and {}", ours.0, ours.1, theirs.1))
    }
}

/// The signature of the picture of the file at `path`, which is one of ours.
pub(super) async fn signature(path: &Path) -> Result<Signature, MediaError> {
    let mut command = ffprobe();
    command.args(["-select_streams", "v:0", "-show_data_hash", "sha256"]);
    command.args(["-show_entries", ENTRIES, "-of", "default=nw=1"]).args(SAFE_INPUT);
    command.arg("-i").arg(file_url(path));
    let text = process::output(command, &[], LIMIT).await?;
    Ok(Signature::parse(&String::from_utf8_lossy(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, expected: Option<&str>) {
        let found = Signature::parse(one).difference(&Signature::parse(other));
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn the_first_difference_is_named() {
        let one = "codec_name=h264\nprofile=High\nlevel=40\n";
        check(one, one, None);
        check(one, "codec_name=h264\nprofile=High\nlevel=42\n", Some("level is 40 and 42"));
        check(one, "codec_name=h264\nprofile=High\n", Some("3 and 2 entries"));
    }
}
