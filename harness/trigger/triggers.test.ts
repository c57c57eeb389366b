import t from 'tap';
import type { HostFact } from '../model/record.js';
import { fire } from './fire.js';
import type { ScriptEnd, Target } from './target.js';

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
      injectNmi: async () => void done.push('nmi'),
      sendBreak: async () => void done.push('break'),
      typeAtConsole: (text) => void done.push(`type ${text}`),
      holdKey: async (key) => void done.push(`hold ${key}`),
      require({ what, proved, saw }) {
        done.push(`${proved ? 'proved' : 'not proved'}: ${what} (${saw})`);
        if (!proved) throw new Error('made void');
      },
      fact: (fact: HostFact) => void done.push(fact.fact),
    },
  };
}

void t.test('serial-break: a BREAK and the key, and only when somebody listens', async (t) => {
  const line = '   4:        12          0   IO-APIC   4-edge      ttyS0\n';
  const open = made([{ status: 0, output: line }]);
  await fire({ kind: 'serial-break', key: 'c' }, open.target);
  t.match(open.done, [/^proved: .*4: 12 0 IO-APIC 4-edge ttyS0/, 'fired', 'break', 'type c']);
  const closed = made([{ status: 1, output: '' }]);
  await t.rejects(fire({ kind: 'serial-break', key: 'c' }, closed.target), VOID);
  t.match(closed.done, [/^not proved: .*no ttyS0/]);
});

void t.test('keyboard: three keys, and only when the sysrq handler listens', async (t) => {
  const there = made([{ status: 0, output: 'H: Handlers=sysrq kbd leds \n' }]);
  await fire({ kind: 'keyboard', key: 'c' }, there.target);
  t.match(there.done, [/^proved/, 'fired', 'hold alt', 'hold sysrq', 'hold c']);
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
