import t from 'tap';
import { meaningOf, type PacketContext } from './packet-meaning.js';

const SUPPORTED = 'PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+';
const STOP = 'T05thread:p01.02;';

const meaning = (payload: string, context: Partial<PacketContext> = {}) =>
  meaningOf(payload, { answers: undefined, running: false, ...context });

void t.test('a reply is one to what was asked and acknowledged', async (t) => {
  t.equal(meaning('OK', { answers: 'request' }), 'reply');
  t.equal(meaning('', { answers: 'request' }), 'reply', 'the empty reply: not supported');
  t.equal(meaning('E22', { answers: 'request' }), 'reply');
  t.equal(meaning('OK'), 'unexpected', 'nothing was asked, or it is not acknowledged');
  t.equal(meaning('OK', { answers: 'resume' }), 'unexpected');
});

void t.test('a stop is a reply only to the question for it', async (t) => {
  t.equal(meaning(STOP, { answers: 'halt-query' }), 'reply');
  t.equal(meaning(STOP, { answers: 'request' }), 'stop');
  t.equal(meaning(STOP, { running: true }), 'stop');
  t.equal(meaning(STOP), 'stop', 'an unrequested stop');
  t.equal(meaning('OK', { answers: 'halt-query' }), 'reply', 'whatever it is, it is the answer');
});

void t.test('order is restored by the looks of a reply', async (t) => {
  t.equal(meaning(SUPPORTED, { answers: 'resync' }), 'reply');
  t.equal(meaning('OK', { answers: 'resync' }), 'unexpected', 'a late reply to an earlier packet');
  t.equal(meaning('', { answers: 'resync' }), 'unexpected');
});

void t.test('a resume is refused only while the guest counts as running', async (t) => {
  t.equal(meaning('', { running: true }), 'refusal');
  t.equal(meaning('E22', { running: true }), 'refusal');
  t.equal(meaning('E22'), 'unexpected');
  for (const near of ['E2', 'E222', 'E2g', 'OK'])
    t.equal(meaning(near, { running: true }), 'unexpected', near);
});

void t.test('console output is hexadecimal', async (t) => {
  t.equal(meaning('O48690a', { answers: 'request' }), 'console-output');
  for (const near of ['O', 'O4', 'OK']) t.equal(meaning(near, { answers: 'request' }), 'reply', near);
});
