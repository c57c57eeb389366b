/** Builds kernels: from a source and a variant to a kernel in the cache. */
export { type BuildOptions, type BuildRequest, buildKernel, removeBuilds } from './build.js';
export { isVariantName, listVariants, type Variant } from './variants.js';
