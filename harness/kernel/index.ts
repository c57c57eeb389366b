/** Resolves kernels: from a spec to a `Kernel` on this host, with its config and modules. */
export { KernelDoesNotBuild } from './build/build-failure.js';
export { type BuildOptions, type BuildRequest, buildKernel, removeBuilds } from './build/build.js';
export { listVariants, type Variant } from './build/variants.js';
export type { Candidate } from './debian/choose.js';
export { configOf, missingForCrash } from './config.js';
export { availableDebianKernels } from './debian/debian-kernel.js';
export {
  commitOf,
  git,
  type GitOptions,
  isObjectName,
  openRepository,
  type Repository,
  topOfTree,
} from './git.js';
export { guestProgramsFor } from './debian/guest-programs.js';
export { installedKernels, installedReleases } from './installed.js';
export { type LoadableModule, modulesFor } from './modules.js';
export type { KernelOptions } from './options.js';
export { hasFiveLevels, kernelFromFile, versionTextOf } from './local.js';
export { repackKernel } from './repack/repack.js';
export { isKernelPackageFile } from './packages/directory.js';
export { listKernels, listKernelSpecs, removeKernel, resolveKernel } from './resolve.js';
export { specBeside } from './spec.js';
