import { make } from './dom.js';
import { clearFilters, focusSearch, isFiltered } from './filters.js';
import { linkOf, neighbour } from './run-rows.js';
import { nextTheme } from './theme.js';
import { closeRun, openRun, shownRun } from './views.js';

const KEYS = [
  ['j', 'k', 'next, previous run'],
  ['Enter', '', 'open the run'],
  ['/', '', 'search'],
  ['Esc', '', 'close the run, clear search and filters'],
  ['t', '', 'light, dark, or as the system'],
  ['?', '', 'these keys'],
] as const;

const help = make(
  'dialog',
  { id: 'help', ariaLabel: 'Keys' },
  make('h2', {}, 'Keys'),
  make(
    'dl',
    {},
    ...KEYS.flatMap(([one, other, what]) => [
      make('dt', {}, make('kbd', {}, one), ...(other === '' ? [] : [' ', make('kbd', {}, other)])),
      make('dd', {}, what),
    ]),
  ),
  make('form', { method: 'dialog' }, make('button', {}, 'Close')),
);

/** Listens to the keys; the buttons do the same for those who do not use them. */
export function startKeys(): void {
  document.body.append(help);
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || help.open) return;
    if (pressed(event.key, event.target)) event.preventDefault();
  });
}

/** Shows the keys. */
export function showKeys(): void {
  help.showModal();
}

/** Carries a key out; false when it means nothing here. */
function pressed(key: string, target: EventTarget | null): boolean {
  if (key === 'Escape') return leave(target);
  if (target instanceof HTMLElement && target.matches('input, select, textarea')) return false;
  switch (key) {
    case 'j':
      return move(1);
    case 'k':
      return move(-1);
    case '/':
      if (shownRun() !== undefined) closeRun();
      focusSearch();
      return true;
    case 't':
      nextTheme();
      return true;
    case '?':
      showKeys();
      return true;
    default:
      return false;
  }
}

function move(step: number): boolean {
  const open = shownRun();
  const focused = document.activeElement?.closest<HTMLElement>('ol.runs > li') ?? undefined;
  const to = neighbour(open ?? focused, step);
  if (to === undefined) return false;
  if (open !== undefined) {
    openRun(to);
    return true;
  }
  const link = linkOf(to);
  link?.focus({ preventScroll: true });
  link?.scrollIntoView({ block: 'nearest' });
  return true;
}

/** The innermost thing is left first: the search field, the run, the filters. */
function leave(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement && target.value === '') {
    target.blur();
    return true;
  }
  if (shownRun() !== undefined) closeRun();
  else if (isFiltered()) clearFilters();
  else return false;
  return true;
}
