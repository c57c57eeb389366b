import t from 'tap';
import type { RunEvent } from '../../model/event.js';
import type { HostFact } from '../../model/record.js';
import { LKDTM_PROOF, offerInWords } from '../../trigger/lkdtm-offer.js';
import { crashPointsText, offerSeen } from './print-crash-points.js';

const OFFER = { points: ['DIRECT', 'TIMERADD'], types: ['PANIC'] };
const AT = { atMs: 1, at: { source: 'host', line: 1 } } as const;

t.test('crash points for people and for programs', async (t) => {
  t.equal(crashPointsText('stock', OFFER, { json: false }), 'point  DIRECT\npoint  TIMERADD\ntype   PANIC\n');
  const json = crashPointsText('./a "b"', OFFER, { json: true });
  t.equal(json.split('\n').length, 2, 'one line');
  t.strictSame(JSON.parse(json), { spec: './a "b"', ...OFFER });
});

function reply(output: string, status = 0): RunEvent {
  return { ...AT, type: 'reply', id: 1, status, output };
}

function proof(proved: boolean, saw: string): RunEvent {
  const fact: HostFact = { fact: 'proof', what: LKDTM_PROOF, proved, saw };
  return { ...AT, type: 'host', fact };
}

t.test('an offer that no proof has room for is listed whole', async (t) => {
  const points = ['DIRECT', ...Array.from({ length: 400 }, (_, index) => `POINT_NUMBER_${index}`)];
  const offer = { points, types: ['PANIC', 'WARNING'] };
  const listing = `${points.join('\n')}\nAvailable crash types:\nPANIC\nWARNING\n`;
  t.notMatch(offerInWords(offer), 'WARNING', 'the proof is cut');
  const seen = offerSeen([reply('ok\n'), reply(listing), proof(true, offerInWords(offer))]);
  t.strictSame(seen, { kind: 'offer', offer });
});

t.test('no lkdtm, and a run that ended before it was asked', async (t) => {
  const why = 'no directory: built without CONFIG_LKDTM';
  t.strictSame(offerSeen([reply('sh: cannot cd', 1), proof(false, why)]), { kind: 'none', why });
  t.strictSame(offerSeen([reply('hello')]), { kind: 'not-asked' });
  const other: HostFact = { fact: 'proof', what: 'another', proved: false, saw: 'x' };
  t.strictSame(offerSeen([{ ...AT, type: 'host', fact: other }]), { kind: 'not-asked' });
});
