// The page in headless Chromium: `bash .ci/page` builds it and runs this.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { address, command, drop, dump, folder, launch, names, settled } from './browser.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const COPIED_LOCK = 'go1.23-copied-lock.txt';

let browser;
let context;
let page;
/** What the page asked the browser to load, and what it complained of. */
let requests;
let complaints;
/** A folder for files that the page opens. */
let files;

async function open(options = {}) {
    await context?.close();
    context = await browser.newContext(options);
    context.setDefaultTimeout(20_000);
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    page = await context.newPage();
    requests = [];
    complaints = [];
    page.on('request', (request) => requests.push(request.url()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    await page.goto(address);
}

const answer = () => page.textContent('#answer');
const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
const selected = () => page.evaluate(() => {
    const { value, selectionStart, selectionEnd } = document.getElementById('dump');
    return value.slice(selectionStart, selectionEnd);
});

/** Pastes a text into the field, as a person would. */
async function paste(text) {
    await page.evaluate((text) => navigator.clipboard.writeText(text), text);
    await page.focus('#dump');
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Control+V');
    return settled(page);
}

before(async () => {
    files = mkdtempSync(join(tmpdir(), 'untorn-page-'));
    browser = await launch();
});
after(async () => {
    await browser?.close();
    rmSync(files, { recursive: true });
});
beforeEach(() => open());
afterEach(() => assert.deepEqual(complaints, []));

test('dropped dump is explained as by the command', async () => {
    assert.ok(names.length > 20);
    for (const name of names) {
        await page.click('#clear');
        await drop(page, [[name, dump(name)]]);
        const status = await settled(page);
        const { text, error } = command(join(folder, name));
        const { text: long } = command(join(folder, name), '--long');
        const { text: json } = command(join(folder, name), '--json');
        if (error) {
            assert.match(status, /^No dump/, name);
            assert.equal(await page.textContent('#error'), error, name);
            continue;
        }
        assert.equal(await answer(), text, name);
        assert.equal(await page.textContent('#answer [role=heading] >> nth=0'), text.slice(0, text.indexOf('\n') + 1), name);
        await page.check('input[value=long]');
        assert.equal(await answer(), long, name);
        await page.check('input[value=json]');
        assert.equal(await answer(), json, name);
        await page.check('input[value=text]');
    }
});

test('pasted dump is explained at once', async () => {
    assert.equal(await paste(dump(COPIED_LOCK)), 'Explained: 1 dump in 27 lines.');
    assert.equal(await answer(), command(join(folder, COPIED_LOCK)).text);
});

test('long form stays chosen for the next dump', async () => {
    await page.click('#try');
    await settled(page);
    await page.check('input[value=long]');
    assert.equal(await answer(), command(join(folder, COPIED_LOCK), '--long').text);
    await paste(dump('go1.23-race.txt'));
    assert.equal(await answer(), command(join(folder, 'go1.23-race.txt'), '--long').text);
});

test('keyboard alone is enough', async () => {
    await page.evaluate((text) => navigator.clipboard.writeText(text), dump(COPIED_LOCK));
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'dump');
    await page.keyboard.press('Control+V');
    await settled(page);
    await page.keyboard.press('Control+Enter');
    await page.waitForFunction(() => document.activeElement.id === 'result');
    await page.keyboard.press('Tab'); // the forms
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.getAttribute('input[name=view]:checked', 'value'), 'json');
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'copy');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.getElementById('status').textContent === 'JSON copied.');
    assert.equal(JSON.parse(await clipboard()).lines, 27);
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('ArrowRight'); // from the last to the first
    for (let tabs = 0; tabs < 4; tabs += 1) await page.keyboard.press('Tab');
    assert.equal(await focused(), 'answer');
});

test('reference selects its line of the dump', async () => {
    await page.click('#try');
    await settled(page);
    const lines = dump(COPIED_LOCK).split('\n');
    const references = page.locator('#answer button');
    assert.ok((await references.count()) > 2);
    for (const reference of await references.all()) {
        const [from, to = from] = (await reference.textContent()).match(/\d+/g).map(Number);
        await reference.focus();
        await page.keyboard.press('Enter');
        assert.equal(await focused(), 'dump');
        assert.equal(await selected(), lines.slice(from - 1, to).join('\n'));
        const place = await page.locator('#dump').evaluate((dump, from) => {
            const top = (from - 1) * parseFloat(getComputedStyle(dump).lineHeight);
            return top >= dump.scrollTop && top < dump.scrollTop + dump.clientHeight;
        }, from);
        assert.ok(place, `line ${from} is in sight`);
        await page.keyboard.press('Escape');
        assert.equal(await focused(), await reference.textContent());
    }
});

test('file that is opened is read, with other line ends too', async () => {
    const file = join(files, 'crlf.txt');
    writeFileSync(file, `10 %\r20 %\r30 %\r\n${dump(COPIED_LOCK).replaceAll('\n', '\r\n')}`);
    const chooser = page.waitForEvent('filechooser');
    await page.click('#open');
    await (await chooser).setFiles(file);
    assert.equal(await settled(page), 'Explained: 1 dump in 28 lines.');
    assert.equal(await answer(), command(file).text);
    const reference = page.locator('#answer button >> nth=0');
    const line = Number((await reference.textContent()).match(/\d+/)[0]);
    await reference.click();
    assert.equal(await selected(), dump(COPIED_LOCK).split('\n')[line - 2]);
});

test('file that changes later is an error with the next step', async () => {
    const file = join(files, 'changing.txt');
    writeFileSync(file, dump(COPIED_LOCK));
    await page.setInputFiles('#file', file);
    await settled(page);
    writeFileSync(file, `listening\n${dump(COPIED_LOCK)}`);
    utimesSync(file, new Date(), new Date(Date.now() + 60_000)); // whole seconds may be all that is compared
    await page.click('#explain');
    assert.equal(await settled(page), 'Not explained.');
    assert.match(await page.textContent('[role=alert]'), /^cannot read the input .*: if the file was changed or moved, open it again$/);
    await page.setInputFiles('#file', file);
    assert.equal(await settled(page), 'Explained: 1 dump in 28 lines.');
});

test('large file is read in pieces and not shown', async () => {
    const file = join(files, 'large.log');
    const log = 'level=info msg="request served" path=/api/v1/things\n'.repeat(600_000);
    writeFileSync(file, log + dump(COPIED_LOCK));
    await page.evaluate(() => {
        const progress = document.getElementById('progress');
        window.seen = new Set();
        new MutationObserver(() => window.seen.add(progress.value)).observe(progress, { attributes: true });
    });
    const chooser = page.waitForEvent('filechooser');
    await page.click('#open');
    await (await chooser).setFiles(file);
    assert.equal(await settled(page), 'Explained: 1 dump in 600,027 lines.');
    assert.equal(await answer(), command(file).text);
    assert.match(await page.textContent('#shown'), /, 31 MB; too large to show here/);
    assert.equal(await page.inputValue('#dump'), '');
    assert.equal(await page.locator('#answer button').count(), 0);
    assert.ok((await page.evaluate(() => window.seen.size)) > 1);
});

test('analysis can be canceled', async () => {
    // At once: an analysis that has ended cannot be canceled.
    const isOffered = await page.evaluate(() => {
        const piece = 'level=info msg="request served"\n'.repeat(100_000);
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(Array(100).fill(piece), 'app.log'));
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
        const cancel = document.getElementById('cancel');
        const isOffered = cancel.checkVisibility();
        cancel.click();
        return isOffered;
    });
    assert.ok(isOffered);
    assert.equal(await settled(page), 'Canceled.');
    assert.equal(await paste(dump(COPIED_LOCK)), 'Explained: 1 dump in 27 lines.');
});

test('input without a dump is an error with the next step', async () => {
    await page.click('#explain');
    assert.equal(await settled(page), 'No dump in 0 lines.');
    assert.match(await page.textContent('[role=alert]'), /^nothing to read, .*: pass a file/);
    await paste('listening\n\npanic: assignment to entry in nil map\n');
    assert.match(await page.textContent('[role=alert]'), /call make\(map\[K\]V\)/);
    await page.click('[role=alert] button');
    assert.equal(await selected(), 'panic: assignment to entry in nil map');
    assert.equal(await page.isVisible('#answer'), false);
    await page.click('#try');
    await settled(page);
    assert.equal(await page.isVisible('[role=alert]'), false);
});

test('copies and download have the whole answer', async () => {
    await page.click('#try');
    await settled(page);
    const { text } = command(join(folder, COPIED_LOCK));
    await page.click('#copy');
    await page.waitForFunction(() => document.getElementById('status').textContent === 'Text copied.');
    assert.equal(await clipboard(), text);
    await page.click('#copy-markdown');
    await page.waitForFunction(() => document.getElementById('status').textContent === 'Markdown copied.');
    const [verdict, ...rest] = text.split('\n');
    assert.equal(await clipboard(), `**${verdict}**\n\n\`\`\`text\n${rest.join('\n')}\`\`\`\n`);
    const download = page.waitForEvent('download');
    await page.click('#download');
    const file = await (await download).path();
    assert.equal(readFileSync(file, 'utf8'), command(join(folder, COPIED_LOCK), '--json').text);
});

test('browser that lacks something is an error that names it', async () => {
    await open({ javaScriptEnabled: false });
    assert.match(await page.locator('noscript p:visible').textContent(), /without JavaScript: allow it/);
    await open();
    await context.addInitScript(() => delete window.Worker);
    await page.goto(address);
    await page.click('#try');
    assert.equal(await settled(page), 'Not explained.');
    assert.match(await page.textContent('[role=alert]'), /^this browser cannot run the explainer \(Worker is not defined\): /);
    await open();
    await context.addInitScript(() => {
        const create = URL.createObjectURL;
        const prefix = 'delete self.WebAssembly;';
        URL.createObjectURL = (blob) => create.call(URL, blob.type === 'text/javascript' ? new Blob([prefix, blob]) : blob);
    });
    await page.goto(address);
    await page.click('#try');
    assert.equal(await settled(page), 'Not explained.');
    assert.match(await page.textContent('[role=alert]'), /\(WebAssembly is not defined\): open the page in a current one/);
});

test('trap leaves the page working', async () => {
    // The next page's worker gets a module that traps on short inputs.
    await context.addInitScript(() => {
        const create = URL.createObjectURL;
        const prefix = `
            const start = WebAssembly.instantiate;
            WebAssembly.instantiate = async (module, imports) => {
                const { instance } = await start(module, imports);
                const explain = () => { throw new WebAssembly.RuntimeError("unreachable"); };
                return { instance: self.short ? { exports: { ...instance.exports, explain } } : instance };
            };
            addEventListener("message", ({ data }) => { self.short = data.input.size < 10; });`;
        URL.createObjectURL = (blob) => create.call(URL, blob.type === 'text/javascript' ? new Blob([prefix, blob]) : blob);
    });
    await page.goto(address);
    await page.fill('#dump', 'short');
    await page.click('#explain');
    assert.equal(await settled(page), 'Not explained.');
    assert.match(await page.textContent('[role=alert]'), /failed on this input \(unreachable\).*other dumps still work/);
    assert.equal(await paste(dump(COPIED_LOCK)), 'Explained: 1 dump in 27 lines.');
    assert.equal(await page.isVisible('[role=alert]'), false);
});

test('nothing is sent, and nothing could be', async () => {
    let asked = 0;
    const server = createServer((_, response) => response.end(String((asked += 1))));
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    await context.setOffline(true);
    await paste(dump(COPIED_LOCK));
    const foreign = requests.filter((url) => url !== address && !url.startsWith('blob:null/') && url !== 'data:,');
    assert.deepEqual(foreign, []);
    assert.deepEqual(complaints, []);

    await context.setOffline(false);
    const url = `http://127.0.0.1:${server.address().port}/`;
    const refused = await page.evaluate(async (url) => {
        const violations = [];
        addEventListener('securitypolicyviolation', (event) => violations.push(event.effectiveDirective));
        await fetch(url, { mode: 'no-cors' }).catch(() => {});
        navigator.sendBeacon(url, 'dump');
        const image = new Image();
        image.src = url;
        await new Promise((failed) => { image.onerror = failed; });
        const frame = document.createElement('iframe');
        frame.src = url;
        document.body.append(frame);
        const script = document.createElement('script');
        script.textContent = 'window.injected = true';
        document.body.append(script);
        const form = document.createElement('form');
        form.action = url;
        document.body.append(form);
        form.submit();
        // Some are reported later.
        const end = Date.now() + 10_000;
        while (new Set(violations).size < 5 && Date.now() < end) {
            await new Promise((later) => setTimeout(later, 20));
        }
        await new Promise((later) => setTimeout(later, 200));
        return { violations: [...new Set(violations)].sort(), injected: window.injected };
    }, url);
    server.close();
    assert.deepEqual(refused.violations, ['connect-src', 'form-action', 'frame-src', 'img-src', 'script-src-elem']);
    assert.equal(refused.injected, undefined);
    assert.equal(asked, 0);
    complaints = []; // each refusal is one
});

test('only the first of several files is read', async () => {
    await drop(page, [[COPIED_LOCK, dump(COPIED_LOCK)], ['b.txt', 'b'], ['c.txt', 'c']]);
    await settled(page);
    assert.match(await page.textContent('#shown'), /2 more files not opened: open one at a time$/);
});

for (const colorScheme of ['light', 'dark']) {
    test(`screen readers and narrow screens, ${colorScheme}`, async () => {
        await open({ colorScheme, viewport: { width: 320, height: 640 } });
        await page.click('#try');
        await settled(page);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.equal(wide, 320);
        assert.ok(await page.getByRole('textbox', { name: 'Crash dump' }).isVisible());
        assert.ok(await page.getByRole('region', { name: 'The explanation' }).isVisible());
        assert.ok(await page.getByRole('status').isVisible());
        const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(back, colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(15, 20, 25)');
        await page.evaluate(axe);
        const found = await page.evaluate(() => axe.run());
        const violations = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
        assert.deepEqual(violations, []);
        assert.ok(found.passes.length > 20);
    });
}
