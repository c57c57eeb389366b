/** The output of Kbuild. Pure. */

/** `  CC      kernel/fork.o`, `  CC [M]  drivers/x.o`, `  LD      vmlinux` (scripts/Kbuild.include, `quiet_cmd_*`). */
const STEP = /^ {2}[A-Z][A-Z0-9_+]{1,9}(?: \[M\])? +(\S+)/;

/** The cause of a failure first, its consequences last. */
const ERRORS: readonly RegExp[] = [
  /(?:^|\s)(?:fatal )?error: /,
  /: undefined reference to |multiple definition of |^(?:\S*ld): /,
  /^ERROR: modpost: |^FAILED: |: Error: /,
  /^Makefile:\d+: \*\*\* |\*\*\* .*\bStop\b|^\S+:\d+: \S*syntax error/,
  /^make(?:\[\d+\])?: \*\*\* /,
];

/** The target that a line of make's output names; undefined for other lines. */
export function stepIn(line: string): string | undefined {
  return STEP.exec(line)?.[1];
}

/** The first line that shows why a build failed; undefined when none does. */
export function firstBuildError(lines: readonly string[]): string | undefined {
  for (const pattern of ERRORS) {
    const found = lines.find((line) => pattern.test(line));
    if (found !== undefined) return found.trim();
  }
  return undefined;
}
