/** Names under which the Debian archive publishes; codenames as of 2026 (distro-info-data). */
const SUITES = new Set(
  (
    'stretch buster bullseye bookworm trixie forky duke sid ' +
    'oldoldstable oldstable stable testing unstable experimental'
  ).split(' '),
);
const DERIVED = /^(-updates|-security|-backports|-proposed-updates|\/updates)$/;

/** True for the name of a suite of Debian's archive: `sid`, `trixie-backports`. */
export function isDebianSuite(suite: string): boolean {
  const base = /^[a-z]+/.exec(suite)?.[0] ?? '';
  const rest = suite.slice(base.length);
  return SUITES.has(base) && (rest === '' || DERIVED.test(rest));
}
