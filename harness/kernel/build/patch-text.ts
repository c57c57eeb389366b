/** The header of a patch, above its first diff. Pure. */
export interface PatchHeader {
  /** One line; empty when the patch has none. */
  readonly description: string;
  /** Series that the patch is known to apply to (`6.1`); `any` for all; empty when it names none. */
  readonly appliesTo: readonly string[] | 'any';
}

/**
 * Reads a patch: in its header `Description:` (else a mail's `Subject:`) and `Applies-to:` with kernel series between
 * spaces or `any`; the number of its hunks; and the diff without the header: only the diff is part of the build key.
 */
export function parsePatch(text: string): PatchHeader & { readonly hunks: number; readonly diff: string } {
  const header = text.split(/^(?:diff |Index: |--- \S)/m)[0] ?? '';
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.+)$`, 'm').exec(header)?.[1]?.trim();
  const subject = field('Subject')?.replace(/^(\[[^\]]*\]\s*)+/, '');
  const applies = field('Applies-to')?.split(/[\s,]+/) ?? [];
  return {
    description: field('Description') ?? subject ?? '',
    appliesTo: applies.includes('any') ? 'any' : applies,
    hunks: text.match(/^@@ -\d/gm)?.length ?? 0,
    diff: text.slice(header.length),
  };
}

/**
 * The files that a patch reads or writes, relative to the top of the tree (as `patch -p1` takes them), each once. Names
 * outside of the tree are left out: patch refuses them itself.
 */
export function filesInPatch(text: string): string[] {
  const names = new Set<string>();
  for (const [, name = ''] of text.matchAll(/^(?:---|\+\+\+) ([^\t\r\n]+)/gm)) {
    names.add(name.trim().replace(/^[^/]*\//, ''));
  }
  for (const [, name = ''] of text.matchAll(/^(?:rename|copy) from (.+?)\r?$/gm)) names.add(name);
  return [...names].filter((name) => name !== 'dev/null' && name !== 'null' && isInside(name));
}

function isInside(name: string): boolean {
  return name !== '' && !name.startsWith('/') && !name.split('/').includes('..');
}

/**
 * The first failure in the output of patch(1) in the C locale: the file and its hunk. Undefined when the output names
 * no failure.
 */
export function firstPatchFailure(output: string): string | undefined {
  let file = '';
  for (const line of output.split('\n')) {
    file = /^(?:checking|patching) file '?(.+?)'?$/.exec(line)?.[1] ?? file;
    const hunk = /^(Hunk #\d+) FAILED at (\d+)/.exec(line);
    if (hunk !== null) return `${hunk[1]} of ${file} does not apply at line ${hunk[2]}`;
    if (/^(can't find file to patch|No file to patch)/.test(line)) {
      return 'it changes a file that this source does not have';
    }
    if (line.startsWith('Reversed (or previously applied) patch detected')) {
      return `${file} holds the change already`;
    }
    if (/^(patch: )?\*\*\*\* /.test(line)) return line.replace(/^(patch: )?\*\*\*\* /, '');
    if (line.startsWith('Ignoring potentially dangerous file name'))
      return 'it names a file outside the source';
  }
  return undefined;
}
