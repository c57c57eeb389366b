import { byId, make } from './dom.js';
import { linkOf, neighbour, rowOf, shownRows } from './run-rows.js';
import { sectionOf } from './stored-runs.js';

/** The page shows the overview, or one run: the one that the fragment of its address names. */

let current: HTMLElement | undefined;
let title = '';
let scrolledTo = 0;

/** Follows the fragment from now on. */
export function startViews(): void {
  ({ title } = document);
  addEventListener('hashchange', () => void follow());
  void follow();
}

/** The row of the run that is shown; undefined on the overview. */
export function shownRun(): HTMLElement | undefined {
  return current;
}

/** Shows a run; replaces the address when another run is shown, so that going back leads to the overview. */
export function openRun(row: HTMLElement): void {
  const address = `#${encodeURI(row.id)}`;
  if (current === undefined) location.hash = address;
  else {
    history.replaceState(null, '', address);
    void follow();
  }
}

/** Back to the overview, where it was. */
export function closeRun(): void {
  history.pushState(null, '', location.pathname + location.search);
  void follow();
}

async function follow(): Promise<void> {
  const row = rowOf(fragment());
  if (row === undefined) showOverview();
  else await showRun(row);
}

function fragment(): string {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return '';
  }
}

function showOverview(): void {
  if (current === undefined) return;
  const last = current;
  current = undefined;
  byId('run').hidden = true;
  byId('run').replaceChildren();
  byId('overview').hidden = false;
  document.title = title;
  scrollTo({ top: scrolledTo, behavior: 'instant' });
  linkOf(last)?.focus({ preventScroll: true });
}

async function showRun(row: HTMLElement): Promise<void> {
  // The browser has scrolled to the row by now, unless the run was opened from elsewhere.
  if (current === undefined) scrolledTo = scrollY;
  current = row;
  const view = byId('run');
  const contents = await sectionOf(row).then(parse, (error: unknown) => [
    make('p', {}, error instanceof Error ? error.message : String(error)),
  ]);
  // Another run may have been opened meanwhile.
  if (current !== row) return;
  view.replaceChildren(bar(row), ...contents);
  byId('overview').hidden = true;
  view.hidden = false;
  const heading = view.querySelector('h1');
  view.querySelectorAll('.console').forEach(showDecidingLine);
  document.title = `${heading?.textContent.trim() ?? row.id} - ${title}`;
  scrollTo({ top: 0, behavior: 'instant' });
  heading?.focus({ preventScroll: true });
}

/** Scrolls a console to the last line that the verdict cites, or to its end. */
function showDecidingLine(console: Element): void {
  const marks = console.querySelectorAll('mark');
  const last = marks[marks.length - 1];
  console.scrollTop = last === undefined ? console.scrollHeight : last.offsetTop - console.clientHeight * 0.6;
}

/** The section was made by crashpath, every foreign text in it escaped; the page's policy runs no script of it. */
function parse(markup: string): Node[] {
  const template = document.createElement('template');
  template.innerHTML = markup;
  return [...template.content.childNodes];
}

/** The way back, and to the neighbours in the list as it is filtered. */
function bar(row: HTMLElement): HTMLElement {
  const back = make('button', { type: 'button' }, '\u2190 all runs');
  back.addEventListener('click', closeRun);
  const step = (by: number, text: string) => {
    const to = neighbour(row, by);
    const button = make('button', { type: 'button', disabled: to === undefined || to === row }, text);
    button.addEventListener('click', () => {
      if (to !== undefined) openRun(to);
    });
    return button;
  };
  const rows = shownRows();
  const position = rows.indexOf(row);
  const place = position === -1 ? '' : `${position + 1} of ${rows.length}`;
  return make(
    'nav',
    { className: 'run-nav', ariaLabel: 'Runs' },
    back,
    make('span', { className: 'quiet' }, place),
    step(-1, 'previous'),
    step(1, 'next'),
  );
}
