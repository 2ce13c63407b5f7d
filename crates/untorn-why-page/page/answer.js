"use strict";
// The forms of an answer: lines for the screen, plain text, Markdown.

/** Matches a line number of the input: in a sentence, or at the beginning of a quoted line. */
const REFERENCE = /\blines? \d+(?: to \d+)?|^ *\d+(?= {2}\S)/g;

/** The text of lines, as the command prints it. */
function plainText(lines) {
  return lines.map((line) => `${line.text}\n`).join("");
}

/** Markdown: the verdict as a sentence, everything below it as it stands. */
function markdown(lines) {
  const [first, ...rest] = lines;
  const text = plainText(rest);
  const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), ([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const verdict = first.text.replace(/[\\`*_[\]<>]/g, "\\$&");
  return `**${verdict}**\n\n${fence}text\n${text}${fence}\n`;
}

/** Splits a text into strings, and `{ text, from, to }` for references to lines up to `last`. */
function withReferences(text, last) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(REFERENCE)) {
    const [from, to = from] = match[0].match(/\d+/g).map(Number);
    if (from < 1 || from > last) continue;
    // The spaces before a number are no part of what is underlined.
    const start = match.index + match[0].search(/\S/);
    parts.push(text.slice(end, start));
    end = match.index + match[0].length;
    parts.push({ text: text.slice(start, end), from, to: Math.min(to, last) });
  }
  parts.push(text.slice(end));
  return parts;
}

/**
 * The nodes of a text with references to lines of the input. `select` is called with the first and the last line and the button;
 * without it, as for an input that is not shown, references are plain text.
 */
function nodesOf(text, last, select) {
  if (!select) return [text];
  return withReferences(text, last).map((part) => {
    if (typeof part === "string") return part;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = part.text;
    const name = part.to > part.from ? `lines ${part.from} to ${part.to}` : `line ${part.from}`;
    button.title = `Select ${name} of the dump`;
    if (!part.text.startsWith("line")) button.setAttribute("aria-label", name);
    button.addEventListener("click", () => select(part.from, part.to, button));
    return button;
  });
}

/** The indent of the rows below the first: that of the text behind a mark or a number, else two columns more than its own. */
function hangingIndent(text) {
  const [mark] = text.match(/^ *(?:- |\d+ {2})/) ?? [null];
  return mark ? mark.length : text.match(/^ */)[0].length + (text.startsWith("        ") ? 0 : 2);
}

/** The elements that show lines; their text content is `plainText(lines)`. */
function elementsOf(lines, last, select) {
  return lines.map((line) => {
    const element = document.createElement("span");
    element.className = `line ${line.emphasis}`;
    if (line.emphasis === "heading") {
      element.setAttribute("role", "heading");
      element.setAttribute("aria-level", "3");
    }
    element.dataset.indent = hangingIndent(line.text);
    element.append(...nodesOf(line.text, last, select), "\n");
    return element;
  });
}

/** A number of bytes for people. */
function size(bytes) {
  const units = ["bytes", "KB", "MB", "GB"];
  let unit = 0;
  let number = bytes;
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${number >= 10 || unit === 0 ? Math.round(number) : number.toFixed(1)} ${units[unit]}`;
}

/** A number with its noun. */
function counted(number, noun) {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}
