//! The functions of the module, called by `worker.js`: `buffer`, `explain`, `answer`, `answer_len`.
//!
//! The worker writes the input to the buffer, piece by piece, each time `read` is called. A panic
//! leaves its message where the answer would be and ends in a trap; the worker discards the
//! instance then.

#![allow(
    unsafe_code,
    reason = "exported names and one imported one, nothing else"
)]

use std::io::{self, BufReader, Read};
use std::panic;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The bytes that one call of `read` transfers at most.
const PIECE: usize = 256 * 1024;

static BUFFER: Mutex<[u8; PIECE]> = Mutex::new([0; PIECE]);

static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

#[link(wasm_import_module = "page")]
// SAFETY: worker.js, which instantiates the module, supplies `read` with this signature. It writes
// inside of `BUFFER` only, at most the bytes that it is asked for.
unsafe extern "C" {
    /// Makes the worker write at most so many of the next bytes to the buffer, which no reference
    /// borrows during the call. Returns their number, 0 at the end, -1 if they cannot be read.
    safe fn read(most: usize) -> i32;
}

/// The input, read from the worker.
struct Input;

impl Read for Input {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let most = output.len().min(PIECE);
        let length = usize::try_from(read(most))
            .map_err(|_| io::Error::other("the browser cannot read the input"))?;
        let length = length.min(most);
        output[..length].copy_from_slice(&lock(&BUFFER)[..length]);
        Ok(length)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the address of the buffer.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn buffer() -> usize {
    lock(&BUFFER).as_mut_ptr().expose_provenance()
}

/// Reads the input and stores the answer as JSON. Returns `false` if the input cannot be read: the
/// answer is the error then.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn explain() -> bool {
    panic::set_hook(Box::new(|info| {
        *lock(&ANSWER) = info.to_string().into_bytes();
    }));
    let answer = crate::answer(BufReader::with_capacity(PIECE, Input))
        .and_then(|answer| Ok(serde_json::to_vec(&answer)?));
    let (bytes, read) = match answer {
        Ok(bytes) => (bytes, true),
        Err(error) => (error.to_string().into_bytes(), false),
    };
    *lock(&ANSWER) = bytes;
    read
}

/// Returns the address of the answer.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn answer() -> usize {
    lock(&ANSWER).as_ptr().expose_provenance()
}

/// Returns the length of the answer in bytes.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn answer_len() -> usize {
    lock(&ANSWER).len()
}
