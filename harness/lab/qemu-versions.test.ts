import t from 'tap';
import { QEMU_VERSIONS, suiteOfQemu, versionOf } from './qemu-versions.js';

void t.test('a version is that of the package, or refused', (t) => {
  t.equal(versionOf('10.0', '1:10.0.2+ds-2+deb13u1~bpo12+1'), '10.0.2');
  t.equal(versionOf('7.2', '1:7.2+dfsg-7+deb12u18+b3'), '7.2');
  t.throws(() => versionOf('11.1', '1:11.10.0+ds-1~bpo13+1'), {
    kind: 'harness',
    message: /^cannot fetch QEMU "11\.1": Debian trixie-backports has 1:11\.10\.0\+ds-1~bpo13\+1 now; /,
  });
  t.throws(() => versionOf('7.2', ''), { message: /bookworm has none now/ });
  t.end();
});

void t.test('versions without a suite are refused', (t) => {
  t.strictSame(QEMU_VERSIONS.map(suiteOfQemu), ['bookworm', 'bookworm-backports', 'trixie-backports']);
  for (const version of ['9.2', '', 'constructor']) {
    t.throws(() => suiteOfQemu(version), { kind: 'usage', message: /give 7\.2, 10\.0 or 11\.1$/ });
  }
  t.end();
});
