// Opens the page in headless Chromium, from its file.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { spawnSync } from 'node:child_process';
import { chromium } from 'playwright-core';

const { UNTORN_ROOT, UNTORN_PAGE, UNTORN_COMMAND, UNTORN_CHROMIUM } = process.env;

export const address = pathToFileURL(UNTORN_PAGE).href;
export const folder = join(UNTORN_ROOT, 'crates/untorn-why/tests/dumps');
export const names = readdirSync(folder).sort();
export const dump = (name) => readFileSync(join(folder, name), 'utf8');

export function launch() {
    // The sandbox of Chromium does not work for root, which CI runs as.
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    return chromium.launch({ executablePath: UNTORN_CHROMIUM, args });
}

/** A line of the command that names its option for the long form, for which the page has a switch. */
const HINT = /^.*: untorn why --long\n/m;

/** What the command prints for a file. */
export function command(file, ...options) {
    const { stdout, stderr } = spawnSync(UNTORN_COMMAND, ['why', ...options, file], { encoding: 'utf8' });
    return { text: stdout.replace(HINT, ''), error: stderr.replace(/^untorn: /, '').trim() };
}

/** Drops files, given as names and texts, on the page. */
export function drop(page, files) {
    return page.evaluate((files) => {
        const dataTransfer = new DataTransfer();
        for (const [name, text] of files) dataTransfer.items.add(new File([text], name));
        const event = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
    }, files);
}

/** Waits until the page has said how it went. */
export async function settled(page) {
    await page.waitForFunction(() => /^(Explained|No dump|Not explained|Canceled)/.test(document.getElementById('status').textContent));
    return page.textContent('#status');
}
