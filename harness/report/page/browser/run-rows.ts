/** The rows of the list of runs. */

const all: readonly HTMLElement[] = [...document.querySelectorAll<HTMLElement>('ol.runs > li')];
let shown: readonly HTMLElement[] = all;

/** All rows, in the order of the list. */
export function allRows(): readonly HTMLElement[] {
  return all;
}

/** The rows that the filters leave, in the order of the list. */
export function shownRows(): readonly HTMLElement[] {
  return shown;
}

/** Hides the rows that do not pass. */
export function showOnly(passes: (row: HTMLElement) => boolean): void {
  shown = all.filter((row) => {
    const hidden = !passes(row);
    if (row.hidden !== hidden) row.hidden = hidden;
    return !hidden;
  });
}

/** The row of the run that a fragment names; undefined when it names none. */
export function rowOf(fragment: string): HTMLElement | undefined {
  const found = document.getElementById(fragment);
  return found?.parentElement?.classList.contains('runs') === true ? found : undefined;
}

/** The row `step` rows away among those that are shown; the first when `row` is not among them. */
export function neighbour(row: HTMLElement | undefined, step: number): HTMLElement | undefined {
  const position = row === undefined ? -1 : shown.indexOf(row);
  if (position === -1) return step > 0 ? shown[0] : shown.at(-1);
  return shown[position + step];
}

/** The row's link. */
export function linkOf(row: HTMLElement): HTMLAnchorElement | null {
  return row.querySelector('a');
}
