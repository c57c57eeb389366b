import t from 'tap';
import type { EventBody, RunEvent, Side } from '../model/event.js';
import { endingOf } from './terminal.js';

const event = (body: EventBody): RunEvent => ({ atMs: 1, at: { source: 'host', line: 0 }, ...body });
const after = (body: EventBody, { booted = true, fired = true } = {}) =>
  endingOf(event(body), { booted, fired })?.afterMs;
const panic = (side: Side): EventBody => ({ type: 'panic', message: '', side });

void t.test('events that end a run at once', async (t) => {
  t.equal(after({ type: 'shutdown', byGuest: true, reason: 'guest-reset' }), 0);
  t.equal(after({ type: 'host', fact: { fact: 'interrupted', by: 'SIGINT' } }), 0);
  t.equal(after({ type: 'host', fact: { fact: 'channel-limit', channel: 'console', limitBytes: 1 } }), 0);
  t.equal(after({ type: 'host', fact: { fact: 'harness-fault', message: '' } }), 0);
  t.equal(after({ type: 'host', fact: { fact: 'host-lost', host: 'box', why: '' } }), 0);
  t.equal(
    after({ type: 'host', fact: { fact: 'qemu-exit', code: 0, signal: null, asked: false, stderr: '' } }),
    0,
  );
});

void t.test('events that end a run after a grace', async (t) => {
  for (const body of [
    { type: 'hang', shape: 'spin', forMs: 1, vcpus: [] },
    { type: 'panic-ended', side: 'capture' },
    { type: 'reboot-command-line' },
    panic('capture'),
    panic('rebooted'),
  ] as const) {
    const graceMs = after(body);
    t.ok(graceMs !== undefined && graceMs > 0, body.type);
  }
});

void t.test('the requested panic does not end a run, another one does', async (t) => {
  const ended = { type: 'panic-ended', side: 'production' } as const;
  for (const body of [panic('production'), ended]) {
    t.equal(after(body), undefined, 'the guest is asked first');
    t.equal(after(body, { fired: false }), undefined, 'between boot and firing it is asked all the time');
    t.equal(after(body, { booted: false, fired: false }), 5_000, 'during the boot nobody can be asked');
  }
  t.equal(after({ type: 'reboot-command-line' }, { fired: false }), undefined, 'the log of an earlier boot');
});

void t.test('the line of an end ends nothing while the guest goes on', async (t) => {
  const capture = { booted: true, fired: true };
  for (const body of [panic('capture'), { type: 'panic-ended', side: 'capture' } as const]) {
    t.equal(endingOf(event(body), capture)?.unlessProgress, true, body.type);
  }
  t.equal(endingOf(event({ type: 'reboot-command-line' }), capture)?.unlessProgress, false);
});

void t.test('other events do not end a run', async (t) => {
  for (const body of [
    { type: 'capture-command-line' },
    { type: 'kernel-banner', release: '' },
    { type: 'oops', message: '', side: 'capture' },
    { type: 'reboot-announced', side: 'production' },
    { type: 'capture-done' },
    { type: 'cpus-parked', parked: 1 },
    { type: 'host', fact: { fact: 'fired', how: '' } },
    { type: 'host', fact: { fact: 'proof', what: '', proved: false, saw: '' } },
    { type: 'host', fact: { fact: 'qemu-started', pid: 1 } },
  ] as const) {
    t.equal(after(body), undefined, body.type);
  }
});
