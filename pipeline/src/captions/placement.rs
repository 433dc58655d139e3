//! Where in the picture a subtitle stands.

use protocol::{Size, SubtitlePosition};

/// Share of the picture's height between a subtitle at the top or the bottom and the border.
const MARGIN_SHARE: f64 = 0.05;

/// A place of one's own is kept this many pixels from the border, as in MoneyPrinterTurbo.
const CUSTOM_MARGIN: f64 = 10.0;

/// Where subtitles stand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Which of the places.
    pub position: SubtitlePosition,
    /// With [`SubtitlePosition::Custom`]: the share of the free height that is above, percent.
    pub custom_percent: f64,
}

impl Place {
    /// The middle, from above, of a block that is so many pixels high.
    pub(super) fn centre_y(self, size: Size, height: f64) -> f64 {
        let picture = f64::from(size.height);
        let margin = picture * MARGIN_SHARE;
        let half = height / 2.0;
        let within = |top: f64| top.min(picture - height - CUSTOM_MARGIN).max(CUSTOM_MARGIN) + half;
        match self.position {
            SubtitlePosition::Top => margin + half,
            SubtitlePosition::Center => picture / 2.0,
            SubtitlePosition::Bottom => picture - margin - half,
            SubtitlePosition::TwoThirds => within(picture * 2.0 / 3.0 - half),
            SubtitlePosition::Custom => within((picture - height) * self.custom_percent / 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(position: SubtitlePosition, custom_percent: f64, height: f64, expected_top: f64) {
        let place = Place { position, custom_percent };
        let top = place.centre_y(Size { width: 540, height: 960 }, height) - height / 2.0;
        assert!((top - expected_top).abs() < 1e-9, "{place:?}: {top}");
    }

    #[test]
    fn a_block_stands_where_it_was_asked_for() {
        check(SubtitlePosition::Top, 50.0, 60.0, 48.0);
        check(SubtitlePosition::Center, 0.0, 60.0, 450.0);
        check(SubtitlePosition::Bottom, 0.0, 60.0, 852.0);
        check(SubtitlePosition::TwoThirds, 0.0, 60.0, 610.0);
        check(SubtitlePosition::Custom, 70.0, 60.0, 630.0);
    }

    #[test]
    fn a_place_of_ones_own_is_within_the_picture() {
        check(SubtitlePosition::Custom, 0.0, 60.0, 10.0);
        check(SubtitlePosition::Custom, 100.0, 60.0, 890.0);
        check(SubtitlePosition::Custom, 100.0, 1200.0, 10.0); // higher than the picture
        check(SubtitlePosition::TwoThirds, 0.0, 700.0, 250.0);
    }
}
