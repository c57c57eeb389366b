#!/usr/bin/env node
/** `npm run test:kvm`: runs scripts/kvm.yaml on a host with KVM and prints one row per run. docs/kvm-lab.md. */
import { join } from 'node:path';
import { execa } from 'execa';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { z } from 'zod';
import { carryOut } from '../bench/carry-out.js';
import { complain, PACKAGE_ROOT } from '../cli/context.js';
import { EXIT, harnessFault, usageFault } from '../model/fault.js';
import { RunResultSchema } from '../model/result.js';
import { VMCORE_READS } from '../plan/guest-defaults.js';
import { KVM_HEADINGS, kvmRow } from './kvm-rows.js';

const CampaignSchema = z.object({ kind: z.literal('campaign') });

await carryOut('test:kvm', async () => {
  const argv = await yargs(hideBin(process.argv))
    .scriptName('npm run test:kvm --')
    .usage(
      '$0 --host HOST [scenario..]\n\nRuns the KVM table (scripts/kvm.yaml), or some of its scenarios, on a host over ssh.',
    )
    .option('host', {
      type: 'string',
      demandOption: true,
      describe: 'As of crashpath run; local is this machine',
    })
    .option('kernel', {
      type: 'string',
      array: true,
      default: [],
      describe: 'Columns of the table (default: all)',
    })
    .option('accel', {
      type: 'string',
      default: 'kvm',
      describe: 'kvm must be proved there; kvm-unproved insists on it',
    })
    .option('timeout-scale', {
      type: 'string',
      default: '12',
      describe: 'Factor on every deadline; 1 on a real box',
    })
    .option('vmcore', {
      choices: VMCORE_READS,
      default: 'nonce' as const,
      describe: 'whole and mapped read all memory over the link as well',
    })
    .option('out', { type: 'string', default: 'runs', describe: "Directory of the campaign's runs" })
    .example('$0 --host crashpath-lab-intel', 'The whole table in the lab')
    .example('$0 --host box --timeout-scale 1 sysrq-task', 'One scenario on a real box')
    .strictOptions()
    .parserConfiguration({ 'greedy-arrays': false })
    .locale('en')
    .version(false)
    .wrap(110)
    .fail((complaint, error: Error | undefined) => {
      throw error ?? usageFault(`cannot read the command line: ${complaint}`);
    })
    .parseAsync();
  const { host, accel, timeoutScale, vmcore, out, kernel } = argv;
  const words = [
    ...['run', '--campaign', join(PACKAGE_ROOT, 'scripts/kvm.yaml'), ...argv._.map(String)],
    ...kernel.flatMap((name) => ['--kernel', name]),
    ...(host === 'local' ? [] : ['--host', host]),
    ...['--accel', accel, '--timeout-scale', timeoutScale, '--vmcore', vmcore, '--out', out, '--json'],
  ];
  return await runTable(words);
});

/** Runs crashpath, whose progress goes to stderr, and prints a row as each run ends. Returns the exit code. */
async function runTable(words: readonly string[]): Promise<number> {
  const main = join(PACKAGE_ROOT, 'dist/cli/main.js');
  const child = execa(process.execPath, [main, ...words], {
    stdin: 'ignore',
    stderr: 'inherit',
    buffer: false,
    reject: false,
  });
  let passed = 0;
  let failed = 0;
  process.stdout.write(`${KVM_HEADINGS}\n`);
  for await (const line of child) {
    const object: unknown = JSON.parse(line);
    const result = RunResultSchema.safeParse(object);
    // The last line is the campaign's table.
    if (!result.success && CampaignSchema.safeParse(object).success) continue;
    if (!result.success)
      throw harnessFault(`cannot read crashpath's result "${line.slice(0, 80)}"; build again`);
    const { ok, text } = kvmRow(result.data);
    if (ok) passed += 1;
    else failed += 1;
    process.stdout.write(`${text}\n`);
  }
  const { exitCode } = await child;
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  if (passed + failed === 0) return exitCode ?? EXIT.harness;
  if (failed === 0 && exitCode !== EXIT.expected)
    complain(`test:kvm: crashpath ended with ${exitCode ?? 'a signal'}`);
  return failed === 0 ? (exitCode ?? EXIT.harness) : EXIT.unexpected;
}
