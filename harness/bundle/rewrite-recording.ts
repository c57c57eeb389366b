import type { HostFact, QmpRecord, RunRecord } from '../model/record.js';
import type { Redactor } from './host-names.js';

/**
 * Takes the host out of a recording: process numbers, thread numbers, paths, names of hosts and users, the wall clock of
 * QMP's events, and QMP commands that crashpath's own machine does not use. What the guest wrote and what its registers
 * held stays byte for byte, and so do the times that QEMU's threads got, which decide deadlines. Pure.
 */
export function withoutHost(records: readonly RunRecord[], redactor: Redactor): RunRecord[] {
  const qmp = qmpRewriter(redactor);
  return records.map((record) => {
    switch (record.kind) {
      case 'chunk':
      case 'sample':
        return record;
      case 'qmp':
        return { ...record, record: { ...record.record, message: qmp(record.record) } };
      case 'host': {
        const { seq, atMs, ...fact } = record.record;
        return { ...record, record: { seq, atMs, ...rewriteFact(fact, redactor) } };
      }
    }
  });
}

/** Facts that hold the guest's own words, or values of its hardware and its memory: they stay. */
const OF_THE_GUEST: ReadonlySet<HostFact['fact']> = new Set(['kernel-log', 'interrupt-state', 'stack']);

/** One fact without its host. */
export function rewriteFact(fact: HostFact, redactor: Redactor): HostFact {
  const hostText = (text: string) => redactor.hostText(text);
  if (fact.fact === 'qemu-started') return { fact: 'qemu-started', pid: 0 };
  if (fact.fact === 'host-lost')
    return { fact: 'host-lost', host: '<host>', why: 'the reason is left out of the bundle' };
  if (fact.fact === 'harness-fault') {
    const { stack: _stack, ...rest } = fact;
    return { ...rest, message: hostText(fact.message) };
  }
  if (fact.fact === 'qemu-exit') return { ...fact, stderr: hostText(fact.stderr) };
  if (fact.fact === 'given-up') return { ...fact, why: hostText(fact.why) };
  if (fact.fact === 'source' && fact.why !== undefined) return { ...fact, why: hostText(fact.why) };
  if (fact.fact === 'symbols') return { ...fact, saw: hostText(fact.saw) };
  // An autopsy says which files its symbols are from.
  const kind: string = fact.fact;
  if (kind === 'autopsy') return deepStrings(fact, hostText);
  return OF_THE_GUEST.has(fact.fact) ? fact : deepStrings(fact, (text) => redactor.names(text));
}

/** A value with each of its strings replaced; keys stay. */
function deepStrings<T>(value: T, replace: (text: string) => string): T;
function deepStrings(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((item: unknown) => deepStrings(item, replace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, deepStrings(item, replace)]));
}

/** Commands that crashpath's machine uses. Their arguments and answers hold the guest's state and names of its devices. */
const KNOWN_COMMANDS = new Set([
  'qmp_capabilities',
  'query-cpus-fast',
  'query-status',
  'human-monitor-command',
  'qom-get',
  'qom-list',
  'pmemsave',
  'stop',
  'cont',
  'inject-nmi',
  'system_reset',
  'chardev-send-break',
  'input-send-event',
  'quit',
]);

type Message = QmpRecord['message'];

/** Rewrites messages in their order: an answer is known by the id of its command. */
function qmpRewriter(redactor: Redactor): (record: QmpRecord) => Message {
  const commands = new Map<unknown, string>();
  const clean = (message: Message): Message =>
    deepStrings(withoutThreads(message), (text) => redactor.hostText(text));
  return ({ direction, message }) => {
    const { timestamp: _timestamp, ...rest } = message;
    const { execute, id } = rest;
    if (direction === 'out') {
      const name = typeof execute === 'string' ? execute : '';
      const isKnown = KNOWN_COMMANDS.has(name);
      if (isKnown) commands.set(id, name);
      return isKnown ? clean(rest) : { execute: redactor.hostText(name), ...idOf(rest) };
    }
    if ('QMP' in rest || 'event' in rest || commands.has(id)) {
      commands.delete(id);
      return clean(rest);
    }
    const error = rest['error'];
    return { ...(error === undefined ? { return: {} } : clean({ error })), ...idOf(rest) };
  };
}

function idOf({ id }: Message): Message {
  return typeof id === 'number' ? { id } : {};
}

/** Threads of the host: QEMU's `CpuInfoFast` has one next to the vCPU's index (qapi/machine.json, QEMU 7.2). */
function withoutThreads<T>(value: T): T;
function withoutThreads(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => withoutThreads(item));
  if (typeof value !== 'object' || value === null) return value;
  const isCpu = 'cpu-index' in value && 'thread-id' in value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) =>
      isCpu && key === 'thread-id' ? [key, 0] : [key, withoutThreads(item)],
    ),
  );
}
