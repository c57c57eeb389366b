import { readFile } from 'node:fs/promises';
import t from 'tap';
import { errnoInText, errnoOf, messageOf, reasonFor } from './errno.js';

t.test('the code of a real system error, and of nothing else', async (t) => {
  const missing: unknown = await readFile('/nonexistent/file').catch((error: unknown) => error);
  t.equal(errnoOf(missing), 'ENOENT');
  t.equal(errnoOf(Object.assign(new Error('x'), { code: 'ERR_INVALID_ARG_VALUE' })), undefined);
  t.equal(errnoOf(Object.assign(new Error('x'), { code: 1 })), undefined);
  for (const other of [undefined, null, 'ENOENT', 7, new Error('ENOENT')]) t.equal(errnoOf(other), undefined);
});

t.test('reasons name the code; unknown codes have none', async (t) => {
  t.equal(reasonFor('ENOSPC'), 'the disk is full (ENOSPC)');
  t.equal(reasonFor('EXDEV'), undefined);
  t.equal(reasonFor('toString'), undefined);
  t.equal(reasonFor(undefined), undefined);
});

t.test('codes in the messages of other programs', async (t) => {
  t.equal(errnoInText('tar: x: Cannot write: No space left on device'), 'ENOSPC');
  t.equal(errnoInText('E: something else'), undefined);
});

t.test('messages fit one line', async (t) => {
  t.equal(messageOf(new Error('one\n  two\tthree ')), 'one two three');
  t.equal(messageOf('thrown text'), 'thrown text');
  t.equal(
    messageOf(Object.assign(new Error('long'), { shortMessage: 'Command failed: x' })),
    'Command failed: x',
  );
  t.equal(messageOf(new Error('x'.repeat(300))).length, 203);
});
