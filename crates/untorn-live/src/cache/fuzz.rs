//! Files of the cache from any bytes, for the fuzz target `live`.

use std::sync::Arc;

use super::file;
use super::format::Body;
use crate::layer::{Layer, Setup};
use crate::store::Store;

/// Lines from this one on are stored as unknown, since an origin has no room for them.
const LINES: u32 = 1 << 24;

/// Reads bytes as the file of a cache, and as its body, below a header that is right.
///
/// # Panics
/// If the crate panics, or contents that it takes from a cache are not those that it writes.
#[cfg_attr(
    not(untorn_fuzzing),
    allow(unreachable_pub, reason = "the fuzzer calls it")
)]
pub fn run(bytes: &[u8]) {
    for file in [bytes.to_vec(), file_of(bytes)] {
        if let Some(body) = decoded(file) {
            write_again(&body);
        }
    }
}

/// Returns the file of a body.
fn file_of(body: &[u8]) -> Vec<u8> {
    [file::Header::of(body).as_bytes(), body].concat()
}

fn decoded(file: Vec<u8>) -> Option<Body> {
    Body::decode(&file::body(file).ok()?).ok()
}

/// Makes a configuration of the contents, as a start does, and writes it to another cache.
fn write_again(body: &Body) {
    let mut rest = body.clone();
    let mut builder = Store::builder();
    for layer in &body.layers {
        // It may be without its secrets.
        let Ok(Some(contents)) = rest.take(&layer.name) else {
            return;
        };
        builder = builder.layer(Layer {
            name: Arc::from(&*layer.name),
            setup: Setup::Fixed(Ok(contents)),
        });
    }
    // Keys may occur twice, or below others.
    let Ok(store) = builder.start() else {
        return;
    };
    let config = store.pin();
    _ = config.section::<serde_json::Value>("");
    let layers: Vec<usize> = (0..body.layers.len()).collect();
    let written = Body::of(&config, &layers, true, body.written());
    let file = file_of(
        &written
            .encode()
            .expect("a body has no keys that are not strings"),
    );
    let mut read = decoded(file).expect("it was written");
    read.written = body.written;
    assert_eq!(in_order(read), in_order(body.clone()));
}

/// Returns a body whose entries are in the order of their keys.
fn in_order(mut body: Body) -> Body {
    for layer in &mut body.layers {
        layer.entries.sort_by(|one, other| one.0.cmp(&other.0));
        for entry in &mut layer.entries {
            if entry.2 >= LINES {
                entry.2 = 0;
            }
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::corpus;

    /// The first byte of the files of the corpus that are for this.
    const KIND: u8 = b's';

    #[test]
    fn caches_of_the_corpus_are_written_as_read() {
        corpus::inputs(KIND).iter().for_each(|body| run(body));
    }

    #[test]
    fn changed_caches_are_written_as_read() {
        corpus::run_changed(KIND, b"\"\\{}[]:,.0-nbifstao\xff", run);
    }
}
