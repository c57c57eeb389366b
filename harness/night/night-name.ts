/** Names of nights: the time of the start in UTC, `2026-11-27T013000Z`. They sort by time. */
const NAME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

export function isNightName(text: string): boolean {
  return NAME.test(text);
}

function nameOf(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(':', '')}Z`;
}

/**
 * The name of a night that starts now, after all `earlier` ones. A clock that was set back would file the night before
 * them; it is named one second after the last instead, and `warning` says so. Pure.
 */
export function nameNight(now: Date, earlier: readonly string[]): { name: string; warning?: string } {
  const last = earlier.filter(isNightName).toSorted().at(-1);
  const name = nameOf(now);
  if (last === undefined || name > last) return { name };
  const [, year, month, day, hours, minutes, seconds] = NAME.exec(last) ?? [];
  const next = new Date(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`);
  next.setUTCSeconds(next.getUTCSeconds() + 1);
  return {
    name: nameOf(next),
    warning: `the clock says ${name}, which is not after the last night, ${last}; this night is called ${nameOf(next)}`,
  };
}
