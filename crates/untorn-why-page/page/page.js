"use strict";
// The page: where inputs come from, and what is shown of the answer.

/** The largest file that is shown too, in bytes; one of any size is explained. */
const SHOWN = 2_000_000;

const element = (id) => document.getElementById(id);
const dump = element("dump");
const answerElement = element("answer");

/** The file that is shown, or too large to be shown; `null` for a text that was typed or pasted. */
let file = null;
let running = null;
let answer = null;
let lastReference = null;

function hide(id, hidden) {
  element(id).hidden = hidden;
}

function say(text) {
  element("status").textContent = text;
}

function showError(text, select = null, last = 0) {
  element("error").replaceChildren(...nodesOf(text, last, select));
  hide("error", text === "");
}

function stop() {
  running?.cancel();
  running = null;
  hide("progress", true);
  hide("cancel", true);
}

function forget() {
  stop();
  answer = null;
  showError("");
  answerElement.replaceChildren();
  hide("answer", true);
  hide("tools", true);
}

/** Explains what is in the text field, or the file. Moves the focus to the answer if asked to. */
async function explain(moveFocus) {
  forget();
  const input = file ?? new Blob([dump.value]);
  const name = file ? `${file.name}, ${size(file.size)}` : size(input.size);
  say(`Reading ${name} …`);
  element("progress").value = 0;
  hide("progress", false);
  hide("cancel", false);
  const run = analyze(input, (read) => {
    element("progress").value = read / Math.max(input.size, 1);
  });
  running = run;
  try {
    const found = await run.done;
    if (running !== run) return;
    stop();
    show(found);
  } catch (error) {
    if (running !== run) return;
    stop();
    say("Not explained.");
    showError(error.message);
  }
  if (moveFocus) element("result").focus();
}

function show(found) {
  answer = found;
  if (found.error) {
    say(`No dump in ${counted(found.lines, "line")}.`);
    showError(found.error, isShown() ? select : null, found.lines);
    return;
  }
  say(`Explained: ${counted(found.dumps, "dump")} in ${counted(found.lines, "line")}.`);
  hide("tools", false);
  hide("answer", false);
  showView();
}

function view() {
  return document.querySelector("input[name=view]:checked").value;
}

/** The lines of the view, or of the short one while JSON is shown. */
function linesOfView() {
  return view() === "long" ? answer.long : answer.text;
}

function showView() {
  lastReference = null;
  if (view() === "json") {
    answerElement.textContent = answer.json;
  } else {
    answerElement.replaceChildren(...elementsOf(linesOfView(), answer.lines, isShown() ? select : null));
  }
}

function isShown() {
  return !file || file.size <= SHOWN;
}

/** Selects lines of the dump; Escape returns to the reference. */
function select(from, to, reference) {
  lastReference = reference;
  const text = dump.value;
  let start = 0;
  for (let line = 1; line < from; line += 1) start = text.indexOf("\n", start) + 1;
  let end = start;
  for (let line = from; line <= to; line += 1) {
    const feed = text.indexOf("\n", line === from ? start : end + 1);
    end = feed < 0 ? text.length : feed;
  }
  dump.focus();
  dump.setSelectionRange(start, end);
  const height = parseFloat(getComputedStyle(dump).lineHeight);
  dump.scrollTop = (from - 1) * height - dump.clientHeight / 3;
  dump.scrollLeft = 0;
  dump.scrollIntoView({ block: "nearest" });
  say(`${from === to ? `Line ${from}` : `Lines ${from} to ${to}`} selected; Escape returns to the explanation.`);
}

/** Shows a file if it is small, and explains it. */
async function open(chosen, others) {
  forget();
  file = chosen;
  const large = chosen.size > SHOWN;
  const notes = [`${chosen.name}, ${size(chosen.size)}`];
  if (large) notes.push("too large to show here, but all of it is read; line numbers are those of the file");
  if (others > 0) notes.push(`${counted(others, "more file")} not opened: open one at a time`);
  element("shown").textContent = notes.join("; ");
  hide("shown", false);
  dump.value = "";
  say(`Reading ${notes[0]} …`);
  if (!large) {
    try {
      dump.value = withLinesOfInput(decoded(await chosen.arrayBuffer()));
    } catch (error) {
      say("Not explained.");
      showError(`cannot read ${chosen.name} (${error.message}): if it is a folder, open a file in it`);
      return;
    }
    dump.setSelectionRange(0, 0);
    dump.scrollTop = 0;
  }
  if (file === chosen) await explain(true);
}

/** The text of a file; Windows writes UTF-16 with a byte order mark. */
function decoded(bytes) {
  const [first, second] = new Uint8Array(bytes, 0, Math.min(2, bytes.byteLength));
  const utf16 = first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : null;
  return new TextDecoder(utf16 ?? "utf-8").decode(bytes);
}

/** Marks carriage returns within lines, as of progress bars: the field would end a line at each. */
function withLinesOfInput(text) {
  return text.includes("\n") ? text.replace(/\r+\n/g, "\n").replaceAll("\r", "\u240d") : text;
}

/** Shows a text and explains it. */
function openText(text) {
  edited();
  dump.value = text;
  dump.setSelectionRange(0, 0);
  return explain(true);
}

/** The text is no longer that of a file. */
function edited() {
  file = null;
  hide("shown", true);
}

async function copy(text, name) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${name} copied.`);
  } catch {
    getSelection().selectAllChildren(answerElement);
    say("This browser does not let the page copy: the explanation is selected, press Ctrl+C.");
  }
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([answer.json], { type: "application/json" }));
  link.download = "untorn-why.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

element("explain").addEventListener("click", () => explain(true));
element("open").addEventListener("click", () => element("file").click());
element("file").addEventListener("change", ({ target }) => {
  const [chosen] = target.files;
  if (chosen) open(chosen, 0);
  // So that the same file can be chosen again after it has changed.
  target.value = "";
});
element("try").addEventListener("click", () => openText(textOf("example")));
element("clear").addEventListener("click", () => {
  edited();
  forget();
  dump.value = "";
  say("Nothing to explain yet.");
  dump.focus();
});
element("cancel").addEventListener("click", () => {
  stop();
  say("Canceled.");
  element("explain").focus();
});
element("copy").addEventListener("click", () =>
  view() === "json" ? copy(answer.json, "JSON") : copy(plainText(linesOfView()), "Text"),
);
element("copy-markdown").addEventListener("click", () => copy(markdown(linesOfView()), "Markdown"));
element("download").addEventListener("click", download);
element("views").addEventListener("change", showView);

dump.addEventListener("input", ({ inputType }) => {
  edited();
  if (inputType === "insertFromPaste" || inputType === "insertFromDrop") explain(false);
});
dump.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    explain(true);
  } else if (event.key === "Escape" && lastReference?.isConnected) {
    lastReference.focus();
  }
});

// Entering a child leaves its parent, so the page counts both.
let dragged = 0;
function dragging(change) {
  dragged = change === 0 ? 0 : dragged + change;
  document.body.classList.toggle("dropping", dragged > 0);
}
addEventListener("dragenter", () => dragging(1));
addEventListener("dragleave", () => dragging(-1));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  dragging(0);
  const { files } = event.dataTransfer;
  if (files.length > 0) {
    open(files[0], files.length - 1);
  } else {
    const text = event.dataTransfer.getData("text");
    if (text) openText(text);
  }
});
