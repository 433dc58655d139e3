//! Where a job waits: beside those that load the same thing.
//!
//! A job that renders loads this machine. One that ends before that only asks providers, and a provider's
//! patience is another resource: such jobs have lanes of their own, so that a long queue of videos or of
//! heavy predictions does not hold up a light question.

use protocol::{Class, JobSpec, Stage, VideoSource};

/// Jobs of one lane wait for each other, and for no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Speech, models and ffmpeg on this machine.
    Video,
    /// Texts, searches and downloads.
    Light,
    /// Pictures of large models.
    Heavy,
    /// Chains of models.
    Comic,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 4] = [Self::Video, Self::Light, Self::Heavy, Self::Comic];

    /// The name in the database and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Light => "light",
            Self::Heavy => "heavy",
            Self::Comic => "comic",
        }
    }

    /// The lane of a job.
    pub fn of(spec: &JobSpec) -> Self {
        let last = spec.stop_at.unwrap_or(Stage::Publish);
        if Stage::Narration.runs_until(last) {
            return Self::Video;
        }
        let generates = matches!(spec.video_source, VideoSource::Comfyui | VideoSource::Replicate);
        if !(generates && Stage::Materials.runs_until(last)) {
            return Self::Light;
        }
        match spec.generation.unwrap_or(Class::Heavy) {
            Class::Light => Self::Light,
            Class::Heavy => Self::Heavy,
            Class::Comic => Self::Comic,
        }
    }
}

/// How many jobs of each lane run at once in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// Jobs that load this machine.
    pub video: usize,
    /// Jobs that only ask providers.
    pub light: usize,
    /// See [`Lane::Heavy`].
    pub heavy: usize,
    /// See [`Lane::Comic`].
    pub comic: usize,
    /// One number for the last three, in place of theirs: a long queue of one holds up the others.
    pub shared: Option<usize>,
}

impl Lanes {
    /// The lanes that wait for each other, with the places they have.
    pub fn groups(self) -> Vec<(&'static [Lane], usize)> {
        let mut groups: Vec<(&'static [Lane], usize)> = vec![(&[Lane::Video], self.video)];
        match self.shared {
            Some(places) => groups.push((&[Lane::Light, Lane::Heavy, Lane::Comic], places)),
            None => groups.extend([
                (&[Lane::Light][..], self.light),
                (&[Lane::Heavy][..], self.heavy),
                (&[Lane::Comic][..], self.comic),
            ]),
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stop_at: Option<Stage>, video_source: VideoSource, expected: Lane) {
        let spec = JobSpec { stop_at, video_source, ..JobSpec::default() };
        assert_eq!(Lane::of(&spec), expected, "{stop_at:?}, {video_source:?}");
    }

    #[test]
    fn what_loads_this_machine_waits_apart_from_what_asks_others() {
        check(None, VideoSource::Pexels, Lane::Video);
        check(None, VideoSource::Replicate, Lane::Video);
        check(Some(Stage::Narration), VideoSource::Pexels, Lane::Video);
        check(Some(Stage::Selection), VideoSource::Pexels, Lane::Video);
        check(Some(Stage::Script), VideoSource::Replicate, Lane::Light);
        check(Some(Stage::Materials), VideoSource::Pexels, Lane::Light);
        check(Some(Stage::Materials), VideoSource::Replicate, Lane::Heavy);
        check(Some(Stage::Materials), VideoSource::Comfyui, Lane::Heavy);
        let comic = JobSpec {
            generation: Some(Class::Comic),
            stop_at: Some(Stage::Materials),
            video_source: VideoSource::Replicate,
            ..JobSpec::default()
        };
        assert_eq!(Lane::of(&comic), Lane::Comic);
        assert_eq!(Lane::of(&JobSpec { generation: Some(Class::Light), ..comic }), Lane::Light);
    }

    #[test]
    fn shared_lanes_have_one_number_of_places() {
        let lanes = Lanes { video: 3, light: 8, heavy: 4, comic: 2, shared: None };
        let places: Vec<usize> = lanes.groups().iter().map(|(_, places)| *places).collect();
        assert_eq!(places, [3, 8, 4, 2]);
        let shared = Lanes { shared: Some(2), ..lanes }.groups();
        assert_eq!(shared.len(), 2);
        assert_eq!(shared[1].0.len(), 3);
    }
}
