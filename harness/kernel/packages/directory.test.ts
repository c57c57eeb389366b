import t from 'tap';
import { isKernelPackageFile } from './directory.js';

void t.test('packages with a kernel or a part of one', async (t) => {
  for (const name of [
    'linux-image-6.1.0-56-amd64_6.1.192-2_amd64.deb',
    'linux-binary-7.2.13+deb14-amd64_7.2.13-1_amd64.deb',
    'linux-modules-extra-6.8.0-45-generic_6.8.0-45.45_amd64.deb',
    'linux-image-unsigned-6.8.0-45-generic_6.8.0-45.45_amd64.deb',
    'linux-base-7.2.13+deb14-amd64_7.2.13-1_amd64.deb',
    'linux-image-6.12.0-rc1+_6.12.0-headers-1_amd64.deb',
    'kernel-core-6.11.4-301.fc41.x86_64.rpm',
    'kernel-modules-core-6.11.4-301.fc41.x86_64.rpm',
    'kernel-default-6.4.0-150600.23.7.1.x86_64.rpm',
    'kernel-6.12.0-1.x86_64.rpm',
    'kernel-rt-core-5.14.0-503.el9.x86_64.rpm',
  ]) {
    t.ok(isKernelPackageFile(name), name);
  }
});

void t.test('what lies beside them', async (t) => {
  for (const name of [
    'linux-image-6.1.0-56-amd64-dbg_6.1.192-2_amd64.deb',
    'linux-image-6.12.0-dbg_6.12.0-1_amd64.deb',
    'linux-headers-6.1.0-56-amd64_6.1.192-2_amd64.deb',
    'linux-libc-dev_6.1.192-2_amd64.deb',
    'kernel-devel-6.11.4-301.fc41.x86_64.rpm',
    'kernel-core-debuginfo-6.11.4-301.fc41.x86_64.rpm',
    'kernel-uki-virt-6.11.4-301.fc41.x86_64.rpm',
    'kernel-headers-6.11.4-301.fc41.x86_64.rpm',
    'vmlinuz-6.1',
    'linux-image-6.1.tar.gz',
    'kernelshark-1-1.x86_64.rpm',
  ]) {
    t.notOk(isKernelPackageFile(name), name);
  }
});
