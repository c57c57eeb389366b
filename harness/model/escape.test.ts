import t from 'tap';
import { escapeGuestText, escapeHostText, foldLine, withoutControls } from './escape.js';

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

void t.test('host text keeps its script, and loses what could rewrite the screen', async (t) => {
  t.equal(escapeHostText('Straße/путь 1'), 'Straße/путь 1');
  t.equal(escapeHostText('a\x1b[2J\u202eb\n\ud800\uffff'), String.raw`a\u001b[2J\u202eb\u000a\ud800\uffff`);
});

void t.test('another program’s text becomes one bounded line', async (t) => {
  t.equal(foldLine(' \x1b]0;title\x07a\r\n\tb\0c\u009b\u200b '), 'a b c');
  t.equal(foldLine('x'.repeat(200)), 'x'.repeat(200));
  t.equal(foldLine('x'.repeat(201)), `${'x'.repeat(200)}...`);
  t.equal(foldLine('abc', 2), 'ab...');
  t.equal(withoutControls('  two  blanks\x1b[31m stay\r\n\u2028here'), '  two  blanks stay here');
});
