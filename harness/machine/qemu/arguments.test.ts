import t from 'tap';
import { qemuArguments } from './arguments.js';

/** The word after an option. */
function after(args: readonly string[], option: string): string | undefined {
  const at = args.indexOf(option);
  return at < 0 ? undefined : args[at + 1];
}

void t.test('a dead guest is kept: a reset shuts down, a shutdown pauses', async (t) => {
  const args = qemuArguments({
    qtest: false,
    name: 'n',
    accel: 'tcg',
    machine: 'pc',
    cpuModel: 'max',
    cpus: 1,
    memoryMiB: 128,
    bzImage: '/k',
    initrd: '/i',
    append: '',
  });
  t.match(after(args, '-action'), /reboot=shutdown,shutdown=pause/);
  t.ok(args.includes('-nodefaults'));
  t.match(after(args, '-sandbox'), /^on,.*spawn=deny/);
});
