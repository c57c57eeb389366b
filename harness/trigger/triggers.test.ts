import t from 'tap';
import type { HostFact } from '../model/record.js';
import { mce } from './mce.js';
import type { ScriptEnd, SshAccess, Target } from './target.js';
import {
  armTrigger,
  contextOf,
  contradictionOf,
  type FiringTrigger,
  needsOf,
  provedBy,
  type Trigger,
  TriggerSchema,
} from './triggers.js';

/** `cd /sys/kernel/debug/provoke-crash && ls && cat DIRECT` on a 6.1.192 with CONFIG_LKDTM, shortened. */
const OFFER = `DIRECT
FS_SUBMIT_BH
INT_HARDWARE_ENTRY
INT_HW_IRQ_EN
Available crash types:
PANIC
BUG
WARNING
`;

const VOID = { message: 'made void' };

/** The rest of a scenario with two vCPUs. */
const REST = { guest: {}, cpus: 2, prove: [], expect: { verdict: 'captured' } } as const;

/** QEMU 7.2, target/i386/helper.c, cpu_x86_inject_mce(). */
const refusal = 'Invalid MCE bank number\r\n';

/** A guest that answers scripts from a list, and remembers what was done to it. */
function made(answers: readonly ScriptEnd[], end?: ScriptEnd): { target: Target; done: string[] } {
  const done: string[] = [];
  const left = [...answers];
  return {
    done,
    target: {
      fireScript: async (script) => void done.push(`fire ${script}`),
      async fireScriptToEnd(script) {
        done.push(`fire ${script.split('\n')[0]}`);
        return end;
      },
      async runScript() {
        const answer = left.shift();
        if (answer === undefined) throw new Error('asked too often');
        return answer;
      },
      nmi: { inject: async () => void done.push('nmi') },
      machineCheck: {
        async inject({ cpu, bank, status, mcgStatus, broadcast }) {
          done.push(`mce ${cpu} ${bank} ${status.toString(16)} ${mcgStatus.toString(16)} ${broadcast}`);
          return bank === 9 ? refusal : '';
        },
      },
      serial: {
        sendBreak: async () => void done.push('break'),
        type: (text) => void done.push(`type ${text}`),
      },
      keyboard: { hold: async (key) => void done.push(`hold ${key}`) },
      replyMs: 1000,
      now: () => 0,
      sleep: async (ms) => void done.push(`sleep ${ms}`),
      require({ what, proved, saw }) {
        done.push(`${proved ? 'proved' : 'not proved'}: ${what} (${saw})`);
        if (!proved) throw new Error('made void');
      },
      fact: (fact: HostFact) => void done.push(fact.fact),
    },
  };
}

/** Arms a trigger and fires it at once. */
async function fire(trigger: FiringTrigger, target: Target): Promise<void> {
  const armed = await armTrigger(trigger, target);
  await armed();
}

void t.test('serial-break: a BREAK and the key, only when a process has the tty open', async (t) => {
  const line = '   4:        12          0   IO-APIC   4-edge      ttyS0\n';
  const open = made([{ status: 0, output: line }]);
  await fire({ kind: 'serial-break', key: 'c' }, open.target);
  t.match(open.done, [/^proved: .*4: 12 0 IO-APIC 4-edge ttyS0/, 'fired', 'break', 'type c']);
  const closed = made([{ status: 1, output: '' }]);
  await t.rejects(fire({ kind: 'serial-break', key: 'c' }, closed.target), VOID);
  t.match(closed.done, [/^not proved: .*no ttyS0/]);
});

void t.test('keyboard: three keys, only when the sysrq handler is connected', async (t) => {
  const there = made([{ status: 0, output: 'H: Handlers=sysrq kbd leds \n' }]);
  await fire({ kind: 'keyboard', key: 'c' }, there.target);
  t.match(there.done, [
    /^proved/,
    'fired',
    'hold alt',
    'sleep 500',
    'hold sysrq',
    'sleep 500',
    'hold c',
    'sleep 500',
  ]);
  for (const output of ['H: Handlers=kbd leds \n', 'H: Handlers=nosysrq kbd\n', '']) {
    const absent = made([{ status: 0, output }]);
    await t.rejects(fire({ kind: 'keyboard', key: 'c' }, absent.target), VOID, JSON.stringify(output));
  }
});

void t.test('lkdtm: what the kernel offers, then the write, then its end', async (t) => {
  const trigger = { kind: 'lkdtm', point: 'INT_HW_IRQ_EN', type: 'PANIC' } as const;
  const dies = made([{ status: 0, output: OFFER }]);
  await fire(trigger, dies.target);
  t.match(dies.done, [
    /^proved: this kernel has lkdtm \(points DIRECT .*; types PANIC BUG WARNING\)/,
    /^proved: lkdtm offers the crash point INT_HW_IRQ_EN and the type PANIC/,
    /^fire echo PANIC >\/sys\/kernel\/debug\/provoke-crash\/INT_HW_IRQ_EN \|\| /,
    'fired',
  ]);
  const lives = made([{ status: 0, output: OFFER }], {
    status: 0,
    output: 'ffffffff8110f4a0  k  handle_irq_event+0x0\n',
  });
  await fire(trigger, lives.target);
  t.match(lives.done.at(-1), /^proved: the crash point INT_HW_IRQ_EN is registered \(.*handle_irq_event/);
});

void t.test('lkdtm: absent, not offered, or not registered is void, in its own words', async (t) => {
  const trigger = { kind: 'lkdtm', point: 'INT_HARDWARE_ENTRY', type: 'PANIC' } as const;
  const absent = made([{ status: 1, output: "sh: can't cd to /sys/kernel/debug/provoke-crash" }]);
  await t.rejects(fire(trigger, absent.target), VOID);
  t.match(absent.done, [/^not proved: this kernel has lkdtm \(.*without CONFIG_LKDTM/]);
  const poor = made([{ status: 0, output: OFFER }]);
  await t.rejects(fire({ ...trigger, point: 'TIMERADD' }, poor.target), VOID);
  t.match(poor.done.at(-1), /^not proved: .*TIMERADD.*the point is not there/);
  const refused = made([{ status: 0, output: OFFER }], {
    status: 1,
    output: "[   12.345678] lkdtm: Couldn't register kprobe do_IRQ\n",
  });
  await t.rejects(fire(trigger, refused.target), VOID);
  t.match(refused.done.at(-1), /^not proved: .*is registered \(.*Couldn't register kprobe do_IRQ/);
});

/** As a scenario's text gives it. */
const FATAL_MCE = mce.schema.parse({ kind: 'mce' });

void t.test('mce: the bank of the CPU, then the error', async (t) => {
  const there = made([{ status: 0, output: 'bank0 bank1\nffffffffffffffff\n' }]);
  await fire({ ...FATAL_MCE, broadcast: true }, there.target);
  t.match(there.done, [
    /^proved: the kernel handles machine checks of bank 1 on CPU 0 \(MC1_CTL f{16}\)/,
    'fired',
    'mce 0 1 b200000000000001 4 true',
    /^proved: the machine takes the error/,
  ]);
  const absent = made([{ status: 1, output: "sh: can't cd to /sys/devices/system/machinecheck" }]);
  await t.rejects(fire(FATAL_MCE, absent.target), VOID);
  t.match(absent.done, [/^not proved: .*CONFIG_X86_MCE/]);
  const refused = made([{ status: 0, output: 'bank0 bank9\nffff\n' }]);
  await t.rejects(fire({ ...FATAL_MCE, bank: 9 }, refused.target), VOID);
  t.match(refused.done.at(-1), /^not proved: the machine takes the error \(Invalid MCE bank number \)/);
});

void t.test('mce: registers are bits in quotes, of a valid error, on a CPU that there is', (t) => {
  const message = (given: object) => TriggerSchema.safeParse({ kind: 'mce', ...given }).error?.message;
  t.equal(message({ status: '0x9c00000000000001' }), undefined);
  t.match(message({ status: 0xb200 }), /in quotes, such as/);
  t.match(message({ status: '0x3200000000000001' }), /bit 63/);
  t.match(message({ status: '0x1b200000000000001' }), /in quotes, such as/);
  t.match(contradictionOf({ ...FATAL_MCE, cpu: 2 }, REST), { why: /cpu 2, and the guest has 2/ });
  t.equal(contradictionOf({ ...FATAL_MCE, cpu: 1 }, REST), undefined);
  t.end();
});

void t.test('script: a failure of its own is void, with its output; one that runs on is not', async (t) => {
  const trigger = { kind: 'script', run: 'modprobe breaks\n', cpu: 1 } as const;
  const dies = made([{ status: 0, output: '' }]);
  await fire(trigger, dies.target);
  t.match(dies.done, ['fired', /^fire taskset 2 sh -c /]);
  const done = made([{ status: 0, output: '' }], { status: 0, output: '' });
  await fire(trigger, done.target);
  t.match(done.done.at(-1), /^proved: the script did not fail \(status 0\)/);
  const fails = made([{ status: 0, output: '' }], { status: 127, output: 'sh: modprobe: not found\n' });
  await t.rejects(fire(trigger, fails.target), VOID);
  t.match(fails.done.at(-1), /^not proved: the script did not fail \(status 127: sh: modprobe: not found\)/);
  const unread = made([{ status: 2, output: 'sh: syntax error: unterminated quoted string' }]);
  await t.rejects(fire(trigger, unread.target), VOID);
  t.match(unread.done, [/^not proved: the guest's shell can parse the trigger's script/]);
});

void t.test('script: the scenario says which panic it is to be', (t) => {
  const trigger = { kind: 'script', run: 'echo c >/proc/sysrq-trigger' } as const;
  t.match(contradictionOf(trigger, REST), { why: /which one is meant/, remedy: /panic: \{ says/ });
  t.equal(contradictionOf(trigger, { ...REST, prove: [{ panic: { says: 'sysrq' } }] }), undefined);
  t.equal(contradictionOf(trigger, { ...REST, expect: { verdict: 'no-panic' } }), undefined);
  t.match(contradictionOf({ ...trigger, run: '# nothing' }, REST), { why: /has no command/ });
  t.match(contradictionOf({ ...trigger, cpu: 2 }, REST), { why: /cpu 2, and the guest has 2/ });
  t.end();
});

void t.test('arming comes before what is recorded right before firing', async (t) => {
  const guest = made([{ status: 0, output: 'H: Handlers=sysrq kbd leds \n' }]);
  const armed = await armTrigger({ kind: 'keyboard', key: 'c' }, guest.target);
  t.match(guest.done, [/^proved/], 'the keyboard was looked for, and no key is pressed yet');
  t.equal(guest.done.length, 1);
  await armed();
  t.equal(guest.done.filter((what) => what.startsWith('hold')).length, 3);
});

void t.test('a machine that lacks an ability makes the run void, with its name', async (t) => {
  const { target, done } = made([]);
  const bare: Target = {
    ...target,
    nmi: undefined,
    machineCheck: undefined,
    serial: undefined,
    keyboard: undefined,
    ssh: undefined,
  };
  const lacking = [
    ['an NMI button', { kind: 'nmi' }],
    ['machine checks that can be injected', FATAL_MCE],
    ['a serial console that takes a BREAK', { kind: 'serial-break', key: 'c' }],
    ['a keyboard', { kind: 'keyboard', key: 'c' }],
    ['a network card with a way out for ssh', { kind: 'ssh', copyMiB: 8 }],
  ] as const;
  for (const [ability, trigger] of lacking) {
    await t.rejects(armTrigger(trigger, bare), VOID);
    t.equal(
      done.at(-1),
      `not proved: the machine has ${ability} (it has none, and trigger "${trigger.kind}" needs it)`,
    );
  }
  await fire({ kind: 'sysrq', key: 'c' }, bare);
  t.match(done.at(-2), /^fire echo c/, 'a trigger that needs the control channel only');
});

void t.test('the facts of each trigger in the list', async (t) => {
  const step = { fire: { role: 'a', aloneMs: 0 } } as const;
  const directed = { kind: 'choreography', steps: [step] } as const satisfies Trigger;
  t.strictSame(needsOf(directed), ['debugger']);
  t.strictSame(
    needsOf({ ...directed, steps: [{ interrupt: { role: 'a', nmi: true } }, step] }),
    ['debugger', 'interrupts'],
    'an interrupt step goes through qtest',
  );
  t.strictSame(needsOf({ kind: 'sysrq', key: 'c' }), []);
  t.match(contextOf({ kind: 'nmi' }), /^NMI context/);
  t.match(provedBy({ kind: 'lkdtm', point: 'DIRECT', type: 'PANIC' }), [/crash point was hit/]);
  t.strictSame(provedBy({ kind: 'nmi' }), []);
  const ssh = { kind: 'ssh', copyMiB: 8 } as const;
  const frames = { ...REST, guest: { nic: { model: 'e1000', net: 'frames' } } } as const;
  const user = { ...REST, guest: { nic: { model: 'e1000', net: 'user' } } } as const;
  t.match(contradictionOf(ssh, REST), { why: /"ssh"/ });
  t.match(contradictionOf(ssh, frames), { remedy: /net: user/ });
  t.equal(contradictionOf(ssh, user), undefined);
  t.match(contradictionOf(directed, REST), {
    what: 'its steps contradict themselves',
    why: /^step 1: /,
    subject: 'its steps',
  });
  t.equal(contradictionOf({ kind: 'nmi' }, REST), undefined);
});

/** A guest with an ssh server: what the session did is in `done`; the clock advances only during `sleep`. */
function madeSsh(login: SshAccess['login']): { target: Target; done: string[] } {
  let size = 0;
  let interrupts = 0;
  let nowMs = 0;
  const { target, done } = made([]);
  return {
    done,
    target: {
      ...target,
      now: () => nowMs,
      // Only the copy's poll is waited for here; a deadline of the session never comes.
      sleep: (ms) => {
        if (ms > 100) return new Promise(() => undefined);
        nowMs += ms;
        size += 400_000;
        interrupts += 10;
        return Promise.resolve();
      },
      async runScript(script) {
        if (script.includes('dropbearkey')) {
          done.push(`server ${/nc (\S+ \S+)/.exec(script)?.[1]}`);
          return { status: 0, output: `ssh-ed25519 ${'A'.repeat(60)} root@guest\n` };
        }
        return { status: 0, output: script.startsWith('stat') ? `${size}\n` : `${interrupts}\n` };
      },
      ssh: {
        network: { guest: '10.0.2.15/24', host: '10.0.2.100', port: 2222 },
        freshUserKey: async () => ({ privateKey: 'private', publicKey: 'ssh-ed25519 public' }),
        login,
      },
    },
  };
}

void t.test(
  'ssh: login, a checked copy, another one under way; the crash goes through the session',
  async (t) => {
    const guest = madeSsh(async ({ hostKey }) => {
      guest.done.push(`login ${hostKey.split(' ')[0]}`);
      return {
        run: async () => ({ status: 0, output: `feed  -\n${1024 * 1024}\n` }),
        arm: async (command) => {
          guest.done.push(`wait ${command}`);
          return () => void guest.done.push('crash');
        },
        copy: async (path) => {
          guest.done.push(`copy ${path}`);
          return { sentBytes: 5, done: Promise.resolve('feed') };
        },
        close: () => undefined,
      };
    });
    const armed = await armTrigger({ kind: 'ssh', copyMiB: 1 }, guest.target);
    t.match(guest.done, [
      'server 10.0.2.100 2222',
      /^proved: the guest runs an ssh server/,
      'login ssh-ed25519',
      /^proved: logged in through ssh/,
      'copy /tmp/copied',
      /^proved: a file of 1 MiB was copied through ssh \(feed - 1048576;/,
      'wait echo c >/proc/sysrq-trigger',
      'copy /tmp/interrupted',
      /^proved: a copy is under way \(1200000 bytes arrived, eth0's interrupts rose by 30\)/,
    ]);
    await armed();
    t.strictSame(guest.done.slice(-2), ['fired', 'crash']);
  },
);

void t.test('ssh: a login that fails is void, with what ssh said', async (t) => {
  const guest = madeSsh(async () => {
    throw new Error('Timed out while waiting for handshake');
  });
  await t.rejects(armTrigger({ kind: 'ssh', copyMiB: 1 }, guest.target), VOID);
  t.match(guest.done.at(-1), /^not proved: logged in through ssh \(Error: Timed out while waiting/);
});

void t.test('lkdtm: a stimulus that the shell cannot parse is void before anything is fired', async (t) => {
  const trigger = { kind: 'lkdtm', point: 'INT_HW_IRQ_EN', type: 'PANIC', stimulus: 'echo (' } as const;
  const offer = { status: 0, output: OFFER };
  const broken = made([offer, { status: 2, output: 'sh: syntax error: unexpected end of file\n' }]);
  await t.rejects(armTrigger(trigger, broken.target), VOID);
  t.match(
    broken.done.at(-1),
    /^not proved: .*parse the stimulus \(sh: syntax error: unexpected end of file\)/,
  );
  const sound = made([offer, { status: 0, output: '' }]);
  await fire({ ...trigger, stimulus: 'true # for ever' }, sound.target);
  t.equal(sound.done.at(-1), 'fired');
  t.match(contradictionOf({ ...trigger, stimulus: 'true \\' }, REST), { why: /ends in a backslash/ });
  t.equal(contradictionOf(trigger, REST), undefined, 'only a shell can tell');
});
