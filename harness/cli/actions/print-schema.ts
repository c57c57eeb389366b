import { EXIT, usageFault } from '../../model/fault.js';

/** Prints the JSON Schema of a kind of file, for editors. Throws a usage fault for options that it would ignore. */
export function printSchema(schema: object, ignored: readonly string[]): number {
  if (ignored.length > 0) {
    throw usageFault(
      `cannot use --schema with ${ignored.join(' ')}: it only prints the schema; leave them out`,
    );
  }
  process.stdout.write(`${JSON.stringify(schema, undefined, 2)}\n`);
  return EXIT.expected;
}
