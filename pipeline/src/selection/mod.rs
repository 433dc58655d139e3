//! Which clip is shown when: narration, to segments, to slots, to shots. Pure: no model, no file.
//!
//! [`segments`] cuts the narration where its sense does, [`plan_shots`] cuts its time, and
//! [`assign`] gives each slot a clip, by likeness where there are [`scores`].

mod assign;
mod assignment;
mod segments;
mod slots;

pub use assign::{ClipFacts, assign};
pub use segments::{Segment, segments};
pub use slots::{Slot, plan_shots};

use rayon::prelude::*;

/// A shot shorter than this is a flicker: none is planned where it can be avoided.
pub const MIN_SHOT_MS: u64 = 1_000;

/// Likeness of each segment to each clip: the cosine, where the vectors have length 1.
pub fn scores(segments: &[Vec<f32>], clips: &[Vec<f32>]) -> Vec<Vec<f32>> {
    segments
        .par_iter()
        .map(|segment| clips.iter().map(|clip| dot(segment, clip)).collect())
        .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_the_cosine_of_each_segment_to_each_clip() {
        let segments = [vec![1.0, 0.0], vec![0.6, 0.8]];
        let clips = [vec![1.0, 0.0], vec![0.0, 1.0], vec![-1.0, 0.0]];
        assert_eq!(scores(&segments, &clips), [vec![1.0, 0.0, -1.0], vec![0.6, 0.8, -0.6]]);
        assert_eq!(scores(&segments, &[]), [vec![], vec![]] as [Vec<f32>; 2]);
    }
}
