use protocol::{Size, Transition};

use crate::chance::nth;

/// How much closer a zoom comes.
const ZOOM: f64 = 0.2;
/// How much closer a still picture comes each second.
const STILL_ZOOM: f64 = 0.03;

/// What a transition does within one shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Out of the dark, in its first second.
    FadeIn,
    /// Into the dark, in its last second.
    FadeOut,
    /// In from a side, in its first second.
    SlideIn(Side),
    /// Out to a side, in its last second.
    SlideOut(Side),
    /// Slowly closer, all the time.
    ZoomIn,
    /// Slowly away, all the time.
    ZoomOut,
}

/// A side of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
    Top,
    Bottom,
}

impl Effect {
    /// What `transition` does with the shot number `shot`. A cross-fade is no effect of one shot.
    pub fn of(transition: Option<Transition>, seed: u64, shot: usize) -> Option<Self> {
        let chance = nth(seed, shot as u64);
        let sides = [Side::Left, Side::Right, Side::Top, Side::Bottom];
        let side = sides[(chance >> 32) as usize % sides.len()];
        let all = [
            Self::FadeIn,
            Self::FadeOut,
            Self::SlideIn(side),
            Self::SlideOut(side),
            Self::ZoomIn,
            Self::ZoomOut,
        ];
        Some(match transition? {
            Transition::Shuffle => all[(chance & 0xffff_ffff) as usize % all.len()],
            Transition::FadeIn => Self::FadeIn,
            Transition::FadeOut => Self::FadeOut,
            Transition::SlideIn => Self::SlideIn(side),
            Transition::SlideOut => Self::SlideOut(side),
            Transition::ZoomIn => Self::ZoomIn,
            Transition::ZoomOut => Self::ZoomOut,
            Transition::CrossFade => return None,
        })
    }

    /// The filters that do it with a shot of `frames`, counted from 0, in a picture of `size`.
    pub fn filters(self, size: Size, fps: u32, frames: u64) -> String {
        let length = u64::from(fps).min(frames / 2).max(1);
        let start = frames - length;
        let last = frames.saturating_sub(1).max(1);
        match self {
            Self::FadeIn => format!("fade=t=in:s=0:n={length}"),
            Self::FadeOut => format!("fade=t=out:s={start}:n={length}"),
            Self::SlideIn(side) => slide(size, side, &format!("max(0,1-(n+1)/{length})")),
            Self::SlideOut(side) => slide(size, side, &format!("max(0,(n-{start})/{length})")),
            Self::ZoomIn => zoom(&format!("1+{ZOOM}*min(1,(on-1)/{last})")),
            Self::ZoomOut => zoom(&format!("{}-{ZOOM}*min(1,(on-1)/{last})", 1.0 + ZOOM)),
        }
    }
}

/// The slow motion of a still picture (the Ken Burns effect), in frames counted from 0.
pub fn still_motion(fps: u32) -> String {
    zoom(&format!("1+{STILL_ZOOM}*(on-1)/{fps}"))
}

/// The picture, moved out to `side` by `share` of its size: a window on a canvas twice as large.
fn slide(size: Size, side: Side, share: &str) -> String {
    let Size { width, height } = size;
    let (canvas, window) = match side {
        Side::Left => ("w=2*iw:x=0", format!("x='{width}*{share}':y=0")),
        Side::Right => ("w=2*iw:x=iw", format!("x='{width}*(1-{share})':y=0")),
        Side::Top => ("h=2*ih:y=0", format!("x=0:y='{height}*{share}'")),
        Side::Bottom => ("h=2*ih:y=ih", format!("x=0:y='{height}*(1-{share})'")),
    };
    format!("pad={canvas}:color=black,crop=w={width}:h={height}:{window}")
}

/// The middle of the picture, `factor` times as large. `perspective` computes with parts of pixels;
/// `zoompan` and `crop` move by whole ones, and the picture trembles.
fn zoom(factor: &str) -> String {
    let near = format!("(1-1/({factor}))/2");
    let far = format!("(1+1/({factor}))/2");
    let corners = [("x0", "y0", &near, &near), ("x1", "y1", &far, &near)];
    let corners = corners.into_iter().chain([("x2", "y2", &near, &far), ("x3", "y3", &far, &far)]);
    let corners: Vec<String> =
        corners.map(|(x, y, across, down)| format!("{x}='W*{across}':{y}='H*{down}'")).collect();
    format!("perspective={}:eval=frame:interpolation=cubic", corners.join(":"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn shuffle_takes_every_effect_and_side_and_the_same_for_the_same_seed() {
        let of = |shot| Effect::of(Some(Transition::Shuffle), 7, shot);
        let found: BTreeSet<String> = (0..200).map(|shot| format!("{:?}", of(shot))).collect();
        // Two fades, two zooms, and slides in and out on four sides.
        assert_eq!(found.len(), 2 + 2 + 2 * 4, "{found:?}");
        let other =
            (0..200).filter(|&shot| Effect::of(Some(Transition::Shuffle), 8, shot) == of(shot));
        assert!(other.count() < 100, "another seed, other effects");
        assert_eq!(Effect::of(Some(Transition::CrossFade), 7, 0), None);
        assert_eq!(Effect::of(None, 7, 0), None);
    }
}
