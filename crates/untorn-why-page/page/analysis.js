"use strict";
// Runs the module on one input at a time, in a worker of its own, so that the page stays usable.

const moduleBytes = Uint8Array.from(atob(textOf("module")), (character) => character.charCodeAt(0));
const workerAddress = URL.createObjectURL(new Blob([textOf("worker")], { type: "text/javascript" }));

/** The text of an element that holds data. */
function textOf(id) {
  return document.getElementById(id).textContent;
}

/**
 * Explains `input`, a Blob. Calls `progress` with the number of bytes read so far. Resolves to the answer, or rejects with an
 * Error whose message has the next step; never after `cancel` was called.
 */
function analyze(input, progress) {
  let worker;
  const end = () => worker?.terminate();
  const done = new Promise((resolve, reject) => {
    const fail = (message) => {
      end();
      reject(new Error(message));
    };
    const unsupported = (reason) =>
      fail(`this browser cannot run the explainer (${reason}): open the page in a current one, or use the command untorn why`);
    try {
      worker = new Worker(workerAddress);
    } catch (error) {
      unsupported(error.message);
      return;
    }
    worker.onerror = (event) => unsupported(event.message || "no worker was started");
    worker.onmessage = ({ data }) => {
      if (data.read !== undefined) {
        progress(data.read);
      } else if (data.answer !== undefined) {
        end();
        resolve(JSON.parse(data.answer));
      } else if (data.unreadable !== undefined) {
        fail(`cannot read the input to its end (${data.unreadable}): if the file was changed or moved, open it again`);
      } else if (data.trapped !== undefined) {
        fail(
          `the explainer failed on this input (${data.trapped}): it was started anew and other dumps still work; ` +
            "report this dump to the project, or paste only a part of it",
        );
      } else {
        unsupported(data.unsupported);
      }
    };
    worker.postMessage({ module: moduleBytes, input });
  });
  return { done, cancel: end };
}
