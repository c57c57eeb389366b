import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';

/** What was wrong with a page, one sentence each; and what was measured. */
export interface Inspection {
  readonly faults: string[];
  readonly measured: Record<string, number>;
}

const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 740 };

/** A busy host takes long for a picture. */
const PATIENCE_MS = 300_000;

/** A window, and the palette that the system asks for. */
export interface View {
  readonly device: 'desktop' | 'phone';
  readonly colorScheme: 'light' | 'dark';
}

/** The first two have each device and each palette once. */
export const VIEWS: readonly View[] = [
  { device: 'desktop', colorScheme: 'light' },
  { device: 'phone', colorScheme: 'dark' },
  { device: 'desktop', colorScheme: 'dark' },
  { device: 'phone', colorScheme: 'light' },
];

/** Opens a page's file in the browser as a reader does, on a desktop and a phone, and looks for what is wrong. */
export async function inspect(
  browser: Browser,
  { name, file, pictures, views }: { name: string; file: string; pictures: string; views: readonly View[] },
): Promise<Inspection> {
  await mkdir(pictures, { recursive: true });
  const inspection: Inspection = { faults: [], measured: {} };
  const picture = (view: string) => join(pictures, `${name}-${view}.png`);
  const fault = (sentence: string) => inspection.faults.push(`${name}: ${sentence}`);
  for (const { device, colorScheme } of views) {
    const view = `${device}-${colorScheme}`;
    const viewport = device === 'desktop' ? DESKTOP : PHONE;
    const context = await browser.newContext({ viewport, colorScheme });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    page.on('pageerror', (error) => fault(`the script failed: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') fault(`the browser complains: ${message.text()}`);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith('file:')) fault(`it asked for ${request.url()}`);
    });
    page.on('dialog', (dialog) => {
      fault('it opened a dialog');
      void dialog.dismiss();
    });
    const devtools = await context.newCDPSession(page);
    await devtools.send('Performance.enable');
    const began = performance.now();
    await page.goto(pathToFileURL(file).href, { waitUntil: 'commit' });
    await page.locator('html[data-ready=yes]').waitFor({ state: 'attached' });
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done)))');
    inspection.measured[`${view}-usable-ms`] = Math.round(performance.now() - began);
    const { metrics } = await devtools.send('Performance.getMetrics');
    const cpu = metrics.find(({ name: metric }) => metric === 'ProcessTime')?.value;
    if (cpu !== undefined) inspection.measured[`${view}-cpu-ms`] = Math.round(cpu * 1000);
    const paint: unknown = await page.evaluate(
      `performance.getEntriesByName('first-contentful-paint')[0]?.startTime`,
    );
    if (typeof paint === 'number') inspection.measured[`${view}-paint-ms`] = Math.round(paint);
    await page.screenshot({ path: picture(view) });
    for (const part of ['matrix', 'runs']) await pictureOf(page, { part, path: picture(`${view}-${part}`) });
    await checkWidth(page, (what) => fault(`${device}: ${what}`));
    const judged = (device === 'desktop') === (colorScheme === 'light');
    if (judged) await checkAccessibility(page, (what) => fault(`${view}: ${what}`));
    await openFirst(page, { fault, picture: picture(`${view}-run`) });
    await checkWidth(page, (what) => fault(`${device}, a run: ${what}`));
    if (judged) await checkAccessibility(page, (what) => fault(`${view}, a run: ${what}`));
    if ((await page.evaluate('globalThis.executed')) !== undefined) fault('text of a guest was executed');
    await context.close();
  }
  await withoutScript(browser, { file, fault });
  await onPaper(browser, { file, picture: picture('paper') });
  return inspection;
}

/** The window from a heading of the page on; nothing when it has no such heading. */
async function pictureOf(page: Page, { part, path }: { part: string; path: string }): Promise<void> {
  if ((await page.locator(`#${part}`).count()) === 0) return;
  await page.evaluate(`document.getElementById('${part}').scrollIntoView({ behavior: 'instant' })`);
  await page.screenshot({ path });
}

async function openFirst(
  page: Page,
  { fault, picture }: { fault: (sentence: string) => void; picture: string },
): Promise<void> {
  const row = page.locator('ol.runs > li > a').first();
  if ((await row.count()) === 0) return;
  await row.click();
  const heading = page.locator('#run h1');
  await heading.waitFor({ timeout: 10_000 }).catch(() => fault('a run does not open'));
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done)))');
  await page.screenshot({ path: picture, fullPage: true });
}

async function checkWidth(page: Page, fault: (sentence: string) => void): Promise<void> {
  const over: unknown = await page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  if (typeof over === 'number' && over > 0) fault(`it is ${over} px wider than the window`);
}

/** axe-core on all but rows that are like the first ones; put into the page by the browser's debugger: the page's own policy would refuse it. */
async function checkAccessibility(page: Page, fault: (sentence: string) => void): Promise<void> {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(source);
  const found: unknown = await page.evaluate(
    `axe.run({ exclude: [['ol.runs > li:nth-child(n+20)'], ['main[hidden]']] }, { resultTypes: ['violations'] }).then(({ violations }) =>
       violations.map(({ id, nodes }) => id + ' (' + nodes.length + '): ' + nodes[0].html.slice(0, 160)
         + ' ' + (nodes[0].any[0]?.message ?? '')))`,
  );
  if (Array.isArray(found)) for (const one of found) fault(`accessibility: ${String(one)}`);
}

/** The essentials need no script: the headline, the matrix, the list. */
async function withoutScript(
  browser: Browser,
  { file, fault }: { file: string; fault: (sentence: string) => void },
): Promise<void> {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: DESKTOP });
  const page = await context.newPage();
  await page.goto(pathToFileURL(file).href, { waitUntil: 'commit' });
  if (!(await page.locator('h1').first().isVisible())) fault('without a script it has no headline');
  const runs = page.locator('ol.runs > li');
  if ((await runs.count()) > 0 && !(await page.locator('table.matrix').isVisible()))
    fault('without a script it has no matrix');
  await context.close();
}

async function onPaper(
  browser: Browser,
  { file, picture }: { file: string; picture: string },
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 800, height: 1100 } });
  const page = await context.newPage();
  await page.goto(pathToFileURL(file).href, { waitUntil: 'commit' });
  await page.locator('html[data-ready=yes]').waitFor({ state: 'attached' });
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  await page.screenshot({ path: picture });
  await context.close();
}
