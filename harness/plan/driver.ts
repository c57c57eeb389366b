/** A driver's kernel modules, each with the option that builds it, in the order of dependence. */
export type Driver = readonly (readonly [module: string, option: string])[];

/**
 * The modules of a driver without those that the kernel's config has built in. With an unknown config it is all of them
 * (a module tree lists built-in modules, too).
 */
export function modulesOf(driver: Driver, config: ReadonlyMap<string, string> | undefined): string[] {
  return driver.flatMap(([module, option]) => (config?.get(option) === 'y' ? [] : [module]));
}
