/** The first two numbers of a program's version, by which features are detected. */
export interface Version {
  readonly major: number;
  readonly minor: number;
}

/**
 * The version that a text begins with, such as `7.2.22 (Debian ...)` or `20.19.1`; undefined when it begins with none.
 */
export function leadingVersion(text: string): Version | undefined {
  const match = /^(\d{1,4})\.(\d{1,4})/.exec(text);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

/** Is a version this one or later? */
export function isAtLeast(version: Version, oldest: Version): boolean {
  return version.major > oldest.major || (version.major === oldest.major && version.minor >= oldest.minor);
}
