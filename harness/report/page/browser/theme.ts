import { make } from './dom.js';

/** Light, dark, or as the system is: kept in the browser's storage where the page has one. */
const THEMES = ['system', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

const KEY = 'crashpath-theme';
const MARKS: Readonly<Record<Theme, string>> = { system: '\u25d0', light: '\u25cb', dark: '\u25cf' };

let theme: Theme = 'system';

/** The switch. */
export const themeButton = make('button', { type: 'button', className: 'theme' });

/** Uses the stored choice. */
export function startTheme(): void {
  themeButton.addEventListener('click', nextTheme);
  const kept = stored();
  use(THEMES.find((one) => one === kept) ?? 'system');
}

/** The next of light, dark, and as the system is. */
export function nextTheme(): void {
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  use(next);
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // A page from a file may have no storage: the choice lasts as long as the page.
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function use(next: Theme): void {
  theme = next;
  document.documentElement.dataset['theme'] = next;
  themeButton.textContent = `${MARKS[next]} ${next}`;
  themeButton.ariaLabel = `Colours: ${next}`;
}
