import { byId, make } from './dom.js';
import { allRows, showOnly, shownRows } from './run-rows.js';

/** What the list can be narrowed by: the rows have a `data-` attribute of each name. */
const NAMES = [
  'verdict',
  'outcome',
  'scenario',
  'kernel',
  'column',
  'machine',
  'host',
  'accelerator',
] as const;
type Name = (typeof NAMES)[number];

/** Filters without a control of their own: a link of the matrix sets them. */
const WITHOUT_SELECT: readonly Name[] = ['column'];
/** Typing goes on for so long before the list is searched, milliseconds. */
const PAUSE_MS = 80;

const chosen = new Map<Name, string>();
const selects = new Map<Name, HTMLSelectElement>();
const search = make('input', {
  type: 'search',
  id: 'search',
  placeholder: 'Search runs',
  ariaLabel: 'Search runs',
  autocomplete: 'off',
  spellcheck: false,
});
const clear = make('button', { type: 'button', textContent: 'Clear', hidden: true });

/** Shows the search field and a selection for everything in which the runs differ. */
export function startFilters(): void {
  if (allRows().length < 2) return;
  const controls = NAMES.flatMap((name) => {
    const values = valuesOf(name);
    if (values.size < 2 || WITHOUT_SELECT.includes(name)) return [];
    const options = [...values].map(([value, count]) => make('option', { value }, `${value} (${count})`));
    const select = make(
      'select',
      { ariaLabel: name },
      make('option', { value: '' }, `any ${name}`),
      ...options,
    );
    select.addEventListener('change', () => choose({ [name]: select.value }));
    selects.set(name, select);
    return [select];
  });
  let timer = 0;
  search.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(apply, PAUSE_MS);
  });
  clear.addEventListener('click', clearFilters);
  const bar = byId('filters');
  bar.append(search, ...controls, clear);
  bar.hidden = false;
  for (const link of document.querySelectorAll<HTMLElement>('a.cell-link')) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      showCell(link.dataset);
    });
  }
}

/** Puts the cursor into the search field. */
export function focusSearch(): void {
  search.focus();
  search.select();
}

/** Whether the list is narrowed. */
export function isFiltered(): boolean {
  return search.value.trim() !== '' || chosen.size > 0;
}

/** Shows all runs again. */
export function clearFilters(): void {
  search.value = '';
  choose(Object.fromEntries(NAMES.map((name) => [name, ''])));
}

/** The values that occur, most frequent first. */
function valuesOf(name: Name): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { dataset } of allRows()) {
    const value = dataset[name] ?? '';
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}

function choose(changes: Partial<Record<Name, string>>): void {
  for (const name of NAMES) {
    const value = changes[name];
    if (value === undefined) continue;
    if (value === '') chosen.delete(name);
    else chosen.set(name, value);
    const select = selects.get(name);
    if (select !== undefined) select.value = value;
  }
  apply();
}

/** Narrows the list to the runs of a cell of the matrix. */
function showCell({ scenario = '', column = '', machine = '' }: DOMStringMap): void {
  search.value = '';
  choose({ ...Object.fromEntries(NAMES.map((name) => [name, ''])), scenario, column, machine });
  byId('runs').scrollIntoView();
  shownRows()[0]?.querySelector('a')?.focus({ preventScroll: true });
}

function apply(): void {
  const words = search.value
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  showOnly((row) => {
    for (const [name, value] of chosen) if (row.dataset[name] !== value) return false;
    if (words.length === 0) return true;
    const text = textOf(row);
    return words.every((word) => text.includes(word));
  });
  const [shown, all] = [shownRows().length, allRows().length];
  byId('shown').textContent = shown === all ? `${all} runs` : `${shown} of ${all} runs`;
  byId('none').hidden = shown > 0;
  clear.hidden = !isFiltered();
}

const texts = new WeakMap<HTMLElement, string>();

function textOf(row: HTMLElement): string {
  const known = texts.get(row);
  if (known !== undefined) return known;
  const text = [row.textContent, row.id, ...NAMES.map((name) => row.dataset[name] ?? '')]
    .join(' ')
    .toLowerCase();
  texts.set(row, text);
  return text;
}
