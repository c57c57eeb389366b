import t from 'tap';
import { machineWitness, stoppedWitness } from '../testing/fakes/witness.js';
import { cpuFlag } from './cpu-flag.js';

/** QEMU 7.2.22, TCG, `-cpu max`, Debian 6.1 with kvm_amd and a VM: `info registers -a`, shortened. */
const text = (efers: readonly string[], cr4 = '000000f0') =>
  efers
    .map((efer, index) =>
      [
        `CPU#${index}`,
        'RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000001 RDX=0000000000000000',
        'RIP=ffffffff8a6592eb RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1',
        'IDT=     fffffe0000000000 00000fff',
        `CR0=80050033 CR2=00007f0000000000 CR3=0000000005010000 CR4=${cr4}`,
        'DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000 ',
        'DR6=00000000ffff0ff0 DR7=0000000000000400',
        `EFER=${efer}`,
        'FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80',
      ].join('\r\n'),
    )
    .join('\r\n');
const ON = '0000000000001d01';
const OFF = '0000000000000d01';

const every = (flag: object, registers: string, cpus = 2) =>
  cpuFlag.beforeFiring.put({ everyVcpu: flag }, machineWitness({ registers, cpus }));

void t.test('EFER.SVME on every vCPU', async (t) => {
  t.strictSame(await every({ svme: true }, text([ON, ON])), {
    what: 'every vCPU has EFER.SVME = 1',
    proved: true,
    saw: 'cpu0 EFER=0x1d01; cpu1 EFER=0x1d01',
  });
  t.match(await every({ svme: true }, text([ON, OFF])), { proved: false }, 'one has it not');
  t.match(await every({ svme: true }, text([ON])), { proved: false }, 'one is not shown');
  t.match(await every({ svme: true }, ''), { proved: false, saw: /no vCPU/ });
  t.match(await every({ svme: false }, text([OFF, OFF])), { proved: true });
  t.match(await every({ svme: false }, text([OFF, ON])), { proved: false });
});

void t.test('CR4.VMXE', async (t) => {
  t.match(await every({ vmxe: true }, text([ON], '000026f0'), 1), {
    what: 'every vCPU has CR4.VMXE = 1',
    proved: true,
    saw: 'cpu0 CR4=0x26f0',
  });
  t.match(await every({ vmxe: true }, text([ON], '000006f0'), 1), { proved: false });
  t.match(await every({ vmxe: true }, text([ON], '000046f0'), 1), { proved: false }, 'SMXE');
});

void t.test('incomplete vCPUs are left out', async (t) => {
  t.match(await every({ svme: true }, text([ON]).replace(/CR4=\S+/, ''), 1), { saw: /no vCPU/ });
  t.match(await every({ svme: true }, text([ON]).replace(/EFER=\S+/, 'EFER=1'), 1), { saw: /no vCPU/ });
});

void t.test('the same of a role in a choreography', async (t) => {
  const role = (flag: object, registers: string) =>
    cpuFlag.choreography.put({ role: 'crasher', ...flag }, stoppedWitness({ registers }));
  t.strictSame(await role({ svme: true }, text([ON, OFF])), {
    what: 'crasher has EFER.SVME = 1',
    proved: true,
    saw: 'cpu0 EFER=0x1d01',
  });
  t.match(await role({ vmxe: true }, text([ON, OFF])), { what: 'crasher has CR4.VMXE = 1', proved: false });
  t.match(await role({ svme: true }, ''), { proved: false, saw: 'cpu0 is not shown' });
  t.equal(await role({ svme: true, vmxe: true }, ''), undefined, 'one bit at a time');
});
