"use strict";
// Explains one input and ends: the worker holds one instance of the module, so neither a trap nor
// the memory of a large input outlives it.

const PAUSE = 100; // milliseconds between two messages about progress

onmessage = async ({ data: { module, input } }) => {
  const files = new FileReaderSync();
  let instance;
  let offset = 0;
  let reported = 0;
  let unreadable = null;

  const read = (most) => {
    try {
      const piece = files.readAsArrayBuffer(input.slice(offset, offset + most));
      const { buffer, memory } = instance.exports;
      new Uint8Array(memory.buffer).set(new Uint8Array(piece), buffer() >>> 0);
      offset += piece.byteLength;
      if (performance.now() - reported > PAUSE) {
        reported = performance.now();
        postMessage({ read: offset });
      }
      return piece.byteLength;
    } catch (error) {
      unreadable = error.message;
      return -1;
    }
  };
  const answer = () => {
    const { answer, answer_len, memory } = instance.exports;
    return new TextDecoder().decode(new Uint8Array(memory.buffer, answer() >>> 0, answer_len() >>> 0));
  };

  try {
    instance = (await WebAssembly.instantiate(module, { page: { read } })).instance;
  } catch (error) {
    postMessage({ unsupported: error.message });
    return;
  }
  try {
    postMessage(instance.exports.explain() ? { answer: answer() } : { unreadable: unreadable ?? answer() });
  } catch (error) {
    // The message of the panic, if there was one.
    let panic = "";
    try {
      panic = answer();
    } catch {
      // The trap's own message has to do.
    }
    postMessage({ trapped: panic || error.message });
  }
};
