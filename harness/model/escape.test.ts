import t from 'tap';
import { escapeGuestText } from './escape.js';

void t.test('printable ASCII stays', async (t) => {
  const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i)).join('');
  t.equal(escapeGuestText(ascii), ascii);
});

void t.test('control characters, escapes and other bytes are spelled out', async (t) => {
  t.equal(escapeGuestText('\x1b[31m\r\n\0\x7f\x9b\xff'), String.raw`\x1b[31m\x0d\x0a\x00\x7f\x9b\xff`);
  t.equal(escapeGuestText('\u2028\u202e'), String.raw`\u2028\u202e`);
  t.match(escapeGuestText('\u{1f600}\ud800'), /^[\x20-\x7e]+$/, 'a smiley and half a pair');
});

void t.test('long text is cut and says so', async (t) => {
  t.equal(escapeGuestText('x'.repeat(200)), 'x'.repeat(200));
  t.equal(escapeGuestText('x'.repeat(201)), `${'x'.repeat(200)}...`);
  t.equal(escapeGuestText('\n\n\n', 2), String.raw`\x0a\x0a...`, 'the limit counts what was said');
});
