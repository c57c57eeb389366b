import { freshUserKey, openSsh } from '../guest/ssh-session.js';
import type { Machine } from '../machine/machine.js';
import { USER_NET } from '../plan/nic.js';
import type { Abilities, SomeAbilities, Target } from '../trigger/target.js';
import type { Guest } from './guest.js';

/** A guest as the target of a trigger. */
export function triggerTarget({ machine, shell, watch }: Guest): Target {
  return {
    ...abilitiesOf(machine),
    fireScript: (script) => shell.fire(script),
    fireScriptToEnd: (script) => shell.fireToEnd(script),
    runScript: (script, what) => shell.run(script, what),
    replyMs: watch.msOf('replyMs'),
    require: (proof) => watch.require(proof),
    fact: (fact) => watch.fact(fact),
    now: () => watch.ownMs(),
    sleep: (ms, signal) => watch.sleep(ms, signal),
  };
}

function abilitiesOf({
  abilities: { nmi, machineCheck, keyboard, console, network },
}: Machine): SomeAbilities {
  const sendBreak = console?.sendBreak;
  const serial =
    console === undefined || sendBreak === undefined
      ? undefined
      : { sendBreak, type: (text: string) => console.send(Buffer.from(text, 'latin1')) };
  const ssh =
    network === undefined
      ? undefined
      : {
          network: USER_NET,
          freshUserKey,
          login: async (options: Parameters<Abilities['ssh']['login']>[0]) =>
            openSsh(await network.stream(), options),
        };
  return { nmi, machineCheck, keyboard, serial, ssh };
}
