import { type Autopsy, AutopsySchema, type AutopsyFrame } from '../model/autopsy.js';
import type { HostFact } from '../model/record.js';
import {
  type CpuStack,
  MOST_FRAMES,
  MOST_STACKS,
  type StackFrame,
  SYMBOL_NAME,
  withInterruptions,
} from './cpu-stack.js';

/** The stacks of an autopsy's vCPUs, without those that have none. Pure. */
export function stacksOfAutopsy({ vcpus }: Pick<Autopsy, 'vcpus'>): CpuStack[] {
  return vcpus.flatMap(({ vcpu, frames }) => {
    const named = frames.filter((frame) => SYMBOL_NAME.test(frame.function ?? ''));
    if (named.length === 0) return [];
    const marked = withInterruptions(named.map(frameOf)).map((frame, index): StackFrame => {
      // An autopsy says where an interruption hit, not what it was: the functions above tell, if any can.
      const hit = index > 0 && named[index]?.interrupted === true;
      return hit && frame.interruptedBy === undefined ? { ...frame, interruptedBy: 'exception' } : frame;
    });
    return [stackOf('autopsy', vcpu, marked)];
  });
}

function frameOf({ function: name = '', label, reliable }: AutopsyFrame): StackFrame {
  const [, offset, size] = /\+0x([\da-f]{1,6})\/0x([\da-f]{1,6})/.exec(label) ?? [];
  return {
    function: name,
    ...(offset === undefined ? {} : { offset: Number.parseInt(offset, 16) }),
    ...(size === undefined ? {} : { size: Number.parseInt(size, 16) }),
    reliable,
  };
}

/**
 * What a run's recording shows of its vCPUs in the end: the autopsy, or the stacks that a recording without one has. Pure.
 */
export function stacksOfRun(facts: readonly HostFact[]): {
  stacks: CpuStack[];
  autopsy: Autopsy | undefined;
} {
  const autopsy = facts.flatMap((fact) => (fact.fact === 'autopsy' ? [fact.autopsy] : [])).at(-1);
  if (autopsy !== undefined) return { stacks: stacksOfAutopsy(autopsy), autopsy };
  const where = new Map<number, string>();
  const stacks = new Map<number, CpuStack>();
  for (const fact of facts) {
    if (fact.fact === 'last-place' && fact.where !== undefined) where.set(fact.vcpu, fact.where);
    if (fact.fact !== 'stack') continue;
    const frames = fact.functions.slice(0, MOST_FRAMES).map((text, index): StackFrame => {
      const reliable = !text.startsWith('? ');
      const name = text.replace(/^\? /, '').replace(/\+0x.*$/, '');
      const at =
        index === 0 ? /^(.+)\+0x([\da-f]{1,6})\/0x([\da-f]{1,6})/.exec(where.get(fact.vcpu) ?? '') : null;
      return at?.[1] === name
        ? {
            function: name,
            offset: Number.parseInt(at[2] ?? '', 16),
            size: Number.parseInt(at[3] ?? '', 16),
            reliable,
          }
        : { function: name, reliable };
    });
    const named = frames.filter((frame) => SYMBOL_NAME.test(frame.function));
    if (named.length > 0) stacks.set(fact.vcpu, stackOf('run', fact.vcpu, withInterruptions(named)));
  }
  return { stacks: [...stacks.values()].slice(0, MOST_STACKS), autopsy: undefined };
}

function stackOf(form: 'run' | 'autopsy', cpu: number, frames: readonly StackFrame[]): CpuStack {
  return { cpu, name: `vCPU ${cpu}`, form, line: 0, frames, loops: false, acquired: false, locks: [] };
}

/** An autopsy in JSON, alone or in an object's `autopsy`; undefined for anything else. Pure. */
export function autopsyInJson(text: string): Autopsy | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const inside = typeof value === 'object' && value !== null && 'autopsy' in value ? value.autopsy : value;
  return AutopsySchema.safeParse(inside).data;
}
