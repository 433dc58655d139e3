//! Sound as samples: what engines send, and the file that the other stages read.

use std::io::Cursor;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// Mono sound of 16 bits a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wav {
    /// Samples a second.
    pub sample_rate: u32,
    /// The sound.
    pub samples: Vec<i16>,
}

/// A WAV that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// Not a WAV, or one of a kind that hound cannot read.
    #[error("not a WAV file: {0} (it begins with {1:?})")]
    Format(hound::Error, String),
    /// It ends before its sound does.
    #[error("cut short after {found} of {expected} bytes")]
    Truncated {
        /// What its header says.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// No sound in it.
    #[error("it holds no sound")]
    Empty,
}

impl Wav {
    /// Reads a WAV of any number of channels and bits, mixed down to mono.
    ///
    /// A server that streams does not know the length when it writes the header: the sizes
    /// 0xFFFFFFFF, and sizes of 0 with data behind them, mean "until the end".
    ///
    /// # Errors
    ///
    /// [`WavError`], where it is no WAV, or shorter than its header says, or empty.
    pub fn read(bytes: &[u8]) -> Result<Self, WavError> {
        let bytes = with_known_length(bytes)?;
        let beginning = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        let format = |error| WavError::Format(error, beginning.clone());
        let reader = WavReader::new(Cursor::new(bytes)).map_err(format)?;
        let spec = reader.spec();
        let n_samples = reader.len() as usize;
        let samples = match (spec.channels, spec.bits_per_sample, spec.sample_format) {
            (1, 16, SampleFormat::Int) => as_they_are(reader.into_inner(), n_samples),
            _ => mixed_down(reader).map_err(format)?,
        };
        if samples.is_empty() || spec.sample_rate == 0 {
            return Err(WavError::Empty);
        }
        Ok(Self { sample_rate: spec.sample_rate, samples })
    }

    /// The bytes of a WAV file.
    ///
    /// # Errors
    ///
    /// More than 4 GiB.
    pub fn to_bytes(&self) -> Result<Vec<u8>, hound::Error> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: self.sample_rate,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let mut file = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut file, spec)?;
        for piece in self.samples.chunks(1 << 16) {
            let mut at_once = writer.get_i16_writer(piece.len() as u32);
            piece.iter().for_each(|&sample| at_once.write_sample(sample));
            at_once.flush()?;
        }
        writer.finalize()?;
        Ok(file.into_inner())
    }

    /// Its length, to the nearest millisecond.
    pub fn duration_ms(&self) -> u64 {
        let rate = u64::from(self.sample_rate);
        (self.samples.len() as u64 * 1000 + rate / 2) / rate
    }
}

/// Length of the WAV file at `path`, to the nearest millisecond, told from its header.
///
/// # Errors
///
/// The file system's, or it is no WAV.
pub fn wav_length_ms(path: &std::path::Path) -> std::io::Result<u64> {
    let file = std::io::BufReader::new(fs_err::File::open(path)?);
    let reader = WavReader::new(file).map_err(std::io::Error::other)?;
    let rate = u64::from(reader.spec().sample_rate.max(1));
    Ok((u64::from(reader.duration()) * 1000 + rate / 2) / rate)
}

/// The samples behind the header: half an hour of speech is 40 million of them.
fn as_they_are(data: Cursor<Vec<u8>>, n_samples: usize) -> Vec<i16> {
    let from = usize::try_from(data.position()).unwrap_or(usize::MAX);
    let bytes = data.into_inner();
    let (pairs, _) = bytes.get(from..).unwrap_or_default().as_chunks::<2>();
    pairs.iter().take(n_samples).map(|&pair| i16::from_le_bytes(pair)).collect()
}

/// The mean of all channels, scaled to 16 bits.
fn mixed_down(mut reader: WavReader<Cursor<Vec<u8>>>) -> Result<Vec<i16>, hound::Error> {
    let spec = reader.spec();
    let read: Result<Vec<f32>, hound::Error> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect(),
        SampleFormat::Int => {
            let scale = 2_f32.powi(i32::from(spec.bits_per_sample) - 1);
            reader.samples::<i32>().map(|sample| sample.map(|s| s as f32 / scale)).collect()
        }
    };
    let channels = usize::from(spec.channels.max(1));
    let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
    let scaled = |sample: f32| (sample * 32768.0).round().clamp(-32768.0, 32767.0) as i16;
    Ok(read?.chunks_exact(channels).map(|frame| scaled(mean(frame))).collect())
}

/// The same WAV with the true length of its sound in the header.
fn with_known_length(bytes: &[u8]) -> Result<Vec<u8>, WavError> {
    let mut bytes = bytes.to_vec();
    let Some(data) = data_chunk(&bytes) else { return Ok(bytes) }; // hound says what is wrong
    let found = (bytes.len() - data - 8) as u64;
    let stated = chunk_length(&bytes, data);
    let unknown = stated == 0 || stated > u32::MAX - 64; // some subtract their header from 0xFFFFFFFF
    if !unknown && u64::from(stated) > found {
        return Err(WavError::Truncated { expected: u64::from(stated), found });
    }
    if unknown {
        let block = block_align(&bytes).max(1);
        let known = (found - found % block).min(u64::from(u32::MAX)) as u32;
        bytes[data + 4..data + 8].copy_from_slice(&known.to_le_bytes());
    }
    Ok(bytes)
}

/// Where the chunk `data` begins.
fn data_chunk(bytes: &[u8]) -> Option<usize> {
    let mut at = 12; // RIFF, length, WAVE
    while bytes.get(at..at + 4)? != b"data" {
        bytes.get(at..at + 8)?;
        let length = chunk_length(bytes, at) as usize;
        at = at.checked_add(8 + length + length % 2)?;
    }
    bytes.get(at..at + 8).map(|_| at)
}

fn chunk_length(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]])
}

/// Bytes of one sample of all channels, from the chunk `fmt `; 0 where there is none.
fn block_align(bytes: &[u8]) -> u64 {
    let format = bytes.windows(4).position(|window| window == b"fmt ");
    let field = format.and_then(|at| bytes.get(at + 20..at + 22));
    field.map_or(0, |field| u64::from(u16::from_le_bytes([field[0], field[1]])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sound() -> Wav {
        Wav { sample_rate: 22050, samples: vec![0, 1, -1, 32767, -32768] }
    }

    /// A WAV whose header has this length of its sound.
    fn with_stated(length: u32) -> Vec<u8> {
        let mut bytes = sound().to_bytes().expect("wav");
        bytes[40..44].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    #[track_caller]
    fn check_refused(bytes: &[u8], expected: &str) {
        let message = Wav::read(bytes).expect_err("must be refused").to_string();
        assert!(message.starts_with(expected), "{message}");
    }

    #[test]
    fn what_is_no_sound_is_refused() {
        check_refused(b"", "not a WAV file");
        check_refused(br#"{"error": "no such voice"}"#, "not a WAV file");
        check_refused(b"RIFF\0\0\0\0WAVEdata", "not a WAV file");
        check_refused(&with_stated(10)[..50], "cut short after 6 of 10 bytes");
        check_refused(&with_stated(u32::MAX)[..44], "it holds no sound");
        check_refused(&with_stated(0)[..44], "it holds no sound");
    }

    #[test]
    fn the_length_of_a_stream_is_what_is_there() {
        for stated in [10, 0, u32::MAX, u32::MAX - 36] {
            assert_eq!(Wav::read(&with_stated(stated)).expect("wav"), sound(), "{stated:x}");
        }
        let half_a_sample = [with_stated(u32::MAX), vec![7]].concat();
        assert_eq!(Wav::read(&half_a_sample).expect("wav"), sound());
    }

    #[test]
    fn channels_are_mixed_and_bits_are_scaled() {
        for (bits_per_sample, sample_format, loud) in [
            (8, SampleFormat::Int, 64),
            (24, SampleFormat::Int, 1 << 22),
            (16, SampleFormat::Int, 1 << 14),
        ] {
            let spec = WavSpec { channels: 2, sample_rate: 8000, bits_per_sample, sample_format };
            let mut file = Cursor::new(Vec::new());
            let mut writer = WavWriter::new(&mut file, spec).expect("writer");
            for sample in [loud, 0, -loud, -loud] {
                writer.write_sample(sample).expect("sample");
            }
            writer.finalize().expect("end");
            let wav = Wav::read(&file.into_inner()).expect("wav");
            assert_eq!(wav.samples, [8192, -16384], "{bits_per_sample} bits");
        }
    }

    #[test]
    fn a_length_is_rounded_to_the_nearest_millisecond() {
        let wav = |n_samples| Wav { sample_rate: 22050, samples: vec![0; n_samples] };
        assert_eq!(wav(22050).duration_ms(), 1000);
        assert_eq!(wav(22060).duration_ms(), 1000);
        assert_eq!(wav(22062).duration_ms(), 1001);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(samples in prop::collection::vec(any::<i16>(), 1..300)) {
            let wav = Wav { sample_rate: 24000, samples };
            prop_assert_eq!(Wav::read(&wav.to_bytes().expect("bytes")).expect("wav"), wav);
        }

        #[test]
        fn hostile_bytes_are_an_error_not_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = Wav::read(&bytes);
            bytes.splice(0..0, *b"RIFF\xff\xff\xff\xffWAVEfmt ");
            let _ = Wav::read(&bytes);
        }
    }
}
