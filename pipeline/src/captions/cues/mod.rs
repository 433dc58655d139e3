//! Words with times become cues.
//!
//! A sentence is never mixed with the next one. A long sentence is cut so that the cues are few, alike
//! in length, and end where a clause ends: of all the ways to cut it the cheapest is taken (the way
//! Knuth and Plass break paragraphs into lines), so a good place for a cut is not missed because the
//! line before it happened to be full.

mod pieces;
#[cfg(test)]
mod tests;

use pieces::{Border, Piece, pieces};

use super::layout::Layout;
use crate::artefacts::{Cue, TimedWord};

/// A cue is shown at least this long where the next one leaves room.
pub const MIN_CUE_MS: u64 = 700;
/// A cue is shown at most this long.
pub const MAX_CUE_MS: u64 = 6000;
/// A gap shorter than this flickers: the cue before it stays.
pub const MIN_GAP_MS: u64 = 200;

/// Cues of one or two lines that together hold every word once, in order.
///
/// `text` is what the words were taken from: where it has white space between two of them, the line has
/// a space. A word with Chinese letters, or one too wide for a line, may go on in the next line. The
/// cues do not overlap and each has a time, whatever the words' times are.
pub fn cues(text: &str, words: &[TimedWord], layout: &Layout) -> Vec<Cue> {
    let pieces = pieces(text, words, layout);
    let mut cues = Vec::new();
    for sentence in pieces.split_inclusive(|piece| piece.border == Border::Sentence) {
        for run in cheapest_cuts(sentence, layout) {
            let (first, last) = (&run[0], &run[run.len() - 1]);
            let lines = lines(run, layout).into_iter().map(joined).collect();
            cues.push(Cue { start_ms: first.start_ms, end_ms: last.end_ms, lines });
        }
    }
    settle_times(&mut cues);
    cues
}

/// The sentence cut into runs of pieces, one for each cue, none empty.
fn cheapest_cuts<'p, 'a>(sentence: &'p [Piece<'a>], layout: &Layout) -> Vec<&'p [Piece<'a>]> {
    // best[end]: the least cost of cues for the pieces before `end`, and where the last of them begins.
    let mut best = vec![(0.0, 0)];
    for end in 1..=sentence.len() {
        let candidates = (0..end).rev().map_while(|begin| {
            let cost = cost(&sentence[begin..end], layout)?;
            Some((best[begin].0 + cost, begin))
        });
        let cheapest = candidates.min_by(|a, b| a.0.total_cmp(&b.0));
        // A single piece is always allowed: there is a candidate.
        best.push(cheapest.unwrap_or((f64::INFINITY, end - 1)));
    }
    let mut runs = Vec::new();
    let mut end = sentence.len();
    while end > 0 {
        let begin = best[end].1;
        runs.push(&sentence[begin..end]);
        end = begin;
    }
    runs.reverse();
    runs
}

/// How bad it is to make one cue of the run. None: it does not fit, and longer ones do not either.
fn cost(run: &[Piece<'_>], layout: &Layout) -> Option<f64> {
    let (first, last) = (run.first()?, run.last()?);
    let duration_ms = last.end_ms.saturating_sub(first.start_ms);
    let filled = line_width(run, layout) / (2.0 * layout.max_width());
    if run.len() > 1 && (duration_ms > MAX_CUE_MS || filled > 1.0) {
        return None;
    }
    // Two lines may hold less than their sum where pieces are wide; such a run is never taken.
    let fits =
        |line: &&[Piece<'_>]| line.len() < 2 || line_width(line, layout) <= layout.max_width();
    let misfit = if lines(run, layout).iter().all(fits) { 0.0 } else { f64::INFINITY };
    let ending = match last.border {
        Border::Sentence => 0.0,
        Border::Clause => 0.15,
        Border::Word => 0.6,
        Border::Poor => 1.5,
        Border::Never => 5.0,
    };
    let hurried = if duration_ms < MIN_CUE_MS { 0.5 } else { 0.0 };
    Some(1.0 + ending + hurried + 0.5 * (1.0 - filled).powi(2) + misfit)
}

/// One line where the run fits on one, else two that are alike in width, cut at a border if they may.
fn lines<'p, 'a>(run: &'p [Piece<'a>], layout: &Layout) -> Vec<&'p [Piece<'a>]> {
    if run.len() < 2 || line_width(run, layout) <= layout.max_width() {
        return vec![run];
    }
    let (whole, space) = (line_width(run, layout), layout.width(" "));
    let mut upper = run[0].width;
    let mut best = (f64::INFINITY, 1);
    for cut in 1..run.len() {
        let gap = if run[cut].begins_word { space } else { 0.0 };
        let wider = upper.max(whole - upper - gap);
        let at_border = match run[cut - 1].border {
            Border::Sentence | Border::Clause => -0.15,
            Border::Word => 0.0,
            Border::Poor => 0.3,
            Border::Never => 5.0,
        };
        let too_wide = if wider > layout.max_width() { 10.0 } else { 0.0 };
        let unevenness = wider / layout.max_width() + at_border + too_wide;
        if unevenness < best.0 {
            best = (unevenness, cut);
        }
        upper += gap + run[cut].width;
    }
    let (upper, lower) = run.split_at(best.1);
    vec![upper, lower]
}

fn line_width(line: &[Piece<'_>], layout: &Layout) -> f64 {
    let n_spaces = line.iter().skip(1).filter(|piece| piece.begins_word).count();
    line.iter().map(|piece| piece.width).sum::<f64>() + n_spaces as f64 * layout.width(" ")
}

fn joined(line: &[Piece<'_>]) -> String {
    let mut text = String::new();
    for piece in line {
        if piece.begins_word && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(piece.text);
    }
    text
}

/// Bounds the time of each cue, closes short gaps, and mends what the words' times got wrong.
fn settle_times(cues: &mut [Cue]) {
    let mut earliest_ms = 0;
    for i in 0..cues.len() {
        let next_ms = cues.get(i + 1).map(|next| next.start_ms);
        let cue = &mut cues[i];
        cue.start_ms = cue.start_ms.max(earliest_ms);
        let longest_ms = cue.start_ms + MAX_CUE_MS;
        cue.end_ms = cue.end_ms.min(longest_ms);
        if let Some(next_ms) = next_ms {
            let kept_ms = cue.end_ms.max(cue.start_ms + MIN_CUE_MS);
            let gap_closed = next_ms < kept_ms + MIN_GAP_MS && next_ms <= longest_ms;
            cue.end_ms = if gap_closed { next_ms } else { kept_ms.min(next_ms) };
        }
        cue.end_ms = cue.end_ms.max(cue.start_ms + 1);
        earliest_ms = cue.end_ms;
    }
}
