import t from 'tap';
import { firstBuildError, stepIn } from './make-output.js';

void t.test('steps are distinguished from other lines', async (t) => {
  t.equal(stepIn('  CC      arch/x86/kernel/crash.o'), 'arch/x86/kernel/crash.o');
  t.equal(stepIn('  CC [M]  drivers/a.o'), 'drivers/a.o');
  t.equal(stepIn('  VDSO2C  arch/x86/entry/vdso/vdso-image-64.c'), 'arch/x86/entry/vdso/vdso-image-64.c');
  t.equal(stepIn('make[1]: Entering directory'), undefined);
  t.equal(stepIn('arch/x86/kernel/crash.c:9:1: error: oops'), undefined);
});

void t.test("the compiler's first error takes precedence over make's message", async (t) => {
  const output = [
    '  CC      arch/x86/kernel/crash.o',
    '../arch/x86/kernel/crash.c: In function ‘native_machine_crash_shutdown’:',
    'make[4]: *** [scripts/Makefile.build:250: arch/x86/kernel/other.o] Terminated',
    "../arch/x86/kernel/crash.c:118:9: error: expected ';' before '}' token",
    '../arch/x86/kernel/crash.c:119:9: error: another',
  ];
  t.match(firstBuildError(output), /crash\.c:118:9: error/);
  t.match(
    firstBuildError(['a', "ld: b.o: in function `f':", "b.c:(.text+0x1): undefined reference to `g'"]),
    /^ld:|undefined/,
  );
  t.match(firstBuildError(["make: *** No rule to make target 'x'.  Stop."]), /No rule/);
  t.equal(firstBuildError(['  CC      errors.o', 'all well']), undefined);
});
