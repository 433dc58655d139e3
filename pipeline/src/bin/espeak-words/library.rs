//! The espeak-ng library by its C interface, `speak_lib.h`, revision 12
//! (<https://github.com/espeak-ng/espeak-ng/blob/1.51/src/include/espeak-ng/speak_lib.h>).

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_short, c_uint, c_void};
use std::ptr;

use libloading::{Library, Symbol};
use serde::Serialize;

/// Something that begins or ends at an instant of the sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    kind: &'static str,
    /// Counted in characters, from 1.
    text_position: i32,
    /// Characters.
    length: i32,
    audio_ms: i32,
}

/// What the library did not do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "cannot load the espeak-ng library ({}): {reason}; install it (Debian and Ubuntu: `apt-get install libespeak-ng1`)",
        LIBRARY_NAMES.join(", ")
    )]
    Library { reason: libloading::Error },
    #[error("the espeak-ng library has no {name}: {reason}")]
    Symbol { name: &'static str, reason: libloading::Error },
    #[error("espeak-ng cannot start: is its data installed (Debian and Ubuntu: `espeak-ng-data`)?")]
    Initialize,
    #[error("espeak-ng has no voice {voice:?}; `espeak-ng --voices` lists them")]
    Voice { voice: String },
    #[error("espeak-ng refused to {what}: error {code}")]
    Refused { what: &'static str, code: c_int },
}

#[cfg(target_os = "windows")]
const LIBRARY_NAMES: &[&str] = &["libespeak-ng.dll", "espeak-ng.dll"];
#[cfg(target_os = "macos")]
const LIBRARY_NAMES: &[&str] = &[
    "libespeak-ng.1.dylib",
    "libespeak-ng.dylib",
    "/opt/homebrew/lib/libespeak-ng.dylib",
    "/usr/local/lib/libespeak-ng.dylib",
];
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const LIBRARY_NAMES: &[&str] = &["libespeak-ng.so.1", "libespeak-ng.so"];

/// `AUDIO_OUTPUT_SYNCHRONOUS`: the callback is called from within `espeak_Synth`, on its thread.
const SYNCHRONOUS: c_int = 2;
/// `espeakINITIALIZE_DONT_EXIT`: without its data the library reports, instead of ending us.
const DONT_EXIT: c_int = 0x8000;
/// `espeakRATE`, words a minute.
const RATE: c_int = 1;
/// `POS_CHARACTER`.
const POS_CHARACTER: c_int = 1;
/// `espeakCHARS_UTF8`, without SSML and without phoneme codes: what looks like markup is read out.
const CHARS_UTF8: c_uint = 1;
/// `espeakENDPAUSE`: the last sentence ends with a pause as the others do.
const END_PAUSE: c_uint = 0x1000;

/// `espeak_EVENT`.
#[repr(C)]
struct RawEvent {
    kind: c_int,
    unique_identifier: c_uint,
    text_position: c_int,
    length: c_int,
    audio_position: c_int,
    sample: c_int,
    user_data: *mut c_void,
    /// A union of an int, a pointer and eight bytes; unused.
    id: u64,
}

/// `espeak_VOICE`: what is asked of a voice; null and 0 ask for nothing.
#[repr(C)]
struct RawVoice {
    name: *const c_char,
    languages: *const c_char,
    identifier: *const c_char,
    gender: u8,
    age: u8,
    variant: u8,
    reserved: u8,
    score: c_int,
    spare: *const c_void,
}

type Callback = unsafe extern "C" fn(*const c_short, c_int, *const RawEvent) -> c_int;
type InitializeFn = unsafe extern "C" fn(c_int, c_int, *const c_char, c_int) -> c_int;
type SetSynthCallbackFn = unsafe extern "C" fn(Callback);
type SetVoiceByPropertiesFn = unsafe extern "C" fn(*const RawVoice) -> c_int;
type SetVoiceByNameFn = unsafe extern "C" fn(*const c_char) -> c_int;
type SetParameterFn = unsafe extern "C" fn(c_int, c_int, c_int) -> c_int;
type SynthFn = unsafe extern "C" fn(
    *const c_void,
    usize,
    c_uint,
    c_int,
    c_uint,
    c_uint,
    *mut c_uint,
    *mut c_void,
) -> c_int;
type NoArgumentsFn = unsafe extern "C" fn() -> c_int;
type InfoFn = unsafe extern "C" fn(*mut *const c_char) -> *const c_char;

/// What the callback has collected.
#[derive(Default)]
pub struct Recording {
    /// Mono.
    pub samples: Vec<i16>,
    /// In the order of the sound.
    pub events: Vec<Event>,
}

thread_local! {
    /// The callback gets no pointer of ours; in synchronous mode it runs on the calling thread.
    static RECORDING: RefCell<Recording> = RefCell::default();
}

/// The loaded library.
pub struct Espeak {
    library: Library,
}

impl Espeak {
    /// Loads the library of this machine.
    pub fn load() -> Result<Self, Error> {
        // SAFETY: loading runs the library's initialisers; espeak-ng's do nothing but set up memory.
        let open = |name: &&str| unsafe { Library::new(*name) };
        let (first, others) = (&LIBRARY_NAMES[0], &LIBRARY_NAMES[1..]);
        let opened =
            open(first).or_else(|reason| others.iter().find_map(|n| open(n).ok()).ok_or(reason));
        opened.map(|library| Self { library }).map_err(|reason| Error::Library { reason })
    }

    /// The function of that name.
    ///
    /// # Safety
    ///
    /// `F` must be the type that `speak_lib.h` gives it.
    unsafe fn function<F>(&self, name: &'static str) -> Result<Symbol<'_, F>, Error> {
        // SAFETY: as the caller promises.
        unsafe { self.library.get(name) }.map_err(|reason| Error::Symbol { name, reason })
    }

    /// Starts the engine; its sample rate in hertz and its version.
    pub fn initialize(&self) -> Result<(u32, String), Error> {
        // SAFETY: types as in speak_lib.h; a null path means the default place of the data; the
        // callback lives as long as the program; `espeak_Info` gives a static string.
        unsafe {
            let initialize = self.function::<InitializeFn>("espeak_Initialize")?;
            let sample_rate = initialize(SYNCHRONOUS, 0, ptr::null(), DONT_EXIT);
            let sample_rate = u32::try_from(sample_rate).map_err(|_| Error::Initialize)?;
            self.function::<SetSynthCallbackFn>("espeak_SetSynthCallback")?(collect);
            let info = self.function::<InfoFn>("espeak_Info")?;
            let version = CStr::from_ptr(info(ptr::null_mut())).to_string_lossy().into_owned();
            Ok((sample_rate, version))
        }
    }

    /// Takes the voice of that name, or of that language.
    pub fn set_voice(&self, voice: &str) -> Result<(), Error> {
        let unknown = || Error::Voice { voice: voice.to_owned() };
        let name = CString::new(voice).map_err(|_| unknown())?;
        let wanted = RawVoice {
            name: ptr::null(),
            languages: name.as_ptr(),
            identifier: ptr::null(),
            gender: 0,
            age: 0,
            variant: 0,
            reserved: 0,
            score: 0,
            spare: ptr::null(),
        };
        // SAFETY: types as in speak_lib.h; the strings are copied before the calls return. A voice has
        // the name of its file; `en-gb` is in the file `en` and found as a language only.
        let found = unsafe {
            self.function::<SetVoiceByNameFn>("espeak_SetVoiceByName")?(name.as_ptr()) == 0
                || self.function::<SetVoiceByPropertiesFn>("espeak_SetVoiceByProperties")?(&wanted)
                    == 0
        };
        if found { Ok(()) } else { Err(unknown()) }
    }

    /// Words a minute, 80 to 450.
    pub fn set_rate(&self, rate_wpm: i32) -> Result<(), Error> {
        // SAFETY: type as in speak_lib.h; the last argument makes the value absolute.
        let code =
            unsafe { self.function::<SetParameterFn>("espeak_SetParameter")?(RATE, rate_wpm, 0) };
        accepted("set the rate", code)
    }

    /// Speaks the text to its end.
    pub fn speak(&self, text: &str) -> Result<Recording, Error> {
        let text = CString::new(without_commands(text)).unwrap_or_default();
        let bytes = text.as_bytes_with_nul();
        // SAFETY: types as in speak_lib.h; the text ends with a zero and outlives the call, which in
        // synchronous mode returns after the last callback.
        unsafe {
            let code = self.function::<SynthFn>("espeak_Synth")?(
                bytes.as_ptr().cast(),
                bytes.len(),
                0,
                POS_CHARACTER,
                0,
                CHARS_UTF8 | END_PAUSE,
                ptr::null_mut(),
                ptr::null_mut(),
            );
            accepted("speak", code)?;
            let code = self.function::<NoArgumentsFn>("espeak_Synchronize")?();
            accepted("finish", code)?;
        }
        Ok(RECORDING.take())
    }
}

impl Drop for Espeak {
    fn drop(&mut self) {
        // SAFETY: type as in speak_lib.h; the last call into the library.
        if let Ok(terminate) = unsafe { self.function::<NoArgumentsFn>("espeak_Terminate") } {
            unsafe { terminate() };
        }
    }
}

/// The text with spaces for control characters, so that positions stay: a zero would end it, and
/// U+0001 begins a command to the engine.
fn without_commands(text: &str) -> String {
    text.replace(|c: char| c.is_control() && !c.is_whitespace(), " ")
}

fn accepted(what: &'static str, code: c_int) -> Result<(), Error> {
    if code == 0 { Ok(()) } else { Err(Error::Refused { what, code }) }
}

/// Called by the library with each piece of sound and the events within it; 0 asks for more.
///
/// # Safety
///
/// `wav` is null or points to `n_samples` samples; `events` points to a list that ends with kind 0.
unsafe extern "C" fn collect(
    wav: *const c_short,
    n_samples: c_int,
    mut events: *const RawEvent,
) -> c_int {
    RECORDING.with_borrow_mut(|recording| {
        if let (false, Ok(n_samples)) = (wav.is_null(), usize::try_from(n_samples)) {
            // SAFETY: as the library promises.
            recording
                .samples
                .extend_from_slice(unsafe { std::slice::from_raw_parts(wav, n_samples) });
        }
        // SAFETY: the list ends with kind 0, and the pointer never goes past it.
        while let Some(event) = unsafe { events.as_ref() }.filter(|event| event.kind != 0) {
            recording.events.extend(named(event));
            // SAFETY: this was not the last one.
            events = unsafe { events.add(1) };
        }
    });
    0
}

/// The events that matter to who draws subtitles.
fn named(event: &RawEvent) -> Option<Event> {
    let kind = match event.kind {
        1 => "word",
        2 => "sentence",
        5 => "end",
        _ => return None,
    };
    Some(Event {
        kind,
        text_position: event.text_position,
        length: event.length,
        audio_ms: event.audio_position,
    })
}
