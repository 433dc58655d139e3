//! How like is what is said to what is seen, and what is seen to the rest of it.

use rayon::prelude::*;

/// Every likeness that a choice needs; cosines, -1 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Likeness {
    /// Segments by clips: how well the clip goes with what is said.
    pub scores: Vec<Vec<f32>>,
    /// Clips by clips: how much one looks like the other. Symmetric.
    pub alike: Vec<Vec<f32>>,
}

impl Likeness {
    /// Likeness of vectors of length 1.
    pub fn of(segments: &[Vec<f32>], clips: &[Vec<f32>]) -> Self {
        Self { scores: scores(segments, clips), alike: scores(clips, clips) }
    }

    /// This likeness with the weight `1 - weight`, and `other` with the weight `weight` (0 to 1).
    ///
    /// Cosines of two models lie in different ranges (CLIP's of a text and a picture between about
    /// 0.1 and 0.4), so each row of `other`'s scores is first stretched to the mean and the deviation
    /// of the row that it is mixed with: what counts is how far a clip stands out among the others.
    pub fn mixed(mut self, other: &Self, weight: f32) -> Self {
        for (row, with) in self.scores.iter_mut().zip(&other.scores) {
            let (mean, deviation) = moments(row);
            let (with_mean, with_deviation) = moments(with);
            for (score, with) in row.iter_mut().zip(with) {
                let standing =
                    if with_deviation > 0.0 { (with - with_mean) / with_deviation } else { 0.0 };
                *score = (1.0 - weight) * *score + weight * (mean + deviation * standing);
            }
        }
        for (row, with) in self.alike.iter_mut().zip(&other.alike) {
            for (alike, with) in row.iter_mut().zip(with) {
                *alike = (1.0 - weight) * *alike + weight * with;
            }
        }
        self
    }
}

/// Likeness of each of `segments` to each of `clips` as one matrix, rows in parallel: the cosine, where
/// the vectors have length 1.
pub fn scores(segments: &[Vec<f32>], clips: &[Vec<f32>]) -> Vec<Vec<f32>> {
    segments
        .par_iter()
        .map(|segment| clips.iter().map(|clip| dot(segment, clip)).collect())
        .collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums at once: a float sum must keep its order, so one would be one addition a cycle.
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// Mean and standard deviation.
fn moments(values: &[f32]) -> (f32, f32) {
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer clips than 2^24")]
    let n = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / n;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_the_cosine_of_each_segment_to_each_clip_and_of_the_clips() {
        let segments = [vec![1.0, 0.0], vec![0.6, 0.8]];
        let clips = [vec![1.0, 0.0], vec![0.0, 1.0], vec![-1.0, 0.0]];
        let likeness = Likeness::of(&segments, &clips);
        assert_eq!(likeness.scores, [vec![1.0, 0.0, -1.0], vec![0.6, 0.8, -0.6]]);
        assert_eq!(likeness.alike[0], [1.0, 0.0, -1.0]);
        assert_eq!(scores(&segments, &[]), [vec![], vec![]] as [Vec<f32>; 2]);
        let (long, ones): (Vec<f32>, _) = ((0_u8..19).map(f32::from).collect(), vec![1.0; 19]);
        assert_eq!(scores(&[long], &[ones]), [[171.0]]);
    }

    #[test]
    fn another_model_counts_by_how_far_a_clip_stands_out() {
        let text =
            Likeness { scores: vec![vec![0.1, 0.5]], alike: vec![vec![1.0, 0.2], vec![0.2, 1.0]] };
        // The pictures say the opposite, in a narrower range.
        let seen = Likeness {
            scores: vec![vec![0.30, 0.20]],
            alike: vec![vec![1.0, 0.6], vec![0.6, 1.0]],
        };
        #[track_caller]
        fn check(found: &[f32], expected: &[f32]) {
            let near =
                found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-5);
            assert!(near && found.len() == expected.len(), "{found:?}, expected {expected:?}");
        }
        check(&text.clone().mixed(&seen, 0.0).scores[0], &[0.1, 0.5]);
        check(&text.clone().mixed(&seen, 1.0).scores[0], &[0.5, 0.1]);
        let half = text.mixed(&seen, 0.5);
        check(&half.scores[0], &[0.3, 0.3]);
        check(&half.alike[0], &[1.0, 0.4]);
    }
}
