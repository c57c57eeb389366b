import t from 'tap';
import { offerInWords, parseOffer } from './lkdtm-offer.js';
import { LKDTM_POINTS, LKDTM_TYPES } from '../testing/recordings/lkdtm-listing.js';

void t.test('what a 6.1 kernel offers', async (t) => {
  const offer = parseOffer(`${LKDTM_POINTS}${LKDTM_TYPES}`);
  t.strictSame(offer?.points, [
    ...['DIRECT', 'FS_SUBMIT_BH', 'INT_HARDWARE_ENTRY', 'INT_HW_IRQ_EN', 'INT_TASKLET_ENTRY'],
    ...['MEM_SWAPOUT', 'SCSI_QUEUE_RQ', 'TIMERADD'],
  ]);
  t.equal(offer?.types.length, LKDTM_TYPES.trim().split('\n').length - 1, 'every line below the heading');
  t.strictSame([offer?.types.at(0), offer?.types.at(-1)], ['PANIC', 'FORTIFY_STRSCPY']);
});

void t.test('text that is not an offer', async (t) => {
  t.equal(parseOffer(''), undefined);
  t.equal(parseOffer(LKDTM_POINTS), undefined, 'no list of types');
  t.equal(parseOffer(LKDTM_TYPES), undefined, 'no points');
  t.equal(parseOffer(`A\n${LKDTM_TYPES}`), undefined, 'no DIRECT');
  t.equal(parseOffer('DIRECT\nAvailable crash types:\n'), undefined, 'no type');
  t.equal(
    parseOffer(`${LKDTM_POINTS} ${LKDTM_TYPES}`),
    undefined,
    'the heading must begin its line: a name with a blank before it is something else',
  );
  const odd = parseOffer(`DIRECT\n../x\nlower\n${LKDTM_TYPES}`);
  t.strictSame(odd?.points, ['DIRECT'], 'names that lkdtm does not have are dropped');
});

void t.test('an offer survives its words', async (t) => {
  const offer = parseOffer(`${LKDTM_POINTS}${LKDTM_TYPES}`);
  if (offer === undefined) throw new Error('no offer');
  t.equal(offerInWords(offer), `points ${offer.points.join(' ')}; types ${offer.types.join(' ')}`);
  const long = {
    points: ['DIRECT'],
    types: Array.from({ length: 200 }, (_, at) => `TYPE_NUMBER_${at}_OF_MANY`),
  };
  const words = offerInWords(long);
  t.ok(words.length <= 4000);
  const kept = words.split('; types ')[1]?.split(' ') ?? [];
  t.ok(kept.length > 100 && kept.length < long.types.length);
  t.strictSame(kept, long.types.slice(0, kept.length), 'no name is cut in two');
});
