import t from 'tap';
import { filesInPatch, firstPatchFailure, parsePatch } from './patch-text.js';

const DIFF = `--- a/arch/x86/kernel/crash.c
+++ b/arch/x86/kernel/crash.c
@@ -1,2 +1 @@
-one
 two
@@ -9 +8 @@ int f(void)
-three
+four
`;

void t.test('a header of our own', async (t) => {
  t.strictSame(parsePatch(`Description: does less\nApplies-to: 6.1 6.12\n\nWhy.\n${DIFF}`), {
    description: 'does less',
    appliesTo: ['6.1', '6.12'],
    hunks: 2,
    diff: DIFF,
  });
  t.strictSame(parsePatch('Description: nothing\nApplies-to: any\n'), {
    description: 'nothing',
    appliesTo: 'any',
    hunks: 0,
    diff: '',
  });
});

void t.test('a mail, and a bare diff', async (t) => {
  t.strictSame(
    parsePatch(
      `From: A\nSubject: [PATCH v3] [x86] x86: do it\n\n---\n file | 1 +\n\ndiff --git a/x b/x\n${DIFF}`,
    ),
    {
      description: 'x86: do it',
      appliesTo: [],
      hunks: 2,
      diff: `diff --git a/x b/x\n${DIFF}`,
    },
  );
  t.strictSame(parsePatch(DIFF), { description: '', appliesTo: [], hunks: 2, diff: DIFF });
  t.equal(parsePatch(`${DIFF}Description: below the diff\n`).description, '');
});

void t.test('the files of a patch stay in the tree', async (t) => {
  t.strictSame(filesInPatch(DIFF), ['arch/x86/kernel/crash.c']);
  t.strictSame(
    filesInPatch('--- /dev/null\n+++ b/new/file.c\t2012-02-29\n--- a/../../etc/passwd\n+++ b//etc/passwd\n'),
    ['new/file.c'],
  );
  t.strictSame(filesInPatch('rename from a b.c\nrename to c.c\n'), ['a b.c']);
});

void t.test('the first failure is named with its file and hunk', async (t) => {
  const told =
    'patching file kernel/panic.c\npatching file arch/x86/kernel/crash.c\nHunk #1 succeeded at 9 (offset 4 lines).\nHunk #2 FAILED at 114.\n1 out of 2 hunks FAILED\n';
  t.equal(firstPatchFailure(told), 'Hunk #2 of arch/x86/kernel/crash.c does not apply at line 114');
  t.match(firstPatchFailure("can't find file to patch at input line 4\n"), /does not have/);
  t.match(
    firstPatchFailure(
      'patching file a.c\nReversed (or previously applied) patch detected!  Skipping patch.\n',
    ),
    'a.c holds the change already',
  );
  t.equal(firstPatchFailure('patch: **** malformed patch at line 5: x\n'), 'malformed patch at line 5: x');
  t.equal(firstPatchFailure('patching file a.c\nHunk #1 succeeded at 2.\n'), undefined);
});
