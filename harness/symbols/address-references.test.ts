import t from 'tap';
import { addressReferences } from './address-references.js';

const AT = 0xffffffff81000000n;
const LOCK = 0xffffffff82000010n;

const referencesIn = (hex: string, last = LOCK) =>
  addressReferences(
    { bytes: Buffer.from(hex.replaceAll(' ', ''), 'hex'), address: AT },
    { first: LOCK, last },
  );

t.test('an address is found as an immediate and relative to RIP', async (t) => {
  // mov $LOCK, %rdi
  t.strictSame(referencesIn('48c7c7 10000082'), [AT + 3n]);
  // lea LOCK(%rip), %rdi at AT: 0x1000010 bytes on, less the instruction's 7
  t.strictSame(referencesIn('488d3d 09000001 90'), [AT + 3n]);
});

t.test(
  'near misses: the byte before, the byte behind, a cut field, a 64-bit address elsewhere',
  async (t) => {
    t.strictSame(referencesIn('48c7c7 0f000082'), []);
    t.strictSame(referencesIn('48c7c7 11000082'), []);
    t.strictSame(referencesIn('48c7c7 100000'), []);
    t.strictSame(referencesIn('488d3d 0a000001 90'), []);
    t.strictSame(
      addressReferences(
        { bytes: Buffer.alloc(16, 0x10), address: AT },
        { first: 0x10101010n, last: 0x10101010n },
      ),
      [],
      'an address outside of the image',
    );
  },
);

t.test('a lock inside a variable is named by the variable as well', async (t) => {
  t.strictSame(referencesIn('48c7c7 10000082', LOCK + 8n), [AT + 3n]);
  t.strictSame(referencesIn('48c7c7 18000082', LOCK + 8n), [AT + 3n]);
  t.strictSame(referencesIn('48c7c7 19000082', LOCK + 8n), []);
});
