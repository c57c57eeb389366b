/** The door of this room: source and variant go in, a kernel in the cache comes out. */
export { type BuildOptions, type BuildRequest, buildKernel, removeBuilds } from './build.js';
export { isVariantName, listVariants, type Variant } from './variants.js';
