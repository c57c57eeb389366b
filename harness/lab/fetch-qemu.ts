#!/usr/bin/env node
/** `scripts/fetch-qemu`: fetches QEMU versions from Debian into the cache. docs/machines.md. */
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { carryOut } from '../bench/carry-out.js';
import { cacheOptions } from '../cli/context.js';
import { EXIT, usageFault } from '../model/fault.js';
import { fetchQemu, QEMU_VERSIONS, suiteOfQemu } from './qemu-versions.js';

await carryOut('fetch-qemu', async () => {
  const argv = await yargs(hideBin(process.argv))
    .scriptName('scripts/fetch-qemu')
    .usage(
      '$0 VERSION..|all\n\nFetches QEMU from the Debian archive of this host and unpacks it, with the libraries that it needs, into\nthe cache. Nothing is installed. Prints the version and the path of the program, one line each.',
    )
    .example('$0 all', `QEMU ${QEMU_VERSIONS.join(', ')}`)
    .example(
      'CRASHPATH_QEMU=$($0 --path 10.0) crashpath run sysrq-task -k debian:6.1',
      'One run with QEMU 10.0',
    )
    .option('path', { type: 'boolean', default: false, describe: 'Print the path alone' })
    .demandCommand(1, `cannot fetch QEMU "": no version is given; give ${QEMU_VERSIONS.join(', ')} or all`)
    .strictOptions()
    // 10.0 is no number.
    .parserConfiguration({ 'parse-positional-numbers': false })
    .locale('en')
    .version(false)
    .fail((complaint, error: Error | undefined) => {
      throw error ?? usageFault(complaint);
    })
    .parseAsync();
  const words = argv._.map(String);
  const wanted = words.includes('all') ? QEMU_VERSIONS : words;
  for (const version of wanted) suiteOfQemu(version);
  for (const version of wanted) {
    const { binary, packageVersion } = await fetchQemu(version, cacheOptions());
    process.stdout.write(argv.path ? `${binary}\n` : `${version} ${packageVersion} ${binary}\n`);
  }
  return EXIT.expected;
});
