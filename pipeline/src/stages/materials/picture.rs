//! Still pictures as they are shown: upright, opaque, and no larger than any video needs.
//!
//! One prescale for users' and generated pictures (claim 003-7): at most 2 megapixels and 2048 pixels a
//! side, JPEG of quality 92. The encoder would make each frame of a 50-megapixel photograph smaller
//! again, thirty times a second.

use std::io::{Cursor, Read as _};
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

use super::inspect::large_enough;
use crate::artefacts::{Clip, ClipKind, MediaInfo};
use crate::job::JobFolder;
use crate::media::Credible;
use crate::settings::{Prescale, Settings};

/// As long as a picture may be shown; its clip has no end of its own.
const SHOWN_MS: u64 = 60_000;
/// 2 MP as Real-ESRGAN and its like count them: a full-HD picture keeps its size.
const MAX_PIXELS: f64 = 2.0 * 1024.0 * 1024.0;
const MAX_SIDE: f64 = 2_048.0;
const QUALITY: u8 = 92;
/// Larger ones are not opened at all: a file of some kilobytes can claim to be one.
const MAX_CLAIMED_SIDE: u32 = 16_384;
/// What one picture may take in memory.
const MAX_MEMORY: u64 = 1 << 30;

/// Which pictures are shown, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) prescale: Prescale,
    /// Pixels of the shorter side, at least.
    pub(super) min_side: u32,
    pub(super) credible: Credible,
    /// Size of the file, at most.
    pub(super) max_bytes: u64,
}

impl Rule {
    pub(super) fn new(settings: &Settings, min_side: u32) -> Self {
        let (prescale, credible) = (settings.pictures.prescale, settings.media.credible());
        Self { prescale, min_side, credible, max_bytes: settings.media.max_picture_bytes }
    }

    /// Whether a picture of this size is shown.
    pub(super) fn check_size(&self, width: u32, height: u32) -> Result<(), String> {
        large_enough(width, height, self.min_side)?;
        self.credible.check_size(width, height)
    }
}

/// A picture ready to be shown.
#[derive(Debug)]
struct Prepared {
    jpeg: Vec<u8>,
    width: u32,
    height: u32,
}

/// Pixels across and down of the picture at `path`, as the file says.
pub(super) fn size_of(path: &Path) -> Result<(u32, u32), String> {
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let reader = reader.map_err(|error| error.to_string())?;
    reader.into_dimensions().map_err(|error| error.to_string())
}

/// Decodes the picture at `path`, and forgets it.
pub(super) fn decode(path: &Path) -> Result<(), String> {
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let reader = reader.map_err(|error| error.to_string())?;
    // Within the limits that the library has.
    reader.decode().map(drop).map_err(|error| error.to_string())
}

/// Makes the picture at `clip.path` ready, in the job folder, and points `clip` at it.
pub(super) async fn prepare(
    mut clip: Clip,
    folder: &JobFolder,
    rule: Rule,
) -> Result<Clip, String> {
    let folder = folder.clone();
    let work = tokio::task::spawn_blocking(move || {
        let original = read(&clip.path, rule.max_bytes)?;
        let prepared = prepared(&original, &rule)
            .map_err(|error| format!("{}: {error}", clip.path.display()))?;
        let digest = fetch::Digest::of(&prepared.jpeg).to_string();
        let name = format!("picture-{}.jpg", &digest[..16]);
        folder.write(&name, &prepared.jpeg).map_err(|error| error.to_string())?;
        clip.path = folder.file(&name);
        (clip.sha256, clip.bytes) = (digest, prepared.jpeg.len() as u64);
        clip.media = still(prepared.width, prepared.height);
        clip.kind = ClipKind::Image;
        Ok(clip)
    });
    work.await.map_err(|error| error.to_string())?
}

fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, String> {
    let file = fs_err::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(max_bytes + 1).read_to_end(&mut bytes);
    if read.map_err(|error| error.to_string())? as u64 > max_bytes {
        let found = path.display();
        return Err(format!("{found}: expected at most {max_bytes} bytes, found more"));
    }
    Ok(bytes)
}

/// What is known of a still picture.
pub(super) fn still(width: u32, height: u32) -> MediaInfo {
    MediaInfo {
        width,
        height,
        fps: 0.0,
        duration_ms: SHOWN_MS,
        video_ms: SHOWN_MS,
        audio_ms: 0,
        video_codec: "mjpeg".to_owned(),
    }
}

fn prepared(original: &[u8], rule: &Rule) -> Result<Prepared, String> {
    let broken = |error: image::ImageError| error.to_string();
    let reader = ImageReader::new(Cursor::new(original)).with_guessed_format();
    let mut reader = reader.map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    rule.check_size(width, height)?;
    limits.max_image_width = Some(MAX_CLAIMED_SIDE);
    limits.max_image_height = Some(MAX_CLAIMED_SIDE);
    // The decoder itself asks for the buffer of the picture, and not whether it may.
    limits.reserve(decoder.total_bytes()).map_err(broken)?;
    decoder.set_limits(limits).map_err(broken)?;
    let orientation = decoder.orientation().map_err(broken)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    let (smaller, lower) = scaled(width, height, rule.prescale);
    if (smaller, lower) != (width, height) {
        picture = picture.resize_exact(smaller, lower, FilterType::CatmullRom);
    }
    picture.apply_orientation(orientation);
    let picture = opaque(picture);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&picture).map_err(broken)?;
    Ok(Prepared { jpeg, width: picture.width(), height: picture.height() })
}

/// The size that keeps the limits of `rule` and the shape. Nothing is made larger.
fn scaled(width: u32, height: u32, rule: Prescale) -> (u32, u32) {
    let (across, down) = (f64::from(width), f64::from(height));
    let by_pixels = (MAX_PIXELS / (across * down)).sqrt();
    let by_side = MAX_SIDE / across.max(down);
    let factor = match rule {
        Prescale::Both => by_pixels.min(by_side),
        Prescale::Megapixels => by_pixels,
        Prescale::Side => by_side,
        Prescale::None => 1.0,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a side, 1 or more"
    )]
    let side = |side: f64| ((side * factor.min(1.0)).floor() as u32).max(1);
    (side(across), side(down))
}

/// What shines through is black, as behind every clip.
fn opaque(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0;
        let shade = |part: u8| (u16::from(part) * u16::from(alpha) / 255) as u8;
        image::Rgb([shade(red), shade(green), shade(blue)])
    })
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;

    const RULE: Rule = Rule {
        prescale: Prescale::Both,
        min_side: 470,
        credible: Credible { pixels: 4_000_000, length: std::time::Duration::ZERO, fps: 0.0 },
        max_bytes: 1 << 20,
    };

    #[track_caller]
    fn check_scaled(size: (u32, u32), rule: Prescale, expected: (u32, u32)) {
        assert_eq!(scaled(size.0, size.1, rule), expected, "{size:?} {rule:?}");
    }

    #[test]
    fn both_limits_are_kept_and_nothing_grows() {
        check_scaled((1000, 1000), Prescale::Both, (1000, 1000));
        check_scaled((1080, 1920), Prescale::Both, (1080, 1920));
        check_scaled((6000, 4000), Prescale::Both, (1773, 1182));
        check_scaled((8000, 100), Prescale::Both, (2048, 25));
        check_scaled((8000, 4000), Prescale::Side, (2048, 1024));
        check_scaled((9000, 3000), Prescale::Megapixels, (2508, 836));
        check_scaled((8000, 100), Prescale::Megapixels, (8000, 100));
        check_scaled((8000, 4000), Prescale::None, (8000, 4000));
        check_scaled((16_384, 1), Prescale::Both, (2048, 1));
    }

    fn encoded(picture: &RgbaImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = DynamicImage::from(picture.clone());
        let picture = if format == ImageFormat::Jpeg {
            DynamicImage::from(picture.into_rgb8())
        } else {
            picture
        };
        picture.write_to(&mut bytes, format).expect("encoded");
        bytes.into_inner()
    }

    /// Red on the left, blue on the right.
    fn halves(width: u32, height: u32, alpha: u8) -> RgbaImage {
        RgbaImage::from_fn(width, height, |x, _| {
            if x < width / 2 { Rgba([255, 0, 0, alpha]) } else { Rgba([0, 0, 255, alpha]) }
        })
    }

    #[test]
    fn every_format_becomes_a_jpeg_within_the_limits() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::WebP] {
            let original = encoded(&halves(2100, 480, 255), format);
            let made = prepared(&original, &RULE).expect("prepared");
            assert_eq!((made.width, made.height), (2048, 468), "{format:?}");
            assert_eq!(image::guess_format(&made.jpeg).expect("a format"), ImageFormat::Jpeg);
        }
    }

    /// An EXIF block that says: turn it clockwise by a quarter (orientation 6), in a JPEG.
    fn turned(jpeg: &[u8]) -> Vec<u8> {
        let tiff = [
            b"II*\0".as_slice(),
            &8u32.to_le_bytes(),
            &1u16.to_le_bytes(),
            &0x0112u16.to_le_bytes(),
            &3u16.to_le_bytes(),
            &1u32.to_le_bytes(),
            &6u32.to_le_bytes(),
            &0u32.to_le_bytes(),
        ]
        .concat();
        let length = u16::try_from(2 + 6 + tiff.len()).expect("short");
        let head = [&jpeg[..2], b"\xff\xe1", &length.to_be_bytes(), b"Exif\0\0", &tiff].concat();
        [&head, &jpeg[2..]].concat()
    }

    #[test]
    fn a_picture_that_says_how_to_turn_it_is_turned() {
        let original = turned(&encoded(&halves(800, 600, 255), ImageFormat::Jpeg));
        let made = prepared(&original, &RULE).expect("prepared");
        assert_eq!((made.width, made.height), (600, 800));
        let picture = image::load_from_memory(&made.jpeg).expect("a JPEG").into_rgb8();
        let [top, bottom] = [10, 790].map(|y| picture.get_pixel(300, y).0);
        assert!(top[0] > 200 && bottom[2] > 200, "the left is above: {top:?} {bottom:?}");
    }

    #[test]
    fn glass_is_black_and_stamps_and_rubbish_are_refused() {
        let glass = encoded(&halves(600, 600, 0), ImageFormat::Png);
        let made = prepared(&glass, &RULE).expect("prepared");
        let picture = image::load_from_memory(&made.jpeg).expect("a JPEG").into_rgb8();
        assert!(picture.get_pixel(10, 10).0.iter().all(|&part| part < 8));

        let check = |bytes: &[u8], expected: &str| {
            let error = prepared(bytes, &RULE).expect_err("refused");
            assert!(error.contains(expected), "{error}");
        };
        check(&encoded(&halves(469, 600, 255), ImageFormat::Png), "found 469x600");
        check(b"<html>", "format could not be determined");
        let whole = encoded(&halves(600, 600, 255), ImageFormat::Png);
        check(&whole[..whole.len() / 2], "");
        let folder = tempfile::tempdir().expect("a folder");
        let long = folder.path().join("long.png");
        fs_err::write(&long, vec![0; 1025]).expect("written");
        assert_eq!(read(&long, 1025).map(|bytes| bytes.len()), Ok(1025));
        let error = read(&long, 1024).expect_err("refused");
        assert!(error.ends_with("long.png: expected at most 1024 bytes, found more"), "{error}");
    }

    #[test]
    fn pictures_are_read_as_it_is_set() {
        let overrides =
            ["media.max_pixels=9", "media.max_picture_bytes=5", "pictures.prescale=side"];
        let overrides = overrides.map(str::to_owned);
        let settings = crate::settings::load("optimized", None, &overrides).expect("valid");
        let rule = Rule::new(&settings, 3);
        assert_eq!((rule.credible.pixels, rule.max_bytes), (9, 5));
        assert_eq!((rule.prescale, rule.min_side), (Prescale::Side, 3));
    }

    /// Some bytes that claim to be a picture of gigabytes.
    #[test]
    fn a_picture_that_claims_too_much_is_not_decoded() {
        // Width and height stand in the same place of each such file.
        let claiming = |format, at: usize, big_endian: bool| {
            let mut bytes = encoded(&halves(480, 480, 255), format);
            for (at, side) in [(at, 60_000u32), (at + 4, 50_000)] {
                let side = if big_endian { side.to_be_bytes() } else { side.to_le_bytes() };
                bytes[at..at + 4].copy_from_slice(&side);
            }
            bytes
        };
        let bmp = claiming(ImageFormat::Bmp, 18, false);
        let mut png = claiming(ImageFormat::Png, 16, true);
        let checksum = crc32(&png[12..29]).to_be_bytes();
        png[29..33].copy_from_slice(&checksum);
        for (bytes, found) in [(&bmp, "60000x50000"), (&png, "60000x50000")] {
            let error = prepared(bytes, &RULE).expect_err("refused");
            assert_eq!(error, format!("expected at most 4000000 pixels, found {found}"));
        }
        // A WebP says its size in 14 bits a side: no more than 16383 by 16383.
        let mut webp = encoded(&halves(480, 480, 255), ImageFormat::WebP);
        let size = (0x3ffe | (0x3ffe << 14) | (1u32 << 28)).to_le_bytes();
        webp[21..25].copy_from_slice(&size);
        let error = prepared(&webp, &RULE).expect_err("refused");
        assert_eq!(error, "expected at most 4000000 pixels, found 16383x16383");
        // Within the pixels that are believed, and not within the memory for them.
        let wide = Rule { credible: Credible { pixels: u64::MAX, ..RULE.credible }, ..RULE };
        let error = prepared(&bmp, &wide).expect_err("refused");
        assert!(error.contains("limit"), "{error}");
    }

    /// PNG's checksum (<https://www.w3.org/TR/png/#D-CRCAppendix>), bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        let bit = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc));
        !bytes.iter().fold(u32::MAX, byte)
    }
}
