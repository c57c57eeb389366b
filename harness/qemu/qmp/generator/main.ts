import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { connectQmp } from '../connect.js';
import { generateQmpTypes, type SchemaEntry } from './generate.js';
import { isRecord } from '../message.js';

const QEMU_DEADLINE_MS = 30_000;
const FORMATTER_DEADLINE_MS = 60_000;

const USAGE = `usage: generate-qmp-types [--qemu PROGRAM] [--out FILE] [--check]
  --qemu PROGRAM  the QEMU to ask (qemu-system-x86_64)
  --out FILE      where the declarations go (harness/qemu/qmp/generated/schema.ts)
  --check         write nothing; exit 1 when FILE differs from what would be written`;

/** Shallow on purpose: the generator reports a dangling reference, the compiler other defects. */
function isSchema(value: unknown): value is readonly SchemaEntry[] {
  return (
    Array.isArray(value) &&
    value.every(
      (entry) =>
        isRecord(entry) && typeof entry['name'] === 'string' && typeof entry['meta-type'] === 'string',
    )
  );
}

/** Asks a QEMU that runs nothing for its schema; the version is from the greeting. */
async function fetchSchema(qemu: string): Promise<{ schema: readonly SchemaEntry[]; version: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'qmp-schema-'));
  const path = join(directory, 'qmp.sock');
  const ended = new AbortController();
  const process = execa(
    qemu,
    ['-M', 'none', '-display', 'none', '-nodefaults', '-S', '-qmp', `unix:${path},server=on,wait=off`],
    { timeout: QEMU_DEADLINE_MS, killSignal: 'SIGKILL', stdin: 'ignore', reject: false },
  );
  void process.then((result) => {
    ended.abort(
      new Error(`cannot ask "${qemu}" for its schema: ${result.shortMessage ?? 'it ended'} ${result.stderr}`),
    );
  });
  try {
    await using client = await connectQmp(
      { path },
      { connectDeadlineMs: QEMU_DEADLINE_MS, signal: ended.signal },
    );
    const schema = await client.executeRaw('query-qmp-schema', undefined, { deadlineMs: QEMU_DEADLINE_MS });
    const { major, minor, micro } = client.greeting.version;
    if (!isSchema(schema))
      throw new Error(`cannot use the schema of "${qemu}": it is not a list of named entries`);
    return { schema, version: `${major}.${minor}.${micro}` };
  } finally {
    process.kill('SIGKILL');
    await process;
    await rm(directory, { recursive: true, force: true });
  }
}

async function format(text: string, out: string): Promise<string> {
  const { stdout } = await execa('biome', ['format', `--stdin-file-path=${out}`], {
    input: text,
    preferLocal: true,
    timeout: FORMATTER_DEADLINE_MS,
    stripFinalNewline: false,
  });
  return stdout;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      qemu: { type: 'string', default: 'qemu-system-x86_64' },
      out: { type: 'string', default: 'harness/qemu/qmp/generated/schema.ts' },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const { schema, version } = await fetchSchema(values.qemu);
  const text = await format(generateQmpTypes(schema, version), values.out);
  const current = await readFile(values.out, 'utf8').catch(() => '');
  if (current === text) {
    console.log(`${values.out} is up to date with QEMU ${version}`);
    return 0;
  }
  if (values.check) {
    console.error(`${values.out} differs from QEMU ${version}; run scripts/generate-qmp-types`);
    return 1;
  }
  await writeFile(values.out, text);
  console.log(`${values.out} written from QEMU ${version}`);
  return 0;
}

process.exitCode = await main();
