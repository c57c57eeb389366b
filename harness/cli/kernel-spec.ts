/** What `--kernel` takes. */
export const SPEC =
  'bzImage, .deb, directory with vmlinuz-*, debian:[SUITE/]VERSION (debian:6.1 = newest of the series), ' +
  'build:VERSION/VARIANT or a variant alone (crashpath kernel variants)';
