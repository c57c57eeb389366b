import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';

/** Uses search, filters and keys on a page of many runs, and returns what did not work, one sentence each. */
export async function drive(browser: Browser, file: string): Promise<string[]> {
  const faults: string[] = [];
  await use(browser, { file, faults }).catch((error: unknown) => {
    faults.push(error instanceof Error ? error.message : String(error));
  });
  return faults;
}

async function use(browser: Browser, { file, faults }: { file: string; faults: string[] }): Promise<void> {
  const expect = (holds: boolean, sentence: string) => {
    if (!holds) faults.push(sentence);
  };
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(pathToFileURL(file).href);
  const shown = page.locator('ol.runs > li:visible');
  const address = () => new URL(page.url()).hash;
  const all = await page.locator('ol.runs > li').count();
  const visible = () =>
    page.evaluate<number>(`document.querySelectorAll('ol.runs > li:not([hidden])').length`);

  await page.keyboard.press('/');
  await page.keyboard.type('no-zap hang');
  await page.waitForTimeout(200);
  const found = await visible();
  expect(found > 0 && found < all, `the search leaves ${found} of ${all} runs`);
  expect((await shown.first().textContent())?.includes('no-zap') === true, 'the search leaves other runs');
  await page.keyboard.press('Escape');
  await page.waitForTimeout(200);
  expect((await visible()) === all, 'Esc does not clear the search');
  await page.keyboard.press('Escape');

  await page.getByLabel('outcome', { exact: true }).selectOption('unexpected');
  const unexpected = await visible();
  expect(unexpected > 0 && unexpected < all, 'the filter for outcomes does nothing');
  await page.getByLabel('kernel', { exact: true }).selectOption('no-zap');
  expect((await visible()) <= unexpected, 'a second filter widens the list');
  await page.getByRole('button', { name: 'Clear' }).click();
  expect((await visible()) === all, 'Clear does not show all runs');

  await page.locator('a.cell-link').first().click();
  const inCell = await visible();
  expect(inCell > 0 && inCell < all, 'a cell of the matrix does not narrow the list');
  await page.keyboard.press('Escape');
  expect((await visible()) === all, 'Esc does not clear the filters');

  await page.evaluate('document.activeElement.blur()');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await page.keyboard.press('Enter');
  await page.locator('#run h1').waitFor();
  const first = address();
  expect(first.startsWith('#run='), `Enter leads to "${first}"`);
  await page.keyboard.press('j');
  await page.waitForTimeout(200);
  expect(address() !== first, 'j does not lead to the next run');
  await page.goBack();
  await page.locator('#overview').waitFor();
  await page.goForward();
  await page.locator('#run h1').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('#overview').waitFor();
  expect(address() === '', 'Esc leaves the fragment');
  await page.keyboard.press('?');
  expect(await page.locator('dialog').isVisible(), '? does not show the keys');
  await page.keyboard.press('Escape');
  expect(!(await page.locator('dialog').isVisible()), 'Esc does not close the keys');
  await page.keyboard.press('t');
  await page.keyboard.press('t');
  expect((await page.locator('html').getAttribute('data-theme')) === 'dark', 't does not make it dark');
  await page.goto(`${pathToFileURL(file).href}${first}`);
  await page.reload();
  await page
    .locator('#run h1')
    .waitFor({ timeout: 10_000 })
    .catch(() => faults.push('a link to a run does not open it'));
  await page.close();
}
