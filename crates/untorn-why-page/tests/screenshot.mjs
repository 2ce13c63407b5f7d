// The picture of the README: `bash .ci/page picture`.
import { address, dump, launch, drop, settled } from './browser.mjs';

const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1120, height: 640 }, colorScheme: 'light' });
await page.goto(address);
await drop(page, [['crash.txt', dump('go1.23-copied-lock.txt')]]);
await settled(page);
await page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
});
await page.screenshot({ path: process.argv[2] });
await browser.close();
