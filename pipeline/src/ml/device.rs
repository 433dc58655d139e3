//! Where the models compute: decided once a process, and said once.
//!
//! A build with the feature `cuda` tries the first card before any model is loaded. Where that does
//! not work (no driver, no card, a driver too old for the kernels), both models run on the CPU: a
//! service that is slow answers, and one that does not start does not.

use std::fmt;
use std::sync::OnceLock;

/// Where the models of this process compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compute {
    /// On the first CUDA device.
    Cuda {
        /// What its driver calls it.
        card: String,
    },
    /// On the CPU.
    Cpu {
        /// Why not on a card. None: the program was built without CUDA.
        no_card: Option<String>,
    },
}

impl fmt::Display for Compute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cuda { card } => write!(f, "models run on cuda:0 ({card})"),
            Self::Cpu { no_card: Some(reason) } => {
                write!(f, "no CUDA device ({reason}): models run on the CPU")
            }
            Self::Cpu { no_card: None } => write!(f, "built without CUDA: models run on the CPU"),
        }
    }
}

/// Where the models compute. The first call tries the card and logs the answer.
pub fn compute() -> &'static Compute {
    static COMPUTE: OnceLock<Compute> = OnceLock::new();
    COMPUTE.get_or_init(|| {
        let compute = probe();
        match &compute {
            Compute::Cuda { .. } => tracing::info!("{compute}"),
            // Somebody built it for a card and has none, or not the right driver.
            Compute::Cpu { no_card: Some(_) } => tracing::warn!("{compute}"),
            Compute::Cpu { no_card: None } => tracing::debug!("{compute}"),
        }
        compute
    })
}

#[cfg(not(feature = "cuda"))]
fn probe() -> Compute {
    Compute::Cpu { no_card: None }
}

#[cfg(feature = "cuda")]
use card::{DEVICE, probe};

/// candle's name of where the models compute.
#[cfg(feature = "ml")]
pub(super) fn device() -> candle_core::Device {
    #[cfg(feature = "cuda")]
    if let Compute::Cuda { .. } = compute() {
        return DEVICE.get().cloned().unwrap_or(candle_core::Device::Cpu);
    }
    candle_core::Device::Cpu
}

#[cfg(feature = "cuda")]
mod card {
    use std::panic::catch_unwind;
    use std::sync::OnceLock;

    use candle_core::{Device, Tensor};

    use super::Compute;

    /// The card that was tried.
    pub(super) static DEVICE: OnceLock<Device> = OnceLock::new();

    pub(super) fn probe() -> Compute {
        // The binding to CUDA panics where a library of it is not as it expects.
        let tried = catch_unwind(|| attempt().map_err(|error| error.to_string()))
            .unwrap_or_else(|_| Err("the CUDA libraries panicked".to_owned()));
        match tried {
            Ok((device, card)) => {
                DEVICE.get_or_init(|| device);
                Compute::Cuda { card }
            }
            Err(error) => Compute::Cpu { no_card: Some(super::why(&error)) },
        }
    }

    /// Opens the card and lets it do one sum: only that shows that it takes our kernels.
    fn attempt() -> candle_core::Result<(Device, String)> {
        let device = Device::new_cuda(0)?;
        let sum = Tensor::new(&[1_f32], &device)?.affine(2.0, 1.0)?.to_vec1::<f32>()?;
        if sum != [3.0] {
            candle_core::bail!("the card says 2 + 1 = {sum:?}");
        }
        let stream = device.as_cuda_device()?.cuda_stream();
        let card = stream.context().name().unwrap_or_else(|_| "a card without a name".to_owned());
        Ok((device, card))
    }
}

/// What the driver's `error` means for somebody who wants to use a card.
#[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "nothing is tried without CUDA"))]
fn why(error: &str) -> String {
    // Names of the driver's results: they stand in every error of candle's binding.
    const KNOWN: [(&str, &str); 5] = [
        ("CUDA_ERROR_STUB_LIBRARY", "no NVIDIA driver: libcuda.so.1 is not there"),
        ("CUDA_ERROR_NO_DEVICE", "the NVIDIA driver sees no card"),
        ("CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the NVIDIA driver is older than this build's CUDA"),
        ("CUDA_ERROR_INVALID_PTX", "the card is older than this build was made for"),
        ("CUDA_ERROR_NO_BINARY_FOR_GPU", "the card is older than this build was made for"),
    ];
    let known = KNOWN.iter().find(|(name, _)| error.contains(name));
    let first_line = || error.lines().next().unwrap_or_default().to_owned();
    known.map_or_else(first_line, |(_, meaning)| (*meaning).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_why(error: &str, expected: &str) {
        assert_eq!(why(error), expected);
    }

    #[test]
    fn what_a_user_can_do_something_about_is_said_in_words() {
        let driver_error = |name| format!("DriverError({name}, \"<Failure when calling …>\")");
        check_why(
            &driver_error("CUDA_ERROR_STUB_LIBRARY"),
            "no NVIDIA driver: libcuda.so.1 is not there",
        );
        check_why(&driver_error("CUDA_ERROR_NO_DEVICE"), "the NVIDIA driver sees no card");
        check_why(
            &driver_error("CUDA_ERROR_UNSUPPORTED_PTX_VERSION"),
            "the NVIDIA driver is older than this build's CUDA",
        );
        check_why("out of memory\n   0: candle_core::error::Error::bt", "out of memory");
    }

    #[test]
    fn the_line_in_the_log() {
        let lines = [
            Compute::Cuda { card: "NVIDIA H200".to_owned() },
            Compute::Cpu { no_card: Some("the NVIDIA driver sees no card".to_owned()) },
            Compute::Cpu { no_card: None },
        ];
        insta::assert_snapshot!(lines.map(|compute| compute.to_string()).join("\n"), @r"
        models run on cuda:0 (NVIDIA H200)
        no CUDA device (the NVIDIA driver sees no card): models run on the CPU
        built without CUDA: models run on the CPU
        ");
    }

    #[test]
    fn the_answer_is_the_builds_and_stays() {
        let first = compute();
        assert!(std::ptr::eq(first, compute()));
        let knows_cuda = *first != Compute::Cpu { no_card: None };
        assert_eq!(knows_cuda, cfg!(feature = "cuda"), "{first}");
    }
}
