import t from 'tap';
import { parseInstallation } from './apt.js';

/** Of apt-get 2.6.1, shortened. */
const SIMULATED = `Reading package lists...
The following NEW packages will be installed:
  gcc-12-base libc6 qemu-system-x86
Inst gcc-12-base (12.2.0-14+deb12u1 Debian:12.13/oldstable [amd64])
Inst libc6 (2.36-9+deb12u14 Debian:12.13/oldstable, Debian-Security:12/oldstable-security [amd64])
Inst qemu-system-x86 (1:10.0.2+ds-2+deb13u1~bpo12+1 Debian Backports:oldstable-backports [amd64])
Inst adduser (3.134 Debian:12.13/oldstable [all])
Conf gcc-12-base (12.2.0-14+deb12u1 Debian:12.13/oldstable [amd64])
`;

void t.test('the packages of a simulated installation, by name', (t) => {
  t.strictSame(parseInstallation(SIMULATED), [
    { package: 'adduser', packageVersion: '3.134', arch: 'all' },
    { package: 'gcc-12-base', packageVersion: '12.2.0-14+deb12u1', arch: 'amd64' },
    { package: 'libc6', packageVersion: '2.36-9+deb12u14', arch: 'amd64' },
    { package: 'qemu-system-x86', packageVersion: '1:10.0.2+ds-2+deb13u1~bpo12+1', arch: 'amd64' },
  ]);
  t.strictSame(parseInstallation('Reading package lists...\n'), []);
  t.end();
});
