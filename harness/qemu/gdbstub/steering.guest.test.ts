import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { cacheDirectory } from '../../cli/directories.js';
import { connectGdb, type GdbClient, GdbTimeoutError } from './index.js';
import { bootGuest, type RealGuest } from '../../testing/guests/gdb-guest.js';

/** Longest wait for something that a busy guest under TCG does within milliseconds. */
const SOON_MS = 15_000;

/** Interrupts are on and the vCPU is in the kernel, where RIP may be sent to a kernel function. */
const KERNEL_CPL = 0n;
const CPL_MASK = 3n;

t.test('a stock kernel under TCG is held, directed and released', { timeout: 180_000 }, async (t) => {
  await using guest = await bootGuest(cacheDirectory(), 2);
  await guest.arm();
  const wanted = ['__x64_sys_sync', 'sysvec_apic_timer_interrupt', 'panic', 'linux_banner', 'jiffies'];
  const symbols = new Map(
    (await guest.sh(`grep -E ' (${wanted.join('|')})$' /proc/kallsyms`))
      .trim()
      .split('\n')
      .map((line) => [line.split(' ')[2] ?? '', BigInt(`0x${line.split(' ')[0]}`)]),
  );
  const at = (name: string): bigint => {
    const address = symbols.get(name);
    if (address === undefined) throw new Error(`the kernel has no ${name}`);
    return address;
  };

  const packets: string[] = [];
  const gdb = await connectGdb(
    { path: guest.gdb },
    { deadlineMs: SOON_MS, onPacket: (direction, text) => packets.push(`${direction} ${text.slice(0, 60)}`) },
  );
  t.teardown(() => gdb.close({ guest: 'leave' }));

  await t.test('attaching stops the guest, and both vCPUs can be read', async (t) => {
    t.strictSame(gdb.vcpus, [0, 1]);
    t.equal(gdb.state, 'stopped');
    t.equal((await guest.qmp.execute('query-status')).status, 'paused');
    t.comment(gdb.stops.map(({ text }) => text).join(' '));
    for (const vcpu of gdb.vcpus) {
      const registers = await gdb.readRegisters(vcpu);
      const seen = await guest.qmp.execute('human-monitor-command', {
        'command-line': 'info registers',
        'cpu-index': vcpu,
      });
      const monitor = (name: string): bigint =>
        BigInt(`0x${new RegExp(`\\b${name} ?=([0-9a-f]+)`, 'u').exec(seen)?.[1]}`);
      for (const [name, theirs] of [
        ...([
          ['rax', 'RAX'],
          ['rip', 'RIP'],
          ['rsp', 'RSP'],
          ['rdi', 'RDI'],
          ['r15', 'R15'],
        ] as const),
        ...([
          ['rflags', 'RFL'],
          ['cr0', 'CR0'],
          ['cr2', 'CR2'],
          ['cr3', 'CR3'],
          ['cr4', 'CR4'],
        ] as const),
        ['efer', 'EFER'] as const,
      ]) {
        t.equal(registers[name].toString(16), monitor(theirs).toString(16), `vCPU ${vcpu} ${name}`);
      }
      const gsBase = new RegExp(`^GS =[0-9a-f]{4} ([0-9a-f]{16})`, 'mu').exec(seen)?.[1];
      t.equal(registers.gs_base, BigInt(`0x${gsBase}`), 'and the per-CPU base');
    }
    t.match((await gdb.readMemory(at('linux_banner'), 14)).toString(), 'Linux version ');
    t.equal((await gdb.readMemory(at('linux_banner'), 5000)).length, 5000, 'more than one packet');
    await t.rejects(gdb.readMemory(0xdead_0000_0000_0000n, 8), { name: 'GdbRemoteError', code: 0x14 });
  });

  await t.test('a running guest is not disturbed by a wrong call', async (t) => {
    await gdb.continueAll();
    await t.rejects(gdb.readRegisters(0), { name: 'GdbStateError', message: /interrupt it first/u });
    t.match(await guest.sh('echo alive'), 'alive');
    t.match(await gdb.interrupt(), { reason: { kind: 'interrupt' }, resume: gdb.resumes });
    t.equal(await gdb.interrupt(), undefined, 'stopped already');
  });

  await t.test('stepping a vCPU that sleeps in hlt leaves nothing behind', async (t) => {
    t.ok(await untilAsleep(gdb, guest.qmp), 'an idle guest sleeps');
    for (const vcpu of gdb.vcpus) {
      const stepped = await gdb.step(vcpu, { deadlineMs: 300 }).then(
        (stop) => stop.reason.kind,
        (error: unknown) => error instanceof GdbTimeoutError && 'timeout',
      );
      t.comment(`vCPU ${vcpu}: ${stepped}, then ${gdb.state}`);
      if (stepped === 'timeout') t.match(await gdb.interrupt(), { reason: { kind: 'interrupt' }, vcpu });
      t.equal(gdb.state, 'stopped');
    }
    await gdb.continueAll();
    await t.rejects(
      gdb.waitForStop({ deadlineMs: 300 }),
      { name: 'GdbTimeoutError' },
      'no step is left over',
    );
    t.match(await guest.sh('echo awake'), 'awake');
    await gdb.interrupt();
  });

  await t.test('a QMP stop is an event, and a QMP cont can be reported', async (t) => {
    const before = gdb.stops.length;
    await guest.qmp.execute('cont');
    gdb.noteState('running');
    await guest.qmp.execute('stop');
    const told = await gdb.waitForStop({ deadlineMs: 2_000 }).catch(() => undefined);
    t.comment(`QEMU ${told === undefined ? 'does not report' : 'reports'} a QMP stop`);
    gdb.noteState('stopped');
    t.equal(gdb.stops.length - before, told === undefined ? 0 : 1);
    t.equal(gdb.state, 'stopped');
  });

  let holder = -1;
  await t.test('a breakpoint stops every vCPU', async (t) => {
    const address = at('__x64_sys_sync');
    const bytes = await gdb.readMemory(address, 4);
    await gdb.setBreakpoint(address, 'hardware');
    await gdb.continueAll();
    guest.launch('sync; echo synced');
    const stop = await gdb.waitForStop();
    t.match(stop, { reason: { kind: 'trap' }, resume: gdb.resumes });
    holder = stop.vcpu ?? -1;
    const registers = await gdb.readRegisters(holder);
    t.equal(registers.rip, address);
    t.equal(registers.cs & CPL_MASK, KERNEL_CPL);
    t.strictSame(await gdb.readMemory(address, 4), bytes, 'TCG patches nothing');

    const [first] = await nextInstructions(gdb, holder, 1);
    t.not(first, address, 'a step leaves the breakpoint');
    await gdb.removeBreakpoint(address, 'hardware');
    const others = gdb.vcpus.filter((vcpu) => vcpu !== holder);
    const idle = await Promise.all(others.map((vcpu) => gdb.readRegisters(vcpu)));
    const rips = await nextInstructions(gdb, holder, 3);
    t.equal(new Set([first, ...rips]).size, 4, 'every step is another instruction');
    t.strictSame(
      await Promise.all(others.map((vcpu) => gdb.readRegisters(vcpu))),
      idle,
      'the others stay put',
    );
  });

  await t.test('one vCPU runs alone, the other stays put', async (t) => {
    const other = gdb.vcpus.find((vcpu) => vcpu !== holder) ?? -1;
    const heldBefore = await gdb.readRegisters(holder);
    const timer = at('sysvec_apic_timer_interrupt');
    await gdb.setBreakpoint(timer, 'software');
    let ticks = 0;
    for (; ticks < 3; ticks += 1) {
      await gdb.continueVcpus([other]);
      const stop = await gdb.waitForStop();
      t.equal(stop.vcpu, other, 'only the released one can stop the guest');
      t.equal((await gdb.readRegisters(other)).rip, timer);
      await gdb.step(other);
    }
    t.equal(ticks, 3, 'the released vCPU took three timer interrupts');
    t.strictSame(await gdb.readRegisters(holder), heldBefore, 'the held one did not move');
    await gdb.removeBreakpoint(timer, 'software');
    await gdb.continueVcpus([other]);
    t.strictSame(gdb.running, [other]);
    await sleep(200);
    await gdb.interrupt();
    t.strictSame(await gdb.readRegisters(holder), heldBefore, 'nor when the other ran freely');
  });

  await t.test('a watchpoint names the address', async (t) => {
    const other = gdb.vcpus.find((vcpu) => vcpu !== holder) ?? -1;
    const jiffies = at('jiffies');
    const before = (await gdb.readMemory(jiffies, 8)).readBigUInt64LE();
    await gdb.setWatchpoint(jiffies, { length: 8, access: 'write' });
    await gdb.continueAll();
    const stop = await gdb.waitForStop();
    t.match(stop.reason, { kind: 'watchpoint', access: 'write', address: jiffies });
    await gdb.removeWatchpoint(jiffies, { length: 8, access: 'write' });
    const after = (await gdb.readMemory(jiffies, 8, { vcpu: other })).readBigUInt64LE();
    t.ok(after >= before, `jiffies ${before} ${after}`);
  });

  await t.test('detached, the guest continues without breakpoints; attached again, it stops', async (t) => {
    await gdb.setBreakpoint(at('__x64_sys_sync'), 'hardware');
    await gdb.close();
    t.equal(gdb.state, 'closed');
    t.match(await guest.sh('sync; echo again'), 'again');
    t.equal((await guest.qmp.execute('query-status')).status, 'running');
  });

  await t.test('what QEMU keeps when the connection just ends', async (t) => {
    const second = await connectGdb({ path: guest.gdb }, { deadlineMs: SOON_MS });
    await second.setBreakpoint(at('__x64_sys_sync'), 'hardware');
    await second.close({ guest: 'leave' });
    await sleep(100);
    t.equal((await guest.qmp.execute('query-status')).status, 'paused', 'the guest stays stopped');
    const third = await connectGdb({ path: guest.gdb }, { deadlineMs: SOON_MS });
    await third.continueAll();
    t.match(await guest.sh('sync; echo clean'), 'clean', 'a new connection removes old breakpoints');
    await third.close();
    t.match(await guest.sh('echo undisturbed'), 'undisturbed');
  });

  await t.test('RIP = panic, RDI = linux_banner: the crash kernel takes over', async (t) => {
    const last = await connectGdb({ path: guest.gdb }, { deadlineMs: SOON_MS });
    await last.setBreakpoint(at('sysvec_apic_timer_interrupt'), 'hardware');
    await last.continueAll();
    const { vcpu = 0 } = await last.waitForStop();
    await last.removeBreakpoint(at('sysvec_apic_timer_interrupt'), 'hardware');
    await last.writeRegister(vcpu, 'rdi', at('linux_banner'));
    await last.writeRegister(vcpu, 'rip', at('panic'));
    t.match(await last.readRegisters(vcpu), { rip: at('panic'), rdi: at('linux_banner') });
    await t.rejects(last.writeRegister(vcpu, 'rflags', 1n << 32n), RangeError);
    await last.close();
    const panicked = ({ console }: { console: string }) =>
      /Kernel panic - not syncing: Linux version/u.test(console);
    t.ok(await guest.until(panicked, SOON_MS), 'the panic is on the console');
    const captured = ({ control }: { control: string }) => control.includes('"capture-hello"');
    t.ok(await guest.until(captured, 60_000), 'the capture kernel is in userspace');
  });
  t.comment(packets.slice(0, 12).join('\n'));
});

/** Lets the guest go and stops it again until every vCPU sleeps in hlt: after a command it still has things to do. */
async function untilAsleep(gdb: GdbClient, qmp: RealGuest['qmp']): Promise<boolean> {
  const asleep = async (vcpu: number): Promise<boolean> => {
    const seen = await qmp.execute('human-monitor-command', {
      'command-line': 'info registers',
      'cpu-index': vcpu,
    });
    return /HLT=1/u.test(seen);
  };
  for (const until = Date.now() + SOON_MS; Date.now() < until; ) {
    if (!(await Promise.all(gdb.vcpus.map(asleep))).includes(false)) return true;
    await gdb.continueAll();
    await sleep(100);
    await gdb.interrupt();
  }
  return false;
}

async function nextInstructions(gdb: GdbClient, vcpu: number, steps: number): Promise<bigint[]> {
  const rips: bigint[] = [];
  for (let step = 0; step < steps; step += 1) {
    const stop = await gdb.step(vcpu);
    rips.push((await gdb.readRegisters(stop.vcpu ?? -1)).rip);
  }
  return rips;
}
