import t from 'tap';
import type { HostFact } from '../model/record.js';
import type { ScriptEnd, SshAccess, Target } from './target.js';
import {
  armTrigger,
  contextOf,
  contradictionOf,
  type FiringTrigger,
  needsOf,
  provedBy,
  type Trigger,
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
    serial: undefined,
    keyboard: undefined,
    ssh: undefined,
  };
  const lacking = [
    ['an NMI button', { kind: 'nmi' }],
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
  const surroundings = { guest: {}, cpus: 2 };
  const ssh = { kind: 'ssh', copyMiB: 8 } as const;
  const frames = { guest: { nic: { model: 'e1000', net: 'frames' } }, cpus: 2 } as const;
  const user = { guest: { nic: { model: 'e1000', net: 'user' } }, cpus: 2 } as const;
  t.match(contradictionOf(ssh, surroundings), { why: /"ssh"/ });
  t.match(contradictionOf(ssh, frames), { remedy: /net: user/ });
  t.equal(contradictionOf(ssh, user), undefined);
  t.match(contradictionOf(directed, surroundings), {
    what: 'its steps contradict themselves',
    why: /^step 1: /,
    subject: 'its steps',
  });
  t.equal(contradictionOf({ kind: 'nmi' }, surroundings), undefined);
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
  const surroundings = { guest: {}, cpus: 2 };
  t.match(contradictionOf({ ...trigger, stimulus: 'true \\' }, surroundings), { why: /ends in a backslash/ });
  t.equal(contradictionOf(trigger, surroundings), undefined, 'only a shell can tell');
});
