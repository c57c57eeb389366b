import t from 'tap';
import { guestWitness, stoppedWitness } from '../testing/fakes/witness.js';
import {
  CaptureProofSchema,
  MachineClaimSchema,
  PROOFS,
  proveBeforeFiring,
  proveMachine,
  proveState,
  ScenarioProofSchema,
  StateProofSchema,
  statementOf,
} from './proofs.js';
import type { Judged } from './proof.js';

/** One form of each proof, with the schemas that must take it. */
const FORMS: readonly (readonly [form: object, ...at: ('machine' | 'scenario' | 'state' | 'capture')[]])[] = [
  [{ read: { path: '/proc/cmdline', matches: 'x' } }, 'machine', 'scenario'],
  [{ output: { of: 'uname -r', lacks: 'x' } }, 'machine', 'scenario'],
  [{ interrupts: { row: 'NMI', risesBy: 1 } }, 'scenario'],
  [{ panic: { says: 'x' } }, 'scenario'],
  [{ lock: 'ioapic_lock', held: true }, 'state'],
  [{ role: 'a', in: 'panic' }, 'state'],
  [{ role: 'a', interrupts: 'off' }, 'state'],
  [{ role: 'a', inService: true }, 'state'],
  [{ pin: 9, is: { masked: true } }, 'scenario', 'state'],
  [{ cpu: 0, lapic: { irr: 'any' } }, 'scenario'],
  [{ role: 'a', lapic: { irr: 'any' } }, 'state'],
  [{ everyVcpu: { svme: true } }, 'scenario'],
  [{ role: 'a', vmxe: false }, 'state'],
  [{ role: 'a', stackHas: 'panic' }, 'state'],
  [{ variable: 'panic_cpu', equals: -1 }, 'scenario', 'state'],
  [{ clocksource: ['tsc'] }, 'capture'],
  [{ clockevent: ['lapic'] }, 'capture'],
  [{ interrupts: { row: 'LOC', atLeast: 1 } }, 'capture'],
  [{ cpus: { atLeast: 2 } }, 'capture'],
  [{ inits: { lacks: [0] } }, 'capture'],
  [{ read: { path: '/a', equals: '1', afterWatch: true } }, 'scenario'],
];

void t.test('each form is taken where it can be asked, and nowhere else', async (t) => {
  const schemas = {
    machine: MachineClaimSchema,
    scenario: ScenarioProofSchema,
    state: StateProofSchema,
    capture: CaptureProofSchema,
  };
  for (const [form, ...at] of FORMS) {
    const taken = Object.entries(schemas).flatMap(([name, schema]) =>
      schema.safeParse(form).success ? [name] : [],
    );
    t.strictSame(taken, at, JSON.stringify(form));
  }
});

void t.test('no form is that of two proofs, and no name is there twice', async (t) => {
  const names = PROOFS.map(({ name }) => name);
  t.equal(new Set(names).size, names.length);
  for (const time of ['machine', 'beforeFiring', 'choreography', 'report', 'capture'] as const) {
    for (const [form] of FORMS) {
      const takers = PROOFS.filter((proof) => {
        const { [time]: asking }: { [key in typeof time]?: { schema: typeof StateProofSchema } } =
          proof as object;
        return asking?.schema.safeParse(form).success === true;
      });
      t.ok(takers.length <= 1, `${time} ${JSON.stringify(form)}`);
    }
  }
});

void t.test('proofs are asked in their order; one that is not established can end the run', async (t) => {
  const taken: Judged[] = [];
  const stop = (judged: Judged) => {
    taken.push(judged);
    if (!judged.proved) throw new Error(judged.what);
  };
  const claim = (path: string) => ({ read: { path, equals: '1' } });
  const witness = guestWitness(['1', '0', '1'].map((output) => ({ status: 0, output })));
  await t.rejects(proveMachine([claim('/a'), claim('/b'), claim('/c')], witness, stop), {
    message: '/b = 1',
  });
  t.strictSame(
    taken.map(({ what, proved }) => [what, proved]),
    [
      ['/a = 1', true],
      ['/b = 1', false],
    ],
  );
});

void t.test('before firing, what only the console can show is left for later', async (t) => {
  const taken: Judged[] = [];
  const open = await proveBeforeFiring(
    [
      { panic: { says: 'x' } },
      { interrupts: { row: 'NMI', risesBy: 1 } },
      { read: { path: '/a', equals: '1' } },
    ],
    guestWitness([
      { status: 0, output: 'NMI:  1   Non-maskable interrupts\n' },
      { status: 0, output: '1' },
      { status: 0, output: 'NMI:  3   Non-maskable interrupts\n' },
    ]),
    (judged) => taken.push(judged),
  );
  t.match(taken, [{ what: '/a = 1', proved: true }]);
  t.equal(open.length, 1);
  t.match(await open[0]?.lookAgain(), { proved: true, saw: 'rose by 2' });
});

void t.test('a step asks one proof', async (t) => {
  const stopped = { function: 'panic', interruptsOn: false, line: 'cpu0 panic+0x0 IF=0' };
  t.match(await proveState({ role: 'a', in: 'panic' }, stoppedWitness({ stopped })), { proved: true });
});

void t.test('a statement can be had without asking', async (t) => {
  t.equal(statementOf({ interrupts: { row: 'NMI', risesBy: 1 } }), '/proc/interrupts NMI rises by 1');
  t.equal(statementOf({ role: 'a', inService: true }), 'local APIC of a: ISR has a vector');
  t.equal(statementOf({ panic: { says: 'x' } }), undefined);
});
