import t from 'tap';
import { faultFact } from './fault-fact.js';
import { type Machine, MachineFailure, MissingAbility, need } from './machine.js';

const machine: Pick<Machine, 'name' | 'abilities'> = {
  name: 'a box behind a BMC',
  abilities: { reset: { reset: async () => undefined } },
};

void t.test('an ability that is there', async (t) => {
  t.equal(need(machine, 'reset'), machine.abilities.reset);
});

void t.test('one that is missing says which, of what', async (t) => {
  t.throws(() => need(machine, 'debugger'), {
    name: 'MissingAbility',
    ability: 'debugger',
    what: 'the machine has a debugger',
    saw: 'a box behind a BMC has none',
  });
  t.match(new MissingAbility('network', 'QEMU', ' with raw frames'), {
    message: 'the machine has a network card with raw frames: QEMU has none',
  });
});

void t.test('a failure of the host is recorded unchanged, with its causes', async (t) => {
  const cause = new Error('connect ECONNREFUSED');
  const fact = faultFact(
    new MachineFailure('cannot ask the monitor: late; is the host busy?', { gone: false, cause }),
  );
  t.equal(fact.message, 'cannot ask the monitor: late; is the host busy?');
  t.match(fact.stack, /connect ECONNREFUSED/);
  const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
  t.equal(faultFact(full).message, 'Error: ENOSPC: no space left');
});

void t.test('a bug of crashpath is reported as one, with its stack', async (t) => {
  const bug = new TypeError('x is not a function', { cause: new Error('deeper') });
  const { message, stack } = faultFact(bug);
  t.equal(
    message,
    'cannot carry out the run: a bug of crashpath, TypeError: x is not a function; report it with host.jsonl, which has the stack',
  );
  t.match(stack, /machine\.test/);
  t.match(stack, /deeper/);
  t.match(faultFact('a string').message, /a bug of crashpath, a string/);
});
