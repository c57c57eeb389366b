import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../../model/result.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { rejudge } from '../../store/rejudge.js';
import { readPlan, saveOutcome } from '../../store/run-directory.js';
import { PACKAGE_ROOT } from '../../cli/context.js';

/** A recorded run, copied to where it can be written to. */
export interface Recording {
  readonly plan: RunPlan;
  readonly result: RunResult;
}

/** Copies the recorded runs of the tests into a directory, each with its timeline and verdict, by name. */
export async function copyRecordings(into: string): Promise<Map<string, Recording>> {
  const from = join(PACKAGE_ROOT, 'harness/testdata');
  const entries = await readdir(from, { withFileTypes: true });
  // Plain logs are no runs.
  const recordings = new Map<string, Recording>();
  for (const { name } of entries.filter((entry) => entry.isDirectory() && entry.name !== 'logs')) {
    const directory = join(into, name);
    await cp(join(from, name), directory, { recursive: true });
    const judged = await rejudge(directory);
    await saveOutcome(directory, judged);
    recordings.set(name, { plan: await readPlan(directory), result: judged.result });
  }
  return recordings;
}

/** Markup and terminal sequences, one line each; a page that ran any of it would set `executed`. */
const HOSTILE_LINES = [
  '</script><script>globalThis.executed="script"</script>',
  '<img src=x onerror="globalThis.executed=\'img\'">',
  '<svg onload="globalThis.executed=\'svg\'"></svg><iframe src="javascript:parent.executed=1"></iframe>',
  '</pre></template></main></body></html><plaintext>',
  '<style>*{display:none}</style><base href="http://192.0.2.1/"><meta http-equiv="refresh" content="0;url=http://192.0.2.1/">',
  '\u001b[2J\u001b]0;title\u0007\u001b[8mhidden',
  'caf\u00e9 \u202etxet desrever\u202c \u2028\u2029 \ufeff',
  '&lt;script&gt; &#x3c;script&#62; <!-- <script> ]]>',
];

/** A name that would end an attribute and an element, with a lone surrogate. */
export const HOSTILE_NAME = `"'><script>globalThis.executed="name"</script>\u202e\ud800\u0000`;

/**
 * A run whose console is hostile: markup, terminal sequences, bytes of lone surrogates (WTF-8), a line of 8 MiB; and
 * whose every text is {@link HOSTILE_NAME}.
 */
export async function hostileRecording(into: string, like: Recording): Promise<Recording> {
  const directory = join(into, 'hostile');
  await mkdir(directory);
  await cp(like.result.directory, directory, { recursive: true });
  const lines = [
    Buffer.from(`${HOSTILE_LINES.join('\r\n')}\r\n`),
    Buffer.from([0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80, 0x00, 0xff, 0xfe, 0x0a]),
    Buffer.alloc(8 * 1024 * 1024, '<'),
    Buffer.from(`\n${HOSTILE_LINES.join('\n')}\n`),
  ];
  await writeFile(join(directory, 'console.bin'), Buffer.concat(lines));
  await writeFile(join(directory, 'control.bin'), Buffer.concat(lines.slice(0, 2)));
  const bad = HOSTILE_NAME;
  const evidence = lines.slice(0, 1).map((_, index) => ({
    ...{ source: 'console' as const, offset: index, length: 40, atMs: 1 },
    ...{ what: bad, excerpt: HOSTILE_LINES[0] ?? '' },
  }));
  const result: RunResult = {
    ...like.result,
    ...{ directory, runId: bad, campaign: bad, scenario: bad, kernel: bad, captureKernel: bad, host: bad },
    ...{
      machine: bad,
      detail: bad,
      explanation: bad.repeat(50),
      expected: bad,
      degradedBy: [bad],
      undecided: [bad],
    },
    ...{ evidence, outcome: 'unexpected' as const },
  };
  return { plan: like.plan, result };
}
